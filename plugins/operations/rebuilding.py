"""Days computed anew: everything of them is marked and built again, and what changed by it is told.

A build computes what changed, so figures that stand are those of a full computation; computing days anew is the
check of that, the cure after a fault in the models, and Airflow's backfill.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ingestion import marks, warehouse
from plugins.operations.policy import TIMEZONE

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

CHANGED = "rebuild_changed_figures"
"""Kind of the event that a rebuild raises when a figure became another by it."""

_METER_ROWS = """
    select rows.site_code, rows from ledger.meters as keys
    cross join lateral (
        select * from {table} as found
        where found.site_code = keys.site_code and found.meter_code = keys.meter_code
            and found.{column} >= (%(first)s::date - 1)::timestamptz
            and found.{column} < (%(last)s::date + 2)::timestamptz
    ) as rows"""
_FLOW_ROWS = """
    select rows.site_code, rows from ledger.flows as keys
    cross join lateral (
        select * from {table} as found
        where found.site_code = keys.site_code and found.flow_code = keys.flow_code
            and found.{column} >= %(first)s::date - 1 and found.{column} < %(last)s::date + 2
    ) as rows"""
_PERIOD_ROWS = """
    select rows.site_code, rows from ledger.sites as keys
    cross join (
        values ('hour', interval '1 hour'), ('shift', '1 day'), ('day', '1 day'), ('week', '7 days'),
            ('month', '1 month'), ('quarter', '3 months'), ('year', '1 year')
    ) as periods (period_type, length)
    cross join lateral (
        select * from {table} as found
        where found.site_code = keys.site_code and found.period_type = periods.period_type
            and found.{column} > %(first)s::date - 1 - periods.length and found.{column} < %(last)s::date + 2
    ) as rows"""

FIGURES = {
    "marts.fct_meter_hourly": (_METER_ROWS, "hour_start"),
    "marts.reading_events": (_METER_ROWS, "event_at"),
    "quarantine.rejected_by_rules": (_METER_ROWS, "read_at"),
    "marts.fct_energy_hourly": (_FLOW_ROWS, "hour_start"),
    "marts.fct_energy_daily": (_FLOW_ROWS, "stat_date"),
    "marts.performance_by_type": (_PERIOD_ROWS, "period_start"),
    "marts.performance_by_level": (_PERIOD_ROWS, "period_start"),
    "marts.performance_by_item": (_PERIOD_ROWS, "period_start"),
    "marts.comprehensive_energy": (_PERIOD_ROWS, "period_start"),
}
"""Tables whose rows of the days are held against what they were: how they are found, and by which column."""

Checksums = dict[tuple[str, str], tuple[int, int]]
"""By site and table: number of rows, and a sum of the rows' hashes, which no order changes, nor 0.40 for 0.4."""


class DaysError(ValueError):
    """Days that can't be computed anew; the message says why and what there is."""


@dataclass(frozen=True)
class Days:
    """Statistical days, both included, of one site or (None) of all; without bounds, all there are."""

    first: date | None = None
    last: date | None = None
    site: str | None = None

    def __str__(self) -> str:
        if self.first is None and self.last is None:
            return "全部日期"
        return f"{self.first or '最早'} 至 {self.last or '最近'}"

    @property
    def bounds(self) -> dict[str, Any]:
        """The first and last day as the marks and checksums take them."""
        return {"first": self.first or marks.FIRST_DAY, "last": self.last or marks.LAST_DAY - timedelta(days=1)}

    def mark(self) -> int:
        """Mark everything of these days; how many marks. The caller holds the warehouse's lock."""
        first, after = self.bounds["first"], self.bounds["last"] + timedelta(days=1)
        with warehouse.connect("transform") as connection:
            return marks.mark_range(connection, first, after, self.site, f"重新计算：{self}")


class RebuildError(RuntimeError):
    """A stage of a rebuild did not pass; the message says which and why."""


def day_of(context: Mapping[str, Any]) -> date:
    """The day a DAG run is about: the one on which its data interval begins; by hand, the day before."""
    begins = context.get("data_interval_start")
    local = (begins or context["dag_run"].run_after - timedelta(days=1)).astimezone(ZoneInfo(TIMEZONE))
    return date(local.year, local.month, local.day)


