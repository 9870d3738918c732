"""`nengduan up`: from an installed environment to everything running, with the sample plant in it.

Every step finds out by itself whether it still has to be done, so that a second call is quick
and a call after any interruption goes on where the last one stopped.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

import click
import psycopg
import requests

from ingestion import dropfolder, warehouse
from ingestion.settings import Settings
from plugins.operations import building, processes, server, services
from plugins.operations.progress import Progress, StepError, run_logged
from plugins.operations.runs import Airflow, now, wait_for_downstream, wait_for_run, wait_until
from plugins.operations.summary import print_access, print_plant
from plugins.province import destinations

FREE_DISK_BYTES = 2 * 1024**3
AIRFLOW_SERVICES = [
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
]
START_SECONDS = 600
RUN_SECONDS = 1200
INGEST_DAGS = ("import_ledgers", "ingest_erp", "ingest_readings")
MARTS_DAG = "build_marts"
UPLOAD_DAG = "upload_province"
SAMPLE_SITE_FOLDER = "kunming_steel"
SAMPLE_SITE_CODE = "KMSTEEL"


@click.command()
@click.option("--no-sample", is_flag=True, help="Start empty, without the sample plant.")
def up(no_sample: bool) -> None:
    """Start everything, with the sample plant; again = no-op."""
    bring_up(Progress(), with_sample=not no_sample)


def bring_up(progress: Progress, *, with_sample: bool = True) -> None:
    """All steps of `nengduan up`; raises StepError with the step that failed."""
    with progress.step("Preparing the database") as say:
        settings = server.ensure_database(say, thoroughly=True)
        check_disk(settings)
    with progress.step("Preparing the supervisor"):
        supervisor = services.ensure_supervisor(settings)
    if with_sample:
        write_sample(settings, progress)

    def airflow_track() -> None:
        prepare_airflow(settings, progress)
        with progress.step("Starting Airflow") as say:
            services.start(supervisor, AIRFLOW_SERVICES)
            wait_for_airflow(settings, say)
        if with_sample:
            load_sample(settings, progress)
            upload_sample(settings, progress)

    def superset_track() -> None:
        prepare_superset(settings, progress)
        with progress.step("Starting Superset") as say:
            services.start(services.reach(settings), ["superset"])
            wait_for_superset(settings, say)

    in_parallel(airflow_track, superset_track)
    if not with_sample:
        build_empty_marts(settings, progress)
    sync_dashboards(settings, progress)
    print_plant(settings, progress)
    print_access(settings, progress)


def build_empty_marts(settings: Settings, progress: Progress) -> None:
    """The dashboards are checked against the marts, so these have to stand before the first plant comes."""
    with psycopg.connect(settings.url("transform")) as connection:
        row = connection.execute("select to_regclass('marts.performance_by_type') is not null").fetchone()
    if row and row[0]:
        return
    with progress.step("Building the marts") as say, building.warehouse_lock(say):
        building.run_dbt("first-build", say)


def in_parallel(*tracks: Callable[[], None]) -> None:
    """Run the tracks side by side; waits for all, then raises the first failure."""
    with ThreadPoolExecutor(len(tracks)) as pool:
        futures = [pool.submit(track) for track in tracks]
    for future in futures:
        future.result()


def check_disk(settings: Settings) -> None:
    free = shutil.disk_usage(settings.home).free
    if free < FREE_DISK_BYTES:
        raise StepError(
            f"Only {free / 1024**3:.1f} GiB are free where {settings.home} is; "
            f"{FREE_DISK_BYTES / 1024**3:.0f} GiB are needed.",
            "Make room, or set NENGDUAN_HOME to a folder on a larger disk.",
        )


def prepare_airflow(settings: Settings, progress: Progress) -> None:
    """Airflow's metadata tables, for this version of Airflow."""
    wanted = version("apache-airflow")
    if server.installed(settings, "airflow").get("airflow") == wanted:
        return
    with progress.step("Setting up Airflow's metadata"):
        run_logged(
            [processes.programs("airflow"), "db", "migrate"],
            settings.logs / "airflow-setup.log",
            "Mend what the log says, then `make up` again.",
            environment=processes.airflow(settings),
        )
        server.note(settings, "airflow", wanted, "airflow")


