"""Cells of ledgers: what the database gets for what people type."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from ingestion.declarations import Column, Kind
from ingestion.ledgers.metering import METERS
from ingestion.ledgers.resources import ALL
from ingestion.ledgers.tables import FLOWS, SITE
from ingestion.reasons import TEXTS, FileRefused, Reason
from ingestion.values import CellError, parse

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        (Kind.DECIMAL, "1,234.50", "1234.50"),
        (Kind.DECIMAL, "１２３．４", "123.4"),
        (Kind.DECIMAL, " −5 ", "-5"),
        (Kind.DECIMAL, "1e-3", "0.001"),
        (Kind.DECIMAL, "0.1000000000000000055511151231", "0.1000000000000000055511151231"),
        (Kind.DECIMAL, "--", None),
        (Kind.DECIMAL, "", None),
        (Kind.INTEGER, "26.0", "26"),
        (Kind.DATE, "2026/1/5", "2026-01-05"),
        (Kind.DATE, "2026年1月5日", "2026-01-05"),
        (Kind.DATE, "20260105", "2026-01-05"),
        (Kind.DATE, "46027", "2026-01-05"),
        (Kind.DATE, "2026-01-05 00:00:00", "2026-01-05"),
        (Kind.TIME, "8:00", "08:00:00"),
        (Kind.TIME, "24:00", "00:00:00"),
        (Kind.TIME, "0.333333333333333", "08:00:00"),
        (Kind.BOOLEAN, "是", "true"),
        (Kind.BOOLEAN, "无", "false"),
        (Kind.CODE, "Ｍ－１", "M-1"),
        (Kind.CODES, " A、Ｂ，C A;D ", "A,B,C,D"),
        (Kind.CODES, "/", None),
        (Kind.TEXT, " 2#高炉 ㎡ ", "2#高炉 ㎡"),
        (Kind.TIMESTAMP, "2026-01-05 24:00", "2026-01-05T16:00:00.000000+00"),
    ],
)
def test_cells_become_the_databases_notation(kind: Kind, cell: str, expected: str | None) -> None:
    assert parse(Column("x", kind), cell, SHANGHAI) == expected


@pytest.mark.parametrize(
    ("kind", "cell", "reason"),
    [
        (Kind.DECIMAL, "NaN", Reason.NOT_A_NUMBER),
        (Kind.DECIMAL, "1,5", Reason.NOT_A_NUMBER),
        (Kind.DECIMAL, "5%", Reason.NOT_A_NUMBER),
        (Kind.DECIMAL, "1e30", Reason.NOT_A_NUMBER),
        (Kind.INTEGER, "1.5", Reason.NOT_AN_INTEGER),
        (Kind.DATE, "2026-02-30", Reason.NOT_A_DATE),
        (Kind.DATE, "2026-01", Reason.NOT_A_DATE),
        (Kind.TIME, "25:00", Reason.NOT_A_TIME),
        (Kind.BOOLEAN, "也许", Reason.NOT_A_BOOLEAN),
        (Kind.CODE, "M 1", Reason.BAD_CODE),
        (Kind.CODE, "M" * 65, Reason.BAD_CODE),
        (Kind.CODE, "M1\n", None),
        (Kind.TIMESTAMP, "昨天", Reason.NOT_A_TIMESTAMP),
    ],
)
def test_what_is_no_value_is_refused(kind: Kind, cell: str, reason: Reason | None) -> None:
    if reason is None:
        assert parse(Column("x", kind), cell, SHANGHAI) == cell.strip()
        return
    with pytest.raises(CellError) as caught:
        parse(Column("x", kind), cell, SHANGHAI)
    assert caught.value.reason is reason
    assert cell[:20] in str(caught.value)


def test_empty_is_the_default_and_never_zero() -> None:
    assert parse(METERS.column("multiplier"), "", SHANGHAI) == "1"
    assert parse(METERS.column("register_max"), "", SHANGHAI) is None
    with pytest.raises(CellError) as caught:
        parse(METERS.column("name"), " ", SHANGHAI)
    assert caught.value.reason is Reason.MISSING_VALUE


def test_bounds_and_choices_say_what_is_allowed() -> None:
    with pytest.raises(CellError, match="≥ 1，≤ 28"):
        parse(SITE.column("month_start_day"), "31", SHANGHAI)
    with pytest.raises(CellError, match="> 0"):
        parse(METERS.column("multiplier"), "0", SHANGHAI)
    with pytest.raises(CellError, match="purchase 购入"):
        parse(FLOWS.column("item"), "buy", SHANGHAI)
    assert parse(FLOWS.column("level"), "1.0", SHANGHAI) == "1"
    assert parse(FLOWS.column("level"), "主要用能设备", SHANGHAI) == "3"


def test_headers_are_found_whatever_their_case_width_spaces_and_units() -> None:
    header = [
        "序号",
        "Meter Code",
        "计量器具名称*",
        "ENERGY_CODE ",
        "读数类型（必填）",
        "单位",
        "额定功率(kW)",
    ]
    positions, unknown = METERS.match(header, "meters.csv")
    assert positions == {"meter_code": 1, "name": 2, "energy_code": 3, "reading_kind": 4, "unit": 5}
    assert unknown == ["序号", "额定功率(kW)"]


def test_two_headers_for_one_column_are_refused_unless_one_is_the_contracts_own() -> None:
    required = ["name", "energy_code", "reading_kind", "unit"]
    positions, _ = METERS.match([*required, "管理编号", "meter_code"], "meters.csv")
    assert positions["meter_code"] == 5
    with pytest.raises(FileRefused) as caught:
        METERS.match([*required, "管理编号", "仪表编号"], "meters.csv")
    assert caught.value.reason is Reason.DUPLICATE_COLUMN


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_no_header_can_mean_two_columns_of_a_table(table) -> None:  # type: ignore[no-untyped-def]
    seen: dict[str, str] = {}
    for column in table.columns:
        for spelling in (column.name, *column.aliases):
            assert seen.setdefault(spelling, column.name) == column.name
    for column in table.columns:
        spellings = [one for name, names in column.choices.items() for one in {name, *names}]
        assert len(spellings) == len(set(spellings)), column.name


def test_every_reason_has_a_sentence() -> None:
    assert set(TEXTS) == set(Reason)
