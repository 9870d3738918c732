"""The pipeline over a plant package: land, judge, build, judge again.

`nengduan load` runs it as a whole; the DAGs run the same stages by name.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import warehouse
from plugins.operations import building

if TYPE_CHECKING:
    from ingestion.authorship import Author
    from ingestion.corrections import Correction
    from ingestion.landing import BatchReport
    from ingestion.package import Package, ReadingsSource
    from plugins.operations.rebuilding import Days
    from quality.verdict import Verdict

log = logging.getLogger(__name__)

Say = Callable[[str], None]
Announce = Callable[[str], AbstractContextManager[Say]]

READINGS_FILES_AT_ONCE = 2
"""Of one package. Each takes a core of the server and some 150 MB of memory here."""

LANDINGS = ("ledgers", "erp", "readings")
TITLES = {
    "package": "打开数据包",
    "ledgers": "导入台账",
    "erp": "导入 ERP 数据",
    "readings": "导入读数",
    "correction": "登记更正",
    "batch_gate": "检查批次",
    "build": "计算能耗",
    "rebuild": "重新计算",
    "marts_gate": "检查结果",
}
"""Stages in their order, as a plant's user sees them."""


@dataclass
class Stage:
    """One stage as it went. ``problem`` is None when it passed."""

    name: str
    seconds: float = 0.0
    problem: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class LoadReport:
    """What became of a load, stage by stage and batch by batch."""

    load_id: uuid.UUID
    stages: list[Stage] = field(default_factory=list)
    batches: list[BatchReport] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)
    name: str | None = None
    """Name of the run, where it has one already."""

    @property
    def is_passed(self) -> bool:
        return all(stage.problem is None for stage in self.stages)

    @property
    def run_id(self) -> str:
        return self.name or f"load-{self.load_id}"


class _StageFailed(Exception):  # noqa: N818 (a signal: the report already holds the problem)
    """Nothing after this stage can be done."""


@contextmanager
def _unannounced(_: str) -> Iterator[Say]:
    yield lambda _text: None


def run_package(
    path: Path, now: datetime | None = None, announce: Announce = _unannounced, author: Author | None = None
) -> LoadReport:
    """Run every stage over a package. ``now`` is the clock of the landing (UTC), ``author`` who brings it.

    A held or refused batch fails its stage and stops nobody else. A stage that can't be done at all ends the
    load; what was landed until then is complete batch by batch and is taken up by the next load.
    """
    report = LoadReport(uuid.uuid4())
    try:
        _run(report, path, now or datetime.now(UTC), announce, author)
    except _StageFailed:
        log.info("load %s ended early", report.load_id)
    return report


def run_corrections(
    open_source: Callable[[], ReadingsSource],
    site: str,
    author: Author,
    now: datetime | None = None,
    announce: Announce = _unannounced,
) -> LoadReport:
    """Land corrections of readings, all or none, and run the stages after landing as for any batch."""
    report = LoadReport(uuid.uuid4())
    now = now or datetime.now(UTC)
    try:
        with _stage(report, "correction", announce) as (stage, _):
            from ingestion import corrections

            source = open_source()
            try:
                with warehouse.connect("ingest") as connection:
                    landed, report.corrections = corrections.land(source, connection, site, author, report.load_id, now)
            finally:
                source.close()
            report.batches.append(landed)
            stage.warnings = landed.notices
        _judge_and_build(report, now, announce)
    except _StageFailed:
        log.info("correction %s ended early", report.load_id)
    return report


def run_rebuild(
    days: Days, run_id: str | None = None, now: datetime | None = None, announce: Announce = _unannounced
) -> LoadReport:
    """Compute days anew, as `nengduan rebuild` and the DAG rebuild_marts do; raises DaysError before it begins.

    What has been accepted meanwhile is computed first, so that a difference is a fault and not news.
    """
    from plugins.operations import rebuilding

    rebuilding.check(days)
    report = LoadReport(uuid.uuid4(), name=run_id)
    try:
        _build_and_judge(report, now or datetime.now(UTC), announce, days)
    except _StageFailed:
        log.info("rebuild %s ended early", report.run_id)
    return report


def _run(report: LoadReport, path: Path, now: datetime, announce: Announce, author: Author | None) -> None:
    with _stage(report, "package", announce) as (stage, _):
        from ingestion.package import open_package

        package = open_package(path)
        stage.warnings = package.notices
    for kind in LANDINGS:
        with _stage(report, kind, announce) as (stage, say):
            landed = land(kind, package, report.load_id, now, say, author)
            report.batches += landed
            stage.problem = refusals(landed)
            stage.warnings = tuple(notice for one in landed for notice in one.notices)
    _judge_and_build(report, now, announce)


def _judge_and_build(report: LoadReport, now: datetime, announce: Announce) -> None:
    """What follows every landing: the gate over the batches, the computation, the gate over its results."""
    with _stage(report, "batch_gate", announce) as (stage, say):
        verdicts = judge_landed(report.run_id, [one.batch_id for one in report.batches], now, say)
        report.verdicts = {int(verdict.batch_id or 0): verdict for verdict in verdicts}
        stage.problem = holds(verdicts)
        stage.warnings = tuple(
            f"批次 {verdict.batch_id}：{finding.message}"
            for verdict in verdicts
            for finding in verdict.findings
            if finding.severity == "warning"
        )
    _build_and_judge(report, now, announce)


