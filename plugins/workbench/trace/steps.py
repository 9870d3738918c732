"""What a trace consists of: steps with rows, and checks that the rows of a step add up to the one above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

TOLERANCE = Decimal("0.000001")
"""Contract §2: sums agree to 1e-6; of large figures, to the ninth digit."""

RELATIVE_TOLERANCE = Decimal("0.000000001")

STEPS = (
    "figure",
    "composition",
    "flows",
    "documents",
    "coefficients",
    "meters",
    "hours",
    "counts",
    "rejected",
    "readings",
    "refused",
    "batches",
)
"""Names of the steps in the order of the walk."""


@dataclass(frozen=True)
class Column:
    """A column of a step: the key in its rows and its Chinese title (with the unit where it is the same in all)."""

    key: str
    title: str


@dataclass(frozen=True)
class Check:
    """A sum held against the figure it should give. ``figure`` None: not known, ``reason`` says why."""

    subject: str
    measure: str
    figure: Decimal | None
    total: Decimal | None
    parts: int
    reason: str | None = None

    @property
    def difference(self) -> Decimal | None:
        if self.figure is None or self.total is None:
            return None
        return self.total - self.figure

    @property
    def state(self) -> str:
        """agrees, differs, or unknown (the figure can't be computed, so that nothing can be held against it)."""
        if self.figure is None:
            return "unknown" if self.reason or self.total is None else "differs"
        if self.difference is None:
            return "differs"
        allowed = max(TOLERANCE, abs(self.figure) * RELATIVE_TOLERANCE)
        return "agrees" if abs(self.difference) <= allowed else "differs"


@dataclass
class Step:
    """One step of the walk. ``query`` names the .sql file it came from, ``parameters`` what it was run with."""

    name: str
    title: str
    query: str
    parameters: dict[str, Any]
    columns: Sequence[Column]
    rows: list[dict[str, Any]]
    limit: int | None = None
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sum_key: str | None = None
    """Column of which the sum of the rows not shown is told."""

    @property
    def shown(self) -> list[dict[str, Any]]:
        return self.rows if self.limit is None else self.rows[: self.limit]

    @property
    def hidden_count(self) -> int:
        return len(self.rows) - len(self.shown)

    @property
    def hidden_sum(self) -> Decimal | None:
        if self.sum_key is None:
            return None
        return total(row[self.sum_key] for row in self.rows[len(self.shown) :])


@dataclass
class Trace:
    """A figure of a period, walked back."""

    site_code: str
    site_name: str
    timezone: str
    figure: str
    label: str
    period: str
    period_type: str
    starts_local: Any
    ends_local: Any
    steps: list[Step] = field(default_factory=list)

    def step(self, name: str) -> Step:
        """The step of that name; KeyError when the walk did not get there."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    @property
    def differing(self) -> list[Check]:
        return [check for step in self.steps for check in step.checks if check.state == "differs"]


def total(values: Any) -> Decimal | None:
    """Sum of what is known; None when nothing is: missing is never zero."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None


def check(
    step: Step, subject: str, measure: str, figure: Decimal | None, parts: Sequence[Decimal | None], reason: str | None
) -> None:
    """Hold the sum of parts against a figure. A zero of nothing (no such flow, no such document) needs no check."""
    if not parts and not figure:
        return
    step.checks.append(Check(subject, measure, figure, total(parts), len(parts), reason))
