"""The walk from a figure back to its files: one query per step, each held against the one before.

All steps see one state of the warehouse (a read-only transaction of the role audit). What is summed here is only
ever compared; figures themselves are the marts'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingestion import warehouse
from plugins.workbench.trace import figures, meters, names, periods, queries
from plugins.workbench.trace.names import Figure, FigureError, MeterError, SiteError
from plugins.workbench.trace.periods import Calendar, Period, PeriodError
from plugins.workbench.trace.steps import STEPS, Column, Step, Trace

LIMIT = 10
"""Flows, and meters, that are followed further down; the rest is summed."""

READINGS_LIMIT = 100
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Options:
    """How far and how wide to walk. ``limit`` None: everything."""

    depth: str = STEPS[-1]
    limit: int | None = LIMIT
    readings_limit: int | None = READINGS_LIMIT
    meter_code: str | None = None


@dataclass
class Walk:
    """What the steps share: connection, names, and what was found so far."""

    connection: psycopg.Connection[Any]
    site: Mapping[str, Any]
    figure: Figure
    period: Period
    options: Options
    steps: list[Step] = field(default_factory=list)
    batch_ids: set[int] = field(default_factory=set)
    reading_counts: Counter[int] = field(default_factory=Counter)
    """Readings by batch."""

    def ask(self, name: str, title: str, query: str, columns: Sequence[Column], **extra: Any) -> Step:
        """Run a step's query and keep the step."""
        parameters = {
            "site_code": self.site["site_code"],
            "timezone": self.site["timezone"],
            "day_start": self.site["day_start"],
            "month_start_day": self.site["month_start_day"],
            **self.figure.parameters(),
            **self.period.parameters(),
            **extra,
        }
        used = {key: value for key, value in parameters.items() if f"%({key})s" in queries.text(query)}
        step = Step(name, title, query, used, columns, queries.run(self.connection, query, used))
        self.steps.append(step)
        return step

    def found(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    def goes_to(self, name: str) -> bool:
        """Whether the depth that was asked for reaches this step."""
        return STEPS.index(name) <= STEPS.index(self.options.depth)


@contextmanager
def reading(timeout_seconds: int = TIMEOUT_SECONDS) -> Iterator[psycopg.Connection[Any]]:
    """A read-only connection as audit whose queries all see the same state."""
    with warehouse.connect("audit") as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("select set_config('statement_timeout', %s, true)", [f"{timeout_seconds}s"])
        yield connection


def sites(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Code to name of every site."""
    return {row["site_code"]: row["name"] for row in queries.run(connection, "sites", {})}


def known_figures(connection: psycopg.Connection[Any], site_code: str) -> dict[str, str]:
    """Name to Chinese label of every figure of a site."""
    return {row["name"]: row["label"] for row in queries.run(connection, "figures", {"site_code": site_code})}


def find_site(connection: psycopg.Connection[Any], site_code: str) -> Mapping[str, Any]:
    """The site's row; SiteError when there is none."""
    rows = queries.run(connection, "site", {"site_code": site_code})
    if rows:
        return rows[0]
    known = sites(connection)
    if not known:
        raise SiteError("系统中还没有企业：先用 nengduan load 导入数据。")
    close = names.nearest(site_code, list(known)) or list(known)[: names.SHOWN_NAMES]
    listed = "、".join(f"{code}（{known[code]}）" for code in close)
    raise SiteError(f"没有这个企业：{site_code}。{'相近的' if len(close) < len(known) else ''}有：{listed}")


def trace(
    connection: psycopg.Connection[Any], site_code: str, figure_name: str, period_text: str, options: Options
) -> Trace:
    """Walk a figure back to its files.

    Raises SiteError, FigureError, PeriodError or MeterError, each with what there is instead.
    """
    site = find_site(connection, site_code)
    figure = names.parse(figure_name, known_figures(connection, site_code))
    calendar = Calendar(
        site["timezone"],
        site["day_start"],
        site["month_start_day"],
        queries.run(connection, "shifts", {"site_code": site_code}),
    )
    period = periods.parse(period_text, calendar)
    if figure.kind == "comprehensive" and period.period_type not in ("month", "quarter", "year"):
        raise PeriodError(
            "综合能耗按月、季、年计算（有库存的能源不能按更短的期间计算）；请改用 2026-10、2026-Q3 或 2026"
        )
    walk = Walk(connection, site, figure, period, options)
    figures.walk(walk)
    meters.walk(walk)
    return Trace(
        site_code=site_code,
        site_name=site["name"],
        timezone=site["timezone"],
        figure=figure.name,
        label=figure.label,
        period=period.text,
        period_type=period.period_type,
        starts_local=period.starts_local,
        ends_local=period.ends_local,
        steps=walk.steps,
    )


__all__ = ["FigureError", "MeterError", "Options", "PeriodError", "SiteError", "Walk", "reading", "trace"]
