"""How the warehouse's tables stand: months of readings, statistics, dead rows, age, growth.

Everything is read from PostgreSQL's catalogue, so nothing here needs a right to the rows, or time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg

from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations import cluster
from plugins.operations.findings import Finding, fault, note, ok

MONTHS_AHEAD = 2
"""Months made before they begin: an upkeep that fails for weeks stops no landing."""

STALE_SHARE = 0.05
STALE_ROWS = 1000
"""Statistics are stale when more rows have changed since than this share of the table, and this number."""

DEAD_SHARE = 0.3
DEAD_ROWS = 100_000
AGE_NOTE = 400_000_000
AGE_FAULT = 1_200_000_000
"""Transactions: freezing starts by itself at 200 million, and the server refuses writes near 2.1 billion."""

RATE_MONTHS = 3
GIB = 1024**3

Connection = psycopg.Connection[Any]

STALE = """
with tables as (
    select
        pg_class.oid,
        pg_namespace.nspname as schema_name,
        pg_class.relname as table_name,
        pg_get_userbyid(pg_class.relowner) as owner,
        pg_class.relkind,
        pg_class.reltuples,
        coalesce(pg_stat_get_live_tuples(pg_class.oid), 0) as live,
        coalesce(pg_stat_get_mod_since_analyze(pg_class.oid), 0) as changed,
        pg_stat_get_last_analyze_time(pg_class.oid) is null
        and pg_stat_get_last_autoanalyze_time(pg_class.oid) is null as is_new
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        pg_namespace.nspname in ('ledger', 'raw', 'ops', 'quarantine', 'staging', 'intermediate', 'marts')
        and pg_class.relkind in ('r', 'p')
        and pg_get_userbyid(pg_class.relowner) in ('nengduan_owner', 'nengduan_transform')
),

-- Nobody analyses a partitioned table by itself: it is held against the sum of its partitions.
parents as (
    select
        pg_inherits.inhparent as oid,
        sum(greatest(tables.reltuples, tables.live)) as live
    from pg_inherits
    inner join tables on pg_inherits.inhrelid = tables.oid
    group by pg_inherits.inhparent
)

select
    tables.schema_name,
    tables.table_name,
    tables.owner,
    case
        when tables.relkind = 'p' then abs(parents.live - greatest(tables.reltuples, 0)) else tables.changed
    end::bigint as changed
from tables
left join parents on tables.oid = parents.oid
where
    case
        when tables.relkind = 'p'
            then
                parents.live > 0
                and (
                    tables.reltuples < 0
                    or abs(parents.live - tables.reltuples)
                    > greatest(%(rows)s, %(share)s * tables.reltuples)
                )
        else
            (tables.is_new and tables.live > %(rows)s)
            or tables.changed > greatest(%(rows)s, %(share)s * tables.live)
    end
order by tables.relkind desc, tables.schema_name, tables.table_name
"""


@dataclass(frozen=True)
class Month:
    """One month's partition of raw.readings; ``first_day`` is that of a UTC month."""

    first_day: date
    readings: int
    size_bytes: int


@dataclass(frozen=True)
class StaleTable:
    """A table whose statistics do not fit its rows any more."""

    schema: str
    table: str
    owner: str
    changed: int


def months(connection: Connection) -> list[Month]:
    """The months of raw.readings, oldest first; readings as the statistics know them."""
    rows = connection.execute(
        """select to_date(right(partitions.relname, 6), 'YYYYMM'),
            greatest(partitions.reltuples, coalesce(pg_stat_get_live_tuples(partitions.oid), 0), 0)::bigint,
            pg_total_relation_size(partitions.oid)
        from pg_inherits
        inner join pg_class as partitions on pg_inherits.inhrelid = partitions.oid
        where pg_inherits.inhparent = 'raw.readings'::regclass and partitions.relname ~ '^readings_[0-9]{6}$'
        order by 1"""
    )
    return [Month(*row) for row in rows]


def months_wanted(now: datetime) -> list[date]:
    """The current month and those ahead."""
    first = now.date().replace(day=1)
    return [later(first, number) for number in range(MONTHS_AHEAD + 1)]


