"""Instants as plants write them, turned into UTC in bulk.

Local times without an offset are in the site's timezone. A local time that a change to or from
daylight saving makes ambiguous or impossible is a fault, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.reasons import Reason

SECOND = 1_000_000
"""Stamps are kept as microseconds since 1970-01-01 UTC, as PostgreSQL does."""

DAY = 86_400 * SECOND
EARLIEST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * SECOND
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""A stamp outside 1990–2100 is a broken clock; each month of it would make a partition."""

ALLOWED = "1990 年至 2099 年"

OK, BAD, AMBIGUOUS, NONEXISTENT, FAR = range(5)
FAULTS = {
    BAD: Reason.NOT_A_TIMESTAMP,
    AMBIGUOUS: Reason.AMBIGUOUS_TIMESTAMP,
    NONEXISTENT: Reason.NONEXISTENT_TIMESTAMP,
    FAR: Reason.OUT_OF_RANGE,
}

_ZONE = r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
_STRICT_LOCAL = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"
_STRICT_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})$"
_GENERAL = (
    r"^(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
    r"(?:[ T]*(?P<hour>\d{1,2})[:时点]"
    r"(?:(?P<minute>\d{1,2})(?:分|[:分](?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?秒?)?)?)?"
    r" *" + _ZONE + "$"
)
_COMPACT = (
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[ T]?(?P<hour>\d{2}):?(?P<minute>\d{2}):?(?P<second>\d{2})?(?:[.](?P<part>\d{1,9}))?)?" + _ZONE + "$"
)
_SERIAL = r"^[2-7]\d{4}(\.\d+)?$"
"""Excel's count of days since 1899-12-30: five digits are the years 1954 to 2118."""

_EXCEL_ZERO = int(np.datetime64("1899-12-30", "us").astype(np.int64))


@dataclass(frozen=True)
class Stamps:
    """Parsed instants: microseconds UTC, and per element OK or the kind of fault."""

    utc: np.ndarray
    fault: np.ndarray


def parse(texts: pa.Array, timezone: ZoneInfo) -> Stamps:
    """Parse an array of strings; where ``fault`` is not OK the instant means nothing."""
    count = len(texts)
    instants = np.zeros(count, dtype=np.int64)
    is_local = np.ones(count, dtype=bool)
    fault = np.full(count, BAD, dtype=np.int8)
    todo = np.arange(count)
    todo = _by_cast(texts, todo, _STRICT_LOCAL, None, instants, is_local, fault)
    todo = _by_cast(texts, todo, _STRICT_ZONED, "UTC", instants, is_local, fault)
    if len(todo):
        plain = pc.utf8_trim_whitespace(pc.utf8_normalize(texts.take(pa.array(todo)), form="NFKC"))
        for pattern in (_GENERAL, _COMPACT):
            matched = _mask(pc.match_substring_regex(plain, pattern))
            if matched.any():
                _by_parts(plain.filter(pa.array(matched)), pattern, todo[matched], instants, is_local, fault)
            todo, plain = todo[~matched], plain.filter(pa.array(~matched))
        matched = _mask(pc.match_substring_regex(plain, _SERIAL))
        days = plain.filter(pa.array(matched)).cast(pa.float64()).to_numpy()
        # A day count as a double is good to a few microseconds; clocks in workbooks show seconds.
        instants[todo[matched]] = np.round(days * 86_400_000).astype(np.int64) * 1000 + _EXCEL_ZERO
        fault[todo[matched]] = OK
    _localise(instants, is_local, fault, timezone)
    good = fault == OK
    fault[good & ((instants < EARLIEST) | (instants >= LATEST))] = FAR
    return Stamps(instants, fault)


def written(utc: np.ndarray) -> pa.Array:
    """Instants (microseconds UTC) as text for COPY."""
    return pc.binary_join_element_wise(pa.array(utc).cast(pa.timestamp("us")).cast(pa.string()), "+00", "")


def _mask(values: pa.Array) -> np.ndarray:
    return values.fill_null(False).to_numpy(zero_copy_only=False)


