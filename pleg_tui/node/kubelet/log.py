"""The kubelet's log, found and read: the journal, a file, or wherever its standard error leads.

Bounded: of a long log the beginning (where the gates are told) and the end are read, and it is
said that the middle was not. Nothing is followed, nothing is written.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence

from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.files import why
from pleg_tui.node.kubelet.log_lines import (
    Line,
    LogFacts,
    digest,
    of_this_kubelet,
    parse_line,
)
from pleg_tui.node.kubelet.process import KubeletProcess

HEAD = 1 << 20
TAIL = 8 << 20
_TAIL_LINES = 20_000
_HEAD_LINES = 2_000
_MIXED = ("/var/log/syslog", "/var/log/messages")
"""Files that hold the lines of many programs, each with the program's name and pid before it."""
_NAMED = re.compile(r"\S[^\]]{0,200} (?:kubelet|k3s|microshift|hyperkube)\[(\d+)\]: ")


def read_log(
    root: str, process: KubeletProcess | None, log_file: str = "", timeout_s: float = 5.0
) -> LogFacts:
    """What this kubelet has logged since its start.

    Args:
        root: where the node's file system is seen from here.
        process: the kubelet; None: unknown, and only a given file can be read.
        log_file: --kubelet-log, as this program sees it; empty: find it.
        timeout_s: for each run of journalctl.
    """
    pids = process.inner_pids if process else frozenset[int]()
    if log_file:
        return read_log_file(log_file, pids)
    if process is None:
        return LogFacts(why="no kubelet was found whose log to read: give it with --kubelet-log")
    own = standard_error(root, process)
    said = []
    if own:
        facts = read_log_file(own, pids)
        if facts.source:
            return facts
        said.append(facts.why)
    journal = _read_journal(root, process, timeout_s)
    if journal.source:
        return journal
    said.append(journal.why)
    for path in ("/var/log/kubelet.log", *_MIXED):
        here = under(root, path)
        if os.path.isfile(here):  # noqa: PTH113
            facts = read_log_file(here, pids, mixed=path in _MIXED)
            if facts.source:
                return facts
    return replace(journal, why=f"{'; '.join(said)}; its log can be given with --kubelet-log FILE")


def standard_error(root: str, process: KubeletProcess) -> str:
    """The plain file that a kubelet's standard error goes to, as seen from here; else empty."""
    try:
        target = os.readlink(f"{under(root, '/proc')}/{process.pid}/fd/2")  # noqa: PTH115
        if not target.startswith("/") or target.startswith("/dev/"):
            return ""
        here = under(process.root, target)
        return here if stat.S_ISREG(os.stat(here).st_mode) else ""  # noqa: PTH116
    except (OSError, ValueError):
        return ""


def read_log_file(path: str, pids: frozenset[int], *, mixed: bool = False) -> LogFacts:
    """What a file says about the kubelet with one of these pids, or about the last one in it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else "its name cannot be one"
        return LogFacts(why=f"{clean(path)} {reason}")
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return LogFacts(why=f"{clean(path)} is not a plain file")
        if status.st_size <= HEAD + TAIL:
            parts = [_read_at(fd, 0, HEAD + TAIL)]
        else:
            parts = [_read_at(fd, 0, HEAD), _read_at(fd, status.st_size - TAIL, TAIL)]
    except OSError as error:
        return LogFacts(why=f"{clean(path)} {why(error)}")
    finally:
        os.close(fd)
    # The last line may be only half written: whoever follows begins with it.
    end = status.st_size - (len(parts[-1]) - parts[-1].rfind(b"\n") - 1)
    lines: list[Line] = []
    for number, part in enumerate(parts):
        # Where the middle is left out, the lines at the cut are only pieces of lines.
        if number:
            part = part[part.find(b"\n") + 1 :]
        elif len(parts) > 1:
            part = part[: part.rfind(b"\n") + 1]
        lines += split_lines(part, mixed=mixed)
    kept = of_this_kubelet(lines, pids)
    if not kept:
        who = f" of process {min(pids)}" if pids else ""
        return LogFacts(why=f"{clean(path)} has no line of this kubelet{who}")
    cut = ""
    if len(parts) > 1:
        cut = f"of {status.st_size >> 20} MiB only the first {HEAD >> 20} and last {TAIL >> 20}"
    return replace(
        digest(kept),
        source=clean(path),
        why=cut and f"{cut} were read",
        read=(time.time(), end),
    )


def mixed_name(path: str) -> bool:
    """Whether a file of this name holds the lines of many programs."""
    return path.endswith(_MIXED)


def split_lines(data: bytes, *, mixed: bool = False) -> list[Line]:
    """The lines of a piece of a log; pure."""
    return [_line(text, mixed) for text in data.decode("utf-8", "replace").split("\n") if text]


def journal_since(root: str, process: KubeletProcess, since: float, timeout_s: float) -> LogFacts:
    """What a kubelet has logged to the journal since then, seconds since the epoch."""
    return _read_journal(root, replace(process, started_at=since + 1), timeout_s)


def _line(text: str, mixed: bool) -> Line:
    """A line; in a file of many programs the pid is in brackets behind the program's name."""
    line = parse_line(text)
    if not mixed:
        return line
    found = _NAMED.match(text)
    return replace(line, pid=int(found[1]) if found else -1)