def later(first_day: date, months_: int) -> date:
    """The first day of the month so many months later (or, negative, earlier)."""
    number = first_day.year * 12 + first_day.month - 1 + months_
    return date(number // 12, number % 12 + 1, 1)


def stale_tables(connection: Connection) -> list[StaleTable]:
    """Tables to analyse: of a partitioned one the partitions come first."""
    return [StaleTable(*row) for row in connection.execute(STALE, {"share": STALE_SHARE, "rows": STALE_ROWS})]


def examine(settings: Settings, now: datetime) -> Iterator[Finding]:
    """What an operator should know of the warehouse's storage. ``now`` is the clock (UTC)."""
    with warehouse.connect("transform", autocommit=True) as connection:
        yield from _months(connection, now)
        yield from _statistics(connection)
        yield from _dead_rows(connection)
        yield from _ages(connection)
        yield from _growth(connection, settings, now)


def _months(connection: Connection, now: datetime) -> Iterator[Finding]:
    existing = {month.first_day for month in months(connection)}
    missing = [f"{month:%Y-%m}" for month in months_wanted(now) if month not in existing]
    if missing:
        yield note(f"Months of raw.readings not yet made: {', '.join(missing)}.", "nengduan upkeep")
    else:
        yield ok(f"Months of raw.readings are made ahead to {max(existing):%Y-%m}")
    row = connection.execute(
        """select partdefid::regclass::text, pg_relation_size(partdefid)
        from pg_partitioned_table where partrelid = 'raw.readings'::regclass and partdefid <> 0"""
    ).fetchone()
    if row and row[1]:
        yield fault(
            f"{row[0]} is a default partition and holds rows: no month can be made over them.",
            "As nengduan_owner: detach it, make the months, insert its rows into raw.readings, drop it.",
        )


def _statistics(connection: Connection) -> Iterator[Finding]:
    stale = stale_tables(connection)
    if stale:
        named = ", ".join(f"{one.schema}.{one.table}" for one in stale[:3])
        more = f" and {len(stale) - 3} more" if len(stale) > 3 else ""
        yield note(f"Statistics are stale: {named}{more}.", "nengduan upkeep")
    else:
        yield ok("Statistics of all tables are fresh")


def _dead_rows(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        """select schemaname || '.' || relname, n_dead_tup, n_dead_tup::numeric / (n_dead_tup + n_live_tup)
        from pg_stat_user_tables
        where n_dead_tup > %s and n_dead_tup > %s * (n_dead_tup + n_live_tup)
        order by n_dead_tup desc limit 5""",
        (DEAD_ROWS, DEAD_SHARE),
    )
    for table, dead, share in rows:
        yield note(
            f"{table} holds {dead} dead rows ({share:.0%}).",
            "Autovacuum is behind, or a transaction is open since long: see xact_start in pg_stat_activity.",
        )


def _ages(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        """select datname, greatest(age(datfrozenxid), mxid_age(datminmxid))
        from pg_database where datallowconn order by 2 desc limit 1"""
    )
    for name, age in rows:
        text = f"The oldest transaction id of database {name} is {age / 1e6:.0f} million old."
        cure = f"As administrator, in {name}: end old transactions and prepared ones, then `vacuum freeze`."
        if age > AGE_FAULT:
            yield fault(f"{text} Near 2100 million the server refuses to write.", cure)
        elif age > AGE_NOTE:
            yield note(text, cure)


def _growth(connection: Connection, settings: Settings, now: datetime) -> Iterator[Finding]:
    forecast = year_forecast(connection, settings, now)
    if forecast is None:
        return
    text = f"At the present rate of readings the warehouse grows by {forecast / GIB:.1f} GiB in a year"
    if not settings.is_bundled:
        yield ok(text)
        return
    free = shutil.disk_usage(cluster.locate(settings).data).free
    text += f"; {free / GIB:.1f} GiB are free"
    if forecast > free:
        yield fault(f"{text}.", "Give it a larger disk, or see NENGDUAN_RETENTION_ACTION in the runbook.")
    elif forecast > free / 2:
        yield note(f"{text}.", "Plan for a larger disk.")
    else:
        yield ok(text)


def year_forecast(connection: Connection, settings: Settings, now: datetime) -> int | None:
    """Bytes by which the warehouse grows in a year; None while no full month of readings is there.

    The rate is that of the newest full months; a reading takes its row and its share of the marts. Months that
    are dropped meanwhile are taken off, months that only move to schema archive are not.
    """
    known = [month for month in months(connection) if month.readings]
    this_month = now.date().replace(day=1)
    newest = [month for month in known if month.first_day < this_month][-RATE_MONTHS:]
    if not newest or newest[-1].first_day < later(this_month, -RATE_MONTHS):
        return None
    row = connection.execute(
        """select coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint,
            (select coalesce(sum(readings), 0)::bigint from ops.retired_months)
        from pg_class
        where relkind in ('r', 'm') and relnamespace::regnamespace::text in ('marts', 'intermediate', 'quarantine')"""
    ).fetchone()
    marts_bytes, retired = row or (0, 0)
    readings = sum(month.readings for month in known)
    per_reading = sum(month.size_bytes for month in known) / readings + marts_bytes / (readings + retired)
    grown = per_reading * 12 * sum(month.readings for month in newest) / len(newest)
    if settings.retention_action == "drop":
        last_kept = later(this_month, 12 - settings.retention_months)
        grown -= sum(month.size_bytes for month in known if month.first_day < last_kept)
    return max(int(grown), 0)
