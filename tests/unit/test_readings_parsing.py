"""Readings as plants send them: encodings, delimiters, numbers, stamps, and what is refused where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion import readings
from ingestion.package import PackageFile
from ingestion.readings import READINGS
from ingestion.reasons import FileRefused, Reason
from ingestion.sources.csv import ReadingsCsv
from tests.unit.readings_files import FIXTURES, read, zone

EIGHT = "2026-01-05 00:00:00.000000+00"
QUARTER_PAST = "2026-01-05 00:15:00.000000+00"


@pytest.mark.parametrize("name", ["readings_bom_crlf.csv", "readings_utf16.csv"])
def test_encodings_give_the_same_rows(name: str) -> None:
    assert read(name).rows == [
        ["M-1", EIGHT, "1.10", "good", "0", "2", "S", "1"],
        ["M-1", QUARTER_PAST, "2.20", "good", "0", "3", "S", "1"],
    ]


def test_gbk_with_chinese_headers_dates_and_qualities() -> None:
    assert read("readings_gbk_chinese_headers.csv").rows == [
        ["M-1", EIGHT, "1.10", "good", "0", "2", "S", "1"],
        ["M-1", QUARTER_PAST, "2.20", "manual", "0", "3", "S", "1"],
    ]


def test_thousands_separators_but_never_a_decimal_comma() -> None:
    outcome = read("readings_semicolon_thousands.csv")
    assert [row[2] for row in outcome.rows] == ["1234.5", "1234567.25"]
    assert {line: one.reason for line, one in outcome.rejections.items()} == {
        4: Reason.NOT_A_NUMBER,
        5: Reason.NOT_A_NUMBER,
    }


def test_full_width_forms_spaces_and_midnight_as_24() -> None:
    assert [row[:3] for row in read("readings_fullwidth.csv").rows] == [
        ["M-1", EIGHT, "123.45"],
        ["M-1", "2026-01-05 16:00:00.000000+00", "-7"],
    ]


def test_excel_serials_are_local_times() -> None:
    assert [row[1] for row in read("readings_excel_serials.csv").rows] == [
        EIGHT,
        QUARTER_PAST,
        "2026-01-04 16:00:00.000000+00",
    ]


def test_every_bad_row_is_refused_with_line_column_and_reason() -> None:
    outcome = read("readings_bad_rows.csv")
    found = {line: (one.column, one.reason) for line, one in outcome.rejections.items()}
    assert found == {
        2: ("meter_code", Reason.BAD_CODE),
        3: ("meter_code", Reason.MISSING_VALUE),
        4: ("read_at", Reason.NOT_A_TIMESTAMP),
        5: ("read_at", Reason.MISSING_VALUE),
        6: ("value", Reason.NOT_A_NUMBER),
        7: ("value", Reason.NOT_A_NUMBER),
        8: ("value", Reason.MISSING_VALUE),
        9: ("quality", Reason.UNKNOWN_CHOICE),
        10: ("revision", Reason.OUT_OF_RANGE),
        11: (None, Reason.WRONG_FIELD_COUNT),
        14: (None, Reason.WRONG_FIELD_COUNT),
        15: ("read_at", Reason.OUT_OF_RANGE),
        16: ("value", Reason.NOT_A_NUMBER),
        17: ("value", Reason.OUT_OF_RANGE),
    }
    assert [row[5] for row in outcome.rows] == ["18"]
    assert outcome.rejections[7].row == (
        '{"meter_code": "M-1", "read_at": "2026-01-05 08:00", "value": "--", "quality": "good", "revision": "0"}'
    )
    assert "--" in outcome.rejections[7].text


def test_lines_are_physical_lines_also_behind_quoted_newlines() -> None:
    outcome = read("readings_quoted_newlines.csv")
    assert [(row[2], row[5]) for row in outcome.rows] == [("1", "2"), ("1000", "4")]
    assert list(outcome.rejections) == [5]


def test_rows_that_end_in_a_delimiter_are_not_ragged() -> None:
    assert [row[2] for row in read("readings_trailing_delimiters.csv").rows] == ["1", "2"]


def test_times_that_daylight_saving_makes_doubtful_are_refused() -> None:
    outcome = read("readings_dst_new_york.csv", "America/New_York")
    assert {line: one.reason for line, one in outcome.rejections.items()} == {
        2: Reason.NONEXISTENT_TIMESTAMP,
        3: Reason.AMBIGUOUS_TIMESTAMP,
    }
    assert [row[1] for row in outcome.rows] == [
        "2026-11-01 05:30:00.000000+00",
        "2026-11-01 08:00:00.000000+00",
    ]


def test_parquet_keeps_instants_and_shortest_decimals() -> None:
    assert [row[1:3] for row in read("readings.parquet").rows] == [[EIGHT, "0.1"], [QUARTER_PAST, "2.5"]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("readings_half_written.csv", Reason.FILE_TRUNCATED),
        ("readings_last_line_short.csv", Reason.FILE_TRUNCATED),
        ("readings_truncated.csv.gz", Reason.FILE_TRUNCATED),
        ("readings_bad_checksum.csv.gz", Reason.FILE_CORRUPT),
        ("readings_truncated.parquet", Reason.FILE_TRUNCATED),
        ("readings_binary_zeros.csv", Reason.FILE_NOT_TEXT),
        ("readings_no_value_column.csv", Reason.MISSING_COLUMN),
    ],
)
def test_unfinished_and_broken_files_are_refused_whole(name: str, reason: Reason) -> None:
    with pytest.raises(FileRefused) as caught:
        read(name)
    assert caught.value.reason is reason
    assert f"readings/{name}" in str(caught.value)
    assert "什么也没有导入" in str(caught.value)


def test_blocks_of_any_size_give_the_same_rows(tmp_path: Path) -> None:
    lines = ["meter_code,read_at,value,remark"]
    for place in range(500):
        remark = '"a\nb"' if place % 7 == 0 else "" if place % 5 else '"say ""x"""'
        lines.append(f"M-{place % 3},2026-01-05 08:{place % 60:02d},{place}.5,{remark}")
        if place % 11 == 0:
            lines.append("")
    path = tmp_path / "readings.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = _blocks(path, 8 << 20)
    assert len(whole) == 500
    assert _blocks(path, 64) == whole
    assert _blocks(path, 1000) == whole
    text = path.read_text(encoding="utf-8").split("\n")
    assert all(text[line - 1].startswith("M-") for line, _ in whole)


