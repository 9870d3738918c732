"""A small plant package for landing tests: ledgers that fit together, to be bent by each test."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from ingestion import landing, warehouse
from ingestion.landing import BatchReport
from ingestion.package import open_package

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 2, tzinfo=UTC)

LEDGERS = {
    "site": "site_code,name,month_start_day,type_code,address\nS1,试验厂,26,1,昆明\n",
    "org_units": "org_code,name,parent_code\nHQ,总厂,\nW1,一车间,HQ\n",
    "energies": "energy_code,name,unit,class,kgce_per_unit,valid_from,valid_to\n"
    "steam,蒸汽,t,secondary,,,\nraw_coal,原煤,t,primary,0.7,,2026-01-01\nraw_coal,原煤,t,primary,0.71,2026-01-01,\n",
    "products": "product_code,name,unit\nP1,钢,t\n",
    "equipment": 'equipment_code,name,org_code,rated_power_kw,is_special\nEQ1,电炉,W1,"1,200",是\n',
    "nodes": "node_code,name,stage,org_code,equipment_code\nN0,外网,external,,\nN1,总降,购入贮存,HQ,\nN2,电炉,end_use,W1,EQ1\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,multiplier\n"
    "M1,进线1,electricity,register,kWh,100\nM2,进线2,electricity,register,kWh,100\nM3,电炉,electricity,interval,kWh,\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by\n"
    "F1,electricity,N0,N1,1,purchase,M1 + M2\nF2,electricity,N1,N2,2,production,M1 + M2 - 0.5 * M3\n",
    "meter_events": "meter_code,event_at,kind,old_last_reading\nM1,2026-01-05 24:00,换表,99.5\n",
    "shifts": "shift_code,start,end\nA,8:00,20:00\nB,20:00,8:00\n",
    "tariffs": "energy_code,period,start,end,price_cny,valid_from\nelectricity,峰,8:00,12:00,0.9,2026-01-01\n",
    "persons": "person_code,name\n001,王工\n",
    "alarm_rules": "rule_code,threshold\nR1,5\nR2,6\n",
}

READINGS = "meter_code,read_at,value\nM1,2026-01-05 08:00,1.10\nM1,2026-01-05 09:00,2.2\nX9,2026-01-31 23:59,3\n"


def write(folder: Path, tables: Mapping[str, str]) -> Path:
    """Write tables as CSV files of a package; names may lead into readings/."""
    for name, content in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def load(folder: Path, now: datetime = NOW) -> dict[str, BatchReport]:
    """Land a package as the pipeline does; reports by file name."""
    package = open_package(folder)
    reports: list[BatchReport] = []
    with warehouse.connect("ingest") as connection:
        for land in (landing.land_ledgers, landing.land_erp, landing.land_readings):
            reports += land(package, connection, uuid.uuid4(), now)
    return {report.file: report for report in reports}


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a query gives, seen by the audit role."""
    with warehouse.connect("audit") as connection:
        return connection.execute(query, values).fetchall()


def rejected() -> dict[tuple[str, int], tuple[str | None, str]]:
    """Refused rows: (file, line) → (column, reason code)."""
    return {
        (file, line): (column, code)
        for file, line, column, code in rows(
            "select file, line, column_name, reason_code from quarantine.rejected_rows"
        )
    }


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every schema that ingestion writes: two loads must not differ."""
    with warehouse.connect("audit") as connection:
        tables = connection.execute(
            """select relnamespace::regnamespace::text, relname from pg_class
            where relnamespace in ('ledger'::regnamespace, 'raw'::regnamespace, 'ops'::regnamespace,
                'quarantine'::regnamespace)
            and relkind in ('r', 'p') and not relispartition"""
        ).fetchall()
        return {
            f"{schema}.{name}": sorted(
                connection.execute(
                    psycopg.sql.SQL("select one::text from {} as one").format(psycopg.sql.Identifier(schema, name))
                ).fetchall(),
                key=str,
            )
            for schema, name in tables
        }
