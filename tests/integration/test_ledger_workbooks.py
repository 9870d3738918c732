"""Ledgers as workbooks: out and back without a change, in with a diff, and nothing dangerous either way."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.declarations import Table
from ingestion.ledgers import editing, reading, workbooks
from ingestion.ledgers.editing import Edit, Outcome
from ingestion.ledgers.forms import FORMS, WorkbookError
from ingestion.ledgers.resources import ALL
from ingestion.ledgers.workbooks import Incoming
from ingestion.reasons import FileRefused, Reason
from ingestion.settings import Settings
from tests.integration.landing_plant import LATER, LEDGERS, load, rows, write
from tests.integration.ledger_rows import rows_for

LI = Author("李工", "年度核对")


@pytest.fixture
def plant(warehouse: Settings, tmp_path: Path) -> Path:
    """The small plant, loaded."""
    assert warehouse
    load(write(tmp_path / "plant", LEDGERS))
    return tmp_path


def export(table: str, path: Path, **options: Any) -> Path:
    with connections.connect("keep") as connection:
        workbooks.export(connection, "S1", table, path, **options)
    return path


def read(path: Path, table: str | None = None, name: str | None = None) -> Incoming:
    with connections.connect("keep") as connection:
        return workbooks.read(connection, "S1", path, name or path.name, table)


def plan(incoming: Incoming) -> Outcome:
    with connections.connect("keep") as connection:
        return workbooks.plan(connection, "S1", incoming, LATER)


def apply(incoming: Incoming) -> Outcome:
    with connections.connect("keep") as connection:
        return workbooks.apply(connection, "S1", incoming, LI, LATER)


def change(path: Path, alter: Callable[[Any], None]) -> Path:
    """Alter a workbook as a person at a spreadsheet does."""
    book = openpyxl.load_workbook(path)
    alter(book.worksheets[0])
    book.save(path)
    return path


def column(sheet: Any, title: str) -> int:
    return next(cell.column for row in sheet.iter_rows(max_row=5) for cell in row if cell.value == title)


def kinds(outcome: Outcome) -> list[str]:
    return [one.kind for one in outcome.changes]


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("name", FORMS)
def test_the_statutory_columns_come_first_and_in_chinese(name: str, tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(export(name, tmp_path / "a.xlsx")).worksheets[0]
    titles = [cell.value for cell in sheet[3]]
    count = len(FORMS[name].columns)
    assert str(sheet["A1"].value).startswith(FORMS[name].title)
    assert sheet["A2"].value == "规范栏目"
    assert sheet.cell(2, count + 1).value == "平台栏目"
    assert titles[-1] == "台账版本"
    assert all("\u4e00" <= sign <= "\u9fff" for title in titles[:count] for sign in str(title)[-1:])
    if name == "meters":
        assert count == 22
        assert (titles[0], titles[9], titles[20]) == ("计量器具名称", "管理编号", "状态")


def test_every_ledger_comes_back_unchanged_whatever_it_holds(warehouse: Settings, tmp_path: Path) -> None:
    """Random rows, seeded; awkward texts, exact decimals, days before 1900, ends that are open."""
    assert warehouse
    load(write(tmp_path / "plant", {"site": LEDGERS["site"]}))
    chance = random.Random(20260202)
    codes: dict[str, list[str]] = {}
    for table in ALL:
        wanted = rows_for(table, 40, chance, codes, "S1")
        with connections.connect("keep") as connection:
            if table.name == "site":
                (old,) = reading.query(connection, "S1", "site").records
                edits = [Edit(old.key, wanted[0], old.version)]
            else:
                edits = [Edit(None, row) for row in wanted]
            made = editing.apply(connection, "S1", table.name, edits, LI, LATER)
        assert made.refusals == (), table.name
        codes[table.name] = [one[table.key[0]] for one in wanted if table.key[0] in one]
        _comes_back(table, tmp_path / f"{table.name}.xlsx", len(wanted))


def _comes_back(table: Table, path: Path, count: int) -> None:
    before = rows("select max(change_id) from ledger.changes")
    incoming = read(export(table.name, path))
    assert incoming.table == table.name
    assert incoming.notices == ()
    outcome = apply(incoming)
    assert outcome.refusals == (), [(incoming.place(one), one.text) for one in outcome.refusals]
    assert kinds(outcome) == ["unchanged"] * count, table.name
    assert outcome.is_applied
    assert rows("select max(change_id) from ledger.changes") == before
    # By every row's own words too: the file alone says the same as the ledger.
    with connections.connect("keep") as connection:
        page = reading.query(connection, "S1", table.name, page_size=1000, include_retired=True)
    assert [dict(one.after) for one in outcome.changes] == [dict(one.values) for one in page.records]


def test_no_cell_that_goes_out_is_a_formula(plant: Path) -> None:
    values = {"person_code": "P9", "name": '=HYPERLINK("http://x")', "remark": "@x", "phone": "+86", "title": "-1"}
    with connections.connect("keep") as connection:
        assert editing.apply(connection, "S1", "persons", [Edit(None, values)], LI, LATER).is_applied
    path = export("persons", plant / "p.xlsx")
    cells = [cell for row in openpyxl.load_workbook(path).worksheets[0].iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type in ("f", "e")]
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if b"<f>" in archive.read(name)]
    assert {'\'=HYPERLINK("http://x")', "'@x", "'+86", "'-1"} <= {cell.value for cell in cells}


def test_a_text_that_no_cell_can_hold_is_told_and_not_cut(plant: Path) -> None:
    with connections.connect("keep") as connection:
        values = {"person_code": "P9", "name": "长", "remark": "字" * 40_000}
        assert editing.apply(connection, "S1", "persons", [Edit(None, values)], LI, LATER).is_applied
    with pytest.raises(WorkbookError, match="40000"):
        export("persons", plant / "p.xlsx")


def test_a_workbook_is_tried_first_and_then_applied_whole(plant: Path) -> None:
    path = export("meters", plant / "meters.xlsx")

    def alter(sheet: Any) -> None:
        place = column(sheet, "安装使用地点")
        sheet.cell(4, place).value = "总降"
        added = {
            "管理编号": "M9",
            "计量器具名称": "新表",
            "能源编码": "electricity",
            "读数类型": "人工抄表",
            "单位": "kWh",
        }
        for title, value in added.items():
            sheet.cell(7, column(sheet, title)).value = value

    incoming = read(change(path, alter))
    planned = plan(incoming)
    assert kinds(planned) == ["changed", "unchanged", "unchanged", "new"]
    assert (planned.changes[0].before or {})["location"] is None
    assert planned.changes[0].after["location"] == "总降"
    assert rows("select count(*) from ledger.meters where location is not null or meter_code = 'M9'") == [(0,)]
    assert apply(incoming).is_applied
    assert rows("select meter_code, location, reading_kind from ledger.meters order by 1")[0] == (
        "M1",
        "总降",
        "register",
    )
    assert rows("select reading_kind, multiplier from ledger.meters where meter_code = 'M9'") == [("manual", 1)]
    assert rows("select distinct changed_by, reason from ledger.changes where batch_id = (select max(batch_id) from ops.batches)") == [
        ("李工", "年度核对")
    ]  # fmt: skip


def test_bad_cells_are_refused_by_row_and_column_and_nothing_is_written(plant: Path) -> None:
    path = export("meters", plant / "meters.xlsx")

    def alter(sheet: Any) -> None:
        sheet.cell(4, column(sheet, "倍率")).value = "很多"
        sheet.cell(5, column(sheet, "能源编码")).value = "nuclear"
        sheet.cell(6, column(sheet, "倍率")).value = "=1+1"
        sheet.cell(6, column(sheet, "安装日期")).value = "昨天"

    incoming = read(change(path, alter))
    for outcome in (plan(incoming), apply(incoming)):
        assert [(one.column, one.code) for one in outcome.refusals] == [
            ("multiplier", "not_a_number"),
            ("energy_code", "unknown_reference"),
            ("multiplier", "formula"),
            ("installed_on", "not_a_date"),
        ]
        assert (outcome.changes, outcome.is_applied) == ((), False)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    letter = sheet.cell(4, column(sheet, "倍率")).column_letter
    assert incoming.place(outcome.refusals[0]) == f"第 4 行 {letter} 列"
    assert "=1+1" in outcome.refusals[2].text
    assert rows("select multiplier from ledger.meters order by meter_code") == [(100,), (100,), (1,)]


def test_a_workbook_of_yesterday_does_not_take_back_what_others_changed(plant: Path) -> None:
    path = export("meters", plant / "meters.xlsx")
    with connections.connect("keep") as connection:
        seen = reading.get(connection, "S1", "meters", {"meter_code": "M2"})
        assert seen is not None
        editing.apply(
            connection, "S1", "meters", [Edit(seen.key, {"location": "乙处"}, seen.version)], Author("张三"), LATER
        )
    outcome = apply(read(path))
    assert [(one.index, one.code) for one in outcome.refusals] == [(1, "conflict")]
    assert "张三" in outcome.refusals[0].text
    assert rows("select location from ledger.meters where meter_code = 'M2'") == [("乙处",)]


def test_a_workbook_made_by_hand_is_read_too(plant: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "人员台账"
    for row in (
        ["编号", "姓名", "证书有效期", "爱好"],
        ["001", "王工程师", "2027/1/5", "钓鱼"],
        ["002", "赵工", None, None],
    ):
        book.active.append(row)
    book.save(plant / "p.xlsx")
    incoming = read(plant / "p.xlsx")
    outcome = plan(incoming)
    assert kinds(outcome) == ["changed", "new"]
    assert (incoming.table, outcome.notices) == ("persons", ("不认识的列“爱好”，已忽略",))
    assert apply(incoming).is_applied
    assert rows("select name, certificate_valid_to::text from ledger.persons order by 1") == [
        ("王工程师", "2027-01-05"),
        ("赵工", None),
    ]


def test_any_earlier_day_can_be_exported(plant: Path) -> None:
    before = rows("select clock_timestamp()")[0][0]
    with connections.connect("keep") as connection:
        edit = Edit(None, {"person_code": "2", "name": "赵工"})
        editing.apply(connection, "S1", "persons", [edit], LI, LATER)
    assert len(read(export("persons", plant / "now.xlsx")).edits) == 2
    assert len(read(export("persons", plant / "then.xlsx", as_of=before)).edits) == 1


def _repacked(path: Path, extra: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in extra.items():
            archive.writestr(name, content)
    return path


def test_what_could_run_or_swell_is_refused_before_it_is_opened(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(path: Path, **options: Any) -> Reason:
        with pytest.raises(FileRefused) as caught:
            read(path, **options)
        return caught.value.reason

    good = export("persons", plant / "p.xlsx")
    assert refusal(_repacked(export("persons", plant / "m.xlsx"), {"xl/vbaProject.bin": b"x"})) is Reason.FILE_ACTIVE
    assert refusal(good, name="p.xlsm") is Reason.FILE_ACTIVE
    bomb = _repacked(export("persons", plant / "b.xlsx"), {"xl/media/a.bin": b"\0" * (8 << 20)})
    assert bomb.stat().st_size < 1 << 20
    monkeypatch.setattr(workbooks, "UNPACKED_BYTES", 4 << 20)
    assert refusal(bomb) is Reason.FILE_TOO_LARGE
    assert read(good).edits
    monkeypatch.setattr(workbooks, "FILE_BYTES", 1000)
    assert refusal(good) is Reason.FILE_TOO_LARGE
    monkeypatch.undo()


def test_what_is_no_workbook_of_a_ledger_is_refused(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(path: Path, table: str | None = None) -> Reason:
        with pytest.raises(FileRefused) as caught:
            read(path, table)
        return caught.value.reason

    good = export("persons", plant / "p.xlsx")
    (plant / "t.xlsx").write_bytes(good.read_bytes()[:2000])
    assert refusal(plant / "t.xlsx") is Reason.FILE_TRUNCATED
    (plant / "x.xlsx").write_bytes(b"name\n")
    assert refusal(plant / "x.xlsx") is Reason.FILE_TRUNCATED
    with zipfile.ZipFile(plant / "z.xlsx", "w") as archive:
        archive.writestr("readme", "no sheets")
    assert refusal(plant / "z.xlsx") is Reason.FILE_CORRUPT
    assert refusal(good, "meters") is Reason.FILE_FOREIGN
    assert refusal(change(good, lambda sheet: setattr(sheet, "title", "随便"))) is Reason.FILE_FOREIGN
    assert read(good, "persons").table == "persons"

    def drop_code(sheet: Any) -> None:
        sheet.cell(3, column(sheet, "人员编号")).value = "别的"

    assert refusal(change(export("persons", plant / "d.xlsx"), drop_code)) is Reason.MISSING_COLUMN
    monkeypatch.setattr(workbooks, "MOST_ROWS", 3)
    assert refusal(export("persons", plant / "r.xlsx")) is Reason.FILE_TOO_LARGE
    monkeypatch.setattr(workbooks, "MOST_ROWS", 100)
    monkeypatch.setattr(workbooks, "MOST_COLUMNS", 5)
    assert refusal(export("persons", plant / "c.xlsx")) is Reason.FILE_TOO_LARGE
