"""Expectations of a figure, shortly: each has a severity, a name, and its words in Chinese.

``name`` is what ops.quality_results calls the expectation, ``description`` what Data Docs show, ``message``
what is told of a row that breaks it, with the asset's columns as fields.
"""

from __future__ import annotations

from great_expectations.expectations import (
    Expectation,
    ExpectColumnPairValuesToBeEqual,
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.metadata_types import FailureSeverity


def equal(columns: tuple[str, str], severity: str, name: str, description: str, message: str) -> Expectation:
    """Two figures are the same; where either is null they do not apply."""
    return ExpectColumnPairValuesToBeEqual(
        column_A=columns[0],
        column_B=columns[1],
        ignore_row_if="either_value_is_missing",
        severity=FailureSeverity(severity),
        description=description,
        meta={"name": name, "message": message},
    )


def between(
    column: str,
    bounds: tuple[float | None, float | None],
    severity: str,
    name: str,
    description: str,
    message: str,
) -> Expectation:
    """A figure lies within its bounds, both included; None is no bound, a null figure does not apply."""
    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=bounds[0],
        max_value=bounds[1],
        severity=FailureSeverity(severity),
        description=description,
        meta={"name": name, "message": message},
    )
