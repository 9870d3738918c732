"""`make bench-workbench`: pages over a ledger of 100,000 meters, and a workbook of 5,000 rows there and back."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TypeVar

import click
import openpyxl
import pytest
from rich.console import Console
from rich.table import Table

from ingestion import warehouse
from ingestion.authorship import Author
from ingestion.ledgers import workbooks
from ingestion.settings import REPOSITORY
from tests.bench import machine
from tests.bench.figures import Bound, Figure, judge
from tests.bench.installation import BenchError, Installation, prepare_folder
from tests.integration.workbench_visits import SITE, address, let_in, plant, visiting

Result = TypeVar("Result")

PAGE_SECONDS, WORKBOOK_SECONDS = 0.5, 10.0

METERS = """
insert into ledger.meters (
    site_code, meter_code, name, energy_code, reading_kind, unit, level, model, location, org_code, status,
    next_calibration_on, batch_id
)
select
    'S1', 'B' || lpad(number::text, 7, '0'), (array['进线', '馈线', '电炉', '风机', '水泵'])[1 + number %% 5] || '电能表 ' || number,
    'electricity', 'register', 'kWh', 1 + number %% 3, 'DTS' || number %% 97, '配电室 ' || number %% 1013,
    (array['W1', 'L1', 'W2'])[1 + number %% 3], 'normal', date '2027-01-01' + number %% 700, 1
from generate_series(1, %s) as numbers (number)
"""
EQUIPMENT = """
insert into ledger.equipment (site_code, equipment_code, name, org_code, model, location, rated_power_kw, batch_id)
select 'S1', 'E' || lpad(number::text, 6, '0'), '设备 ' || number, 'W1', 'Y' || number %% 89, '一车间', number %% 400, 1
from generate_series(1, %s) as numbers (number)
"""

PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "list": ("meters/list", {}),
    "list, last page": ("meters/list", {"page": "4000"}),
    "list, sorted by location": ("meters/list", {"sort": "location__desc"}),
    "search, one word": ("meters/list", {"q": "B0099"}),
    "search, two words": ("meters/list", {"q": "电炉 DTS42"}),
    "search, in Chinese": ("meters/list", {"q": "配电室 77"}),
    "filter, one of two": ("meters/list", {"filter": "location__is=配电室1 OR meter_code__is=B0000042"}),
    "filter, by a unit's name": ("meters/list", {"filter": "org_code__contains=车间"}),
    "choices, nothing typed": ("choices/verifications/meter_code", {}),
    "choices, by code": ("choices/verifications/meter_code", {"q": "B0099"}),
    "choices, by name": ("choices/verifications/meter_code", {"q": "电炉 99"}),
    "choices, last page": ("choices/verifications/meter_code", {"page": "4999"}),
}


MARK = re.compile(r'!B|"id":"B')
"""A meter stands in the answer: as a row's key, or as what is offered."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--meters", default=100_000)
@click.option("--rows", "row_count", default=5000, help="Rows of the workbook.")
@click.option("--repetitions", default=7)
@click.option("--folder", default=REPOSITORY / ".bench", type=click.Path(path_type=Path), help="Emptied before.")
def main(*, meters: int, row_count: int, repetitions: int, folder: Path) -> None:
    """Measure the workbench over large ledgers; a bound that is missed is said and fails nothing."""
    folder = folder.absolute()
    prepare_folder(folder)
    installation = Installation(folder)
    try:
        installation.start_database()
        os.environ.update(installation.environment)
        described = machine.describe(folder)
        plant(folder / "plant")
        _fill(meters, row_count)
        figures = [*_pages(repetitions), *_workbook(folder / "equipment.xlsx")]
    finally:
        installation.remove()
    shutil.rmtree(folder / "home")
    _show(figures, described)


def _fill(meters: int, row_count: int) -> None:
    with warehouse.connect("owner", autocommit=True) as connection:
        connection.execute(METERS.encode(), [meters])
        connection.execute(EQUIPMENT.encode(), [row_count])
        connection.execute("vacuum analyze")


def _pages(repetitions: int) -> list[Figure]:
    """Whole answers of the web application, the login aside; the first request, which makes it, is not counted."""
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        with visiting("energy_manager") as client:
            client.get(address("meters/list"))
            for name, (path, asked) in PAGES.items():
                seconds = []
                for _ in range(repetitions):
                    began = time.monotonic()
                    answer = client.get(address(path), params=asked)
                    seconds.append(time.monotonic() - began)
                    if answer.status_code != 200 or not MARK.search(answer.text):
                        raise BenchError(f"{path} {asked}: {answer.status_code}, or no meter in it")
                figures.append(Figure(name, tuple(seconds), bound=Bound(PAGE_SECONDS)))
    return figures


def _workbook(path: Path) -> list[Figure]:
    """Export, a change in every row, dry run and import; the bound is over all of it."""
    spent: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Result]) -> Result:
        began = time.monotonic()
        result = act()
        spent[name] = time.monotonic() - began
        return result

    now = datetime.now(UTC)
    with warehouse.connect("keep", autocommit=True) as connection:
        timed("workbook: export", lambda: workbooks.export(connection, SITE, "equipment", path))
        changed = _change(path)
        incoming = timed("workbook: read", lambda: workbooks.read(connection, SITE, path, path.name))
        planned = timed("workbook: dry run", lambda: workbooks.plan(connection, SITE, incoming, now))
        author = Author("bench", "bench")
        applied = timed("workbook: import", lambda: workbooks.apply(connection, SITE, incoming, author, now))
    for outcome in (planned, applied):
        if outcome.refusals or sum(one.kind == "changed" for one in outcome.changes) != changed:
            raise BenchError(f"the workbook is not taken: {outcome.refusals[:3]}")
    figures = [Figure(name, (seconds,)) for name, seconds in spent.items()]
    return [*figures, Figure("workbook: all of it", (sum(spent.values()),), bound=Bound(WORKBOOK_SECONDS))]


def _change(path: Path) -> int:
    """Write another location into every row that has one; how many."""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    header = next(row for row in sheet.iter_rows() if any(cell.value == "安装地点" for cell in row))
    place = next(cell.column for cell in header if cell.value == "安装地点")
    count = 0
    for row in sheet.iter_rows(min_row=header[0].row + 1, min_col=place, max_col=place):
        if row[0].value:
            row[0].value = "二车间"
            count += 1
    book.save(path)
    return count


def _show(figures: list[Figure], described: list[tuple[str, str]]) -> None:
    console = Console()
    for name, value in described:
        console.print(f"- {name}: {value}", highlight=False)
    table = Table("figure", "min", "median", "max", "bound", "met")
    for one in figures:
        verdict = judge(one, {})
        table.add_row(
            one.name,
            *(f"{seconds:.3f} s" for seconds in (min(one.values), median(one.values), max(one.values))),
            verdict.words,
            {True: "yes", False: "NO", None: ""}[verdict.is_met],
        )
    console.print(table)


if __name__ == "__main__":
    main()
