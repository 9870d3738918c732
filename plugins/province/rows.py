"""Rows of the outbox in the texts that go over the wire. Nothing passes through a float."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from plugins.province.codes import ItemCodeError, hyphenated, plain
from plugins.province.profiles import Row
from plugins.province.settings import Settings

DECIMALS = 10
DIGITS = 22
"""Before the point, of Decimal(32, 10)."""
STAMP = "%Y-%m-%d %H:%M:%S"

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_VALID = {"digit": ("0", "1"), "flipped": ("1", "0"), "boolean": ("true", "false")}


class RowError(ValueError):
    """A row that cannot be sent as it is; the message says why, in Chinese."""


def decimal_text(value: Decimal, longest: int | None = None) -> str:
    """A value with at most ten decimals, without exponent and idle zeros; fewer decimals where it has to be short.

    Raises RowError for what is no finite number of that size.
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        raise RowError("数值不是有限的十进制数")
    if value and value.adjusted() >= DIGITS:
        raise RowError(f"数值超出 Decimal(32,10)：整数部分多于 {DIGITS} 位")
    text = _rounded(value, DECIMALS)
    if longest is not None and len(text) > longest:
        whole = len(text.partition(".")[0])
        text = _rounded(value, max(0, longest - whole - 1))
        if len(text) > longest:
            raise RowError(f"数值写出来多于 {longest} 个字符")
    return text


def _rounded(value: Decimal, decimals: int) -> str:
    text = format(_EXACT.quantize(value, Decimal(1).scaleb(-decimals)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Writer:
    """Writes rows as a profile's settings want them."""

    def __init__(self, settings: Settings) -> None:
        """``value_length`` is optional among the settings."""
        self.code = plain if settings.text("code_form") == "plain" else hyphenated
        self._valid = _VALID[settings.text("valid")]
        self.is_boolean = settings.text("valid") == "boolean"
        self._zone = settings.offset("utc_offset")
        longest = settings.values.get("value_length")
        self._longest = int(longest) if longest else None

    def upload_date(self, uploaded_at: datetime) -> str:
        """The stamp of a sending, by the platform's clock."""
        return uploaded_at.astimezone(self._zone).strftime(STAMP)

    def members(self, row: Row, upload_date: str) -> dict[str, str]:
        """The eight members of a row, all of them texts; raises RowError."""
        if row.stat_date.tzinfo is not None:
            raise RowError("统计时间应为当地时间，不带时区")
        try:
            code = self.code(row.data_code)
        except ItemCodeError as error:
            raise RowError(str(error)) from error
        return {
            "dataCode": code,
            "dataValue": decimal_text(row.value, self._longest),
            "inputType": str(row.input_type),
            "statType": str(row.stat_type),
            "statDate": row.stat_date.strftime(STAMP),
            "uploadDate": upload_date,
            "scope": str(row.scope),
            "valid": self._valid[0 if row.is_valid else 1],
        }

    def batch(self, rows: Sequence[Row], uploaded_at: datetime) -> tuple[list[dict[str, str]], dict[int, str]]:
        """The members of every row, or the reasons by the places of those that cannot be sent."""
        written, faults = [], {}
        upload_date = self.upload_date(uploaded_at)
        for index, row in enumerate(rows):
            try:
                written.append(self.members(row, upload_date))
            except RowError as error:
                faults[index] = str(error)
        return written, faults
