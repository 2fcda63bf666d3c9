"""What the list says, without a screen: widths, states, filters, bars."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import Notice
from pleg_tui.model import Container, ContainerState, EventType, SandboxState
from pleg_tui.ui.content.bars import StatusFacts, Usage, key_line, status_line
from pleg_tui.ui.content.columns import layout
from pleg_tui.ui.content.events import event_line, notice_line
from pleg_tui.ui.content.filters import FilterError, parse
from pleg_tui.ui.content.glyphs import ASCII, UNICODE
from pleg_tui.ui.content.lines import Line, Part, wrap
from pleg_tui.ui.content.model import Row, RowKey, RowModel
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.pods import Drawing, heading_line, row_line
from pleg_tui.ui.content.status import (
    START_GRACE,
    Status,
    container_change,
    container_status,
    pod_change,
    pod_status,
    signal_name,
    why,
)
from pleg_tui.ui.content.text import (
    age,
    cut,
    cut_middle,
    fit,
    fit_right,
    short,
    steady,
    tidy,
    width_of,
)
from tests.ui.fakes import LIVE, T0, S, container, event, exited, pod

TEXT = st.text(max_size=60).map(clean).map(tidy)


def cells(line: Line) -> int:
    return sum(cell_len(part.text) for part in line)


# -- text


@given(TEXT, st.integers(1, 50))
def test_cut_and_fitted_texts_keep_their_width(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(cut_middle(text, width)) <= width
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit_right(text, width)) == width


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=20, max_size=60))
def test_a_text_cut_in_the_middle_keeps_its_end(text: str) -> None:
    assert cut_middle(text, 16).endswith(text[-6:])


@given(st.integers(-(10**18), 10**18))
def test_an_age_is_short(nanoseconds: int) -> None:
    assert 2 <= len(age(nanoseconds)) <= 6


@given(st.integers(-(10**12), 10**17), st.floats(0, 1, exclude_max=True))
def test_an_age_stays_what_it_is_while_it_is_steady(nanoseconds: int, share: float) -> None:
    assert steady(nanoseconds) > 0
    assert age(nanoseconds + int(steady(nanoseconds) * share)) == age(nanoseconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"),
        (3660, "1h01m"), (35999, "9h59m"), (36000, "10h"), (172799, "47h"), (172800, "2d"),
        (176400, "2d1h"), (864000, "10d"), (86400 * 900, "900d"),
    ],
)  # fmt: skip
def test_ages(seconds: int, said: str) -> None:
    assert age(seconds * S) == said


@given(st.lists(st.tuples(TEXT, st.sampled_from(["", "dim"])), min_size=1, max_size=4),
       st.integers(20, 80))  # fmt: skip
def test_a_wrapped_line_fits_and_loses_nothing_of_its_last_part(
    parts: list[tuple[str, str]], width: int
) -> None:
    line = tuple(Part(*part) for part in parts)
    folded = wrap(line, width)
    assert all(cells(piece) <= width for piece in folded)
    text = "".join(part.text for piece in folded for part in piece)
    assert line[-1].text.replace(" ", "") in text.replace(" ", "")


# -- states


def test_exit_codes_name_their_signal() -> None:
    assert signal_name(137) == "SIGKILL"
    assert signal_name(143) == "SIGTERM"
    assert signal_name(1) == ""
    assert signal_name(255) == ""
    assert why(exited("c", 143)) == "exit 143 SIGTERM"
    assert why(exited("c", 137, reason="OOMKilled")) == "OOMKilled (exit 137)"
    assert why(exited("c", 128, reason="StartError")) == "exit 128 StartError"
    assert why(exited("c", 1, reason="Error")) == "exit 1"
    assert why(exited("c", None)) == "exited, code unknown"


def test_a_crash_loop_is_a_quick_failure_that_was_one_before() -> None:
    quick = exited("c", 1, started_at=T0 - 20 * S, restarts=1)
    assert container_status(quick, T0).word == "CrashLoop"
    assert container_status(replace(quick, restarts=0), T0).word == "error"
    assert container_status(replace(quick, started_at=T0 - 3600 * S), T0).word == "error"
    assert container_status(replace(quick, exit_code=0), T0).word == "completed"


def test_running_between_two_crashes_is_a_loop_until_it_has_run_long_enough() -> None:
    before = exited("c", 1, started_at=T0 - 20 * S)
    up = container("c", restarts=3, started_at=T0)
    status = container_status(up, T0 + S, previous=before)
    assert (status.word, status.until) == ("CrashLoop", T0 + 600 * S)
    assert container_status(up, T0 + 600 * S, previous=before).word == "running"
    assert container_status(up, T0 + S, previous=None).word == "running"
    assert container_status(replace(up, restarts=1), T0 + S, previous=before).word == "running"


def test_what_runs_again_is_told_from_what_never_stopped_for_ten_minutes() -> None:
    """However it ended: a probe's SIGTERM may be answered with an exit code of 0."""
    up = container("c", restarts=1, started_at=T0)
    assert not container_status(container("c", started_at=T0), T0).of_interest
    for before in (None, exited("c", 0), exited("c", 1)):
        status = container_status(up, T0 + 599 * S, previous=before)
        assert (status.word, status.restarted, status.unhealthy) == ("running", True, False)
        assert not container_status(up, status.until, previous=before).of_interest
    coming = replace(up, state=ContainerState.CREATED, created_at=T0, started_at=0)
    assert container_status(coming, T0).restarted


