"""The yardstick's readings, day by day in whole columns, and what they must add up to.

Counters advance by whole counts, so the truth is exact: of a counter the quantity between its first and its
last good reading, whatever is missing or wrong between; of intervals and rates the sum of the good values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

from tests.bench.plan import DIGITS, REGISTER_MAX, SLOTS_PER_HOUR, Plan

SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR
MANUAL_SLOT = 32  # read by hand at 08:00
REPLACED_SLOT = 40
REPLACED_AFTER = timedelta(minutes=7, seconds=30)
"""A replaced meter is changed between two readings, half-way through its quarter of an hour."""

GAP_DAY_SHARE = 0.05
SPIKE_SHARE = 1 / 5000
DISPUTE_SHARE = 1 / 3000
DOUBLE_SHARE = 1 / 500
SPIKE_COUNTS = 5000 * DIGITS
DISPUTE_COUNTS = 1 * DIGITS
SHAPE = 1 + 0.4 * np.sin(2 * np.pi * (np.arange(SLOTS_PER_DAY) - 36) / SLOTS_PER_DAY)
NOISE = 0.2


@dataclass
class Day:
    """A day's rows in the order a gateway writes them, slot by slot; ``meter`` is the place in the plan."""

    date: date
    slot: np.ndarray
    meter: np.ndarray
    counts: np.ndarray

    def of(self, chosen: np.ndarray) -> Day:
        return Day(self.date, self.slot[chosen], self.meter[chosen], self.counts[chosen])

    def table(self, codes: pa.Array) -> pa.Table:
        """Columns meter_code, read_at (local, ISO 8601), value."""
        midnight = datetime.combine(self.date, time())
        stamps = pa.array(
            [f"{midnight + timedelta(minutes=15 * slot):%Y-%m-%d %H:%M}" for slot in range(SLOTS_PER_DAY)]
        )
        return pa.table(
            {
                "meter_code": codes.take(pa.array(self.meter)),
                "read_at": stamps.take(pa.array(self.slot)),
                "value": self.counts / DIGITS,
            }
        )


