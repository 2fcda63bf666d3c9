"""The stand-ins for systemctl and journalctl: what they answer, and the scripts that ask it.

Only what is about the units of the simulated node; everything else is refused as systemd refuses
what it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from pleg_tui.sim.node_options import Fault
from pleg_tui.sim.node_units import ProcessUnit, State, UnitError, Units

_MAX_REQUEST = 64 << 10
_JOURNAL_LINES = 10_000

_JOURNAL_TAKES = (
    *("-u", "--unit", "-n", "--lines", "-S", "--since", "-U", "--until", "-o", "--output"),
    *("-p", "--priority", "-g", "--grep"),
)

_CLIENT = '''\
"""Asks the simulated node: started by the systemctl and journalctl beside it."""
import json, socket, sys
try:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(sys.argv[1])
        link.sendall(json.dumps(sys.argv[2:]).encode() + b"\\n")
        answer = json.loads(link.makefile("rb").read())
except (OSError, ValueError) as error:
    sys.exit(f"System has not been booted with systemd as init system (simulated): {error}")
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
'''


class Answer(Struct, frozen=True):
    """What a stand-in prints, and its exit code."""

    code: int = 0
    out: str = ""
    err: str = ""


def write_scripts(folder: str, control: str) -> None:
    """Put systemctl and journalctl into a folder."""
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    client = where.parent / "control.py"
    client.write_text(_CLIENT)
    for name in ("systemctl", "journalctl"):
        words = (sys.executable, "-IS", str(client), control, name)
        script = where / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o755)


class Control:
    """Answers the scripts over a socket."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._server: asyncio.Server | None = None

    async def open(self, path: str) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._talk, path, limit=_MAX_REQUEST)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.LimitOverrunError):
            words = [str(word) for word in json.loads(await reader.readline())]
            answer = await self.answer(words)
            said = {"code": answer.code, "out": answer.out, "err": answer.err}
            writer.write(json.dumps(said).encode())
            await writer.drain()
        writer.close()

    async def answer(self, words: Sequence[str]) -> Answer:
        """One command: the program's name and its arguments."""
        program, *rest = words
        if program == "journalctl":
            return self._journal(rest)
        options, given = _split(rest, ("-p", "--property", "-n", "--lines", "-s", "--signal"))
        verb, *arguments = given or ["list-units"]
        if verb == "simulate-fault":
            return self._fault(arguments)
        if verb in ("daemon-reload", "reset-failed"):
            return Answer()
        if verb == "is-system-running":
            return Answer(0, "running\n")
        names = [name.removesuffix(".service") for name in arguments]
        if not names:
            return Answer(1, "", "Too few arguments.\n")
        for name in names:
            if not self._units.named(name) and verb not in ("show", "is-active", "is-enabled"):
                return Answer(5, "", f"Unit {name}.service not found.\n")
        return await self._unit(verb, names, options)

    async def _unit(self, verb: str, names: list[str], options: dict[str, str]) -> Answer:
        units = self._units
        states = [_state(units.named(name)) for name in names]
        try:
            if verb in ("restart", "try-restart", "reload-or-restart"):
                for name in names:
                    await units.restart(name)
            elif verb == "start":
                for name in names:
                    await units.start(name)
            elif verb == "stop":
                for name in names:
                    await units.stop(name)
            elif verb == "kill":
                for name in names:
                    units.kill(name, 9 if "KILL" in options.get("--signal", "") else 15)
            elif verb == "is-active":
                words = [state.active if state else "inactive" for state in states]
                code = 0 if all(word == "active" for word in words) else 3
                quiet = "-q" in options or "--quiet" in options
                return Answer(code, "" if quiet else "".join(f"{word}\n" for word in words))
            elif verb == "is-enabled":
                known = all(states)
                return Answer(0, "enabled\n") if known else Answer(4, "not-found\n")
            elif verb == "show":
                return self._show(names, options)
            elif verb == "status":
                return self._status(names)
            else:
                return Answer(1, "", f"Unknown command verb {verb}.\n")
        except UnitError as error:
            return Answer(1, "", f"{error}\n")
        return Answer()

    def _show(self, names: list[str], options: dict[str, str]) -> Answer:
        wanted = options.get("-p", options.get("--property", ""))
        keys = [key for key in wanted.split(",") if key]
        blocks = []
        for name in names:
            known = _properties(name, _state(self._units.named(name)))
            chosen = {key: known[key] for key in keys if key in known} if keys else known
            if "--value" in options:
                blocks.append("".join(f"{value}\n" for value in chosen.values()))
            else:
                blocks.append("".join(f"{key}={value}\n" for key, value in chosen.items()))
        return Answer(0, "\n".join(blocks))

    def _status(self, names: list[str]) -> Answer:
        out = []
        code = 0
        for name in names:
            parts = self._units.named(name)
            state = _state(parts) or State()
            code = code or (0 if state.active == "active" else 3)
            out.append(
                f"● {name}.service - {name} (simulated)\n"
                f"     Active: {state.active} ({state.sub}) since {_stamp(state.since)}\n"
                f"   Main PID: {state.pid}\n\n" + "".join(_lines(parts, 10))
            )
        return Answer(code, "\n".join(out))

    def _journal(self, rest: Sequence[str]) -> Answer:
        takes = (
            "-u",
            "--unit",
            "-n",
            "--lines",
            "-S",
            "--since",
            "-U",
            "--until",
            "-o",
            "--output",
        )
        options, _ = _split(rest, (*takes, "-p", "--priority", "-g", "--grep", "-D", "--directory"))
        unit = options.get("-u", options.get("--unit", "")).removesuffix(".service")
        parts = self._units.named(unit)
        if not parts:
            return Answer(0, "-- No entries --\n")
        count = options.get("-n", options.get("--lines", ""))
        lines = _lines(parts, int(count) if count.isdigit() else _JOURNAL_LINES)
        if options.get("-o", options.get("--output", "")) == "cat":
            return Answer(0, "".join(lines))
        stamp = time.strftime("%b %d %H:%M:%S")
        return Answer(0, "".join(f"{stamp} simulated-node {unit}: {line}" for line in lines))

    def _fault(self, arguments: Sequence[str]) -> Answer:
        names = {fault.value for fault in Fault}
        if len(arguments) != 2 or arguments[0] not in names or arguments[1] not in ("on", "off"):
            return Answer(1, "", f"one of {', '.join(sorted(names))}, and on or off\n")
        now = self._units.faults()
        fault = frozenset((Fault(arguments[0]),))
        self._units.set_faults(now | fault if arguments[1] == "on" else now - fault)
        return Answer()


