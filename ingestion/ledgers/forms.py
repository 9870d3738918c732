"""How a ledger looks as a workbook: its title, the columns of the statutory table first, words in place of codes.

DB53/T 1026-2021 gives 表A.1 (meters, 22 columns), 表A.2 (persons) and 表A.3 (equipment). The columns are the
contract's; that they stand in the standard's order is unverified, for the order here follows the metering
upload of the national platform, which asks for the same 22.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ingestion.declarations import Column, Kind, Table
from ingestion.ledgers.enterprise import FIELDS, field_name

VERSION_TITLE = "台账版本"
"""Header of the column by which a workbook that comes back is held against what changed meanwhile."""

LONGEST_CELL = 32_767
"""Characters that a cell of a workbook can hold."""

FIRST_DATE = date(1900, 3, 1)
"""Before that workbooks count days wrongly (they know a 29 February 1900), so dates are written as text."""


class WorkbookError(ValueError):
    """A ledger can't be written as a workbook; the message is Chinese."""


@dataclass(frozen=True)
class Form:
    """A statutory table: its title, and its columns in order."""

    title: str
    columns: tuple[str, ...]


FORMS = {
    "meters": Form(
        "表A.1 能源计量器具一览表",
        ("name", "jjf1051_code", "level", "grade", "parameter", "manufacturer", "model", "accuracy_class", "range",
         "meter_code", "calibration_state", "calibration_cycle_months", "last_calibrated_on", "next_calibration_on",
         "calibration_org", "uncalibrated_reason", "location", "installer", "installed_on", "connected_system",
         "status", "status_since"),
    ),
    "persons": Form(
        "表A.2 能源计量人员一览表",
        ("person_code", "name", "gender", "department", "position", "title", "education", "school", "certificate",
         "certificate_no", "certificate_valid_to", "training", "trainer", "phone", "email", "remark"),
    ),
    "equipment": Form(
        "表A.3 主要用能设备一览表",
        ("equipment_code", "name", "org_code", "model", "location", "category", "energy_code", "rated_power_kw",
         "is_special", "auxiliary_model", "auxiliary_power_kw", "manufacturer", "commissioned_on", "efficiency_grade",
         "remark"),
    ),
}  # fmt: skip


def layout(table: Table, columns: Sequence[Column]) -> tuple[str, list[Column], list[Column]]:
    """Title, columns of the statutory table, and the others; a ledger that no standard draws has only others."""
    form = FORMS.get(table.name)
    if form is None:
        return f"{table.label}台账", [], list(columns)
    first = [table.column(name) for name in form.columns]
    return form.title, first, [column for column in columns if column not in first]


def header(table: Table, column: Column) -> str:
    """The column's title, by which a workbook that comes back is read: Chinese where that names it and no other."""
    if column in table.columns:
        return column.label
    titles = [title for title in FIELDS.get(column.name, ()) if not table.recognised([title])]
    return next((title for title in titles if field_name(title) == column.name), column.name)


def words(column: Column) -> dict[str, str]:
    """What stands in a cell for each value of a choice or a yes-or-no."""
    if column.kind is Kind.BOOLEAN:
        return {"true": "是", "false": "否"}
    return {value: names[0] if names else value for value, names in column.choices.items()}


def cell(column: Column, value: str | None) -> str | int | float | date | None:
    """A value as a cell: numbers where a double holds them exactly, days as days, choices in words, texts escaped."""
    if value is None or value == "":
        return None
    if column.kind in (Kind.DECIMAL, Kind.INTEGER):
        number = Decimal(value)
        if number == number.to_integral_value() and abs(number) < 10**15:
            return int(number)
        return float(number) if Decimal(repr(float(number))) == number else escape(value)
    if column.kind is Kind.DATE:
        day = date.fromisoformat(value)
        return day if day >= FIRST_DATE else value
    if column.kind in (Kind.CHOICE, Kind.BOOLEAN):
        return words(column).get(value, value)
    return escape(value)


_ACTIVE = tuple("=+-@#'\t\r\n＝＋－＠")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_SHOWN = re.compile("_x([0-9A-Fa-f]{4})_")


def escape(text: str) -> str:
    """Text that no program takes for a formula: one apostrophe before what could begin one (and before an
    apostrophe, so that ``unescape`` gives the text back); signs that XML can't hold in OOXML's own notation."""
    safe = _HIDDEN.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    safe = f"'{safe}" if text.startswith(_ACTIVE) else safe
    if len(safe) > LONGEST_CELL:
        raise WorkbookError(f"“{text[:20]}…”有 {len(text)} 个字符，超过单元格的上限 {LONGEST_CELL}，不能导出。")
    return safe


def unescape(text: str) -> str:
    """The opposite of ``escape``; other text stays as it is."""
    plain = _SHOWN.sub(lambda match: chr(int(match[1], 16)), text)
    return plain[1:] if plain.startswith("'") and plain[1:].startswith(_ACTIVE) else plain


def in_chinese(table: Table, column: str | None, text: str) -> str:
    """The sentence of a refusal with its column called as forms and workbooks call it."""
    known = next((one for one in table.columns if one.name == column), None)
    return text if known is None else text.replace(known.name, f"“{known.label}”", 1)
