"""dbt over what is marked, pass by pass, in a process of its own: `python -m plugins.operations.passes`.

A pass takes the marks it sees, or the oldest month of a large backlog (dbt_project/macros/builds.sql), and
computes what they cover. dbt is loaded and the project read once for all passes. The lines dbt prints are the
log; the exit code is 0 when no mark is left.

A statement of PostgreSQL that writes uses one core. So a large backlog is worked off by several of these
processes, each with its share of the meters, then of the flows, then of their sums; what lies between, one does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ingestion import marks, warehouse

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner

EVERYTHING = "--everything"
"""Also make anew what does not depend on data: views and empty tables of this version's models."""

PATIENCE = 3
"""Passes in a row that may leave as many marks as they found, before the run is called stuck."""

FILLING = ("run", "--no-populate-cache", "--threads", "2", "--select")
"""How facts are run: as many heavy statements at once as the smallest supported machine has cores, looking only
for the tables that they fill. What makes views anew has to know all that stands on them, and runs with the profile's
one thread: see dbt_project/profiles.yml."""

WORKING = (*FILLING, "config.materialized:fact")
LEAN = ("--no-use-colors", "--no-write-json")
"""dbt writes the whole project down after each command, half a second that nobody reads; of a run only failures are."""

STAGES = ("ledgers", "meters", "flows", "energies", "performance", "totals")
"""Tags of the facts, in their order: each stage reads what the one before has written."""
SHARED_STAGES = ("meters", "flows", "performance")

LARGE_METER_DAYS = 5000
"""A backlog from which a second process is worth its three seconds of starting: half a million readings."""

MOST_WORKERS = 4

LOCK_KEY = 0x70617373
"""Key of an advisory lock, the letters "pass": a process that outlived its killed parent still works alone."""

Number = TypeVar("Number", int, float)
Run = Callable[[Sequence[str]], bool]


def main(arguments: Sequence[str]) -> int:
    """Run passes until nothing is marked; at least one, so that a changed ledger is seen."""
    with warehouse.connect("transform", autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        with ExitStack() as held:
            colleagues = _colleagues(held)
            run = _parsed()
            if EVERYTHING in arguments and not _make_everything(run):
                return 1
            return 0 if _work_off(run, colleagues, held) else 1


def _make_everything(run: Run) -> bool:
    os.environ["NENGDUAN_STRUCTURE_ONLY"] = "1"
    try:
        return run(["build", "--exclude-resource-type", "seed", "test", "unit_test"])
    finally:
        del os.environ["NENGDUAN_STRUCTURE_ONLY"]


def _work_off(run: Run, colleagues: list[ProcessPoolExecutor], held: ExitStack) -> bool:
    before, idle = -1, 0
    while True:
        if not (_run_together(run, colleagues) if colleagues else run(WORKING)):
            return False
        # The first pass may have found a changed ledger, and with it years to compute.
        colleagues = colleagues or _colleagues(held)
        left = _count(marks.count_open)
        if not left:
            return True
        idle = idle + 1 if left == before else 0
        if idle >= PATIENCE:
            sys.stdout.write(f"{left} marks stay as they are after {PATIENCE} passes\n")
            return False
        before = left


def _run_together(run: Run, colleagues: list[ProcessPoolExecutor]) -> bool:
    """One pass, stage by stage; a stage that failed anywhere ends it, and the marks stay for the next build."""
    for stage in STAGES:
        command = [*FILLING, f"tag:{stage}"]
        if stage not in SHARED_STAGES:
            if not run(command):
                return False
            continue
        with _share(0, len(colleagues) + 1):
            others = [colleague.submit(_run_as_colleague, command) for colleague in colleagues]
            done = [run(command)]
        try:
            done += [other.result() for other in others]
        except BrokenProcessPool:
            sys.stdout.write(f"a process of stage {stage} was killed\n")
            return False
        if not all(done):
            return False
    return True


def _colleagues(held: ExitStack) -> list[ProcessPoolExecutor]:
    """The other processes for a large backlog, each with its number and a copy of the project; none for a small one.

    They begin at once, beside whatever comes before their first task, and are gone when ``held`` is.
    """
    if _count(marks.count_open_meter_days) < LARGE_METER_DAYS:
        return []
    context = multiprocessing.get_context("spawn")
    count = min(os.cpu_count() or 1, MOST_WORKERS)
    colleagues = [
        held.enter_context(
            ProcessPoolExecutor(1, mp_context=context, initializer=_begin_as_colleague, initargs=(number, count))
        )
        for number in range(1, count)
    ]
    for colleague in colleagues:
        colleague.submit(_is_there)
    return colleagues


@contextmanager
def _share(worker: int, workers: int) -> Iterator[None]:
    """Let what is run compute one share of the meters and flows (dbt_project/macros/builds.sql)."""
    os.environ.update(NENGDUAN_WORKER=str(worker), NENGDUAN_WORKERS=str(workers))
    try:
        yield
    finally:
        del os.environ["NENGDUAN_WORKER"], os.environ["NENGDUAN_WORKERS"]


_run: Run


def _begin_as_colleague(worker: int, workers: int) -> None:
    global _run
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(NENGDUAN_WORKER=str(worker), NENGDUAN_WORKERS=str(workers))
    # Of its own: dbt writes its results there.
    own_target = Path(os.environ.get("DBT_TARGET_PATH", "target")) / f"worker-{worker}"
    os.environ["DBT_TARGET_PATH"] = str(own_target)
    _run = _parsed()


def _is_there() -> bool:
    return True


def _run_as_colleague(command: Sequence[str]) -> bool:
    return _run(command)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 (called in children only)
    parent.join()
    os._exit(1)


def _parsed() -> Run:
    """Runs commands of dbt over a project that is read here, once."""
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["--quiet", *LEAN, "parse"])
    if not parsed.success:
        return lambda _: False
    runner: dbtRunner = dbtRunner(manifest=parsed.result)  # type: ignore[arg-type]

    def run(command: Sequence[str]) -> bool:
        done = runner.invoke([*LEAN, "--no-partial-parse", *command])
        if not done.success and isinstance(done.result, RunExecutionResult):
            done.result.write(str(Path(os.environ.get("DBT_TARGET_PATH", "target")) / "run_results.json"))
        return done.success

    return run


def _count(count: Callable[[marks.Connection], Number]) -> Number:
    with warehouse.connect("transform") as connection:
        return count(connection)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
