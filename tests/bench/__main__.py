"""`make bench`: write the yardstick, measure, print; a bound that is missed is said and fails nothing."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import click
import psycopg
from rich.console import Console

from ingestion.settings import REPOSITORY
from plugins.operations.progress import Progress, StepError
from tests.bench import machine, report
from tests.bench.installation import BenchError, prepare_folder
from tests.bench.measurement import Run, Scale

ROWS_FOR_ONE_BASELINE = 10_000_000
"""Above it raw PostgreSQL takes minutes, and is measured once unless more is asked for."""

LOG_WIDTH = 180
"""Characters of the table where no terminal says how wide it is."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--meters", default=1000, help="Meters of the plant; 20 is a fiftieth of the yardstick.")
@click.option("--days", default=365, help="Days of history, up to the end of 2025.")
@click.option("--seed", default=1)
@click.option("--repetitions", default=5, help="New slots and late days, each way.")
@click.option("--baseline-repetitions", default=0, help="Of raw PostgreSQL; 0: three, for large histories one.")
@click.option("--query-repetitions", default=7)
@click.option(
    "--history",
    default="tenth",
    type=click.Choice(["tenth", "tenfold", "none"]),
    help="Compare a slot with a tenth of the days, or (hours, 10 times the disk) with ten times the days.",
)
@click.option("--airflow/--no-airflow", default=True, help="Also through Airflow, as the bounds want it.")
@click.option("--folder", default=REPOSITORY / ".bench", type=click.Path(path_type=Path), help="Emptied before.")
@click.option("--date", "day", default="undated", help="Date for the record; the bench asks no clock for it.")
@click.option("--title", default="a run of the bench", help="What this run shows, for the record.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Append the section to this file.")
def main(
    *,
    meters: int,
    days: int,
    seed: int,
    repetitions: int,
    baseline_repetitions: int,
    query_repetitions: int,
    history: str,
    airflow: bool,
    folder: Path,
    day: str,
    title: str,
    record: Path | None,
) -> None:
    """Measure the platform against raw PostgreSQL on a seeded yardstick."""
    scale = Scale(
        meters=meters,
        days=days,
        seed=seed,
        repetitions=repetitions,
        baseline_repetitions=baseline_repetitions or (1 if meters * days * 96 > ROWS_FOR_ONE_BASELINE else 3),
        query_repetitions=query_repetitions,
        compares_histories=history != "none",
        is_longer=history == "tenfold",
        with_airflow=airflow,
    )
    # Ended from outside, it stops PostgreSQL and Airflow as it does at its end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = folder.absolute()
    progress = Progress()
    try:
        prepare_folder(folder)
        described = machine.describe(folder)
        outcome = Run(folder, scale, progress).measure()
    except (BenchError, StepError, ValueError, psycopg.Error) as error:
        click.echo(f"bench: the measurement failed: {error}", err=True)
        sys.exit(1)
    for written in ("home", "year"):  # after a failure they stay, for whoever looks into it
        shutil.rmtree(folder / written)
    text = report.section(outcome, scale, described, title, day)
    (folder / "section.md").write_text(text, encoding="utf-8")
    if record is not None:
        with record.open("a", encoding="utf-8") as file:
            file.write("\n" + text)
    console = Console()
    report.show(outcome, console if console.is_terminal else Console(width=LOG_WIDTH))
    click.echo(f"The record: {record or folder / 'section.md'}")


if __name__ == "__main__":
    main()
