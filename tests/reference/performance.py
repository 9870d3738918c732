"""Energy by day and month, and performance by type, level and item (contract §3).

Choices where the contract is silent:

* A sum of quantities leaves out what is null and is null when all of it is. A sum in
  standard coal is null as soon as one of its quantities other than 0 has no coefficient.
* Coverage of a flow's day or month = Σ coverage of its hours (an hour whose quantity is
  null counts 0) ÷ hours of that period. A day of which anything is known names every meter
  that has no row in some of its hours; a month names those of its days.
* Coverage of a group of flows = the plain mean of the coverages of its measured flows.
* By type, the metered quantity of a period is Σ level-1 purchase − Σ level-1 export, each
  over the flows that are known; it is null when one of the two has flows of which nothing
  is known, as a silent meter with a negative coefficient would make it. ERP steps in, for
  day and above, only for energies that have no metered level-1 purchase or export flow.
* The stock at the start of a period is the opening dated its first day, else the closing
  of the day before; at its end the closing dated its last day, else the opening of the
  day after. Stock draw = start − end, null when either is unknown; adjustments are summed.
* Consumption = quantity + stock draw + adjustments; null when the quantity is, or when an
  energy that has stock rows at all has no stock draw for the period.
* An energy without a purchase or sale of the period has no quantity by ERP: "missing is
  never 0", and a purchase of 0 may be written down.
"""

from __future__ import annotations

from collections import Counter, defaultdict
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

    def take(self, hour: FlowHour, share: Fraction = Fraction(1)) -> None:
        def plus(total: Fraction | None, value: Fraction | None) -> Fraction | None:
            return add((total, None if value is None else share * value))

        self.quantity = plus(self.quantity, hour.quantity)
        if hour.quantity:
            self.has_no_equivalent |= hour.tce_equivalent is None
            self.has_no_equal |= hour.tce_equal is None
        self.tce_equivalent = None if self.has_no_equivalent else plus(self.tce_equivalent, hour.tce_equivalent)
        self.tce_equal = None if self.has_no_equal else plus(self.tce_equal, hour.tce_equal)
        self.estimated_quantity = plus(self.estimated_quantity, hour.estimated_quantity)
        self.missing_meters |= hour.missing_meters
        if hour.quantity is not None:
            self.covered_hours += hour.coverage * share


def flow_periods(plant: Plant, flow: Flow, hours: FlowHours, period_type: str) -> dict[date, tuple[Figures, Fraction]]:
    """By first stat_date: the flow's figures and coverage of each day, month …"""
    rows: dict[tuple[date, date], list[FlowHour]] = defaultdict(list)
    for hour, row in hours.items():
        rows[period_bounds(plant, period_type, stat_date(plant, hour))].append(row)
    result = {}
    for (first, following), of_period in rows.items():
        figures = Figures()
        for row in of_period:
            figures.take(row)
        result[first] = (figures, figures.covered_hours / hours_between(plant, first, following))
    hours_of_day = Counter(stat_date(plant, hour) for hour in hours)
    for day, known in hours_of_day.items():
        if known < hours_between(plant, day, day + timedelta(days=1)):
            first, _ = period_bounds(plant, period_type, day)
            result[first][0].missing_meters |= set(terms_of(flow.measured_by or ""))
    return result


PeriodKey: TypeAlias = tuple[str, datetime, str | None]  # period type, local start, shift code


def period_keys(plant: Plant, hour: int) -> list[tuple[PeriodKey, Fraction]]:
    """Every period an hour is part of, and which part; days and longer start at 00:00 of their date."""
    shifts = [(("shift", start, shift.shift_code), share) for shift, start, share in shifts_of(plant, hour)]
    keys: list[PeriodKey] = [("hour", local_time(plant, hour), None)]
    day = stat_date(plant, hour)
    for period_type in DAY_PERIODS:
        first, _ = period_bounds(plant, period_type, day)
        keys.append((period_type, datetime.combine(first, datetime.min.time()), None))
    return [*shifts, *((key, Fraction(1)) for key in keys)]


def performance(
    plant: Plant, hours: dict[str, FlowHours], group: Callable[[Flow], K | None]
) -> dict[tuple[PeriodKey, K], Figures]:
    """Flow hours summed over a grouping of flows; ``group`` gives the key, or None to leave out."""
    totals: dict[tuple[PeriodKey, K], Figures] = defaultdict(Figures)
    for flow in plant.flows:
        key = group(flow)
        if key is None:
            continue
        for hour, row in hours.get(flow.flow_code, {}).items():
            for period, share in period_keys(plant, hour):
                totals[period, key].take(row, share)
    return dict(totals)


def period_length(plant: Plant, period: PeriodKey) -> Fraction:
    """Hours of a period, as many as its zone gives it."""
    period_type, start, shift_code = period
    if period_type == "hour":
        return Fraction(1)
    if period_type == "shift":
        (shift,) = (shift for shift in plant.shifts if shift.shift_code == shift_code)
        minutes = (shift.end.hour - shift.start.hour) * 60 + shift.end.minute - shift.start.minute
        return Fraction(minutes % (24 * 60) or 24 * 60, 60)
    return Fraction(hours_between(plant, *period_bounds(plant, period_type, start.date())))


def performance_coverage(
    plant: Plant, figures: dict[tuple[PeriodKey, K], Figures], group: Callable[[Flow], K | None]
) -> dict[tuple[PeriodKey, K], Fraction]:
    """Mean coverage of the group's measured flows, for every period of ``performance``."""
    flows = Counter(group(flow) for flow in plant.flows if flow.measured_by is not None)
    return {
        (period, key): row.covered_hours / period_length(plant, period) / flows[key]
        for (period, key), row in figures.items()
    }


def by_level(flow: Flow) -> tuple[str, int, str | None, str | None]:
    return flow.energy_code, flow.level, flow.org_code, flow.equipment_code


def by_item(flow: Flow) -> tuple[str, str]:
    return flow.energy_code, flow.item


def intake_side(flow: Flow) -> tuple[str, str] | None:
    """Energy and side (purchase, export) of a flow over the plant's border."""
    return (flow.energy_code, flow.item) if flow.level == 1 and flow.item in ("purchase", "export") else None


@dataclass
class TypeFigures(Figures):
    source: str = "metered"
    stock_draw: Fraction | None = None
    consumption: Fraction | None = None


ZERO = Figures(Fraction(0), Fraction(0), Fraction(0))


def difference(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return None if a is None or b is None else a - b


def performance_by_type(plant: Plant, hours: dict[str, FlowHours]) -> dict[tuple[PeriodKey, str], TypeFigures]:
    """What the plant took in, by energy and period: metered, else by ERP; stocks beside it."""
    sides = {intake_side(flow) for flow in plant.flows if flow.measured_by is not None} - {None}
    metered = {side[0] for side in sides if side is not None}
    parts = performance(plant, hours, intake_side)
    result: dict[tuple[PeriodKey, str], TypeFigures] = {}
    for period, (energy_code, _) in parts:
        purchase, export = (
            parts.get((period, (energy_code, side)), Figures() if (energy_code, side) in sides else ZERO)
            for side in ("purchase", "export")
        )
        result[period, energy_code] = TypeFigures(
            difference(purchase.quantity, export.quantity),
            difference(purchase.tce_equivalent, export.tce_equivalent),
            difference(purchase.tce_equal, export.tce_equal),
        )
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
