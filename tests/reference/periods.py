"""Site days and months, weeks, quarters, years and shifts (contract §3, *periods*).

Choices where the contract is silent:

* An hour belongs to the day its start lies in: stat_date = date of (local time of the
  hour's start − day_start).
* An hour that two shifts share (half-hour time zones, shifts that change at half past) is
  divided between them by time.
* With ``month_start_day`` d > 1 month M runs from day d of the month before; the quarter
  and the year are built of those months.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from tests.reference.model import HOUR, Instant, Plant, Shift


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local_time(plant: Plant, at: Instant) -> datetime:
    """Wall clock of the site, without a zone."""
    return datetime.fromtimestamp(int(at), UTC).astimezone(_zone(plant.timezone)).replace(tzinfo=None)


def stat_date(plant: Plant, hour: int) -> date:
    start = plant.day_start
    return (local_time(plant, hour) - timedelta(hours=start.hour, minutes=start.minute)).date()


def stat_month(plant: Plant, day: date) -> date:
    """First day of the calendar month that names the plant's month of a stat_date."""
    month = day.replace(day=1)
    if plant.month_start_day > 1 and day.day >= plant.month_start_day:
        month = (month + timedelta(days=31)).replace(day=1)
    return month


def month_bounds(plant: Plant, month: date) -> tuple[date, date]:
    """First stat_date of the plant's month, and of the next."""
    following = (month + timedelta(days=31)).replace(day=1)
    if plant.month_start_day == 1:
        return month, following
    before = (month - timedelta(days=1)).replace(day=plant.month_start_day)
    return before, month.replace(day=plant.month_start_day)


def period_bounds(plant: Plant, period_type: str, day: date) -> tuple[date, date]:
    """[first, next) stat_dates of the day, week, month, quarter or year a stat_date is in."""
    if period_type == "day":
        return day, day + timedelta(days=1)
    if period_type == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    month = stat_month(plant, day)
    if period_type == "month":
        return month_bounds(plant, month)
    size = 3 if period_type == "quarter" else 12
    first = month.month - (month.month - 1) % size
    last = month.replace(month=first + size - 1)
    return month_bounds(plant, month.replace(month=first))[0], month_bounds(plant, last)[1]


@cache
def _hours_of_day(timezone: str, day_start: time, day: date) -> tuple[int, ...]:
    plant = Plant("", timezone=timezone, day_start=day_start)
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    return tuple(hour for hour in range(noon - 48 * HOUR, noon + 48 * HOUR, HOUR) if stat_date(plant, hour) == day)


def hours_between(plant: Plant, first: date, following: date) -> int:
    """Number of whole hours whose stat_date lies in [first, following)."""
    days = (first + timedelta(days=offset) for offset in range((following - first).days))
    return sum(len(_hours_of_day(plant.timezone, plant.day_start, day)) for day in days)


def shifts_of(plant: Plant, hour: int) -> Iterator[tuple[Shift, datetime, Fraction]]:
    """Shifts that have a part of the hour: each with the local start of that turn, and the part."""
    first = local_time(plant, hour)
    last = first + timedelta(hours=1)
    for shift in plant.shifts:
        for offset in (-1, 0, 1):
            day = first.date() + timedelta(days=offset)
            start = datetime.combine(day, shift.start)
            end = datetime.combine(day, shift.end)
            if end <= start:
                end += timedelta(days=1)
            shared = min(end, last) - max(start, first)
            if shared > timedelta(0):
                yield shift, start, Fraction(int(shared.total_seconds()), HOUR)