@dataclass
class Course:
    """Every meter's course through the days; must be asked for them in their order."""

    plan: Plan
    first_day: date
    replaced_on: date
    events: list[dict[str, str]] = field(default_factory=list)
    """Rows of meter_events."""

    def __post_init__(self) -> None:
        meters = len(self.plan.codes)
        random = np.random.default_rng([self.plan.seed, 1, meters])
        self._passed = np.zeros(meters, dtype=np.int64)
        self._shown = random.integers(0, REGISTER_MAX * DIGITS, meters)  # what a counter shows beyond `passed`
        self._first_good = np.full(meters, -1, dtype=np.int64)
        self._last_good = np.zeros(meters, dtype=np.int64)
        self._summed = np.zeros(meters, dtype=np.int64)
        self._is_counter = np.isin(self.plan.kinds, ("register", "manual"))

    def days(self, count: int) -> Iterator[Day]:
        """The next days in full, with their misery."""
        for number in range(count):
            yield self._day(self.first_day + timedelta(days=number), is_last=number == count - 1)

    def slots(self, day: date, count: int) -> Iterator[tuple[Day, dict[str, Decimal]]]:
        """Single quarters of an hour after the last day, without misery, and the truth after each."""
        advance = self._advance(day)
        meters = np.flatnonzero(self.plan.every_slot)
        for slot in range(count):
            values = self._values(advance)[slot]
            is_good = np.zeros(advance.shape, dtype=bool)
            is_good[slot, meters] = True
            self._note(advance, is_good)
            yield Day(day, np.full(len(meters), slot), meters, values[meters]), self.truth()

    def truth(self) -> dict[str, Decimal]:
        """Quantity of each meter up to now, in its energy's unit."""
        counts = np.where(self._is_counter, self._last_good - self._first_good, self._summed)
        counts = np.where(self._is_counter & (self._first_good < 0), 0, counts) * self.plan.multipliers
        return {code: Decimal(int(number)) / DIGITS for code, number in zip(self.plan.codes, counts, strict=True)}

    def _day(self, day: date, *, is_last: bool) -> Day:
        plan = self.plan
        advance = self._advance(day)
        values = self._values(advance)
        self._replace(day, advance, values)
        random = np.random.default_rng([plan.seed, 2, day.toordinal()])
        shape = advance.shape
        slots = np.arange(SLOTS_PER_DAY)[:, None]
        is_read = np.broadcast_to(plan.every_slot, shape) | (slots == MANUAL_SLOT)
        is_miserable = plan.is_miserable & ~(plan.is_replaced & (day == self.replaced_on))
        starts = random.integers(1, SLOTS_PER_DAY - 1, shape[1])
        ends = starts + random.integers(2, 20, shape[1])
        has_gap = is_miserable & (random.random(shape[1]) < GAP_DAY_SHARE)
        is_gap = has_gap & (slots >= starts) & (slots < np.minimum(ends, SLOTS_PER_DAY - is_last))
        # Spikes and disputes keep slots apart from one another, so that each has good neighbours.
        chance = random.random(shape)
        is_spike = is_miserable & (slots % 8 == 3) & (chance < SPIKE_SHARE * 8)
        is_disputed = is_miserable & (slots % 8 == 5) & (chance < DISPUTE_SHARE * 8)
        is_double = is_miserable & (slots % 8 == 6) & (chance < DOUBLE_SHARE * 8)
        self._note(advance, is_read & ~is_gap & ~is_spike & ~is_disputed)
        self._passed = self._passed + advance.sum(axis=0)

        values = values + is_spike * self._spikes()
        repeats = np.where(is_read & ~is_gap, 1 + (is_disputed | is_double), 0).ravel()
        places = np.repeat(np.arange(shape[0] * shape[1]), repeats)
        counts = values.ravel()[places]
        is_second = np.zeros(len(places), dtype=bool)
        is_second[1:] = places[1:] == places[:-1]
        counts = counts + (is_second & is_disputed.ravel()[places]) * DISPUTE_COUNTS
        return Day(day, places // shape[1], places % shape[1], counts)

    def _advance(self, day: date) -> np.ndarray:
        """Counts that pass in each quarter of an hour of a day; depends on seed, plant and date alone."""
        plan = self.plan
        random = np.random.default_rng([plan.seed, 3, day.toordinal()])
        noise = 1 + NOISE * (random.random((SLOTS_PER_DAY, len(plan.codes)), dtype=np.float32) - 0.5)
        weekend = 0.8 if day.weekday() >= 5 else 1.0
        return np.rint(plan.counts_per_slot * SHAPE[:, None] * weekend * noise).astype(np.int64)

    def _values(self, advance: np.ndarray) -> np.ndarray:
        """What each meter shows at the start of each slot, in counts."""
        before = np.cumsum(advance, axis=0) - advance
        shown = (self._passed + self._shown + before) % (REGISTER_MAX * DIGITS)
        kinds = self.plan.kinds
        quantities = np.where(kinds == "rate", advance * SLOTS_PER_HOUR, advance)
        return np.where(self._is_counter, shown, quantities)

    def _spikes(self) -> np.ndarray:
        """How far a spike leaps: on an interval above what the meter may carry."""
        return np.where(self._is_counter, SPIKE_COUNTS, np.int64(100) * np.rint(self.plan.counts_per_slot + 1)).astype(
            np.int64
        )

    def _note(self, advance: np.ndarray, is_good: np.ndarray) -> None:
        """Take a day's good readings into the truth."""
        before = self._passed + np.cumsum(advance, axis=0) - advance
        has_good = is_good.any(axis=0)
        first = np.argmax(is_good, axis=0)
        last = len(is_good) - 1 - np.argmax(is_good[::-1], axis=0)
        meters = np.arange(len(first))
        is_new = has_good & (self._first_good < 0)
        self._first_good = np.where(is_new, before[first, meters], self._first_good)
        self._last_good = np.where(has_good, before[last, meters], self._last_good)
        self._summed += (advance * is_good).sum(axis=0)

    def _replace(self, day: date, advance: np.ndarray, values: np.ndarray) -> None:
        """On their day, meters are taken down within a quarter of an hour and new ones begin at 0."""
        if day != self.replaced_on:
            return
        at = datetime.combine(day, time()) + timedelta(minutes=15 * REPLACED_SLOT) + REPLACED_AFTER
        limit = REGISTER_MAX * DIGITS
        before = np.cumsum(advance, axis=0) - advance
        for meter in np.flatnonzero(self.plan.is_replaced):
            half = advance[REPLACED_SLOT, meter] // 2
            old_last = (values[REPLACED_SLOT, meter] + half) % limit
            passed = self._passed[meter] + before[REPLACED_SLOT, meter] + half
            self._shown[meter] = -passed
            values[REPLACED_SLOT + 1 :, meter] = (self._passed[meter] + before[REPLACED_SLOT + 1 :, meter]) - passed
            self.events.append(
                {
                    "meter_code": self.plan.codes[meter],
                    "event_at": f"{at:%Y-%m-%d %H:%M:%S}",
                    "kind": "replaced",
                    "old_last_reading": str(Decimal(int(old_last)) / DIGITS),
                    "new_first_reading": "0",
                }
            )
