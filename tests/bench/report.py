"""The run in a table for the terminal, and as a section of docs/benchmarks.md."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.bench.figures import MIB, Figure, judge, missed
from tests.bench.measurement import BASELINE, KEPT_STATEMENTS, Outcome, Scale

COLUMNS = ("figure", "min", "median", "max", "n", "÷ raw", "ratio", "bound", "met")


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """One row per figure in the order of COLUMNS; ``÷ raw`` is over the same run's raw PostgreSQL."""
    raw = outcome.figures[BASELINE].median
    found: list[tuple[str, ...]] = []
    # What was measured over another history stands below what the bounds are about.
    for name, figure in sorted(outcome.figures.items(), key=lambda item: "the history" in item[0]):
        verdict = judge(figure, outcome.figures)
        found.append(
            (
                name,
                _written(min(figure.values), figure),
                _written(figure.median, figure),
                _written(max(figure.values), figure),
                str(len(figure.values)),
                f"{figure.median / raw:.3f}" if figure.unit == "s" else "",
                f"{verdict.ratio:.2f}" if verdict.ratio is not None else "",
                verdict.words,
                {True: "yes", False: "**NO**", None: ""}[verdict.is_met],
            )
        )
    return found


def show(outcome: Outcome, console: Console) -> None:
    """The table, what explains it, and loudly what is missed."""
    table = Table(*COLUMNS)
    for row in rows(outcome):
        is_missed = row[-1] == "**NO**"
        table.add_row(*(cell.replace("**", "") for cell in row), style="bold red" if is_missed else "")
    console.print(table)
    for line in details(outcome):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    beyond = missed(outcome.figures)
    if beyond:
        console.print(
            f"MISSED {len(beyond)} BOUNDS: {'; '.join(beyond)}", style="bold red", highlight=False, soft_wrap=True
        )
    else:
        console.print("All bounds are met.", style="bold green")


def section(outcome: Outcome, scale: Scale, machine: list[tuple[str, str]], title: str, day: str) -> str:
    """Markdown for docs/benchmarks.md."""
    lines = [
        f"### {day} {title}",
        "",
        f"{scale.meters} meters × {scale.days} days: {outcome.rows:,} readings, {outcome.rows_per_slot} per slot; "
        f"seed {scale.seed}.",
        "",
        *(f"- {what}: {how}" for what, how in machine),
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in rows(outcome)),
        "",
        *(f"- {line}" for line in details(outcome)),
    ]
    return "\n".join(lines) + "\n"


def details(outcome: Outcome) -> list[str]:
    """Where the seconds and the memory go."""
    found = ["Full load by stage: " + _listed(outcome.stages, "s")]
    peaks = {name: peak / MIB for name, peak in sorted(outcome.peaks.items(), key=lambda item: -item[1])}
    found.append("Peak memory by process: " + _listed(dict(list(peaks.items())[:2]), "MiB"))
    if outcome.tasks:
        found.append("A slot through Airflow, seconds from its arrival to the end of: " + _listed(outcome.tasks, "s"))
    for what, statements in outcome.dearest.items():
        found.append(f"Dearest statements of {what}: " + _listed(dict(statements[:KEPT_STATEMENTS]), "s"))
    return found


def _listed(values: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:.{1 if value >= 1 else 3}f} {unit}" for name, value in values.items())


def _written(value: float, figure: Figure) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 3
    return f"{value:.{digits}f} {figure.unit}"
