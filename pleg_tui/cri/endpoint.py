"""Where the runtime is: found as crictl finds it, by cheap looks and with no gRPC.

Order: --runtime-endpoint, CONTAINER_RUNTIME_ENDPOINT, the configuration file, then the well-known
sockets. A socket is tried by a plain connect, which tells a live one from a file that a dead
runtime left behind, and costs the runtime nothing.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.cri.crictl_config import Config, ConfigError, parse_config
from pleg_tui.cri.sockets import NODE, Files, Probe, under

WELL_KNOWN = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/cri-dockerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
)
"""crictl's own three, in its order, then k3s and microk8s."""

CONFIG_FILE = "/etc/crictl.yaml"
ENDPOINT_VARIABLE = "CONTAINER_RUNTIME_ENDPOINT"
CONFIG_VARIABLE = "CRI_CONFIG_FILE"
PATH_LIMIT = 107
"""Bytes of a unix socket's path that Linux takes (sun_path less its closing zero)."""

_SAYS = {
    Probe.ABSENT: "not there",
    Probe.NOT_A_SOCKET: "not a socket",
    Probe.DENIED: "permission denied",
    Probe.REFUSED: "nobody answers",
}
_AS_ROOT = "run it as root, `sudo -E` keeps the environment"


class EndpointError(Exception):
    """There is no endpoint to work with; its text is one sentence with the remedy."""

    def __init__(self, text: str, *, usage: bool = False) -> None:
        super().__init__(text)
        self.usage = usage
        """What was asked for makes no sense, whatever the node is like."""


class Wanted(Struct, frozen=True):
    """What the command line says about the endpoint; empty where it says nothing."""

    endpoint: str = ""
    config: str = ""
    root: str = "/"


class Endpoint(Struct, frozen=True):
    """A runtime's endpoint, and how it looked when it was tried."""

    path: str
    """Absolute path of the socket, as seen from here."""
    origin: str
    """Who named it: an option, a variable, a file, or "well-known"."""
    probe: Probe
    given: bool
    """Somebody named it; False for a well-known socket that answers."""
    timeout_s: float | None = None
    """From the configuration file; None when it does not say."""

    @property
    def uri(self) -> str:
        """As gRPC wants it."""
        return f"unix://{self.path}"

    def check(self, *, waits: bool = False) -> None:
        """See that it can be used now, or at least, when the caller waits, that it may come to be.

        Raises:
            EndpointError: it cannot; its text says why and what to do.
        """
        where = f"{clean(self.path, 300)} (from {self.origin})"
        if self.probe is Probe.DENIED:
            raise EndpointError(f"no permission to use {where}: {_AS_ROOT}")
        if self.probe is Probe.NOT_A_SOCKET:
            raise EndpointError(
                f"{where} is not a socket: name the socket of the container runtime"
            )
        if waits or self.probe is Probe.ANSWERS:
            return
        if self.probe is Probe.ABSENT:
            raise EndpointError(
                f"nothing is at {where}: correct the path or start the runtime; "
                "`pleg-tui` and `pleg-tui events --wait` wait for it"
            )
        raise EndpointError(
            f"nobody answers at {where}: start the runtime; "
            "`pleg-tui` and `pleg-tui events --wait` wait for it"
        )


def discover(wanted: Wanted, env: Mapping[str, str], files: Files = NODE) -> Endpoint:
    """The endpoint to use.

    One that was named is returned even when nothing is there yet: see `Endpoint.check`.

    Raises:
        EndpointError: none was named and none answers, or what was named makes no sense.
    """
    config, config_path, config_root = _config(wanted, env, files)
    origin, named, root_first = _named(wanted, env, config, config_path, config_root)
    if not named:
        return replace(_well_known(wanted.root, files), timeout_s=config.timeout_s)
    path = _socket_path(named, origin)
    tries = [path]
    if wanted.root != "/" and not _is_under(path, wanted.root):
        rooted = under(wanted.root, path, files)
        # The node's own file speaks of the node's paths; a person may mean either.
        tries = [rooted, path] if root_first else [path, rooted]
    probes = [(each, files.probe(each)) for each in tries]
    chosen = next((p for p in probes if p[1] is Probe.ANSWERS), None)
    chosen = chosen or next((p for p in probes if p[1] is not Probe.ABSENT), None)
    chosen = chosen or (under(wanted.root, path, files) if len(tries) > 1 else path, Probe.ABSENT)
    _check_length(chosen[0])
    return Endpoint(chosen[0], origin, chosen[1], True, config.timeout_s)


