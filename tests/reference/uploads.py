"""What a platform is to hold of a plant (docs/contract.md, upload_items).

Choices where the contract is silent:

* A period is the sum of its hours, and a quarter, half or whole hour of realtime that of its quarters; only where the
  site's clock shows whole hours of UTC is an item of an hour made of hours.
* In an hour (a quarter) terms are summed as meters are in a flow: one that is silent leaves the others, one with a
  negative coefficient leaves nothing. Coverage is the mean over the terms, an hour without a figure counting 0.
* Where one quantity other than 0 has no coefficient, the period has no standard coal.
* A year is the sum of the months of which there is a figure.
* What was entered by hand takes the place of what is computed, and has no coverage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import TypeAlias
from zoneinfo import ZoneInfo

from tests.reference.flows import FlowHour, FlowHours, flow_hours, terms_of
from tests.reference.meters import MeterHours, hours_of
from tests.reference.model import HOUR, Plant, UploadItem
from tests.reference.periods import hours_between, local_time, month_bounds, stat_date, stat_month
from tests.reference.registers import Span

REALTIME, DAY, MONTH, YEAR = range(4)
QUARTER = 900


@dataclass(frozen=True)
class Uploaded:
    value: Fraction
    coverage: Fraction | None
    is_valid: bool
    input_type: int
    ends_at: datetime


Key: TypeAlias = tuple[str, int, datetime]
Cell: TypeAlias = tuple[Fraction | None, Fraction]
"""Of one hour or quarter: amount (None: no standard coal) and coverage."""


def uploaded(
    plant: Plant, spans: Mapping[str, list[Span]], meters: Mapping[str, MeterHours], flows: Mapping[str, FlowHours]
) -> dict[Key, Uploaded]:
    quarters = {code: hours_of(of_meter, QUARTER) for code, of_meter in spans.items()}
    quarters_of_flows = {flow.flow_code: flow_hours(plant, flow, quarters) for flow in plant.flows}
    rows: dict[Key, Uploaded] = {}
    for item in plant.upload_items:
        hours = _cells(item, meters, flows)
        months = _sums(plant, item, hours, MONTH)
        sums = {DAY: _sums(plant, item, hours, DAY), MONTH: months, YEAR: _years(plant, months)}
        is_of_hours = item.interval_minutes == 60 and all(local_time(plant, hour).minute == 0 for hour in hours)
        cells = hours if is_of_hours else _cells(item, quarters, quarters_of_flows)
        sums[REALTIME] = _realtime(plant, item, cells, HOUR if is_of_hours else QUARTER)
        for kind in item.stat_types:
            for start, (amount, coverage) in sums[kind].items():
                value = amount * item.factor
                is_valid = coverage >= item.least_coverage and (item.value_max is None or value <= item.value_max)
                ends = ends_at(plant, kind, start, item.interval_minutes)
                rows[item.data_code, kind, start] = Uploaded(value, coverage, is_valid, 4, ends)
    items = {item.data_code: item for item in plant.upload_items}
    for entered in plant.upload_values:
        if item_of := items.get(entered.data_code):
            is_valid = item_of.value_max is None or entered.value <= item_of.value_max
            ends = ends_at(plant, entered.stat_type, entered.stat_date, item_of.interval_minutes)
            key = (entered.data_code, entered.stat_type, entered.stat_date)
            rows[key] = Uploaded(entered.value, None, is_valid, 5, ends)
    return rows


def _cells(item: UploadItem, meters: Mapping[str, MeterHours], flows: Mapping[str, FlowHours]) -> dict[int, Cell]:
    terms = terms_of(item.expression)
    known: dict[int, dict[str, Cell]] = defaultdict(dict)
    for code in terms:
        if code in flows:
            for start, row in flows[code].items():
                if row.quantity is not None:
                    known[start][code] = (_measured(item, row), row.coverage)
        else:
            for start, meter in meters.get(code, {}).items():
                known[start][code] = (meter.quantity, meter.coverage)
    cells: dict[int, Cell] = {}
    for start, of_terms in known.items():
        if any(coefficient < 0 and code not in of_terms for code, coefficient in terms.items()):
            continue
        amounts = [amount * terms[code] for code, (amount, _) in of_terms.items() if amount is not None]
        total = sum(amounts, Fraction(0)) if len(amounts) == len(of_terms) else None
        cells[start] = (total, sum((coverage for _, coverage in of_terms.values()), Fraction(0)) / len(terms))
    return cells


def _measured(item: UploadItem, row: FlowHour) -> Fraction | None:
    if item.figure == "quantity" or not row.quantity:
        return row.quantity
    return row.tce_equal if item.figure == "tce_equal" else row.tce_equivalent


def _sums(
    plant: Plant, item: UploadItem, hours: Mapping[int, Cell], kind: int
) -> dict[datetime, tuple[Fraction, Fraction]]:
    found: dict[datetime, list[Cell]] = defaultdict(list)
    for hour, cell in hours.items():
        day = stat_date(plant, hour)
        found[at_midnight(day if kind == DAY else stat_month(plant, day))].append(cell)
    sums = {}
    for start, cells in found.items():
        total = _total(cells)
        if total is not None:
            first, after = bounds(plant, kind, start.date())
            sums[start] = (total, min(Fraction(1), _covered(cells) / hours_between(plant, first, after)))
    return sums


def _years(
    plant: Plant, months: Mapping[datetime, tuple[Fraction, Fraction]]
) -> dict[datetime, tuple[Fraction, Fraction]]:
    years: dict[datetime, list[tuple[Fraction, Fraction]]] = defaultdict(list)
    for month, (amount, coverage) in months.items():
        hours = hours_between(plant, *bounds(plant, MONTH, month.date()))
        years[month.replace(month=1)].append((amount, coverage * hours))
    return {
        year: (
            sum((amount for amount, _ in of_year), Fraction(0)),
            sum((hours for _, hours in of_year), Fraction(0)) / hours_between(plant, *bounds(plant, YEAR, year.date())),
        )
        for year, of_year in years.items()
    }


def _realtime(
    plant: Plant, item: UploadItem, cells: Mapping[int, Cell], unit: int
) -> dict[datetime, tuple[Fraction, Fraction]]:
    minutes = item.interval_minutes
    found: dict[datetime, list[Cell]] = defaultdict(list)
    for start, cell in cells.items():
        local = local_time(plant, start)
        found[local - timedelta(minutes=(local.hour * 60 + local.minute) % minutes)].append(cell)
    sums = {}
    for start_of, of_interval in found.items():
        total = _total(of_interval)
        if total is not None:
            sums[start_of] = (total, _covered(of_interval) * unit / (minutes * 60))
    return sums


def _total(cells: list[Cell]) -> Fraction | None:
    amounts = [amount for amount, _ in cells if amount is not None]
    return sum(amounts, Fraction(0)) if len(amounts) == len(cells) else None


def _covered(cells: list[Cell]) -> Fraction:
    return sum((coverage for _, coverage in cells), Fraction(0))


def at_midnight(day: date) -> datetime:
    return datetime.combine(day, time(0))


def bounds(plant: Plant, kind: int, start: date) -> tuple[date, date]:
    """[first, next) statistical days of the period that a platform calls by ``start``."""
    if kind == DAY:
        return start, start + timedelta(days=1)
    first, after = month_bounds(plant, start)
    return (first, after) if kind == MONTH else (first, month_bounds(plant, start.replace(month=12))[1])


def ends_at(plant: Plant, kind: int, start: datetime, interval_minutes: int) -> datetime:
    local = start + timedelta(minutes=interval_minutes)
    if kind != REALTIME:
        local = datetime.combine(bounds(plant, kind, start.date())[1], plant.day_start)
    return local.replace(tzinfo=ZoneInfo(plant.timezone)).astimezone(UTC)
