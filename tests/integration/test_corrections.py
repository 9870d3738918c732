"""A correction moves the figure, keeps the old value readable, and says who and why; else nothing changes."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ingestion import corrections, landing
from ingestion import warehouse as connections
from ingestion.authorship import Author, operator
from ingestion.corrections import CorrectionRefused
from ingestion.package import PackageFile, open_package
from ingestion.readings import READINGS
from ingestion.settings import Settings
from plugins.operations import pipeline
from plugins.operations.correct import correct
from tests.integration.landing_plant import rows, write

pytestmark = pytest.mark.built

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 2, tzinfo=UTC)
WANG = Author("王工", "抄表笔误")
MIDNIGHT = datetime(2026, 1, 10)


def plant() -> dict[str, str]:
    """A site with one interval meter of 15 minutes, 10 kWh each over a day, and the purchase over it."""
    stamps = (MIDNIGHT + timedelta(minutes=15 * number) for number in range(96))
    return {
        "site": "site_code,name\nS1,试验厂\n",
        "nodes": "node_code,name,stage\nGRID,电网,external\nBUS,母线,distribution\n",
        "meters": "meter_code,name,energy_code,reading_kind,unit,interval_minutes,max_per_hour\n"
        "M1,进线1,electricity,interval,kWh,15,400\nM2,进线2,electricity,interval,kWh,15,400\n",
        "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by\n"
        "F1,electricity,GRID,BUS,1,purchase,M1\n",
        "readings/day": "meter_code,read_at,value\n" + "".join(f"M1,{at:%Y-%m-%d %H:%M},10\n" for at in stamps),
    }


def accept() -> None:
    """Let everything that landed count, as the gate does."""
    with connections.connect("ingest") as connection:
        connection.execute("update ops.batches set status = 'accepted', judged_at = now() where status = 'landed'")


@pytest.fixture
def landed(warehouse: Settings, tmp_path: Path) -> Settings:
    """The plant, landed and accepted; no marts, for what needs none."""
    package = open_package(write(tmp_path / "S1", plant()))
    with connections.connect("ingest") as connection:
        landing.land_ledgers(package, connection, uuid.uuid4(), NOW)
        landing.land_readings(package, connection, uuid.uuid4(), NOW)
    accept()
    return warehouse


def make(source: Any, author: Author = WANG, site: str = "S1") -> list[corrections.Correction]:
    with connections.connect("ingest") as connection:
        return corrections.land(source, connection, site, author, uuid.uuid4(), LATER)[1]


def single(value: str = "12.5", read_at: str = "2026-01-10 08:00", meter: str = "M1") -> Any:
    return corrections.single(meter, read_at, value)


def state() -> tuple[Any, Any]:
    return rows("select * from raw.readings order by read_at, revision"), rows("select * from ops.batches order by 1")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(correct, arguments)


@pytest.mark.slow
def test_a_correction_moves_the_figure_and_the_old_value_stays_readable(warehouse: Settings, tmp_path: Path) -> None:
    report = pipeline.run_package(write(tmp_path / "S1", plant()), NOW, author=Author("李工", "一月补报"))
    assert report.is_passed, report.stages
    quantity = "select quantity from marts.fct_energy_daily where flow_code = 'F1'"
    assert rows(quantity) == [(960,)]
    assert rows("select distinct actor, reason from ops.batches") == [("李工", "一月补报")]

    result = invoke("S1", "M1", "2026-01-10 08:00", "12.5", "--why", "抄表笔误", "--by", "王工")
    assert result.exit_code == 0, result.output
    assert "M1  2026-01-10 08:00:00+08:00  10 → 12.5（修订 0 → 1" in result.output
    assert "更正人 王工，原因：抄表笔误" in result.output
    assert "更正完成，各步骤均通过。" in result.output
    assert rows(quantity) == [(Decimal("962.5"),)]
    assert rows(
        """select meter_code, read_at, old_value, old_revision, old_file, new_value, new_revision, new_file, source,
        batch_status, corrected_by, reason from ops.reading_corrections"""
    ) == [
        ("M1", datetime(2026, 1, 10, 0, tzinfo=UTC), 10, 0, "readings/day.csv", Decimal("12.5"), 1, "correction",
         "correction", "accepted", "王工", "抄表笔误"),
    ]  # fmt: skip
    assert rows("select value, revision, quality from raw.readings where read_at = '2026-01-10 00:00Z' order by 2") == [
        (10, 0, "good"),
        (Decimal("12.5"), 1, "manual"),
    ]

    # Back to what it was, and beyond what the meter can carry: landed and listed, but it does not count.
    assert invoke("S1", "M1", "2026-01-10T00:00Z", "10", "--why", "原值无误").exit_code == 0
    assert rows(quantity) == [(960,)]
    assert rows("select distinct actor from ops.batches where reason = '原值无误'") == [(operator().name,)]
    wild = invoke("S1", "M1", "2026-01-10 08:00", "99999", "--why", "试")
    assert wild.exit_code == 1, wild.output
    assert "按规则不被采用" in wild.output
    assert rows(quantity) == [(950,)]
    # The way out of it is a correction too, also to a value that an earlier revision had.
    mended = invoke("S1", "M1", "2026-01-10 08:00", "10", "--why", "改回")
    assert mended.exit_code == 0, mended.output
    assert rows(quantity) == [(960,)]
    assert rows("select old_value, new_value, new_revision from ops.reading_corrections order by 3") == [
        (10, Decimal("12.5"), 1), (Decimal("12.5"), 10, 2), (10, 99999, 3), (99999, 10, 4),
    ]  # fmt: skip


REFUSALS = {
    "unknown site": (("S9", "M1", "2026-01-10 08:00", "1"), "用能单位 S9 尚未登记（已登记的有 S1）"),
    "unknown meter": (("S1", "M9", "2026-01-10 08:00", "1"), "计量器具 M9 未在台账中登记"),
    "no reading there": (
        ("S1", "M1", "2026-01-10 08:07", "1"),
        "没有读数，无可更正；相邻的读数前一个在 2026-01-10 08:00:00+08:00，后一个在 2026-01-10 08:15:00+08:00",
    ),
    "before the first": (("S1", "M1", "2026-01-09 08:00", "1"), "相邻的读数后一个在 2026-01-10 00:00:00+08:00"),
    "a meter without any": (("S1", "M2", "2026-01-10 08:00", "1"), "这只表还没有任何读数"),
    "not a number": (("S1", "M1", "2026-01-10 08:00", "十"), "不是数字"),
    "not an instant": (("S1", "M1", "昨天", "1"), "不是有效时间"),
    "the same value": (("S1", "M1", "2026-01-10 08:00", "10.0"), "已经是 10，无需更正"),
}


def test_what_cannot_be_corrected_is_told_in_a_sentence_and_changes_nothing(landed: Settings) -> None:
    before = state()
    for name, (arguments, sentence) in REFUSALS.items():
        result = invoke(*arguments, "--why", "试")
        assert result.exit_code == 1, name
        assert sentence in result.output, name
        assert "没有更正任何读数。" in result.output, name
        assert "Traceback" not in result.output, name
    for why in ((), ("--why", "  ")):
        result = invoke("S1", "M1", "2026-01-10 08:00", "1", *why)
        assert result.exit_code == 1
        assert "没有写明更正原因" in result.output
    assert state() == before


def test_arguments_that_do_not_fit_together_are_named(landed: Settings, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text("meter_code,read_at,value\nM1,2026-01-10 08:00,1\n", encoding="utf-8")
    workbook = tmp_path / "corrections.xlsx"
    workbook.write_bytes(b"")
    for arguments, sentence in (
        (("M1", "2026-01-10 08:00"), "现有 2 项"),
        (("M1", "2026-01-10 08:00", "1", "--file", str(path)), "不要再写单个读数"),
        (("M1", "2026-01-10", "08:00", "1"), "现有 4 项"),
        (("--file", str(workbook)), ".parquet"),
        (("--file", str(path), "--bye", "王工"), "--bye"),
    ):
        result = invoke("S1", *arguments, "--why", "试")
        assert result.exit_code == 2
        assert sentence in result.output


def test_values_may_be_negative_and_instants_carry_an_offset(landed: Settings) -> None:
    with connections.connect("ingest") as connection:
        one = corrections.single("M1", "2026-01-10T01:15+01:00", "-0.5")
        report, [made] = corrections.land(one, connection, "S1", WANG, uuid.uuid4(), LATER)
    assert (made.new_value, made.read_at) == (Decimal("-0.5"), datetime(2026, 1, 10, 0, 15, tzinfo=UTC))
    assert rows("select source, file, rows_landed, first_read_at, actor, reason from ops.batches where batch_id = %s",
                report.batch_id) == [("correction", "correction", 1, made.read_at, "王工", "抄表笔误")]  # fmt: skip
    # The command takes a leading minus for a value.
    result = invoke("S1", "M2", "2026-01-10 08:00", "-5", "--why", "试")
    assert "这只表还没有任何读数" in result.output


def test_a_file_is_corrected_whole_or_not_at_all(landed: Settings, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"

    def opened(content: str) -> Any:
        path.write_text("管理编号,时间,读数,revision\n" + content, encoding="utf-8")
        return PackageFile(path.name, READINGS, path).open_readings()

    before = state()
    with pytest.raises(CorrectionRefused) as refused:
        make(
            opened(
                "M1,2026-01-10 08:00,11,7\nM9,2026-01-10 08:00,11,\nM1,2026-01-10 08:00,12,\nM1,2026-01-10 08:01,1,\n"
            )
        )
    told = str(refused.value)
    assert len(refused.value.problems) == 4
    for sentence in (
        "第 2 行：M1 在 2026-01-10 08:00:00+08:00 的更正出现不止一次",
        "第 3 行：计量器具 M9",
        "第 5 行：M1",
    ):
        assert sentence in told
    with pytest.raises(CorrectionRefused, match="第 3 行：value 的“x”不是数字"):
        make(opened("M1,2026-01-10 08:00,11,\nM1,2026-01-10 08:15,x,\n"))
    with pytest.raises(CorrectionRefused, match="没有任何要更正的读数"):
        make(opened(""))
    path.write_text("meter_code,read_at,value,quality\nM1,2026-01-10 08:00,11,坏\n", encoding="utf-8")
    with pytest.raises(CorrectionRefused, match="bad"):
        make(PackageFile(path.name, READINGS, path).open_readings())
    assert state() == before

    made = make(opened('M1,2026-01-10 08:15,21,7\nM1,2026-01-10 08:00,"1,111",\n'))
    assert [(one.line, one.new_value, one.new_revision) for one in made] == [(2, 21, 1), (3, 1111, 1)]
    assert rows("select line, value, revision from raw.readings where revision > 0 order by line") == [
        (2, 21, 1),
        (3, 1111, 1),
    ]
    assert rows("select file, source, rows_total, rows_landed from ops.batches where source = 'correction'") == [
        ("corrections.csv", "correction", 2, 2)
    ]


def test_a_disputed_or_held_reading_can_be_corrected(landed: Settings, tmp_path: Path) -> None:
    """Nothing counts at such an instant, so either value may be confirmed; its revision stays free for nobody else."""
    with connections.connect("ingest") as connection:
        for number, value in enumerate(("30", "10")):
            content = f"meter_code,read_at,value,revision\nM1,2026-01-10 08:00,{value},4\n"
            folder = write(tmp_path / str(number), {"site": plant()["site"], "readings/more": content})
            landing.land_readings(open_package(folder), connection, uuid.uuid4(), NOW)
        connection.execute("update ops.batches set status = 'held' where status = 'landed'")
    # Held values do not count, but their revision may yet.
    [held] = make(single("11"))
    assert (held.old_values, held.old_revision, held.new_revision) == ((Decimal(10),), 0, 5)
    with connections.connect("ingest") as connection:
        connection.execute("update ops.batches set status = 'accepted' where status = 'held'")
    # The correction itself has landed and is not judged yet.
    [disputed] = make(single("10"))
    assert (disputed.old_values, disputed.old_revision, disputed.new_revision) == ((Decimal(10), Decimal(30)), 4, 6)
    assert rows("select old_value, new_value from ops.reading_corrections where new_revision = 5 order by 1") == [
        (10, 11),
        (30, 11),
    ]


def test_corrections_of_one_reading_at_once_get_revisions_of_their_own(landed: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda value: make(single(str(value)))[0], range(20, 28)))
    assert sorted(one.new_revision for one in made) == list(range(1, 9))


def test_only_audit_sees_corrections(landed: Settings) -> None:
    from psycopg.errors import InsufficientPrivilege

    make(single())
    assert len(rows("select * from ops.reading_corrections")) == 1
    for role in ("bi", "ingest"):
        with connections.connect(role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("select * from ops.reading_corrections")