def _read_journal(root: str, process: KubeletProcess, timeout_s: float) -> LogFacts:
    program = shutil.which("journalctl")
    if program is None:
        return LogFacts(why="there is no journalctl here to read the journal with")
    command = [program, "--no-pager", "--quiet", "--output=short-unix", f"_PID={process.pid}"]
    if os.path.normpath(root) != "/":
        folders = [under(root, f"{base}/log/journal") for base in ("/var", "/run")]
        present = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112
        if not present:
            return LogFacts(why=f"no journal is kept under {clean(root)}")
        command += [f"--directory={present[0]}"]
    if process.started_at is not None:
        command.append(f"--since=@{int(process.started_at) - 1}")
    else:
        command.append("--boot")
    asked = time.time()
    tail, reason = _run([*command, f"--lines={_TAIL_LINES}"], TAIL * 2, timeout_s)
    if reason:
        return LogFacts(why=f"the journal cannot be read: {reason}")
    after = (process.started_at or 1.0) - 1
    lines = [_journal_line(text) for text in tail.split("\n") if text]
    lines = [line for line in lines if line.at is None or line.at > after]  # --since has seconds
    if not lines:
        return LogFacts(why=f"the journal has no line of process {process.pid}")
    cut = ""
    if len(lines) >= _TAIL_LINES:
        head, _ = _run(command, HEAD, timeout_s)
        first = [_journal_line(text) for text in head.split("\n")[:_HEAD_LINES] if text]
        known = set(lines)
        lines = [line for line in first if line not in known] + lines
        cut = f"only the first {_HEAD_LINES} and last {_TAIL_LINES} lines were read"
    kept = of_this_kubelet(lines, frozenset(), whole=True)
    return replace(
        digest(kept),
        source=f"the journal of process {process.pid}",
        why=cut,
        read=(asked, 0),
    )


def _journal_line(text: str) -> Line:
    """A line of `--output=short-unix`: seconds since the epoch, host, program[pid]: message."""
    line = parse_line(text)
    stamp, _, _ = text.partition(" ")
    try:
        return replace(line, at=float(stamp))
    except ValueError:
        return line


def _run(command: Sequence[str], limit: int, timeout_s: float) -> tuple[str, str]:
    """The first bytes of what a program prints, and why there are none; it is ended if slow."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
        )
    except OSError as error:
        return "", f"journalctl {why(error)}"
    data = bytearray()
    deadline = time.monotonic() + timeout_s
    slow = False
    assert child.stdout is not None  # noqa: S101 - a pipe was asked for
    poller = select.poll()
    poller.register(child.stdout, select.POLLIN)
    try:
        while len(data) < limit:
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                slow = True
                break
            chunk = os.read(child.stdout.fileno(), min(1 << 16, limit - len(data)))
            if not chunk:
                break
            data += chunk
    finally:
        child.stdout.close()
        if slow or len(data) >= limit:
            child.kill()
        try:
            code = child.wait(1.0)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
    if slow:
        return "", f"journalctl gave no answer within {timeout_s:g} s"
    if code > 0 and not data:
        return "", f"journalctl failed (exit code {code})"
    return bytes(data).decode("utf-8", "replace"), ""


def _read_at(fd: int, offset: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = os.pread(fd, min(1 << 20, size - len(data)), offset + len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)
