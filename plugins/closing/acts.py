"""The two acts: closing a month fixes its figures as a version; re-opening ends that version, and says why.

A closing is an act (ops.period_closings), its figures (dbt, in tables that nobody changes) and a seal with their
hash. It counts once sealed. One that was cut off is abandoned by the next act on that month.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingestion import settings, warehouse
from plugins.operations import building

GAPS = Path(__file__).with_name("gaps.sql")
SNAPSHOTS = (
    "closed_energy_monthly",
    "closed_performance",
    "closed_comprehensive_energy",
    "closed_comprehensive_energy_composition",
)
"""dbt's models of closed figures; ops.closed_figures_text hashes the same ones."""

MODEL_FILES = (".sql", ".yml", ".csv")
KNOWN_SITES_SHOWN = 20
NOT_BUILT = "还没有计算结果，或最近一次计算没有完成；请先运行 nengduan load 或 build_marts"

Say = Callable[[str], None]


class ClosingError(RuntimeError):
    """The act is refused; the message says why and what to do, in Chinese."""


class IncompleteError(ClosingError):
    """Figures of the month are not known; ``missing`` says which and why."""

    def __init__(self, message: str, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Closing:
    """A version of a closed month."""

    site_code: str
    stat_month: date
    version: int
    figures_hash: str
    figure_rows: int
    missing: tuple[str, ...]
    """What was not known, and why; empty when the month is complete."""


def close_period(
    site_code: str,
    stat_month: date,
    by: str,
    reason: str,
    *,
    is_incomplete_ok: bool = False,
    now: datetime | None = None,
    say: Say = lambda _: None,
) -> Closing:
    """Fix the month's figures as its next version.

    ``stat_month`` is the first calendar day of the site's own month. Raises ClosingError when the month may not be
    closed, IncompleteError when figures are missing and that is not accepted, BuildError when dbt fails; then
    nothing is closed.
    """
    by, reason = _given(by, "结账人"), _given(reason, "结账理由")
    now = now or datetime.now(UTC)
    with building.warehouse_lock(say):
        _require_computed(site_code)
        with _connect() as connection:
            period = find_period(connection, site_code, stat_month)
            _require_closable(period, now)
            missing = _missing(connection, period)
            if missing and not is_incomplete_ok:
                raise IncompleteError(
                    f"{_named(period)} 的数据不完整，未结账；确认按现有数据结账请加 --incomplete-ok", missing
                )
            _abandon(connection, site_code, stat_month, now, f"没有完成，由 {by} 重新结账")
            closing_id = _insert(connection, period, by, reason, missing, now)
        try:
            building.run_models(
                f"close-{site_code}-{stat_month:%Y-%m}-{closing_id}",
                ["--select", *SNAPSHOTS, "--vars", json.dumps({"closing_id": closing_id})],
                say,
            )
            with _connect() as connection:
                sealed = connection.execute(
                    "update ops.period_closings set sealed_at = %s where site_code = %s and closing_id = %s"
                    " returning version, figures_hash, figure_rows",
                    [now, site_code, closing_id],
                ).fetchone()
        except BaseException as error:
            with _connect() as connection:
                _abandon(
                    connection, site_code, stat_month, now, f"数据没有写成：{str(error)[:400] or type(error).__name__}"
                )
            raise
    assert sealed is not None  # noqa: S101 (inserted above; nothing deletes acts)
    return Closing(site_code, stat_month, sealed["version"], sealed["figures_hash"], sealed["figure_rows"], missing)


def reopen_period(
    site_code: str, stat_month: date, by: str, reason: str, *, now: datetime | None = None, say: Say = lambda _: None
) -> int | None:
    """End the version the month stands on; its figures stay readable. Returns that version.

    A closing that was cut off is abandoned instead, and None returned. Raises ClosingError when the month is open.
    """
    by, reason = _given(by, "重新打开的人"), _given(reason, "重新打开的理由")
    now = now or datetime.now(UTC)
    with building.warehouse_lock(say), _connect() as connection:
        reopened = connection.execute(
            "update ops.period_closings set reopened_at = %s, reopened_by = %s, reopen_reason = %s"
            " where site_code = %s and stat_month = %s and sealed_at is not null and reopened_at is null"
            " returning version",
            [now, by, reason, site_code, stat_month],
        ).fetchone()
        if reopened is not None:
            return int(reopened["version"])
        if _abandon(connection, site_code, stat_month, now, f"{by}：{reason}"):
            return None
        raise ClosingError(f"{_named(find_period(connection, site_code, stat_month))} 没有结账，无须重新打开")


def find_period(connection: psycopg.Connection[Any], site_code: str, stat_month: date) -> dict[str, Any]:
    """The month's row of marts.period_versions: bounds, state, version, hash. Raises ClosingError for an unknown
    site and for a month of which nothing is known."""
    try:
        known = [row["site_code"] for row in connection.execute("select site_code from marts.dim_sites order by 1")]
        found: dict[str, Any] | None = connection.execute(
            "select * from marts.period_versions where site_code = %s and stat_month = %s", [site_code, stat_month]
        ).fetchone()
    except psycopg.errors.UndefinedTable as error:
        raise ClosingError(NOT_BUILT) from error
    if site_code not in known:
        shown = "、".join(known[:KNOWN_SITES_SHOWN]) + ("…" if len(known) > KNOWN_SITES_SHOWN else "")
        raise ClosingError(f"没有企业 {site_code}；已知：{shown or '无'}")
    if found is None:
        raise ClosingError(f"{site_code} 的 {stat_month:%Y-%m} 没有任何数据")
    return found


def _require_computed(site_code: str) -> None:
    """What is accepted must be in the figures: later it would pass for a change."""
    with warehouse.connect("transform") as connection:
        row = connection.execute(
            """select exists (
                select 1 from ops.dirty_meters as marks
                left join ops.batches as batches on marks.batch_id = batches.batch_id
                where marks.site_code = %(site)s and (marks.batch_id is null or batches.status = 'accepted')
                union all
                select 1 from ops.dirty_flows where site_code = %(site)s
                union all
                select 1 from ops.dirty_energies where site_code = %(site)s
            )""",
            {"site": site_code},
        ).fetchone()
    if building.has_news() or (row and row[0]):
        raise ClosingError("有已接受的数据还没有计算进结果；请等 build_marts 完成（或运行 nengduan load）后再结账")


def _require_closable(period: dict[str, Any], now: datetime) -> None:
    if period["state"] == "closed":
        raise ClosingError(
            f"{_named(period)} 已由 {period['closed_by']} 结账，现为第 {period['version']} 版；"
            "要改动请先用 nengduan period reopen 重新打开"
        )
    if now < period["ends_at"]:
        raise ClosingError(f"{_named(period)} 还没有结束：按本企业统计月，到 {period['period_end']} 的日界才结束")


def _missing(connection: psycopg.Connection[Any], period: dict[str, Any]) -> tuple[str, ...]:
    rows = connection.execute(GAPS.read_bytes(), period).fetchall()
    return tuple(next(iter(row.values())) for row in rows)


def _insert(
    connection: psycopg.Connection[Any],
    period: dict[str, Any],
    by: str,
    reason: str,
    missing: tuple[str, ...],
    now: datetime,
) -> int:
    row = connection.execute(
        """insert into ops.period_closings (
            site_code, stat_month, period_start, period_end, timezone, starts_at, ends_at, closed_at, closed_by,
            reason, missing_figures, platform_version, models_sha256
        ) values (
            %(site_code)s, %(stat_month)s, %(period_start)s, %(period_end)s, %(timezone)s, %(starts_at)s, %(ends_at)s,
            %(now)s, %(by)s, %(reason)s, %(missing)s, %(platform)s, %(models)s
        ) returning closing_id""",
        period
        | {
            "now": now,
            "by": by,
            "reason": reason,
            "missing": list(missing),
            "platform": version_of("nengduan"),
            "models": _models_sha256(settings.load().dbt_project),
        },
    ).fetchone()
    assert row is not None  # noqa: S101 (returning)
    return int(row["closing_id"])


def _abandon(connection: psycopg.Connection[Any], site_code: str, stat_month: date, now: datetime, reason: str) -> bool:
    """Give up a closing of the month that was cut off; the guard takes its figures away. True when there was one."""
    abandoned = connection.execute(
        "update ops.period_closings set abandoned_at = %s, abandon_reason = %s"
        " where site_code = %s and stat_month = %s and sealed_at is null and abandoned_at is null",
        [now, reason, site_code, stat_month],
    )
    return abandoned.rowcount > 0


def _connect() -> psycopg.Connection[Any]:
    return warehouse.connect("close", row_factory=dict_row)


def _models_sha256(project: Path) -> str:
    """Checksum of everything dbt computes figures from."""
    digest = hashlib.sha256()
    for path in sorted(path for path in project.rglob("*") if path.suffix in MODEL_FILES and path.is_file()):
        digest.update(str(path.relative_to(project)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _named(period: dict[str, Any]) -> str:
    return f"{period['site_code']} 的 {period['stat_month']:%Y-%m}"


def _given(text: str, what: str) -> str:
    if not text.strip():
        raise ClosingError(f"{what}不能为空")
    return text.strip()
