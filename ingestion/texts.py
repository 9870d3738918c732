"""Cell text as plants write it, made comparable: full-width forms, odd spaces, thousands separators."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

CODE = r"^[A-Za-z0-9_.\-]{1,64}$"
"""Syntax of every code of a package (contract §1)."""

NUMBER = r"^[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?$"
"""A decimal number as text, without thousands separators; PostgreSQL's numeric reads it exactly."""

GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
"""A number with thousands separators; '1,5' is not one, so a decimal comma is never read as 15."""

LARGEST = Decimal("1e30")
"""Numbers from here on are refused: no meter, bill or stock is that large, a broken export is."""

_DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "﹣": "-", "：": ":", "\x00": "", "\ufeff": ""})
_CODE = re.compile(CODE)
_NUMBER = re.compile(NUMBER)
_GROUPED = re.compile(GROUPED)
_EMPTY_MARKS = {"", "-", "--", "---", "/", "无", "n/a", "na", "null", "none"}


def normalise(value: str) -> str:
    """Text with full-width digits and punctuation made half-width and outer spaces removed."""
    if value.isascii():
        return value.strip(" \t\r\n\x00")
    return unicodedata.normalize("NFKC", value).translate(_DASHES).strip()


def clean(value: str) -> str:
    """Free text as it stands, without outer spaces, byte-order marks and NUL (which PostgreSQL refuses)."""
    return value.replace("\x00", "").strip().strip("\ufeff").strip()


def is_code(value: str) -> bool:
    """True when the text is a valid code."""
    return _CODE.fullmatch(value) is not None


def is_empty_mark(value: str) -> bool:
    """True for what people write into optional cells that have no value: '-', '/', '无' …"""
    return normalise(value).lower() in _EMPTY_MARKS


def number(value: str) -> Decimal | None:
    """The exact decimal of a cell, or None when it is not a finite number of sane size."""
    plain = normalise(value)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        return None
    result = Decimal(plain)
    return result if abs(result) < LARGEST else None