def test_a_pod_is_told_from_others_when_one_of_its_containers_was_restarted() -> None:
    again, calm = container("a", restarts=1, started_at=T0), container("b")

    def status_of(*containers_: Container) -> Status:
        p = pod("p", *containers_)
        return pod_status(p, [(c, container_status(c, T0)) for c in p.current], T0)

    assert status_of(calm, again).restarted
    assert status_of(calm, again).word == "running"
    assert not status_of(calm).restarted
    assert status_of(again, exited("c", 1)).word == "error", "what is worse comes first"
    assert status_of(again, exited("c", 0)).word == "not ready"
    assert status_of(again, container("c", state=ContainerState.CREATED)).word == "starting"


def test_ending_by_the_kubelets_signals_in_a_pod_that_stops_is_no_fault() -> None:
    killed = exited("c", 137)
    assert container_status(killed, T0, stopping=True).word == "stopped"
    assert container_status(killed, T0).word == "error"
    oom = replace(killed, reason="OOMKilled")
    assert container_status(oom, T0, stopping=True).word == "OOMKilled"
    assert container_status(exited("c", 2), T0, stopping=True).word == "error"


def test_coming_up_is_healthy_for_a_while_only() -> None:
    new = container("c", state=ContainerState.CREATED, created_at=T0)
    status = container_status(new, T0 + S)
    assert not status.unhealthy
    assert status.until == T0 + START_GRACE
    assert container_status(new, T0 + START_GRACE).unhealthy


def state_of(*containers_: object, **more: object) -> str:
    p = pod("p", *containers_, **more)  # type: ignore[arg-type]
    return pod_status(p, [(c, container_status(c, T0)) for c in p.current], T0).word


def test_a_pods_state_follows_from_its_containers_and_its_sandbox() -> None:
    up, down = container("a"), exited("b", 0)
    assert state_of(up) == "running"
    assert state_of(up, exited("b", 1)) == "error"
    assert state_of(up, down) == "not ready"
    assert state_of(down) == "completed"
    assert state_of() == "starting"
    assert state_of(up, container("b", state=ContainerState.CREATED)) == "starting"
    assert state_of(up, state=SandboxState.NOTREADY) == "stopping"
    assert state_of(down, state=SandboxState.NOTREADY) == "completed"
    assert state_of(state=SandboxState.NOTREADY) == "stopped"
    init = exited("init", 0, ago=4000, created_at=T0 - 4100 * S)
    assert state_of(replace(init), up) == "running"


def test_the_last_change_of_a_pod_is_its_newest_and_says_whose() -> None:
    p = pod("p", container("a"), exited("b", 3, ago=2))
    change = pod_change(p, [(c, container_change(c)) for c in p.current])
    assert (change.text, change.at) == ("b exit 3", T0 - 2 * S)
    p = pod("p", container("a"), state=SandboxState.NOTREADY, changed_at=T0)
    change = pod_change(p, [(c, container_change(c)) for c in p.current])
    assert (change.text, change.at) == ("sandbox stopped", T0)


# -- lines


