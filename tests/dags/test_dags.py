"""The DAGs: which there are, what each must have, and what DAG code may not do."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pendulum
import pytest

from plugins.operations import rebuilding
from plugins.operations.assets import ERP, LEDGERS, MARTS, READINGS
from plugins.operations.policy import OWNER
from plugins.operations.tags import Clause, Domain, Impact, Layer
from tests.dags.conftest import REPOSITORY

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

INGEST = {"import_ledgers": LEDGERS, "ingest_erp": ERP, "ingest_readings": READINGS}
DAG_IDS = {
    *INGEST, "announce_edits", "build_marts", "maintain_warehouse", "rebuild_marts", "remind_calibration",
    "upload_province",
}  # fmt: skip
FILES = sorted((REPOSITORY / "dags").glob("*.py"))


def test_there_are_exactly_these_dags(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == DAG_IDS
    assert {path.stem for path in FILES} == DAG_IDS


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_follows_the_policy(dag_bag: DagBag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert Path(dag.fileloc).stem == dag_id
    for part in ("**Input.**", "**Output.**", "**Late data.**", "**Backfill.**", "**Triage.**", "**Owner.**"):
        assert part in (dag.doc_md or ""), f"the runbook lacks {part}"
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False
    for kind in (Domain, Layer, Impact, Clause):
        assert len(set(dag.tags) & set(kind)) == 1, f"one tag of {kind.__name__}"
    assert len(dag.tags) == 4


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_every_task_has_owner_retries_and_timeout(dag_bag: DagBag, dag_id: str) -> None:
    tasks = dag_bag.dags[dag_id].tasks
    assert tasks
    for task in tasks:
        assert task.owner == OWNER
        assert task.execution_timeout
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=5)
        assert task.pool == "default_pool"
        # A report of problems is a verdict: trying it again changes nothing.
        assert task.retries == 0 if task.task_id == "report_problems" else task.retries >= 1


@pytest.mark.parametrize("dag_id", sorted(INGEST))
def test_an_ingesting_dag_lands_judges_announces_and_reports(dag_bag: DagBag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    edges = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert edges == {
        "find_packages": {"land_package", "report_problems"},
        "land_package": {"judge_batches"},
        "judge_batches": {"announce", "report_problems"},
        "announce": set(),
        "report_problems": set(),
    }
    assert dag.task_dict["land_package"].is_mapped
    assert {task.task_id: task.outlets for task in dag.tasks if task.outlets} == {"announce": [INGEST[dag_id]]}


def test_marts_are_built_when_any_input_has_changed(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["build_marts"]
    assert dag.timetable.asset_condition == (LEDGERS | ERP | READINGS)
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "build": {"judge"},
        "judge": set(),
    }
    assert dag.task_dict["judge"].outlets == [MARTS]


def test_the_warehouse_is_maintained_every_night_of_the_plant(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["maintain_warehouse"]
    assert dag.schedule == "30 3 * * *"
    assert str(dag.timezone) == "Asia/Shanghai"
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "keep_up": {"report_problems", "verify_marts"},
        "report_problems": set(),
        "verify_marts": set(),
    }


def test_a_night_recomputes_the_day_before_and_a_backfill_any_day(dag_bag: DagBag) -> None:
    """`airflow backfill create` asks the same timetable for its runs; a cron string alone has no data interval."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag_bag.dags["rebuild_marts"]))
    zone = ZoneInfo("Asia/Shanghai")
    first, after = datetime(2026, 1, 1, tzinfo=zone), datetime(2026, 2, 1, tzinfo=zone)
    runs = list(dag.iter_dagrun_infos_between(pendulum.instance(first), pendulum.instance(after)))
    days = [rebuilding.day_of({"data_interval_start": run.data_interval.start}) for run in runs]
    assert days == [date(2026, 1, 1) + timedelta(days=number) for number in range(31)]
    assert {run.run_after.astimezone(zone).hour for run in runs} == {3}
    assert all(
        run.run_after.astimezone(zone).date() == day + timedelta(days=1) for run, day in zip(runs, days, strict=True)
    )
    assert {task.task_id: task.outlets for task in dag.tasks} == {"rebuild": []}


def test_people_are_reminded_every_morning_of_the_plant(dag_bag: DagBag) -> None:
    dag = dag_bag.dags["remind_calibration"]
    assert dag.schedule == "0 8 * * *"
    assert str(dag.timezone) == "Asia/Shanghai"
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "remind": {"send"},
        "send": set(),
        "raise_findings": set(),
    }


def test_every_asset_that_a_dag_waits_for_is_made_by_another(dag_bag: DagBag) -> None:
    made = {outlet.uri for dag in dag_bag.dags.values() for task in dag.tasks for outlet in task.outlets}
    assert {asset.uri for asset in dag_bag.dags["build_marts"].timetable.asset_condition.objects} <= made
    assert all(uri.startswith("x-nengduan://") for uri in made)


def test_dags_parse_quickly(dag_bag: DagBag) -> None:
    slow = {stat.file: stat.duration for stat in dag_bag.dagbag_stats if stat.duration > timedelta(seconds=2)}
    assert len(dag_bag.dagbag_stats) == len(FILES)
    assert not slow


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert len(code.splitlines()) <= 120
    body = code.split('"""', 2)[2]
    forbidden = (
        r"\b(select|insert|update|delete)\s.*\b(from|into|set)\b", r"\brequests\b", r"\bhttpx?\b", r"\bpsycopg\b",
        r"\bsqlalchemy\b", r"create_session", r"settings\.Session", r"airflow\.models", r"airflow\.settings",
        r"^import pandas", r"^from (ingestion|quality)\b", r"\bVariable\b", r"dag_?id\s*=",
    )  # fmt: skip
    for pattern in forbidden:
        assert not re.search(pattern, body, re.IGNORECASE | re.MULTILINE), f"{path.name}: {pattern}"
    other_dags = "|".join(DAG_IDS)
    assert not re.search(rf"^\s*(from|import)\s+(dags|{other_dags})\b", body, re.MULTILINE)


def test_no_task_code_uses_the_orm() -> None:
    for path in (REPOSITORY / "plugins").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"create_session|settings\.Session|from airflow\.models|airflow\.utils\.session", code), (
            path
        )


IMPORT_ALONE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("network access at import")
socket.socket.connect = refuse
import airflow.sdk
before = set(sys.modules)
import runpy
for path in sys.argv[1:]:
    runpy.run_path(path)
heavy = {"pandas", "great_expectations", "psycopg", "dbt", "pyarrow", "requests"}
print(sorted(heavy & {name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_dag_files_touches_no_network_and_imports_nothing_heavy() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALONE, *map(str, FILES)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip().splitlines()[-1] == "[]"
