"""What a gate says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quality.thresholds import NAMED_FAILURES


class GateError(RuntimeError):
    """The gate itself could not work: nothing was judged."""


@dataclass(frozen=True)
class Outcome:
    """One expectation over one asset. ``failures`` are the rows of the asset that broke it."""

    suite: str
    expectation: str
    description: str
    severity: str
    message: str
    """Chinese sentence with the asset's columns as fields, filled for each failure."""
    element_count: int
    failures: tuple[dict[str, Any], ...] = ()

    def sentence(self, failure: dict[str, Any]) -> str:
        return self.message.format_map(failure)


@dataclass(frozen=True)
class Finding:
    """One broken expectation, told in words."""

    expectation: str
    severity: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """``is_passed`` is False only after a critical finding. ``batch_id`` is None for the marts."""

    run_id: str
    batch_id: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def critical(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "critical")

    @property
    def is_passed(self) -> bool:
        return not self.critical

    @property
    def reason(self) -> str | None:
        """Every critical finding in one line, or None."""
        return "；".join(finding.message for finding in self.critical) or None


def tell(sentences: Sequence[str]) -> str:
    """The first few sentences, and how many more there are."""
    named = "；".join(sentences[:NAMED_FAILURES])
    rest = len(sentences) - NAMED_FAILURES
    return f"{named}；另有 {rest} 项" if rest > 0 else named
