"""The troubles of real plants, put into the synthetic readings at fixed places.

Places are days before the end of the window and local hours, so that a shorter window keeps the
youngest of them. The real meter M-E-001 is never touched.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tests.plants.kunming_steel.instruments import BAD, Counter, Series, registers
from tests.plants.kunming_steel.simulation import generator
from tests.plants.kunming_steel.window import QUARTER_SECONDS, SITE_UTC_OFFSET_SECONDS, Window


@dataclass(frozen=True)
class Place:
    """A span on one meter: local day `days_before_end`, from `hour`, for `hours`."""

    meter_code: str
    days_before_end: int
    hour: float
    hours: float = 0.25

    def span(self, window: Window) -> tuple[int, int]:
        start = window.moment(self.days_before_end, self.hour)
        return start, start + round(self.hours * 3600)


@dataclass(frozen=True)
class Change:
    """A meter event; `knows_old_last` and `new_first` say what the fitter wrote down."""

    place: Place
    kind: str
    knows_old_last: bool = True
    new_first: float | None = None
    new_multiplier: float | None = None
    shows: float | None = None  # where the counter really goes on, when it isn't new_first


GAPS = (
    Place("M-E-102", 3, 9, 5),  # communication lost: the register bridges it, estimated
    Place("M-E-121", 40, 0, 24),  # a gateway's outage takes three meters for a day
    Place("M-E-122", 40, 0, 24),
    Place("M-E-123", 40, 0, 24),
    Place("M-E-143", 20, 10, 3),  # an interval meter: nothing can be known
    Place("M-A-102", 12, 13, 2),  # a rate meter: the last value holds for one interval only
    Place("M-W-104", 18, 0, 48),  # two daily rounds of the meter reader missed
)
STUCK = (Place("M-E-141", 30, 6, 36),)  # counter blocked; what passed meanwhile is lost
ROLLOVERS = (Place("M-E-131", 8, 11.25), Place("M-E-113", 120, 15))
CHANGES = (
    Change(Place("M-G-101", 9, 14 + 5 / 60), "replaced", new_first=0.0),
    Change(Place("M-E-122", 150, 10 + 20 / 60), "replaced", new_first=12.5),
    Change(Place("M-G-103", 200, 9 + 40 / 60), "replaced", knows_old_last=False, shows=3.0),
    Change(Place("M-E-104", 90, 11 + 7 / 60), "ratio_changed", new_multiplier=20.0),
    Change(Place("M-W-131", 60, 16.5), "reset", shows=0.0),
)
SPIKES = (
    (Place("M-E-101", 5, 10), 7000.0),  # register: a corrupted digit, an outlier by §2
    (Place("M-E-114", 65, 14.5), 30000.0),
    (Place("M-E-134", 33, 9), 99999.0),  # interval above max_per_hour
    (Place("M-S-102", 18, 15), -99.0),  # a rate below zero
)
BAD_QUALITY = (
    Place("M-G-111", 14, 11, 0.75),
    Place("M-E-101", 4, 20, 0.5),
    Place("M-E-111", 110, 8, 1),
)
LATE_DAYS = (
    Place("M-E-103", 7, 0, 24),
    Place("M-E-112", 75, 0, 24),
    Place("M-O-111", 160, 0, 24),
)
DUPLICATES = (
    Place("M-E-101", 6, 0, 24),
    Place("M-E-111", 6, 0, 24),
    Place("M-G-001", 52, 0, 48),
)
DOUBLE_SENT = (Place("M-O-001", 21, 7, 5),)  # the same rows twice in one file
CORRECTIONS = (
    (Place("M-C-111", 4, 8, 3), 1.5),  # first sent too high, corrected by revision 1
    (Place("M-E-133", 25, 13, 2), 2.0),
)
DISPUTES = (
    (Place("M-E-131", 6, 9), 3.0),  # two values with one revision: both are quarantined
    (Place("M-G-112", 16, 16), 3.0),
)
UNKNOWN_METER = Place("M-X-999", 10, 0, 24)
UNREADABLE = (Place("M-W-104", 11, 8.5), "抄表员请假")
DROPOUT_SHARE = 0.0003  # single register readings that a radio link loses


@dataclass
class Recorded:
    """What was recorded, by the way it reaches the platform."""

    main: dict[str, Series] = field(default_factory=dict)
    late: list[Series] = field(default_factory=list)
    duplicates: list[Series] = field(default_factory=list)
    corrections: list[Series] = field(default_factory=list)
    unreadable: list[tuple[str, int, str]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)


def rollover_total(window: Window, course: Counter, meter_code: str) -> float:
    """Units that have passed when the meter is to roll over; 0 when it is not."""
    for place in ROLLOVERS:
        start, _ = place.span(window)
        if place.meter_code == meter_code and start > course.edges[0]:
            return float(course.at(np.array([start]))[0])
    return 0.0


def change_counter(
    window: Window, meter: Mapping[str, str], course: Counter, series: Series, first: float
) -> tuple[Series, list[dict[str, str]]]:
    """Go on from another reading, or with another ratio, after a meter event."""
    rows = []
    multiplier, limit = float(meter["multiplier"]), float(meter["register_max"])
    for change in CHANGES:
        moment, _ = change.place.span(window)
        if change.place.meter_code != meter["meter_code"] or moment <= course.edges[0]:
            continue
        passed = course.at(np.array([moment]))[0]
        old_last = float(registers(np.array([passed]), first, multiplier, limit)[0])
        begins = change.new_first if change.new_first is not None else change.shows
        begins = old_last if begins is None else begins
        after = registers(course.at(series.at) - passed, begins, change.new_multiplier or multiplier, limit)
        series = replace(series, value=np.where(series.at >= moment, after, series.value))
        rows.append(
            {
                "meter_code": meter["meter_code"],
                "event_at": local_text(moment),
                "kind": change.kind,
                "old_last_reading": f"{old_last:.3f}" if change.knows_old_last else "",
                "new_first_reading": "" if change.new_first is None else f"{change.new_first:.3f}",
                "new_multiplier": "" if change.new_multiplier is None else f"{change.new_multiplier:g}",
                "new_register_max": "",
            }
        )
    return series, rows


def stick(window: Window, course: Counter, meter_code: str) -> Counter:
    """The course as a counter sees it that stands still for a while."""
    for place in STUCK:
        if place.meter_code == meter_code and place.span(window)[0] > course.edges[0]:
            start, end = place.span(window)
            steps = np.diff(course.total)
            steps[(course.edges[:-1] >= start) & (course.edges[:-1] < end)] = 0.0
            course = Counter(course.edges, np.concatenate([[0.0], np.cumsum(steps)]))
    return course


def disturb(window: Window, series: Series, recorded: Recorded, *, is_register: bool) -> None:
    """Put one meter's series into `recorded`, with the troubles that lie on it."""
    code = series.meter_code
    for place, amount in SPIKES:
        if place.meter_code == code:
            mask = series.between(*place.span(window))
            spiked = series.value + amount if is_register else np.full(len(series), amount)
            series = replace(series, value=np.where(mask, spiked, series.value))
    for mask in _masks(BAD_QUALITY, window, series):
        series = replace(
            series,
            value=np.where(mask, 0.0, series.value),
            quality=np.where(mask, BAD, series.quality).astype(np.int8),
        )
    for place, factor in CORRECTIONS:
        mask = series.between(*place.span(window))
        if place.meter_code == code and mask.any():
            right = series.where(mask)
            recorded.corrections.append(replace(right, revision=right.revision + 1))
            wrong = np.round(series.value * factor, 3)
            series = replace(series, value=np.where(mask, wrong, series.value))
    for place, amount in DISPUTES:
        mask = series.between(*place.span(window))
        if place.meter_code == code and mask.any():
            disputed = series.where(mask)
            recorded.duplicates.append(replace(disputed, value=np.round(disputed.value + amount, 3)))
    recorded.duplicates += [series.where(mask) for mask in _masks(DUPLICATES, window, series)]
    if is_register:
        kept = generator(f"dropout {code}").random(len(series)) >= DROPOUT_SHARE
        kept[:2] = kept[-2:] = True
        series = series.where(kept)
    for mask in _masks(GAPS, window, series):
        series = series.where(~mask)
    for place in LATE_DAYS:
        mask = series.between(*place.span(window))
        if place.meter_code == code and mask.any():
            recorded.late.append(series.where(mask))
            series = series.where(~mask)
    recorded.main[code] = _with_rows_twice(window, series)
    for place, text in (UNREADABLE,):
        mask = series.between(*place.span(window))
        if place.meter_code == code and mask.any():
            recorded.unreadable.append((code, int(series.at[mask][0]), text))
            recorded.main[code] = series.where(~mask)


