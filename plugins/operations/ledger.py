"""`nengduan ledger`: ledgers shown, written as workbooks, and taken back from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click
import psycopg

from ingestion import warehouse
from ingestion.authorship import Author, operator
from ingestion.ledgers.forms import in_chinese
from ingestion.ledgers.resources import BY_NAME

if TYPE_CHECKING:
    from ingestion.ledgers.editing import Change, Outcome
    from ingestion.ledgers.workbooks import Incoming

SHOWN = 200
KIND_WORDS = {"new": "新增", "changed": "修改", "unchanged": "不变"}
TABLE = click.Choice(list(BY_NAME))


@click.group()
def ledger() -> None:
    """Show a ledger; export it as a workbook; import the workbook again."""


@ledger.command()
@click.argument("site")
@click.argument("table", type=TABLE)
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="As the ledger was at the end of that day.")
@click.option("--in-use", is_flag=True, help="Without rows that are retired.")
def export(site: str, table: str, path: Path, as_of: datetime | None, in_use: bool) -> None:
    """Write a ledger as .xlsx, in the layout of the statutory table where there is one."""
    from ingestion.ledgers import workbooks
    from ingestion.ledgers.forms import WorkbookError

    _ready()
    with warehouse.connect("keep", autocommit=True) as connection:
        _check_site(connection, site)
        try:
            count = workbooks.export(
                connection, site, table, path, as_of=as_of.date() if as_of else None, include_retired=not in_use
            )
        except WorkbookError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{path}：{BY_NAME[table].label}，{count} 行")


@ledger.command("import")
@click.argument("site")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--table", type=TABLE, help="Which ledger it is, where the sheet's name does not say.")
@click.option("--apply", "is_meant", is_flag=True, help="Write it; without, only say what would be written.")
@click.option("--why", default="", metavar="TEXT", help="Why; required with --apply, and kept with the changes.")
@click.option("--by", "name", default="", metavar="NAME", help="Who changes.  [default: the user of this shell]")
@click.option("--build/--no-build", default=True, show_default=True, help="Compute what the changes touch.")
def import_(site: str, path: Path, table: str | None, is_meant: bool, why: str, name: str, build: bool) -> None:
    """Take a workbook back: a dry run with all differences, or with --apply the changes, all or none.

    Ends with 0 only when no cell is refused. Rows that the workbook lacks stay as they are.
    """
    from ingestion.ledgers import workbooks
    from ingestion.reasons import FileRefused

    if is_meant and not why.strip():
        raise click.UsageError("用 --apply 时请用 --why 说明原因。")
    _ready()
    author, now = Author(name.strip() or operator().name, why.strip() or None), datetime.now(UTC)
    with warehouse.connect("keep", autocommit=True) as connection:
        _check_site(connection, site)
        try:
            incoming = workbooks.read(connection, site, path, path.name, table)
        except FileRefused as error:
            raise click.ClickException(str(error)) from error
        if is_meant:
            outcome = workbooks.apply(connection, site, incoming, author, now)
        else:
            outcome = workbooks.plan(connection, site, incoming, now)
    click.echo("\n".join(told(incoming, outcome)))
    if outcome.is_applied and build and any(one.kind != "unchanged" for one in outcome.changes):
        _build()
    sys.exit(1 if outcome.refusals else 0)


@ledger.command()
@click.argument("site")
@click.argument("table", type=TABLE)
@click.option("--search", default="", metavar="TEXT", help="Rows in which all these words stand.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="As the ledger was at the end of that day.")
@click.option("--all", "include_retired", is_flag=True, help="With rows that are retired.")
@click.option("--limit", default=50, show_default=True, help="Rows at most.")
def show(site: str, table: str, search: str, as_of: datetime | None, include_retired: bool, limit: int) -> None:
    """Show rows of a ledger, a line each: what is known of it."""
    from ingestion.ledgers import reading

    _ready()
    day: date | None = as_of.date() if as_of else None
    with warehouse.connect("keep", autocommit=True) as connection:
        _check_site(connection, site)
        page = reading.query(
            connection, site, table, search=search, as_of=day, include_retired=include_retired, page_size=limit
        )
    for record in page.records:
        mark = "（已停用）" if record.is_retired else ""
        click.echo(f"{_called(record.key)}{mark}：{_values(table, record.values, record.key)}")
    click.echo(f"共 {page.total} 行" + (f"，显示 {len(page.records)} 行" if page.total > len(page.records) else ""))


def told(incoming: Incoming, outcome: Outcome) -> list[str]:
    """A dry run or an import in lines: what is new, what changes from what to what, what is refused and where."""
    counts = {kind: sum(1 for one in outcome.changes if one.kind == kind) for kind in KIND_WORDS}
    label = BY_NAME[incoming.table].label
    summary = "，".join(f"{word} {counts[kind]}" for kind, word in KIND_WORDS.items())
    lines = [f"{incoming.file}（{label}，{len(incoming.edits)} 行）：{summary}，拒绝 {len(outcome.refusals)} 处"]
    lines += [f"  提示：{notice}" for notice in outcome.notices]
    table = BY_NAME[incoming.table]
    lines += _cut(
        [f"  {incoming.place(one)}：{in_chinese(table, one.column, one.text)} [{one.code}]" for one in outcome.refusals]
    )
    lines += _cut([line for one in outcome.changes if one.kind != "unchanged" for line in _change(incoming, one)])
    if outcome.refusals:
        return [*lines, "什么也没有写入：请改正后再导入。"]
    return [*lines, "已写入台账。" if outcome.is_applied else "这是试算，什么也没有写入；确认后加 --apply。"]


def _change(incoming: Incoming, one: Change) -> Iterator[str]:
    where = f"  第 {incoming.edits[one.index].line} 行 {KIND_WORDS[one.kind]} {_called(one.key)}"
    if one.before is None:
        yield f"{where}：{_values(incoming.table, one.after, one.key)}"
        return
    before, after = _words(incoming.table, one.before), _words(incoming.table, one.after)
    differences = [
        f"{label} {before.get(label) or '空'} → {after.get(label) or '空'}"
        for label in {**after, **before}
        if before.get(label) != after.get(label)
    ]
    yield f"{where}：{'；'.join(differences)}"


def _called(key: Mapping[str, str]) -> str:
    return "，".join(value for value in key.values() if value)


def _values(table: str, values: Mapping[str, str | None], key: Mapping[str, str]) -> str:
    rest = {name: value for name, value in values.items() if name not in key}
    return "；".join(f"{label} {value}" for label, value in _words(table, rest).items() if value)


def _words(table: str, values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Values as a person at the plant reads them: columns by their Chinese names, choices in words."""
    from ingestion.ledgers import forms

    columns = {column.name: column for column in BY_NAME[table].columns}
    shown: dict[str, str | None] = {}
    for name, value in values.items():
        column = columns.get(name)
        if column is None:
            shown[name] = value
        else:
            shown[column.label] = forms.words(column).get(value or "", value)
    return shown


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"  另有 {len(lines) - SHOWN} 条"]


def _build() -> None:
    """Compute what the ledger's changes touch, as after any import."""
    from plugins.operations import pipeline
    from plugins.operations.progress import Progress, StepError

    run_id = f"ledger-{uuid4()}"
    progress = Progress()
    with progress.step(pipeline.TITLES["build"]) as say:
        log = pipeline.build_marts(run_id, say, only_news=True)
    if log is None:
        return
    with progress.step(pipeline.TITLES["marts_gate"]):
        verdict = pipeline.judge_marts(run_id)
        if verdict.reason:
            raise StepError(verdict.reason, "nengduan trace", log)


def _ready() -> None:
    from plugins.operations.server import ensure_database

    ensure_database(lambda line: click.echo(line, err=True))


def _check_site(connection: psycopg.Connection[Any], site: str) -> None:
    from ingestion.ledgers import state

    if state.timezone(connection, site) is None:
        raise click.ClickException(f"用能单位 {site} 尚未登记。请先用 nengduan load 导入含 site 表的数据包。")