def rebuild_day(run_id: str, day: date) -> str | None:
    """Compute one day of all sites anew, gate included; why not, when nothing is known of it.

    Raises RebuildError when a stage does not pass. Figures that changed are events and fail nothing.
    """
    from plugins.operations import pipeline

    days = Days(day, day)
    with warehouse.connect("transform") as connection:
        if not is_known(connection, days):
            return f"nothing has landed of {day}"
    report = pipeline.run_rebuild(days, run_id)
    for stage in report.stages:
        log.info("%s: %s, %.1f s", stage.name, stage.problem or "passed", stage.seconds)
        for warning in stage.warnings:
            log.warning("%s", warning)
    if problems := [f"{stage.name}: {stage.problem}" for stage in report.stages if stage.problem is not None]:
        raise RebuildError("; ".join(problems))
    return None


def check(days: Days) -> None:
    """Raise DaysError for an unknown site, days in the wrong order, or days of which nothing is known."""
    if days.first is not None and days.last is not None and days.first > days.last:
        raise DaysError(f"起始日 {days.first} 晚于截止日 {days.last}；两者都包含在内，请调换。")
    with warehouse.connect("transform") as connection:
        sites = [row[0] for row in connection.execute("select site_code from ledger.sites order by 1")]
        if days.site is not None and days.site not in sites:
            raise DaysError(f"没有企业 {days.site}；台账中有：{'、'.join(sites) or '（尚无）'}。")
        if not is_known(connection, days):
            of_site = f"企业 {days.site} " if days.site else ""
            raise DaysError(f"{of_site}{days}没有任何读数或 ERP 单据，无可重新计算。")


def is_known(connection: Connection, days: Days) -> bool:
    """Whether any reading or document of these days has landed."""
    row = connection.execute(
        """select exists (
            select 1 from ledger.sites as sites
            where (%(site)s::text is null or sites.site_code = %(site)s) and (
                exists (
                    select 1 from raw.readings as readings
                    where readings.site_code = sites.site_code
                        and readings.read_at >= %(first)s::date::timestamp at time zone sites.timezone
                        and readings.read_at < (%(last)s::date + 2)::timestamp at time zone sites.timezone
                )
                or exists (
                    select 1 from raw.purchases as documents
                    where documents.site_code = sites.site_code and documents.date between %(first)s and %(last)s
                )
                or exists (
                    select 1 from raw.stocks as documents
                    where documents.site_code = sites.site_code and documents.date between %(first)s and %(last)s
                )
            )
        )""",
        days.bounds | {"site": days.site},
    ).fetchone()
    return bool(row and row[0])


def checksums(days: Days) -> Checksums:
    """Of every figure that belongs to these days or to a period that holds one of them."""
    found: Checksums = {}
    with warehouse.connect("transform") as connection:
        for table, (query, column) in FIGURES.items():
            rows = query.format(table=table, column=column)
            sums = connection.execute(
                f"""select keyed.site_code, count(*), sum(jsonb_hash_extended(to_jsonb(keyed.rows), 0)::numeric)
                from ({rows}) as keyed
                where %(site)s::text is null or keyed.site_code = %(site)s
                group by keyed.site_code""".encode(),  # noqa: S608 (tables and columns of FIGURES)
                days.bounds | {"site": days.site},
            )
            found |= {(site, table): (count, int(total)) for site, count, total in sums}
    return found


def changed(before: Checksums, after: Checksums) -> dict[str, list[str]]:
    """The tables that differ, by site."""
    sites: dict[str, list[str]] = {}
    for site, table in sorted(before.keys() | after.keys()):
        if before.get((site, table)) != after.get((site, table)):
            sites.setdefault(site, []).append(table)
    return sites


def warn(days: Days, sites: Mapping[str, Sequence[str]], run_id: str, now: datetime | None = None) -> list[str]:
    """Raise one event per site whose figures became others; what was said."""
    from quality import results

    messages = []
    with warehouse.connect("transform") as connection:
        for site, tables in sites.items():
            message = (
                f"企业 {site} {days}重新计算后结果有变化：{'、'.join(tables)}。"
                "数据未变而结果变化，说明此前的增量计算有误；请保留日志并反馈"
            )
            results.raise_event(
                connection,
                kind=CHANGED,
                severity="warning",
                site_code=site,
                subject=run_id,
                message=message,
                payload={"run_id": run_id, "tables": list(tables), **{k: str(v) for k, v in days.bounds.items()}},
                now=now or datetime.now(UTC),
            )
            messages.append(message)
    return messages
