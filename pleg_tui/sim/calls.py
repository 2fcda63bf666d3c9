"""How a call names what it is about, and how it fails; shared by all calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.message import Message

from pleg_tui.sim.objects import Container, Sandbox
from pleg_tui.sim.runtime import Runtime
from pleg_tui.sim.world import NotFoundError

Answer = bytes | Message
Methods = dict[str, tuple[type[Message], Callable[[Any], Any]]]
"""By short name: what a call takes, and what answers it."""
T = TypeVar("T")


class CallError(Exception):
    """A call that fails; code is the name of a gRPC status code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def one(find: Callable[[str], T], wanted: str) -> list[T]:
    """What a finder finds, or nothing."""
    try:
        return [find(wanted)]
    except NotFoundError:
        return []


def find_sandbox(runtime: Runtime, wanted: str) -> Sandbox:
    """The sandbox of an id or its beginning.

    Raises:
        CallError: NOT_FOUND, in the runtime's words.
    """
    for sandbox in one(runtime.world.find_sandbox, wanted):
        return sandbox
    raise CallError("NOT_FOUND", _words(runtime, wanted, sandbox=True))


def find_container(runtime: Runtime, wanted: str) -> Container:
    """The container of an id or its beginning.

    Raises:
        CallError: NOT_FOUND, in the runtime's words.
    """
    for container in one(runtime.world.find_container, wanted):
        return container
    raise CallError("NOT_FOUND", _words(runtime, wanted, sandbox=False))


def _words(runtime: Runtime, wanted: str, *, sandbox: bool) -> str:
    """How the runtime says that something is not there."""
    name = runtime.flavour.runtime_name
    if name == "containerd":
        if sandbox:
            return "an error occurred when try to find sandbox: not found"
        return f'an error occurred when try to find container "{wanted}": not found'
    if name == "cri-o":
        kind, thing = ("pod", "PodSandbox") if sandbox else ("container", "container")
        return (
            f'could not find {kind} "{wanted}": {thing} with ID starting with {wanted} '
            "not found: ID does not exist"
        )
    return f"Error response from daemon: No such container: {wanted}"
