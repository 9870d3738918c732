"""Periods as a person types them, on the site's own calendar (contract §3, periods)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

FORMS = (
    "2026（年）、2026-Q3（季）、2026-10（月）、2026-W41（周）、2026-10-05（日）、2026-10-05T08（小时）、2026-10-05/班次"
)
DATE = r"\d{4}-\d{2}-\d{2}"
HOUR = timedelta(hours=1)


class PeriodError(ValueError):
    """The text names no period of this site; the message says which forms there are, in Chinese."""


@dataclass(frozen=True)
class Calendar:
    """The site's clock and its shifts (rows with shift_code, start_time, end_time, valid_from, valid_to)."""

    timezone: str
    day_start: time
    month_start_day: int
    shifts: Sequence[dict[str, Any]] = ()

    def instant(self, local: datetime) -> datetime:
        """The UTC instant of a local time without zone."""
        return local.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def month_first_date(self, year: int, month: int) -> date:
        """First statistical day of a statistical month; month 13 is the next year's first."""
        first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        if self.month_start_day == 1:
            return first
        return (first - timedelta(days=1)).replace(day=self.month_start_day)


@dataclass(frozen=True)
class Period:
    """A period as the marts name it. ``period_start`` and ``…_local`` are local times without zone, ``…_at`` UTC.

    The hours in it start within [``first_hour_at``, ``last_hour_at``); for a shift these are wider, since an hour
    on its edge lies in it by share. ``first_date`` and ``after_date`` are statistical days, half-open.
    """

    text: str
    period_type: str
    period_start: datetime
    shift_code: str | None
    starts_at: datetime
    ends_at: datetime
    starts_local: datetime
    ends_local: datetime
    first_date: date
    after_date: date

    @property
    def first_hour_at(self) -> datetime:
        return self.starts_at - 2 * HOUR if self.shift_code is not None else self.starts_at

    @property
    def last_hour_at(self) -> datetime:
        return self.ends_at + HOUR if self.shift_code is not None else self.ends_at

    @property
    def hours(self) -> float:
        return (self.ends_at - self.starts_at) / HOUR

    @property
    def grain(self) -> str:
        """Into what the meters' quantities are divided: hour, day or month."""
        return {"hour": "hour", "shift": "hour", "day": "hour", "week": "day", "month": "day"}.get(
            self.period_type, "month"
        )

    @property
    def is_hourly(self) -> bool:
        return self.period_type in ("hour", "shift")

    def parameters(self) -> dict[str, Any]:
        """As the queries want it."""
        return {
            "period_type": self.period_type,
            "period_start": self.period_start,
            "shift_code": self.shift_code,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "starts_local": self.starts_local,
            "ends_local": self.ends_local,
            "first_hour_at": self.first_hour_at,
            "last_hour_at": self.last_hour_at,
            "first_date": self.first_date,
            "after_date": self.after_date,
            "period_hours": round(self.hours, 9),
        }


def parse(text: str, calendar: Calendar) -> Period:
    """The period that a text names; PeriodError when it names none."""
    text = text.strip()
    try:
        return _parse(text, calendar)
    except (ValueError, OverflowError) as error:
        if isinstance(error, PeriodError):
            raise
        raise PeriodError(f"没有这个日期或时刻：{text}。可用的写法：{FORMS}") from error


def _parse(text: str, calendar: Calendar) -> Period:
    if re.fullmatch(r"\d{4}", text):
        year = int(text)
        return _days(text, "year", calendar.month_first_date(year, 1), calendar.month_first_date(year, 13), calendar)
    if match := re.fullmatch(r"(\d{4})-?[Qq]([1-4])", text):
        year, first = int(match[1]), 3 * int(match[2]) - 2
        return _days(
            text,
            "quarter",
            calendar.month_first_date(year, first),
            calendar.month_first_date(year, first + 3),
            calendar,
        )
    if match := re.fullmatch(r"(\d{4})-?[Ww](\d{2})", text):
        first_date = date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return _days(text, "week", first_date, first_date + timedelta(days=7), calendar)
    if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
        year, month = int(match[1]), int(match[2])
        date(year, month, 1)
        return _days(
            text, "month", calendar.month_first_date(year, month), calendar.month_first_date(year, month + 1), calendar
        )
    if re.fullmatch(DATE, text):
        day = date.fromisoformat(text)
        return _days(text, "day", day, day + timedelta(days=1), calendar)
    if match := re.fullmatch(rf"({DATE})/(.+)", text):
        return _shift(text, date.fromisoformat(match[1]), match[2].strip(), calendar)
    if re.fullmatch(rf"{DATE}[T ]\d{{2}}(:\d{{2}})?([+-]\d{{2}}:\d{{2}})?", text):
        return _hour(text, datetime.fromisoformat(text), calendar)
    raise PeriodError(f"不认识的期间：{text}。可用的写法：{FORMS}")


def _days(text: str, period_type: str, first_date: date, after_date: date, calendar: Calendar) -> Period:
    starts_local = datetime.combine(first_date, calendar.day_start)
    ends_local = datetime.combine(after_date, calendar.day_start)
    return Period(
        text=text,
        period_type=period_type,
        period_start=datetime.combine(first_date, time()),
        shift_code=None,
        starts_at=calendar.instant(starts_local),
        ends_at=calendar.instant(ends_local),
        starts_local=starts_local,
        ends_local=ends_local,
        first_date=first_date,
        after_date=after_date,
    )


def _hour(text: str, stamp: datetime, calendar: Calendar) -> Period:
    starts_at = stamp.astimezone(UTC) if stamp.tzinfo else calendar.instant(stamp)
    starts_local = starts_at.astimezone(ZoneInfo(calendar.timezone)).replace(tzinfo=None)
    stat_date = (starts_local - timedelta(hours=calendar.day_start.hour, minutes=calendar.day_start.minute)).date()
    return Period(
        text=text,
        period_type="hour",
        period_start=starts_local,
        shift_code=None,
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
        starts_local=starts_local,
        ends_local=starts_local + HOUR,
        first_date=stat_date,
        after_date=stat_date + timedelta(days=1),
    )


def _shift(text: str, day: date, code: str, calendar: Calendar) -> Period:
    """The shift that begins on that local day; one whose end is not after its start runs past midnight."""
    for shift in calendar.shifts:
        if shift["shift_code"] == code and _is_valid(shift, day):
            starts_local = datetime.combine(day, shift["start_time"])
            ends_local = datetime.combine(day, shift["end_time"])
            if ends_local <= starts_local:
                ends_local += timedelta(days=1)
            return Period(
                text=text,
                period_type="shift",
                period_start=starts_local,
                shift_code=code,
                starts_at=calendar.instant(starts_local),
                ends_at=calendar.instant(ends_local),
                starts_local=starts_local,
                ends_local=ends_local,
                first_date=day,
                after_date=day + timedelta(days=1),
            )
    known = sorted({shift["shift_code"] for shift in calendar.shifts})
    there = f"本企业的班次：{'、'.join(known)}" if known else "本企业台账中没有班次"
    raise PeriodError(f"{day} 没有班次 {code}。{there}")


def _is_valid(shift: dict[str, Any], day: date) -> bool:
    return (shift["valid_from"] or date.min) <= day < (shift["valid_to"] or date.max)
