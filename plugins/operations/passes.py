"""dbt over what is marked, pass by pass, in a process of its own: `python -m plugins.operations.passes`.

A pass takes the marks it sees, or the oldest month of a large backlog (dbt_project/macros/builds.sql), and
computes what they cover. dbt is loaded and the project read once for all passes. The lines dbt prints are the
log; the exit code is 0 when no mark is left.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingestion import marks, warehouse

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner

EVERYTHING = "--everything"
"""Also make anew what does not depend on data: views and empty tables of this version's models."""

PATIENCE = 3
"""Passes in a row that may leave as many marks as they found, before the run is called stuck."""

WORKING = ("--select", "config.materialized:fact")


LOCK_KEY = 0x70617373
"""Key of an advisory lock, the letters "pass": a process that outlived its killed parent still works alone."""


def main(arguments: Sequence[str]) -> int:
    """Run passes until nothing is marked; at least one, so that a changed ledger is seen."""
    with warehouse.connect("transform", autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["--quiet", "--no-use-colors", "parse"])
    if not parsed.success:
        return 1
    runner = dbtRunner(manifest=parsed.result)  # type: ignore[arg-type]
    if EVERYTHING in arguments:
        excluded = ("--exclude-resource-type", "seed", "test", "unit_test")
        if not _passes(runner, ["build", *excluded]):
            return 1
        if not _open_marks():
            return 0  # another pass would only empty the windows that the marts gate looks at
    return 0 if _work_off(runner) else 1


def _work_off(runner: dbtRunner) -> bool:
    before, idle = -1, 0
    while True:
        if not _passes(runner, ["run", *WORKING]):
            return False
        left = _open_marks()
        if not left:
            return True
        idle = idle + 1 if left == before else 0
        if idle >= PATIENCE:
            sys.stdout.write(f"{left} marks stay as they are after {PATIENCE} passes\n")
            return False
        before = left


def _passes(runner: dbtRunner, command: Sequence[str]) -> bool:
    return bool(runner.invoke(["--no-use-colors", "--no-partial-parse", *command]).success)


def _open_marks() -> int:
    with warehouse.connect("transform") as connection:
        return marks.count_open(connection)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
