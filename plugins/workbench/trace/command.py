"""`nengduan trace`: a figure of a period, walked back to the files it came from."""

from __future__ import annotations

import sys

import click
import psycopg

from plugins.workbench.trace.steps import STEPS


@click.command()
@click.argument("site", required=False)
@click.argument("figure", required=False)
@click.argument("period", required=False)
@click.option("--depth", type=click.Choice(STEPS), default=STEPS[-1], show_default=True, help="The last step to walk.")
@click.option("--meter", "meter_code", help="Follow this meter only, down to every reading.")
@click.option("--all", "is_all", is_flag=True, help="Every row in place of the largest ones.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--show-sql", is_flag=True, help="Also print each step's query, its parameters written in.")
@click.option("--list", "is_list", is_flag=True, help="List the sites, or a site's figures, and end.")
def trace(
    site: str | None,
    figure: str | None,
    period: str | None,
    depth: str,
    meter_code: str | None,
    is_all: bool,
    form: str,
    show_sql: bool,
    is_list: bool,
) -> None:
    """Walk FIGURE of SITE in PERIOD back to flows, meters, readings, batches and files.

    FIGURE: comprehensive, type:ENERGY, level:LEVEL:ENERGY[:ORG[:EQUIPMENT]], item:ITEM:ENERGY, flow:CODE or
    meter:CODE. PERIOD: 2026, 2026-Q3, 2026-10, 2026-W41, 2026-10-05, 2026-10-05T08 or 2026-10-05/SHIFT, on the
    site's own calendar.

    Ends with 0 when every sum agrees with its figure, with 1 when one does not or a name is unknown.
    """
    from plugins.operations.server import ensure_database
    from plugins.workbench.trace import queries, render, walk

    ensure_database(lambda text: click.echo(text, err=True))
    try:
        with walk.reading() as connection:
            if is_list:
                known = walk.known_figures(connection, site) if site else walk.sites(connection)
                click.echo("\n".join(f"{name}  {label}" for name, label in known.items()))
                return
            if site is None or figure is None or period is None:
                raise click.UsageError("SITE FIGURE PERIOD are needed; --list shows what there is.")
            limits: dict[str, None] = {"limit": None, "readings_limit": None} if is_all else {}
            options = walk.Options(depth=depth, meter_code=meter_code, **limits)
            found = walk.trace(connection, site, figure, period, options)
            sql = {step.name: queries.filled(connection, step.query, step.parameters) for step in found.steps}
    except (walk.SiteError, walk.FigureError, walk.PeriodError, walk.MeterError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except psycopg.errors.QueryCanceled:
        click.echo(f"超过 {walk.TIMEOUT_SECONDS} 秒没有算完：请用 --depth 少走几步，或缩短期间。", err=True)
        sys.exit(1)
    if form == "json":
        click.echo(render.as_json(found))
    elif form == "csv":
        click.echo(render.as_csv(found), nl=False)
    else:
        click.echo(render.as_text(found, sql if show_sql else None))
    sys.exit(1 if found.differing else 0)