def _split(words: Sequence[str], takes: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Options with their values, and what is none; those in `takes` have one."""
    options: dict[str, str] = {}
    given = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            given.append(word)
            continue
        name, equals, value = word.partition("=")
        if not equals and not name.startswith("--") and name[:2] in takes and len(name) > 2:
            name, value = name[:2], name[2:]
        elif not equals and name in takes and rest:
            value = rest.pop(0)
        before = options.get(name)
        options[name] = f"{before},{value}" if before and value else value
    return options, given


def _state(parts: Sequence[ProcessUnit]) -> State | None:
    """Of a unit: of the kubelet where it is in it."""
    return parts[-1].state if parts else None


def _properties(name: str, state: State | None) -> dict[str, str]:
    told = state or State()
    return {
        "Id": f"{name}.service",
        "LoadState": "loaded" if state else "not-found",
        "ActiveState": told.active,
        "SubState": told.sub,
        "MainPID": str(told.pid),
        "ExecMainStatus": str(told.exit_code),
        "ExecMainStartTimestamp": _stamp(told.since),
        "ActiveEnterTimestamp": _stamp(told.since),
        "NRestarts": str(told.restarts),
        "Result": "success" if told.active == "active" else "exit-code",
    }


def _stamp(when: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(when)) if when else ""


def _lines(parts: Sequence[ProcessUnit], count: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        with (
            contextlib.suppress(OSError),
            open(part.log_file, encoding="utf-8", errors="replace") as file,  # noqa: PTH123
        ):
            lines += file.readlines()
    return lines[-count:] if count else []
