"""Files that a command was told to write, and what may not be written into them.

The program mostly runs as root, and the place it is told to write to may be one where others can
write too (/tmp): no symbolic link that another user planted is followed, no file of another user's
is written to, and what is made is for its owner alone, whatever the umask is.
"""

from __future__ import annotations

import errno
import os
import re
import stat

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
"""As many as the kernel follows on one path (MAXSYMLINKS)."""
# Not compiled before they are needed: they are a long way from the start of most runs.
_SECRETS = (
    (r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", r"\1 (hidden)", re.IGNORECASE),
    (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", "(token hidden)", 0),
    (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)",
        "(private key hidden)",
        re.DOTALL,
    ),
    (
        r"([\w-]*(?:passw(?:or)?d|passwd|secret|token|api_?key|credential)[\w-]*"
        r"[\"']?\s*[=:]\s*[\"']?)(?!\(hidden\))[^\s\"',;]+",
        r"\1(hidden)",
        re.IGNORECASE,
    ),
)


class NotPrivate(OSError):
    """It is not written there; strerror says why, as of any other OSError."""


def redacted(text: str) -> str:
    """A text for a log or a fault's sentence, without what looks like a secret.

    Bearer tokens, JSON web tokens, private keys, and what follows a name such as `DB_PASSWORD=`.
    """
    for secret, instead, flags in _SECRETS:
        text = re.sub(secret, instead, text, flags=flags)
    return text


def open_folder(path: str) -> int:
    """A descriptor (O_PATH) of a folder that exists.

    A symbolic link on the way is followed only where nobody else could have planted it: it is ours
    or root's, as the kernel's protected_symlinks has it, which not every node turns on.

    Raises:
        OSError: there is none, or there is such a link.
    """
    rest = os.path.abspath(path).split("/")[1:]  # noqa: PTH100
    rest.reverse()
    trail = [os.open("/", _FOLDER)]
    links = 0
    try:
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(trail) > 1:
                    os.close(trail.pop())
                continue
            status = os.stat(name, dir_fd=trail[-1], follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode):
                trail.append(os.open(name, _FOLDER, dir_fd=trail[-1]))
                continue
            links += 1
            if links > _MOST_LINKS:
                raise NotPrivate(errno.ELOOP, "too many symbolic links on the way")
            if status.st_uid not in (0, os.geteuid()):
                raise NotPrivate(errno.ELOOP, f"{name} is a symbolic link of another user's")
            target = os.readlink(name, dir_fd=trail[-1])
            if target.startswith("/"):
                while len(trail) > 1:
                    os.close(trail.pop())
            rest.extend(reversed(target.split("/")))
        return os.dup(trail[-1])
    finally:
        for descriptor in trail:
            os.close(descriptor)


def create(path: str) -> int:
    """A new file, open for writing; never one that is there already.

    Raises:
        OSError: FileExistsError when something is there, whatever it is.
    """
    folder = open_folder(os.path.dirname(path) or ".")  # noqa: PTH120
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(os.path.basename(path), flags, 0o600, dir_fd=folder)  # noqa: PTH119
    finally:
        os.close(folder)


def append(path: str) -> int:
    """A file of our own, open for writing at its end; made where there is none.

    Raises:
        OSError: it cannot be, or what is there is a link, no plain file, has a second name, or is
            another user's.
    """
    folder = open_folder(os.path.dirname(path) or ".")  # noqa: PTH120
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        # Not blocking, so that opening a pipe without a reader does not hang.
        name = os.path.basename(path)  # noqa: PTH119
        descriptor = os.open(name, flags | os.O_NONBLOCK, 0o600, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP and not isinstance(error, NotPrivate):
            raise NotPrivate(errno.ELOOP, "it is a symbolic link, and none is followed") from None
        raise
    finally:
        os.close(folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivate(errno.EINVAL, "it is no plain file")
        if status.st_uid != os.geteuid():
            raise NotPrivate(errno.EPERM, "it belongs to another user")
        if status.st_nlink > 1:
            raise NotPrivate(errno.EMLINK, "it has a second name (a hard link)")
        if stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
