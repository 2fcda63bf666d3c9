"""Configuration that the programs of a simulated node read again at each start."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """A program's configuration cannot be read; the text is what it would log."""


def environment(root: str, path: str) -> dict[str, str]:
    """An EnvironmentFile of systemd's; empty when there is none."""
    try:
        lines = Path(f"{root}{path}").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", ";")):
            try:
                found[name.strip()] = " ".join(shlex.split(value))
            except ValueError:
                continue  # systemd ignores such a line, too
    return found


def crio_pod_events(root: str) -> bool:
    """enable_pod_events of crio.conf and its drop-ins, merged as CRI-O does it.

    Raises:
        ConfigError: a file is no TOML; CRI-O does not start then.
    """
    paths = [Path(f"{root}/etc/crio/crio.conf")]
    paths += sorted(p for p in Path(f"{root}/etc/crio/crio.conf.d").glob("*") if p.is_file())
    on = False
    for path in paths:
        try:
            data: Mapping[str, Any] = tomllib.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            where = str(path)[len(root) :]
            raise ConfigError(f"unable to decode configuration {where}: toml: {error}") from None
        value = data.get("crio", {}).get("runtime", {}).get("enable_pod_events", on)
        if not isinstance(value, bool):
            where = str(path)[len(root) :]
            raise ConfigError(
                f"unable to decode configuration {where}: toml: incompatible types: "
                "enable_pod_events is no boolean"
            )
        on = value
    return on
