"""Kill anything at any moment, and at the end the tables are those of an undisturbed run.

Random moments, drawn from a seed: builds are killed -9 in a forked child (dbt imported, the project read), their
backends terminated, `nengduan load` is killed with its dbt, PostgreSQL as a whole is killed and started again.
Pieces land in a random order between. NENGDUAN_KILLS asks for more than CI's kills.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import psutil
import psycopg
import pytest

from ingestion import settings as configuration
from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations import cluster, server
from tests.integration.landing_plant import write
from tests.integration.test_pipeline import MIDNIGHT, plant, readings
from tests.plants.unseen.packages import deal
from tests.properties import builds, steps
from tests.properties.landing import land_plant, land_readings
from tests.properties.test_increments import differences, forget, rows_of
from tests.reference.model import Plant

KILLS = int(os.environ.get("NENGDUAN_KILLS", "50"))
SEED = 20261124
PATIENCE_SECONDS = 120

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("module_warehouse")]


@pytest.fixture(scope="module", autouse=True)
def first_build(module_warehouse: Settings) -> None:
    builds.prepare()


def fork(act: Callable[[], None]) -> int:
    """Run something in a child that shares what this process has imported; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            act()
            status = 0
        except BaseException:  # noqa: BLE001 (a child must never come back into the test)
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def wait(child: int) -> int:
    """The child's exit code; -9 when it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child: int, seconds: float) -> bool:
    """Kill -9 a child that long after its start, unless it has ended by then; whether it was killed."""
    timer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
    timer.start()
    try:
        return wait_without_reaping(child) == -signal.SIGKILL
    finally:
        timer.cancel()
        timer.join()
        wait(child)


def wait_without_reaping(child: int) -> int:
    """Like wait, but the process id stays taken, so that a late kill hits nobody else."""
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert found is not None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def end_backends() -> int:
    """Terminate the sessions by which dbt builds; how many there were."""
    with server.connect_admin(configuration.load()) as connection:
        return len(
            connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                where datname = %s and usename = 'nengduan_transform' and pid <> pg_backend_pid()""",
                [configuration.load().warehouse_database],
            ).fetchall()
        )


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


def sessions(condition: str) -> int:
    with server.connect_admin(configuration.load()) as connection:
        row = connection.execute(
            f"select count(*) from pg_stat_activity where datname = %s and usename = 'nengduan_transform' and {condition}".encode(),
            [configuration.load().warehouse_database],
        ).fetchone()
    return int(row[0]) if row else 0


def marks_left() -> dict[str, int]:
    with warehouse.connect("transform") as connection:
        return {
            name: connection.execute(f"select count(*) from ops.dirty_{name}".encode()).fetchone()[0]  # type: ignore[index]
            for name in ("meters", "flows", "energies")
        }


def plants(seed: int) -> tuple[Plant, Plant]:
    """One plant under two names: to be landed at once, and to be disturbed."""
    calm = steps.random_plant(
        seed, f"C{uuid.uuid4().hex[:6]}", steps.START, steps.DAYS, steps.METERS, steps.NOW, steps.CALENDARS[1]
    )
    disturbed = steps.replace(calm, site_code=f"D{uuid.uuid4().hex[:6]}")
    return calm, disturbed


def assert_alike(calm: Plant, disturbed: Plant) -> None:
    assert differences(rows_of(disturbed.site_code), rows_of(calm.site_code)) == []
    assert marks_left() == {"meters": 0, "flows": 0, "energies": 0}


@contextmanager
def two_plants(seed: int) -> Iterator[tuple[Plant, Plant]]:
    calm, disturbed = plants(seed)
    try:
        yield calm, disturbed
    finally:
        forget(calm.site_code)
        forget(disturbed.site_code)


