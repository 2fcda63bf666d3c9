"""The kubelet flags of a kubelet that is inside another program: k3s, MicroK8s, MicroShift.

Sources: k3s' documentation (`kubelet-arg`, /etc/rancher/k3s/config.yaml and config.yaml.d,
drop-ins from 1.32 on) and its log line "Running kubelet …"; MicroK8s' args files (by hearsay).
"""

from __future__ import annotations

import os

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.files import Unreadable, exists, read_file
from pleg_tui.node.kubelet.flags import as_flag, embedded_arguments
from pleg_tui.node.kubelet.process import KubeletProcess
from pleg_tui.node.kubelet.types import ConfigFile
from pleg_tui.node.kubelet.yaml_text import NotData, parse_document

K3S_DROP_INS = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"
_K3S_CONFIG = "/etc/rancher/k3s/config.yaml"
_MICROK8S_ARGUMENTS = "/var/snap/microk8s/current/args/kubelet"
_CLOCK_S = 2.0


class Arguments(Struct, frozen=True):
    """A kubelet's arguments and how far they can be trusted."""

    arguments: tuple[str, ...]
    source: str
    doubt: str = ""
    """Why there may be others; empty: these are all."""
    files: tuple[ConfigFile, ...] = ()


def kubelet_arguments(process: KubeletProcess, logged: tuple[str, ...]) -> Arguments:
    """The arguments that a kubelet runs with.

    Args:
        process: the kubelet.
        logged: those that k3s has logged when it started this kubelet; empty: none were found.
    """
    own = process.command[1:]
    if not process.embedded:
        return Arguments(own, "the command line")
    if logged:
        return Arguments(logged, f"{process.embedded}'s log")
    if process.embedded == "k3s":
        return _k3s(process)
    if process.embedded == "microk8s":
        return _microk8s(process)
    doubt = f"{process.embedded} makes its kubelet's configuration itself, and does not show it"
    return Arguments((), "", doubt)


def _k3s(process: KubeletProcess) -> Arguments:
    files: list[ConfigFile] = []
    arguments: list[str] = []
    doubt = ""
    folder = f"{_K3S_CONFIG}.d"
    try:
        names = sorted(n for n in os.listdir(under(process.root, folder)) if n.endswith(".yaml"))  # noqa: PTH208
    except OSError:
        names = []
    for path in (_K3S_CONFIG, *(f"{folder}/{name}" for name in names[:200])):
        try:
            text = read_file(process.root, path)
            value = parse_document(text.text).value
        except Unreadable as error:
            if error.absent:
                continue
            reason = str(error)
        except NotData as error:
            reason = str(error)
        else:
            newer = process.started_at is not None and (
                text.changed_at > process.started_at + _CLOCK_S
            )
            files.append(ConfigFile(clean(path), "environment", "", newer))
            if isinstance(value, dict):
                if "kubelet-arg" in value:
                    arguments = _listed(value["kubelet-arg"])
                arguments += _listed(value.get("kubelet-arg+"))
            if newer:
                doubt = f"{clean(path)} was changed after k3s's start"
            continue
        files.append(ConfigFile(clean(path), "environment", reason))
        doubt = f"{clean(path)} {reason}"
    given = embedded_arguments(process.command[1:])
    drop_ins = [f"--config-dir={K3S_DROP_INS}"] if exists(process.root, K3S_DROP_INS) else []
    source = "k3s's command line" if given else _K3S_CONFIG
    # What k3s is given on its command line takes the place of its file's, key by key.
    return Arguments((*drop_ins, *(given or arguments)), source, doubt, tuple(files))


def _microk8s(process: KubeletProcess) -> Arguments:
    try:
        text = read_file(process.root, _MICROK8S_ARGUMENTS)
    except Unreadable as error:
        return Arguments((), "", f"{_MICROK8S_ARGUMENTS} {error}")
    lines = [line.strip() for line in text.text.splitlines()]
    arguments = [word for line in lines if line.startswith("-") for word in line.split()]
    return Arguments(
        tuple(word.replace("${SNAP_DATA}", "/var/snap/microk8s/current") for word in arguments),
        _MICROK8S_ARGUMENTS,
        files=(ConfigFile(_MICROK8S_ARGUMENTS, "environment"),),
    )


def _listed(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [as_flag(item) for item in items if isinstance(item, str) and item]
