"""Energy by day and month, and performance by type, level and item (contract §3).

Choices where the contract is silent:

* A sum of quantities leaves out what is null and is null when all of it is. A sum in
  standard coal is null as soon as one of its known quantities has no coefficient.
* Coverage of a flow's day or month = Σ coverage of its hours (an hour whose quantity is
  null counts 0) ÷ hours of that period; its missing meters are those without a row in
  any of those hours.
* By type, the metered quantity of an hour is Σ level-1 purchase − Σ level-1 export over
  the flows that are known. ERP steps in, for day and above, only for energies that have
  no metered level-1 purchase or export flow at all.
* The stock at the start of a period is the opening dated its first day, else the closing
  of the day before; at its end the closing dated its last day, else the opening of the
  day after. Stock draw = start − end, null when either is unknown; adjustments are summed.
* Consumption = quantity + stock draw + adjustments; null when the quantity is, or when an
  energy that has stock rows at all has no stock draw for the period.
* An energy without a purchase or sale of the period has no quantity by ERP: "missing is
  never 0", and a purchase of 0 may be written down.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias, TypeVar

from tests.reference.flows import FlowHour, FlowHours, coefficients, terms_of, tonnes
from tests.reference.model import Flow, Plant
from tests.reference.periods import (
    hours_between,
    local_time,
    period_bounds,
    shifts_of,
    stat_date,
)

K = TypeVar("K", bound=Hashable)

STOCK_KINDS = ("opening", "closing", "adjustment")
LONG_PERIODS = ("month", "quarter", "year")
DAY_PERIODS = ("day", "week", *LONG_PERIODS)


def add(values: Iterable[Fraction | None]) -> Fraction | None:
    """Sum of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known, Fraction(0)) if known else None


@dataclass
class Figures:
    quantity: Fraction | None = None
    tce_equivalent: Fraction | None = None
    tce_equal: Fraction | None = None
    estimated_quantity: Fraction | None = None
    covered_hours: Fraction = Fraction(0)
    missing_meters: set[str] = field(default_factory=set)
    has_no_equivalent: bool = False
    has_no_equal: bool = False

    def take(self, hour: FlowHour, sign: int = 1) -> None:
        def plus(total: Fraction | None, value: Fraction | None) -> Fraction | None:
            return add((total, None if value is None else sign * value))

        self.quantity = plus(self.quantity, hour.quantity)
        if hour.quantity is not None:
            self.has_no_equivalent |= hour.tce_equivalent is None
            self.has_no_equal |= hour.tce_equal is None
        self.tce_equivalent = (
            None if self.has_no_equivalent else plus(self.tce_equivalent, hour.tce_equivalent)
        )
        self.tce_equal = None if self.has_no_equal else plus(self.tce_equal, hour.tce_equal)
        self.estimated_quantity = plus(self.estimated_quantity, hour.estimated_quantity)
        self.missing_meters |= hour.missing_meters
        if hour.quantity is not None:
            self.covered_hours += hour.coverage


def flow_periods(
    plant: Plant, flow: Flow, hours: FlowHours, period_type: str
) -> dict[date, tuple[Figures, Fraction]]:
    """By first stat_date: the flow's figures and coverage of each day, month …"""
    rows: dict[tuple[date, date], list[FlowHour]] = defaultdict(list)
    for hour, row in hours.items():
        rows[period_bounds(plant, period_type, stat_date(plant, hour))].append(row)
    result = {}
    for (first, following), of_period in rows.items():
        figures = Figures()
        for row in of_period:
            figures.take(row)
        length = hours_between(plant, first, following)
        if len(of_period) < length:
            figures.missing_meters = set(terms_of(flow.measured_by or ""))
        result[first] = (figures, figures.covered_hours / length)
    return result


PeriodKey: TypeAlias = tuple[str, datetime, str | None]  # period type, local start, shift code


def period_keys(plant: Plant, hour: int) -> list[PeriodKey]:
    """Every period an hour is part of; days and longer start at 00:00 of their first date."""
    keys: list[PeriodKey] = [("hour", local_time(plant, hour), None)]
    keys += [("shift", start, shift.shift_code) for shift, start in shifts_of(plant, hour)]
    day = stat_date(plant, hour)
    for period_type in DAY_PERIODS:
        first, _ = period_bounds(plant, period_type, day)
        keys.append((period_type, datetime.combine(first, datetime.min.time()), None))
    return keys


