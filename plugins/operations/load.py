"""`nengduan load`: a plant package through the whole pipeline, with everything that was refused told."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
from psycopg.rows import dict_row

from ingestion import warehouse
from ingestion.authorship import operator
from ingestion.settings import Settings

if TYPE_CHECKING:
    from plugins.operations.pipeline import LoadReport

SHOWN_ROWS = 200
"""Refused rows shown on the screen; the rest is counted, with the query that lists it."""

SHOWN_WARNINGS = 20
STATUS_WORDS = {"landed": "待检查", "accepted": "已接受", "held": "已扣留", "refused": "已拒收"}
KIND_WORDS = {"ledger": "台账", "erp": "ERP", "readings": "读数"}
LOG_BYTES = 2_000_000


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--why", metavar="TEXT", help="Why it is loaded; kept with the batches and the ledgers' history.")
def load(path: Path, why: str | None) -> None:
    """Import a plant package (a folder, or one .xlsx workbook) and run the pipeline over it.

    Ends with 0 only when every stage passed. Rows that were refused alone fail nothing; they are listed.
    """
    from plugins.operations.progress import Progress
    from plugins.operations.server import ensure_database

    progress = Progress()
    settings = ensure_database(progress.line)
    with logged(settings) as log_path:
        from plugins.operations.pipeline import run_package

        report = run_package(path.absolute(), announce=progress.step, author=operator(why))
        lines = told(report, log_path)
    click.echo("\n".join(lines))
    sys.exit(0 if report.is_passed else 1)


def told(report: LoadReport, log_path: Path, act: str = "导入") -> list[str]:
    """A load in lines: its batches, refused rows, warnings, and how each stage of the act ended."""
    try:
        refused_rows = _refused_rows(report)
    except psycopg.Error as error:
        logging.getLogger(__name__).exception("the refused rows can't be listed")
        refused_rows = ["", f"被拒收的行读取失败：{str(error).strip().splitlines()[0]}"]
    return [*_batches(report), *refused_rows, *_warnings(report), *_outcome(report, log_path, act)]


@contextmanager
def logged(settings: Settings) -> Iterator[Path]:
    """Tracebacks and details go to a file and not to the screen."""
    path = settings.logs / "load.log"
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield path
    finally:
        root.removeHandler(handler)
        handler.close()


def _batches(report: LoadReport) -> list[str]:
    """One line per file, with the state the gate left its batch in."""
    if not report.batches:
        return []
    lines = ["", "批次："]
    for one in report.batches:
        verdict = report.verdicts.get(one.batch_id) if one.batch_id is not None else None
        status = one.status
        if verdict is not None:
            status = "accepted" if verdict.is_passed else "held"
        number = f"#{one.batch_id}" if one.batch_id is not None else "-"
        counts = f"{one.rows_total} 行，落库 {one.rows_landed}，拒收 {one.rows_rejected}"
        repeat = "，与已导入的文件相同" if one.is_repeat else ""
        lines.append(
            f"  {number:>6}  {KIND_WORDS.get(one.kind, one.kind):<4} {one.file}  "
            f"{STATUS_WORDS.get(status, status)}（{counts}{repeat}）"
        )
        reason = verdict.reason if verdict is not None else one.status_reason
        if reason and status in ("held", "refused"):
            lines.append(f"          {reason}")
    return lines


def _refused_rows(report: LoadReport) -> list[str]:
    """Rows refused at landing or by the rules of dbt, of this load's files."""
    batch_ids = sorted({one.batch_id for one in report.batches if one.batch_id is not None})
    if not batch_ids:
        return []
    with warehouse.connect("audit", row_factory=dict_row) as connection:
        total = connection.execute(
            "select count(*) as rows from quarantine.rejected_rows where batch_id = any(%s)", [batch_ids]
        ).fetchone()
        rows = connection.execute(
            "select batch_id, file, line, column_name, reason_code, reason from quarantine.rejected_rows"
            " where batch_id = any(%s) order by batch_id, line, column_name limit %s",
            [batch_ids, SHOWN_ROWS],
        ).fetchall()
    count = total["rows"] if total else 0
    if not count:
        return ["", "没有被拒收的行。"]
    lines = ["", f"被拒收的行（{count}）：", *(_refused_row(row) for row in rows)]
    if count > len(rows):
        ids = _ranges(batch_ids)
        lines.append(
            f'  另有 {count - len(rows)} 行。全部查询：psql "$(nengduan dsn --role audit)" -c '  # noqa: S608 (shown, not run)
            f'"select * from quarantine.rejected_rows where {ids} order by batch_id, line"'
        )
    return lines


def _refused_row(row: dict[str, Any]) -> str:
    line = f" 第 {row['line']} 行" if row["line"] is not None else ""
    column = f" {row['column_name']} 列" if row["column_name"] else ""
    return f"  {row['file']}{line}{column}：{row['reason']} [{row['reason_code']}]"


def _ranges(batch_ids: Sequence[int]) -> str:
    """A condition for these batches that stays short when there are many."""
    if batch_ids[-1] - batch_ids[0] + 1 == len(batch_ids) > 1:
        return f"batch_id between {batch_ids[0]} and {batch_ids[-1]}"
    return f"batch_id in ({', '.join(map(str, batch_ids))})"


def _warnings(report: LoadReport) -> list[str]:
    warnings = [warning for stage in report.stages for warning in stage.warnings]
    if not warnings:
        return []
    lines = [
        "",
        f"提示（{len(warnings)}，不影响导入）：",
        *(f"  {text}" for text in warnings[:SHOWN_WARNINGS]),
    ]
    if len(warnings) > SHOWN_WARNINGS:
        lines.append(f"  另有 {len(warnings) - SHOWN_WARNINGS} 条，见 ops.quality_results。")
    return lines


def _outcome(report: LoadReport, log_path: Path, act: str = "导入") -> list[str]:
    from plugins.operations.pipeline import TITLES

    lines = [""]
    for stage in report.stages:
        mark = "通过" if stage.problem is None else "未通过"
        lines.append(f"  {TITLES[stage.name]}：{mark}（{stage.seconds:.1f} 秒）")
        if stage.problem is not None:
            lines += [f"    {line}" for line in stage.problem.splitlines()]
    if report.is_passed:
        return [*lines, "", f"{act}完成，各步骤均通过。"]
    return [*lines, "", f"{act}未全部通过，原因见上；详情见 {log_path}。"]
