"""One cell of a ledger or ERP table turned into what the database stores, by the column's type.

Values are returned as text in the database's own notation (decimals exactly as written), dates
and times in ISO form, so that nothing passes through a float.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingestion import stamps
from ingestion.declarations import Column, Kind
from ingestion.reasons import Reason, text
from ingestion.texts import clean, is_code, is_empty_mark, normalise, number

TRUE = {"是", "y", "yes", "true", "1", "有", "√", "t"}
FALSE = {"否", "n", "no", "false", "0", "无", "×", "f"}

_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]+0{1,2}:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"  # midnight, as workbooks show dates
)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"[2-7]\d{4}(\.0+)?")
_TIME = re.compile(r"(\d{1,2})[:时](\d{1,2})?(?:分|:(\d{1,2})(?:\.0+)?)?")
_BETWEEN = re.compile(r"[,;、\s]+")
_FRACTION = re.compile(r"(0?\.\d+|0|1)(\.0+)?")


class CellError(Exception):
    """A cell that cannot be used; ``reason`` is the code, the message is the Chinese sentence."""

    def __init__(self, reason: Reason, **facts: object) -> None:
        self.reason = reason
        super().__init__(text(reason, **facts))


def parse(column: Column, cell: str, timezone: ZoneInfo) -> str | None:
    """The stored text of a cell, the column's default for an empty one; raises CellError."""
    plain = clean(cell)
    may_be_marked = not column.required and column.kind not in (Kind.TEXT, Kind.CODE, Kind.BOOLEAN)
    if not plain or (may_be_marked and is_empty_mark(plain)):
        if column.required:
            raise CellError(Reason.MISSING_VALUE, column=column.name)
        return column.default
    if column.spelling is not None and column.misspelled is not None:
        spelled = column.spelling(plain)
        if spelled is None:
            raise CellError(column.misspelled, column=column.name, value=cell)
        return spelled
    if column.kind is Kind.TEXT:
        return plain
    if column.kind is Kind.TIMESTAMP:
        return _timestamp(column, plain, timezone)
    return _PARSERS[column.kind](column, plain)


def _code(column: Column, cell: str) -> str:
    plain = normalise(cell)
    if not is_code(plain):
        raise CellError(Reason.BAD_CODE, column=column.name, value=cell)
    return plain


def _codes(column: Column, cell: str) -> str:
    several = [_code(column, part) for part in _BETWEEN.split(normalise(cell)) if part]
    return ",".join(dict.fromkeys(several))


def _decimal(column: Column, cell: str) -> str:
    value = number(cell)
    if value is None:
        raise CellError(Reason.NOT_A_NUMBER, column=column.name, value=cell)
    _check_bounds(column, value, cell)
    return format(value, "f")


def _integer(column: Column, cell: str) -> str:
    value = number(cell)
    if value is None or value != value.to_integral_value():
        raise CellError(Reason.NOT_AN_INTEGER, column=column.name, value=cell)
    _check_bounds(column, value, cell)
    return str(int(value))


def _check_bounds(column: Column, value: Decimal, cell: str) -> None:
    is_out = (
        (column.above is not None and value <= column.above)
        or (column.minimum is not None and value < column.minimum)
        or (column.maximum is not None and value > column.maximum)
    )
    if is_out:
        raise CellError(Reason.OUT_OF_RANGE, column=column.name, value=cell, allowed=column.allowed)


def _date(column: Column, cell: str) -> str:
    plain = normalise(cell)
    try:
        if match := _DATE.fullmatch(plain) or _COMPACT_DATE.fullmatch(plain):
            value = date(*(int(part) for part in match.groups()[:3]))
        elif _SERIAL.fullmatch(plain):
            value = date(1899, 12, 30) + timedelta(days=int(float(plain)))
        else:
            raise ValueError(plain)
    except ValueError:
        raise CellError(Reason.NOT_A_DATE, column=column.name, value=cell) from None
    return value.isoformat()


def _time(column: Column, cell: str) -> str:
    plain = normalise(cell)
    try:
        if match := _TIME.fullmatch(plain):
            hour, minute, second = (int(part or 0) for part in match.groups())
            if (hour, minute, second) == (24, 0, 0):
                hour = 0
            return time(hour, minute, second).isoformat()
        if _FRACTION.fullmatch(plain):  # a time cell of a workbook: a part of a day
            minutes = round(float(plain) * 86_400)
            return time(minutes // 3600 % 24, minutes // 60 % 60, minutes % 60).isoformat()
    except ValueError:
        pass
    raise CellError(Reason.NOT_A_TIME, column=column.name, value=cell)


def _choice(column: Column, cell: str) -> str:
    chosen = column.choose(cell)
    if chosen is None:
        plain = normalise(cell)  # '1.0' from a workbook is level 1
        chosen = column.choose(plain[:-2]) if plain.endswith(".0") else None
    if chosen is None:
        raise CellError(Reason.UNKNOWN_CHOICE, column=column.name, value=cell, allowed=column.allowed)
    return chosen


def _boolean(column: Column, cell: str) -> str | None:
    plain = normalise(cell).lower()
    if plain in TRUE:
        return "true"
    if plain in FALSE:
        return "false"
    if is_empty_mark(plain):
        return column.default
    raise CellError(Reason.NOT_A_BOOLEAN, column=column.name, value=cell)


def _timestamp(column: Column, cell: str, timezone: ZoneInfo) -> str:
    parsed = stamps.parse(pa.array([cell]), timezone)
    fault = int(parsed.fault[0])
    if fault != stamps.OK:
        facts = {"column": column.name, "value": cell, "timezone": timezone.key, "allowed": stamps.ALLOWED}
        raise CellError(stamps.FAULTS[fault], **facts)
    return f"{parsed.utc.astype('datetime64[us]')[0]}+00"


_PARSERS = {
    Kind.CODE: _code,
    Kind.CODES: _codes,
    Kind.DECIMAL: _decimal,
    Kind.INTEGER: _integer,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.CHOICE: _choice,
    Kind.BOOLEAN: _boolean,
}