def prepare_superset(settings: Settings, progress: Progress) -> None:
    """Superset's metadata tables, roles and administrator, for this version and these passwords."""
    parts = [
        (settings.repository / "requirements-superset.lock").read_bytes(),
        (settings.repository / "dashboards" / "superset_setup.py").read_bytes(),
    ]
    wanted = hashlib.sha256(b"".join(parts)).hexdigest()
    if server.installed(settings, "superset").get("superset") == wanted:
        return
    with progress.step("Setting up Superset's metadata"):
        run_logged(
            [
                processes.superset_programs(settings, "python"),
                settings.repository / "dashboards" / "superset_setup.py",
            ],
            settings.logs / "superset-setup.log",
            "Mend what the log says, then `make up` again.",
            environment=processes.superset(settings),
        )
        server.note(settings, "superset", wanted, "superset")


def wait_for_airflow(settings: Settings, say: Callable[[str], None]) -> None:
    airflow = Airflow(settings)
    health: dict[str, str] = {}

    def is_up() -> bool:
        nonlocal health
        services.check_alive(settings, AIRFLOW_SERVICES)
        health = airflow.health()
        waiting = [part for part, state in health.items() if state != "healthy"]
        say(f"waiting for {', '.join(waiting) if health else 'the API server'}")
        return bool(health) and not waiting

    wait_until(
        is_up,
        START_SECONDS,
        lambda: StepError(
            f"Airflow is not healthy after {START_SECONDS} s: {health or 'the API server does not answer'}.",
            "`nengduan logs` shows each service's log.",
            settings.logs,
        ),
    )


def wait_for_superset(settings: Settings, say: Callable[[str], None]) -> None:
    def is_up() -> bool:
        services.check_alive(settings, ["superset"])
        say("waiting for its health page")
        try:
            return requests.get(f"{settings.superset_url}/health", timeout=5).text.strip() == "OK"
        except requests.RequestException:
            return False

    wait_until(
        is_up,
        START_SECONDS,
        lambda: StepError(
            f"Superset does not answer after {START_SECONDS} s.",
            "Read its log (`nengduan logs superset`).",
            settings.logs / "superset.log",
        ),
    )


def write_sample(settings: Settings, progress: Progress) -> None:
    """Put the sample plant into the drop folder, once per installation."""
    folder = settings.drop_folder / SAMPLE_SITE_FOLDER
    if folder.exists() or "sample_plant" in server.installed(settings):
        return
    if str(settings.repository) not in sys.path:
        sys.path.insert(0, str(settings.repository))
    from tests.plants.kunming_steel import build

    with progress.step("Writing the sample plant"):
        draft = settings.home / f"{SAMPLE_SITE_FOLDER}.new"
        shutil.rmtree(draft, ignore_errors=True)
        build(draft, datetime.now(ZoneInfo("Asia/Shanghai")).date())
        settings.drop_folder.mkdir(parents=True, exist_ok=True)
        shutil.move(draft, folder)


def load_sample(settings: Settings, progress: Progress) -> None:
    """Let Airflow import what lies in the drop folder, and wait until the marts hold it; once."""
    if "sample_plant" in server.installed(settings):
        return
    airflow = Airflow(settings)
    wait_for_dags(airflow, progress)
    since = now()
    for dag_id in INGEST_DAGS:
        with progress.step(f"Airflow runs {dag_id}") as say:
            run_until_nothing_waits(airflow, dag_id, say)
    with progress.step(f"Airflow runs {MARTS_DAG}") as say:
        run_id = wait_for_downstream(airflow, MARTS_DAG, since, RUN_SECONDS, say, building.has_news)
    server.note(settings, "sample_plant", run_id)