def test_builds_killed_at_any_moment_end_in_the_tables_of_undisturbed_ones() -> None:
    rng = Random(SEED)
    with two_plants(SEED) as (calm, disturbed):
        land_plant(disturbed, steps.NOW)
        pieces = deal(disturbed.readings, max(2, KILLS // 3), rng)
        began = time.monotonic()
        assert wait(fork(builds.build)) == 0
        usual = time.monotonic() - began
        killed = cut = 0
        while killed + cut < KILLS:
            if pieces and rng.random() < 0.5:
                land_readings(disturbed, pieces.pop(), steps.NOW)
            child = fork(builds.build)
            seconds = rng.uniform(0.02, 1.0) * usual
            if rng.random() < 0.7:
                killed += kill_after(child, seconds)
            else:
                timer = threading.Timer(seconds, end_backends)
                timer.start()
                timer.join()
                cut += wait(child) != 0
        for piece in pieces:
            land_readings(disturbed, piece, steps.NOW)
        land_plant(calm, steps.NOW)
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        assert_alike(calm, disturbed)
        assert killed > 0
        assert cut > 0


def test_a_server_that_dies_between_two_models_loses_nothing() -> None:
    """dbt connects anew for each model, so it may not even notice; the windows must have stayed."""
    with two_plants(SEED + 1) as (calm, disturbed):
        land_plant(disturbed, steps.NOW)
        land_readings(disturbed, disturbed.readings, steps.NOW)
        names = builds.facts()
        for stop in ("int_meters__windows", "int_flows__windows", "int_energies__windows"):
            land_readings(disturbed, disturbed.readings[:5], steps.NOW)
            place = names.index(stop) + 1
            builds.build(stop_after=place)
            kill_server()
            builds.invoke(["run", "--select", *names[place:]])
        land_plant(calm, steps.NOW)
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        assert_alike(calm, disturbed)


def kill_server() -> None:
    """Kill -9 the whole PostgreSQL, and start it as `make up` would."""
    settings = configuration.load()
    process = cluster.running_process(cluster.locate(settings))
    assert process is not None
    family = [process, *process.children(recursive=True)]
    for one in family:
        try:
            one.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue  # the postmaster's end took it along
    psutil.wait_procs(family, timeout=30)
    cluster.start(settings)


def test_two_builds_at_once_double_and_lose_nothing() -> None:
    with two_plants(SEED + 2) as (calm, disturbed):
        for plant in (disturbed, calm):
            land_plant(plant, steps.NOW)
        half = len(disturbed.readings) // 2
        land_readings(disturbed, disturbed.readings[:half], steps.NOW)
        settings = configuration.load()
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "plugins.operations.passes"],
                cwd=settings.dbt_project,
                env=settings.dbt_environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        land_readings(disturbed, disturbed.readings[half:], steps.NOW)
        outputs = [one.communicate(timeout=PATIENCE_SECONDS * 2)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], outputs
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        assert_alike(calm, disturbed)


def test_what_lands_while_a_build_is_in_the_middle_of_a_fact_is_not_lost() -> None:
    rng = Random(SEED)
    with two_plants(SEED + 3) as (calm, disturbed):
        land_plant(disturbed, steps.NOW)
        pieces = deal(disturbed.readings, 5, rng)
        land_readings(disturbed, pieces[0], steps.NOW)
        held = (
            "intermediate.int_meters__windows",
            "intermediate.int_meters__hours",
            "intermediate.int_meters__days",
            "marts.fct_energy_daily",
        )
        for table, piece in zip(held, pieces[1:], strict=True):
            with psycopg.connect(configuration.load().url("transform")) as connection:
                connection.execute(f"lock table {table} in share mode".encode())  # reads go on, writes wait
                child = fork(builds.build)
                wait_for(lambda: sessions("wait_event_type = 'Lock'") > 0, f"a build that waits for {table}")
                land_readings(disturbed, piece, steps.NOW)
            assert wait(child) == 0
        land_plant(calm, steps.NOW)
        land_readings(calm, calm.readings, steps.NOW)
        builds.build()
        assert_alike(calm, disturbed)


def test_a_load_killed_with_its_build_lands_nothing_twice_or_half(tmp_path: Path) -> None:
    """`nengduan load` as a process group of its own: killed whole, or alone so that its dbt goes on without it."""
    rng = Random(SEED)
    files = {
        f"readings/{meter}_{day}": readings(meter, 10 + day, MIDNIGHT + timedelta(days=day))
        for meter in ("M1", "M2")
        for day in range(4)
    }
    folders = {site: write(tmp_path / site, plant(site) | files) for site in ("KILLED", "CALM")}
    command = [str(Path(sys.executable).with_name("nengduan")), "load"]
    try:
        began = time.monotonic()
        calm = subprocess.run(
            [*command, str(folders["CALM"])], capture_output=True, text=True, timeout=PATIENCE_SECONDS * 2
        )
        usual = time.monotonic() - began
        assert calm.returncode == 0, calm.stdout
        for number in range(max(3, KILLS // 15)):
            load = subprocess.Popen(
                [*command, str(folders["KILLED"])], stdout=subprocess.DEVNULL, start_new_session=True
            )
            end = os.kill if number % 3 == 1 else os.killpg
            timer = threading.Timer(rng.uniform(0.1, 1.0) * usual, end, (load.pid, signal.SIGKILL))
            timer.start()
            wait_without_reaping(load.pid)
            timer.cancel()
            timer.join()
            load.wait()
        last = subprocess.run(
            [*command, str(folders["KILLED"])], capture_output=True, text=True, timeout=PATIENCE_SECONDS * 2
        )
        assert last.returncode == 0, last.stdout
        with warehouse.connect("audit") as connection:
            landed = "select file, rows_landed, status from ops.batches where site_code = %s order by file"
            stands = "select meter_code, read_at, count(*) from raw.readings where site_code = %s group by 1, 2 order by 1, 2"
            for query in (landed, stands):
                of_killed, of_calm = (connection.execute(query, [site]).fetchall() for site in ("KILLED", "CALM"))
                assert of_killed == of_calm
        assert differences(rows_of("KILLED"), rows_of("CALM")) == []
        assert marks_left() == {"meters": 0, "flows": 0, "energies": 0}
    finally:
        forget("KILLED")
        forget("CALM")
