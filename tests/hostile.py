"""A node whose every text was chosen by an attacker, and what a terminal may be sent of it.

The node is the simulated runtime with gRPC and all: what a test sees has come the whole way that
real messages come. Text that is not UTF-8, which protobuf for Python would not write, is put into
the serialized messages afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import re
import threading
import unicodedata
from pathlib import Path
from typing import Self

from pleg_tui.cri.clean import clean
from pleg_tui.sim import encode
from pleg_tui.sim.faults import Failure
from pleg_tui.sim.objects import POD_NAME, POD_NAMESPACE, POD_UID, Container, MountPoint, Sandbox
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from pleg_tui.sim.world import World

ORDERS = (
    "\x1b[38;5;213m",
    "\x1b[2J",
    "\x1b[99;98H",
    "\x1b[6n",
    "\x1b[?1337h",
    "\x1b[?1047l",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil.example\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gi=1\x1b\\",
    "\x1bc",
    "\x9b31m",
    "\x9d52;c;cm0gLXJm\x9c",
)
"""What a terminal would obey; none of them is ever sent by this program itself."""
EVIL = (
    "[red]x[/]",
    "x[/]y",
    "[@click=app.quit]q[/]",
    "$v {x} \\[ %s",
    "a\nb\tc\rd",
    "nul\0bel\x07del\x7fbs\x08",
    "user\u202etxt.exe\u2066",
    "zero\u200bwidth\u2060\ufeff",
    "pile" + "\u0300" * 40,
    "\u0301led",
    "wide日本\u3164\ufe0f❤\ufe0f",
    "line\u2028sep\u2029 \u3000",
    "\ue000bytes",
    *(f"{order}e{number}" for number, order in enumerate(ORDERS)),
)
"""What an attacker may call things."""
MARK = "\ue000".encode()
NO_UTF8 = b"\xff\xfe\xc0"
"""As many bytes as the mark: the lengths in a message stay true."""
LONG = "L" * 65536
ALL = (*EVIL, LONG)
_OWN = re.compile(
    rb"\x1b\[[0-9;]*[ABCDGHJKLMXdmr]"  # moving, erasing, colours, scrolling
    rb"|\x1b\[\?(?:1|7|25|47|1000|1003|1004|1006|1015|1016|1049|2004|2026|2031|2048)[hl]"
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[[<>=]\d*u|\x1b\[>4;[0-9]m|\x1b\[\?u|\x1b[78=>]|\x1b\(B"
    rb"|\x1bM|\x1b\[\?996n|\x1b\[c|\x1b\]22;[a-z-]*(?:\x07|\x1b\\)"
)
"""The sequences that a Textual program, and bash before it, send by themselves."""
_COPY = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")


def assert_inert(text: str, what: str) -> None:
    """Nothing in a text is a control, an order or unseen; newlines are taken for the caller's own.

    Raises:
        AssertionError: something is, and where.
    """
    for line in text.split("\n"):
        for place, character in enumerate(line):
            alone = unicodedata.category(character)[0] != "M"
            assert not alone or clean(character) == character, (
                f"{what}: {character!r} in {line[max(place - 30, 0) : place + 10]!r}"
            )


def assert_harmless(sent: bytes) -> list[str]:
    """What was sent to a terminal holds no order but this program's own; returns what it copied.

    Raises:
        AssertionError: it does, and which.
    """
    for order in ORDERS:
        place = sent.find(order.encode())
        assert place < 0, (
            f"{order!r} reached the terminal: {sent[max(place - 60, 0) : place + 40]!r}"
        )
    assert NO_UTF8 not in sent
    copied = [base64.b64decode(found).decode() for found in _COPY.findall(sent)]
    text = _OWN.sub(b"", _COPY.sub(b"", sent)).decode("utf-8")
    # The cursor's own single steps; in texts from the node they are made visible (cri.clean).
    assert_inert(text.translate(dict.fromkeys(map(ord, "\r\b\v"))), "the terminal")
    for each in copied:
        assert_inert(each, "the clipboard")
    return copied


class HostileNode:
    """A simulated runtime in a thread; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        options = Options(pods=0, churn=0, socket=f"{folder}/cri.sock", log_dir=f"{folder}/logs")
        self.simulator = Simulator(options)
        self._rounds = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ends = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def endpoint(self) -> str:
        return self.simulator.endpoint

    def __enter__(self) -> Self:
        self._populate()
        self._thread.start()
        assert self._ready.wait(30), "the simulator does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(20)

    def happen(self) -> None:
        """More pods of the kind come, live and die."""
        self._loop.call_soon_threadsafe(self._populate)

    def fail(self, *methods: str) -> None:
        """These calls fail from now on, and the details of the error are the attacker's."""
        detail = "".join(ORDERS[:7]) + "[red]x[/] x[/]y\nsecond line \u202e"
        failures = {method: Failure("INTERNAL", detail) for method in methods}
        self._loop.call_soon_threadsafe(self.simulator.faults.errors.update, failures)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with self.simulator:
            self._ready.set()
            await self._ends.wait()

    def _populate(self) -> None:
        populate(self.simulator.world, self.folder, self._rounds)
        self._rounds += 1
        self.simulator.runtime.flush()


