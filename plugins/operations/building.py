"""dbt as a subprocess, and the lock that lets one at a time judge or build."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion import settings as configuration
from ingestion import warehouse

log = logging.getLogger(__name__)

LOCK_KEY = 0x6E656E67
"""Key of the advisory lock, the letters "neng"; nothing else in the warehouse locks by it."""

DBT_TIMEOUT_SECONDS = 4 * 3600
KEPT_LOGS = 60
TAIL_LINES = 8
_STEP = re.compile(r"\b(\d+) of (\d+) START (.*?)\s*\.*\s*\[RUN\]")

Say = Callable[[str], None]


class BuildError(RuntimeError):
    """dbt failed; the message names the models or tests, why, and the log."""


@contextmanager
def warehouse_lock(say: Say = lambda _: None) -> Iterator[None]:
    """Hold the warehouse's lock: ledgers, accepted batches and marts stay as they are for everybody else.

    It belongs to a session of PostgreSQL, so it ends with this process however that ends. Not reentrant.
    """
    with warehouse.connect("transform", autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
        if not (row and row[0]):
            say("另一个导入或计算正在进行，等待其完成")
            connection.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        yield


def run_dbt(run_id: str, say: Say = lambda _: None, *, options: Sequence[str] = ()) -> Path:
    """``dbt build`` of every model, snapshot and data test; returns the log. The caller holds the lock.

    Seeds are loaded with the migrations and unit tests belong to development, so both stay out. ``options``
    (a selection, variables) make it a build of a part, which is not noted as a build of all.
    """
    settings = configuration.load()
    log_path = settings.logs / "dbt" / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', run_id)}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    results = settings.home / "dbt" / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    started_at = datetime.now(UTC)
    command = [
        str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build",
        "--exclude-resource-type", "seed", "--exclude-resource-type", "unit_test",
        *options,
    ]  # fmt: skip
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with log_path.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.dbt_project,
            env=settings.dbt_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        watchdog = threading.Timer(DBT_TIMEOUT_SECONDS, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None  # noqa: S101 (PIPE above)
            for line in process.stdout:
                output.write(line)
                output.flush()
                if line.strip():
                    tail.append(line.strip())
                if step := _STEP.search(line):
                    say(f"{step[1]}/{step[2]} {step[3]}")
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            watchdog.cancel()
    _forget_logs(log_path.parent)
    if status != 0:
        raise BuildError(f"{_failures(results) or ' | '.join(tail)}；日志 {log_path}")
    if not options:
        _note_build(run_id, started_at)
    return log_path


def _note_build(run_id: str, started_at: datetime) -> None:
    with warehouse.connect("transform", autocommit=True) as connection:
        connection.execute(
            "insert into ops.events (occurred_at, kind, severity, subject, message, payload)"
            " values (%s, 'marts_built', 'info', %s, '计算完成', jsonb_build_object('started_at', %s::text))",
            [datetime.now(UTC), run_id, started_at.isoformat()],
        )


def has_news() -> bool:
    """Whether a batch was accepted that no finished build has seen; such a build began after the verdict."""
    with warehouse.connect("transform", autocommit=True) as connection:
        row = connection.execute(
            """select exists (
                select 1 from ops.batches
                where status = 'accepted' and judged_at >= coalesce(
                    (select max((payload ->> 'started_at')::timestamptz) from ops.events where kind = 'marts_built'),
                    '-infinity'
                )
            )"""
        ).fetchone()
    return bool(row and row[0])


def _failures(results: Path) -> str:
    """Failed models and tests with the first lines of their messages; empty when dbt did not get that far."""
    try:
        found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["results"]
    except (FileNotFoundError, ValueError, KeyError):
        return ""
    failed = [
        f"{result['unique_id']}：{_shortened(result.get('message'))}"
        for result in found
        if result["status"] in ("error", "fail", "runtime error")
    ]
    skipped = sum(1 for result in found if result["status"] == "skipped")
    return "；".join(failed) + (f"；另有 {skipped} 个节点因此未计算" if failed and skipped else "")


def _shortened(message: str | None) -> str:
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]


def _forget_logs(folder: Path) -> None:
    for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
