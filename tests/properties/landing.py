"""A plant put straight into the warehouse's input schemas, batch by batch, past the file formats.

Property tests need a clock of their own and hundreds of batches; the formats have tests elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from ingestion import marks, warehouse
from tests.marking import mark_readings
from tests.plants.unseen.packages import ledger_tables, number
from tests.reference.flows import terms_of
from tests.reference.model import Plant, Reading

#: Names that differ between the package's columns and the warehouse's.
RENAMED = {"start": "start_time", "end": "end_time"}
LEDGER_TABLES = (
    "energies",
    "calorific_values",
    "org_units",
    "equipment",
    "nodes",
    "flows",
    "meters",
    "meter_events",
    "shifts",
    "upload_items",
    "upload_values",
)


def land_plant(plant: Plant, now: datetime) -> None:
    """Ledgers and ERP rows of the plant as accepted batches."""
    tables = ledger_tables(plant, "offset")
    with warehouse.connect("ingest") as connection:
        batch_id = new_batch(connection, plant, "ledger", now)
        insert(connection, "ledger.sites", tables["site"], batch_id, {})
        site = {"site_code": plant.site_code}
        for name in LEDGER_TABLES:
            insert(connection, f"ledger.{name}", tables.get(name, []), batch_id, site)
        insert_terms(connection, plant)
        erp_batch = new_batch(connection, plant, "erp", now)
        for name in ("purchases", "stocks"):
            insert(connection, f"raw.{name}", tables.get(name, []), erp_batch, site | {"line": "2"})
        marks.mark_documents(connection, erp_batch)


def insert_terms(connection: psycopg.Connection[Any], plant: Plant) -> None:
    """Expressions taken apart, as the import does it: those of flows and those of uploaded items."""
    site = {"site_code": plant.site_code}
    terms = [
        {"flow_code": flow.flow_code, "meter_code": code, "coefficient": number(coefficient)}
        for flow in plant.flows
        if flow.measured_by
        for code, coefficient in terms_of(flow.measured_by).items()
    ]
    insert(connection, "ledger.flow_terms", terms, None, site)
    meters = {meter.meter_code for meter in plant.meters}
    uploads = [
        {
            "data_code": item.data_code,
            "destination": "*",
            "kind": "meter" if code in meters else "flow",
            "code": code,
            "coefficient": number(coefficient),
        }
        for item in plant.upload_items
        for code, coefficient in terms_of(item.expression).items()
    ]
    insert(connection, "ledger.upload_terms", uploads, None, site)


def land_readings(plant: Plant, readings: Sequence[Reading], now: datetime, status: str = "accepted") -> int:
    """One batch of readings, in the order given; returns its id."""
    with warehouse.connect("ingest") as connection:
        batch_id = new_batch(connection, plant, "readings", now, status)
        for month in months_of(readings):
            connection.execute("select raw.ensure_readings_month(%s)", (month,))
        columns = "site_code, meter_code, read_at, value, quality, revision, batch_id, line"
        with connection.cursor().copy(f"copy raw.readings ({columns}) from stdin") as rows:
            for line, reading in enumerate(readings, start=2):
                rows.write_row(
                    (
                        plant.site_code,
                        reading.meter_code,
                        datetime.fromtimestamp(int(reading.at), UTC),
                        number(reading.value),
                        reading.quality,
                        reading.revision,
                        batch_id,
                        line,
                    )
                )
        stamps = [datetime.fromtimestamp(int(reading.at), UTC) for reading in readings]
        connection.execute(
            "update ops.batches set first_read_at = %s, last_read_at = %s where batch_id = %s",
            (min(stamps, default=None), max(stamps, default=None), batch_id),
        )
        if readings:
            mark_readings(
                connection, plant.site_code, batch_id, zip([one.meter_code for one in readings], stamps, strict=True)
            )
    return batch_id


def months_of(readings: Iterable[Reading]) -> set[date]:
    days = {datetime.fromtimestamp(int(reading.at), UTC).date() for reading in readings}
    return {day.replace(day=1) for day in days}


def new_batch(
    connection: psycopg.Connection[Any], plant: Plant, kind: str, now: datetime, status: str = "accepted"
) -> int:
    row = connection.execute(
        "insert into ops.batches (load_id, site_code, kind, source, file, sha256, received_at, status) "
        "values (%s, %s, %s, 'test', 'test', %s, %s, %s) returning batch_id",
        (uuid.uuid4(), plant.site_code, kind, uuid.uuid4().hex, now, status),
    ).fetchone()
    assert row is not None
    return int(row[0])


def insert(
    connection: psycopg.Connection[Any],
    table: str,
    rows: Sequence[Mapping[str, str]],
    batch_id: int | None,
    constants: Mapping[str, str],
) -> None:
    for row in rows:
        values: dict[str, object] = {
            RENAMED.get(name, name): text for name, text in {**constants, **row}.items() if text
        }
        if batch_id is not None:
            values["batch_id"] = batch_id
        columns = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        connection.execute(f"insert into {table} ({columns}) values ({marks})", list(values.values()))
