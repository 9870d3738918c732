"""Ledgers as workbooks, cell by cell: what is written is read back, and no cell can begin a formula."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.declarations import Column, Kind, Table, find_table
from ingestion.ledgers import forms
from ingestion.ledgers.enterprise import FIELDS, field_name
from ingestion.ledgers.resources import ALL
from ingestion.sources.spreadsheet import cell_text
from ingestion.values import parse

SHANGHAI = ZoneInfo("Asia/Shanghai")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
@example("'=1")
@example("''")
@example("_x000D_")
@example("_x005F_x000D_")
@example("=_x0041_\r")
def test_any_text_comes_back_as_it_was_and_begins_no_formula(text: str) -> None:
    written = forms.escape(text)
    assert forms.unescape(written) == text
    assert not written.startswith(tuple("=+-@#\t\r\n＝＋－＠"))
    assert not set(written) & set(map(chr, [*range(9), *range(11, 32)]))


@pytest.mark.parametrize("text", ["总降", "O'Neil", "3×220 V", "a'=b", "'引"])
def test_a_text_that_somebody_typed_is_read_as_typed(text: str) -> None:
    assert forms.unescape(text) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20))
def test_a_number_is_exact_whichever_way_it_is_written(number: Decimal) -> None:
    written = forms.cell(Column("x", Kind.DECIMAL), format(number, "f"))
    read = parse(Column("x", Kind.DECIMAL), forms.unescape(cell_text(written)), SHANGHAI)
    assert read is not None
    assert Decimal(read) == number


def test_days_that_workbooks_miscount_are_texts() -> None:
    column = Column("x", Kind.DATE)
    assert forms.cell(column, "2026-01-05") == date(2026, 1, 5)
    assert forms.cell(column, "1900-02-28") == "1900-02-28"


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_titles_and_words_are_understood_on_the_way_back(table: Table) -> None:
    titles = [forms.header(table, column) for column in table.columns]
    positions, unknown = table.match(titles, "x")
    assert ({name: titles[place] for name, place in positions.items()}, unknown) == (
        {column.name: title for column, title in zip(table.columns, titles, strict=True)},
        [],
    )
    for column in table.columns:
        for value, word in forms.words(column).items():
            assert parse(column, word, SHANGHAI) == value
    assert find_table(ALL, table.label) is table
    assert len(table.label) <= 31  # the longest title of a sheet


def test_fields_of_the_enterprise_are_found_by_their_titles() -> None:
    site = ALL[0]
    for name in FIELDS:
        title = forms.header(site, Column(name))
        assert not site.recognised([title])
        assert field_name(title) == name


@pytest.mark.parametrize("name", forms.FORMS)
def test_a_statutory_table_has_columns_that_exist_once(name: str) -> None:
    table = next(one for one in ALL if one.name == name)
    title, first, others = forms.layout(table, list(table.columns))
    assert title.startswith("表A.")
    assert sorted(column.name for column in (*first, *others)) == sorted(column.name for column in table.columns)
