"""From readings to meter hours (contract §2, **interval**, **rate**, **Hours**).

Choices where the contract is silent:

* Hours are whole hours of the UTC epoch; coverage of an hour is capped at 1 where spans
  of one meter overlap (an interval meter whose stamps are off their grid).
* ``new_multiplier`` counts from ``event_at`` on, for every kind; a span that crosses an
  event is divided by time, each part with its own multiplier.
* Hourly consumption, for max_per_hour: of an interval its value × multiplier ÷ its hours,
  of a rate its value × multiplier; with the multiplier in force at the start of its time.
* The *next reading* of a rate is the next one that counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from tests.reference import registers
from tests.reference.model import HOUR, Instant, Meter, Plant, Reading
from tests.reference.readings import Verdicts, judge_rows
from tests.reference.registers import Span


@dataclass
class MeterHour:
    quantity: Fraction = Fraction(0)
    estimated_quantity: Fraction = Fraction(0)
    measured_seconds: Fraction = Fraction(0)
    length: int = HOUR

    @property
    def coverage(self) -> Fraction:
        return min(Fraction(1), self.measured_seconds / self.length)


#: Hour start (epoch seconds) to what is known of the hour.
MeterHours: TypeAlias = dict[int, MeterHour]


def multiplier_parts(meter: Meter, start: Instant, end: Instant) -> list[tuple[Instant, Instant, Fraction]]:
    """[start, end) cut at the meter's events, with the multiplier in force in each part."""
    events = sorted(meter.events, key=lambda event: event.at)
    multipliers = [meter.multiplier]
    for event in events:
        multipliers.append(event.new_multiplier or multipliers[-1])
    cuts = [event.at for event in events]
    edges = [start, *(cut for cut in cuts if start < cut < end), end]
    return [(a, b, multipliers[bisect_right(cuts, a)]) for a, b in pairwise(edges)]


def interval_bounds(meter: Meter, at: Instant) -> tuple[Instant, Instant]:
    length = meter.interval_seconds
    return (at - length, at) if meter.interval_label == "end" else (at, at + length)


def interval_spans(meter: Meter, readings: list[Reading], verdicts: Verdicts) -> list[Span]:
    spans = []
    for reading in readings:
        assert reading.value is not None
        start, end = interval_bounds(meter, reading.at)
        parts = multiplier_parts(meter, start, end)
        hourly = reading.value * parts[0][2] / (meter.interval_seconds / HOUR)
        if is_refused(meter, reading, hourly, verdicts):
            continue
        for a, b, multiplier in parts:
            spans.append(Span(a, b, reading.value * multiplier * Fraction(b - a) / Fraction(end - start)))
    return spans


def rate_spans(meter: Meter, readings: list[Reading], verdicts: Verdicts) -> list[Span]:
    counting = []
    for reading in sorted(readings, key=lambda reading: reading.at):
        assert reading.value is not None
        (_, _, multiplier), *_ = multiplier_parts(meter, reading.at, reading.at + 1)
        if not is_refused(meter, reading, reading.value * multiplier, verdicts):
            counting.append(reading)
    spans = []
    for index, reading in enumerate(counting):
        assert reading.value is not None
        end = reading.at + meter.interval_seconds
        if index + 1 < len(counting):
            following = counting[index + 1].at
            if following - reading.at <= 3 * meter.interval_seconds:
                end = Fraction(following)
        for a, b, multiplier in multiplier_parts(meter, reading.at, end):
            spans.append(Span(a, b, reading.value * multiplier * Fraction(b - a) / HOUR))
    return spans


def is_refused(meter: Meter, reading: Reading, hourly: Fraction, verdicts: Verdicts) -> bool:
    assert reading.value is not None
    if reading.value < 0:
        verdicts[reading.key] = "negative"
    elif meter.max_per_hour is not None and hourly > meter.max_per_hour:
        verdicts[reading.key] = "above_max_per_hour"
    else:
        return False
    return True


def spans_of(meter: Meter, winners: list[Reading], verdicts: Verdicts) -> list[Span]:
    """The meter's spans; verdicts on its readings are added to ``verdicts``."""
    if meter.reading_kind == "interval":
        return interval_spans(meter, winners, verdicts)
    if meter.reading_kind == "rate":
        return rate_spans(meter, winners, verdicts)
    counted = registers.count(meter, winners)
    for reading in counted.outliers:
        verdicts[reading.key] = "outlier"
    return counted.spans


def hours_of(spans: list[Span], unit: int = HOUR) -> MeterHours:
    """Spread every span evenly over its time; an hour (or shorter unit) nothing is known of has no row."""
    hours: MeterHours = defaultdict(lambda: MeterHour(length=unit))
    for span in spans:
        first = int(span.start // unit) * unit
        if span.start == span.end:
            hours[first].quantity += span.quantity
            continue
        length = Fraction(span.end - span.start)
        for hour in range(first, int(-(-span.end // unit)) * unit, unit):
            seconds = Fraction(min(span.end, hour + unit) - max(span.start, hour))
            share = span.quantity * seconds / length
            row = hours[hour]
            row.quantity += share
            if span.is_estimated:
                row.estimated_quantity += share
            else:
                row.measured_seconds += seconds
    return dict(hours)


def meter_hours(plant: Plant) -> tuple[dict[str, MeterHours], dict[str, list[Span]], Verdicts]:
    """Hours and spans of every meter of the plant, and all verdicts on its rows."""
    winners, verdicts = judge_rows(plant.readings, frozenset(meter.meter_code for meter in plant.meters))
    spans = {
        meter.meter_code: spans_of(meter, list(winners.get(meter.meter_code, {}).values()), verdicts)
        for meter in plant.meters
    }
    return {code: hours_of(of_meter) for code, of_meter in spans.items()}, spans, verdicts