def performance(
    plant: Plant, hours: dict[str, FlowHours], group: Callable[[Flow], tuple[K, int] | None]
) -> dict[tuple[PeriodKey, K], Figures]:
    """Flow hours summed over a grouping of flows; ``group`` gives key and sign, or None to leave out."""
    totals: dict[tuple[PeriodKey, K], Figures] = defaultdict(Figures)
    for flow in plant.flows:
        placed = group(flow)
        if placed is None:
            continue
        key, sign = placed
        for hour, row in hours.get(flow.flow_code, {}).items():
            for period in period_keys(plant, hour):
                totals[period, key].take(row, sign)
    return dict(totals)


def by_level(flow: Flow) -> tuple[tuple[str, int, str | None, str | None], int]:
    return (flow.energy_code, flow.level, flow.org_code, flow.equipment_code), 1


def by_item(flow: Flow) -> tuple[tuple[str, str], int]:
    return (flow.energy_code, flow.item), 1


def by_type(flow: Flow) -> tuple[str, int] | None:
    if flow.level != 1 or flow.item not in ("purchase", "export"):
        return None
    return flow.energy_code, 1 if flow.item == "purchase" else -1


@dataclass
class TypeFigures(Figures):
    source: str = "metered"
    stock_draw: Fraction | None = None
    consumption: Fraction | None = None


def performance_by_type(
    plant: Plant, hours: dict[str, FlowHours]
) -> dict[tuple[PeriodKey, str], TypeFigures]:
    """What the plant took in, by energy and period: metered, else by ERP; stocks beside it."""
    result = {
        key: TypeFigures(**vars(figures)) for key, figures in performance(plant, hours, by_type).items()
    }
    metered = {
        flow.energy_code for flow in plant.flows if by_type(flow) is not None and flow.measured_by is not None
    }
    for row in plant.purchases:
        if row.energy_code in metered or row.kind not in ("purchase", "sale"):
            continue
        quantity = row.quantity if row.kind == "purchase" else -row.quantity
        equivalent, equal = coefficients(plant, row.energy_code, row.on)
        bought = FlowHour(
            quantity,
            tonnes(quantity, equivalent),
            tonnes(quantity, equal),
            Fraction(0),
            Fraction(0),
            frozenset(),
        )
        for period_type in DAY_PERIODS:
            figures = result.setdefault(_key(plant, period_type, row.on, row.energy_code), TypeFigures())
            figures.source = "erp"
            figures.take(bought)
    stocked = {row.energy_code for row in (*plant.stocks, *plant.purchases) if row.kind in STOCK_KINDS}
    for energy_code in sorted(stocked):
        _add_stocks(plant, energy_code, result)
    for ((period_type, _, _), energy_code), figures in result.items():
        if period_type in LONG_PERIODS and energy_code not in stocked:
            figures.consumption = figures.quantity
    return result


def _key(plant: Plant, period_type: str, on: date, energy_code: str) -> tuple[PeriodKey, str]:
    first, _ = period_bounds(plant, period_type, on)
    return (period_type, datetime.combine(first, datetime.min.time()), None), energy_code


def _add_stocks(plant: Plant, energy_code: str, result: dict[tuple[PeriodKey, str], TypeFigures]) -> None:
    """Stock draw and consumption of one energy in every period something is known of."""
    rows = [row for row in (*plant.stocks, *plant.purchases) if row.energy_code == energy_code]
    levels = {(row.kind, row.on): row.quantity for row in rows if row.kind in ("opening", "closing")}
    day = timedelta(days=1)
    known_on = [on - day if kind == "opening" else on + day for kind, on in levels]
    known_on += [row.on for row in rows]
    for period_type in LONG_PERIODS:
        for on in known_on:
            result.setdefault(_key(plant, period_type, on, energy_code), TypeFigures(source="erp"))
    for ((period_type, start, _), code), figures in result.items():
        if code != energy_code or period_type not in LONG_PERIODS:
            continue
        first, following = period_bounds(plant, period_type, start.date())
        opening = levels.get(("opening", first), levels.get(("closing", first - day)))
        closing = levels.get(("closing", following - day), levels.get(("opening", following)))
        adjustment = sum(
            (row.quantity for row in rows if row.kind == "adjustment" and first <= row.on < following),
            Fraction(0),
        )
        if opening is not None and closing is not None:
            figures.stock_draw = opening - closing
            if figures.quantity is not None:
                figures.consumption = figures.quantity + figures.stock_draw + adjustment
