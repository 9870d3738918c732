"""What was closed: the versions of each month, what has changed since, and whether a version is untouched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingestion import warehouse
from plugins.closing.acts import NOT_BUILT, ClosingError


@dataclass(frozen=True)
class Check:
    """A version's figures against the hash of its closing."""

    site_code: str
    stat_month: date
    version: int
    stored_hash: str
    found_hash: str
    stored_rows: int
    found_rows: int

    @property
    def is_untouched(self) -> bool:
        return self.stored_hash == self.found_hash


def standing_version(site_code: str, stat_month: date) -> tuple[int, str] | None:
    """The version a month stands on and its hash, for whoever writes a report; None while it is not closed."""
    rows = _fetch(
        "select version, figures_hash from marts.period_versions"
        " where site_code = %s and stat_month = %s and version is not null",
        site_code,
        stat_month,
        role="bi",
    )
    return (int(rows[0]["version"]), str(rows[0]["figures_hash"])) if rows else None


def closings(site_code: str | None = None) -> list[dict[str, Any]]:
    """Every act of closing that was not given up, newest month first; with the number of differences where it
    stands, and ``state``: standing, reopened, unfinished."""
    return _fetch(
        """select closings.site_code, closings.stat_month, closings.version, closings.closed_at, closings.closed_by,
            closings.reason, closings.figures_hash, closings.figure_rows, closings.missing_figures,
            closings.reopened_at, closings.reopened_by, closings.reopen_reason, closings.timezone,
            case
                when closings.sealed_at is null then 'unfinished'
                when closings.reopened_at is not null then 'reopened'
                else 'standing'
            end as state,
            coalesce(differences.difference_count, 0) as difference_count
        from ops.period_closings as closings
        left join (
            select site_code, stat_month, version, count(*) as difference_count
            from marts.closed_period_differences
            group by site_code, stat_month, version
        ) as differences using (site_code, stat_month, version)
        where closings.abandoned_at is null and (%s::text is null or closings.site_code = %s)
        order by closings.site_code, closings.stat_month desc, closings.version desc""",
        site_code,
        site_code,
    )


def differences(site_code: str, stat_month: date) -> list[dict[str, Any]]:
    """Rows of marts.closed_period_differences of a closed month. Raises ClosingError when it is not closed."""
    if standing_version(site_code, stat_month) is None:
        raise ClosingError(f"{site_code} 的 {stat_month:%Y-%m} 没有结账（或已重新打开），没有可比的版本")
    return _fetch(
        "select * from marts.closed_period_differences where site_code = %s and stat_month = %s"
        " order by scope, flow_code, energy_code",
        site_code,
        stat_month,
    )


def verify(site_code: str | None = None, stat_month: date | None = None) -> list[Check]:
    """Hash the figures of every sealed version anew, re-opened ones too."""
    rows = _fetch(
        """select site_code, stat_month, version, figures_hash as stored_hash, figure_rows as stored_rows,
            ops.closed_figures_hash(site_code, stat_month, version) as found_hash,
            (select count(*) from ops.closed_figures_text(site_code, stat_month, version)) as found_rows
        from ops.period_closings
        where sealed_at is not null and (%s::text is null or site_code = %s) and (%s::date is null or stat_month = %s)
        order by site_code, stat_month, version""",
        site_code,
        site_code,
        stat_month,
        stat_month,
    )
    return [Check(**row) for row in rows]


def _fetch(query: str, *values: Any, role: str = "audit") -> list[dict[str, Any]]:
    with warehouse.connect(role, row_factory=dict_row) as connection:
        try:
            return connection.execute(query.encode(), values).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise ClosingError(NOT_BUILT) from error
