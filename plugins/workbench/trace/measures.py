"""What is held against what: the three measures of an energy figure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.workbench.trace.steps import Step, check

if TYPE_CHECKING:
    from plugins.workbench.trace.walk import Walk

MEASURES = {"quantity": "实物量", "tce_equivalent": "标准煤（当量）tce", "tce_equal": "标准煤（等价）tce"}


def own_energy(walk: Walk) -> set[str]:
    """The energy that the figure itself names; comprehensive consumption, flows and meters name none."""
    return set() if walk.figure.energy_code is None else {walk.figure.energy_code}


def check_row(step: Step, subject: str, row: dict[str, Any], measure: str, parts: list[Decimal | None]) -> None:
    """Hold parts against a row's own value of a measure, with the row's reason where it has none."""
    check(step, subject, MEASURES[measure], row[measure], parts, row.get(f"{measure}_reason"))
