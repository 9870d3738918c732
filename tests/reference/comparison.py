"""The warehouse's tables held against the reference; every difference is one readable line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import psycopg

from tests.reference.flows import FlowHours, flow_hours
from tests.reference.meters import MeterHours, meter_hours
from tests.reference.model import Plant
from tests.reference.performance import (
    Figures,
    PeriodKey,
    TypeFigures,
    by_item,
    by_level,
    flow_periods,
    performance,
    performance_by_type,
    performance_coverage,
)
from tests.reference.periods import stat_month
from tests.reference.readings import Verdicts
from tests.reference.registers import Span
from tests.reference.uploads import uploaded

TOLERANCE = Fraction(1, 10**6)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """All the reference knows of a plant."""

    meters: dict[str, MeterHours]
    spans: dict[str, list[Span]]
    verdicts: Verdicts
    flows: dict[str, FlowHours]


def expect(plant: Plant) -> Expected:
    hours, spans, verdicts = meter_hours(plant)
    flows = {flow.flow_code: flow_hours(plant, flow, hours) for flow in plant.flows}
    return Expected(hours, spans, verdicts, flows)


def fetch(connection: psycopg.Connection[Any], query: str, *parameters: object) -> list[dict[str, Any]]:
    cursor = connection.execute(query, parameters)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def differences(name: str, expected: Mapping[Any, Mapping[str, Any]], got: Mapping[Any, Row]) -> list[str]:
    """Rows that are missing, too many, or differ in one of the expected columns."""
    lines = [f"{name} {_text(key)}: no row; expected {_row(expected[key])}" for key in expected if key not in got]
    lines += [f"{name} {_text(key)}: a row nobody expects" for key in got if key not in expected]
    for key, columns in expected.items():
        for column, value in columns.items() if key in got else ():
            if not same(value, got[key][column]):
                lines.append(f"{name} {_text(key)}: {column} expected {_value(value)}, got {_value(got[key][column])}")
    return lines


def same(expected: Any, got: Any) -> bool:
    if isinstance(expected, (frozenset, set)):
        return expected == set(got)
    if expected is None or got is None or not isinstance(expected, Fraction):
        return bool(expected == got)
    difference = abs(expected - Fraction(got))
    return bool(difference <= TOLERANCE * max(Fraction(1), abs(expected) / 10**6))


def _value(value: Any) -> str:
    return f"{float(value):.9g}" if isinstance(value, Fraction) else str(value)


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in row.items())


def _text(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def utc(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def compare_meters(connection: psycopg.Connection[Any], plant: Plant, expected: Expected) -> list[str]:
    rows = fetch(connection, "select * from marts.fct_meter_hourly where site_code = %s", plant.site_code)
    wanted = {
        (code, utc(hour)): {
            "quantity": row.quantity,
            "coverage": row.coverage,
            "estimated_quantity": row.estimated_quantity,
        }
        for code, hours in expected.meters.items()
        for hour, row in hours.items()
    }
    return differences("meter hour", wanted, {(row["meter_code"], row["hour_start"]): row for row in rows})


def compare_verdicts(connection: psycopg.Connection[Any], plant: Plant, expected: Expected) -> list[str]:
    """Set of (meter, stamp, revision, value, code) of the rows refused by rules."""
    query = (
        "select distinct meter_code, read_at, revision, value, reason_code "
        "from quarantine.rejected_by_rules where site_code = %s"
    )
    got = {
        (row["meter_code"], row["read_at"], row["revision"], Fraction(row["value"])): row
        for row in fetch(connection, query, plant.site_code)
    }
    wanted = {
        (code, utc(int(at)), revision, value): {"reason_code": verdict}
        for (code, at, revision, value), verdict in expected.verdicts.items()
    }
    return differences("verdict", wanted, got)


def compare_flows(connection: psycopg.Connection[Any], plant: Plant, expected: Expected) -> list[str]:
    """fct_energy_hourly, _daily and _monthly."""
    rows = fetch(connection, "select * from marts.fct_energy_hourly where site_code = %s", plant.site_code)
    wanted: dict[Any, dict[str, Any]] = {
        (code, utc(hour)): {
            "quantity": row.quantity,
            "tce_equivalent": row.tce_equivalent,
            "tce_equal": row.tce_equal,
            "coverage": row.coverage,
            "estimated_quantity": row.estimated_quantity,
            "missing_meters": row.missing_meters,
        }
        for code, hours in expected.flows.items()
        for hour, row in hours.items()
    }
    lines = differences("flow hour", wanted, {(row["flow_code"], row["hour_start"]): row for row in rows})
    for period_type, table, column in (("day", "daily", "stat_date"), ("month", "monthly", "stat_month")):
        query = f"select * from marts.fct_energy_{table} where site_code = %s"
        rows = fetch(connection, query, plant.site_code)
        wanted = {}
        for flow in plant.flows:
            code = flow.flow_code
            for first, (figures, coverage) in flow_periods(plant, flow, expected.flows[code], period_type).items():
                key: date = stat_month(plant, first) if period_type == "month" else first
                wanted[code, key] = figure_columns(figures) | {"coverage": coverage}
                wanted[code, key]["missing_meters"] = figures.missing_meters
                if period_type == "month":
                    wanted[code, key]["period_start"] = first
        got = {(row["flow_code"], row[column]): row for row in rows}
        lines += differences(f"flow {period_type}", wanted, got)
    return lines


def figure_columns(figures: Figures) -> dict[str, Any]:
    return {
        "quantity": figures.quantity,
        "tce_equivalent": figures.tce_equivalent,
        "tce_equal": figures.tce_equal,
        "estimated_quantity": figures.estimated_quantity,
    }


def compare_performance(connection: psycopg.Connection[Any], plant: Plant, expected: Expected) -> list[str]:
    """performance_by_level, _by_item and _by_type at every period type."""
    level_figures = performance(plant, expected.flows, by_level)
    wanted = _with_coverage(level_figures, performance_coverage(plant, level_figures, by_level))
    columns = ["energy_code", "level", "org_code", "equipment_code"]
    got = _by_period(connection, plant, "performance_by_level", columns)
    lines = differences("performance_by_level", wanted, got)
    item_figures = performance(plant, expected.flows, by_item)
    wanted = _with_coverage(item_figures, performance_coverage(plant, item_figures, by_item))
    got = _by_period(connection, plant, "performance_by_item", ["energy_code", "item"])
    lines += differences("performance_by_item", wanted, got)
    by_type = performance_by_type(plant, expected.flows)
    wanted = {(*_period(period), code): _type_columns(period, row) for (period, code), row in by_type.items()}
    got = _by_period(connection, plant, "performance_by_type", ("energy_code",))
    return lines + differences("performance_by_type", _known(wanted), _known(got))


def _with_coverage(
    figures: Mapping[tuple[PeriodKey, Any], Figures], coverages: Mapping[tuple[PeriodKey, Any], Fraction]
) -> dict[Any, Row]:
    return {
        (*_period(period), *key): figure_columns(row) | {"coverage": coverages[period, key]}
        for (period, key), row in figures.items()
    }


def _known(rows: Mapping[Any, Row]) -> dict[Any, Row]:
    """Without periods that only stand there to say why nothing is known of them."""
    return {
        key: row
        for key, row in rows.items()
        if row["quantity"] is not None or row.get("stock_draw_quantity") is not None
    }


def _type_columns(period: PeriodKey, row: TypeFigures) -> dict[str, Any]:
    columns = figure_columns(row) | {"source": row.source}
    del columns["estimated_quantity"]
    if period[0] in ("month", "quarter", "year"):
        columns |= {"stock_draw_quantity": row.stock_draw, "consumption_quantity": row.consumption}
    return columns


def _period(period: PeriodKey) -> tuple[Any, ...]:
    """Days and longer are named by their date alone, hours and shifts by their local start."""
    period_type, start, shift_code = period
    return (period_type, start if period_type in ("hour", "shift") else start.date(), shift_code)


def _by_period(connection: psycopg.Connection[Any], plant: Plant, table: str, columns: Iterable[str]) -> dict[Any, Row]:
    rows = fetch(connection, f"select * from marts.{table} where site_code = %s", plant.site_code)
    return {
        _period((row["period_type"], row["period_start"], row["shift_code"]))
        + tuple(row[column] for column in columns): row
        for row in rows
    }


def compare_uploads(connection: psycopg.Connection[Any], plant: Plant, expected: Expected) -> list[str]:
    """upload_values; whether one at the very edge of its least coverage is valid is a matter of rounding."""
    rows = fetch(connection, "select * from marts.upload_values where site_code = %s", plant.site_code)
    least = {item.data_code: item.least_coverage for item in plant.upload_items}
    wanted: dict[Any, dict[str, Any]] = {}
    for key, row in uploaded(plant, expected.spans, expected.meters, expected.flows).items():
        wanted[key] = {
            "value": row.value,
            "coverage": row.coverage,
            "input_type": row.input_type,
            "is_manual": row.input_type == 5,
            "is_closed": False,
            "ends_at": row.ends_at,
        }
        if row.coverage is None or abs(row.coverage - least[key[0]]) > TOLERANCE:
            wanted[key]["is_valid"] = row.is_valid
    got = {(row["data_code"], row["stat_type"], row["stat_date"]): row for row in rows}
    return differences("uploaded", wanted, got)


def compare(connection: psycopg.Connection[Any], plant: Plant) -> list[str]:
    """Everything; an empty list when warehouse and reference agree."""
    expected = expect(plant)
    return [
        *compare_verdicts(connection, plant, expected),
        *compare_meters(connection, plant, expected),
        *compare_flows(connection, plant, expected),
        *compare_performance(connection, plant, expected),
        *compare_uploads(connection, plant, expected),
    ]
