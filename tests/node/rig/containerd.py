"""A real containerd of this rig's own, alone in its namespaces, with its own state and socket."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.node.rig import image, leftovers
from tests.node.rig.chroot import Chroot
from tests.node.rig.client import CallError, CriClient
from tests.node.rig.leftovers import Claim
from tests.node.rig.namespace import Namespace, RigError, wait_until
from tests.node.rig.subscriber import cri_events

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
CLEAN_TIMEOUT_S = 60.0
"""A pod with hundreds of containers takes its time on a busy machine."""


class RealContainerd:
    """One containerd; several may run from one chroot at the same time.

    Its folder is /run/pleg-tui-<id>, seen under the same path by the runtime, so that log paths
    mean the same inside and outside.
    """

    def __init__(self, chroot: Chroot) -> None:
        self.chroot = chroot
        self.id = uuid.uuid4().hex[:8]
        self.folder, self._state, self._cgroups = leftovers.places(self.id)
        self._config = self.folder / "config.toml"
        self._claim: Claim | None = None
        self._namespace: Namespace | None = None
        self._client: CriClient | None = None

    # ---- what it is ----

    @property
    def socket(self) -> Path:
        """Its socket, as seen from outside."""
        return self.folder / "containerd" / "containerd.sock"

    @property
    def endpoint(self) -> str:
        """Its CRI endpoint."""
        return f"unix://{self.socket}"

    @property
    def version(self) -> str:
        """As the program says it: `2.1.9+unknown`."""
        return self.chroot.containerd

    @property
    def cgroup_parent(self) -> str:
        """The parent of its pods' cgroups, which makes them easy to find and to remove."""
        return f"/{self._cgroups}"

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / "containerd.log"

    @property
    def running(self) -> bool:
        """It was started and has not ended."""
        return self._namespace is not None and not self._namespace.exited

    @property
    def pid(self) -> int:
        """Its process id, as seen from here: the one that listens on its socket.

        Raises:
            RigError: it does not listen.
        """
        with socket.socket(socket.AF_UNIX) as peer:
            try:
                peer.connect(str(self.socket))
            except OSError as error:
                raise RigError(f"containerd does not listen: {error}") from None
            data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("iII", data)[0])

    @property
    def client(self) -> CriClient:
        """A client of it, shared by everybody who asks here; it outlives restarts.

        Raises:
            RigError: it was not started.
        """
        if self._client is None:
            raise RigError("containerd was not started")
        return self._client

    def new_client(self) -> CriClient:
        """A client of its own channel; the caller closes it."""
        return CriClient(self.endpoint, self.folder / "pods", self.cgroup_parent)

    # ---- what it does ----

    def start(self) -> Self:
        """Start it and wait until it takes pods.

        Raises:
            RigError: it does not come up; everything is cleaned up then.
        """
        try:
            self._prepare()
            self._boot()
            self._need_namespace().run(
                "ctr",
                "-n",
                "k8s.io",
                "images",
                "import",
                "--all-platforms",
                str(self.folder / "images.tar"),
            )
        except BaseException:
            self.stop()
            raise
        return self

    def kill(self) -> None:
        """SIGKILL, as a crash would: pods and shims live on.

        Raises:
            RigError: it did not end.
        """
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM, as a service manager would: pods and shims live on.

        Raises:
            RigError: it did not end.
        """
        self._end(signal.SIGTERM)

    def boot(self) -> None:
        """Start it again after kill() or terminate(), with all its state.

        Raises:
            RigError: it does not come up.
        """
        self._boot()

    def restart(self) -> None:
        """Terminate it and start it again, with all its state.

        Raises:
            RigError: it did not end, or does not come up.
        """
        if self.running:
            self.terminate()
        self._boot()

    def abandon(self) -> None:
        """End everything at once and leave the folders, as the death of the tests would."""
        if self._namespace is not None:
            self._namespace.close()

    def stop(self, within_s: float = STOP_TIMEOUT_S) -> None:
        """Stop its pods and it, and remove all that is left of them; safe to call twice.

        Args:
            within_s: how long its pods may take to stop by themselves.

        Raises:
            RigError: something of it is still there.
        """
        if self._client is not None:
            if self.running:
                with contextlib.suppress(CallError):  # the namespace's end takes the rest
                    self._client.remove_everything(within_s)
            self._client.close()
            self._client = None
        if self._namespace is not None:
            if self.running:
                with contextlib.suppress(RigError):
                    self._namespace.signal(signal.SIGTERM, 5)
            self._namespace.close()
            self._namespace = None
        leftovers.remove(self.id)
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def clean(self) -> None:
        """Make it as new for the next test: running, thawed, no pod, no event still waiting.

        containerd keeps CRI events for the first subscriber that comes, up to five minutes.

        Raises:
            RigError: it does not come up again.
            CallError: a pod cannot be removed.
        """
        with contextlib.suppress(RigError, ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        if not self.running:
            self._boot()
        self.client.remove_everything(CLEAN_TIMEOUT_S)
        self.client.calls.clear()
        with cri_events(self.endpoint) as waiting:
            waiting.wait_quiet()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ---- how ----

    def _prepare(self) -> None:
        self._claim = leftovers.claim(self.id)
        self._state.mkdir(parents=True)
        self.folder.mkdir()
        image.build(self.chroot.path / "bin/busybox", self.folder / "images.tar")
        done = subprocess.run(
            ["chroot", str(self.chroot.path), "containerd", "config", "default"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        self._config.write_text(configure(done.stdout))
        self._namespace = Namespace(self.chroot.path, self.folder, self._state)

    def _boot(self) -> None:
        namespace = self._need_namespace()
        self.socket.unlink(missing_ok=True)
        namespace.start("containerd", "--config", str(self._config))
        wait_until("containerd's socket", self._listens, START_TIMEOUT_S)
        if self._client is None:
            self._client = self.new_client()
        wait_until("containerd's readiness", self._ready, START_TIMEOUT_S)

    def _listens(self) -> bool:
        if self._need_namespace().exited:
            raise RigError(f"containerd ended: {self._last_words()}")
        return self.socket.exists()

    def _ready(self) -> bool:
        if self._need_namespace().exited:
            raise RigError(f"containerd ended: {self._last_words()}")
        try:
            return self.client.runtime_ready()
        except CallError:
            return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1] if lines else "it said nothing"

    def _end(self, number: int) -> None:
        if not self._need_namespace().signal(number):
            raise RigError("containerd did not end")

    def _need_namespace(self) -> Namespace:
        if self._namespace is None:
            raise RigError("containerd was not started")
        return self._namespace


def configure(default: str) -> str:
    """containerd's default configuration, with what a bare machine needs changed.

    Without CAP_SYS_RESOURCE runc cannot lower an oom_score_adj; the image of sandboxes must be one
    that was made here (`sandbox` in configuration version 3, `sandbox_image` before).

    Raises:
        RigError: a setting is not where it was expected.
    """
    changes = (
        (r"(?m)^(\s*restrict_oom_score_adj\s*=\s*)false\s*$", r"\1true"),
        (r"(?m)^(\s*sandbox(?:_image)?\s*=\s*)(['\"])[^'\"]*\2\s*$", rf"\1'{image.PAUSE}'"),
    )
    text = default
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        if count != 1:
            raise RigError(f"containerd's default configuration has {count} of {pattern}")
    return text
