"""ERP files into raw.production, raw.purchases and raw.stocks: append only, one batch per file.

Which batch's rows count for a key is decided in dbt: those of the newest accepted one.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from ingestion import batches
from ingestion.batches import Batch, BatchReport
from ingestion.ledgers import references, state
from ingestion.ledgers.rows import Rows, parse
from ingestion.package import PackageFile


def land_file(
    file: PackageFile,
    connection: psycopg.Connection[Any],
    site: str,
    timezone: str,
    load_id: UUID,
    now: datetime,
) -> BatchReport:
    """Land one ERP file in one transaction; raises FileRefused when nothing of it can be used."""
    cells, sha256 = file.read_cells()
    rows = parse(file.table, cells, file.name, ZoneInfo(timezone))
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('erp ' || %s, 0))", [site])
        references.check_references(rows, {}, state.load(connection, site))
        batch = Batch(
            load_id,
            site,
            "erp",
            file.source,
            file.name,
            sha256,
            now,
            rows_total=rows.total,
            rows_landed=rows.landed,
            rows_rejected=len(rows.rejections),
        )
        last = batches.newest(connection, site, "erp", file.name)
        is_same = last and last[1] == sha256 and last[0].status != "refused"
        # The same file says something new only when more of its rows stand than before.
        if last and is_same and last[0].rows_landed == rows.landed:
            return BatchReport(**(last[0].__dict__ | {"notices": tuple(rows.notices)}))
        batch_id = batches.insert(connection, batch)
        batches.reject(connection, batch, batch_id, rows.rejections)
        _copy(connection, rows, site, batch_id)
    return batch.report(batch_id, notices=rows.notices)


def _copy(connection: psycopg.Connection[Any], rows: Rows, site: str, batch_id: int) -> None:
    columns = [column.stored for column in rows.table.columns]
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    for row in rows.good:
        cells = (row.values[column.name] for column in rows.table.columns)
        writer.writerow([site, batch_id, row.line, *cells])
    batches.copy(
        connection,
        f"raw.{rows.table.target}",
        ("site_code", "batch_id", "line", *columns),
        [target.getvalue().encode()],
    )
