"""crictl's configuration file, of which only the endpoint and the timeout concern this program."""

from __future__ import annotations

import io

from msgspec import Struct

from pleg_tui.cri.clean import clean


class ConfigError(ValueError):
    """The file is not one that crictl would take; its text says what is wrong."""


class Config(Struct, frozen=True):
    """What is taken from the file; other keys are crictl's own business."""

    endpoint: str = ""
    timeout_s: float | None = None
    """None when it does not say, or says 0 or less, which is crictl's way to say "the default"."""


def parse_config(text: str) -> Config:
    """What a crictl.yaml says.

    Raises:
        ConfigError: it is not YAML, or a value is of the wrong kind.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except (YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f", line {line + 1}"
        raise ConfigError(f"not YAML{where}") from None
    if data is None:
        return Config()
    if not isinstance(data, dict):
        raise ConfigError("not a list of `key: value` lines")
    endpoint = data.get("runtime-endpoint")
    if endpoint is None:
        endpoint = ""
    if not isinstance(endpoint, str):
        raise ConfigError("runtime-endpoint is not a text")
    return Config(endpoint, _seconds(data.get("timeout")))


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"timeout is not a number of seconds: {clean(str(value), 40)}")
    return float(value) if value > 0 else None