def _named(
    wanted: Wanted, env: Mapping[str, str], config: Config, config_path: str, config_root: bool
) -> tuple[str, str, bool]:
    """(who names an endpoint, the endpoint, whether it speaks of paths under the root)."""
    if wanted.endpoint:
        return "--runtime-endpoint", wanted.endpoint, False
    if env.get(ENDPOINT_VARIABLE):
        return ENDPOINT_VARIABLE, env[ENDPOINT_VARIABLE], False
    return clean(config_path, 300), config.endpoint, config_root


def _well_known(root: str, files: Files) -> Endpoint:
    tried: list[tuple[str, Probe]] = []
    for path in WELL_KNOWN:
        rooted = under(root, path, files)
        if len(os.fsencode(rooted)) > PATH_LIMIT:
            continue
        probe = files.probe(rooted)
        if probe is Probe.ANSWERS:
            return Endpoint(rooted, "the well-known sockets", probe, False)
        tried.append((path if root == "/" else rooted, probe))
    list_of = ", ".join(f"{clean(path, 300)} ({_SAYS[probe]})" for path, probe in tried)
    if any(probe is Probe.DENIED for _, probe in tried):
        raise EndpointError(
            f"no permission to use a container runtime: tried {list_of}: {_AS_ROOT}"
        )
    raise EndpointError(
        f"no container runtime was found: tried {list_of}: name its socket with "
        "--runtime-endpoint, or try `pleg-tui demo`"
    )


def _config(wanted: Wanted, env: Mapping[str, str], files: Files) -> tuple[Config, str, bool]:
    """(what the configuration file says, its path, whether it was read under the root).

    Raises:
        EndpointError: a file that was named cannot be used, or one that is needed.
    """
    named = wanted.config or env.get(CONFIG_VARIABLE, "")
    if named:
        tries = [(named, False)]
        if wanted.root != "/" and not _is_under(named, wanted.root):
            tries.append((under(wanted.root, os.path.abspath(named), files), True))  # noqa: PTH100
    else:
        tries = [(under(wanted.root, CONFIG_FILE, files), wanted.root != "/")]
        beside = files.beside_crictl()
        if beside and wanted.root == "/":
            tries.append((beside, False))
    endpoint_is_named = bool(wanted.endpoint or env.get(ENDPOINT_VARIABLE))
    for path, rooted in tries:
        try:
            return parse_config(files.read(path)), path, rooted
        except FileNotFoundError:
            continue
        except (OSError, ConfigError) as error:
            if not named and endpoint_is_named:
                break  # nothing in it is needed
            why = error.strerror if isinstance(error, OSError) else str(error)
            remedy = _AS_ROOT if isinstance(error, PermissionError) else "correct it"
            raise EndpointError(
                f"the configuration file {clean(path, 300)} cannot be used ({why}): {remedy}, "
                "or name the socket with --runtime-endpoint",
                usage=not isinstance(error, PermissionError),
            ) from None
    if named:
        who = "--config" if wanted.config else CONFIG_VARIABLE
        raise EndpointError(
            f"the configuration file {clean(named, 300)} (from {who}) does not exist: correct the "
            "path, or leave it out",
            usage=True,
        )
    return Config(), CONFIG_FILE, False


def _socket_path(text: str, origin: str) -> str:
    """The absolute path in an endpoint.

    Raises:
        EndpointError: it is no unix socket.
    """
    shown = clean(text, 300)
    if "\0" in text:
        raise EndpointError(f"{shown} (from {origin}) is not a path: correct it", usage=True)
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):", text)
    if scheme is None:
        return os.path.abspath(text)  # noqa: PTH100 - a socket's name must not be resolved
    if scheme[1].lower() != "unix":
        raise EndpointError(
            f"{shown} (from {origin}) is not a unix socket: only unix:///path is supported, since "
            "a container runtime is reached on its own node",
            usage=True,
        )
    path = text[scheme.end() :]
    if path.startswith("//"):
        path = path[2:]
    if not path.startswith("/"):
        raise EndpointError(
            f"{shown} (from {origin}) has no absolute path: write unix:///path/to/socket",
            usage=True,
        )
    return posixpath.normpath(path)


def _check_length(path: str) -> None:
    size = len(os.fsencode(path))
    if size > PATH_LIMIT:
        raise EndpointError(
            f"the socket's path has {size} bytes and Linux takes {PATH_LIMIT}: make a symbolic "
            "link with a shorter path and name that",
            usage=True,
        )


def _is_under(path: str, root: str) -> bool:
    base = os.path.abspath(root)  # noqa: PTH100
    return posixpath.commonpath([os.path.abspath(path), base]) == base  # noqa: PTH100