def _blocks(path: Path, size: int) -> list[tuple[int, str]]:
    from ingestion.readings import READINGS

    source = ReadingsCsv(path, READINGS, path.name, size)
    found: list[tuple[int, str]] = []
    for block in source.blocks():
        assert not block.ragged
        found += zip(block.lines.tolist(), block.columns.column(2).to_pylist(), strict=True)
    source.close()
    return found


def test_a_block_is_copied_meter_by_meter_and_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "slots.csv"
    slots = [(f"2026-01-05T{hour:02}:00", meter) for hour in (9, 8, 10) for meter in ("M-2", "M-1", "no code")]
    path.write_text("meter_code,read_at,value\n" + "".join(f"{meter},{at},1\n" for at, meter in slots))
    source = PackageFile("readings/slots.csv", READINGS, path).open_readings()
    positions, _ = READINGS.match(source.header, source.file)
    [block] = source.blocks()
    parsed = readings.parse(block, positions, source.header, zone(), "S,1")
    source.close()
    copied = [line.split(",") for chunk in parsed.lines for line in bytes(chunk).decode().splitlines()]
    assert [(row[0], row[1][11:13], row[5]) for row in copied] == [
        ("M-1", "00", "6"), ("M-1", "01", "3"), ("M-1", "02", "9"),
        ("M-2", "00", "5"), ("M-2", "01", "2"), ("M-2", "02", "8"),
    ]  # fmt: skip
    half = len(b"".join(bytes(chunk) for chunk in parsed.lines)) // 2
    assert parsed.runs == [("2026-01-01", "M-1", half), ("2026-01-01", "M-2", half)]
    assert sorted(one.line or 0 for one in parsed.rejections) == [4, 7, 10]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    from ingestion.readings import READINGS

    path = tmp_path / "readings.csv"
    path.write_bytes((FIXTURES / "readings_bom_crlf.csv").read_bytes())
    source = ReadingsCsv(path, READINGS, path.name)
    with path.open("ab") as stream:
        stream.write(b"M-1,2026-01-05 08:30:00,3,good,0\r\n")
    with pytest.raises(FileRefused) as caught:
        source.check_unchanged()
    assert caught.value.reason is Reason.FILE_CHANGING
    source.close()
