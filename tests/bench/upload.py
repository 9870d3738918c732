"""`make bench-upload`: how fast an outage's backlog reaches a platform, and how much memory that takes.

A seeded backlog of realtime figures (500 items by 15 minutes for 30 days are 1.44 million rows) is filled into the
outbox and sent to the bundled sandbox, which runs in a process of its own on the same machine.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ingestion import warehouse
from ingestion.settings import REPOSITORY
from tests.bench import machine
from tests.bench.installation import Installation, prepare_folder
from tests.integration import upload_world
from tests.integration.upload_world import DESTINATIONS, World

BOUNDS = {"nh": 5000, "yn": 200}
"""Rows per second that are wanted."""

USAGES = ("00", "10", "11", "20", "30")
FIRST_DAY = 1


@dataclass(frozen=True)
class Sent:
    """What one backlog took. ``early_mib`` is the sender's most memory until a tenth was sent, ``peak_mib`` until its end."""

    rows: int
    fill_s: float
    send_s: float
    early_mib: float
    peak_mib: float


def put_backlog(world: World, items: int, days: int) -> tuple[date, int]:
    """Realtime figures of ``items`` by 15 minutes for ``days``; returns the first day and how many."""
    first = world.begin(FIRST_DAY)
    codes = [f"06-{unit:02}-0000-023300-{usage}" for unit in range(1, 100) for usage in USAGES][:items]
    codes += [f"05-{unit:02}-0000-023300-{usage}" for unit in range(1, 100) for usage in USAGES][: items - len(codes)]
    with warehouse.connect("owner") as owner:
        owner.execute(
            """insert into ledger.upload_items (site_code, data_code, flow_code, scope, stat_types, batch_id)
            select 'S1', code, 'F2', 3, '0', 1 from unnest(%s::text[]) as code on conflict do nothing""",
            [codes],
        )
        rows = owner.execute(
            """insert into marts.upload_values
            select 'S1', code, '*', 0, at, at at time zone 'Asia/Shanghai' + interval '15 minutes',
                (hashtext(code || at) %% 1000000) / 1000.0, 0.1229, 4, 3, true, 1, false, false
            from unnest(%s::text[]) as code
            cross join generate_series(%s::timestamp, %s::timestamp - interval '1 second', '15 minutes') as at""",
            [codes, first, first + timedelta(days=days)],
        ).rowcount
    with warehouse.connect("owner", autocommit=True) as owner:
        owner.execute("analyze marts.upload_values")
    return first, rows


def send_backlog(world: World, destination: str) -> Sent:
    """One run of the sender over the whole backlog; raises click.ClickException where something is left."""
    memory: list[tuple[float, float]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            if pid := world.sender_pid:
                memory.append((time.monotonic(), _resident_mib(pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        told = world.run(destination)
    finally:
        is_over.set()
        watcher.join()
    counts = world.count(destination)
    if told != "ended" or counts[1] or counts[3]:
        raise click.ClickException(f"{destination}: {told}, {counts}, {world.troubles(destination)}")
    at = {words.split(" ")[0]: moment for moment, words in reversed(world.said)}
    return Sent(
        rows=counts[2],
        fill_s=at["上报"] - at["从数据集市取数"],
        send_s=at["与平台核对"] - at["上报"],
        early_mib=max(mib for moment, mib in memory if moment < at["上报"] + (at["与平台核对"] - at["上报"]) / 10),
        peak_mib=max(mib for _, mib in memory),
    )


def _resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--items", default=500)
@click.option("--days", default=30, help="Of an outage: 500 items by 15 minutes for 30 days are 1.44 million rows.")
@click.option("--single-days", default=1, help="The same for yunnan, which takes one record per POST.")
@click.option("--folder", default=REPOSITORY / ".bench", type=click.Path(path_type=Path), help="Emptied before.")
def main(*, items: int, days: int, single_days: int, folder: Path) -> None:
    """Measure the sender against the sandbox; a bound that is missed is said and fails nothing."""
    folder = folder.absolute()
    prepare_folder(folder)
    installation = Installation(folder)
    console = Console()
    try:
        installation.start_database()
        os.environ.update(installation.environment)
        console.print(machine.describe(folder))
        table = Table("destination", "rows", "fill s", "send s", "rows/s", "wanted", "MiB early", "MiB peak")
        with upload_world.world(folder / "plant") as world:
            for destination, bound in BOUNDS.items():
                put_backlog(world, items, days if destination == "nh" else single_days)
                one = send_backlog(world, destination)
                table.add_row(
                    DESTINATIONS[destination], f"{one.rows}", f"{one.fill_s:.1f}", f"{one.send_s:.1f}",
                    f"{one.rows / one.send_s:.0f}", f"≥ {bound}", f"{one.early_mib:.0f}", f"{one.peak_mib:.0f}",
                )  # fmt: skip
        console.print(table)
    finally:
        installation.remove()
    shutil.rmtree(folder / "home")


if __name__ == "__main__":
    main()
