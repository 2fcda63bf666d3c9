"""Making sure that a socket's path may be served on: never another server's, never a file."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

_MAX_SOCKET = 107
"""Bytes that a unix socket's path may have on Linux (sun_path, less its end)."""


class SimulatorError(Exception):
    """The simulator cannot be had; its text is one clear sentence."""


def claim(where: str) -> None:
    """Make the folder, and remove a socket on which nobody listens any more.

    gRPC itself would remove whatever socket it finds there, a real runtime's too.

    Raises:
        SimulatorError: the path is in use, is no socket, is too long, or cannot be had.
    """
    path = Path(where)
    if len(where.encode()) > _MAX_SOCKET:
        raise SimulatorError(f"the path of the socket is longer than {_MAX_SOCKET} bytes: {path}")
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulatorError(f"cannot make the folder of {path}: {error}") from None
        return
    except OSError as error:
        raise SimulatorError(f"cannot look at {path}: {error}") from None
    if not stat.S_ISSOCK(kind):
        raise SimulatorError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(where)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise SimulatorError(f"cannot tell whether {path} is in use: {error}") from None
    raise SimulatorError(f"another server listens on {path}; choose another socket")