def upload_sample(settings: Settings, progress: Progress) -> None:
    """The sample plant uploads to the bundled platform, by both profiles; what is sent first, once."""
    with progress.step("Starting the sandbox platform") as say:
        services.start(services.reach(settings), ["sandbox"])
        wait_until(
            lambda: services.listens(settings.sandbox_port),
            START_SECONDS,
            lambda: StepError(
                f"The sandbox platform does not answer after {START_SECONDS} s.",
                "Read its log (`nengduan logs sandbox`).",
                settings.logs / "sandbox.log",
            ),
        )
        say("listening")
    if "sample_upload" in server.installed(settings):
        return
    airflow = Airflow(settings)
    wait_for_dags(airflow, progress)
    airflow.keep_connection("nengduan_upload_sandbox_yunnan", secrets.token_urlsafe(9))
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    begins = (today.replace(day=1) - timedelta(days=1)).replace(day=1)  # a whole month, to hold its days against
    with warehouse.connect("upload") as connection:
        for name, profile, path in (("sandbox", "nhjc04", "/nhjc04"), ("sandbox_yunnan", "yunnan", "")):
            destinations.add(
                connection, name=name, site=SAMPLE_SITE_CODE, profile=profile,
                url=f"http://127.0.0.1:{settings.sandbox_port}{path}", is_loopback_http_allowed=True,
                options={"since": begins.isoformat()}, by="nengduan up",
            )  # fmt: skip
    for name in ("sandbox", "sandbox_yunnan"):
        with progress.step(f"Airflow runs {UPLOAD_DAG} for {name}") as say:
            run_id = airflow.trigger(UPLOAD_DAG, destination=name)
            wait_for_run(airflow, UPLOAD_DAG, run_id, RUN_SECONDS, say)
    server.note(settings, "sample_upload", run_id)


def run_until_nothing_waits(airflow: Airflow, dag_id: str, say: Callable[[str], None]) -> None:
    """Run an ingesting DAG; once more when the files were not yet quiet at its first look."""
    kind = dag_id.split("_")[1]
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        wait_for_run(airflow, dag_id, airflow.trigger(dag_id), RUN_SECONDS, say)
        if not dropfolder.waiting_packages(kind, quiet_seconds=0):
            return
        if time.monotonic() > deadline:
            raise StepError(
                f"{dag_id} leaves files of the drop folder alone after {RUN_SECONDS} s.",
                "Is something still writing into it?",
                airflow.settings.drop_folder,
            )
        time.sleep(dropfolder.QUIET_SECONDS / 4)


def wait_for_dags(airflow: Airflow, progress: Progress) -> None:
    """Wait until the dag-processor has read our DAGs; an import error ends the wait at once."""
    wanted = {*INGEST_DAGS, MARTS_DAG, UPLOAD_DAG}

    def is_known() -> bool:
        if errors := airflow.import_errors():
            raise StepError(
                "DAG files do not import:\n       " + "\n       ".join(errors),
                "Mend the files named; the dag-processor reads them again by itself.",
                airflow.settings.logs / "airflow-dag-processor.log",
            )
        return wanted <= airflow.dag_ids()

    with progress.step("Waiting for the DAGs"):
        wait_until(
            is_known,
            120,
            lambda: StepError(
                f"Airflow does not know {', '.join(sorted(wanted - airflow.dag_ids()))} after 120 s.",
                "Read the dag-processor's log.",
                airflow.settings.logs / "airflow-dag-processor.log",
            ),
        )


def sync_dashboards(settings: Settings, progress: Progress) -> None:
    """Bring the dashboards to what the files say, when the files have changed since."""
    from dashboards.assets import AssetError
    from dashboards.client import SupersetError
    from dashboards.sync import sync

    digest = hashlib.sha256()
    for path in sorted((settings.repository / "dashboards").rglob("*")):
        if path.suffix in (".py", ".yaml", ".yml"):
            digest.update(path.read_bytes())
    wanted = digest.hexdigest()
    if server.installed(settings, "superset").get("dashboards") == wanted:
        return
    with progress.step("Bringing the dashboards into Superset"):
        try:
            sync(settings)
        except (AssetError, SupersetError) as error:
            raise StepError(
                str(error), "Mend what it names, then `make up` again.", settings.logs / "superset.log"
            ) from error
        server.note(settings, "dashboards", wanted, "superset")
