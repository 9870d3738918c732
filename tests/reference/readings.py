"""Which readings count (contract §2, first paragraph).

Choices where the contract is silent:

* Row faults come first: an unknown meter, ``quality = bad``, a stamp more than 5 minutes
  after its batch arrived, a value that is no number. Such rows take no part in anything
  else, so a bad row of a higher revision does not hide a good one of a lower revision.
* A dispute makes its (instant, revision) void. When that is the highest revision of the
  instant, the instant has no reading: lower revisions do not step in. Disputes among
  lower revisions are quarantined as well.
* ``quality`` is no part of a reading's identity: the same value again, under another
  quality, is the same value again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import TypeAlias

from tests.reference.model import Instant, Reading

#: Clocks of meters may run ahead of ours by this much, in seconds.
CLOCK_TOLERANCE = 300

Key: TypeAlias = tuple[str, Instant, int, Fraction | None]
Verdicts: TypeAlias = dict[Key, str]


def row_fault(reading: Reading, known_meters: frozenset[str]) -> str | None:
    """Why this row is refused on its own, or None."""
    if reading.value is None:
        return "not_a_number"
    if reading.meter_code not in known_meters:
        return "unknown_meter"
    if reading.quality == "bad":
        return "bad_quality"
    if reading.received_at is not None and reading.at > reading.received_at + CLOCK_TOLERANCE:
        return "future_stamp"
    return None


def judge_rows(
    readings: Iterable[Reading], known_meters: frozenset[str]
) -> tuple[dict[str, dict[Instant, Reading]], Verdicts]:
    """The undisputed winner per meter and instant, and the verdicts on refused rows."""
    verdicts: Verdicts = {}
    instants: dict[tuple[str, Instant], dict[int, set[Fraction]]] = defaultdict(lambda: defaultdict(set))
    for reading in readings:
        fault = row_fault(reading, known_meters)
        if fault is not None:
            verdicts[reading.key] = fault
        elif reading.value is not None:
            instants[reading.meter_code, reading.at][reading.revision].add(reading.value)

    winners: dict[str, dict[Instant, Reading]] = defaultdict(dict)
    for (meter_code, at), revisions in instants.items():
        for revision, values in revisions.items():
            if len(values) > 1:
                for value in values:
                    verdicts[meter_code, at, revision, value] = "disputed"
        highest = max(revisions)
        if len(revisions[highest]) == 1:
            (value,) = revisions[highest]
            winners[meter_code][at] = Reading(meter_code, at, value, revision=highest)
    return winners, verdicts
