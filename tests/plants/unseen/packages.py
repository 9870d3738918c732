"""A plant written as a contract §1 package: a folder of CSV files or a workbook."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.reference.model import Instant, Plant, Reading

Table = list[dict[str, str]]


@dataclass(frozen=True)
class Style:
    """How a plant writes its files."""

    encoding: str = "utf-8"  # utf-8-sig, gbk
    newline: str = "\n"
    stamps: str = "local"  # local, offset, zulu, minutes
    readings: str = "csv"  # csv, csv.gz, parquet
    aliases: Mapping[str, str] | None = None  # column → Chinese header
    is_workbook: bool = False


def number(value: Fraction | None) -> str:
    """A terminating decimal, exactly; empty for unknown."""
    if value is None:
        return ""
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    assert Fraction(text) == value, f"{value} is no short decimal"
    return text


def day(value: date) -> str:
    return "" if value in (date.min, date.max) else value.isoformat()


def clock(value: time) -> str:
    return value.strftime("%H:%M")


def stamp(plant: Plant, at: Instant, form: str) -> str:
    moment = datetime.fromtimestamp(int(at), UTC)
    if form == "zulu":
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    local = moment.astimezone(ZoneInfo(plant.timezone))
    if form == "offset":
        return local.isoformat()
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00") if form == "minutes" else text


def ledger_tables(plant: Plant, form: str = "local") -> dict[str, Table]:
    """Every file of the package except the readings, as rows of text."""
    nodes = [("grid", "电网", "external"), ("store", "储存", "purchase_storage"), ("use", "车间", "end_use")]
    erp = {
        name: [
            {
                "energy_code": row.energy_code,
                "date": day(row.on),
                "quantity": number(row.quantity),
                "kind": row.kind,
            }
            for row in rows
        ]
        for name, rows in (("purchases", plant.purchases), ("stocks", plant.stocks))
    }
    tables: dict[str, Table] = {
        "site": [
            {
                "site_code": plant.site_code,
                "name": "无名钢铁（测试）",
                "timezone": plant.timezone,
                "day_start": clock(plant.day_start),
                "month_start_day": str(plant.month_start_day),
            }
        ],
        "org_units": [
            {"org_code": code, "name": name, "parent_code": parent, "kind": kind}
            for code, name, parent, kind in (
                ("plant", "全厂", "", "enterprise"),
                ("ws.1", "一车间", "plant", "workshop"),
                ("ws.2", "二车间", "plant", "workshop"),
            )
        ],
        "equipment": [{"equipment_code": "furnace-1", "name": "一号炉", "org_code": "ws.1"}],
        "energies": [
            {
                "energy_code": energy.energy_code,
                "name": f"能源 {energy.energy_code}",
                "unit": energy.unit,
                "class": energy.energy_class,
                "kgce_per_unit": number(energy.kgce_per_unit),
                "kgce_per_unit_equal": number(energy.kgce_per_unit_equal),
                "valid_from": day(energy.valid_from),
                "valid_to": day(energy.valid_to),
            }
            for energy in plant.energies
        ],
        "calorific_values": [
            {
                "energy_code": heat.energy_code,
                "valid_from": day(heat.valid_from),
                "valid_to": day(heat.valid_to),
                "kj_per_unit": number(heat.kj_per_unit),
            }
            for heat in plant.heat_values
        ],
        "nodes": [{"node_code": code, "name": name, "stage": stage} for code, name, stage in nodes],
        "flows": [
            {
                "flow_code": flow.flow_code,
                "energy_code": flow.energy_code,
                "from_node": "grid" if flow.level == 1 else "store",
                "to_node": "store" if flow.level == 1 else "use",
                "level": str(flow.level),
                "item": flow.item,
                "measured_by": flow.measured_by or "",
                "org_code": flow.org_code or "",
                "equipment_code": flow.equipment_code or "",
            }
            for flow in plant.flows
        ],
        "meters": [
            {
                "meter_code": meter.meter_code,
                "name": f"表 {meter.meter_code}",
                "energy_code": meter.energy_code,
                "reading_kind": meter.reading_kind,
                "unit": "kWh",
                "multiplier": "" if meter.multiplier == 1 else number(meter.multiplier),
                "register_max": number(meter.register_max),
                "interval_minutes": "" if meter.interval_minutes == 15 else number(meter.interval_minutes),
                "interval_label": "" if meter.interval_label == "start" else meter.interval_label,
                "max_per_hour": number(meter.max_per_hour),
            }
            for meter in plant.meters
        ],
        "meter_events": [
            {
                "meter_code": event.meter_code,
                "event_at": stamp(plant, event.at, form),
                "kind": event.kind,
                "old_last_reading": number(event.old_last_reading),
                "new_first_reading": number(event.new_first_reading),
                "new_multiplier": number(event.new_multiplier),
                "new_register_max": number(event.new_register_max),
            }
            for meter in plant.meters
            for event in meter.events
        ],
        "upload_items": [
            {
                "data_code": item.data_code,
                "expression": item.expression,
                "figure": item.figure,
                "stat_types": ",".join(map(str, item.stat_types)),
                "interval_minutes": str(item.interval_minutes),
                "scope": "2",
                "factor": number(item.factor),
                "least_coverage": number(item.least_coverage),
                "value_max": number(item.value_max),
            }
            for item in plant.upload_items
        ],
        "upload_values": [
            {
                "data_code": entered.data_code,
                "stat_type": str(entered.stat_type),
                "stat_date": f"{entered.stat_date:%Y-%m-%d %H:%M:%S}",
                "value": number(entered.value),
            }
            for entered in plant.upload_values
        ],
        "shifts": [
            {"shift_code": shift.shift_code, "start": clock(shift.start), "end": clock(shift.end)}
            for shift in plant.shifts
        ],
        **erp,
    }
    return {name: rows for name, rows in tables.items() if rows}


def reading_rows(plant: Plant, readings: Sequence[Reading], form: str) -> Table:
    return [
        {
            "meter_code": reading.meter_code,
            "read_at": stamp(plant, reading.at, form),
            "value": number(reading.value),
            "quality": reading.quality,
            "revision": str(reading.revision),
        }
        for reading in readings
    ]


def header(rows: Table, style: Style, table: str = "") -> list[str]:
    """Columns by the plant's words for them; ``upload_values.value`` for a table's own."""
    aliases = style.aliases or {}
    return [aliases.get(f"{table}.{column}", aliases.get(column, column)) for column in rows[0]]


def csv_bytes(rows: Table, style: Style, table: str = "") -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=style.newline)
    writer.writerow(header(rows, style, table))
    writer.writerows(row.values() for row in rows)
    return buffer.getvalue().encode(style.encoding)


def write_readings(folder: Path, name: str, plant: Plant, readings: Sequence[Reading], style: Style) -> Path:
    """One readings file; every file is a batch of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{style.readings}"
    if style.readings == "parquet":
        moments = [datetime.fromtimestamp(int(reading.at), UTC) for reading in readings]
        stamps = pa.array(moments, pa.timestamp("us", tz="UTC"))
        if style.stamps == "local":
            zone = ZoneInfo(plant.timezone)
            local = [moment.astimezone(zone).replace(tzinfo=None) for moment in moments]
            stamps = pa.array(local, pa.timestamp("us"))
        columns = {
            "meter_code": [reading.meter_code for reading in readings],
            "read_at": stamps,
            "value": [float(reading.value or 0) for reading in readings],
            "quality": [reading.quality for reading in readings],
            "revision": [reading.revision for reading in readings],
        }
        pq.write_table(pa.table(columns), path)
        return path
    content = csv_bytes(reading_rows(plant, readings, style.stamps), style)
    path.write_bytes(gzip.compress(content, mtime=0) if style.readings == "csv.gz" else content)
    return path


