"""Tables for people: pods and events as aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pleg_tui.cli import cells
from pleg_tui.cli.times import age, clock, span_ms
from pleg_tui.feed.types import Notice
from pleg_tui.model import Container, ContainerState, LifecycleEvent, Pod, RuntimeInfo, SandboxState
from pleg_tui.pleg.relist_model import Verdict

ID_LENGTH = 13
"""As crictl cuts ids."""
MAX_CELL = 253
"""Cells of the terminal for one: the longest name Kubernetes allows (RFC 1123 subdomain)."""
POD_HEADINGS = ("NAMESPACE", "POD", "READY", "STATE", "RESTARTS", "AGE", "LAST EXIT", "ID")
_EVENT_COLUMNS = (
    ("SEQ", 5),
    ("TIME", 14),
    ("EVENT", 16),
    ("NAMESPACE", 12),
    ("POD", 28),
    ("CONTAINER", 12),
    ("ID", ID_LENGTH),
    ("LAG", 8),
    ("DETAIL", 0),
)
_POD_STATES = {
    SandboxState.READY: "Ready",
    SandboxState.NOTREADY: "NotReady",
    SandboxState.REMOVED: "Removed",
}


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equally many cells as lines, columns two spaces apart."""
    rows = [list(map(_cut, row)) for row in rows]
    widths = [max(map(cells.width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(cells.pad, row, widths)).rstrip() for row in rows]


def _cut(cell: str) -> str:
    """No single cell makes every line of the table so long that nobody can read it."""
    return cells.cut(cell, MAX_CELL)


def pods(listed: Iterable[Pod], now_ns: int, *, nested: bool, full_ids: bool) -> list[str]:
    """A line a pod under its headings; nested: its containers below it, ended attempts too."""
    rows: list[Sequence[str]] = [POD_HEADINGS]
    for pod in listed:
        counted = pod.counted
        rows.append(
            (
                pod.namespace or "-",
                pod.name or "-",
                f"{pod.running}/{len(counted)}",
                _POD_STATES.get(pod.sandbox.state, "Unknown") if pod.sandbox else "Unknown",
                str(pod.restarts),
                age(pod.created_at, now_ns),
                last_exit(pod.containers, now_ns, named=True),
                short(pod.sandbox.id, full_ids) if pod.sandbox else "-",
            )
        )
        if nested:
            rows += [_container(container, now_ns, full_ids) for container in pod.containers]
    return align(rows)


def last_exit(containers: Iterable[Container], now_ns: int, *, named: bool) -> str:
    """The newest exit among containers: "app 137 OOMKilled 3m ago"; - where there was none."""
    ended = [c for c in containers if c.state is ContainerState.EXITED]
    if not ended:
        return "-"
    container = max(ended, key=lambda c: c.finished_at or c.created_at)
    code = "?" if container.exit_code is None else str(container.exit_code)
    words = [container.name] if named else []
    words += [code, container.reason] if container.reason else [code]
    if container.finished_at:
        words.append(f"{age(container.finished_at, now_ns)} ago")
    return " ".join(words)


def title(runtime: RuntimeInfo) -> str:
    """The runtime, as people say it; a simulated one is called so."""
    name = " ".join(filter(None, (runtime.name, runtime.version))) or "a runtime without a name"
    return f"SIMULATED {name}" if runtime.simulated else name


def short(object_id: str, full: bool) -> str:
    """An id as crictl shows it."""
    return object_id if full else object_id[:ID_LENGTH]


def relist(verdicts: Iterable[Verdict]) -> str:
    """What relists made of events, in one line."""
    seen: list[str] = []
    never: list[str] = []
    for verdict in verdicts:
        events = [f"#{seq}" for seq in verdict.seqs]
        if verdict.seen:
            seen += [f"{each} {span_ms(verdict.after_ms)} later" for each in events]
        else:
            never += events
    told = [f"sees {', '.join(seen)}"] if seen else []
    told += [f"never sees {', '.join(never)}"] if never else []
    return f"-- a relist (modelled) {'; '.join(told)}"


def notice(told: Notice) -> str:
    """What happened to the stream itself."""
    words = [f"-- {told.state}"]
    if told.source:
        words.append(f"source {told.source.value}")
    if told.lost:
        words.append(f"{told.lost} messages lost here: this program's reader was slow")
    if told.missed:
        words.append(f"{told.missed} events missed: the runtime never sent them")
    if told.error:
        words.append(told.error)
    return ", ".join(words)


class EventTable:
    """Aligned lines that come one by one: a column grows when it must, and never shrinks."""

    def __init__(self, *, full_ids: bool) -> None:
        self._full_ids = full_ids
        self._widths = [width for _, width in _EVENT_COLUMNS]
        if full_ids:
            self._widths[6] = 64

    def heading(self) -> str:
        """The line of headings."""
        return self._line([name for name, _ in _EVENT_COLUMNS])

    def line(self, event: LifecycleEvent, now_ns: int) -> str:
        """An event's line."""
        when = clock(event.created_at, now_ns)
        if not event.created_at:
            when = "~" + clock(event.received_at, now_ns)
        detail = [] if event.exit_code is None else [f"exit {event.exit_code}"]
        if event.reason:
            detail.append(event.reason)
        lag = None if event.lag_ns is None else event.lag_ns / 1e6
        return self._line(
            [
                str(event.seq),
                when,
                event.type.value,
                event.namespace or "-",
                event.pod or "-",
                event.container or "-",
                short(event.container_id, self._full_ids),
                "replayed" if event.replayed else span_ms(lag),
                " ".join(detail),
            ]
        )

    def _line(self, texts: list[str]) -> str:
        texts = list(map(_cut, texts))
        widths = self._widths = list(map(max, self._widths, map(cells.width, texts)))
        widths[-1] = 0
        return "  ".join(map(cells.pad, texts, widths)).rstrip()


def _container(container: Container, now_ns: int, full_ids: bool) -> Sequence[str]:
    return (
        "",
        f"- {container.name or '?'}",
        "",
        container.state.name.capitalize(),
        str(container.restarts),
        age(container.created_at, now_ns),
        last_exit([container], now_ns, named=False),
        short(container.id, full_ids),
    )
