"""Raw PostgreSQL on the same rows and the same server: one COPY, one window pass to hours."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.bench.plan import SITE, TIMEZONE

DATABASE = "bench_baseline"
BLOCK_BYTES = 1 << 20

CREATE = """
    create table readings (
        site_code text not null default {site}, meter_code text not null, read_at timestamptz not null,
        value numeric not null
    )
"""

HOURS = """
    create table hours as
    select site_code, meter_code, date_trunc('hour', from_at) as hour_start, sum(step) as quantity
    from (
        select
            site_code,
            meter_code,
            lag(read_at) over along as from_at,
            (value - lag(value) over along) * 1 as step
        from readings
        window along as (partition by site_code, meter_code order by read_at)
    ) as steps
    where step is not null
    group by site_code, meter_code, date_trunc('hour', from_at)
"""


@dataclass
class Baseline:
    """Seconds of each repetition, and how many rows went through."""

    copy_seconds: list[float] = field(default_factory=list)
    window_seconds: list[float] = field(default_factory=list)
    rows: int = 0


def measure(admin_url: str, files: list[Path], repetitions: int) -> Baseline:
    """Copy the files' rows into a plain table without index and work out hours from them.

    The table's site_code comes from its default, so PostgreSQL even reads a little less than the platform
    has to store. What is wrong with readings (order, doubles, outliers, rollovers) is not looked at.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(DATABASE)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    found = Baseline()
    try:
        with psycopg.connect(make_conninfo(admin_url, dbname=DATABASE), autocommit=True) as connection:
            connection.execute(sql.SQL("set timezone to {}").format(TIMEZONE))
            for _ in range(repetitions):
                _measure_once(connection, files, found)
    finally:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))
    return found


def _measure_once(connection: psycopg.Connection[tuple[object, ...]], files: list[Path], found: Baseline) -> None:
    connection.execute("drop table if exists readings, hours")
    connection.execute(sql.SQL(CREATE).format(site=SITE))
    connection.execute("checkpoint")
    began = time.monotonic()
    rows = 0
    with connection.cursor() as cursor:
        for file in files:
            with (
                file.open("rb") as source,
                cursor.copy("copy readings (meter_code, read_at, value) from stdin (format csv, header)") as copy,
            ):
                while block := source.read(BLOCK_BYTES):
                    copy.write(block)
            rows += cursor.rowcount
    found.copy_seconds.append(time.monotonic() - began)
    began = time.monotonic()
    connection.execute(HOURS)
    found.window_seconds.append(time.monotonic() - began)
    found.rows = rows
