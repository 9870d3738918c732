"""What would be sent, what is missing and why, before anything leaves; and how a run went, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ingestion import warehouse
from plugins.province import declarations, destinations, news
from plugins.province.report import Report

STAT_TYPES = {0: "实时", 1: "日", 2: "月", 3: "年"}

WOULD_SEND = Path(__file__).with_name("would_send.sql").read_bytes()
WITHOUT_SOURCE = Path(__file__).with_name("without_source.sql").read_bytes()


def look(
    name: str, first: date | None, after: date | None, codes: Sequence[str] | None, now: datetime
) -> Iterator[str]:
    """Lines that say what a run at ``now`` would send of the days from ``first`` up to ``after`` (half-open; None: all
    that the destination answers for until yesterday); writes nothing.
    """
    with warehouse.connect("upload") as connection:
        destination = destinations.get(connection, name)
        month = year = first
        if not (first and after):
            first, after = (
                news.first_day(connection, destination),
                now.astimezone(ZoneInfo(destination.timezone)).date(),
            )
            month, year = first.replace(day=1), first.replace(month=1, day=1)
        values = {
            "site": destination.site_code, "destination": name, "first": first, "month": month, "year": year,
            "after": after, "now": now, "codes": list(codes) if codes else None,
        }  # fmt: skip
        yield f"{name}：{first} 至 {after - timedelta(days=1)}"
        rows = connection.execute(WOULD_SEND, values).fetchall()
        for kind, figures, fresh, corrected, failed, partial in rows:
            yield (
                f"  {STAT_TYPES[kind]}数据 {figures} 条：新 {fresh}，更正 {corrected}，曾被拒绝 {failed}，"
                f"数据不完整（标为无效）{partial}"
            )
        if not rows:
            yield "  这段时间没有可上报的数据。"
        for code, title, reason in connection.execute(WITHOUT_SOURCE, values).fetchall():
            yield f"  {code} {title or ''} 没有数据来源：{reason}"
        for problem in declarations.read(connection, destination.site_code, name).problems:
            yield f"  配置：{problem}"


def tell(report: Report) -> Iterator[str]:
    """A run in a few lines."""
    yield (
        f"{report.destination}：新增或变更 {report.filled.filled} 条（其中更正 {report.filled.corrected}），"
        f"发送 {report.sent}，确认 {report.acked}，被拒绝 {report.failed}，剩余 {report.left}"
    )
    for problem in report.problems:
        yield f"  {problem}"
    if report.is_finished:
        yield "全部已上报。"


def waiting(connection: psycopg.Connection[Any], site: str, destination: str) -> int:
    """Rows that the platform has not acknowledged."""
    row = connection.execute(
        "select count(*) from ops.upload_outbox where site_code = %s and destination = %s and status <> 2",
        [site, destination],
    ).fetchone()
    return int(row[0]) if row else 0
