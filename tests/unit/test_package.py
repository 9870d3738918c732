"""Opening packages: what is recognised, what is said of the rest, and what cannot be opened."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest

from ingestion import package as packages
from ingestion.ledgers.metering import METERS
from ingestion.package import PackageError, open_package
from ingestion.reasons import FileRefused, Reason
from ingestion.sources import spreadsheet
from tests.unit.readings_files import FIXTURES, read


def folder(tmp_path: Path, *names: str) -> Path:
    """A package folder with one-line files of those names."""
    root = tmp_path / "plant"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("site_code,name\nS1,a\n", encoding="utf-8")
    return root


def test_files_are_known_by_english_and_chinese_names_in_any_case(tmp_path: Path) -> None:
    root = folder(tmp_path, "Site.CSV", "表A.1.csv", "readings/a.csv", "Readings/sub/b.csv.gz", "能源购进.csv")
    opened = open_package(root)
    assert {file.name: file.table.name for file in opened.files} == {
        "Site.CSV": "site",
        "表A.1.csv": "meters",
        "readings/a.csv": "readings",
        "Readings/sub/b.csv.gz": "readings",
        "能源购进.csv": "purchases",
    }
    assert not opened.notices
    assert [file.table.name for file in opened.of_kind("ledger")] == ["site", "meters"]


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        "site.csv",
        "meter.csv",
        "~$books.xlsx",
        ".hidden.csv",
        "readings/a.csv.part",
        "photos/x.csv",
        "old.xls",
        "readings/notes.doc",
    )
    outside = tmp_path / "secret.csv"
    outside.write_text("meter_code,name\n", encoding="utf-8")
    (root / "meters.csv").symlink_to(outside)
    opened = open_package(root)
    assert [file.name for file in opened.files] == ["site.csv"]
    said = "\n".join(opened.notices)
    for name in (
        "meter.csv",
        "a.csv.part",
        "photos",
        "old.xls",
        "notes.doc",
        "meters.csv：链接指向数据包之外",
    ):
        assert name in said
    assert "hidden" not in said


def test_one_table_twice_cannot_be_decided(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"meters\.csv 和 表A\.1\.csv"):
        open_package(folder(tmp_path, "site.csv", "meters.csv", "表A.1.csv"))


@pytest.mark.parametrize("name", ["nothing", "empty", "books.xls", "books.xlsm", "books.txt"])
def test_what_is_no_package_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    elif name != "nothing":
        path.write_bytes(b"x")
    with pytest.raises(PackageError) as caught:
        open_package(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_workbook_is_refused_whole(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "workbook_truncated.xlsx", tmp_path / "books.xlsx")
    with pytest.raises(PackageError, match=r"books\.xlsx：文件不完整"):
        open_package(tmp_path / "books.xlsx")


def test_a_broken_workbook_in_a_folder_leaves_the_rest_usable(tmp_path: Path) -> None:
    root = folder(tmp_path, "site.csv")
    shutil.copy(FIXTURES / "workbook_truncated.xlsx", root / "meters.xlsx")
    opened = open_package(root)
    assert [file.name for file in opened.files] == ["site.csv"]
    assert [error.reason for error in opened.refused] == [Reason.FILE_TRUNCATED]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "UNPACKED_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (2 << 20))
    with pytest.raises(PackageError, match="文件过大"):
        open_package(tmp_path / "bomb.xlsx")


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    from ingestion.sources.textfile import TextFile

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"0" * (2 << 20)))
    with pytest.raises(FileRefused) as caught:
        TextFile(path, "a.csv.gz", maximum_bytes=1 << 20)
    assert caught.value.reason is Reason.FILE_TOO_LARGE


def test_an_encrypted_workbook_says_so(tmp_path: Path) -> None:
    (tmp_path / "books.xlsx").write_bytes(spreadsheet.OLE + b"\0" * 600)
    with pytest.raises(PackageError, match="密码"):
        open_package(tmp_path / "books.xlsx")


def workbook(path: Path) -> Path:
    """A workbook with a title above a Chinese header, typed cells, and readings."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "表A.1"
    sheet.append(["能源计量器具一览表"])
    sheet.append([])
    sheet.append(["序号", "管理编号", "计量器具名称", "能源编码", "读数类型", "单位", "倍率", "安装日期"])
    sheet.append([1, 1001, "进线", "electricity", "累计值", "kWh", 0.1, date(2020, 1, 5)])
    shifts = book.create_sheet("shifts")
    shifts.append(["shift_code", "start", "end"])
    shifts.append(["A", time(8, 0), "16:00"])
    readings = book.create_sheet("readings")
    readings.append(["meter_code", "read_at", "value", "remark"])
    readings.append([1001, datetime(2026, 1, 5, 8, 0), 1234.6, None])
    readings.append([])
    readings.append([1001, 46027.34375, "2,000.5", "x"])
    readings.append(["M 1", datetime(2026, 1, 5, 9, 0), None, None])
    book.create_sheet("封面").append(["hello"])
    book.create_sheet("空白")
    book.save(path)
    return path


