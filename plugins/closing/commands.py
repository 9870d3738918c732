"""`nengduan period`: close and re-open months, list the versions, say what has changed, check the hashes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click

SCOPE_WORDS = {"flow": "流", "intake": "净购入", "stock": "库存变化"}
STATE_WORDS = {"standing": "已结账", "reopened": "已重新打开", "unfinished": "未完成（再次结账或 reopen 即作废）"}
HASH_SHOWN = 16
FIGURES = (("quantity", "实物量"), ("tce_equivalent", "当量 tce"), ("tce_equal", "等价 tce"), ("coverage", "覆盖率"))


class Month(click.ParamType[date]):
    """A month as YYYY-MM; the site's own, named as in stat_month."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
        except ValueError:
            self.fail(f"{value!r} 不是 YYYY-MM 形式的月份", param, ctx)


site_argument = click.argument("site")
month_argument = click.argument("month", type=Month())


def act_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--by and --reason: an act has a name and a reason."""
    command = click.option("--reason", required=True, help="Why; kept with the act.")(command)
    return click.option("--by", required=True, help="Who does it; kept with the act.")(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def period() -> None:
    """Close and re-open a site's months; list the versions and what has changed since."""
    from plugins.operations.server import ensure_database

    ensure_database(lambda text: click.echo(text, err=True))


@period.command("close")
@site_argument
@month_argument
@act_options
@click.option("--incomplete-ok", is_flag=True, help="Close although figures are missing; the closing lists them.")
def close(site: str, month: date, by: str, reason: str, incomplete_ok: bool) -> None:
    """Fix the figures of a month as its next version."""
    from plugins.closing.acts import close_period
    from plugins.operations.progress import Progress

    with _told(), Progress().step("结账") as say:
        closing = close_period(site, month, by, reason, is_incomplete_ok=incomplete_ok, say=say)
    click.echo(f"{site} 的 {month:%Y-%m} 已结账：第 {closing.version} 版，{closing.figure_rows} 行")
    click.echo(f"SHA-256 {closing.figures_hash}")
    if closing.missing:
        click.echo("\n".join(["按不完整的数据结账，缺：", *(f"  {line}" for line in closing.missing)]))


@period.command("reopen")
@site_argument
@month_argument
@act_options
def reopen(site: str, month: date, by: str, reason: str) -> None:
    """End the version a month stands on; it stays readable, and the next closing is a new one."""
    from plugins.closing.acts import reopen_period

    with _told():
        version = reopen_period(site, month, by, reason, say=click.echo)
    if version is None:
        click.echo(f"{site} 的 {month:%Y-%m} 有一次没有完成的结账，已作废")
    else:
        click.echo(f"{site} 的 {month:%Y-%m} 已重新打开；第 {version} 版保留可查，不再是依据")


@period.command("list")
@click.argument("site", required=False)
def list_closings(site: str | None) -> None:
    """List the closed months: version, hash, state, number of differences."""
    from plugins.closing.versions import closings

    with _told():
        rows = closings(site)
    if not rows:
        click.echo("没有结账的月份。")
    for row in rows:
        click.echo("\n".join(_closing(row)))


@period.command("diff")
@site_argument
@month_argument
def diff(site: str, month: date) -> None:
    """Say what has changed since a month was closed, and why."""
    from plugins.closing.versions import differences

    with _told():
        rows = differences(site, month)
    if not rows:
        click.echo(f"{site} 的 {month:%Y-%m} 与结账时一致。")
    for row in rows:
        click.echo("\n".join(_difference(row)))


@period.command("verify")
@click.argument("site", required=False)
@click.argument("month", type=Month(), required=False)
def verify(site: str | None, month: date | None) -> None:
    """Hash the closed figures anew; ends with 1 when a version was touched."""
    from plugins.closing.versions import verify as check

    with _told():
        checks = check(site, month)
    if not checks:
        click.echo("没有结账的月份。")
    for one in checks:
        words = "未被改动" if one.is_untouched else "已被改动！"
        click.echo(f"{one.site_code} {one.stat_month:%Y-%m} 第 {one.version} 版：{words}（SHA-256 {one.stored_hash}）")
        if not one.is_untouched:
            click.echo(f"  现为 {one.found_hash}；结账时 {one.stored_rows} 行，现有 {one.found_rows} 行")
    sys.exit(0 if all(one.is_untouched for one in checks) else 1)


@contextmanager
def _told() -> Iterator[None]:
    """A refusal is a few clear lines and the exit status 1."""
    from plugins.closing.acts import ClosingError, IncompleteError
    from plugins.operations.building import BuildError

    try:
        yield
    except IncompleteError as error:
        raise click.ClickException("\n".join([str(error), *(f"  {line}" for line in error.missing)])) from error
    except (ClosingError, BuildError) as error:
        raise click.ClickException(str(error)) from error


def _closing(row: dict[str, Any]) -> list[str]:
    state = STATE_WORDS[row["state"]]
    if row["state"] == "standing":
        state += f"，其后有 {row['difference_count']} 处变化" if row["difference_count"] else "，其后无变化"
    lines = [
        f"{row['site_code']} {row['stat_month']:%Y-%m} 第 {row['version']} 版：{state}",
        f"  {row['closed_by']} {_local(row['closed_at'], row['timezone'])} 结账：{row['reason']}",
    ]
    if row["figures_hash"]:
        lines.append(f"  {row['figure_rows']} 行，SHA-256 {row['figures_hash'][:HASH_SHOWN]}…")
    if row["missing_figures"]:
        lines += [
            f"  结账时不完整，缺 {len(row['missing_figures'])} 项：",
            *(f"    {one}" for one in row["missing_figures"]),
        ]
    if row["reopened_at"]:
        at = _local(row["reopened_at"], row["timezone"])
        lines.append(f"  {row['reopened_by']} {at} 重新打开：{row['reopen_reason']}")
    return lines


def _difference(row: dict[str, Any]) -> list[str]:
    energy = row["energy_name"] or row["energy_code"]
    subject = f"流 {row['flow_code']}（{energy}）" if row["scope"] == "flow" else f"{energy}{SCOPE_WORDS[row['scope']]}"
    lines = [subject]
    for name, word in FIGURES:
        closed, now = row[f"closed_{name}"], row[f"now_{name}"]
        if closed == now:
            continue
        difference = f"，差 {_number(now - closed, '+')}" if closed is not None and now is not None else ""
        unit = f" {row['unit']}" if name == "quantity" and row["unit"] else ""
        lines.append(f"  {word}{unit}：结账 {_number(closed)}，现 {_number(now)}{difference}")
    return [*lines, f"  原因：{row['why']}"]


def _number(value: Decimal | None, sign: str = "") -> str:
    return "未知" if value is None else f"{value.normalize():{sign}f}"


def _local(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")
