"""What each meter shows: readings of its kind made from the quantities that passed it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tests.plants.kunming_steel.simulation import Simulation, generator
from tests.plants.kunming_steel.window import QUARTER_SECONDS

GOOD, BAD, MANUAL, ESTIMATED = range(4)
QUALITY_NAMES = ("good", "bad", "manual", "estimated")

# Registers polled off the quarter-hour: their spans cross the hours' bounds. Seconds.
POLL_OFFSETS = {"M-A-121": 420, "M-W-121": 1200}
# Where a counter stands at the window's start, when its place matters; others start anywhere.
FIRST_READINGS = {"M-K-001": 1234.0, "M-G-104": 20511.0, "M-W-104": 310.0}
DECIMALS = 3
MANUAL_DECIMALS = 2
MANUAL_READING_HOURS = {"M-G-104": 9.0, "M-K-001": 8.0, "M-W-104": 8.5}


@dataclass(frozen=True)
class Series:
    """Readings of one meter. `at` epoch seconds."""

    meter_code: str
    at: np.ndarray
    value: np.ndarray
    quality: np.ndarray
    revision: np.ndarray

    @classmethod
    def of(cls, meter_code: str, at: np.ndarray, value: np.ndarray, quality: int = GOOD) -> "Series":
        count = len(at)
        return cls(meter_code, at, value, np.full(count, quality, np.int8), np.zeros(count, np.int32))

    def __len__(self) -> int:
        return len(self.at)

    def where(self, mask: np.ndarray | slice) -> "Series":
        return replace(
            self,
            at=self.at[mask],
            value=self.value[mask],
            quality=self.quality[mask],
            revision=self.revision[mask],
        )

    def between(self, start: int, end: int) -> np.ndarray:
        """Mask of the readings from `start` to before `end`."""
        mask: np.ndarray = (self.at >= start) & (self.at < end)
        return mask


@dataclass(frozen=True)
class Counter:
    """A register's true course: `total` units have passed at each of the window's quarter bounds."""

    edges: np.ndarray
    total: np.ndarray

    def at(self, moments: np.ndarray) -> np.ndarray:
        passed: np.ndarray = np.interp(moments, self.edges, self.total)
        return passed


def counter(simulation: Simulation, meter_code: str) -> Counter:
    quantities = simulation.by_meter[meter_code]
    return Counter(simulation.window.edges(), np.concatenate([[0.0], np.cumsum(quantities)]))


def first_reading(meter: Mapping[str, str], through: float = 0.0) -> float:
    """A starting point for the counter; `through` makes it roll over after that many units."""
    code, limit = meter["meter_code"], float(meter["register_max"])
    if through:
        return round(limit - through / float(meter["multiplier"]), DECIMALS)
    if code in FIRST_READINGS:
        return FIRST_READINGS[code]
    return round(limit * generator(f"first {code}").uniform(0.05, 0.4), DECIMALS)


def registers(counts: np.ndarray, first: float, multiplier: float, limit: float) -> np.ndarray:
    """Counter readings for the units counted so far; returns to 0 at `limit`."""
    return np.round(np.mod(np.round(first + counts / multiplier, DECIMALS), limit), DECIMALS)


def read_register(course: Counter, meter: Mapping[str, str], first: float) -> Series:
    code = meter["meter_code"]
    step = int(meter["interval_minutes"]) * 60
    at = course.edges[:: step // QUARTER_SECONDS] + POLL_OFFSETS.get(code, 0)
    at = at[at <= course.edges[-1]]
    values = registers(course.at(at), first, float(meter["multiplier"]), float(meter["register_max"]))
    return Series.of(code, at, values)


def read_interval(simulation: Simulation, meter: Mapping[str, str]) -> Series:
    """Quantities per quarter-hour, rounded so that their sum stays true."""
    edges = simulation.window.edges()
    quantities = simulation.by_meter[meter["meter_code"]]
    at = edges[1:] if meter["interval_label"] == "end" else edges[:-1]
    return Series.of(meter["meter_code"], at, rounded_keeping_sum(quantities))


def read_rate(simulation: Simulation, meter: Mapping[str, str]) -> Series:
    """Mean power or flow per hour of the quarter-hour that begins at the stamp."""
    at = simulation.window.edges()[:-1]
    return Series.of(meter["meter_code"], at, rounded_keeping_sum(simulation.by_meter[meter["meter_code"]] * 4))


def read_by_hand(simulation: Simulation, meter: Mapping[str, str], first: float) -> Series:
    """A register read once a day, or once a month on its first day."""
    code = meter["meter_code"]
    window = simulation.window
    is_monthly = float(meter["interval_minutes"]) > 1440
    days = (
        [window.epoch(day) for day in window.month_starts()]
        if is_monthly
        else list(range(window.epoch(window.start), window.epoch(window.end), 86400))
    )
    at = np.array(days, dtype=np.int64) + round(MANUAL_READING_HOURS[code] * 3600)
    counts = counter(simulation, code).at(at)
    values = np.round(registers(counts, first, 1.0, float(meter["register_max"])), MANUAL_DECIMALS)
    return Series.of(code, at, values, MANUAL)


def rounded_keeping_sum(quantities: np.ndarray) -> np.ndarray:
    """Rounded values whose running sum never strays more than half a digit from the true one."""
    running = np.round(np.cumsum(quantities), DECIMALS)
    return np.round(np.diff(running, prepend=0.0), DECIMALS)
