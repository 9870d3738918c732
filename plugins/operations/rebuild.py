"""`nengduan rebuild`: days computed anew, or everything."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import click

from plugins.operations.load import logged, told


class Day(click.ParamType[date]):
    """A day of the calendar, written 2026-11-24."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} 不是日期；请写成 2026-11-24 这样。", param, ctx)


@click.command()
@click.option("--from", "first", type=Day(), metavar="DATE", help="First day.  [default: the earliest there is]")
@click.option("--to", "last", type=Day(), metavar="DATE", help="Last day, included.  [default: the latest there is]")
@click.option("--site", metavar="CODE", help="One site alone.  [default: all]")
def rebuild(first: date | None, last: date | None, site: str | None) -> None:
    """Compute the marts of some days anew, from the readings on; without --from and --to, of all days.

    Days are the site's statistical days, both included; weeks, months and years that hold one of them follow.
    Readings, ledgers and documents stay as they are, so no figure should change: one that does is told as a
    warning, and in ops.events.

    Ends with 0 when every stage passed.
    """
    from plugins.operations.progress import Progress
    from plugins.operations.server import ensure_database

    progress = Progress()
    settings = ensure_database(progress.line)
    with logged(settings) as log_path:
        from plugins.operations.pipeline import run_rebuild
        from plugins.operations.rebuilding import Days, DaysError

        try:
            report = run_rebuild(Days(first, last, site), announce=progress.step)
        except DaysError as error:
            raise click.UsageError(str(error)) from error
        lines = told(report, log_path, "重新计算")
    click.echo("\n".join(lines))
    sys.exit(0 if report.is_passed else 1)