@given(TEXT, TEXT, TEXT, st.integers(59, 240), st.sampled_from([UNICODE, ASCII]))
def test_every_line_is_exactly_as_wide_as_the_list(
    name: str, namespace: str, other: str, width: int, glyphs: object
) -> None:
    ended = exited(other, 9, reason=name, image=other, restarts=10**7)
    p = pod(name, ended, container("x"), namespace=namespace, uid="u")
    model = RowModel()
    model.update({"u": p}, ["u"], T0)
    drawing = Drawing(layout(width), glyphs, T0)  # type: ignore[arg-type]
    for row in model.rows:
        assert cells(row_line(row, drawing)) == width
        assert cells(row_line(row, drawing, ["state", "change"])) == width
    assert cells(heading_line(layout(width), drawing.glyphs, View())) == width
    e = event(1, EventType.CONTAINER_DIED, name, namespace=namespace, container=other,
              reason=other, exit_code=1)  # fmt: skip
    assert cells(event_line(e, width, drawing.glyphs)) == width
    assert cells(event_line(replace(e, pod="", replayed=True), width, drawing.glyphs)) == width
    assert cells(notice_line(Notice("lost", T0, error=name), width, drawing.glyphs)) == width


@given(TEXT, st.integers(59, 240), st.integers(0, 10**9), st.booleans())
def test_the_status_line_fits_and_keeps_what_must_be_seen(
    node: str, width: int, lost: int, paused: bool
) -> None:
    health = replace(LIVE, lost=lost, missed=lost)
    facts = StatusFacts(node, health, Usage(99.9, 1 << 33), paused=7 if paused else None)
    line = status_line(facts, width, UNICODE)
    text = "".join(part.text for part in line)
    assert cells(line) == width
    assert ("● live" in text) is not paused
    assert ("PAUSED, 7 changes wait" in text) is paused
    assert (f"lost {short(lost)}" in text) is bool(lost)
    assert (f"missed {short(lost)}" in text) is bool(lost)


def test_keys_that_do_not_fit_are_left_out_whole() -> None:
    line, spots = key_line((("a", "alpha"), ("b", "beta"), ("c", "gamma")), 20)
    assert "".join(part.text for part in line).strip() == "a alpha  b beta"
    assert spots == [(1, 8, 0), (10, 16, 1)]


# -- filters


def passes(text: str, *, name: str = "web-1", namespace: str = "shop") -> list[str] | None:
    p = pod(name, container("nginx", labels={"tier": "front"}), container("proxy"),
            namespace=namespace, labels={"app": "web"})  # fmt: skip
    kept = parse(text).select(p, p.containers)
    return None if kept is None else [c.name for c in kept]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ["nginx", "proxy"]),
        ("web", ["nginx", "proxy"]),
        ("shop/web", ["nginx", "proxy"]),
        ("NGINX", ["nginx"]),
        ("registry.example/proxy", ["proxy"]),
        ("other", None),
        ("!web", None),
        ("!proxy", ["nginx"]),
        ("!proxy !nginx", None),
        ("web !proxy", ["nginx"]),
        ("ns:shop", ["nginx", "proxy"]),
        ("ns:web", None),
        ("!ns:shop", None),
        ("-l app=web", ["nginx", "proxy"]),
        ("-lapp=web", ["nginx", "proxy"]),
        ("-l app", ["nginx", "proxy"]),
        ("-l app=db", None),
        ("-l app!=db", ["nginx", "proxy"]),
        ("-l app!=web", None),
        ("-l app==web,tier=front", ["nginx"]),
        ("-l", ["nginx", "proxy"]),
        ("!", ["nginx", "proxy"]),
        ("ns:", ["nginx", "proxy"]),
    ],
)
def test_filters(text: str, kept: list[str] | None) -> None:
    assert passes(text) == kept


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        passes(text)


def test_a_pod_without_containers_goes_by_itself() -> None:
    p = pod("web")
    assert parse("web").select(p, ()) == ()
    assert parse("db").select(p, ()) is None
    assert parse("!db").select(p, ()) == ()


# -- rows


def test_a_row_is_about_the_same_thing_whatever_happens_to_it() -> None:
    model = RowModel()
    model.update({"p": pod("p", container("a"))}, ["p"], T0)
    keys = [row.key for row in model.rows]
    assert keys == [RowKey("p"), RowKey("p", container("a").id)]
    row: Row = model.rows[1]
    assert row.last
    assert width_of("日本") == 4
