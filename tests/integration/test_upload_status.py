"""How uploading stands, by item and day, and the data quality index: from a destination's outbox and the clock."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ingestion import warehouse
from ingestion.settings import Settings
from tests.properties import builds

pytestmark = [pytest.mark.slow, pytest.mark.built]

ITEM, RATIO, GONE = "01-00-0000-023300-11", "00-00-0000-080002-00", "02-00-0000-023300-11"
NOW = "2026-03-04 10:00+08"
"""A Wednesday: the platform is there since 27 February, and February has ended since."""

Status = dict[tuple[str, int, str], dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def marts(module_warehouse: Settings) -> None:
    """A site with three items, of which one was retired, and a platform since 27 February."""
    with warehouse.connect("ingest") as connection:
        connection.execute(
            "insert into ledger.sites (site_code, name, day_start, batch_id) values ('S1', '厂', '08:00', 0)"
        )
        connection.execute(
            "insert into ledger.meters (site_code, meter_code, name, energy_code, reading_kind, unit, status, batch_id)"
            " values ('S1', 'M1', '表', 'electricity', 'register', 'kWh', 'normal', 0)"
        )
        for code, figure, stat_types, retired_on in (
            (ITEM, "quantity", "0,1,2", None),
            (RATIO, "output_value_consumption", "1,2", None),
            (GONE, "quantity", "1", "2026-03-01"),
        ):
            connection.execute(
                "insert into ledger.upload_items (site_code, data_code, name, figure, stat_types, interval_minutes, scope,"
                " retired_on, batch_id) values ('S1', %s, '项', %s, %s, 60, 1, %s, 0)",
                [code, figure, stat_types, retired_on],
            )
    with warehouse.connect("upload") as connection:
        connection.execute(
            "insert into ops.upload_destinations (site_code, destination, profile, url, created_at, created_by)"
            " values ('S1', 'province', 'nhjc04', 'https://platform.example', '2026-02-27 00:00+08', 'test')"
        )
    builds.prepare()
    builds.build()


@pytest.fixture
def outbox() -> Any:
    """The upload role's connection; what a test puts into the outbox is rolled back."""
    with warehouse.connect("upload") as connection:
        connection.execute("select set_config('nengduan.now', %s, false)", [NOW])
        yield connection
        connection.rollback()


def put(connection: psycopg.Connection[Any], stat_type: int, starts: str, value: float, **more: Any) -> None:
    """One row of the outbox: acknowledged at 03:00 of the day after, unless something else is said."""
    row = {
        "site_code": "S1", "destination": "province", "data_code": ITEM, "stat_type": stat_type,
        "stat_date": datetime.fromisoformat(starts), "value": value, "input_type": 4, "scope": 1, "origin": "scheduled",
        "status": 2, "next_attempt_at": NOW, "filled_at": NOW, "sent_at": NOW, "acked_at": "2026-03-02 03:00+08",
        **more,
    }  # fmt: skip
    columns = ", ".join(row)
    connection.execute(
        f"insert into ops.upload_outbox ({columns}) values ({', '.join(['%s'] * len(row))})".encode(),
        list(row.values()),
    )


def status(connection: psycopg.Connection[Any]) -> Status:
    cursor = connection.execute("select * from marts.upload_status where site_code = 'S1'")
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {(row["data_code"], row["stat_type"], str(row["stat_date"])): row for row in rows}


def test_what_has_ended_since_the_platform_is_there_is_expected(outbox: psycopg.Connection[Any]) -> None:
    """The day of 3 March ended at 08:00 of the 4th; a platform answers for the day before it was added."""
    found = status(outbox)
    days = ["2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"]
    assert sorted(day for code, kind, day in found if (code, kind) == (ITEM, 1)) == days
    assert {row["expected_count"] for (code, kind, _), row in found.items() if (code, kind) == (ITEM, 0)} == {24}
    assert {key for key in found if key[1] == 2} == {(ITEM, 2, "2026-02-01"), (RATIO, 2, "2026-02-01")}
    assert sorted(day for code, _, day in found if code == GONE) == days[:3]
    assert {row["completeness"] for row in found.values()} == {0}
    assert found[ITEM, 1, "2026-03-03"]["reason"] == "应有 1 个值，数据只有 0 个"


