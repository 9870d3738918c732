"""The outbox brought to what the marts hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from plugins.province.report import Filled

FILL = Path(__file__).with_name("fill.sql").read_bytes()

REALTIME, DAY, MONTH, YEAR = 0, 1, 2, 3
ALL_TYPES = (REALTIME, DAY, MONTH, YEAR)

REALTIME_SLICE_DAYS = 7
"""Days of realtime figures filled in one transaction: 500 items by 15 minutes are a third of a million rows."""


def fill(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    first: date,
    after: date,
    now: datetime,
    *,
    stat_types: Sequence[int] = ALL_TYPES,
    codes: Sequence[str] | None = None,
) -> Filled:
    """Bring the outbox to what the marts hold of the periods that begin from ``first`` up to ``after`` (half-open)
    and have ended by ``now``. Commits week by week where there are realtime figures, so that a long range stays small.
    """
    total = Filled()
    slow = [kind for kind in stat_types if kind != REALTIME]
    steps = [(slow, first, after)] if slow else []
    if REALTIME in stat_types:
        day = first
        while day < after:
            until = min(day + timedelta(days=REALTIME_SLICE_DAYS), after)
            steps.append(([REALTIME], day, until))
            day = until
    for kinds, begins, ends in steps:
        row = connection.execute(
            FILL,
            {
                "site": site,
                "destination": destination,
                "stat_types": kinds,
                "from_date": begins,
                "to_date": ends,
                "codes": list(codes) if codes is not None else None,
                "now": now,
            },
        ).fetchone()
        connection.commit()
        assert row is not None  # noqa: S101 (an aggregate)
        total += Filled(*row)
    return total
