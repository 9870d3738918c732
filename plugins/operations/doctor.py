"""`nengduan doctor`: looks at an installation and says what is wrong with it and what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg
import requests

from ingestion import settings as configuration
from ingestion.settings import WAREHOUSE_ROLES, Settings, SettingsError
from plugins.operations import cluster, processes, server, services, storage
from plugins.operations.findings import Finding, fault, note, ok, show
from plugins.operations.progress import StepError
from plugins.operations.runs import Airflow

FREE_DISK_BYTES = 2 * 1024**3
STALE_BATCH_HOURS = 1


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, from the ground up; a check that itself breaks is a fault and not the end."""
    for check in (python, disk, database, roles, ports, supervised, airflow, superset, batches, stored):
        try:
            yield from check(settings)
        except (psycopg.Error, requests.RequestException, StepError, SettingsError, OSError) as error:
            first = str(error).strip().splitlines()[0]
            yield fault(f"{check.__name__}: {first}", "`make up` mends most of it; then ask again.")


def python(settings: Settings) -> Iterator[Finding]:
    """The two environments and the lock files they were built from."""
    from plugins.operations import bootstrap

    yield ok(f"Python {sys.version.split()[0]} in {sys.prefix}")
    for environment in (bootstrap.main_environment("runtime"), bootstrap.superset_environment()):
        name = environment.folder.name
        if Path(sys.prefix).is_relative_to(settings.repository) and not environment.is_current():
            yield fault(f"{name} does not agree with its lock file.", "`make up` builds it anew.")
    processes.superset_programs(settings, "gunicorn")


def disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.home).free
    text = f"{free / 1024**3:.1f} GiB free at {settings.home}"
    if free < FREE_DISK_BYTES:
        yield fault(text, "Make room: PostgreSQL stops when the disk is full.")
    else:
        yield ok(text)


def database(settings: Settings) -> Iterator[Finding]:
    where = f"PostgreSQL at {settings.database_host}:{settings.database_port}"
    if settings.is_bundled and not cluster.running_process(cluster.locate(settings)):
        if services.listens(settings.database_port):
            owner = cluster.port_owner(settings.database_port)
            yield fault(
                f"Port {settings.database_port}, which PostgreSQL needs, is taken by {owner}.",
                "Stop that program or set NENGDUAN_DATABASE_PORT to a free port.",
            )
        else:
            yield fault(f"{where} is not running.", "Start it with `make up`.")
        return
    with psycopg.connect(settings.url("transform"), connect_timeout=5) as connection:
        version = connection.info.parameter_status("server_version")
    yield ok(f"{where} answers, version {version}")
    if server.is_current(settings):
        yield ok("Migrations and reference data are up to date.")
    else:
        yield fault("Migrations or reference data are not those of this version.", "nengduan migrate")


def roles(settings: Settings) -> Iterator[Finding]:
    """Whether each role gets in with the password that we have for it."""
    if not services.listens(settings.database_port) and settings.is_bundled:
        return
    for role in WAREHOUSE_ROLES:
        try:
            psycopg.connect(settings.url(role), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            yield fault(f"nengduan_{role} cannot log in: {server.first_line(error)}", "nengduan migrate")


def ports(settings: Settings) -> Iterator[Finding]:
    """Ports of services that do not run, taken by somebody else."""
    running = {name for name, state in services.states(settings).items() if state in ("RUNNING", "STARTING")}
    for service in services.services(settings).values():
        if service.name in running:
            continue
        for port in filter(services.listens, service.ports):
            yield fault(
                f"Port {port}, which {service.name} needs, is taken by {cluster.port_owner(port)}.",
                "Stop that program, or set NENGDUAN_AIRFLOW_PORT, _SUPERSET_PORT or _SANDBOX_PORT to a free port.",
            )


def supervised(settings: Settings) -> Iterator[Finding]:
    states = services.states(settings)
    if not states:
        left = len(services.leftovers(settings))
        also = f" (but {left} of its processes are left over)" if left else ""
        yield fault(f"The supervisor is not running{also}.", "Start it with `make up`.")
    for name, state in states.items():
        if state == "RUNNING":
            yield ok(f"{name} is running")
        else:
            yield fault(f"{name} is {state}", f"nengduan logs {name}; `make up` starts it again.")


def airflow(settings: Settings) -> Iterator[Finding]:
    client = Airflow(settings)
    health = client.health()
    if not health:
        yield fault(f"Airflow does not answer at {settings.airflow_url}.", "nengduan logs airflow-api-server")
        return
    for part, state in health.items():
        if state != "healthy":
            yield fault(f"Airflow's {part} is {state}.", "nengduan logs")
    errors = client.import_errors()
    yield from (fault(f"DAG does not import: {error}", "Mend the file named.") for error in errors)
    if not errors:
        yield ok(f"Airflow is healthy and knows {len(client.dag_ids())} DAGs")
    for dag_id in sorted(client.dag_ids()):
        latest = next(iter(client.runs(dag_id)), None)
        if latest and latest["state"] == "failed":
            yield fault(
                f"The newest run of {dag_id} failed ({latest['dag_run_id']}).",
                f"{settings.airflow_url}/dags/{dag_id} says where; clear the failed task to run it again.",
            )


def superset(settings: Settings) -> Iterator[Finding]:
    answer = requests.get(f"{settings.superset_url}/health", timeout=10)
    if answer.text.strip() == "OK":
        yield ok("Superset is healthy")
    else:
        yield fault(f"Superset answers {answer.status_code}.", "nengduan logs superset")


def batches(settings: Settings) -> Iterator[Finding]:
    """Batches that no gate has judged, and those that a gate holds back."""
    with psycopg.connect(settings.url("audit"), connect_timeout=5) as connection:
        stale = connection.execute(
            "select count(*), min(received_at) from ops.batches "
            "where status = 'landed' and received_at < now() - make_interval(hours => %s)",
            (STALE_BATCH_HOURS,),
        ).fetchone()
        held = connection.execute(
            "select site_code, file, status_reason from ops.batches "
            "where status = 'held' order by batch_id desc limit 5"
        ).fetchall()
    if stale and stale[0]:
        yield fault(
            f"{stale[0]} batches wait for their gate since {stale[1]:%Y-%m-%d %H:%M} UTC.",
            "Look at the newest runs of ingest_readings, ingest_erp and import_ledgers.",
        )
    for site_code, file, reason in held:
        yield note(f"Held back: {site_code} {file}: {reason}", "Send a corrected file; see ops.quality_results.")


def stored(settings: Settings) -> Iterator[Finding]:
    """Months, statistics, growth and age of what the warehouse holds."""
    yield from storage.examine(settings, datetime.now(UTC))


@click.command()
def doctor() -> None:
    """Say what is wrong with this installation. Exit code 1 when anything is."""
    faults = 0
    try:
        settings = configuration.load()
    except SettingsError as error:
        show(fault(str(error), "Correct that variable; nothing else can be looked at before."))
        sys.exit(1)
    for finding in examine(settings):
        show(finding)
        faults += finding.state == "fault"
    click.echo(f"{faults} faults." if faults else "All is well.")
    sys.exit(1 if faults else 0)
