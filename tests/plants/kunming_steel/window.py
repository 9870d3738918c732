"""The span of the sample plant's data, and where its real year lies in it."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

QUARTERS_PER_DAY = 96
QUARTER_SECONDS = 900
SITE_UTC_OFFSET_SECONDS = 8 * 3600  # Asia/Shanghai has had no summer time since 1991.

PUBLIC_FIRST_DAY = date(2018, 1, 1)
PUBLIC_LAST_DAY = date(2018, 12, 31)  # a Monday, like the first day
REAL_DAYS = 365
WEEKS_52 = 364


@dataclass(frozen=True)
class Window:
    """Days from `start` to before `end`; the real readings fill real_first … real_last."""

    start: date
    end: date
    real_first: date

    @property
    def real_last(self) -> date:
        return self.real_first + timedelta(days=REAL_DAYS - 1)

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def quarters(self) -> int:
        return self.days * QUARTERS_PER_DAY

    def edges(self) -> np.ndarray:
        """Bounds of the quarter-hours as epoch seconds (UTC): `quarters` + 1 of them."""
        return self.epoch(self.start) + QUARTER_SECONDS * np.arange(self.quarters + 1, dtype=np.int64)

    def real_day_numbers(self) -> np.ndarray:
        """For each day of the window, the day (0–364) of the public year that lies on it.

        Outside the real year the same weekday 52 weeks later or earlier is repeated.
        """
        offset = (self.start - self.real_first).days
        number = np.arange(offset, offset + self.days)
        number = np.where(number < 0, number + WEEKS_52, number)
        return np.where(number >= REAL_DAYS, number - WEEKS_52, number)

    def is_real_day(self) -> np.ndarray:
        offset = (self.start - self.real_first).days
        number = np.arange(offset, offset + self.days)
        return (number >= 0) & (number < REAL_DAYS)

    @staticmethod
    def epoch(day: date) -> int:
        """Local midnight of `day` as epoch seconds."""
        return (day - date(1970, 1, 1)).days * 86400 - SITE_UTC_OFFSET_SECONDS

    def moment(self, days_before_end: int, hours: float) -> int:
        """Epoch seconds of a local time on the day that lies `days_before_end` before `end`."""
        return self.epoch(self.end - timedelta(days=days_before_end)) + round(hours * 3600)

    def month_starts(self) -> list[date]:
        """First days of the months that begin in the window."""
        return [day for day in (self.start + timedelta(days=number) for number in range(self.days)) if day.day == 1]


def window_for(today: date, *, original_dates: bool = False) -> Window:
    """At least 13 whole months that end yesterday; with original dates December 2017 to December 2018."""
    if original_dates:
        return Window(date(2017, 12, 1), date(2019, 1, 1), PUBLIC_FIRST_DAY)
    yesterday = today - timedelta(days=1)
    real_last = yesterday - timedelta(days=(yesterday.weekday() - PUBLIC_LAST_DAY.weekday()) % 7)
    months = today.year * 12 + today.month - 1 - 13
    start = date(months // 12, months % 12 + 1, 1)
    return Window(start, today, real_last - timedelta(days=REAL_DAYS - 1))


def real_year(today: date, *, original_dates: bool = False) -> tuple[date, date]:
    """First and last day of the 365 days that hold the real readings, shifted by whole weeks."""
    window = window_for(today, original_dates=original_dates)
    return window.real_first, window.real_last
