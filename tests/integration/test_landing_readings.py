"""Readings and ERP files land whole or not at all, once, with every refused row accounted for."""

from __future__ import annotations

import gzip
import itertools
import os
import random
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion import batches, dropfolder, landing, readings_landing, warehouse
from ingestion.landing import BatchReport
from ingestion.package import open_package
from ingestion.readings import READINGS as READINGS_TABLE
from ingestion.readings_spool import LineSpool
from ingestion.sources.csv import ReadingsCsv
from tests.integration.landing_plant import LATER, LEDGERS, NOW, READINGS, everything, load, rejected, rows, write
from tests.unit.readings_files import FIXTURES

pytestmark = pytest.mark.usefixtures("warehouse")


def plant(tmp_path: Path, **more: str) -> Path:
    """The small plant with further files ('readings/a' as readings_a)."""
    return write(
        tmp_path / "plant", LEDGERS | {name.replace("readings_", "readings/"): text for name, text in more.items()}
    )


def test_readings_land_exactly_whatever_they_mean(tmp_path: Path) -> None:
    reports = load(plant(tmp_path, readings_a=READINGS))
    report = reports["readings/a.csv"]
    assert (report.status, report.rows_total, report.rows_landed, report.rows_rejected) == ("landed", 3, 3, 0)
    assert rows(
        "select meter_code, read_at, value::text, quality, revision, batch_id, line from raw.readings order by line"
    ) == [
        ("M1", datetime(2026, 1, 5, 0, tzinfo=UTC), "1.10", "good", 0, report.batch_id, 2),
        ("M1", datetime(2026, 1, 5, 1, tzinfo=UTC), "2.2", "good", 0, report.batch_id, 3),
        ("X9", datetime(2026, 1, 31, 15, 59, tzinfo=UTC), "3", "good", 0, report.batch_id, 4),
    ]
    assert rows("select first_read_at, last_read_at, received_at, source from ops.batches where kind = 'readings'") == [
        (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 31, 15, 59, tzinfo=UTC), NOW, "csv")
    ]


def test_each_meter_and_day_of_a_file_is_marked_once_from_its_first_instant_to_its_last(tmp_path: Path) -> None:
    """Whatever the order of the rows, and in however many blocks the file is read."""
    starts = [datetime(2024, 2, 27, 23, tzinfo=UTC), datetime(2025, 12, 31, 16, tzinfo=UTC)]
    lines = [
        f"{meter},{start + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ},{minute}"
        for meter in ("M1", "M2", "X9")
        for start in starts
        for minute in range(0, 3000, 61)
    ]
    random.Random(7).shuffle(lines)
    path = tmp_path / "readings.csv"
    path.write_text("\n".join(["meter_code,read_at,value", *lines, ""]))
    source = ReadingsCsv(path, READINGS_TABLE, path.name, block_bytes=400)
    with warehouse.connect("ingest", autocommit=True) as connection:
        report = readings_landing.land_source(source, connection, "S1", "Asia/Shanghai", uuid.uuid4(), NOW)
    source.close()
    assert report.rows_landed == len(lines)
    marked = rows(
        "select site_code, meter_code, starts_at, ends_at, batch_id, cause from ops.dirty_meters order by 2, 3"
    )
    assert len(marked) == 3 * (4 + 3)
    assert marked == rows(
        "select site_code, meter_code, min(read_at), max(read_at), batch_id, '读数' from raw.readings"
        " group by site_code, meter_code, batch_id, date_bin('1 day', read_at, 'epoch') order by 2, 3"
    )


def test_a_month_gets_statistics_when_a_file_brings_many_rows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings_landing, "LARGE_ROWS", 3)
    load(plant(tmp_path, readings_a=f"{READINGS}M1,2026-02-05 08:00,1\nM1,2026-02-06 08:00,1\n"))
    assert rows(
        "select reltuples from pg_class where relname in ('readings_202601', 'readings_202602') order by relname"
    ) == [
        (3,),
        (-1,),
    ]


