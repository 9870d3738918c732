"""What a plant consists of, as far as contract §2 and §3 need it. Instants are UTC epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from fractions import Fraction
from typing import TypeAlias

#: Seconds since 1970-01-01 UTC; whole where the source is whole.
Instant: TypeAlias = int | Fraction

HOUR = 3600


@dataclass(frozen=True)
class Reading:
    """One row of a readings file; ``received_at`` is when its batch landed."""

    meter_code: str
    at: Instant
    value: Fraction | None  # None: not a number
    quality: str = "good"
    revision: int = 0
    received_at: Instant | None = None

    @property
    def key(self) -> tuple[str, Instant, int, Fraction | None]:
        return (self.meter_code, self.at, self.revision, self.value)


@dataclass(frozen=True)
class Event:
    """One row of meter_events: cuts the meter's history at ``at``."""

    meter_code: str
    at: Instant
    kind: str  # replaced, reset, ratio_changed
    old_last_reading: Fraction | None = None
    new_first_reading: Fraction | None = None
    new_multiplier: Fraction | None = None
    new_register_max: Fraction | None = None


@dataclass(frozen=True)
class Meter:
    meter_code: str
    energy_code: str
    reading_kind: str  # register, manual, interval, rate
    multiplier: Fraction = Fraction(1)
    register_max: Fraction | None = None
    interval_minutes: Fraction = Fraction(15)
    interval_label: str = "start"
    max_per_hour: Fraction | None = None
    events: tuple[Event, ...] = ()

    @property
    def interval_seconds(self) -> Fraction:
        return self.interval_minutes * 60


@dataclass(frozen=True)
class Energy:
    """One dated row of the energies ledger (or seed): kgce per unit, 当量 and 等价."""

    energy_code: str
    energy_class: str
    kgce_per_unit: Fraction | None
    kgce_per_unit_equal: Fraction | None
    valid_from: date = date.min
    valid_to: date = date.max
    unit: str = "kWh"


@dataclass(frozen=True)
class HeatValue:
    energy_code: str
    valid_from: date
    kj_per_unit: Fraction
    valid_to: date = date.max


@dataclass(frozen=True)
class Flow:
    flow_code: str
    energy_code: str
    level: int
    item: str
    measured_by: str | None
    org_code: str | None = None
    equipment_code: str | None = None


@dataclass(frozen=True)
class ErpRow:
    """One row of purchases or stocks."""

    energy_code: str
    on: date
    quantity: Fraction
    kind: str  # purchase, sale, opening, closing, adjustment


@dataclass(frozen=True)
class Shift:
    shift_code: str
    start: time
    end: time


@dataclass(frozen=True)
class UploadItem:
    """One row of upload_items, for every platform; ``expression`` over flows and meters."""

    data_code: str
    expression: str
    figure: str  # quantity, tce_equivalent, tce_equal
    stat_types: tuple[int, ...]
    interval_minutes: int = 15
    factor: Fraction = Fraction(1)
    least_coverage: Fraction = Fraction(9, 10)
    value_max: Fraction | None = None


@dataclass(frozen=True)
class UploadValue:
    """One row of upload_values: entered by hand."""

    data_code: str
    stat_type: int
    stat_date: datetime
    value: Fraction


@dataclass
class Plant:
    """Everything of one site. ``seed_energies`` are codes that need no row of their own."""

    site_code: str
    timezone: str = "Asia/Shanghai"
    day_start: time = time(0)
    month_start_day: int = 1
    meters: list[Meter] = field(default_factory=list)
    energies: list[Energy] = field(default_factory=list)
    seed_energies: list[Energy] = field(default_factory=list)
    heat_values: list[HeatValue] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    purchases: list[ErpRow] = field(default_factory=list)
    stocks: list[ErpRow] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    upload_items: list[UploadItem] = field(default_factory=list)
    upload_values: list[UploadValue] = field(default_factory=list)