def test_workbooks_give_sheets_rows_and_excel_row_numbers(tmp_path: Path) -> None:
    opened = open_package(workbook(tmp_path / "books.xlsx"))
    assert {file.name: file.table.name for file in opened.files} == {
        "books.xlsx#表A.1": "meters",
        "books.xlsx#shifts": "shifts",
        "books.xlsx#readings": "readings",
    }
    assert any("封面" in notice for notice in opened.notices)
    meters = opened.table("meters")
    assert meters is not None
    cells, sha256 = meters.read_cells()
    assert cells.header[1] == "管理编号"
    assert cells.rows == [(4, ["1", "1001", "进线", "electricity", "累计值", "kWh", "0.1", "2020-01-05"])]
    again = open_package(workbook(tmp_path / "copy.xlsx")).table("meters")
    assert again is not None
    assert again.read_cells()[1] == sha256, "saving a workbook again changes its bytes, not its content"


def test_readings_sheets_are_read_in_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion import readings
    from tests.unit.readings_files import zone

    for rows in (100_000, 1):
        monkeypatch.setattr(spreadsheet, "BLOCK_ROWS", rows)
        file = open_package(workbook(tmp_path / "books.xlsx")).table("readings")
        assert file is not None
        source = file.open_readings()
        positions, unknown = file.table.match(source.header, file.name)
        parsed = [readings.parse(block, positions, source.header, zone(), "S,1") for block in source.blocks()]
        lines = b"".join(bytes(chunk) for one in parsed for chunk in one.lines).decode().splitlines()
        assert lines == [
            "1001,2026-01-05 00:00:00.000000+00,1234.6,good,0,2,S,1",
            "1001,2026-01-05 00:15:00.000000+00,2000.5,good,0,4,S,1",
        ]
        assert [(bad.line, bad.column) for one in parsed for bad in one.rejections] == [(5, "meter_code")]
        assert unknown == ["remark"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("meters_half_written.csv", Reason.FILE_TRUNCATED), ("meters_open_quote.csv", Reason.FILE_TRUNCATED)],
)
def test_truncated_ledgers_are_refused_whole(name: str, reason: Reason) -> None:
    file = packages.PackageFile(name, METERS, FIXTURES / name)
    assert file.table.name == "meters"
    with pytest.raises(FileRefused) as caught:
        file.read_cells()
    assert caught.value.reason is reason


def test_a_ledger_needs_no_final_newline_and_may_carry_a_title() -> None:
    plain, _ = packages.PackageFile("m", METERS, FIXTURES / "meters_no_final_newline.csv").read_cells()
    assert plain.rows == [(2, ["M-1", "a", "electricity", "register", "kWh"])]
    form, _ = packages.PackageFile("m", METERS, FIXTURES / "meters_form_a1_gbk.csv").read_cells()
    assert form.rows == [(3, ["1", "M-1", "进线电能表", "electricity", "累计值", "kWh"])]
    ragged, _ = packages.PackageFile("m", METERS, FIXTURES / "meters_ragged.csv").read_cells()
    assert [line for line, _ in ragged.rows] == [2, 3, 4]


def test_parquet_missing_values_are_missing_not_zero(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    table = pa.table(
        {"meter_code": ["M", "M", "M"], "read_at": ["2026-01-05 08:00"] * 3, "value": [None, float("nan"), 0]}
    )
    pq.write_table(table, path)
    outcome = read(path)
    assert [row[2] for row in outcome.rows] == ["0"]
    assert {line: one.reason for line, one in outcome.rejections.items()} == {
        1: Reason.MISSING_VALUE,
        2: Reason.MISSING_VALUE,
    }
