"""Every page over the Live screen as text, at three sizes: `grids/pages/NAME-WIDTHxHEIGHT.txt`.

`--update-grids` writes them anew; then the diff is to be read. Those that live by their colours
have a second twin, `NAME-WIDTHxHEIGHT.looks.txt`, that says how they are painted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from textual.widgets import Input

from pleg_tui.model import Container, ContainerState
from pleg_tui.node.processes import Process, Processes
from pleg_tui.ui.screens import processes as processes_screen
from pleg_tui.ui.screens import shell as shell_screen
from tests.ui.conftest import GRIDS, Opener, Stage, until
from tests.ui.fakes import T0, FakeFeed, S, container, exited, pod
from tests.ui.looks import keep
from tests.ui.test_logs import cri, write

SIZES = [(80, 24), (120, 40), (200, 50)]
LOG = "/var/log/pods/shop_web-7d9f8b6c5-x2x4z_0a1b2c3d/app/1.log"
NO_LOG = "/var/log/pods/shop_web-7d9f8b6c5-x2x4z_0a1b2c3d/none/0.log"
APP = container(
    "app", id="a" * 64, attempt=1, restarts=1, log_path=LOG, memory_limit=256 << 20,
    image_ref="registry.example/app@sha256:" + "1" * 64, labels={"tier": "front"},
)  # fmt: skip
BEFORE = exited(
    "app", 137, ago=3605, id="0" * 64, reason="OOMKilled", created_at=T0 - 7300 * S,
    started_at=T0 - 7200 * S, log_path=LOG.replace("1.log", "0.log"),
)  # fmt: skip
WORKER = exited(
    "worker", 137, ago=12, reason="OOMKilled", message="out of memory: killed process 4321",
    started_at=T0 - 72 * S, id="e" * 64, restarts=3, attempt=3, log_path=NO_LOG,
)  # fmt: skip
NEW = container("init", state=ContainerState.CREATED, started_at=0, id="d" * 64)
WEB = pod(
    "web-7d9f8b6c5-x2x4z", APP, BEFORE, WORKER, NEW, namespace="shop",
    labels={"app": "web", "pod-template-hash": "7d9f8b6c5"},
)  # fmt: skip
STATUS: dict[str, Any] = {
    "id": APP.id,
    "metadata": {"name": "app", "attempt": 1},
    "state": "CONTAINER_RUNNING",
    "image": {"image": "registry.example/app:1.0"},
    "image_ref": "registry.example/app@sha256:" + "1" * 64,
    "labels": {"io.kubernetes.pod.name": "web-7d9f8b6c5-x2x4z", "tier": "front"},
    "annotations": {
        "io.kubernetes.container.hash": "8c2d33a1",
        "config": '{"replicas": 3, "name": "web"}',
        "note": "a long note " * 30,
    },
    "mounts": [
        {"container_path": "/data", "host_path": "/var/lib/kubelet/pods/0a1b/volumes/data"},
        {"container_path": "/etc/hosts", "host_path": "/var/lib/kubelet/pods/0a1b/etc-hosts",
         "readonly": True},
    ],
    "resources": {"linux": {"memory_limit_in_bytes": "268435456", "cpu_quota": "50000",
                            "cpu_period": "100000", "cpu_shares": "512"}},
    "log_path": LOG,
}  # fmt: skip
INFO = {
    "config": {"envs": [{"key": "PASSWORD", "value": "hunter2"}]},
    "runtimeSpec": {"process": {"args": ["/app", "--port=80"],
                                "env": ["PATH=/usr/bin:/bin", "PASSWORD=hunter2"]}},
}  # fmt: skip
SANDBOX = {
    "status": {
        "metadata": {"name": "web-7d9f8b6c5-x2x4z", "namespace": "shop", "uid": "0a1b2c3d"},
        "network": {"ip": "10.0.0.7"},
        "annotations": {"kubernetes.io/config.source": "api"},
        "runtime_handler": "runc",
    },
    "info": {"pid": 4321},
}
OTHER = pod("zebra", container("z"), namespace="zoo")
POD, RUNNING, OOM, CREATED = 0, 1, 3, 4
"""Rows of the list."""
ANSWERS: dict[str, Any] = {
    APP.id: {"status": STATUS, "info": INFO},
    WORKER.id: {"status": {**STATUS, "state": "CONTAINER_EXITED", "annotations": {}}, "info": {}},
    NEW.id: "the runtime did not answer within 8 s",
    "sandbox-of-web-7d9f8b6c5-x2x4z": SANDBOX,
}
LINES = [
    *(cri(f"level=info msg=served n={n} path=/v1/items".encode(), n % 60) for n in range(60)),
    cri(b"level=error msg=\"upstream timed out\" attempt=1 " + b"and so on " * 25, stream="stderr"),
    cri(b"\x1b[31mred\x1b[0m and \x1b[1;32mgreen\x1b[0m, a tab\there, \x1b[2J, \xff\xfe garbage"),
    cri(b"the first half, ", tag="P"),
    cri(b"and the rest"),
    cri(b"level=info msg=last"),
]  # fmt: skip


class Page(Struct):
    """How a page is opened and what is done on it."""

    act: Callable[[Stage], Awaitable[None]]
    row: int = 0
    """Which row of the list it is about."""
    has_logs: bool = True
    """The node's files are there."""


