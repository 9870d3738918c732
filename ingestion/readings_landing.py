"""A readings file into raw.readings: read to its end and checked, then copied in one transaction.

The file is parsed into a temporary file of COPY lines first. So the months it touches are known before the
transaction, the transaction is short, and what turns out to be broken in its last block has not touched the
warehouse. Months that are missing are made before it, save those that the file brings much of: these are filled in
it, and attached with their rows (decision 0016).
"""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import batches, readings, stamps
from ingestion import rejections as quarantine
from ingestion.batches import Batch, BatchReport
from ingestion.package import PackageFile, ReadingsSource
from ingestion.readings import COPY_COLUMNS, READINGS, Parsed
from ingestion.readings_spool import LineSpool, read_through

THREADS = 2
"""Blocks in work at once; Arrow and numpy release the interpreter for most of it."""

LARGE_ROWS = 50_000
"""So many rows of a month are read by the gate and the build at once, sooner than autovacuum would look at them; and a
month that is not there yet is worth a table that is filled before it is attached."""

SPOOL_BYTES = 32 << 20
"""Small files never touch the disk."""

Connection = psycopg.Connection[Any]


@dataclass
class _Spool:
    """What a file became: COPY lines for both tables, and what the batch record says of them."""

    lines: LineSpool
    refused: IO[bytes]
    landed: int = 0
    rejected: int = 0
    first: int | None = None
    last: int | None = None
    months: set[str] = field(default_factory=set)
    days: list[pa.Table] = field(default_factory=list)


def land_file(
    file: PackageFile, connection: Connection, site: str, timezone: str, load_id: UUID, now: datetime
) -> BatchReport:
    """Land one readings file; raises FileRefused when it is truncated, corrupt or has no such columns."""
    source = file.open_readings()
    try:
        return land_source(source, connection, site, timezone, load_id, now)
    finally:
        source.close()


def land_source(
    source: ReadingsSource, connection: Connection, site: str, timezone: str, load_id: UUID, now: datetime
) -> BatchReport:
    """Land readings from wherever they come as one batch; the caller closes the source."""
    positions, unknown = READINGS.match(source.header, source.file)
    same = batches.find_same(connection, site, "readings", source.sha256)
    if same:
        return BatchReport(**(same.__dict__ | {"file": source.file}))
    notices = [f"{source.file}：不认识的列“{title}”，已忽略" for title in unknown]
    batch_id = batches.reserve(connection)
    with (
        tempfile.SpooledTemporaryFile(SPOOL_BYTES) as lines,
        tempfile.SpooledTemporaryFile(SPOOL_BYTES) as refused,
    ):
        spool = _Spool(LineSpool(lines), refused)
        _parse(source, positions, ZoneInfo(timezone), site, batch_id, now, spool, _edge(connection))
        source.check_unchanged()
        batch = Batch(
            load_id,
            site,
            "readings",
            source.source,
            source.file,
            source.sha256,
            now,
            rows_total=spool.landed + spool.rejected,
            rows_landed=spool.landed,
            rows_rejected=spool.rejected,
            first_read_at=_instant(spool.first),
            last_read_at=_instant(spool.last),
        )
        large = [month for month, rows in _rows_by_month(spool.days).items() if rows >= LARGE_ROWS]
        whole = spool.lines.months.intersection(large)
        try:
            report = _copy(connection, batch, batch_id, spool, whole, notices)
        except psycopg.errors.DeadlockDetected:
            # Two files, each with some hours of the month that the other one is making.
            report = _copy(connection, batch, batch_id, spool, set(), notices)
        if not report.is_repeat:
            for month in sorted(large):
                connection.execute("select ops.analyze_table('raw', %s)", [_table(month)])
        return report


def _parse(
    source: ReadingsSource,
    positions: dict[str, int],
    timezone: ZoneInfo,
    site: str,
    batch_id: int,
    now: datetime,
    spool: _Spool,
    edge: int | None,
) -> None:
    tail = f"{site},{batch_id}"
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[Parsed]] = deque()
        for block in source.blocks():
            waiting.append(pool.submit(readings.parse, block, positions, source.header, timezone, tail, edge))
            if len(waiting) > THREADS:
                _take(waiting.popleft().result(), source.file, site, batch_id, now, spool)
        while waiting:
            _take(waiting.popleft().result(), source.file, site, batch_id, now, spool)


