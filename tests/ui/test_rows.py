"""The row model, held against one that is built from nothing each time."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Pod, SandboxState
from pleg_tui.ui.content.filters import parse
from pleg_tui.ui.content.model import GONE_STAYS, RowModel, Totals
from pleg_tui.ui.content.order import SortBy, View
from tests.ui.fakes import T0, S, container, exited, pod

UIDS = [f"u{n}" for n in range(6)]
STATES = list(ContainerState)[1:4]


@st.composite
def containers(draw: st.DrawFn) -> list[Container]:
    found = []
    for name in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3)):
        for attempt in reversed(range(draw(st.integers(1, 2)))):
            state = draw(st.sampled_from(STATES))
            more = {"id": f"{name}{attempt}", "attempt": attempt, "restarts": attempt}
            ago = draw(st.integers(0, 100))
            if state is ContainerState.EXITED:
                code = draw(st.sampled_from([0, 1, 137, None]))
                found.append(exited(name, code, ago, **more))
            else:
                found.append(
                    container(name, state=state, started_at=T0 - ago * S,
                              created_at=T0 - ago * S, **more)
                )  # fmt: skip
    return sorted(found, key=lambda c: (c.name, -c.attempt))


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    uid = draw(st.sampled_from(UIDS))
    return pod(
        f"pod-{uid}",
        *draw(containers()),
        uid=uid,
        namespace=draw(st.sampled_from(["x", "y"])),
        state=draw(st.sampled_from(list(SandboxState)[1:3])),
        age=draw(st.integers(1, 5000)),
    )


VIEWS = st.builds(
    View,
    sort=st.sampled_from(SortBy),
    reverse=st.booleans(),
    filter=st.sampled_from(["", "u1", "!u2", "a", "ns:x", "!b"]).map(parse),
    running_only=st.booleans(),
    unhealthy_only=st.booleans(),
)


class Rows(RuleBasedStateMachine):
    """Whatever is done to the model, it shows what a new one would show."""

    def __init__(self) -> None:
        super().__init__()
        self.model = RowModel()
        self.pods: dict[str, Pod] = {}
        self.now = T0
        self.folds: dict[str, bool] = {}
        self.all_folded = False

    @rule(some=st.lists(pods(), max_size=3, unique_by=lambda p: p.uid))
    def put(self, some: list[Pod]) -> None:
        self.pods |= {p.uid: p for p in some}
        self.model.update(self.pods, [p.uid for p in some], self.now)

    @rule(uid=st.sampled_from(UIDS))
    def drop(self, uid: str) -> None:
        self.pods.pop(uid, None)
        self.model.update(self.pods, [uid], self.now)

    @rule(seconds=st.sampled_from([1, 3, 31, 700]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * S
        due = self.model.next_tick
        changes = self.model.tick(self.now)
        assert changes.rows is (0 < due <= self.now) or not changes.rows

    @rule(view=VIEWS)
    def look(self, view: View) -> None:
        self.model.set_view(view)

    @rule(uid=st.sampled_from(UIDS), folded=st.booleans())
    def fold(self, uid: str, folded: bool) -> None:
        if uid in self.pods:
            self.model.fold(uid, folded)
            self.folds[uid] = folded

    @rule(folded=st.booleans())
    def fold_all(self, folded: bool) -> None:
        self.model.fold_all(folded)
        self.folds.clear()
        self.all_folded = folded

    @invariant()
    def shows_what_a_new_one_would(self) -> None:
        self.model.tick(self.now)
        fresh = RowModel()
        fresh.set_view(self.model.view)
        fresh.update(self.pods, self.pods, self.now)
        fresh.fold_all(self.all_folded)
        for uid in self.pods:
            fresh.fold(uid, self.model.is_folded(uid))
        living = [row for row in self.model.rows if not row.gone]
        assert living == list(fresh.rows)
        assert self.model.totals == fresh.totals

    @invariant()
    def index_finds_every_row(self) -> None:
        for index, row in enumerate(self.model.rows):
            assert self.model.index(row.key) == index


Rows.TestCase.settings = hypothesis.settings(max_examples=40, stateful_step_count=15, deadline=None)
TestRows = Rows.TestCase


def test_gone_pods_stay_for_a_moment_where_they_were() -> None:
    model = RowModel()
    pods_ = {uid: pod(f"pod-{uid}", uid=uid) for uid in UIDS[:3]}
    model.update(pods_, pods_, T0)
    del pods_["u1"]
    model.update(pods_, ["u1"], T0)
    assert [(row.key.pod, row.gone) for row in model.rows] == [
        ("u0", False), ("u1", True), ("u2", False),
    ]  # fmt: skip
    assert model.totals == Totals(pods=2, containers=0, unhealthy=2, shown=2)
    assert not model.tick(T0 + GONE_STAYS - 1).rows
    assert model.tick(T0 + GONE_STAYS).rows
    assert [row.key.pod for row in model.rows] == ["u0", "u2"]


def test_a_pod_that_comes_back_is_not_gone() -> None:
    model = RowModel()
    pods_ = {"u": pod("p", uid="u")}
    model.update(pods_, ["u"], T0)
    model.update({}, ["u"], T0)
    model.update(pods_, ["u"], T0 + S)
    assert [row.gone for row in model.rows] == [False]
    model.tick(T0 + 10 * S)
    assert len(model.rows) == 1


def test_changes_name_the_values_that_are_others_now() -> None:
    model = RowModel()
    before = pod("p", container("a"), uid="u")
    model.update({"u": before}, ["u"], T0)
    after = replace(before, containers=(exited("a", 1, 0),), version=2)
    changes = model.update({"u": after}, ["u"], T0)
    assert {(cell.key.container != "", cell.column) for cell in changes.cells} == {
        (True, "state"), (True, "change"), (False, "state"), (False, "change"), (False, "ready"),
    }  # fmt: skip
    changes = model.update({"u": after, "v": pod("q", uid="v")}, ["v"], T0)
    assert [(cell.key.pod, cell.column) for cell in changes.cells] == [("v", "name")]


def test_what_is_listed_first_does_not_count_as_change() -> None:
    model = RowModel()
    assert model.update({"u": pod("p", uid="u")}, ["u"], T0).cells == ()
