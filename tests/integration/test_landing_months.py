"""A month that comes whole is filled apart and attached: the same rows as otherwise, and nothing of it on a failure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ingestion import landing, readings_landing, readings_spool, settings, warehouse
from ingestion.package import open_package
from ingestion.readings_spool import LineSpool
from tests.integration.landing_plant import LEDGERS, NOW, everything, load, rows, write

pytestmark = pytest.mark.usefixtures("warehouse")

ROWS_FOR_A_TABLE = 100
JANUARY = [f"M{meter},2026-01-{day:02} {hour:02}:00,{day * hour}" for day in range(1, 29) for hour in range(8, 24)
           for meter in (1, 2)]  # fmt: skip
EARLIER = [f"M1,2026-01-01 {hour:02}:00,1" for hour in range(8)]
"""In China's time January begins when December has eight hours to go in UTC."""


@pytest.fixture(autouse=True)
def _a_hundred_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings_landing, "LARGE_ROWS", ROWS_FOR_A_TABLE)
    monkeypatch.setattr(readings_spool, "ROWS_PER_RUN", 2)


def _package(folder: Path, **files: list[str]) -> Path:
    tables = {f"readings/{name}": "\n".join(["meter_code,read_at,value", *lines, ""]) for name, lines in files.items()}
    return write(folder, LEDGERS | tables)


def _tables() -> list[tuple[Any, ...]]:
    return rows(
        "select relname, relispartition, relkind from pg_class where relnamespace = 'raw'::regnamespace"
        " and relname like 'readings_20%%' and relkind = 'r' order by relname"
    )


def _as_landed() -> list[tuple[Any, ...]]:
    return rows(
        "select site_code, meter_code, read_at, value, quality, revision, line, tableoid::regclass::text"
        " from raw.readings order by line"
    )


def _land_at_once(tmp_path: Path, files: dict[str, list[str]]) -> None:
    folders = [_package(tmp_path / name, **{name: lines}) for name, lines in files.items()]

    def land(folder: Path) -> list[str]:
        with warehouse.connect("ingest") as connection:
            reports = landing.land_readings(open_package(folder), connection, uuid.uuid4(), NOW)
        return [one.status for one in reports]

    with ThreadPoolExecutor(len(folders)) as pool:
        assert list(pool.map(land, folders)) == [["landed"]] * len(folders)


def test_a_whole_month_lands_as_its_rows_would_one_by_one(tmp_path: Path) -> None:
    load(_package(tmp_path / "whole", year=EARLIER + JANUARY))
    assert _tables() == [("readings_202512", True, "r"), ("readings_202601", True, "r")]
    landed = _as_landed()
    assert len(landed) == len(EARLIER) + len(JANUARY)
    assert {row[-1] for row in landed} == {"raw.readings_202512", "raw.readings_202601"}

    indexes = rows(
        "select regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') from pg_index"
        " where indrelid = 'raw.readings_202601'::regclass and indisvalid order by 1"
    )
    assert indexes == rows(
        "select regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') from pg_index"
        " where indrelid = 'raw.readings_202512'::regclass and indisvalid order by 1"
    )
    rights = (
        "select grantee, privilege_type from information_schema.role_table_grants where table_name = '{}' order by 1, 2"
    )
    assert rows(rights.format("readings_202601")) == rows(rights.format("readings_202512"))
    assert rows("select reloptions from pg_class where relname = 'readings_202601'") == rows(
        "select reloptions from pg_class where relname = 'readings_202512'"
    )


def test_a_month_that_is_there_already_only_grows(tmp_path: Path) -> None:
    load(_package(tmp_path / "slot", slot=JANUARY[:2]))
    assert _tables() == [("readings_202601", True, "r")]
    load(_package(tmp_path / "rest", rest=JANUARY[2:]))
    assert len(_as_landed()) == len(JANUARY)


