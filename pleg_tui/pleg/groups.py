"""Pods put together from their sandboxes and containers, built only when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from pleg_tui.model import Container, Pod, Sandbox


class Group(Struct, eq=False, gc=False):
    """The existing parts of one pod: by their ids while they change, else as the pod holds them."""

    key: str
    changed_at: int = 0
    pod: Pod | None = None
    """What the parts make up; None until somebody looks again."""
    _parts: dict[str, Sandbox | Container] | None = None

    @property
    def parts(self) -> dict[str, Sandbox | Container]:
        """By their ids, to be changed: the pod must then be built again."""
        if self._parts is None:
            pod, self.pod = self.pod, None
            self._parts = {}
            if pod is not None:
                self._parts.update((sandbox.id, sandbox) for sandbox in pod.sandboxes)
                self._parts.update((container.id, container) for container in pod.containers)
        return self._parts

    def build(self, version: int) -> Pod:
        """The pod as `pleg_tui.model.Pod` describes it, the same for the same parts."""
        parts = self.parts.values()
        sandboxes = tuple(
            sorted(
                (part for part in parts if isinstance(part, Sandbox)),
                key=lambda s: (s.attempt, s.created_at, s.id),
                reverse=True,
            )
        )
        newest_first = sorted(
            (part for part in parts if isinstance(part, Container)),
            key=lambda c: (c.attempt, c.created_at, c.id),
            reverse=True,
        )
        containers = tuple(sorted(newest_first, key=lambda c: c.name))
        namespace, name = next(
            ((s.namespace, s.name) for s in sandboxes if s.name),
            next(((c.pod_namespace, c.pod_name) for c in containers if c.pod_name), ("", "")),
        )
        self._parts = None
        self.pod = Pod(
            uid=self.key,
            namespace=namespace,
            name=name,
            sandbox=sandboxes[0] if sandboxes else None,
            sandboxes=sandboxes,
            containers=containers,
            version=version,
            changed_at=self.changed_at,
        )
        return self.pod


class Groups(Mapping[str, Pod]):
    """Every pod by its key, as a read-only mapping that builds a Pod when it is asked for."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._version = 0
        self._dirty: set[str] = set()

    def __getitem__(self, key: str) -> Pod:
        group = self._groups[key]
        if group.pod is None:
            self._version += 1
            return group.build(self._version)
        return group.pod

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, key: object) -> bool:
        return key in self._groups

    def put(self, key: str, part: Sandbox | Container) -> None:
        """A part of this pod is new or different."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key)
        group.parts[part.id] = part
        self._dirty.add(key)

    def drop(self, key: str, part_id: str) -> None:
        """A part of this pod is gone; the pod goes with its last part."""
        group = self._groups.get(key)
        if group is None:
            return
        group.parts.pop(part_id, None)
        self._dirty.add(key)
        if not group.parts:
            del self._groups[key]

    def stamp(self, key: str, wall: int) -> None:
        """Something in this pod climbed at this wall time (ns; 0: nobody saw it)."""
        group = self._groups.get(key)
        if group is not None and wall:
            group.changed_at = wall

    def take(self) -> tuple[frozenset[str], frozenset[str]]:
        """The keys of pods that changed, and of those that are gone, since the last call."""
        if not self._dirty:
            return frozenset(), frozenset()
        changed = frozenset(key for key in self._dirty if key in self._groups)
        removed = frozenset(self._dirty - changed)
        self._dirty = set()
        return changed, removed

    def names(self, key: str) -> tuple[str, str]:
        """A pod's namespace and name, empty where nothing said them."""
        if key not in self._groups:
            return "", ""
        pod = self[key]
        return pod.namespace, pod.name
