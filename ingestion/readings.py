"""What a reading is, its checks, and its form for COPY. All in columns, nothing row by row.

A row lands when it can be understood: a code, an instant, a finite number, a known quality, a
revision. Whether it *counts* (unknown meter, dispute, outlier, future …) is judged in dbt, on the
whole set of readings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import stamps
from ingestion.declarations import Column, Kind, Table
from ingestion.readings_spool import Run
from ingestion.reasons import Reason, text
from ingestion.rejections import Rejection, row_json
from ingestion.sources.csv import Block
from ingestion.texts import CODE, GROUPED, NUMBER

QUALITIES = {
    "good": ("正常", "好", "有效", "合格", "ok"),
    "bad": ("坏", "异常", "无效", "故障", "坏值"),
    "manual": ("人工", "手工", "补录", "人工录入", "手工录入"),
    "estimated": ("估计", "估算", "推算", "估计值"),
}

READINGS = Table(
    "readings",
    "读数",
    "readings",
    aliases=("reading", "抄表数据", "采集数据", "计量数据", "表计读数"),
    columns=(
        Column(
            "meter_code",
            Kind.CODE,
            required=True,
            aliases=("管理编号", "器具编号", "仪表编号", "表计编号", "表号", "计量点编码"),
        ),
        Column(
            "read_at",
            Kind.TIMESTAMP,
            required=True,
            aliases=("时间", "读数时间", "抄表时间", "采集时间", "时间戳", "timestamp", "time"),
        ),
        Column("value", Kind.DECIMAL, required=True, aliases=("读数", "示数", "表底", "数值", "值", "采集值")),
        Column(
            "quality",
            Kind.CHOICE,
            aliases=("质量", "质量码", "数据质量", "状态"),
            choices=QUALITIES,
            default="good",
        ),
        Column("revision", Kind.INTEGER, aliases=("修订", "版本", "修订号", "修订次数"), default="0"),
    ),
)

COPY_COLUMNS = ("meter_code", "read_at", "value", "quality", "revision", "line", "site_code", "batch_id")
"""Order of the fields of a line for COPY."""

DAY_US = 86_400_000_000

_REVISION = r"^\d{1,9}(\.0+)?$"
_MISSING, _CODE, _NUMBER, _RANGE, _CHOICE, _INTEGER, _EDGE = range(10, 17)
_REASONS: dict[int, tuple[Reason, str]] = {
    _CODE: (Reason.BAD_CODE, ""),
    _NUMBER: (Reason.NOT_A_NUMBER, ""),
    _RANGE: (Reason.OUT_OF_RANGE, "绝对值小于 1e30"),
    _CHOICE: (Reason.UNKNOWN_CHOICE, READINGS.column("quality").allowed),
    _INTEGER: (Reason.OUT_OF_RANGE, "0 至 999999999 的整数"),
    _EDGE: (Reason.BEFORE_RETENTION_EDGE, ""),
}


@dataclass
class Parsed:
    """What a block became: lines for COPY (all but the tail), refused rows, months touched."""

    lines: list[memoryview] = field(default_factory=list)
    """By meter and time."""
    runs: list[Run] = field(default_factory=list)
    """What the lines are of, in their order."""
    landed: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    first: int | None = None
    last: int | None = None
    months: set[str] = field(default_factory=set)
    """First days (ISO) of the UTC months the landed rows belong to."""
    days: pa.Table | None = None
    """Of the landed rows, as days_of gives them."""


def parse(
    block: Block,
    positions: dict[str, int],
    header: list[str],
    timezone: ZoneInfo,
    tail: str,
    edge: int | None = None,
) -> Parsed:
    """Check a block and write its good rows as CSV lines ending in ``tail`` (site and batch).

    ``edge`` is the retention edge (microseconds UTC), None while there is none: older rows are refused.
    """
    columns = _columns(block, positions)
    keep = _not_empty(block.columns)
    lines = block.lines
    if not keep.all():
        columns = {name: column.filter(pa.array(keep)) for name, column in columns.items()}
        lines = lines[keep]
    fault = np.zeros(len(lines), dtype=np.int8)
    place = np.zeros(len(lines), dtype=np.int8)

    meters, meter_fault = _coded(columns["meter_code"], _codes)
    instants, instant_text, stamp_fault = _instants(columns["read_at"], timezone)
    if edge is not None:
        stamp_fault = np.where((stamp_fault == 0) & (instants < edge), _EDGE, stamp_fault).astype(np.int8)
    values, value_fault = _values(columns["value"])
    parts = [meters, instant_text, values]
    faults = [meter_fault, stamp_fault, value_fault]
    for name, read, default in (("quality", _qualities, "good"), ("revision", _revisions, "0")):
        if name in columns:
            values_of, fault_of = _coded(columns[name], read)
            parts.append(values_of)
            faults.append(fault_of)
        else:
            parts.append(pa.scalar(default, pa.string()))
            faults.append(np.zeros(len(lines), dtype=np.int8))
    for order, found in enumerate(faults):
        place = np.where((fault == 0) & (found != 0), order, place)
        fault = np.where(fault == 0, found, fault)

    result = Parsed()
    _note_ragged(block, header, result)
    bad = np.flatnonzero(fault)
    if len(bad):
        _note_refused(block.columns.filter(pa.array(keep)), header, lines, fault, place, bad, timezone, result, edge)
    good = fault == 0
    result.landed = int(good.sum())
    if result.landed:
        parts.append(pa.array(lines).cast(pa.string()))
        order = _by_meter(meters, instants, good)
        parts = [part.take(order) if isinstance(part, pa.Array) else part for part in parts]
        instants = instants[order.to_numpy()]
        result.days = days_of(parts[0], instants)
        result.lines, result.runs = _joined(parts, tail, instants.astype("datetime64[us]").astype("datetime64[M]"))
        result.first, result.last = int(instants.min()), int(instants.max())
        result.months = {run.month for run in result.runs}
    return result


def days_of(meters: pa.Array, instants: np.ndarray) -> pa.Table:
    """One row per meter and day (UTC) that readings are of.

    meter_code, day (days since 1970), first_us and last_us (microseconds UTC), readings (how many).
    """
    every = {"meter_code": meters, "day": instants // DAY_US, "first_us": instants, "last_us": instants}
    return merged_days([pa.table(every | {"readings": np.ones(len(instants), dtype=np.int64)})])


def merged_days(days: Sequence[pa.Table]) -> pa.Table:
    """The days of several blocks of one file, each once."""
    grouped = pa.concat_tables(days).group_by(["meter_code", "day"])
    found = grouped.aggregate([("first_us", "min"), ("last_us", "max"), ("readings", "sum")])
    return found.rename_columns({"first_us_min": "first_us", "last_us_max": "last_us", "readings_sum": "readings"})


def _by_meter(meters: pa.Array, instants: np.ndarray, good: np.ndarray) -> pa.Array:
    """Places of the good rows, by meter and time.

    Meters come in the order of their codes, which is the index's; see ingestion.readings_spool for what it is good for.
    """
    encoded = meters.dictionary_encode()
    ranks = pc.rank(encoded.dictionary, sort_keys="ascending").to_numpy()
    order = np.lexsort((instants, ranks[encoded.indices.to_numpy(zero_copy_only=False)]))
    return pa.array(order[good[order]])


def _columns(block: Block, positions: dict[str, int]) -> dict[str, pa.Array]:
    return {name: _flat(block.columns.column(place)) for name, place in positions.items()}


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], pa.string())])


def _mask(values: pa.Array) -> np.ndarray:
    return values.fill_null(False).to_numpy(zero_copy_only=False)


def _not_empty(columns: pa.Table) -> np.ndarray:
    """Rows in which some cell holds something (spreadsheets export rows of bare delimiters)."""
    keep = np.zeros(columns.num_rows, dtype=bool)
    for column in columns.columns:
        if keep.all() and len(keep):
            break
        keep |= _mask(pc.greater(pc.binary_length(_flat(column)), 0))
    return keep


Reader = Callable[[pa.Array], tuple[pa.Array, np.ndarray]]


def _coded(column: pa.Array, read: Reader) -> tuple[pa.Array, np.ndarray]:
    """Check a column with few distinct values by its dictionary only."""
    encoded = column.dictionary_encode()
    values, fault = read(_normalised(encoded.dictionary))
    codes = encoded.indices
    return values.take(codes), fault[codes.to_numpy()]


def _normalised(texts: pa.Array) -> pa.Array:
    plain = pc.utf8_normalize(pc.utf8_trim_whitespace(texts), form="NFKC")
    return pc.replace_substring(pc.replace_substring(pc.utf8_trim_whitespace(plain), "−", "-"), "\ufeff", "")


def _codes(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    fault = np.where(_mask(pc.match_substring_regex(texts, CODE)), 0, _CODE)
    return texts, np.where(_mask(pc.equal(texts, "")), _MISSING, fault).astype(np.int8)


def _qualities(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    column = READINGS.column("quality")
    chosen = [column.choose(value) if value else column.default for value in texts.to_pylist()]
    fault = np.array([0 if name else _CHOICE for name in chosen], dtype=np.int8)
    return pa.array(chosen, pa.string()).fill_null(""), fault


def _revisions(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    plain = pc.if_else(pc.equal(texts, ""), "0", texts)
    good = _mask(pc.match_substring_regex(plain, _REVISION))
    return pc.replace_substring_regex(plain, r"\.0+$", ""), np.where(good, 0, _INTEGER).astype(np.int8)


def _instants(column: pa.Array, timezone: ZoneInfo) -> tuple[np.ndarray, pa.Array, np.ndarray]:
    """Microseconds UTC, the same as text for COPY, and faults; done on the distinct stamps."""
    encoded = column.dictionary_encode()
    parsed = stamps.parse(encoded.dictionary, timezone)
    written = stamps.written(parsed.utc)
    is_empty = _mask(pc.equal(pc.utf8_trim_whitespace(encoded.dictionary), ""))
    fault = np.where(is_empty, _MISSING, parsed.fault).astype(np.int8)
    codes = encoded.indices
    places = codes.to_numpy()
    return parsed.utc[places], written.take(codes), fault[places]


def _values(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Numbers as the text they came in, so that the warehouse holds exactly what was sent."""
    good = _mask(pc.match_substring_regex(column, NUMBER))
    fault = np.zeros(len(column), dtype=np.int8)
    if not good.all():
        odd = pa.array(~good)
        plain = _normalised(column.filter(odd))
        grouped = pc.match_substring_regex(plain, GROUPED)
        plain = pc.if_else(grouped, pc.replace_substring(plain, ",", ""), plain)
        column = pc.replace_with_mask(column, odd, plain)
        is_number = _mask(pc.match_substring_regex(plain, NUMBER))
        is_empty = _mask(pc.equal(plain, ""))
        fault[~good] = np.where(is_empty, _MISSING, np.where(is_number, 0, _NUMBER))
    scientific = _mask(pc.match_substring_regex(column, "[eE]")) & (fault == 0)
    if scientific.any():
        magnitude = np.abs(column.filter(pa.array(scientific)).cast(pa.float64()).to_numpy())
        fault[np.flatnonzero(scientific)[magnitude >= 1e30]] = _RANGE
    return column, fault


