"""Marks of what a batch makes dirty (design decision 5): the builds compute just that anew.

A mark is written in the transaction that brings the change, and removed by the build in the transaction that
made its result. Those of readings are written with them (ingestion.readings_landing).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
from psycopg.sql import SQL

Connection = psycopg.Connection[Any]


def mark_documents(connection: Connection, batch_id: int) -> None:
    """Mark the days of an accepted batch's purchases and stocks.

    Stock stated for one day stands in for the day before and the day after, where those lack their own.
    """
    connection.execute(
        """insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
        select site_code, energy_code, date - 1, date + 2, 'ERP 单据'
        from (
            select site_code, energy_code, date from raw.purchases where batch_id = %(batch)s
            union
            select site_code, energy_code, date from raw.stocks where batch_id = %(batch)s
        ) as documents""",
        {"batch": batch_id},
    )


_OPEN = """
    select mark_id from ops.dirty_meters as marks
    where marks.batch_id is null or exists (
        select 1 from ops.batches where batches.batch_id = marks.batch_id and batches.status = 'accepted'
    )
    union all select mark_id from ops.dirty_flows
    union all select mark_id from ops.dirty_energies
"""
"""Marks that a build can compute: those of a batch that waits for the gate do not count."""


def has_open(connection: Connection) -> bool:
    """Whether a build has anything to do."""
    row = connection.execute(f"select exists ({_OPEN})".encode()).fetchone()
    return bool(row and row[0])


def count_open(connection: Connection) -> int:
    """How many marks a build has to work off."""
    row = connection.execute(SQL("select count(*) from ({}) as marks").format(SQL(_OPEN))).fetchone()
    return int(row[0]) if row else 0


def count_open_meter_days(connection: Connection) -> float:
    """How many days of meters a build has to work off; no mark counts for more days than there are readings of."""
    row = connection.execute(
        """with known as (
            select extract(epoch from max(last_read_at) - min(first_read_at)) / 86400 + 1 as days
            from ops.batches where kind = 'readings' and status = 'accepted'
        )
        select coalesce(sum(least(extract(epoch from marks.ends_at - marks.starts_at) / 86400, known.days)), 0)
        from ops.dirty_meters as marks cross join known
        where marks.batch_id is null or exists (
            select 1 from ops.batches where batches.batch_id = marks.batch_id and batches.status = 'accepted'
        )"""
    ).fetchone()
    return float(row[0]) if row else 0.0


def mark_range(connection: Connection, first: date, after: date, site: str | None, cause: str) -> int:
    """Mark everything of one site (None: of all) from a day up to another, half-open; how many marks.

    Days are widened by one to either side, so that they are whole on every site's own clock.
    """
    parameters = {"first": first, "after": after, "site": site, "cause": cause}
    statements = (
        """insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, cause)
        select site_code, meter_code, %(first)s::date - 1, %(after)s::date + 1, %(cause)s
        from ledger.meters where %(site)s::text is null or site_code = %(site)s""",
        """insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)
        select site_code, flow_code, %(first)s::date - 1, %(after)s::date + 1, %(cause)s
        from ledger.flows where %(site)s::text is null or site_code = %(site)s""",
        """insert into ops.dirty_energies (site_code, energy_code, starts_on, ends_on, cause)
        select site_code, energy_code, %(first)s::date - 1, %(after)s::date + 1, %(cause)s
        from (
            select site_code, energy_code from ledger.flows
            union select site_code, energy_code from raw.purchases
            union select site_code, energy_code from raw.stocks
        ) as energies where %(site)s::text is null or site_code = %(site)s""",
    )
    return sum(connection.execute(statement.encode(), parameters).rowcount for statement in statements)


FIRST_DAY, LAST_DAY = date(1, 1, 2), date(9999, 12, 30)
"""Everything: the first and the last day that dates can have, but one."""
