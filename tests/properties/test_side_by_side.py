"""A large backlog, worked off by a process for each core: the tables of one, and nothing left running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ingestion import settings as configuration
from ingestion.settings import Settings
from tests.properties import builds, steps
from tests.properties.landing import land_plant, land_readings
from tests.properties.test_interruption import PATIENCE_SECONDS, SEED, assert_alike, sessions, two_plants, wait_for

SIDE_BY_SIDE = """
import sys
from plugins.operations import passes
passes.LARGE_METER_DAYS = 0
if __name__ == "__main__":
    sys.exit(passes.main([]))
"""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("module_warehouse")]


@pytest.fixture(scope="module", autouse=True)
def first_build(module_warehouse: Settings) -> None:
    builds.prepare()


def start_side_by_side(folder: Path) -> subprocess.Popen[str]:
    """The passes as for a large backlog: in a process for each core."""
    (folder / "large.py").write_text(SIDE_BY_SIDE, encoding="utf-8")
    settings = configuration.load()
    return subprocess.Popen(
        [sys.executable, str(folder / "large.py")],
        cwd=settings.dbt_project,
        env=settings.dbt_environment() | {"PYTHONPATH": str(configuration.REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def colleagues(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Processes with a share of the work; multiprocessing has another child, which counts its semaphores."""
    try:
        children = psutil.Process(running.pid).children()
        return [child for child in children if any("spawn_main" in word for word in child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def test_processes_side_by_side_end_in_the_tables_of_one_also_when_one_is_killed(tmp_path: Path) -> None:
    with two_plants(SEED + 5) as (calm, disturbed):
        for plant in (calm, disturbed):
            land_plant(plant, steps.NOW)
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        land_readings(disturbed, disturbed.readings, steps.NOW)
        killed = start_side_by_side(tmp_path)
        wait_for(
            lambda: bool(colleagues(killed)) and sessions("query ~ 'insert into' and state = 'active'") > 0,
            "a fact being written",
        )
        for one in colleagues(killed):
            one.kill()
        output = killed.communicate(timeout=PATIENCE_SECONDS)[0]
        assert killed.returncode == 1, output
        whole = start_side_by_side(tmp_path)
        wait_for(lambda: bool(colleagues(whole)), "a second process")
        output = whole.communicate(timeout=PATIENCE_SECONDS)[0]
        assert whole.returncode == 0, output
        assert_alike(calm, disturbed)


def test_no_process_outlives_the_one_that_shares_out_the_work(tmp_path: Path) -> None:
    with two_plants(SEED + 6) as (calm, disturbed):
        for plant in (calm, disturbed):
            land_plant(plant, steps.NOW)
        land_readings(disturbed, disturbed.readings, steps.NOW)
        running = start_side_by_side(tmp_path)
        wait_for(lambda: bool(colleagues(running)), "a second process")
        left = colleagues(running)
        running.kill()
        running.communicate(timeout=PATIENCE_SECONDS)
        _, alive = psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
        assert not alive
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        assert_alike(calm, disturbed)
