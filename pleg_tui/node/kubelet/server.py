"""The kubelet's HTTP server: where it is, how to be let in, and what it told us.

Sources: defaults.go (port 10250, readOnlyPort 0), applyLegacyDefaults (10255 without --config),
KubeletFineGrainedAuthz for the rights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from msgspec import Struct, field

from pleg_tui.cri.clean import clean
from pleg_tui.node.kubelet.configz import parse_configz
from pleg_tui.node.kubelet.fetch import Access, FetchError, certificates, fetch
from pleg_tui.node.kubelet.files import Unreadable, read_file
from pleg_tui.node.kubelet.metrics import NotMetrics, Sample, parse_metrics
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.yaml_text import NotData

_OWN_CERTIFICATES = (
    "/var/lib/kubelet/pki/kubelet-server-current.pem",
    "/var/lib/kubelet/pki/kubelet.crt",
    "/var/lib/rancher/k3s/agent/serving-kubelet.crt",
    "/var/lib/rancher/rke2/agent/serving-kubelet.crt",
)

RBAC = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: pleg-tui
rules:
- apiGroups: [""]
  resources: ["nodes/metrics", "nodes/configz"]  # before 1.33: "nodes/proxy" for configz
  verbs: ["get"]
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: pleg-tui
  namespace: kube-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: pleg-tui
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: pleg-tui
subjects:
- kind: ServiceAccount
  name: pleg-tui
  namespace: kube-system
"""
"""What lets a token read a kubelet's metrics and configuration, and nothing else."""

TOKEN_REMEDY = (
    "grant the right to read the kubelet's metrics (kubectl apply -f - with the lines below), then "
    "kubectl -n kube-system create token pleg-tui > token, and give --kubelet-token-file token\n"
    + RBAC
)
TRUST_REMEDY = (
    "give the authority that signed the kubelet's certificate with --kubelet-ca FILE, or do not "
    "verify it with --kubelet-insecure"
)
CONTROL_PLANE_REMEDY = (
    "on this control-plane node: --kubelet-client-cert /etc/kubernetes/pki/"
    "apiserver-kubelet-client.crt --kubelet-client-key /etc/kubernetes/pki/"
    "apiserver-kubelet-client.key"
)


class Door(Struct, frozen=True):
    """A way to the kubelet's server that worked, or the reason why there is none."""

    url: str = ""
    """Of the server, without a path; empty: there is none."""
    why: str = ""
    remedies: tuple[str, ...] = ()


class Configz(Struct, frozen=True):
    """What /configz said."""

    config: Mapping[str, object] = field(default_factory=dict)
    gates: Mapping[str, bool] | None = None
    """None: not read."""
    why: str = ""


