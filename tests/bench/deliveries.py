"""Packages through the real Airflow: from the drop folder to marts that hold them."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ingestion.dropfolder import QUIET_SECONDS
from plugins.operations.runs import Airflow
from tests.bench.installation import BenchError, Installation

INGEST_DAG, MARTS_DAG = "ingest_readings", "build_marts"
DAGS = ("import_ledgers", "ingest_erp", INGEST_DAG, MARTS_DAG)
POLL_SECONDS = 0.3
LONGEST_SECONDS = 4 * 3600
BATCH = "select judged_at from ops.batches where file = %s and status = 'accepted' and judged_at >= %s"


@dataclass(frozen=True)
class Delivery:
    """Seconds from the package's arrival to the end of the build_marts run that took it up, and of each task."""

    seconds: float
    tasks: dict[str, float]
    """Seconds from the arrival to the end of each task."""


class Deliveries:
    """Brings packages into the drop folder of a running installation, one after the other.

    A file counts as fully written when nothing has touched it for QUIET_SECONDS, by its change time, which
    cannot be set. So the packages rest beforehand in folders that are looked over for their name, and
    arrive by renaming the folder, which leaves the files untouched: the clock starts when files are at rest.
    """

    def __init__(self, installation: Installation, packages: list[Path]) -> None:
        self.airflow = Airflow(installation.settings)
        self.drop = installation.settings.drop_folder
        self._address = installation.address("audit")
        for package in packages:
            shutil.copytree(package, self.drop / f".{package.name}")
        self._rested_at = time.monotonic() + QUIET_SECONDS + 2

    def deliver(self, package: Path) -> Delivery:
        """Let a package arrive, ask Airflow to look at once, and wait for its marts."""
        time.sleep(max(0.0, self._rested_at - time.monotonic()))
        self._wait_for_quiet()
        [file] = [path.relative_to(package).as_posix() for path in (package / "readings").iterdir()]
        folder = self.drop / package.name
        began = datetime.now(UTC)
        (self.drop / f".{package.name}").rename(folder)
        run_id = self.airflow.trigger(INGEST_DAG)
        judged_at = self._wait_for_batch(file, began, run_id)
        built = self._wait_for_marts(judged_at)
        shutil.rmtree(folder)  # remembered in ops.batches; in the folder it would only be looked at again
        ended = _instant(built["end_date"])
        tasks: dict[str, float] = {}
        for dag_id, since in ((INGEST_DAG, began), (MARTS_DAG, judged_at)):
            for run in self.airflow.runs(dag_id):
                if run["end_date"] and since <= _instant(run["end_date"]):
                    tasks |= self._ends(dag_id, str(run["dag_run_id"]), began)
        return Delivery((ended - began).total_seconds(), dict(sorted(tasks.items(), key=lambda task: task[1])))

    def _wait_for_batch(self, file: str, began: datetime, run_id: str) -> datetime:
        deadline = time.monotonic() + LONGEST_SECONDS
        with psycopg.connect(self._address, autocommit=True) as connection:
            while time.monotonic() < deadline:
                row = connection.execute(BATCH, [file, began]).fetchone()
                if row:
                    judged_at: datetime = row[0]
                    return judged_at
                if self.airflow.run(INGEST_DAG, run_id)["state"] == "failed":
                    raise self.airflow.failure(INGEST_DAG, run_id)
                time.sleep(POLL_SECONDS)
        raise BenchError(f"{file} was not accepted within {LONGEST_SECONDS} s")

    def _wait_for_marts(self, judged_at: datetime) -> dict[str, str]:
        """The first run of build_marts that began after the verdict and succeeded."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            started = [run for run in self.airflow.runs(MARTS_DAG) if run["start_date"]]
            later = sorted(
                (run for run in started if _instant(run["start_date"]) >= judged_at), key=lambda run: run["start_date"]
            )
            if later and later[0]["state"] == "failed":
                raise self.airflow.failure(MARTS_DAG, str(later[0]["dag_run_id"]))
            if later and later[0]["state"] == "success":
                return later[0]
            time.sleep(POLL_SECONDS)
        raise BenchError(f"no run of {MARTS_DAG} took up what was accepted within {LONGEST_SECONDS} s")

    def _wait_for_quiet(self) -> None:
        """Runs by the clock are over, and the next ones are not due at once."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            runs = [run for dag_id in DAGS for run in self.airflow.runs(dag_id)]
            if all(run["state"] in ("success", "failed") for run in runs):
                return
            time.sleep(POLL_SECONDS)
        raise BenchError("Airflow never comes to rest")

    def _ends(self, dag_id: str, run_id: str, began: datetime) -> dict[str, float]:
        return {
            f"{dag_id}.{task['task_id']}": (_instant(task["end_date"]) - began).total_seconds()
            for task in self.airflow.task_instances(dag_id, run_id)
            if task["end_date"] and task["state"] == "success"
        }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
