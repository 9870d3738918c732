"""What people see of an upload: expected and acknowledged, late, corrected, and months that are not the sum of their days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingestion import warehouse
from ingestion.settings import Settings
from tests.integration.test_upload_values import FLOW, QUARTERLY, plant

pytestmark = [pytest.mark.slow, pytest.mark.built]

ADDED = datetime(2026, 2, 20, 2, tzinfo=UTC)
NOW = "2026-03-05 04:00+00"


@pytest.fixture(scope="module")
def site(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plant whose platform was added on 20 February and answers for days since 10 January."""
    plant(tmp_path_factory.mktemp("plant"), "S1")
    with warehouse.connect("owner") as owner:
        owner.execute(
            """insert into ops.upload_destinations (site_code, destination, profile, url, options, created_by, created_at)
            values ('S1', 'province', 'nhjc04', 'https://platform.example', '{"since": "2026-01-10"}', 'test', %s)""",
            [ADDED],
        )
    return "S1"


def put(code: str, stat_type: int, stat_date: str, value: str, acked_at: str | None, **more: Any) -> None:
    row = {
        "site_code": "S1", "destination": "province", "data_code": code, "stat_type": stat_type, "stat_date": stat_date,
        "value": Decimal(value), "input_type": 4, "scope": 4, "origin": "scheduled", "status": 2 if acked_at else 1,
        "next_attempt_at": ADDED, "filled_at": ADDED, "sent_at": acked_at, "acked_at": acked_at, **more,
    }  # fmt: skip
    with warehouse.connect("owner") as owner:
        owner.execute(
            f"insert into ops.upload_outbox ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )


def status(code: str, stat_type: int, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    with warehouse.connect("bi") as connection:
        connection.execute("select set_config('nengduan.now', %s, false)", [NOW])
        return connection.execute(
            f"select {columns} from marts.upload_status where data_code = %s and stat_type = %s and {where} order by stat_date",
            [code, stat_type],
        ).fetchall()


def test_all_is_expected_since_the_first_day_that_the_platform_is_answered_for(site: str) -> None:
    days = status(FLOW, 1, "stat_date, expected_count, completeness, is_complete")
    assert (days[0][0], days[-1][0]) == (date(2026, 1, 10), date(2026, 3, 4))
    assert {day[1:] for day in days} == {(1, Decimal(0), False)}
    assert [row[0] for row in status(FLOW, 2, "stat_date")] == [date(2026, 1, 1), date(2026, 2, 1)]
    assert {row[0] for row in status(QUARTERLY, 0, "expected_count")} == {96}


def test_late_is_what_the_platform_had_in_no_version_a_day_after_the_period(site: str) -> None:
    put(FLOW, 1, "2026-02-22", "1", "2026-02-23 01:30+08")
    put(FLOW, 1, "2026-02-23", "1", "2026-02-25 01:30+08")  # the 24th was its last day
    put(FLOW, 1, "2026-02-24", "1", None)
    put(FLOW, 1, "2026-03-04", "1", None)  # it has until the end of the 5th
    put(FLOW, 1, "2026-01-20", "1", "2026-02-20 12:00+08")  # before the platform was there
    put(FLOW, 1, "2026-02-25", "2", None, version=2)  # a correction on its way; the first value was there in time
    with warehouse.connect("owner") as owner:
        owner.execute(
            """insert into ops.upload_sent_values (site_code, destination, data_code, stat_type, stat_date, version,
                value, is_valid, input_type, scope, status, filled_at, sent_at, acked_at, replaced_at)
            values ('S1', 'province', %s, 1, '2026-02-25', 1, 1, true, 4, 4, 2, %s, %s, '2026-02-26 01:30+08', %s)""",
            [FLOW, ADDED, ADDED, ADDED],
        )
    found = {
        day: counts for day, *counts in status(FLOW, 1, "stat_date, late_count, corrected_count, acknowledged_count")
    }
    assert found[date(2026, 2, 22)] == [0, 0, 1]
    assert found[date(2026, 2, 23)] == [1, 0, 1]
    assert found[date(2026, 2, 24)] == [1, 0, 0]
    assert found[date(2026, 3, 4)] == [0, 0, 0]
    assert found[date(2026, 1, 20)] == [0, 0, 1]
    assert found[date(2026, 2, 25)] == [0, 1, 0]


def test_a_month_is_compared_with_its_days_where_the_platform_answers_for_all_of_them(site: str) -> None:
    for month, value in (("2026-01-01", "310"), ("2026-02-01", "310")):
        put(QUARTERLY, 2, month, value, None)
    for day in range(1, 29):
        put(QUARTERLY, 1, f"2026-02-{day:02}", "10", None)
    put(QUARTERLY, 1, "2026-01-15", "10", None)
    found = status(QUARTERLY, 2, "stat_date, month_deviation, is_month_consistent", "filled_count > 0")
    assert found == [
        (date(2026, 1, 1), None, None),  # of January the platform is told from the 10th only
        (date(2026, 2, 1), Decimal("0.096774194"), False),
    ]


def test_the_index_has_the_months_that_the_platform_is_answered_for(site: str) -> None:
    put(FLOW, 1, "2025-11-01", "1", None)  # a range sent by hand, before the first day
    assert status(FLOW, 1, "filled_count", "stat_date = date '2025-11-01'") == [(1,)]
    with warehouse.connect("bi") as connection:
        connection.execute("select set_config('nengduan.now', %s, false)", [NOW])
        months = connection.execute("select stat_month from marts.data_quality_index order by 1").fetchall()
    assert months == [(date(2026, 1, 1),), (date(2026, 2, 1),), (date(2026, 3, 1),)]
