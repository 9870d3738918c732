"""How much of a backlog one pass takes: by the days of data that its marks cover, not by how often they were marked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ingestion import warehouse as database
from ingestion.settings import Settings
from tests.dbt.test_unit_tests import dbt

pytestmark = pytest.mark.built

MONTHS = [datetime(2025, month, 1, tzinfo=UTC) for month in (9, 10, 11, 12)]
ALWAYS, NEVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def _mark(meters: int) -> None:
    """A quarter of a flow, marked by each of its meters, and by coefficients that reach far out of it."""
    pieces = [
        (ALWAYS, MONTHS[1]), *pairwise(MONTHS[1:]), (MONTHS[3], NEVER),
        (datetime(1970, 1, 1, tzinfo=UTC), MONTHS[1]), (MONTHS[1], MONTHS[1] + timedelta(days=31)),
    ]  # fmt: skip
    with database.connect("transform") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause, is_piece)"
            " values ('S', 'F', %s, %s, 'test', true)",
            pieces * meters,
        )


def _starts_taken(settings: Settings, target: Path, slice_days: int) -> list[datetime]:
    words = ("run", "--select", "int_flows__windows", "--vars", f"{{slice_days: {slice_days}}}")
    done = dbt(settings, target, *words)
    assert done.returncode == 0, done.stdout
    with database.connect("transform") as connection:
        rows = connection.execute("select distinct starts_at from ops.dirty_flows where is_taken order by 1").fetchall()
    return [row[0] for row in rows]


def test_a_flow_of_many_meters_is_no_larger_than_its_days(warehouse: Settings, tmp_path: Path) -> None:
    _mark(meters=9)
    assert _starts_taken(warehouse, tmp_path, slice_days=125)[-1] == MONTHS[3], "one pass for three months"


def test_a_backlog_beyond_the_slice_is_taken_oldest_first(warehouse: Settings, tmp_path: Path) -> None:
    _mark(meters=9)
    taken = _starts_taken(warehouse, tmp_path, slice_days=40)
    assert taken[0] == ALWAYS
    assert MONTHS[3] not in taken