def test_each_value_counts_as_what_became_of_it(outbox: psycopg.Connection[Any]) -> None:
    for hour in range(22):
        put(outbox, 0, f"2026-03-01 {hour:02}:00", 1)
    put(outbox, 0, "2026-03-01 22:00", 1, status=3, acked_at=None, last_message="超出范围")
    put(outbox, 0, "2026-03-01 23:00", 1, status=1, acked_at=None, sent_at=None)
    hours = status(outbox)[ITEM, 0, "2026-03-01"]
    assert [hours[f"{name}_count"] for name in ("filled", "sent", "acknowledged", "failed", "late", "corrected")] == [
        24, 23, 22, 1, 2, 0,
    ]  # fmt: skip
    assert (round(hours["completeness"], 4), hours["is_complete"]) == (round(Decimal(22) / 24, 4), True)
    assert hours["reason"] == "1 个待平台确认；1 个上报失败：超出范围"


def test_a_value_is_late_from_the_end_of_the_day_after_its_period_and_a_correction_by_its_first_value(
    outbox: psycopg.Connection[Any],
) -> None:
    """The statistical day of 28 February ends at 08:00 of 1 March, the day after it at 08:00 of the 2nd."""
    put(outbox, 1, "2026-02-27", 1, acked_at="2026-03-01 08:00+08")
    put(outbox, 1, "2026-02-28", 1, acked_at="2026-03-02 08:01+08")
    put(outbox, 1, "2026-03-01", 1, acked_at="2026-03-04 09:00+08", version=2, origin="correction")
    outbox.execute(
        """insert into ops.upload_sent_values (site_code, destination, data_code, stat_type, stat_date, version, value,
            is_valid, input_type, scope, status, filled_at, sent_at, acked_at, replaced_at)
        select site_code, destination, data_code, stat_type, stat_date, 1, 2, true, input_type, scope, 2, filled_at,
            sent_at, '2026-03-02 03:00+08', filled_at
        from ops.upload_outbox where version = 2"""
    )
    put(outbox, 1, "2026-03-03", 1, acked_at=None, status=1)
    found = status(outbox)
    late = {day: row["late_count"] for (code, kind, day), row in found.items() if (code, kind) == (ITEM, 1)}
    assert late == {
        "2026-02-26": 0,
        "2026-02-27": 0,
        "2026-02-28": 1,
        "2026-03-01": 0,
        "2026-03-02": 0,
        "2026-03-03": 0,
    }
    assert found[ITEM, 1, "2026-03-01"]["corrected_count"] == 1


@pytest.mark.parametrize(("month", "is_consistent"), [(95.3, True), (95.2, False)])
def test_a_month_may_differ_from_its_days_by_a_twentieth(
    outbox: psycopg.Connection[Any], month: float, is_consistent: bool
) -> None:
    outbox.execute("""update ops.upload_destinations set options = '{"since": "2026-02-01"}'""")
    put(outbox, 1, "2026-02-27", 60)
    put(outbox, 1, "2026-02-28", 40)
    put(outbox, 1, "2026-03-01", 1000)  # another month's
    put(outbox, 2, "2026-02-01", month)
    put(outbox, 1, "2026-02-27", 60, data_code=RATIO)
    put(outbox, 2, "2026-02-01", 1, data_code=RATIO)
    found = status(outbox)
    row = found[ITEM, 2, "2026-02-01"]
    assert (row["day_sum"], row["is_month_consistent"]) == (100, is_consistent)
    assert found[RATIO, 2, "2026-02-01"]["month_deviation"] is None, "the days of a ratio have no sum"


def test_the_quality_index_takes_the_sites_own_weights(outbox: psycopg.Connection[Any]) -> None:
    query = "select index_value, completeness, weight_basis, index_reason from marts.data_quality_index where stat_month = %s"
    put(outbox, 1, "2026-03-01", 1)
    [(value, completeness, basis, reason)] = outbox.execute(query, ["2026-03-01"]).fetchall()
    assert value is None, "no month has been held against its days"
    assert "准确性" in reason
    assert basis == "权重未能查到，暂按等权计"
    assert completeness == round(completeness, 6) == round(Decimal(1) / (3 + 3 + 3 * 24), 6)
    with warehouse.connect("ingest") as connection:
        for part in ("accuracy", "timeliness", "verifiability", "validity", "conformity"):
            connection.execute(
                "insert into ledger.quality_weights (site_code, part, weight, source, batch_id)"
                " values ('S1', %s, 0, '集团办法', 0)",
                [part],
            )
    try:
        [(value, _, basis, reason)] = outbox.execute(query, ["2026-03-01"]).fetchall()
        assert (value, reason) == (round(completeness * 100, 2), None)
        assert basis == "本单位：集团办法；权重未能查到，暂按等权计"
    finally:
        with warehouse.connect("ingest") as connection:
            connection.execute("delete from ledger.quality_weights")