def _by_cast(
    texts: pa.Array,
    todo: np.ndarray,
    pattern: str,
    zone: str | None,
    instants: np.ndarray,
    is_local: np.ndarray,
    fault: np.ndarray,
) -> np.ndarray:
    """Arrow's own parser, for columns that are strictly ISO 8601; returns what it could not do."""
    if not len(todo):
        return todo
    part = texts if len(todo) == len(texts) else texts.take(pa.array(todo))
    matched = _mask(pc.match_substring_regex(part, pattern))
    if not matched.any():
        return todo
    try:
        cast = part.filter(pa.array(matched)).cast(pa.timestamp("us", zone))
    except pa.ArrowInvalid:  # 24:00, the 30th of February …: the general way tells them apart
        return todo
    done = todo[matched]
    instants[done] = cast.cast(pa.int64()).to_numpy()
    is_local[done] = zone is None
    fault[done] = OK
    return todo[~matched]


def _by_parts(
    texts: pa.Array,
    pattern: str,
    places: np.ndarray,
    instants: np.ndarray,
    is_local: np.ndarray,
    fault: np.ndarray,
) -> None:
    """Year to fraction and offset by regular expression; 24:00 is 00:00 of the next day."""
    parts = pc.extract_regex(texts, pattern)

    def whole(name: str, default: str = "0") -> np.ndarray:
        values = parts.field(name)
        filled = pc.if_else(pc.equal(values, ""), default, values)
        return filled.cast(pa.int64()).to_numpy()

    year, month, day = whole("year"), whole("month"), whole("day")
    hour, minute, second = whole("hour"), whole("minute"), whole("second")
    good = (year >= 1) & (month >= 1) & (month <= 12)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    good &= (day >= 1) & (day <= length)
    good &= ((hour < 24) & (minute < 60) & (second < 60)) | ((hour == 24) & (minute == 0) & (second == 0))
    fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(parts.field("part"), 6, "0"), 0, 6)
    micro = fraction.cast(pa.int64()).to_numpy()
    local = first.astype(np.int64) * DAY + (day - 1) * DAY
    local = local + ((hour * 60 + minute) * 60 + second) * SECOND + micro

    zone = pc.replace_substring(parts.field("zone"), ":", "")
    is_utc = np.isin(zone.to_numpy(zero_copy_only=False), ("Z", "z"))
    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(pc.if_else(pa.array(is_utc), "+0000", zone), 1, 5), 4, "0")
    offset_hours = pc.utf8_slice_codeunits(digits, 0, 2).cast(pa.int64()).to_numpy()
    offset_minutes = pc.utf8_slice_codeunits(digits, 2, 4).cast(pa.int64()).to_numpy()
    good &= (offset_hours <= 15) & (offset_minutes < 60)
    sign = np.where(_mask(pc.starts_with(zone, "-")), -1, 1)
    local = local - sign * (offset_hours * 60 + offset_minutes) * 60 * SECOND

    instants[places] = local
    is_local[places] = _mask(pc.equal(zone, ""))
    fault[places] = np.where(good, OK, BAD)


def _localise(instants: np.ndarray, is_local: np.ndarray, fault: np.ndarray, timezone: ZoneInfo) -> None:
    """Turn local microseconds into UTC in place; each stretch of one offset is done at once."""
    places = np.flatnonzero(is_local & (fault == OK))
    if not len(places):
        return
    local = instants[places]
    sane = (local >= EARLIEST - DAY) & (local < LATEST + DAY)
    fault[places[~sane]] = FAR
    places, local = places[sane], local[sane]
    if not len(places):
        return
    result = np.zeros(len(local), dtype=np.int64)
    hits = np.zeros(len(local), dtype=np.int8)
    for start, end, offset in _stretches(timezone, int(local.min()) - 2 * DAY, int(local.max()) + 2 * DAY):
        candidate = local - offset
        inside = (candidate >= start) & (candidate < end)
        result[inside] = candidate[inside]
        hits += inside
    instants[places] = result
    fault[places[hits == 0]] = NONEXISTENT
    fault[places[hits > 1]] = AMBIGUOUS


def _stretches(timezone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """Spans [start, end) of UTC microseconds with one offset (microseconds east of UTC) each."""

    def offset(instant: int) -> int:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
        return int((moment.astimezone(timezone).utcoffset() or timedelta()) / timedelta(microseconds=1))

    start, end = start // SECOND * SECOND, (end // SECOND + 1) * SECOND
    spans = []
    span_start, current, known = start, offset(start), start
    while known < end:
        ahead = min(known + 10 * DAY, end)
        if offset(ahead) == current:
            known = ahead
            continue
        low, high = known, ahead
        while high - low > SECOND:
            middle = (low + high) // 2 // SECOND * SECOND
            low, high = (middle, high) if offset(middle) == current else (low, middle)
        spans.append((span_start, high, current))
        span_start, current, known = high, offset(high), high
    spans.append((span_start, end, current))
    return spans
