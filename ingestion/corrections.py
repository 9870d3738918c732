"""Readings corrected by hand: rows of the next free revision, in a batch of their own.

Nothing is overwritten: the old value stays in ``raw.readings`` and, beside the new one with who, when and
why, in ``ops.reading_corrections``. All corrections asked for at once are made, or none of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from ingestion import readings, readings_landing
from ingestion.authorship import Author
from ingestion.batches import BatchReport
from ingestion.landing import own_transactions
from ingestion.ledgers import state
from ingestion.package import ReadingsSource
from ingestion.readings import READINGS
from ingestion.sources.rows import ReadingsRows

SOURCE = "correction"
"""``ops.batches.source`` of every correction made here; also the file's name where there is none."""

QUALITY = "manual"
"""A value that a person gives, unless the file says otherwise."""

SHOWN_PROBLEMS = 20

Connection = psycopg.Connection[Any]


class CorrectionRefused(Exception):  # noqa: N818 - it says what happened
    """Nothing was corrected; the message has one Chinese line per problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:SHOWN_PROBLEMS])
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"另有 {len(problems) - SHOWN_PROBLEMS} 处")
        self.problems = tuple(problems)
        super().__init__("\n".join(shown))


@dataclass(frozen=True)
class Correction:
    """One reading before and after. ``old_values`` are several where they disputed each other.

    ``read_at`` is in the site's timezone; values are in the meter's own unit, as it shows them.
    """

    meter_code: str
    read_at: datetime
    old_values: tuple[Decimal, ...]
    old_revision: int
    old_batch_id: int
    new_value: Decimal
    new_revision: int
    line: int


@dataclass(frozen=True)
class _Asked:
    line: int
    meter_code: str
    read_at: str
    value: str
    quality: str


def single(meter_code: str, read_at: str, value: str) -> ReadingsRows:
    """One correction as it is typed."""
    return ReadingsRows(("meter_code", "read_at", "value"), [(meter_code, read_at, value)], [1], SOURCE, SOURCE)


def land(
    source: ReadingsSource, connection: Connection, site: str, author: Author, load_id: UUID, now: datetime
) -> tuple[BatchReport, list[Correction]]:
    """Land corrections as one batch that waits for the gate, with what each replaces.

    Raises CorrectionRefused for an empty reason, an unknown site or meter, an instant without a reading, a
    value that is no number or is the one that counts already; FileRefused for a file that can't be read.
    """
    if not author.reason:
        raise CorrectionRefused(["没有写明更正原因。请用 --why 写上原因，例如 --why 抄表笔误。"])
    with own_transactions(connection, author):
        timezone = state.timezone(connection, site)
        if timezone is None:
            known = [row[0] for row in connection.execute("select site_code from ledger.sites order by site_code")]
            shown = f"已登记的有 {'、'.join(known[:10])}" if known else "还没有登记任何单位"
            raise CorrectionRefused([f"用能单位 {site} 尚未登记（{shown}）。请核对编码。"])
        asked, notices = _read(source, ZoneInfo(timezone))
        with connection.transaction():
            # Two corrections of one reading at the same time: the second sees the first.
            connection.execute("select pg_advisory_xact_lock(hashtextextended('corrections ' || %s, 0))", [site])
            corrections = _compare(connection, site, ZoneInfo(timezone), source.file, asked)
            rows = ReadingsRows(
                ("meter_code", "read_at", "value", "quality", "revision"),
                [
                    (one.meter_code, one.read_at, one.value, one.quality, str(correction.new_revision))
                    for one, correction in zip(asked, corrections, strict=True)
                ],
                [one.line for one in asked],
                source.file,
                SOURCE,
            )
            report = readings_landing.land_source(rows, connection, site, timezone, load_id, now)
            if report.rows_rejected:  # a revision beyond what a file may hold
                raise CorrectionRefused([f"{source.file}：有 {report.rows_rejected} 行无法落库，修订号已用尽。"])
    return BatchReport(**(report.__dict__ | {"notices": (*report.notices, *notices)})), corrections


def _read(source: ReadingsSource, timezone: ZoneInfo) -> tuple[list[_Asked], list[str]]:
    """Rows of the source under the same conventions as any readings file."""
    positions, unknown = READINGS.match(source.header, source.file)
    notices = [f"{source.file}：不认识的列“{title}”，已忽略" for title in unknown]
    if positions.pop("revision", None) is not None:
        notices.append(f"{source.file}：修订号由系统给出，revision 列已忽略")
    asked: list[_Asked] = []
    problems: list[str] = []
    for block in source.blocks():
        parsed = readings.parse(block, positions, source.header, timezone, "")
        problems += [f"{_place(source.file, one.line)}{one.text}" for one in parsed.rejections]
        for text in b"".join(parsed.lines).decode().splitlines():
            meter_code, read_at, value, quality, _, line, _ = text.split(",")
            if "quality" not in positions:
                quality = QUALITY
            elif quality == "bad":
                problems.append(
                    f"{_place(source.file, int(line))}quality 为 bad 的读数不计入，不能用来更正。请填正确的值。"
                )
            asked.append(_Asked(int(line), meter_code, read_at, value, quality))
    source.check_unchanged()
    if problems:
        raise CorrectionRefused(problems)
    if not asked:
        raise CorrectionRefused([f"{source.file}：没有任何要更正的读数。"])
    # What is parsed for COPY comes meter by meter; who corrects is answered line by line.
    return sorted(asked, key=lambda one: one.line), notices


def _compare(
    connection: Connection, site: str, timezone: ZoneInfo, file: str, asked: Sequence[_Asked]
) -> list[Correction]:
    """What each correction replaces, in the order asked; raises CorrectionRefused when one can't be made."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            _PRESENT, {"site": site, "asked": json.dumps([one.__dict__ for one in asked])}
        ).fetchall()
    problems = [f"{_place(file, row['line'])}{text}" for row in found for text in _problems(row, timezone)]
    if problems:
        raise CorrectionRefused(problems)
    return [
        Correction(
            row["meter_code"],
            row["read_at"].astimezone(timezone),
            tuple(row["old_values"]),
            row["old_revision"],
            row["old_batch_id"],
            row["value"],
            row["next_revision"],
            row["line"],
        )
        for row in found
    ]


