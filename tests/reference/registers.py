"""Counters: outliers, breaks, meter events (contract §2, **register** and **manual**).

Choices where the contract is silent:

* ``old_last_reading`` and ``new_first_reading`` are points at ``event_at``, before any
  real reading of that very instant. They are neighbours when outliers are judged within
  their part, and are never outliers themselves.
* Outliers are judged within one part only: "readings on either side of an event are
  never compared with each other".
* A counter that is still negative after adding ``register_max`` is implausible.
* An event without ``new_multiplier`` (``new_register_max``) keeps the one before it.
* ``ratio_changed`` with neither ``old_last_reading`` nor ``new_first_reading`` is a
  *bridge*: the last remaining point before it and the first after it form one step,
  judged by multiplier and register_max of the part of the earlier point, and divided by
  time at every cut between them. With ``new_first_reading`` alone it is no bridge.
* "Each part is a span of its own": whether it is longer than 3 intervals (estimated) is
  asked of each part of a bridge, not of the whole.
* A span of no length (a reading at the very instant of an event) with a plausible step
  puts its quantity into the hour of that instant and adds no coverage.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from tests.reference.model import HOUR, Event, Instant, Meter, Reading


@dataclass(frozen=True)
class Point:
    """A value of the counter at an instant; ``reading`` is None for one out of an event."""

    at: Instant
    value: Fraction
    reading: Reading | None = None


@dataclass(frozen=True)
class Span:
    """A quantity (after the multiplier) over [start, end)."""

    start: Instant
    end: Instant
    quantity: Fraction
    is_estimated: bool = False


@dataclass
class Part:
    """The time between two events, with the multiplier and register_max in force."""

    start: Instant | None
    multiplier: Fraction
    register_max: Fraction | None
    points: list[Point]
    is_bridged: bool = False  # from the part before, by a ratio_changed without readings


@dataclass(frozen=True)
class Counted:
    spans: list[Span]
    outliers: list[Reading]
    breaks: list[tuple[Instant, Instant]]


def parts_of(meter: Meter, readings: list[Reading]) -> list[Part]:
    """The meter's history cut at its events; each part with its points in order."""
    events = sorted(meter.events, key=lambda event: event.at)
    parts = [Part(None, meter.multiplier, meter.register_max, [])]
    for event in events:
        before = parts[-1]
        parts.append(
            Part(
                event.at,
                event.new_multiplier or before.multiplier,
                event.new_register_max or before.register_max,
                [],
                is_bridged=event.kind == "ratio_changed"
                and event.old_last_reading is None
                and event.new_first_reading is None,
            )
        )
    cuts = [event.at for event in events]
    for reading in sorted(readings, key=lambda reading: reading.at):
        assert reading.value is not None
        parts[bisect_right(cuts, reading.at)].points.append(Point(reading.at, reading.value, reading))
    for index, event in enumerate(events):
        if event.old_last_reading is not None:
            parts[index].points.append(Point(event.at, event.old_last_reading))
        first = first_after(event)
        if first is not None:
            parts[index + 1].points.insert(0, Point(event.at, first))
    return parts


def first_after(event: Event) -> Fraction | None:
    """Where the counter starts after the event, or None when unknown."""
    if event.new_first_reading is not None:
        return event.new_first_reading
    if event.kind == "reset":
        return Fraction(0)
    if event.kind == "ratio_changed":
        return event.old_last_reading
    return None


def plausible_step(meter: Meter, part: Part, a: Point, b: Point) -> Fraction | None:
    """The step from a to b in units of the counter, or None when it is implausible."""
    step = b.value - a.value
    is_rolled_over = step < 0 and part.register_max is not None
    if is_rolled_over and part.register_max is not None:
        step += part.register_max
    if step < 0:
        return None
    if meter.max_per_hour is not None:
        hours = Fraction(b.at - a.at) / HOUR
        return step if step <= meter.max_per_hour * hours / part.multiplier else None
    if is_rolled_over and part.register_max is not None and step >= part.register_max / 2:
        return None
    return step


def outliers_of(meter: Meter, part: Part) -> list[Reading]:
    """Readings that disagree with a neighbour while their two neighbours agree."""
    outliers = []
    for before, point, after in zip(part.points, part.points[1:], part.points[2:], strict=False):
        if point.reading is None:
            continue
        disagrees = (
            plausible_step(meter, part, before, point) is None or plausible_step(meter, part, point, after) is None
        )
        if disagrees and plausible_step(meter, part, before, after) is not None:
            outliers.append(point.reading)
    return outliers


def count(meter: Meter, readings: list[Reading]) -> Counted:
    """Spans with quantities, outliers and breaks of one register or manual meter."""
    parts = parts_of(meter, readings)
    spans: list[Span] = []
    outliers: list[Reading] = []
    breaks: list[tuple[Instant, Instant]] = []
    last: tuple[int, Point] | None = None
    for index, part in enumerate(parts):
        refused = outliers_of(meter, part)
        outliers += refused
        if not part.is_bridged:
            last = None
        for point in part.points:
            if point.reading is not None and point.reading in refused:
                continue
            if last is not None:
                first_index, before = last
                step = plausible_step(meter, parts[first_index], before, point)
                if step is None:
                    breaks.append((before.at, point.at))
                else:
                    spans += divide(meter, parts[first_index : index + 1], before.at, point.at, step)
            last = (index, point)
    return Counted(spans, outliers, breaks)


def divide(meter: Meter, parts: list[Part], start: Instant, end: Instant, step: Fraction) -> list[Span]:
    """The step over [start, end) cut at the starts of the later parts, by time."""
    if start == end:
        return [Span(start, end, step * parts[-1].multiplier)]
    edges: list[Instant] = [start]
    edges += [part.start for part in parts[1:] if part.start is not None]
    edges.append(end)
    spans = []
    for part, (a, b) in zip(parts, pairwise(edges), strict=True):
        if a < b:
            share = Fraction(b - a) / (end - start)
            is_estimated = b - a > 3 * meter.interval_seconds
            spans.append(Span(a, b, step * share * part.multiplier, is_estimated))
    return spans