def _build_and_judge(report: LoadReport, now: datetime, announce: Announce, anew: Days | None = None) -> None:
    """Compute what changed, then what is to be computed ``anew``, then the gate over the results."""
    with ExitStack() as held:  # over build and gate together, so that the gate judges this build
        with _stage(report, "build", announce) as (_, say):
            held.enter_context(building.warehouse_lock(say))
            building.run_dbt(report.run_id, say)
        if anew is not None:
            with _stage(report, "rebuild", announce) as (stage, say):
                stage.warnings = _compute_anew(anew, report.run_id, now, say)
        with _stage(report, "marts_gate", announce) as (stage, _):
            verdict = _judge_marts(report.run_id, now)
            stage.problem = verdict.reason
            stage.warnings = tuple(one.message for one in verdict.findings if one.severity == "warning")


def _compute_anew(days: Days, run_id: str, now: datetime, say: Say) -> tuple[str, ...]:
    """Mark days and build; returns a warning for each site whose figures became others though no data had come."""
    from plugins.operations import rebuilding

    before = rebuilding.checksums(days)
    say(f"{days}：标记 {days.mark()} 项")
    building.run_dbt(run_id, say)
    return tuple(rebuilding.warn(days, rebuilding.changed(before, rebuilding.checksums(days)), run_id, now))


def land(
    kind: str,
    package: Package,
    load_id: uuid.UUID,
    now: datetime,
    say: Say = lambda _: None,
    author: Author | None = None,
) -> list[BatchReport]:
    """Land one kind of a package's files, each file in a transaction of its own."""
    from ingestion import landing

    with ExitStack() as held:
        connection = held.enter_context(warehouse.connect("ingest"))
        if kind == "readings":
            count = min(len(package.of_kind(kind)), READINGS_FILES_AT_ONCE)
            beside = [held.enter_context(warehouse.connect("ingest")) for _ in range(1, count)]
            return landing.land_readings(package, connection, load_id, now, author, beside)
        if kind == "erp":
            return landing.land_erp(package, connection, load_id, now, author)
        # Ledger rows are replaced in place: not under a build that is reading them.
        with building.warehouse_lock(say):
            return landing.land_ledgers(package, connection, load_id, now, author)


def judge_landed(
    run_id: str,
    batch_ids: Iterable[int | None] = (),
    now: datetime | None = None,
    say: Say = lambda _: None,
) -> list[Verdict]:
    """Judge every batch that waits for it, those of ``batch_ids``, and all that were held before.

    An interrupted load leaves landed batches behind; whoever comes next judges them too. A batch that was
    held is judged again, so that it does not matter whether a meter or its readings came first. The verdicts
    of those that stay held are left out: they were told when they came, and are not this load's.
    """
    from quality.batch_gate import held_batches, judge_batches, pending_batches

    with building.warehouse_lock(say):
        own = {*pending_batches(), *(one for one in batch_ids if one is not None)}
        if not own:
            return []
        verdicts = judge_batches({*own, *held_batches()}, run_id, now)
        return [verdict for verdict in verdicts if verdict.batch_id in own or verdict.is_passed]


def build_marts(run_id: str, say: Say = lambda _: None, *, only_news: bool = False) -> Path | None:
    """Build every model with dbt; returns the log. Raises BuildError naming what failed.

    With ``only_news`` it returns None and builds nothing when an earlier build has seen all that was accepted:
    files that land together start one run each, and the first covers the others.
    """
    with building.warehouse_lock(say):
        if only_news and not building.has_news():
            return None
        return building.run_dbt(run_id, say)


def judge_marts(run_id: str, now: datetime | None = None) -> Verdict:
    """The gate over the marts, while nobody rebuilds them."""
    with building.warehouse_lock():
        return _judge_marts(run_id, now)


def _judge_marts(run_id: str, now: datetime | None) -> Verdict:
    from quality import marts_gate

    return marts_gate.judge_marts(run_id, now)


def refusals(batches: Iterable[BatchReport]) -> str | None:
    """The files of which nothing landed, with their reasons, or None."""
    reasons = [one.status_reason or f"{one.file} 被拒收" for one in batches if one.status == "refused"]
    return "；".join(reasons) or None


def holds(verdicts: Iterable[Verdict]) -> str | None:
    """The batches the gate held, with their reasons, or None."""
    reasons = [f"批次 {one.batch_id} 被扣留：{one.reason}" for one in verdicts if not one.is_passed]
    return "；".join(reasons) or None


@contextmanager
def _stage(report: LoadReport, name: str, announce: Announce) -> Iterator[tuple[Stage, Say]]:
    """Time a stage; what it raises becomes its problem, and goes to the log with its traceback."""
    stage = Stage(name)
    report.stages.append(stage)
    began = time.monotonic()
    try:
        with announce(TITLES[name]) as say:
            yield stage, say
    except Exception as error:
        log.exception("stage %s of load %s failed", name, report.load_id)
        stage.problem = str(error).strip() or type(error).__name__
        raise _StageFailed from error
    finally:
        stage.seconds = time.monotonic() - began
