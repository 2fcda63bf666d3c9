"""The node's own Node object, read with the kubelet's own kubeconfig: it may read just that one.

A kubeconfig that gets its credentials from a program (exec, as on EKS) is not used: running that
program is not reading.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean, clean_name
from pleg_tui.node.kubelet.fetch import Access, FetchError, certificates, fetch
from pleg_tui.node.kubelet.files import Unreadable, read_file
from pleg_tui.node.kubelet.types import NodeFacts
from pleg_tui.node.kubelet.yaml_text import NotData, parse_document, parse_json

_PLACES = (
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/kubelet/kubeconfig",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/var/lib/microshift/resources/kubelet/kubeconfig",
)
_MAX_NODE = 8 << 20


class _Kubeconfig(Struct, frozen=True):
    path: str
    server: str
    access: Access
    certificate: bytes | None
    """The client's, as DER: it has the node's name."""


def read_node(root: str, flags: Mapping[str, str], path: str, timeout_s: float) -> NodeFacts:
    """What the cluster says of this node.

    Args:
        root: where the kubelet's file system is seen from here.
        flags: the kubelet's, for --kubeconfig and --hostname-override.
        path: a kubeconfig as this program sees it; empty: the kubelet's.
        timeout_s: for the request.
    """
    held: list[int] = []
    try:
        config = _load(root, flags, path, held)
        name = flags.get("hostname-override") or _name_of(config.certificate) or _hostname(root)
        if not name:
            return NodeFacts(source="the node's name is not known")
        url = f"{config.server.rstrip('/')}/api/v1/nodes/{quote(name, safe='')}"
        text = fetch(url, config.access, timeout_s, _MAX_NODE)
        facts = parse_node(text)
    except (FetchError, NotData) as error:
        return NodeFacts(source=str(error))
    finally:
        for fd in held:
            os.close(fd)
    return replace(facts, source=f"the API server, with {clean(config.path)}")


def parse_node(text: str) -> NodeFacts:
    """What a Node object says.

    Raises:
        NotData: it is none.
    """
    node = parse_json(text)
    if not isinstance(node, dict) or node.get("kind") != "Node":
        raise NotData("the API server's answer is not a Node")
    metadata, spec, status = (_mapping(node.get(key)) for key in ("metadata", "spec", "status"))
    listed = status.get("conditions")
    conditions: dict[str, str] = {}
    for item in listed if isinstance(listed, list) else []:
        condition = _mapping(item)
        kind, state = condition.get("type"), condition.get("status")
        if isinstance(kind, str) and isinstance(state, str):
            reason = condition.get("message") or condition.get("reason")
            told = f"{state}: {reason}" if isinstance(reason, str) and reason else state
            conditions[clean_name(kind)] = clean(told, 500)
    version = _mapping(status.get("nodeInfo")).get("kubeletVersion")
    name = metadata.get("name")
    ready = conditions.get("Ready", "Unknown").partition(":")[0]
    return NodeFacts(
        name=clean_name(name) if isinstance(name, str) else None,
        cordoned=spec.get("unschedulable") is True,
        ready={"True": True, "False": False}.get(ready),
        conditions=conditions,
        kubelet_version=clean(version, 60).removeprefix("v") if isinstance(version, str) else None,
    )


def _load(root: str, flags: Mapping[str, str], given: str, held: list[int]) -> _Kubeconfig:
    """The first kubeconfig that there is.

    Raises:
        NotData: there is none that can be used; the text says why.
    """
    if given:
        return _parse("/", os.path.abspath(given), held)  # noqa: PTH100
    flagged = flags.get("kubeconfig")
    places = (flagged,) if flagged else _PLACES
    for path in places:
        try:
            return _parse(root, path, held)
        except _Absent:
            continue
    raise NotData(f"the kubelet has no kubeconfig at {' or '.join(map(clean, places[:2]))}")


class _Absent(NotData):
    pass


def _parse(root: str, path: str, held: list[int]) -> _Kubeconfig:
    try:
        value = parse_document(read_file(root, path).text).value
    except Unreadable as error:
        raise (_Absent if error.absent else NotData)(f"{clean(path)} {error}") from None
    except NotData as error:
        raise NotData(f"{clean(path)} {error}") from None
    config = _mapping(value)
    context = _named(config, "contexts", config.get("current-context"), "context")
    cluster = _named(config, "clusters", context.get("cluster"), "cluster")
    user = _named(config, "users", context.get("user"), "user")
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith("https://"):
        raise NotData(f"{clean(path)} names no https server")
    if "exec" in user:
        raise NotData(f"{clean(path)} gets its credentials from a program, which is not run")
    ca = _pem(root, path, cluster, "certificate-authority")
    certificate = _pem(root, path, user, "client-certificate")
    key = _pem(root, path, user, "client-key")
    token = user.get("token")
    if not certificate and not token:
        raise NotData(f"{clean(path)} has no client certificate")
    if not ca:
        raise NotData(f"{clean(path)} does not say who signs the API server's certificate")
    ders = certificates(certificate)
    access = Access(
        client_cert=_in_memory(certificate, held),
        # kubelet-client-current.pem holds both; its path is then that of the key too.
        client_key=_in_memory(key, held),
        token=token if isinstance(token, str) and not certificate else "",
        ca_data=ca,
    )
    return _Kubeconfig(path, server, access, ders[0] if ders else None)


def _pem(root: str, path: str, mapping: Mapping[str, object], key: str) -> str:
    """The PEM text that a kubeconfig has, or points at; empty: neither.

    Raises:
        NotData: what it points at cannot be read.
    """
    data = mapping.get(f"{key}-data")
    if isinstance(data, str) and data:
        try:
            return base64.b64decode(data, validate=False).decode("ascii")
        except ValueError:
            raise NotData(f"{clean(path)} has a malformed {key}-data") from None
    file = mapping.get(key)
    if not isinstance(file, str) or not file:
        return ""
    if not file.startswith("/"):
        file = f"{path.rpartition('/')[0]}/{file}"
    try:
        return read_file(root, file).text
    except Unreadable as error:
        raise NotData(f"{clean(file)} {error}") from None


def _in_memory(pem: str, held: list[int]) -> str:
    """A path for what only a path is taken for, without a private key ever being on a disk."""
    if not pem:
        return ""
    fd = os.memfd_create("pem", os.MFD_CLOEXEC)
    held.append(fd)
    os.write(fd, pem.encode())
    return f"/proc/self/fd/{fd}"


def _name_of(certificate: bytes | None) -> str:
    """The node's name from its certificate's common name, system:node:NAME.

    The length of a DER text stands right before it.
    """
    mark = b"system:node:"
    at = (certificate or b"").find(mark)
    if certificate is None or at < 1 or certificate[at - 1] > 127:
        return ""
    name = certificate[at + len(mark) : at + certificate[at - 1]].decode("ascii", "replace")
    return name if re.fullmatch(r"[a-z0-9.-]{1,253}", name) else ""


def _hostname(root: str) -> str:
    """What the kubelet takes for the node's name where nothing else is said."""
    for path in ("/proc/sys/kernel/hostname", "/etc/hostname"):
        try:
            return read_file(root, path).text.strip().lower()
        except Unreadable:
            continue
    return ""


def _named(
    config: Mapping[str, object], plural: str, name: object, key: str
) -> Mapping[str, object]:
    listed = config.get(plural)
    for item in listed if isinstance(listed, list) else []:
        entry = _mapping(item)
        if entry.get("name") == name:
            return _mapping(entry.get(key))
    return {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