def _take(parsed: Parsed, file: str, site: str, batch_id: int, now: datetime, spool: _Spool) -> None:
    spool.lines.add(parsed.lines, parsed.runs, parsed.landed)
    if parsed.rejections:
        spool.refused.write(quarantine.copy_lines(parsed.rejections, site, batch_id, file, now.isoformat()))
    spool.landed += parsed.landed
    spool.rejected += len(parsed.rejections)
    spool.months |= parsed.months
    if parsed.days is not None:
        spool.days.append(parsed.days)
    if parsed.first is not None and parsed.last is not None:
        spool.first = parsed.first if spool.first is None else min(spool.first, parsed.first)
        spool.last = parsed.last if spool.last is None else max(spool.last, parsed.last)


def _copy(
    connection: Connection, batch: Batch, batch_id: int, spool: _Spool, whole: set[str], notices: list[str]
) -> BatchReport:
    """``whole`` are months that may be made with the batch; without any, all are made before its transaction."""
    if not whole:
        _ensure(connection, spool.months)
    with connection.transaction():
        # Two loads of one file at the same time: the second waits, then finds it landed.
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s || ' ' || %s, 0))",
            [batch.site_code, batch.sha256],
        )
        same = batches.find_same(connection, batch.site_code, "readings", batch.sha256)
        if same:
            return same
        batches.insert(connection, batch, batch_id)
        if spool.landed:
            _copy_lines(connection, spool, whole)
            mark_days(connection, batch.site_code, batch_id, readings.merged_days(spool.days))
        if spool.rejected:
            refused = read_through(spool.refused)
            batches.copy(connection, "quarantine.rejected_at_landing", quarantine.COPY_COLUMNS, refused)
    return batch.report(batch_id, notices=notices)


def _copy_lines(connection: Connection, spool: _Spool, whole: set[str]) -> None:
    new = [month for month in sorted(whole) if _begin(connection, month)]
    for month in new:
        batches.copy(connection, f"raw.{_table(month)}", COPY_COLUMNS, spool.lines.month(month), is_new=True)
    if whole:
        # Now, and not before: the month before, of which a file has the hours between its time and UTC, another file
        # is making meanwhile, and is waited for.
        _ensure(connection, spool.months.difference(new))
    batches.copy(connection, "raw.readings", COPY_COLUMNS, spool.lines.chunks(without=new))
    for month in new:
        connection.execute("select raw.attach_readings_month(%s)", [month])


def _ensure(connection: Connection, months: set[str]) -> None:
    for month in sorted(months):
        connection.execute("select raw.ensure_readings_month(%s)", [month])


def _begin(connection: Connection, month: str) -> bool:
    row = connection.execute("select raw.begin_readings_month(%s)", [month]).fetchone()
    return bool(row and row[0])


def _table(month: str) -> str:
    """The table of a month, of which ``month`` is the first day (raw.begin_readings_month)."""
    return f"readings_{month[:4]}{month[5:7]}"


def mark_days(connection: Connection, site: str, batch_id: int, days: pa.Table) -> None:
    """Mark dirty (ingestion.marks) each meter and day of a batch, as ingestion.readings.days_of gives them.

    From the day's first instant to its last; it counts from the moment the batch is accepted. (The warehouse would have
    to read again for it what it has just written: a fifth of the landing.)
    """
    lines = pc.binary_join_element_wise(
        site,
        days["meter_code"].combine_chunks(),
        stamps.written(days["first_us"].to_numpy()),
        stamps.written(days["last_us"].to_numpy()),
        f"{batch_id},读数\n",
        ",",
    )
    columns = ("site_code", "meter_code", "starts_at", "ends_at", "batch_id", "cause")
    batches.copy(connection, "ops.dirty_meters", columns, ["".join(lines.to_pylist()).encode()])


def _rows_by_month(days: list[pa.Table]) -> dict[str, int]:
    """How many rows of a file go into each month (UTC, its first day)."""
    found: Counter[str] = Counter()
    for block in days:
        months = block["day"].to_numpy().astype("datetime64[D]").astype("datetime64[M]").astype(str)
        for month, rows in zip(months, block["readings"].to_numpy(), strict=True):
            found[f"{month}-01"] += int(rows)
    return found


def _edge(connection: Connection) -> int | None:
    """The retention edge in microseconds; a month that is retired after this makes the COPY fail, not land."""
    row = connection.execute(
        "select (extract(epoch from nullif(raw.retention_edge(), '-infinity')) * 1000000)::bigint"
    ).fetchone()
    return row[0] if row else None


def _instant(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