def _joined(parts: list[pa.Array | pa.Scalar], tail: str, months: np.ndarray) -> tuple[list[memoryview], list[Run]]:
    """Comma-joined lines as raw buffers, and their runs; none of the fields can hold a comma or a quote by now."""
    lines = pc.binary_join_element_wise(*parts, tail + "\n", ",")
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)[lines.offset : lines.offset + len(lines) + 1]
    data = memoryview(lines.buffers()[2])
    meter_ends = pc.run_end_encode(parts[0]).run_ends.to_numpy()
    month_ends = np.flatnonzero(months[1:] != months[:-1]) + 1
    ends = np.union1d(meter_ends, month_ends)
    lengths = np.diff(offsets[ends], prepend=offsets[0]).tolist()
    first_days = (f"{month}-01" for month in months[ends - 1].astype(str).tolist())
    meters = parts[0].take(pa.array(ends - 1)).to_pylist()
    return [data[offsets[0] : offsets[-1]]], [Run(*run) for run in zip(first_days, meters, lengths, strict=True)]


def _note_ragged(block: Block, header: list[str], result: Parsed) -> None:
    for line, row in block.ragged:
        sentence = text(Reason.WRONG_FIELD_COUNT, value=len(row), allowed=len(header))
        result.rejections.append(Rejection(line, None, Reason.WRONG_FIELD_COUNT, sentence, row_json(header, row)))


def _note_refused(
    columns: pa.Table,
    header: list[str],
    lines: np.ndarray,
    fault: np.ndarray,
    place: np.ndarray,
    bad: np.ndarray,
    timezone: ZoneInfo,
    result: Parsed,
    edge: int | None,
) -> None:
    positions, _ = READINGS.match(header, "")
    rows = zip(*(_flat(column).take(pa.array(bad)).to_pylist() for column in columns.columns), strict=True)
    for index, row in zip(bad.tolist(), rows, strict=True):
        column = READINGS.columns[int(place[index])]
        reason, allowed = _reason(int(fault[index]))
        sentence = text(
            reason,
            column=column.name,
            value=row[positions[column.name]],
            allowed=allowed,
            timezone=timezone.key,
            edge=None if edge is None else np.datetime64(edge, "us").astype("datetime64[D]"),
        )
        result.rejections.append(Rejection(int(lines[index]), column.name, reason, sentence, row_json(header, row)))


def _reason(fault: int) -> tuple[Reason, str]:
    if fault == _MISSING:
        return Reason.MISSING_VALUE, ""
    if fault in stamps.FAULTS:
        return stamps.FAULTS[fault], stamps.ALLOWED
    return _REASONS[fault]