def unknown_meters(window: Window) -> dict[str, Series]:
    """A day of a meter that stands in no ledger."""
    start, end = UNKNOWN_METER.span(window)
    if start < window.epoch(window.start):
        return {}
    at = np.arange(start, end, QUARTER_SECONDS, dtype=np.int64)
    values = np.round(500 + 0.25 * np.arange(len(at)), 3)
    return {UNKNOWN_METER.meter_code: Series.of(UNKNOWN_METER.meter_code, at, values)}


def local_text(moment: int) -> str:
    """Local time as ISO 8601 without an offset, to the second."""
    return str(np.datetime64(moment + SITE_UTC_OFFSET_SECONDS, "s"))


def _masks(places: Iterable[Place], window: Window, series: Series) -> list[np.ndarray]:
    masks = [series.between(*place.span(window)) for place in places if place.meter_code == series.meter_code]
    return [mask for mask in masks if mask.any()]


def _with_rows_twice(window: Window, series: Series) -> Series:
    for mask in _masks(DOUBLE_SENT, window, series):
        again = series.where(mask)
        series = replace(
            series,
            at=np.concatenate([series.at, again.at]),
            value=np.concatenate([series.value, again.value]),
            quality=np.concatenate([series.quality, again.quality]),
            revision=np.concatenate([series.revision, again.revision]),
        )
    return series
