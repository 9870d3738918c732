"""Writes batches into a warehouse the way landing does, without going through files."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.marking import mark_readings

NOW = datetime(2026, 6, 10, 1, 0, tzinfo=UTC)
START = datetime(2026, 6, 8, 16, 0, tzinfo=UTC)  # 9 June, 00:00 in Asia/Shanghai
QUARTER = timedelta(minutes=15)


class Plant:
    """Writes batches the way landing does, without going through files."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.ledger("sites", name="厂")
        for month in ("1970-01-01", "2026-05-01", "2026-06-01", "2027-01-01"):
            self.connection.execute("select raw.ensure_readings_month(%s)", [month])
        self.meter("M1", max_per_hour=400)
        self.meter("M2", max_per_hour=400)

    def ledger(self, table: str, **columns: Any) -> None:
        """One row of a ledger of the site P."""
        row = {"site_code": "P", **({} if table == "flow_terms" else {"batch_id": 0}), **columns}
        self.connection.execute(
            f"insert into ledger.{table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )

    def meter(self, code: str, kind: str = "interval", **columns: Any) -> None:
        what = {"meter_code": code, "name": code, "energy_code": "electricity", "unit": "kWh"}
        self.ledger("meters", **what, reading_kind=kind, **columns)

    def batch(self, file: str, rows: list[tuple[Any, ...]], *, kind: str = "readings", **columns: Any) -> int:
        """``rows`` are (meter_code, read_at, value[, quality]); ``columns`` override what is registered."""
        stamps = [row[1] for row in rows]
        registered = {
            "load_id": uuid.uuid4(), "site_code": "P", "kind": kind, "source": "csv", "file": file,
            "sha256": uuid.uuid4().hex, "rows_total": len(rows), "rows_landed": len(rows),
            "first_read_at": min(stamps, default=None), "last_read_at": max(stamps, default=None),
            "received_at": NOW, "status": "landed", **columns,
        }  # fmt: skip
        names = ", ".join(registered)
        found = self.connection.execute(
            f"insert into ops.batches ({names}) values ({', '.join(['%s'] * len(registered))}) returning batch_id",
            list(registered.values()),
        ).fetchone()
        assert found
        with self.connection.cursor() as cursor, cursor.copy("copy raw.readings from stdin") as copy:
            for line, (meter, read_at, value, *quality) in enumerate(rows, start=2):
                copy.write_row(("P", meter, read_at, value, *(quality or ["good"]), 0, found[0], line))
        if rows:
            mark_readings(self.connection, "P", found[0], [(row[0], row[1]) for row in rows])
        self.connection.commit()
        return int(found[0])

    def fetch(self, query: str, *values: Any) -> list[Any]:
        self.connection.commit()
        return self.connection.execute(query, values).fetchall()


def day(meter: str = "M1", value: float = 10, count: int = 96, start: datetime = START) -> list[tuple[Any, ...]]:
    return [(meter, start + number * QUARTER, value) for number in range(count)]