def test_the_same_content_again_is_no_batch_even_under_another_name(tmp_path: Path) -> None:
    folder = plant(tmp_path, readings_a=READINGS)
    load(folder)
    before = everything()
    write(folder, {"readings/b": READINGS})
    reports = load(folder, LATER)
    assert everything() == before
    assert reports["readings/a.csv"].is_repeat
    assert reports["readings/b.csv"].is_repeat
    assert reports["readings/b.csv"].batch_id == reports["readings/a.csv"].batch_id


def test_the_same_content_of_another_site_is_its_own(tmp_path: Path) -> None:
    load(plant(tmp_path, readings_a=READINGS))
    load(write(tmp_path / "other", {"site": "site_code,name\nS2,x\n", "readings/a": READINGS}))
    assert rows("select site_code, count(*) from raw.readings group by 1 order by 1") == [("S1", 3), ("S2", 3)]


def test_refused_rows_keep_file_line_column_reason_and_cells(tmp_path: Path) -> None:
    folder = plant(tmp_path)
    (folder / "readings").mkdir()
    shutil.copy(FIXTURES / "readings_bad_rows.csv", folder / "readings" / "bad.csv")
    report = load(folder)["readings/bad.csv"]
    assert (report.rows_total, report.rows_landed, report.rows_rejected) == (15, 1, 14)
    assert len(rejected()) == 14
    assert rows(
        "select column_name, reason_code, reason, row from quarantine.rejected_rows where line = 7 and batch_id = %s",
        report.batch_id,
    ) == [
        (
            "value",
            "not_a_number",
            "value 的“--”不是数字；不能用 NaN、Inf、“--”或文字代替。请填数字，未知则按缺测处理。",
            {"meter_code": "M-1", "read_at": "2026-01-05 08:00", "value": "--", "quality": "good", "revision": "0"},
        )
    ]


@pytest.mark.parametrize(
    "name",
    [
        "readings_half_written.csv",
        "readings_last_line_short.csv",
        "readings_truncated.csv.gz",
        "readings_bad_checksum.csv.gz",
        "readings_truncated.parquet",
        "readings_binary_zeros.csv",
    ],
)
def test_nothing_of_an_unfinished_file_lands_until_it_is_whole(tmp_path: Path, name: str) -> None:
    folder = plant(tmp_path, readings_good=READINGS)
    target = folder / "readings" / name
    shutil.copy(FIXTURES / name, target)
    reports = load(folder)
    refused = reports[f"readings/{name}"]
    assert refused.status == "refused"
    assert "什么也没有导入" in str(refused.status_reason)
    assert rows("select count(*) from raw.readings where batch_id = %s", refused.batch_id) == [(0,)]
    assert reports["readings/good.csv"].rows_landed == 3, "one broken file stops no other"
    before = everything()
    assert load(folder)[f"readings/{name}"].is_repeat
    assert everything() == before
    whole = b"meter_code,read_at,value\nM1,2026-01-06 08:00,1\n"
    if name.endswith(".parquet"):
        shutil.copy(FIXTURES / "readings.parquet", target)
    else:
        target.write_bytes(gzip.compress(whole) if name.endswith(".gz") else whole)
    assert load(folder)[f"readings/{name}"].status == "landed"