def keys(*pressed: str, shows: str = "") -> Callable[[Stage], Awaitable[None]]:
    """Press these, and wait until the screen shows this."""

    async def act(stage: Stage) -> None:
        await stage.press(*pressed)
        if shows:
            await until(stage, shows)

    return act


def asked(*pressed: str) -> Callable[[Stage], Awaitable[None]]:
    """Press these, and wait until the runtime has answered."""

    async def act(stage: Stage) -> None:
        await stage.press(*pressed)
        await until(stage, "Asking the runtime", gone=True)

    return act


def searched(opens: str, shows: str, text: str, *after: str) -> Callable[[Stage], Awaitable[None]]:
    """Open a page and search it."""

    async def act(stage: Stage) -> None:
        await typing(opens, shows, text)(stage)
        await stage.press("enter", *after)

    return act


def typing(opens: str, shows: str, text: str) -> Callable[[Stage], Awaitable[None]]:
    """Open a page; a search is being typed."""

    async def act(stage: Stage) -> None:
        await keys(opens, shows=shows)(stage)
        await stage.press("slash")
        stage.app.screen.query_one(Input).value = text
        await stage.settle()

    return act


async def details_of_what_is_gone(stage: Stage) -> None:
    await stage.press("enter")
    stage.feed.drop(WEB.uid)
    await stage.settle()


async def log_scrolled_back(stage: Stage) -> None:
    await keys("l", shows="msg=last")(stage)
    await stage.press("k", "k", "k")
    path = Path(stage.app.options.root + LOG)
    write(path, cri(b"came meanwhile"), cri(b"and this"))
    await until(stage, "2 new ↓")


async def log_previous(stage: Stage) -> None:
    await keys("p", shows="the end of it")(stage)


async def log_styled(stage: Stage) -> None:
    await keys("l", shows="msg=last")(stage)
    await stage.press("t", "w")


async def palette(stage: Stage) -> None:
    """Commands are found by their names; the list comes when its worker is done."""
    await stage.press("colon")
    await stage.type("sort")
    await until(stage, "Choose what the pods are sorted by")
    for _ in range(20):  # its heading is drawn a little later than its lines
        await stage.pilot.pause(0.02)
    await stage.settle()


async def log_missing(stage: Stage) -> None:
    await keys("l", shows="There is no log file at")(stage)


async def copied(stage: Stage) -> None:
    await stage.press("enter", "C")


