"""ops.batches: one row per file, with checksum and counts; and the refused rows that belong to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from ingestion import rejections as quarantine
from ingestion.rejections import Rejection

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class BatchReport:
    """What became of one file.

    ``status`` is that of ops.batches: 'landed' waits for the batch gate; a file that was landed
    before keeps what the gate said ('accepted', 'held'); 'refused' means nothing of it landed.
    ``is_repeat`` says that the same content had been dealt with before and nothing changed.
    """

    batch_id: int
    site_code: str
    kind: str
    file: str
    status: str
    rows_total: int = 0
    rows_landed: int = 0
    rows_rejected: int = 0
    status_reason: str | None = None
    is_repeat: bool = False
    notices: tuple[str, ...] = ()
    """What should be known though it refuses nothing: ignored columns, differing units."""


@dataclass(frozen=True)
class Batch:
    """A batch about to be recorded."""

    load_id: UUID
    site_code: str
    kind: str
    source: str
    file: str
    sha256: str
    received_at: datetime
    rows_total: int = 0
    rows_landed: int = 0
    rows_rejected: int = 0
    status: str = "landed"
    status_reason: str | None = None
    first_read_at: datetime | None = None
    last_read_at: datetime | None = None
    judged_at: datetime | None = None
    """Filled where no gate has to look at it: what is edited row by row has been checked row by row."""

    def report(self, batch_id: int, is_repeat: bool = False, notices: Sequence[str] = ()) -> BatchReport:
        """The batch as the pipeline sees it."""
        return BatchReport(
            batch_id,
            self.site_code,
            self.kind,
            self.file,
            self.status,
            self.rows_total,
            self.rows_landed,
            self.rows_rejected,
            self.status_reason,
            is_repeat,
            tuple(notices),
        )


_COLUMNS = (
    "load_id",
    "site_code",
    "kind",
    "source",
    "file",
    "sha256",
    "received_at",
    "rows_total",
    "rows_landed",
    "rows_rejected",
    "status",
    "status_reason",
    "first_read_at",
    "last_read_at",
    "judged_at",
)


def reserve(connection: Connection) -> int:
    """The id of a batch to come; one that is never used leaves a gap and no harm."""
    row = connection.execute("select nextval(pg_get_serial_sequence('ops.batches', 'batch_id'))").fetchone()
    assert row is not None  # noqa: S101 - nextval always gives a row
    return int(row[0])


def insert(connection: Connection, batch: Batch, batch_id: int | None = None) -> int:
    """Record a batch, under a reserved id where there is one; returns its id."""
    batch_id = reserve(connection) if batch_id is None else batch_id
    columns = sql.SQL(", ").join(map(sql.Identifier, ("batch_id", *_COLUMNS)))
    places = sql.SQL(", ").join(sql.Placeholder() * (len(_COLUMNS) + 1))
    connection.execute(
        sql.SQL("insert into ops.batches ({}) overriding system value values ({})").format(columns, places),
        [batch_id, *(getattr(batch, name) for name in _COLUMNS)],
    )
    return batch_id


def update(connection: Connection, batch: Batch, batch_id: int) -> None:
    """Give a batch that was landed before its new outcome."""
    connection.execute(
        """update ops.batches set status = %s, status_reason = %s, judged_at = null,
        rows_total = %s, rows_landed = %s, rows_rejected = %s where batch_id = %s""",
        [
            batch.status,
            batch.status_reason,
            batch.rows_total,
            batch.rows_landed,
            batch.rows_rejected,
            batch_id,
        ],
    )


_REPORT = """select batch_id, site_code, kind, file, status, rows_total, rows_landed, rows_rejected, status_reason,
    sha256 from ops.batches"""


def _repeated(row: Sequence[Any]) -> BatchReport:
    values: tuple[Any, ...] = tuple(row[:9])
    return replace(BatchReport(*values), is_repeat=True)


def find_same(connection: Connection, site: str, kind: str, sha256: str) -> BatchReport | None:
    """The batch of this site that landed the same content, whatever the gate said of it."""
    row = connection.execute(
        _REPORT
        + """ where site_code = %s and kind = %s and sha256 = %s and status <> 'refused'
        order by batch_id limit 1""",
        [site, kind, sha256],
    ).fetchone()
    return _repeated(row) if row else None


def newest(connection: Connection, site: str, kind: str, file: str) -> tuple[BatchReport, str] | None:
    """The last batch of the same table (file or sheet, any spelling of suffix) and its checksum."""
    name = table_name(file)
    rows = connection.execute(
        _REPORT + " where site_code = %s and kind = %s and position(lower(%s) in lower(file)) > 0"
        " order by batch_id desc limit 200",
        [site, kind, name],
    )
    for row in rows:
        if table_name(row[3]).lower() == name.lower():
            return _repeated(row), row[9]
    return None


def table_name(file: str) -> str:
    """'books.xlsx#meters' → 'meters'; 'meters.csv' → 'meters'."""
    return re.sub(r"(\.csv|\.txt|\.gz|\.xlsx)+$", "", re.split(r"[#/]", file)[-1], flags=re.IGNORECASE)


def refuse(connection: Connection, batch: Batch) -> BatchReport:
    """Record that nothing of a file landed; the same file refused again is one batch."""
    with connection.transaction():
        found = connection.execute(
            """select batch_id from ops.batches where site_code = %s and kind = %s and file = %s and sha256 = %s
            and status = 'refused' order by batch_id desc limit 1""",
            [batch.site_code, batch.kind, batch.file, batch.sha256],
        ).fetchone()
        if found:
            connection.execute(
                "update ops.batches set status_reason = %s, received_at = %s where batch_id = %s",
                [batch.status_reason, batch.received_at, found[0]],
            )
            return batch.report(found[0], is_repeat=True)
        return batch.report(insert(connection, batch))


def reject(connection: Connection, batch: Batch, batch_id: int, rejected: Sequence[Rejection]) -> None:
    """Write the refused rows of a batch to quarantine.rejected_at_landing."""
    if not rejected:
        return
    lines = quarantine.copy_lines(rejected, batch.site_code, batch_id, batch.file, batch.received_at.isoformat())
    copy(connection, "quarantine.rejected_at_landing", quarantine.COPY_COLUMNS, [lines])


def replace_rejected(connection: Connection, batch: Batch, batch_id: int, rejected: Sequence[Rejection]) -> bool:
    """Bring the refused rows of a batch up to date; False when they were the same already."""
    before = connection.execute(
        """select line, column_name, reason_code, reason from quarantine.rejected_at_landing where batch_id = %s""",
        [batch_id],
    ).fetchall()
    after = [(one.line, one.column, one.reason.value, one.text) for one in rejected]
    if sorted(before, key=str) == sorted(after, key=str):
        return False
    connection.execute("delete from quarantine.rejected_at_landing where batch_id = %s", [batch_id])
    reject(connection, batch, batch_id, rejected)
    return True


def copy(connection: Connection, table: str, columns: Sequence[str], chunks: Any, *, is_new: bool = False) -> None:
    """COPY CSV lines (bytes or buffers) into a table; ``is_new``: made in this transaction, so nobody sees it yet."""
    statement = sql.SQL("copy {} ({}) from stdin (format csv{})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        # Rows need no vacuum later.
        sql.SQL(", freeze" if is_new else ""),
    )
    with connection.cursor().copy(statement) as target:
        for chunk in chunks:
            target.write(chunk)
