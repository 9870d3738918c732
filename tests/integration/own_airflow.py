"""An Airflow of a test's own: a home, and a metadata database in the test's PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingestion import settings as configuration
from ingestion.settings import REPOSITORY, Settings
from plugins.operations import processes, server

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
COMMAND_SECONDS = 300


@contextmanager
def installed(settings: Settings, home: Path, **options: str) -> Iterator[dict[str, str]]:
    """The environment of an Airflow that is set up as `nengduan up` does it, but for ``options`` (AIRFLOW__…)."""
    database = f"airflow_{uuid.uuid4().hex[:12]}"
    place = settings.url("airflow", database).removeprefix("postgresql://")
    with server.connect_admin(settings) as connection:
        server.make_database(connection, database, "nengduan_airflow")
    environment = processes.airflow(configuration.load()) | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{place}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{place}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        **options,
    }
    try:
        run([AIRFLOW, "db", "migrate"], environment)
        yield environment
    finally:
        with server.connect_admin(settings) as connection:
            connection.execute(f'drop database if exists "{database}" with (force)'.encode())


def run(command: Sequence[str], environment: Mapping[str, str], *, may_fail: bool = False) -> str:
    """Run a command as the operator does; what it said."""
    done = subprocess.run(
        list(command),
        env=dict(environment),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert may_fail or done.returncode == 0, done.stdout[-6000:]
    return done.stdout
