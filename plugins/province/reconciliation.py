"""Ask the platform what it holds and compare it with what it has acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from plugins.province.profiles import Held

COMPARE = Path(__file__).with_name("reconcile.sql").read_bytes()


def compare(
    connection: psycopg.Connection[Any], site: str, destination: str, held: Iterable[Held], day: date, now: datetime
) -> int:
    """Compare acknowledged rows whose period begins on ``day`` with what the platform holds; the caller commits.

    Differences stand in ops.upload_differences; rows that it lost or holds otherwise are to be sent again. Returns how
    many differ.
    """
    key = {"site": site, "destination": destination, "first": day, "after": day + timedelta(days=1), "now": now}
    theirs = {(one.data_code, one.stat_type, one.stat_date): one.value for one in held if one.stat_date.date() == day}
    connection.execute(
        """delete from ops.upload_differences
        where site_code = %(site)s and destination = %(destination)s
            and stat_date >= %(first)s and stat_date < %(after)s""",
        key,
    )
    found = connection.execute(
        COMPARE,
        key
        | {
            "codes": [code for code, _, _ in theirs],
            "types": [stat_type for _, stat_type, _ in theirs],
            "dates": [stat_date for _, _, stat_date in theirs],
            "values": list(theirs.values()),
        },
    ).rowcount
    if found:
        connection.execute(
            """update ops.upload_outbox as outbox set status = 1, attempts = 0, next_attempt_at = %(now)s
            from ops.upload_differences as differences
            where differences.site_code = outbox.site_code and differences.destination = outbox.destination
                and differences.data_code = outbox.data_code and differences.stat_type = outbox.stat_type
                and differences.stat_date = outbox.stat_date and differences.kind <> 'unknown_here'
                and outbox.site_code = %(site)s and outbox.destination = %(destination)s and outbox.status = 2
                and outbox.stat_date >= %(first)s and outbox.stat_date < %(after)s""",
            key,
        )
    return found
