"""What is asked of a run of the sender, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import date


@dataclass(frozen=True)
class Filled:
    """What one filling did, in rows."""

    filled: int = 0
    corrected: int = 0
    """Of these, how many take the place of a value that was sent."""
    forgotten: int = 0
    """Never sent, and no longer in the marts."""
    held: int = 0
    """Left as they were: a build has computed them and the gate over the marts has not passed them yet."""

    def __add__(self, other: Filled) -> Filled:
        return Filled(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class SenderError(RuntimeError):
    """The run can't go on; the message says why and what to do. Rows stay unsent."""


class BusyError(SenderError):
    """Another run of this destination is under way."""


@dataclass
class Report:
    """What a run did. ``problems`` are for people; the run is finished when nothing is left to send or held back."""

    run_id: str
    destination: str
    filled: Filled = field(default_factory=Filled)
    sent: int = 0
    acked: int = 0
    failed: int = 0
    differences: int = 0
    left: int = 0
    """Rows of the asked range that are not acknowledged: unsent ones and failed ones."""
    problems: list[str] = field(default_factory=list)
    is_cut_short: bool = False
    """The platform could not be worked with, or no longer."""

    @property
    def is_finished(self) -> bool:
        return self.left == 0 and self.filled.held == 0


@dataclass(frozen=True)
class Request:
    """What is asked of a run: days (half-open), items, and why it runs."""

    trigger: str
    first: date | None = None
    after: date | None = None
    codes: Sequence[str] | None = None
    slot_date: date | None = None
