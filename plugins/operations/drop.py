"""What the ingesting DAGs do with the drop folder, one function per task, without Airflow in it."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from ingestion import settings
from plugins.operations import pipeline

log = logging.getLogger(__name__)


def land_package(kind: str, package: str, run_id: str) -> dict[str, Any]:
    """Land the new files of one kind of a package in the drop folder; what it brought, for XCom.

    ``run_id`` names the DAG run: its load, and the author of what it changes.
    """
    from ingestion.authorship import Author
    from ingestion.package import PackageError, open_package

    try:
        opened = open_package(settings.load().drop_folder / package)
        reports = pipeline.land(kind, opened, load_id_of(run_id), datetime.now(UTC), author=Author(run_id))
    except PackageError as error:  # trying again changes nothing: a person must
        return {"package": package, "batch_ids": [], "refused": [str(error)]}
    for report in reports:
        log.info(
            "%s: %s, %d rows, %d landed, %d rejected",
            report.file,
            report.status,
            report.rows_total,
            report.rows_landed,
            report.rows_rejected,
        )
    return {
        "package": package,
        "batch_ids": [one.batch_id for one in reports if one.batch_id is not None and not one.is_repeat],
        # What was refused before was told before.
        "refused": [
            f"{package}：{one.status_reason}" for one in reports if one.status == "refused" and not one.is_repeat
        ],
    }


def judge_packages(run_id: str, landed: list[dict[str, Any]]) -> dict[str, Any]:
    """The batch gate over what landed; Great Expectations is loaded once for all packages."""
    verdicts = pipeline.judge_landed(run_id, [batch_id for one in landed for batch_id in one["batch_ids"]])
    held = pipeline.holds(verdicts)
    return {
        "packages": [one["package"] for one in landed],
        "accepted": sum(verdict.is_passed for verdict in verdicts),
        "problems": [*(reason for one in landed for reason in one["refused"]), *([held] if held else [])],
    }


def problems(judged: dict[str, Any], packages: list[str]) -> list[str]:
    """Why a run is not all right: refused files, held batches, packages that could not be landed."""
    lost = sorted(set(packages) - set(judged["packages"]))
    return [*judged["problems"], *(f"{package}：导入失败，见 land_package 的日志" for package in lost)]


def run_name(context: Any) -> str:
    """Name of a DAG run in our own tables: Airflow's run ids repeat from DAG to DAG."""
    return f"{context['dag'].dag_id}.{context['run_id']}"


def load_id_of(run_id: str) -> uuid.UUID:
    """The load's id, the same in every task and retry of a DAG run."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"x-nengduan://airflow/{run_id}")