def test_a_failure_in_the_middle_of_copy_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plant(tmp_path, readings_a=READINGS)
    load(write(tmp_path / "ledgers", LEDGERS))
    before = everything()

    whole = LineSpool.chunks

    def broken(spool: LineSpool, **_: object) -> Iterator[bytes]:
        yield next(whole(spool))[:20]
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(LineSpool, "chunks", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            load(folder)
    assert everything() == before
    assert load(folder)["readings/a.csv"].rows_landed == 3
    assert rows("select count(*) from raw.readings") == [(3,)]


def test_a_failure_in_the_middle_of_ledgers_leaves_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion.ledgers import upsert

    before = everything()
    real = upsert.upsert

    def broken(connection: Any, table: Any, *rest: Any) -> None:
        real(connection, table, *rest)
        if table.table.name == "meters":
            raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(upsert, "upsert", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            load(plant(tmp_path))
    assert everything() == before


def test_two_loads_of_one_file_at_once_land_it_once(tmp_path: Path) -> None:
    lines = "".join(f"M1,2026-01-{day:02d} {hour:02d}:00,{hour}\n" for day in range(1, 29) for hour in range(24))
    folder = plant(tmp_path, readings_a="meter_code,read_at,value\n" + lines)
    load(write(tmp_path / "ledgers", LEDGERS))
    package = open_package(folder)

    def land(_: int) -> bool:
        with warehouse.connect("ingest") as connection:
            (report,) = landing.land_readings(package, connection, uuid.uuid4(), NOW)
        return report.is_repeat

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(land, range(4))) == [False, True, True, True]
    assert rows("select count(*) from raw.readings") == [(28 * 24,)]


def months(tmp_path: Path) -> Path:
    """Files of seven months that nobody has partitions for, one file broken in the middle of them."""
    content = READINGS.replace("01-31", "01-28")
    folder = plant(tmp_path, **{f"readings_{n}": content.replace("2026-01", f"2024-{n:02}") for n in range(1, 8)})
    shutil.copy(FIXTURES / "readings_truncated.csv.gz", folder / "readings" / "35.csv.gz")
    return folder


def land_side_by_side(folder: Path, connections: int) -> list[BatchReport]:
    load_ledgers = load(write(folder.parent / "ledgers", LEDGERS))
    assert load_ledgers["site.csv"].rows_landed == 1
    with ExitStack() as held:
        first, *beside = [held.enter_context(warehouse.connect("ingest")) for _ in range(connections)]
        return landing.land_readings(open_package(folder), first, uuid.uuid4(), NOW, None, beside)


def test_files_that_land_side_by_side_are_told_in_their_order_and_one_broken_stops_no_other(tmp_path: Path) -> None:
    reports = land_side_by_side(months(tmp_path), 3)
    assert [(one.file, one.status) for one in reports] == [
        *((f"readings/{month}.csv", "landed") for month in range(1, 4)),
        ("readings/35.csv.gz", "refused"),
        *((f"readings/{month}.csv", "landed") for month in range(4, 8)),
    ]
    assert rows("select batch_id, count(*) from raw.readings group by 1 order by 1") == sorted(
        (one.batch_id, 3) for one in reports if one.status == "landed"
    )
    assert rows("select count(distinct batch_id) from ops.dirty_meters") == [(7,)]


def test_a_failure_of_one_that_lands_beside_others_is_told_and_leaves_whole_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = months(tmp_path)
    whole = LineSpool.chunks
    calls = itertools.count(1)

    def fourth_breaks(spool: LineSpool, **_: object) -> Iterator[bytes]:
        if next(calls) == 4:
            raise ConnectionError("the network is gone")
        return whole(spool)

    with monkeypatch.context() as patch:
        patch.setattr(LineSpool, "chunks", fourth_breaks)
        with pytest.raises(ConnectionError, match="the network is gone"):
            land_side_by_side(folder, 2)
    assert set(rows("select count(*) from raw.readings group by batch_id")) == {(3,)}
    assert len(rows("select distinct batch_id from raw.readings")) in (3, 4), "the one beside it may end"
    assert {one.status for one in land_side_by_side(folder, 2)} == {"landed", "refused"}
    assert rows("select count(*) from raw.readings") == [(21,)]


def test_landing_refuses_a_connection_that_is_in_a_transaction(tmp_path: Path) -> None:
    package = open_package(plant(tmp_path))
    with warehouse.connect("ingest") as connection:
        connection.execute("select 1")
        with pytest.raises(ValueError, match="outside any transaction"):
            landing.land_ledgers(package, connection, uuid.uuid4(), NOW)


def test_readings_of_an_unregistered_site_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "plant", {"site": "site_code,name\nS9,\n", "readings/a": READINGS})
    report = load(folder)["readings/a.csv"]
    assert report.status == "refused"
    assert "S9" in str(report.status_reason)


ERP = {
    "production": "product_code,period_start,period_end,quantity,org_code\n"
    'P1,2026-01-01,2026-02-01,"1,234.50",W1\nP1,2026-01-01,2026-02-01,1,\nP9,2026-01-01,2026-02-01,5,\n'
    "P1,2026-02-02,2026-02-01,5,\nP1,2026-01-01,2026-02-01,,\n",
    "purchases": "energy_code,date,quantity,usage\nraw_coal,2026/1/5,10,工业\ndiesel,46027,--,\nraw_coal,2026-01-05,10,工业\n",
    "stocks": "能源编码,日期,数量,类型\nraw_coal,2026-01-31,7,期末\nraw_coal,2026-01-31,8,\n",
}


