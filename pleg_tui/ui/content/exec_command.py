"""The command that opens a shell in a container: crictl's, with this program's own endpoint."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence

FOLDERS = ("/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/opt/bin", "/var/lib/rancher/rke2/bin")
"""Where crictl is found although sudo's PATH leaves it out."""


class CommandError(ValueError):
    """The command cannot be run; the text is one clear sentence."""


def shell_command(
    container_id: str,
    endpoint: str,
    root: str = "/",
    *,
    exists: Callable[[str], bool] = os.path.exists,
    path: str | None = None,
) -> tuple[list[str], bool]:
    """The command as words, and whether its program is there.

    Under another root, where this machine has no crictl of its own, the node's is run in it.

    Args:
        container_id: whose shell.
        endpoint: of the runtime, as this program reaches it.
        root: where the node's file system is seen from here.
        exists: whether there is a file.
        path: where to look for programs; PATH unless given.
    """
    found = shutil.which("crictl", path=path)
    if found is None:
        found = next((f"{f}/crictl" for f in FOLDERS if exists(f"{f}/crictl")), None)
        program = [found or "crictl"]
    else:
        program = ["crictl"]
    if found is None and os.path.normpath(root) != "/":
        inside = next((f"{f}/crictl" for f in FOLDERS if exists(f"{root}{f}/crictl")), None)
        if inside is not None:
            program = ["chroot", root, inside]
            endpoint = without_root(endpoint, root)
            found = inside
    words = [*program, "--runtime-endpoint", endpoint, "exec", "-it", container_id, "sh"]
    return words, found is not None


def without_root(endpoint: str, root: str) -> str:
    """The endpoint as it is called inside the root."""
    scheme, found, path = endpoint.rpartition("://")
    inside = path.removeprefix(root.rstrip("/"))
    return f"{scheme}{found}{inside}" if inside.startswith("/") else endpoint


def as_text(words: Sequence[str]) -> str:
    """The words as they are typed into a shell."""
    return shlex.join(words)


def as_words(text: str) -> list[str]:
    """What was typed, as words; no shell interprets it.

    Raises:
        CommandError: a quote is left open, or nothing was typed.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandError(f"that is not a command: {str(error).lower()}") from None
    if not words:
        raise CommandError("there is no command to run")
    return words
