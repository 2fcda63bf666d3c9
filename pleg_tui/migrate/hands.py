"""What a switch does besides files: it restarts services and looks whether they are well."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.migrate.plan import Restart
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import find_kubelet, start_ticks
from pleg_tui.node.kubelet.read import read_kubelet
from pleg_tui.node.kubelet.types import KubeletFacts, Mode
from pleg_tui.node.runtime_config import find_runtime

UNIT = "{unit}"
"""Stands in --restart-command for the name of the service."""


class HandsError(Exception):
    """A service could not be restarted, or is not well; its text is one sentence."""


class Verdict(Struct, frozen=True):
    """What came of a switch."""

    ok: bool | None
    """None: it could not be told."""
    mode: Mode
    says: str


class Patience(Struct, frozen=True):
    """How long to wait, in seconds."""

    restart_s: float = 120.0
    """For the command that restarts a service."""
    well_s: float = 90.0
    """For a service to be well after its restart."""
    settle_s: float = 4.0
    """It must be well for so long without a break, as the same process."""
    verify_s: float = 90.0
    """For the evidence of the new mode."""
    poll_s: float = 0.5


class Hands(Protocol):
    """What apply and rollback need of the machine."""

    def healthz(self) -> bool | None:
        """Whether the kubelet says that it is well; None: it does not answer such questions."""

    def restart(self, restart: Restart) -> None:
        """Restart a service.

        Raises:
            HandsError: it failed.
        """

    def wait_well(self, restart: Restart, healthz: bool | None) -> None:
        """Wait until the service is well, and stays so.

        Args:
            restart: which.
            healthz: whether the kubelet answered on its healthz before.

        Raises:
            HandsError: it is not, in time.
        """

    def verify(self, expects: tuple[Mode, ...]) -> Verdict:
        """See what the kubelet really does now."""


class SystemHands:
    """systemd's, or a command's; the kubelet is looked at as `read_kubelet` looks."""

    def __init__(
        self,
        facts: KubeletFacts,
        *,
        root: str = "/",
        options: KubeletOptions | None = None,
        restart_command: str = "",
        endpoint: str = "",
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda _: None,
        look: Callable[[str, KubeletOptions], KubeletFacts] = read_kubelet,
    ) -> None:
        """Hands for this node.

        Args:
            facts: of the kubelet before; tells where its healthz is.
            root: where the node's file system is seen from here.
            options: how the kubelet may be looked at.
            restart_command: instead of `systemctl restart`; `{unit}` stands for the service.
            endpoint: the runtime's socket as seen from here, to see whether it answers.
            patience: how long to wait.
            tell: takes a line about what is waited for.
            look: reads the kubelet.

        Raises:
            ValueError: the command cannot be read; the text is one sentence.
        """
        try:
            self._command = shlex.split(restart_command)
        except ValueError as error:
            raise ValueError(f"--restart-command cannot be read: {error}") from None
        self._root = root
        self._options = options or KubeletOptions()
        self._endpoint = facts.runtime_endpoint.value or endpoint
        # One that is down now is known by what the kubelet calls it.
        theirs = self._endpoint.removeprefix("unix://")
        inside = under(root, theirs) if theirs.startswith("/") else ""
        self._socket = endpoint.removeprefix("unix://") or inside
        self._patience = patience or Patience()
        self._tell = tell
        self._look = look
        self._healthz = _healthz_address(facts)
        self._old: dict[str, tuple[int, int | None] | None] = {}

    def healthz(self) -> bool | None:
        """As in `Hands`."""
        if self._healthz is None:
            return None
        connection = http.client.HTTPConnection(*self._healthz, timeout=3)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def restart(self, restart: Restart) -> None:
        """As in `Hands`."""
        self._old[restart.unit] = self._process(restart)
        unit = f"{restart.unit}.service"
        if self._command:
            command = [part.replace(UNIT, unit) for part in self._command]
        else:
            command = ["systemctl", "restart", unit]
        self._run(command, self._patience.restart_s)

    def wait_well(self, restart: Restart, healthz: bool | None) -> None:
        """As in `Hands`."""
        deadline = time.monotonic() + self._patience.well_s
        well_since: float | None = None
        known: tuple[int, int | None] | None = None
        while True:
            why, process = self._ill(restart, healthz)
            now = time.monotonic()
            if why or (known is not None and process != known):
                well_since = None
            elif well_since is None:
                well_since = now
            known = process
            if well_since is not None and now - well_since >= self._patience.settle_s:
                return
            if now >= deadline:
                raise HandsError(
                    f"{restart.unit} is not well {self._patience.well_s:.0f} s after its restart: "
                    f"{why or 'it does not stay up'}; see `journalctl -u {restart.unit}`"
                )
            time.sleep(self._patience.poll_s)

    def verify(self, expects: tuple[Mode, ...]) -> Verdict:
        """As in `Hands`: looks again until it is as expected, or the time is over."""
        deadline = time.monotonic() + self._patience.verify_s
        while True:
            facts = self._look(self._root, self._options)
            why = clean(facts.mode_why)
            if facts.mode in expects:
                return Verdict(True, facts.mode, why)
            # A kubelet that has fallen back stays so; anything else may only need time.
            if facts.mode is Mode.FALLEN_BACK or time.monotonic() >= deadline:
                break
            self._tell(f"the kubelet's mode is {facts.mode.value} yet: {why}")
            time.sleep(self._patience.poll_s)
        if facts.mode is Mode.UNKNOWN:
            return Verdict(None, facts.mode, why)
        return Verdict(False, facts.mode, why)

    def _ill(
        self, restart: Restart, healthz: bool | None
    ) -> tuple[str, tuple[int, int | None] | None]:
        """What is wrong with a service, empty for nothing; and which process it is."""
        process = self._process(restart)
        if not self._command:
            active = self._systemctl("is-active", f"{restart.unit}.service")
            if active != "active":
                return f"systemd says {clean(active, 60) or 'nothing'}", process
        if process is None:
            return "no process of it runs", None
        if process == self._old.get(restart.unit):
            return f"it is still process {process[0]}, as before: it was not restarted", process
        if not restart.kubelet:
            return ("" if self._answers() else "its socket does not answer"), process
        well = self.healthz()
        if well is False or (well is None and healthz is not None):
            what = "says that it is not" if well is False else "does not answer"
            return f"its healthz {what} well" if well is False else f"its healthz {what}", process
        return "", process

    def _process(self, restart: Restart) -> tuple[int, int | None] | None:
        if restart.kubelet:
            chosen = find_kubelet(self._root).chosen
            pid = chosen.pid if chosen else None
        else:
            found, _ = find_runtime(self._root, self._endpoint, "", self._socket)
            pid = found.pid if found else None
        return None if pid is None else (pid, start_ticks(self._root, pid))

    def _answers(self) -> bool:
        if not self._socket:
            return True
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(3)
            try:
                connection.connect(self._socket)
            except OSError:
                return False
        return True

    def _systemctl(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["systemctl", *arguments],  # noqa: S607 - the admin's own PATH
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip()

    def _run(self, command: list[str], timeout_s: float) -> None:
        told = clean(shlex.join(command), 200)
        try:
            # In a session of its own: a Ctrl-C is for us, and systemctl finishes what it began.
            code, said = _finished(command, timeout_s)
        except FileNotFoundError:
            raise HandsError(
                f"{clean(command[0])} was not found: give the command that restarts a service with "
                "--restart-command"
            ) from None
        except OSError as error:
            raise HandsError(f"`{told}` cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise HandsError(f"`{told}` did not end within {timeout_s:.0f} s") from None
        if code:
            lines = said.strip().splitlines()
            why = clean(lines[-1], 300) if lines else "it said nothing"
            raise HandsError(f"`{told}` failed with exit code {code}: {why}")


def _finished(command: list[str], timeout_s: float) -> tuple[int, str]:
    """Run a command to its end; its exit code and the end of what it said.

    What it started in the background may keep its output open for ever: only its own end counts.

    Raises:
        OSError: it cannot be run.
        subprocess.TimeoutExpired: it does not end; it was killed.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        output, said = process.stdout.fileno(), bytearray()
        os.set_blocking(output, False)
        deadline = time.monotonic() + timeout_s
        try:
            while (code := process.poll()) is None:
                _drain(output, said)
                if time.monotonic() >= deadline:
                    raise subprocess.TimeoutExpired(command, timeout_s)
                time.sleep(0.02)
            _drain(output, said)
        except BaseException:
            process.kill()
            raise
    return code, said.decode(errors="replace")


def _drain(output: int, said: bytearray) -> None:
    """Take what there is, so that nobody waits for a reader; only the end of it is kept."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(64):
            piece = os.read(output, 1 << 16)
            if not piece:
                return
            said += piece
            del said[:-4096]


def systemd_runs(root: str = "/") -> bool:
    """Whether systemd is this node's init (sd_booted(3))."""
    return os.path.isdir(under(root, "/run/systemd/system"))  # noqa: PTH112


def _healthz_address(facts: KubeletFacts) -> tuple[str, int] | None:
    """The kubelet's own defaults: 127.0.0.1 and 10248 (KubeletConfiguration.healthzPort)."""
    port = facts.flags.get("healthz-port", facts.config.get("healthzPort", 10248))
    host = facts.flags.get("healthz-bind-address", facts.config.get("healthzBindAddress", ""))
    try:
        number = int(str(port))
    except ValueError:
        return None
    if not 0 < number < 65536:
        return None
    named = str(host or "127.0.0.1")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(named, named), number  # noqa: S104
