"""The filter line's language: expressions, states, quotes; what is wrong with one; completion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, EventType, Pod, SandboxState
from pleg_tui.ui.content.completing import completed
from pleg_tui.ui.content.event_view import matches
from pleg_tui.ui.content.filters import FilterError, parse
from pleg_tui.ui.content.model import RowModel
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.states import STATES, state_named
from pleg_tui.ui.content.status import container_change, container_status, pod_status, status_in
from tests.ui.conftest import Opener
from tests.ui.fakes import T0, S, container, event, exited, pod

OOM = exited("worker", 137, id="oom" + "0" * 61, reason="OOMKilled", restarts=0)
NODE = (
    pod("web-1", container("nginx"), container("proxy"), namespace="shop"),
    pod("job-x", exited("run", 0), namespace="batch", state=SandboxState.NOTREADY),
    pod("worker-2", replace(OOM, name="worker"), container("side car"), namespace="shop"),
    pod("crash-3", exited("app", 1, restarts=4, started_at=T0 - 9 * S), namespace="batch"),
    pod("new-4", container("slow", state=ContainerState.CREATED, created_at=T0 - S),
        namespace="batch"),
)  # fmt: skip


def shown(text: str, *pods: Pod) -> list[str]:
    """What the list shows under a filter: pods, and their containers set in."""
    model = RowModel()
    model.set_view(View(filter=parse(text)))
    model.update({p.uid: p for p in pods or NODE}, [p.uid for p in pods or NODE], T0)
    return [f"  {r.container.name}" if r.container else r.pod.name for r in model.rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("~^shop/web-[0-9]$", ["web-1", "  nginx", "  proxy"]),
        ("/^shop/web-[0-9]$/", ["web-1", "  nginx", "  proxy"]),
        ("!~^(shop|batch)/[nwj]", ["crash-3", "  app"]),
        ("~WEB", []),
        ("~^SHOP|^Ngi", []),
        (r"~\Dngi|^ngin\w$", ["web-1", "  nginx"]),
        ("ns:~^b", ["crash-3", "  app", "job-x", "  run", "new-4", "  slow"]),
        ("/web", ["web-1", "  nginx", "  proxy"]),
        ('"side car"', ["worker-2", "  side car"]),
        ("/side c/", ["worker-2", "  side car"]),
        ('~"side.c"', ["worker-2", "  side car"]),
        ('"!web"', []),
        ('"state:oom"', []),
        ("state:oom", ["worker-2", "  worker"]),
        ("state:OOMKilled", ["worker-2", "  worker"]),
        ("state:crashloop,oom", ["crash-3", "  app", "worker-2", "  worker"]),
        ("state:exited !state:oom", ["crash-3", "  app", "job-x", "  run"]),
        ("state:completed", ["job-x", "  run"]),
        ("state:not-ready ns:shop", ["worker-2", "  worker", "  side car"]),
        ("state:ready", ["web-1", "  nginx", "  proxy"]),
        ("state:starting", ["new-4", "  slow"]),
        ("state:created", ["new-4", "  slow"]),
        ("ns:shop state:running !proxy", ["web-1", "  nginx", "worker-2", "  side car"]),
        ("!state:running,completed",
         ["crash-3", "  app", "new-4", "  slow", "worker-2", "  worker"]),
        ("state:evicted", []),
        ("state:", None),
    ],
)  # fmt: skip
def test_what_a_filter_shows(text: str, rows: list[str] | None) -> None:
    assert shown(text) == (shown("") if rows is None else rows)


def test_the_instance_that_was_killed_is_found_when_another_runs_already() -> None:
    again = container("worker", attempt=1, restarts=1, id="new" + "0" * 61)
    p = pod("worker-2", again, OOM)
    assert shown("state:oom", p) == ["worker-2", "  worker"]
    model = RowModel()
    model.set_view(View(filter=parse("state:oom")))
    model.update({p.uid: p}, [p.uid], T0)
    assert [row.older for row in model.rows] == [False, True]
    assert [c.id for c in model.shown_of(p.uid)] == [OOM.id]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("state:oomm", "there is no state oomm: did you mean oom?"),
        ("state:running,exitd", "there is no state exitd: did you mean exited?"),
        ("state:runing", "there is no state runing: did you mean running?"),
        ("state:healthy", "there is no state healthy: write !state:unhealthy"),
        ("web ~(a", "(a is no regular expression: missing ), unterminated subpattern"),
        ("~" + "a" * 300, "an expression has at most 200 characters"),
    ],
)
def test_what_is_no_filter_says_so_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(FilterError) as error:
        parse(text)
    assert str(error.value) == says


@pytest.mark.parametrize("state", STATES)
def test_every_state_means_itself(state: str) -> None:
    assert state_named(state.upper()) == state


@given(st.text(alphabet='ab ~!/"\\(+*ns:tae,-l=', max_size=30))
def test_any_line_is_a_filter_or_a_sentence(text: str) -> None:
    try:
        filter_ = parse(text)
    except FilterError:
        return
    for p in NODE:
        kept = filter_.select(p, p.containers, lambda _: frozenset({"running"}))
        assert kept is None or all(c in p.containers for c in kept)


def test_an_expression_that_backtracks_for_ever_is_given_up() -> None:
    filter_ = parse("~(a+)+$")
    p = pod("a" * 60 + "b", container("app"))
    filter_.select(p, p.containers)
    assert filter_.slow == "(a+)+$ takes too long: write it without repeats within repeats"
    filter_.select(pod("a" * 90 + "b"), ())  # at once: it is not tried again


def test_events_pass_by_what_they_led_to() -> None:
    p = pod("worker-2", container("worker", id="c1"), namespace="shop")
    died = event(1, EventType.CONTAINER_DIED, pod="worker-2", container="worker",
                 container_id="c1", exit_code=137, reason="OOMKilled")  # fmt: skip
    began = event(2, EventType.CONTAINER_STARTED, pod="worker-2", container="worker",
                  container_id="c1")  # fmt: skip
    ready = event(3, EventType.SANDBOX_STARTED, pod="worker-2", container="")

    def which(text: str) -> list[int]:
        return [e.seq for e in (died, began, ready) if matches(parse(text), e, p, T0)]

    assert which("state:oom") == [1]
    assert which("state:exited,ready") == [1, 3]
    assert which("state:running") == [2], "not what died, although its successor runs now"
    assert which("!state:error") == [2, 3]
    assert which("state:crashloop") == []


def test_only_the_kubelets_own_word_makes_an_eviction() -> None:
    killed = exited("app", 137, reason="Error")
    told = replace(killed, reason="Evicted")
    low = replace(killed, message="The node was low on resource: memory. Threshold quantity: 100Mi")
    assert container_status(killed, T0).word == "error", "137 alone says nothing"
    assert container_status(killed, T0, stopping=True).word == "stopped"
    for evicted in (told, low, replace(told, exit_code=0)):
        assert container_status(evicted, T0, stopping=True).word == "Evicted"
        assert container_change(evicted).text == f"Evicted (exit {evicted.exit_code})"
        p = pod("web", evicted, state=SandboxState.NOTREADY)
        assert pod_status(p, [(c, status_in(p, c, T0)) for c in p.current], T0).word == "Evicted"
        assert shown("state:evicted", p) == ["web", "  app"]


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("state:o", "state:oom"),
        ("state:oom,cr", "state:oom,created"),
        ("web !ns:ku", "web !ns:kube-system"),
        ("st", "state:"),
        ("ns:", None),
        ("state:oom", None),
        ("web", None),
        ("", None),
    ],
)
def test_namespaces_and_states_are_completed(line: str, whole: str | None) -> None:
    assert completed(line, {"shop", "kube-system"}) == whole


def dead(name: str) -> Container:
    return exited(name, 137, reason="OOMKilled")


async def test_a_fault_is_told_at_the_line_and_the_last_good_filter_stays(opened: Opener) -> None:
    async with opened(pod("web", container("nginx")), pod("db", dead("pg"))) as stage:
        await stage.press("slash")
        await stage.type("web")
        await stage.type(" ~(")
        assert "is no regular expression: missing )" in stage.line("~(")
        assert "/web " in stage.line("1 of 2 shown"), "the last good filter"
        await stage.press("enter")
        assert "is no regular expression" in stage.text(), "it is not closed with a fault in it"
        await stage.press("backspace", "backspace", "enter")
        assert "is no regular expression" not in stage.text()
        assert stage.app.live.view.filter.text == "web"
        assert stage.app.live.pods.has_focus


async def test_tab_completes_a_state_and_enter_keeps_it(opened: Opener) -> None:
    async with opened(pod("web", container("nginx")), pod("db", dead("pg"))) as stage:
        await stage.press("slash")
        await stage.type("state:oo")
        assert "did you mean oom?" in stage.text()
        await stage.press("tab", "enter")
        assert stage.app.live.view.filter.text == "state:oom"
        assert "1 of 2 shown" in stage.text()
        assert "nginx" not in stage.text()


async def test_a_name_on_which_an_expression_is_slow_ends_the_filter(opened: Opener) -> None:
    async with opened(pod("web", container("nginx"))) as stage:
        await stage.press("slash")
        await stage.type("~(a+)+$|w")
        await stage.press("enter")
        stage.feed.put(pod("a" * 60 + "b", container("app"), version=2))
        await stage.settle()
        assert "takes too long" in stage.text()
        assert "nginx" in stage.text()
        assert not stage.app.live.view.filter


async def test_logs_of_a_pod_are_of_what_the_filter_found(opened: Opener) -> None:
    alive = container("worker", attempt=1, restarts=1, id="new" + "0" * 61)
    async with opened(pod("w", container("proxy"), alive, OOM)) as stage:
        await stage.press("slash")
        await stage.type("state:oom")
        await stage.press("enter", "l")
        assert "OOMKilled (exit 137) at " in stage.line("Log  default/w/worker")


async def test_a_log_of_a_restarted_container_names_the_one_before(opened: Opener) -> None:
    alive = container("worker", attempt=1, restarts=1, id="new" + "0" * 61)
    async with opened(pod("w", alive, OOM)) as stage:
        await stage.press("l")
        assert "before: OOMKilled (exit 137), p shows it" in stage.line("Log  default/w/worker")
