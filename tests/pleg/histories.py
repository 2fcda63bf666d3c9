"""Truthful histories of a small node, and the messages that a runtime would send about them.

A history is an ordered list of facts. Fact number i happens at monotonic time `when(i)`; what the
node holds after it is `worlds[i + 1]`. Every message is derived from the facts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState
from pleg_tui.pleg.live import LiveState

Item = Sandbox | Container
World = Mapping[str, Item]

TICK = 1000
"""Monotonic ns between two facts."""


def when(index: int) -> int:
    """The monotonic time of a fact."""
    return (index + 1) * TICK


def wall(mono: int) -> int:
    """A wall clock that jumps about: nothing but Pod.changed_at may depend on it."""
    return 1_700_000_000 * 10**9 + (mono * 7919) % 1_000_003


class Fact(Struct, frozen=True):
    """An id reached a state."""

    index: int
    id: str
    is_sandbox: bool
    state: int
    exit_code: int | None = None

    @property
    def at(self) -> int:
        """When, as the runtime's clock says it."""
        return 5_000_000 + when(self.index)

    @property
    def removed(self) -> bool:
        return self.state == (SandboxState.REMOVED if self.is_sandbox else ContainerState.REMOVED)


class History(Struct, frozen=True):
    facts: tuple[Fact, ...]
    worlds: tuple[World, ...]

    @property
    def end(self) -> World:
        return self.worlds[-1]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(fact.id for fact in self.facts)

    def of(self, object_id: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.id == object_id]


class _Node:
    """Makes a history from a list of numbers, each choosing among what can happen next."""

    def __init__(self, *, labelled: bool, straight: bool) -> None:
        self.labelled = labelled
        self.straight = straight  # nothing is removed that has not ended
        self.items: dict[str, Item] = {}
        self.gone_attempts: dict[str, int] = {}
        self.facts: list[Fact] = []
        self.worlds: list[World] = [{}]
        self.made = 0

    def play(self, choices: list[int]) -> History:
        for choice in choices:
            actions = self._actions()
            actions[choice % len(actions)]()
            self.worlds.append(dict(self.items))
        return History(tuple(self.facts), tuple(self.worlds))

    def _actions(self) -> list[partial[None]]:
        actions: list[partial[None]] = []
        for item in self.items.values():
            if isinstance(item, Sandbox):
                actions += self._sandbox_actions(item)
            else:
                actions += self._container_actions(item)
        if sum(isinstance(item, Sandbox) for item in self.items.values()) < 4:
            actions.append(partial(self._run_pod, f"uid-{self.made}", 0))
            if not self.labelled:
                actions.append(partial(self._run_pod, "", 0))
        return actions

    def _sandbox_actions(self, sandbox: Sandbox) -> list[partial[None]]:
        mine = [
            c
            for c in self.items.values()
            if isinstance(c, Container) and c.sandbox_id == sandbox.id
        ]
        if sandbox.state is SandboxState.READY:
            actions = [partial(self._create, sandbox, name) for name in ("app", "side")]
            if all(c.state is ContainerState.EXITED for c in mine):
                actions.append(partial(self._step, sandbox, SandboxState.NOTREADY))
            return actions
        actions = []
        if sandbox.uid:
            actions.append(partial(self._run_pod, sandbox.uid, sandbox.attempt + 1))
        if not mine or sandbox.uid:
            actions.append(partial(self._step, sandbox, SandboxState.REMOVED))
        return actions

    def _container_actions(self, container: Container) -> list[partial[None]]:
        match container.state:
            case ContainerState.CREATED:
                actions = [
                    partial(self._step, container, ContainerState.RUNNING),
                    partial(self._step, container, ContainerState.EXITED, 128),
                ]
                if not self.straight:
                    actions.append(partial(self._step, container, ContainerState.REMOVED))
                return actions
            case ContainerState.RUNNING:
                return [
                    partial(self._step, container, ContainerState.EXITED, code) for code in (0, 137)
                ]
            case _:
                return [partial(self._step, container, ContainerState.REMOVED)]

    def _run_pod(self, uid: str, attempt: int) -> None:
        self.made += 1
        sandbox = Sandbox(
            f"s{self.made}", uid, "ns", f"pod-{uid}", attempt, labels={"made": str(self.made)}
        )
        self._step(sandbox, SandboxState.READY)

    def _create(self, sandbox: Sandbox, name: str) -> None:
        self.made += 1
        attempts = [
            c.attempt + 1
            for c in self.items.values()
            if isinstance(c, Container) and c.sandbox_id == sandbox.id and c.name == name
        ]
        container = Container(
            f"c{self.made}",
            sandbox.id,
            name,
            max(attempts, default=0),
            image="busybox",
            pod_uid=sandbox.uid,
            pod_name=sandbox.name if sandbox.uid else "",
            pod_namespace="ns" if sandbox.uid else "",
            labels={"name": name},
        )
        self._step(container, ContainerState.CREATED)

    def _step(self, item: Item, state: int, exit_code: int | None = None) -> None:
        is_sandbox = isinstance(item, Sandbox)
        fact = Fact(len(self.facts), item.id, is_sandbox, state, exit_code)
        self.facts.append(fact)
        if fact.removed:
            del self.items[item.id]
        elif isinstance(item, Sandbox):
            new = replace(item, state=SandboxState(state))
            self.items[item.id] = new if new.created_at else replace(new, created_at=fact.at)
        elif state == ContainerState.CREATED:
            self.items[item.id] = replace(item, state=ContainerState.CREATED, created_at=fact.at)
        elif state == ContainerState.RUNNING:
            self.items[item.id] = replace(item, state=ContainerState.RUNNING, started_at=fact.at)
        else:
            self.items[item.id] = replace(
                item,
                state=ContainerState.EXITED,
                finished_at=fact.at,
                exit_code=exit_code,
                reason={0: "Completed", 137: "OOMKilled"}.get(exit_code or 0, "StartError"),
            )