def test_erp_rows_land_and_add_up_in_one_batch(tmp_path: Path) -> None:
    reports = load(plant(tmp_path, **ERP))
    assert rejected() == {
        ("production.csv", 4): ("product_code", "unknown_reference"),
        ("production.csv", 5): ("period_end", "period_reversed"),
        ("production.csv", 6): ("quantity", "missing_value"),
        ("purchases.csv", 3): ("quantity", "not_a_number"),
    }
    assert rows("select line, quantity, org_code from raw.production order by line") == [
        (2, Decimal("1234.50"), "W1"),
        (3, 1, None),
    ]
    assert rows("select line, date::text, quantity, kind, usage from raw.purchases order by line") == [
        (2, "2026-01-05", 10, "purchase", "industrial"),
        (4, "2026-01-05", 10, "purchase", "industrial"),
    ]
    assert rows("select quantity, kind from raw.stocks order by line") == [(7, "closing"), (8, "closing")]
    assert reports["production.csv"].rows_rejected == 3


def test_erp_repeats_are_no_batches_until_something_changes(tmp_path: Path) -> None:
    folder = plant(tmp_path, **ERP)
    load(folder)
    before = everything()
    assert all(report.is_repeat for report in load(folder, LATER).values())
    assert everything() == before

    changed = {"purchases": "energy_code,date,quantity\nraw_coal,2026-01-05,11\n"}
    write(folder, changed)
    load(folder)
    write(folder, {"purchases": ERP["purchases"]})
    assert not load(folder)["purchases.csv"].is_repeat, "what it said before the change is news again"
    assert rows("select count(distinct batch_id) from raw.purchases") == [(3,)]

    write(folder, {"products": LEDGERS["products"] + "P9,渣,t\n"})
    report = load(folder)["production.csv"]
    assert not report.is_repeat, "a product registered since makes one more row stand"
    assert report.rows_landed == 3


def waiting(folder: Path, kind: str, later: float = 60.0) -> list[str]:
    """Packages of a drop folder that wait, seen a minute after the last write."""
    with warehouse.connect("ingest", autocommit=True) as connection:
        newest = max(path.stat().st_ctime for path in folder.rglob("*"))
        return dropfolder.waiting(folder, kind, connection, newest + later, 20.0)


def test_the_drop_folder_lists_what_is_new_and_quiet(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    folder = write(drop / "plant", LEDGERS | ERP | {"readings/a": READINGS})
    assert waiting(drop, "ledger", later=5.0) == [], "it may still be on its way"
    assert waiting(drop, "ledger") == ["plant"]
    assert waiting(drop, "readings") == [], "its ledgers come first"
    now = datetime.now(UTC)
    load(folder, now)
    for kind in ("ledger", "erp", "readings"):
        assert waiting(drop, kind) == []
    write(folder, {"readings/b": "meter_code,read_at,value\nM1,2026-01-07 08:00,1\n"})
    assert waiting(drop, "readings") == ["plant"]
    assert waiting(drop, "erp") == []


def test_a_refused_file_waits_once_and_again_when_it_changes(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    folder = write(drop / "plant", LEDGERS | {"readings/a": READINGS.rstrip("\n")})
    load(folder)
    assert waiting(drop, "readings") == []
    write(folder, {"readings/a": READINGS})
    assert waiting(drop, "readings") == ["plant"]


def test_a_broken_workbook_in_the_drop_folder_is_reported_once(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    shutil.copy(FIXTURES / "workbook_truncated.xlsx", drop / "books.xlsx")
    os.utime(drop / "books.xlsx")
    assert waiting(drop, "ledger") == ["books.xlsx"]
    assert waiting(drop, "ledger") == []
    assert rows("select subject, severity from ops.events where kind = 'package_refused'") == [
        ("books.xlsx", "critical")
    ]


def test_table_names_of_files_and_sheets() -> None:
    names = ["meters.csv", "books/site.xlsx#meters", "readings/a.csv.gz", "表A.1.csv"]
    assert [batches.table_name(name) for name in names] == ["meters", "meters", "a", "表A.1"]