PAGES: dict[str, Page] = {
    "details-pod": Page(asked("enter")),
    "details-running": Page(asked("enter"), RUNNING),
    "details-running-end": Page(asked("enter", "G"), RUNNING),
    "details-values": Page(keys("enter", "v", shows="hunter2"), RUNNING),
    "details-oom": Page(keys("enter", shows="OOMKilled"), OOM),
    "details-asked-in-vain": Page(keys("enter", shows="did not answer"), CREATED),
    "details-gone": Page(details_of_what_is_gone, RUNNING),
    "details-copied": Page(copied, RUNNING),
    "raw": Page(keys("y", shows="status"), RUNNING),
    "raw-searched": Page(searched("y", "status", "io.kubernetes"), RUNNING),
    "raw-not-found": Page(searched("y", "status", "nowhere"), RUNNING),
    "raw-typing": Page(typing("y", "status", "config"), RUNNING),
    "raw-folded": Page(keys("y", "z", shows="keys"), RUNNING),
    "raw-value": Page(searched("y", "status", "a long note", "enter"), RUNNING),
    "raw-nested": Page(searched("y", "status", "replicas", "enter"), RUNNING),
    "log": Page(keys("l", shows="msg=last"), RUNNING),
    "log-styled": Page(log_styled, RUNNING),
    "log-searched": Page(searched("l", "msg=last", "n=5"), RUNNING),
    "log-typing": Page(typing("l", "msg=last", "error"), RUNNING),
    "log-scrolled-back": Page(log_scrolled_back, RUNNING),
    "log-beginning": Page(keys("l", "1", shows="1 head*"), RUNNING),
    "log-previous": Page(log_previous, RUNNING),
    "log-missing": Page(log_missing, OOM, has_logs=False),
    "processes": Page(keys("x", shows="nginx: worker"), RUNNING),
    "processes-none": Page(keys("x", shows="it has ended"), OOM),
    "container-menu": Page(keys("l", shows="worker  OOMKilled")),
    "shell": Page(keys("e", shows="ctrl+y copies it"), RUNNING),
    "columns": Page(keys("o", "j", "j", "space", shows="[ ] RESTARTS")),
    "help": Page(keys("question_mark", shows="what each does here")),
    "help-end": Page(keys("question_mark", "G", shows="what each does here")),
    "help-log": Page(keys("l", "question_mark", shows="what each does here"), RUNNING),
    "palette": Page(palette),
}
LOOKS = ("log-searched", "log-styled", "raw-searched", "details-oom", "help", "processes")
"""The pages whose colours are kept as well, at the middle size."""


def process(pid: int, ppid: int, depth: int, command: str, **more: Any) -> Process:
    plain = {"uid": 0, "user": "root", "state": "S", "cpu_ns": 10**9, "rss": 5 << 20, "threads": 1}
    return Process(pid=pid, ppid=ppid, depth=depth, command=command, **{**plain, **more})


TREE = Processes((
    process(4321, 1, 0, "nginx: master process /usr/sbin/nginx -g daemon off; " + "x" * 150),
    process(4322, 4321, 1, "nginx: worker process", user="www-data", uid=33, rss=91 << 20),
    process(4323, 4322, 2, "[stuck]", state="D"),
    process(4324, 4321, 1, "nginx: worker process", user="a-long-user-name", state="R", threads=64),
    process(4325, 4321, 1, "[sh]", state="Z", rss=0),
), 5)  # fmt: skip


def looked(screen: processes_screen.ProcessScreen) -> Processes:
    container: Container = screen._container
    if container.state is ContainerState.RUNNING:
        return TREE
    return Processes(why="its control group is gone: it has ended")


@pytest.fixture(autouse=True, scope="module")
def _folder() -> None:
    (GRIDS / "pages").mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Logs, processes and a crictl that are the same wherever the tests run."""
    monkeypatch.setattr(processes_screen.ProcessScreen, "_look", looked)
    monkeypatch.setattr(
        shell_screen, "shell_command",
        lambda identity, endpoint, _root: (
            ["crictl", "--runtime-endpoint", endpoint, "exec", "-it", identity, "sh"], True),
    )  # fmt: skip
    write(tmp_path / LOG[1:], *LINES)
    earlier = [cri(b"allocating %d MiB" % n, n) for n in range(0, 60, 3)]
    write(tmp_path / BEFORE.log_path[1:], *earlier, cri(b"the end of it", 59, stream="stderr"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", PAGES)
async def test_a_page(
    opened: Opener,
    same_grid: Callable[[Stage, str], None],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    name: str,
    size: tuple[int, int],
) -> None:
    page = PAGES[name]
    feed = FakeFeed(answers=dict(ANSWERS))
    root = str(tmp_path) if page.has_logs else "/"
    async with opened(WEB, OTHER, feed=feed, size=size, timeline=True, root=root) as stage:
        await stage.press(*["j"] * page.row)
        await page.act(stage)
        await stage.settle()
        whole = f"pages/{name}-{size[0]}x{size[1]}"
        same_grid(stage, whole)
        if name in LOOKS and size == SIZES[1]:
            keep(stage, whole, update=request.config.getoption("--update-grids"))
