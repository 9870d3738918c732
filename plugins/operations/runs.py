"""Has Airflow's own scheduler run DAGs, through its REST API, and waits for the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests

from ingestion.settings import Settings
from plugins.operations.progress import Say, StepError

HEALTH_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
POLL_SECONDS = 1.0
ANSWER_SECONDS = 180


class Airflow:
    """A logged-in client of one Airflow."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session = requests.Session()

    def health(self) -> dict[str, str]:
        """State of each part of Airflow by name; empty when the API server does not answer."""
        try:
            answer = requests.get(f"{self.settings.airflow_url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return {}
        return {part: (answer.get(part) or {}).get("status") or "missing" for part in HEALTH_PARTS}

    def log_in(self) -> None:
        body = {"username": "admin", "password": self.settings.secrets["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"]}
        answer = requests.post(f"{self.settings.airflow_url}/auth/token", json=body, timeout=30)
        if answer.status_code not in (200, 201):
            raise StepError(
                f"Airflow does not let the user admin in ({answer.status_code}): {answer.text[:200]}",
                "If another program answers on Airflow's port, set NENGDUAN_AIRFLOW_PORT.",
            )
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """One call of the REST API; logs in when the token is missing or too old.

        A question that gets no answer is asked again for a while: a busy machine answers late.
        """
        patience = ANSWER_SECONDS if method == "GET" else 0
        began = time.monotonic()
        while True:
            try:
                if "Authorization" not in self._session.headers:
                    self.log_in()
                answer = self._session.request(
                    method, f"{self.settings.airflow_url}/api/v2{path}", timeout=60, **options
                )
            except requests.RequestException as error:
                if time.monotonic() - began < patience:
                    time.sleep(POLL_SECONDS)
                    continue
                raise StepError(
                    f"Airflow does not answer {method} {path}: {error}",
                    "Is the API server alive and the machine not overloaded? `nengduan doctor`",
                    self.settings.logs / "airflow-api-server.log",
                ) from error
            if answer.status_code != 401 or time.monotonic() - began > ANSWER_SECONDS:
                break
            self._session.headers.pop("Authorization", None)
        if not answer.ok:
            raise StepError(
                f"Airflow answers {answer.status_code} to {method} {path}: {answer.text[:300]}",
                "Read its log: `nengduan logs airflow-api-server`.",
                self.settings.logs / "airflow-api-server.log",
            )
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.request("GET", "/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[str]:
        """One line per DAG file that does not import."""
        errors = self.request("GET", "/importErrors", params={"limit": 100})["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def trigger(self, dag_id: str, **parameters: Any) -> str:
        """Ask the scheduler for a run now, with parameters of the DAG; its id."""
        self.request("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
        run = self.request("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": parameters})
        return str(run["dag_run_id"])

    def keep_connection(self, connection_id: str, password: str) -> None:
        """A connection that holds a secret for tasks; one of that name is replaced."""
        body = {"connection_id": connection_id, "conn_type": "generic", "password": password}
        known = self.request("GET", "/connections", params={"connection_id_pattern": connection_id})["connections"]
        if any(one["connection_id"] == connection_id for one in known):
            self.request("PATCH", f"/connections/{connection_id}", json=body)
        else:
            self.request("POST", "/connections", json=body)

    def runs(self, dag_id: str, since: datetime | None = None) -> list[dict[str, Any]]:
        """Runs of a DAG, newest first, that were queued after ``since``."""
        options: dict[str, Any] = {"limit": 100, "order_by": "-run_after"}
        if since is not None:
            options["run_after_gte"] = since.isoformat()
        runs: list[dict[str, Any]] = self.request("GET", f"/dags/{dag_id}/dagRuns", params=options)["dag_runs"]
        return runs

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        instances: list[dict[str, Any]] = self.request("GET", path, params={"limit": 100})["task_instances"]
        return instances

    def failure(self, dag_id: str, run_id: str) -> StepError:
        """What failed in a run, and where to read about it."""
        failed = [task for task in self.task_instances(dag_id, run_id) if task["state"] == "failed"]
        folder = self.settings.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        tasks = ", ".join(sorted({task["task_id"] for task in failed})) or "no single task"
        last = self._last_words(dag_id, run_id, failed[0]) if failed else ""
        return StepError(
            f"Airflow's run {run_id} of {dag_id} failed in {tasks}. {last}".strip(),
            f"Open {self.settings.airflow_url}/dags/{dag_id} as admin, mend the cause, `make up` again.",
            folder,
        )

    def _last_words(self, dag_id: str, run_id: str, task: dict[str, Any]) -> str:
        """The last error that a failed task wrote into its log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        try:
            content = self.request("GET", path, params={"map_index": task["map_index"]})["content"]
        except (StepError, KeyError):
            return ""
        events = [event for event in content if isinstance(event, dict)]
        for event in reversed(events):
            for detail in event.get("error_detail") or []:
                return f"{detail.get('exc_type')}: {detail.get('exc_value')}"[:500]
        return ""


def wait_until(
    is_done: Callable[[], bool], seconds: float, failure: Callable[[], StepError], poll: float = POLL_SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise failure()
        time.sleep(poll)


def wait_for_run(airflow: Airflow, dag_id: str, run_id: str, seconds: float, say: Say) -> None:
    """Wait until a run has succeeded; raises with the failed tasks when it has not."""
    run: dict[str, Any] = {}

    def is_done() -> bool:
        nonlocal run
        run = airflow.run(dag_id, run_id)
        tasks = airflow.task_instances(dag_id, run_id) if run["state"] == "running" else []
        active = [task["task_id"] for task in tasks if task["state"] == "running"]
        say(f"{dag_id} is {run['state']}" + (f" ({', '.join(active)})" if active else ""))
        return run["state"] in ("success", "failed")

    wait_until(
        is_done,
        seconds,
        lambda: StepError(
            f"{dag_id} is still {run.get('state')} after {seconds:.0f} s.",
            f"Look at {airflow.settings.airflow_url}/dags/{dag_id}; is the machine out of memory or disk?",
            airflow.settings.logs / "airflow-scheduler.log",
        ),
    )
    if run["state"] != "success":
        raise airflow.failure(dag_id, run_id)


def wait_for_downstream(
    airflow: Airflow, dag_id: str, since: datetime, seconds: float, say: Say, has_news: Callable[[], bool]
) -> str:
    """Wait for the runs that assets start by themselves, until no news is left; the newest one's id."""
    newest: list[dict[str, Any]] = []

    def is_done() -> bool:
        nonlocal newest
        newest = airflow.runs(dag_id, since)
        running = [run for run in newest if run["state"] not in ("success", "failed")]
        say(f"{dag_id}: {len(newest)} started, {len(running)} unfinished")
        if newest and newest[0]["state"] == "failed":
            raise airflow.failure(dag_id, str(newest[0]["dag_run_id"]))
        return bool(newest) and not running and not has_news()

    wait_until(
        is_done,
        seconds,
        lambda: StepError(
            f"The new data did not make {dag_id} finish within {seconds:.0f} s.",
            f"Look at {airflow.settings.airflow_url}/dags/{dag_id} and at the assets it waits for.",
            airflow.settings.logs / "airflow-scheduler.log",
        ),
    )
    return str(newest[0]["dag_run_id"])


def now() -> datetime:
    return datetime.now(UTC)