def write_package(folder: Path, plant: Plant, style: Style, files: int = 3, seed: int = 0) -> Path:
    """The whole package; readings shuffled and dealt out to ``files`` files. Returns what to load."""
    folder.mkdir(parents=True, exist_ok=True)
    dealt = deal(plant.readings, files, Random(seed))
    if style.is_workbook:
        return write_workbook(folder / f"{plant.site_code}.xlsx", plant, style)
    for name, rows in ledger_tables(plant, style.stamps).items():
        (folder / f"{name}.csv").write_bytes(csv_bytes(rows, style, name))
    for index, readings in enumerate(dealt):
        write_readings(folder / "readings", f"part_{index}", plant, readings, style)
    return folder


def deal(readings: Sequence[Reading], files: int, rng: Random) -> list[list[Reading]]:
    """Readings shuffled over some files, none of them empty."""
    shuffled = list(readings)
    rng.shuffle(shuffled)
    return [part for part in (shuffled[index::files] for index in range(files)) if part]


def write_workbook(path: Path, plant: Plant, style: Style) -> Path:
    """One sheet per file, numbers as numbers and dates as Excel dates, as people keep them."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    tables = ledger_tables(plant, style.stamps) | {"readings": reading_rows(plant, plant.readings, style.stamps)}
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        sheet.append(header(rows, style, name))
        for row in rows:
            sheet.append([_cell(column, text) for column, text in row.items()])
    book.save(path)
    return path


_CELLS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "valid_from": date.fromisoformat,
    "valid_to": date.fromisoformat,
    "read_at": lambda text: datetime.fromisoformat(text) if "+" not in text and "Z" not in text else text,
    "event_at": lambda text: datetime.fromisoformat(text) if "+" not in text and "Z" not in text else text,
    "value": float,
    "quantity": float,
    "multiplier": float,
    "max_per_hour": float,
    "register_max": float,
    "level": int,
    "revision": int,
    "month_start_day": int,
    "day_start": time.fromisoformat,
    "start": time.fromisoformat,
    "end": time.fromisoformat,
}


def _cell(column: str, text: str) -> object:
    if not text:
        return None
    if column in ("meter_code", "measured_by") and text.isdecimal() and not text.startswith("0"):
        return int(text)  # what a spreadsheet makes of a code of digits
    return _CELLS[column](text) if column in _CELLS else text