class KubeletServer:
    """Asks the kubelet's server; blocking, each request bounded in time."""

    def __init__(
        self,
        root: str,
        options: KubeletOptions,
        config: Mapping[str, object],
        flags: Mapping[str, str],
    ) -> None:
        """Know where to ask; nothing is asked yet.

        Args:
            root: where the kubelet's file system is seen from here.
            options: how we may ask.
            config: the kubelet's configuration as far as known, for its ports.
            flags: its flags, for the same.
        """
        self._root = root
        self._options = options
        self._config = config
        self._flags = flags
        self.door = Door(why="not tried")

    def sample(self) -> Sample | None:
        """A reading of its metrics; None, and `door.why` says why there is none."""
        if self.door.url:
            return self._sample(self.door.url)
        why: list[str] = []
        remedies: list[str] = []
        for url in self._urls():
            sample = self._sample(url)
            if sample is not None:
                return sample
            # That nobody listens at the read-only port is the rule, and not worth a word.
            if not (self._refused and url.startswith("http:") and not self._options.url):
                why.append(self.door.why)
            remedies += self.door.remedies
        self.door = Door(
            why="; ".join(why) or "the kubelet's server was not to be asked",
            remedies=tuple(dict.fromkeys(remedies)),
        )
        return None

    def configz(self) -> Configz:
        """Its merged configuration, through the door that its metrics came through."""
        if not self.door.url:
            return Configz(why=self.door.why)
        try:
            text = fetch(
                f"{self.door.url}/configz", self._access(self.door.url), self._options.timeout_s
            )
            config, gates = parse_configz(text)
        except FetchError as error:
            return Configz(why=str(error))
        except NotData as error:
            return Configz(why=f"{self.door.url}/configz {error}")
        return Configz(config, gates)

    def _sample(self, url: str) -> Sample | None:
        self._refused = False
        page = f"{url}/metrics"
        try:
            at, mono = time.time(), time.monotonic()
            text = fetch(page, self._access(url), self._options.timeout_s)
            sample = parse_metrics(text, at, mono)
        except FetchError as error:
            self._refused = error.refused
            self.door = Door(why=str(error), remedies=self._remedies(error))
            return None
        except NotMetrics as error:
            self.door = Door(why=f"{clean(page)}: {error}")
            return None
        self.door = Door(url)
        return sample

    def _urls(self) -> list[str]:
        if self._options.url == "none":
            return []
        if self._options.url:
            return [self._options.url.removesuffix("/").removesuffix("/metrics")]
        host = _host(self._flags.get("address") or self._config.get("address"))
        legacy = 0 if self._flags.get("config") else 10255
        plain = _port(self._flags.get("read-only-port"), self._config.get("readOnlyPort"), legacy)
        secure = _port(self._flags.get("port"), self._config.get("port"), 10250)
        urls = [f"http://{host}:{plain}"] if plain else []
        return urls + ([f"https://{host}:{secure}"] if secure else [])

    def _access(self, url: str) -> Access:
        """What to show and to believe; nothing secret where nothing is encrypted.

        Raises:
            FetchError: the token cannot be read.
        """
        if not url.startswith("https:"):
            return Access()
        options = self._options
        pinned: list[bytes] = []
        if not options.ca_file and not options.insecure:
            own = (self._flags.get("tls-cert-file"), self._config.get("tlsCertFile"))
            for path in (*own, *_OWN_CERTIFICATES):
                if isinstance(path, str) and path.startswith("/"):
                    try:
                        pinned += certificates(read_file(self._root, path).text)
                    except Unreadable:
                        continue
        return Access(
            client_cert=options.client_cert,
            client_key=options.client_key,
            token=read_token(options.token_file),
            ca_file=options.ca_file,
            insecure=options.insecure,
            pinned=tuple(pinned),
        )

    def _remedies(self, error: FetchError) -> tuple[str, ...]:
        if error.untrusted:
            return (TRUST_REMEDY,)
        if error.status not in (401, 403):
            return ()
        key = "/etc/kubernetes/pki/apiserver-kubelet-client.key"
        try:
            read_file(self._root, key)
        except Unreadable:
            return (TOKEN_REMEDY,)
        return (CONTROL_PLANE_REMEDY, TOKEN_REMEDY)


def read_token(path: str) -> str:
    """The token in a file, read anew each time, for it is renewed; empty without a path.

    Raises:
        FetchError: there is none in it. No message holds any of its content.
    """
    if not path:
        return ""
    try:
        token = read_file("/", os.path.abspath(path), 1 << 16).text.strip()  # noqa: PTH100
    except Unreadable as error:
        raise FetchError(f"the token file {clean(path)} {error}") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise FetchError(f"the token file {clean(path)} does not hold a token")
    return token


def _host(address: object) -> str:
    text = address if isinstance(address, str) else ""
    if text in ("", "0.0.0.0", "::") or not all(c in "0123456789abcdefABCDEF.:" for c in text):  # noqa: S104
        return "127.0.0.1"
    return f"[{text}]" if ":" in text else text


def _port(flag: str | None, configured: object, default: int) -> int:
    """A port from a flag, the configuration or the default; 0: it is off."""
    if flag is not None and flag.isascii() and flag.isdigit() and len(flag) <= 5:
        return int(flag)
    if isinstance(configured, int) and not isinstance(configured, bool) and configured < 65536:
        return max(0, configured)
    return default