_PRESENT = """
with asked as (
    select place, line, meter_code, read_at, value
    from rows from (
        jsonb_to_recordset(%(asked)s) as (line bigint, meter_code text, read_at timestamptz, value numeric)
    ) with ordinality as rows (line, meter_code, read_at, value, place)
)

select
    asked.line,
    asked.meter_code,
    asked.read_at,
    asked.value,
    meters.meter_code is not null as is_known,
    present.*,
    count(*) over (partition by asked.meter_code, asked.read_at) > 1 as is_twice,
    case when present.old_revision is null then (
        select max(read_at) from raw.readings
        where site_code = %(site)s and meter_code = asked.meter_code and read_at < asked.read_at
    ) end as read_before_at,
    case when present.old_revision is null then (
        select min(read_at) from raw.readings
        where site_code = %(site)s and meter_code = asked.meter_code and read_at > asked.read_at
    ) end as read_after_at
from asked
left join ledger.meters as meters on meters.site_code = %(site)s and asked.meter_code = meters.meter_code
-- The reading is the highest revision, of batches that count before those that do not.
left join lateral (
    select
        array_agg(distinct ranked.value) as old_values,
        ranked.revision as old_revision,
        min(ranked.batch_id) as old_batch_id,
        bool_or(ranked.is_counting) as is_counting,
        min(ranked.highest_revision) + 1 as next_revision
    from (
        select
            readings.value,
            readings.revision,
            readings.batch_id,
            batches.status = 'accepted' and rejected.batch_id is null as is_counting,
            rank() over (order by batches.status = 'accepted' desc, readings.revision desc) as place,
            max(readings.revision) over () as highest_revision
        from raw.readings as readings
        inner join ops.batches as batches on readings.batch_id = batches.batch_id
        left join quarantine.rejected_by_rules as rejected
            on readings.batch_id = rejected.batch_id and readings.line = rejected.line
        where
            readings.site_code = %(site)s
            and readings.meter_code = asked.meter_code
            and readings.read_at = asked.read_at
    ) as ranked
    where ranked.place = 1
    group by ranked.revision
) as present on true
order by asked.place
"""


def _problems(row: dict[str, Any], timezone: ZoneInfo) -> Iterator[str]:
    meter, at = row["meter_code"], shown_instant(row["read_at"].astimezone(timezone))
    if not row["is_known"]:
        yield f"计量器具 {meter} 未在台账中登记。请核对管理编号。"
        return
    if row["is_twice"]:
        yield f"{meter} 在 {at} 的更正出现不止一次。请只留一行。"
    if row["old_revision"] is None:
        beside = [
            f"{word} {shown_instant(instant.astimezone(timezone))}"
            for word, instant in (("前一个在", row["read_before_at"]), ("后一个在", row["read_after_at"]))
            if instant is not None
        ]
        hint = f"相邻的读数{'，'.join(beside)}" if beside else "这只表还没有任何读数"
        yield f"{meter} 在 {at} 没有读数，无可更正；{hint}。请核对时间；补录缺测的读数请用 nengduan load。"
    elif row["is_counting"] and row["old_values"] == [row["value"]]:
        yield f"{meter} 在 {at} 的读数已经是 {shown_value(row['old_values'][0])}，无需更正。"


def _place(file: str, line: int | None) -> str:
    return "" if file == SOURCE or line is None else f"{file} 第 {line} 行："


def shown_instant(instant: datetime) -> str:
    """2026-01-10 08:00:00+08:00."""
    return instant.isoformat(sep=" ")


def shown_value(value: Decimal) -> str:
    """A number as people write it, never in powers of ten."""
    return format(value, "f")
