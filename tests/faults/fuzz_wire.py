"""Coverage-guided fuzzing of every reader of foreign bytes: `make fuzz`.

ARGS=-max_total_time=600 has it run longer.
Needs atheris, which `make fuzz` installs. A crash leaves its input as crash-*; nothing found is
silence and exit code 0.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from pleg_tui import frames
    from pleg_tui.cri import decode
    from pleg_tui.cri import runtime_pb2 as cri
    from pleg_tui.cri.wire import WireError
    from pleg_tui.feed.story import Story
    from pleg_tui.frames import Frame, FrameError, Kind
    from pleg_tui.model import Source

KINDS = (Kind.EVENT_CRI, Kind.EVENT_CONTAINERD, Kind.CONTAINER_STATUS, Kind.SANDBOX_STATUS)


def one_input(data: bytes) -> None:
    """The first byte chooses the reader; the rest is what it reads."""
    if not data:
        return
    choice, rest = data[0] % 8, data[1:]
    try:
        if choice < len(KINDS):
            story = Story()
            story.connected(Source.CRI, "cri-o", 1)
            story.apply(Frame(KINDS[choice], rest, mono=2, wall=2))
            story.settle(10**12)
            story.take()
        elif choice == 4:
            decode.listing(rest, rest)
        elif choice == 5:
            decode.as_json(cri.ContainerStatusResponse, rest)
        elif choice == 6:
            frames.unpack_listing(rest)
        else:
            for frame in frames.Reader().feed(rest):
                frame.json()
    except (WireError, FrameError):
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
