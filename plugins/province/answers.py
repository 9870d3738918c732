"""Bodies that come from outside, read so that none of them can do harm, and what is written of them into the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

DEEPEST = 32
LONGEST_NUMBER = 60
LONGEST_MESSAGE = 500
LARGEST_EXPONENT = 60
CHARSETS = {"gbk", "gb2312", "gb18030"}
HIDDEN = "***"

_HIDDEN_MEMBERS = "secretkey|token|password|authorization|license"
_SECRET_MEMBER = re.compile(
    rf'("(?:{_HIDDEN_MEMBERS})"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^"\s,}}\]][^,}}\]]*)', re.IGNORECASE
)
_BEARER = re.compile(r"(Bearer\s+)[^\s\",]+", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class WrongShapeError(ValueError):
    """A body that is not what it should be: nobody knows what the platform did."""


def parsed(body: bytes, charset: str | None = None) -> tuple[dict[str, Any], str]:
    """The object of a JSON body, numbers with a point as Decimal, and its text; raises WrongShapeError."""
    encoding = charset.lower() if charset and charset.lower() in CHARSETS else "utf-8-sig"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise WrongShapeError("应答不是 UTF-8 文本") from error
    try:
        found = json.loads(text, parse_float=_decimal, parse_int=_whole, parse_constant=_constant)
    except WrongShapeError:
        raise
    except (ValueError, RecursionError) as error:
        raise WrongShapeError("应答不是 JSON") from error
    if not isinstance(found, dict):
        raise WrongShapeError("应答不是 JSON 对象")
    _refuse_monsters(found)
    return found, text


def _constant(name: str) -> Any:
    raise WrongShapeError(f"应答中有 {name}")


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise WrongShapeError("应答中有过长的数字")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise WrongShapeError("应答中有过长的数字")
    try:
        number = Decimal(text)
    except ArithmeticError as error:  # an exponent beyond all that Decimal holds
        raise WrongShapeError("应答中有过大或过小的数字") from error
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise WrongShapeError("应答中有过大或过小的数字")
    return number


def _refuse_monsters(found: Any) -> None:
    """Refuse what is nested too deep, and texts that PostgreSQL cannot hold."""
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if _UNSTORABLE.search(value):
                    raise WrongShapeError("应答中有不可存储的字符")
            elif isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise WrongShapeError(f"应答嵌套超过 {DEEPEST} 层")


def text_of(answer: Mapping[str, Any], name: str) -> str | None:
    """A member that is a text or a whole number, as text; None where it is absent, null or empty.

    Raises WrongShapeError for any other type.
    """
    value = answer.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongShapeError(f"应答的 {name} 类型不对")
    return str(value).strip() or None


def object_of(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object; raises WrongShapeError."""
    value = answer.get(name)
    if not isinstance(value, dict):
        raise WrongShapeError(f"应答没有 {name} 对象")
    return value


def codes_of(rows: Any, name: str) -> list[dict[str, Any]]:
    """The rows of a dictionary: each with a code, its other members texts, numbers or booleans."""
    if not isinstance(rows, list):
        raise WrongShapeError(f"字典 {name} 不是数组")
    found = []
    for row in rows:
        if not isinstance(row, dict):
            raise WrongShapeError(f"字典 {name} 中有不是对象的项")
        code = text_of(row, "code")
        if code is None or len(code) > 100:
            raise WrongShapeError(f"字典 {name} 中有缺编码的项")
        details = {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
        if any(isinstance(value, dict | list) for value in details.values()):
            raise WrongShapeError(f"字典 {name} 的项 {code} 中有嵌套")
        found.append({**details, "code": code, "name": text_of(row, "name")})
    return found


def message_of(value: str | None) -> str | None:
    """A text of the platform, cut to what a log and a page can show."""
    return None if value is None else _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)[:LONGEST_MESSAGE]


def masked(text: str, secrets: Iterable[str], longest: int) -> str:
    """A body for the log: secrets hidden, cut to ``longest`` characters, storable."""
    cut = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[: longest * 2])
    cut = _SECRET_MEMBER.sub(rf'\1"{HIDDEN}"', cut)
    cut = _BEARER.sub(rf"\1{HIDDEN}", cut)
    for secret in sorted(secrets, key=len, reverse=True):
        cut = cut.replace(secret, HIDDEN)
    return cut[:longest]
