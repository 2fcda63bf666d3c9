"""Modules that libraries import and that are seldom or never needed here load when they are used.

An `import` of one of them binds a module that is still empty; the first look at anything in it
loads it, in place, so whoever has imported it has the real one. A fifth of what the dashboard's
start spent on imports was such modules. Measured: docs/performance.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

SELDOM = frozenset(
    {
        "asyncio.sslproto",
        "calendar",
        "google.protobuf.internal.python_message",  # the C implementation is in its place
        "ipaddress",
        "mimetypes",
        "msgspec._json_schema",
        "msgspec.inspect",
        "shutil",
        "ssl",
        "tokenize",
    }
)
"""None is a package, none is imported for what its loading does, and whoever imports one imports it
whole: `from ssl import …` loads it."""


class _Later(ModuleType):
    """A module that is loaded when something is looked up that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        own = vars(self)
        with own["_lock"]:
            if type(self) is _Later:  # no other thread was faster
                if own["_loads"]:  # it looks for something in itself
                    raise AttributeError(name)
                own["_loads"] = True
                try:
                    own["__loader__"].exec_module(self)
                    self.__class__ = ModuleType  # type: ignore[assignment]
                finally:
                    own["_loads"] = False
        return getattr(self, name)


class _Loader:
    """Leaves a module empty until it is used."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        return None  # Python's own will do

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__loader__ = self._real
        vars(module).update(_lock=RLock(), _loads=False)
        module.__class__ = _Later


class _Finder:
    """Finds the modules that can wait, before Python's own finders do."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


def put_off(names: Iterable[str] = SELDOM) -> None:
    """From now on these modules, where they are not loaded yet, load when they are first used."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(names))
