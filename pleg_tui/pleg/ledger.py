"""The book of suspects: steps that a listing showed before any event announced them."""

from __future__ import annotations

from typing import NamedTuple

from pleg_tui.pleg import steps
from pleg_tui.pleg.records import Record
from pleg_tui.pleg.steps import Announced, Coverage


class _Batch(NamedTuple):
    """What one listing showed."""

    noticed: int
    suspects: list[tuple[Record, int]]


class Ledger:
    """Suspects by the listing that showed them; an event clears one by announcing its step."""

    def __init__(self, coverage: Coverage) -> None:
        self._batches: list[_Batch] = []
        self.change(coverage)

    def change(self, coverage: Coverage) -> None:
        """Expect from now on what another source announces."""
        self.coverage = coverage
        self._covered = steps.covered(coverage)

    def excuse(self, record: Record) -> None:
        """Expect no event for the steps behind an id that this source does not announce."""
        reached = steps.UP_TO[record.is_sandbox][record.state]
        record.announced |= reached & ~self._covered[record.is_sandbox]

    def suspect(self, records: list[Record], noticed: int) -> None:
        """Note every covered step up to each one's state that nothing announced.

        Args:
            records: what a listing lists, or showed to be gone.
            noticed: when the listing had come, mono.
        """
        suspects: list[tuple[Record, int]] = []
        for record in records:
            kind = record.is_sandbox
            bits = steps.UP_TO[kind][record.state] & self._covered[kind]
            bits &= ~(record.announced | record.suspected)
            if bits:
                record.suspected |= bits
                suspects.append((record, bits))
        if suspects:
            self._batches.append(_Batch(noticed, suspects))

    def settle(self, before: int) -> list[tuple[Record, int]]:
        """The bits that were noticed before a time (mono) and are still not announced.

        None is returned twice: what was suspected once is not suspected again.
        """
        due = [batch for batch in self._batches if batch.noticed < before]
        if not due:
            return []
        self._batches = [batch for batch in self._batches if batch.noticed >= before]
        missed: list[tuple[Record, int]] = []
        for batch in due:
            for record, suspected in batch.suspects:
                bits = suspected & ~record.announced & ~_never_happened(record)
                if bits:
                    missed.append((record, bits))
        return missed


def _never_happened(record: Record) -> int:
    """The step that a container skipped when it went from created to exited without starting."""
    return int(Announced.RUNNING) if not record.is_sandbox and record.ran is False else 0