def test_a_whole_month_that_breaks_off_leaves_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(write(tmp_path / "ledgers", LEDGERS))
    folder = _package(tmp_path / "plant", year=EARLIER + JANUARY)
    before = everything()
    whole = LineSpool.month

    def broken(spool: LineSpool, month: str) -> Iterator[bytes]:
        yield next(whole(spool, month))[:200]
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(LineSpool, "month", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            load(folder)
    assert everything() == before
    assert ("readings_202601", True, "r") not in _tables()
    assert load(folder)["readings/year.csv"].rows_landed == len(EARLIER) + len(JANUARY)
    assert len(_as_landed()) == len(EARLIER) + len(JANUARY)


def test_files_that_bring_one_new_month_at_once_land_both(tmp_path: Path) -> None:
    load(write(tmp_path / "ledgers", LEDGERS))
    halves = {"even": JANUARY[::2], "odd": JANUARY[1::2], "with_December": EARLIER + JANUARY[:300]}
    _land_at_once(tmp_path, halves)
    assert rows("select count(*) from raw.readings") == [(sum(len(lines) for lines in halves.values()),)]
    assert _tables() == [("readings_202512", True, "r"), ("readings_202601", True, "r")]


def test_files_that_wait_for_each_others_month_land_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes a month, and has some hours of the other's: none of them goes on before both have made theirs."""
    load(write(tmp_path / "ledgers", LEDGERS))
    february = [line.replace("2026-01", "2026-02") for line in JANUARY]
    files = {"january": JANUARY + february[:20], "february": february + JANUARY[:20]}
    both_began = Barrier(2, timeout=60)
    ensure = readings_landing._ensure

    def together(connection: Any, months: set[str]) -> None:
        if len(months) == 1:
            both_began.wait()
        ensure(connection, months)

    monkeypatch.setattr(readings_landing, "_ensure", together)
    _land_at_once(tmp_path, files)
    assert rows("select count(*) from raw.readings") == [(sum(len(lines) for lines in files.values()),)]
    assert rows("select count(*) from ops.batches where kind = 'readings'") == [(2,)]
    assert _tables() == [("readings_202601", True, "r"), ("readings_202602", True, "r")]


def test_a_begun_month_that_nobody_attached_is_gone_with_its_transaction() -> None:
    with warehouse.connect("ingest") as connection:
        assert connection.execute("select raw.begin_readings_month('2024-03-09')").fetchone() == (True,)
        connection.rollback()
        connection.execute("select raw.ensure_readings_month('2024-03-09')")
    assert ("readings_202403", True, "r") in _tables()


def test_a_month_that_retires_while_it_is_filled_is_not_attached() -> None:
    installation = settings.load()
    admin = make_conninfo(installation.admin_url or "", dbname=installation.warehouse_database)
    with warehouse.connect("ingest") as maker:
        maker.execute("select raw.begin_readings_month('2024-03-09')")
        with psycopg.connect(admin) as other:
            other.execute(
                "insert into ops.retired_months (month, ends_at, action, readings, kept_readings)"
                " values ('2024-03-01', '2024-04-01 00:00+00', 'drop', 0, 0)"
            )
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="2024-03 lies before the retention edge"):
            maker.execute("select raw.attach_readings_month('2024-03-09')")


def test_a_month_whose_rows_are_of_another_is_not_attached() -> None:
    with warehouse.connect("ingest") as connection:
        connection.execute("select raw.begin_readings_month('2024-03-09')")
        connection.execute(
            "insert into raw.readings_202403 (site_code, meter_code, read_at, value, quality, revision, batch_id, line)"
            " values ('S', 'M', '2024-04-01 00:00+00', 1, 'good', 0, 1, 1)"
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("select raw.attach_readings_month('2024-03-09')")


def test_nobody_else_than_ingest_makes_months() -> None:
    for role in ("transform", "audit"):
        with warehouse.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select raw.begin_readings_month('2024-03-09')")
