"""What a chart asks the marts for, timed at the client, with the rows fetched, in the reading role."""

from __future__ import annotations

import time

import psycopg

from tests.bench.installation import BenchError
from tests.bench.plan import SITE

QUERIES = {
    "year by hours of one energy, by type": """
        select period_start, quantity, tce_equivalent, tce_equal, coverage from marts.performance_by_type
        where site_code = %(site)s and period_type = 'hour' and energy_code = 'electricity'
            and period_start >= '2025-01-01' and period_start < '2026-01-01'
        order by period_start
    """,
    "year by hours of one energy, level 2 by organisation": """
        select period_start, org_code, sum(quantity), sum(tce_equivalent) from marts.performance_by_level
        where site_code = %(site)s and period_type = 'hour' and energy_code = 'electricity' and level = 2
            and period_start >= '2025-01-01' and period_start < '2026-01-01'
        group by period_start, org_code order by period_start, org_code
    """,
    "year by days of all energies, by type": """
        select period_start, energy_code, quantity, tce_equivalent, tce_equal, coverage from marts.performance_by_type
        where site_code = %(site)s and period_type = 'day'
            and period_start >= '2025-01-01' and period_start < '2026-01-01'
        order by period_start, energy_code
    """,
    "year by days of all energies, by item": """
        select period_start, energy_code, item, quantity, tce_equivalent from marts.performance_by_item
        where site_code = %(site)s and period_type = 'day'
            and period_start >= '2025-01-01' and period_start < '2026-01-01'
        order by period_start, energy_code, item
    """,
}


def measure(address: str, repetitions: int) -> dict[str, tuple[float, ...]]:
    """Seconds of each query, as often as said; one that brings no rows fails the run."""
    found = {}
    with psycopg.connect(address, autocommit=True) as connection:
        for name, query in QUERIES.items():
            seconds = []
            for _ in range(repetitions):
                began = time.monotonic()
                rows = connection.execute(query.encode(), {"site": SITE}).fetchall()
                seconds.append(time.monotonic() - began)
                if not rows:
                    raise BenchError(f"the query “{name}” finds nothing")
            found[name] = tuple(seconds)
    return found