def play(choices: list[int], *, labelled: bool = False, straight: bool = False) -> History:
    """The history that these choices make."""
    return _Node(labelled=labelled, straight=straight).play(choices)


def histories(
    *, labelled: bool = False, straight: bool = False, longest: int = 40
) -> st.SearchStrategy[History]:
    """Any history.

    Args:
        labelled: every pod has a UID, as the kubelet's have.
        straight: no container is removed that has not exited before.
        longest: in facts.
    """
    return st.lists(st.integers(0, 10_000), min_size=1, max_size=longest).map(
        partial(play, labelled=labelled, straight=straight)
    )


# ---- messages ----


def listed(world: World) -> tuple[list[Sandbox], list[Container]]:
    """A listing's answer: it knows no start, no end and no exit code."""
    sandboxes = [item for item in world.values() if isinstance(item, Sandbox)]
    containers = [
        replace(item, started_at=0, finished_at=0, exit_code=None, reason="")
        for item in world.values()
        if isinstance(item, Container)
    ]
    return sandboxes, containers


def tell_listing(
    live: LiveState, world: World, *, asked: int, mono: int, baseline: bool = False
) -> None:
    live.apply_listing(*listed(world), asked=asked, mono=mono, wall=wall(mono), baseline=baseline)


def tell_status(
    live: LiveState, world: World, object_id: str, mono: int, *, says_sandbox: bool = False
) -> None:
    """A look-up's answer; a ContainerStatus does not name the container's sandbox."""
    item = world.get(object_id)
    if isinstance(item, Sandbox):
        live.apply_sandbox(item, mono=mono, wall=wall(mono))
    elif isinstance(item, Container):
        said = item if says_sandbox else replace(item, sandbox_id="")
        live.apply_container(said, mono=mono, wall=wall(mono))


def tell_event(live: LiveState, fact: Fact, mono: int) -> None:
    """A bare event, as containerd's own are."""
    live.apply_event(
        fact.id,
        is_sandbox=fact.is_sandbox,
        state=fact.state,
        at=fact.at,
        mono=mono,
        wall=wall(mono),
        exit_code=fact.exit_code,
    )


def tell_cri_event(live: LiveState, history: History, fact: Fact, mono: int) -> None:
    """An event with the snapshot of its pod, as the CRI's are."""
    before, after = history.worlds[fact.index], history.worlds[fact.index + 1]
    subject = after.get(fact.id) or before[fact.id]
    pod = subject.id if isinstance(subject, Sandbox) else subject.sandbox_id
    for item in after.values():
        if item.id == pod or (isinstance(item, Container) and item.sandbox_id == pod):
            tell_status(live, after, item.id, mono, says_sandbox=True)
    tell_event(live, fact, mono)


# ---- what is seen ----


def key_of(item: Item) -> str:
    """The pod that an item belongs to."""
    if isinstance(item, Sandbox):
        return item.uid or item.id
    return item.pod_uid or item.sandbox_id


def truth(world: World) -> dict[str, tuple[str, int]]:
    """Id to (pod, state), as it is."""
    return {item.id: (key_of(item), int(item.state)) for item in world.values()}


def seen(live: LiveState) -> dict[str, tuple[str, int]]:
    """Id to (pod, state), as the pods show it."""
    shown: dict[str, tuple[str, int]] = {}
    for key, pod in live.pods.items():
        shown |= {sandbox.id: (key, int(sandbox.state)) for sandbox in pod.sandboxes}
        shown |= {container.id: (key, int(container.state)) for container in pod.containers}
    return shown
