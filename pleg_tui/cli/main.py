"""The entry point: reads the command line, runs one command, and never shows a traceback."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from pleg_tui.cli import parser
from pleg_tui.cli.errors import FAULT, INTERRUPTED, CliError, UsageError, reader_gone, say

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What a write to standard output says of a full or broken disk; it names no file."""


def console() -> NoReturn:
    """`pleg-tui` itself."""
    # Whatever is made, by a library too, is for its owner alone.
    os.umask(os.umask(0o077) | 0o077)
    _own_standard_streams()
    _no_tracebacks()
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of this process when None.

    Returns:
        The exit code.
    """
    debug = ""
    try:
        options = parser.parse(arguments)
        debug = getattr(options, "debug", "")
        _log_to(debug)
        code = _run(options)
    except CliError as error:
        say(str(error))
        code = error.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        reader_gone()
        code = 0
    except SystemExit as ending:  # --help and --version
        code = ending.code if isinstance(ending.code, int) else 0
    except Exception as error:
        code = FAULT
        if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
            _unwritable(error)
        else:
            _fault(error, debug)
    return _flushed(code)


def _run(options: Namespace) -> int:
    """The command that was asked for; each is imported only when it is."""
    command = getattr(options, "command", None)
    if command == "config":
        from pleg_tui.cli import config

        return config.run(options)
    if command == "simulate":
        from pleg_tui.cli import simulate

        return simulate.run(options)
    from pleg_tui.cli import settings

    resolved = settings.resolve(options, os.environ)
    settings.apply(options, resolved)
    if command is None or command == "demo":
        # Until the first picture nothing is dropped that were worth a search: a fifth of the start.
        gc.disable()
        from pleg_tui.cli import dashboard

        return dashboard.run(options, resolved)
    if command == "compare":
        from pleg_tui.cli import compare

        return compare.run(options)
    if command == "pods":
        from pleg_tui.cli import pods

        return pods.run(options)
    if command == "check":
        from pleg_tui.cli import check

        return check.run(options)
    if command == "switch":
        from pleg_tui.cli import switch

        return switch.run(options)
    if command == "rollback":
        from pleg_tui.cli import rollback

        return rollback.run(options)
    from pleg_tui.cli import events

    return events.run(options)


def _log_to(path: str) -> None:
    import logging

    # Without any handler, logging would write what it is told, tracebacks too, to the terminal.
    logging.getLogger().addHandler(logging.NullHandler())
    if not path:
        return
    from pleg_tui.private import append, redacted

    class _Private(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redacted(super().format(record))

    try:
        handler = logging.StreamHandler(os.fdopen(append(path), "a", encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"--debug {path} cannot be written ({error.strerror}): name another file"
        ) from None
    handler.setFormatter(_Private("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    logging.getLogger(__name__).info("%s", sys.argv)


def _fault(error: Exception, debug: str) -> None:
    """Say that this program failed, in one sentence; the log gets the traceback."""
    from pleg_tui.cri.clean import clean
    from pleg_tui.private import redacted

    what = clean(redacted(f"{type(error).__name__}: {error}"), 300)
    if debug:
        import logging

        logging.getLogger(__name__).exception("fault")
        say(f"a fault of this program, sorry ({what}): the details are in {debug}")
    else:
        say(f"a fault of this program, sorry ({what}): --debug FILE writes the details there")


def _flushed(code: int) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        reader_gone()
    except OSError as error:
        _unwritable(error)
        return code or FAULT
    return code


def _unwritable(error: OSError) -> None:
    reader_gone()
    say(f"standard output cannot be written: {error.strerror}")


def _no_tracebacks() -> None:
    """What fails in a thread, or while something is thrown away, goes to the log alone."""
    import threading

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            _logged(failed.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = lambda failed: _logged(failed.exc_value)


def _logged(error: BaseException | None) -> None:
    import logging

    with contextlib.suppress(Exception):
        logging.getLogger(__name__).error("fault", exc_info=error)


def _own_standard_streams() -> None:
    """Fill the places of standard streams that the caller closed.

    Otherwise the next file or pipe to be opened would get such a number, and what is meant for
    people would be written into it.
    """
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
