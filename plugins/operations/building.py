"""dbt as a subprocess, and the lock that lets one at a time judge or build."""

from __future__ import annotations

import hashlib
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

from ingestion import marks, warehouse
from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import passes

log = logging.getLogger(__name__)

LOCK_KEY = warehouse.LOCK_KEY

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


def run_dbt(run_id: str, say: Say = lambda _: None) -> Path:
    """Compute what is marked (design decision 5), until no mark is left; returns the log. The caller holds the lock.

    After an upgrade that changed the models everything is marked first: figures of two versions never mix.
    Seeds are loaded with the migrations and unit tests belong to development, so both stay out; data tests over
    whole tables run with the nightly upkeep, since they cost what history has grown to.
    """
    started_at = datetime.now(UTC)
    models = models_checksum(configuration.load())
    is_new = _built_models() != models
    if is_new:
        say("模型有更新，全部重新计算")
        with warehouse.connect("transform") as connection:
            marks.mark_range(connection, marks.FIRST_DAY, marks.LAST_DAY, None, "模型更新")
    command = [sys.executable, "-m", "plugins.operations.passes", *([passes.EVERYTHING] if is_new else [])]
    log_path = _run(command, run_id, say)
    _note_build(run_id, started_at, models)
    return log_path


def run_models(run_id: str, options: Sequence[str], say: Say = lambda _: None) -> Path:
    """``dbt build`` of a part (``options``: a selection, variables); returns the log. The caller holds the lock."""
    command = [
        str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build",
        "--exclude-resource-type", "seed", "--exclude-resource-type", "unit_test", *options,
    ]  # fmt: skip
    return _run(command, run_id, say)


def run_tests(run_id: str, say: Say = lambda _: None) -> Path:
    """dbt's data tests over whole tables; returns the log. They cost what history has grown to: for the night."""
    command = [
        str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "test",
        "--exclude-resource-type", "unit_test",
    ]  # fmt: skip
    return _run(command, run_id, say)


def _run(command: Sequence[str], run_id: str, say: Say) -> Path:
    """Run dbt, its lines into the run's log and its steps to ``say``; raises BuildError when it fails."""
    settings = configuration.load()
    log_path = settings.logs / "dbt" / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', run_id)}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    results = settings.dbt_target / "run_results.json"
    results.unlink(missing_ok=True)
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with log_path.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.dbt_project,
            env=settings.dbt_environment() | {"PYTHONUNBUFFERED": "1"},
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
    return log_path


def models_checksum(settings: Settings) -> str:
    """Changes with any model, macro or setting of the dbt project; not with seeds, which are data."""
    digest = hashlib.sha256()
    paths = [*(settings.dbt_project / "models").rglob("*.sql"), *(settings.dbt_project / "macros").rglob("*.sql")]
    for path in sorted([*paths, settings.dbt_project / "dbt_project.yml"]):
        digest.update(str(path.relative_to(settings.dbt_project)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _built_models() -> str | None:
    """The models that the marts were last built by."""
    with warehouse.connect("transform", autocommit=True) as connection:
        row = connection.execute(
            "select payload ->> 'models' from ops.events where kind = 'marts_built' order by event_id desc limit 1"
        ).fetchone()
    return row[0] if row else None


def _note_build(run_id: str, started_at: datetime, models: str) -> None:
    with warehouse.connect("transform", autocommit=True) as connection:
        connection.execute(
            "insert into ops.events (occurred_at, kind, severity, subject, message, payload)"
            " values (%s, 'marts_built', 'info', %s, '计算完成',"
            " jsonb_build_object('started_at', %s::text, 'models', %s::text))",
            [datetime.now(UTC), run_id, started_at.isoformat(), models],
        )


def has_news() -> bool:
    """Whether a build has anything to do: readings, documents or a ledger that it has not seen.

    A ledger is compared with what was computed from by the build itself, so each accepted one is news.
    """
    with warehouse.connect("transform", autocommit=True) as connection:
        if marks.has_open(connection):
            return True
        row = connection.execute(
            """select exists (
                select 1 from ops.batches
                where kind = 'ledger' and status = 'accepted' and judged_at >= coalesce(
                    (select max(occurred_at) from ops.events where kind = 'marts_built'), '-infinity'
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