def shown(evil: str) -> str:
    """What is to be seen of a text."""
    return clean(evil.replace("\ue000", "\ufffd" * 3))


def populate(world: World, folder: Path, number: int, evils: tuple[str, ...] = ALL) -> None:
    """A pod for each text, named `pNUMBER…`; everything that can be said of it says that text."""
    for place, evil in enumerate(evils):
        _pod(world, folder, f"{number}{place:02}", evil)


def _pod(world: World, folder: Path, number: str, evil: str) -> None:
    name, namespace, uid = f"p{number}-{evil}", f"n{number}{evil}", f"u{number}{evil}"
    labels = {f"l{evil}": evil, "key": evil}
    sandbox = world.run_sandbox(
        name=name, namespace=namespace, uid=uid, labels=labels, annotations={evil: evil},
        handler=evil,
    )  # fmt: skip
    own = {POD_NAME: name, POD_NAMESPACE: namespace, POD_UID: uid, **labels}
    made: list[Container] = []
    for which in ("up", "down"):
        log = folder / f"{number}-{which}.log"
        log.write_bytes(_log(evil))
        container = world.create_container(
            sandbox, name=f"{which}{evil}", image_id=evil, image_name=f"img{evil}", labels=own,
            annotations={f"a{evil}": evil, "json": '{"k": "\\u001b[2J\\u202e"}'},
            log_path=str(log), mounts=(MountPoint(f"/in{evil}", f"/out{evil}"),),
        )  # fmt: skip
        made.append(container)
        world.start_container(container)
    world.exit_container(made[1], 3, message=f"m{evil}")
    made[1].reason = f"r{evil}"
    made[1].list_bytes = made[1].status_bytes = None
    _spoil(sandbox, *made)


def _spoil(sandbox: Sandbox, *containers: Container) -> None:
    """Put what is not UTF-8 in the place of the mark."""
    sandbox.list_bytes = encode.sandbox_item(sandbox).replace(MARK, NO_UTF8)
    sandbox.status_bytes = encode.sandbox_status(sandbox).replace(MARK, NO_UTF8)
    for container in containers:
        container.list_bytes = encode.container_item(container).replace(MARK, NO_UTF8)
        container.status_bytes = encode.container_status(container).replace(MARK, NO_UTF8)


def _log(evil: str) -> bytes:
    text = evil.replace("\n", "\\n").encode().replace(MARK, NO_UTF8)
    lines = [b"2026-01-02T03:04:05.6Z stdout F " + part for part in (text, b"\xff\xfe " + text)]
    return b"\n".join([*lines, text, b"2026-01-02T03:04:06Z stderr P partial " + text]) + b"\n"
