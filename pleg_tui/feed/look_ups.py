"""What is worth a look-up: what listings do not say, and what may move on without an event."""

from __future__ import annotations

from collections import deque

from pleg_tui.model import Container, ContainerState

LINGER_S = 2.0
"""How often what may have moved on untold is thought of."""
MANY = 50
"""More than so many at one time cost the runtime more, one by one, than one listing does."""
_LINGER_TURNS = (0, 2, 6, 14, 30, 62, 126)
"""In which of those turns it is looked up: ever rarer, for about four minutes."""


class LookUps:
    """The queue of them."""

    def __init__(self) -> None:
        self.due: deque[str] = deque()
        """Ids to look up, the most wanted first."""
        self._asked: set[str] = set()
        self._lingering: dict[str, int] = {}

    @property
    def outstanding(self) -> int:
        """Look-ups that were asked for and have not been answered."""
        return max(len(self._asked) - len(self.due), 0)

    @property
    def lingering(self) -> bool:
        """True while something is in a state that no event may end."""
        return bool(self._lingering)

    def is_asked(self, object_id: str) -> bool:
        """A look-up of it is due, or under way."""
        return object_id in self._asked

    def answered(self, object_id: str) -> None:
        """The look-up came back, one way or the other: it may be asked for again."""
        self._asked.discard(object_id)
        if not self._asked:
            self._asked = set()  # one that was large stays so

    def postpone(self) -> None:
        """Forget what was worth one; the next listing finds it again."""
        self.due.clear()
        self._asked.clear()

    def want(self, known: Container | None) -> None:
        """Have a container looked up if a listing leaves out how it began or ended."""
        if known is None or known.state < ContainerState.RUNNING:
            return
        ended = known.state is ContainerState.EXITED and known.exit_code is None
        if (ended or not known.started_at) and known.id not in self._asked:
            self._asked.add(known.id)
            (self.due.appendleft if ended else self.due.append)(known.id)

    def linger(self, object_id: str, may: bool) -> None:
        """It is in another state now, one that may end untold, or not."""
        if may:
            self._lingering[object_id] = 0
        else:
            self._lingering.pop(object_id, None)

    def look_at_lingering(self) -> bool:
        """Have those looked up whose next step may go untold: call it every LINGER_S seconds.

        No runtime announces a start that failed, and CRI-O no sandbox's removal.

        Returns:
            True when they are so many that a listing should be asked for instead.
        """
        now: list[str] = []
        for object_id, turn in list(self._lingering.items()):
            self._lingering[object_id] = turn + 1
            if turn in _LINGER_TURNS:
                now.append(object_id)
            elif turn > _LINGER_TURNS[-1]:
                del self._lingering[object_id]
        if len(now) > MANY:
            return True
        self.due.extend(now)
        return False
