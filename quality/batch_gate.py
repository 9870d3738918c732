"""The gate before dbt: accepts or holds each batch that landed.

A critical finding is a fault of the whole batch; it holds that batch, says why, and stops nobody else.
Warnings and infos are recorded. Row faults are no business of this gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from ingestion import marks, settings, warehouse
from quality import data_docs, results, thresholds
from quality.validation import Asset, validate
from quality.verdict import Finding, GateError, Outcome, Verdict, tell


def pending_batches() -> list[int]:
    """Batches that landed and were not judged yet, of any load: one that was interrupted is made good."""
    with warehouse.connect("ingest") as connection:
        rows = connection.execute("select batch_id from ops.batches where status = 'landed' order by batch_id")
        return [row[0] for row in rows]


def held_batches() -> list[int]:
    """Batches that an earlier gate held: what the ledger has learnt since may have made them good."""
    with warehouse.connect("ingest") as connection:
        rows = connection.execute("select batch_id from ops.batches where status = 'held' order by batch_id")
        return [row[0] for row in rows]


def judge_batch(batch_id: int) -> Verdict:
    return judge_batches([batch_id])[0]


def judge_batches(batch_ids: Iterable[int], run_id: str | None = None, now: datetime | None = None) -> list[Verdict]:
    """Judge batches that landed, or were held and may have become good by a correction of the ledger.

    One process and one context for all of them. Accepted and refused batches are left alone.
    """
    run_id = run_id or f"batch-{uuid4()}"
    now = now or datetime.now(UTC)
    with warehouse.connect("ingest", row_factory=dict_row) as connection:
        batches = connection.execute(
            "select batch_id, site_code, kind, file, status, status_reason, first_read_at, last_read_at"
            " from ops.batches where batch_id = any(%s) and status in ('landed', 'held') order by batch_id",
            [sorted(set(batch_ids))],
        ).fetchall()
    if not batches:
        return []
    validation = validate(_assets(batches), settings.load().url("ingest"), run_id)
    verdicts = [_verdict(run_id, batch["batch_id"], validation.outcomes) for batch in batches]
    with warehouse.connect("ingest") as connection:
        for batch, verdict in zip(batches, verdicts, strict=True):
            _settle(connection, batch, verdict, now)
        results.record(connection, "batch", run_id, validation.outcomes, now, batches)
    data_docs.publish("batch", run_id, now, validation)
    return verdicts


def _assets(batches: Sequence[dict[str, Any]]) -> list[Asset]:
    """Readings and documents are looked at only when there are any."""
    from quality.suites import batch_meters, batch_months
    from quality.suites import batches as all_batches

    def asset(name: str, suite: Any, kinds: Sequence[str], *, is_hashing: bool = False) -> Asset | None:
        chosen = [batch for batch in batches if batch["kind"] in kinds]
        if not chosen:
            return None
        first = [batch["first_read_at"] for batch in chosen if batch["first_read_at"]]
        last = [batch["last_read_at"] for batch in chosen if batch["last_read_at"]]
        parameters = {
            "batch_ids": ", ".join(str(int(batch["batch_id"])) for batch in chosen),
            "first_read_at": min(first).isoformat() if first else "infinity",
            "last_read_at": max(last).isoformat() if last else "-infinity",
            "earliest_stamp": thresholds.EARLIEST_STAMP,
            "future_minutes": str(thresholds.FUTURE_TOLERANCE_MINUTES),
            "minimum_rows": str(thresholds.MINIMUM_ROWS_FOR_SHARES),
            "minimum_values": str(thresholds.MINIMUM_VALUES_FOR_UNIT_CHECK),
            "completeness": str(thresholds.COMPLETENESS),
        }
        return Asset(name, suite.expectations, suite.COLUMNS, parameters, is_hashing)

    assets = [
        asset("batches", all_batches, ("ledger", "erp", "readings"), is_hashing=True),
        asset("batch_meters", batch_meters, ("readings",), is_hashing=True),
        asset("batch_months", batch_months, ("erp",)),
    ]
    return [one for one in assets if one is not None]


def _verdict(run_id: str, batch_id: int, outcomes: Sequence[Outcome]) -> Verdict:
    findings = []
    for outcome in outcomes:
        sentences = [outcome.sentence(row) for row in outcome.failures if row["batch_id"] == batch_id]
        if sentences:
            findings.append(Finding(outcome.expectation, outcome.severity, tell(sentences)))
    return Verdict(run_id, batch_id, tuple(findings))


def _settle(connection: psycopg.Connection[Any], batch: dict[str, Any], verdict: Verdict, now: datetime) -> None:
    """Write the verdict to the batch, and raise the alarm once when it is held."""
    status = "accepted" if verdict.is_passed else "held"
    updated = connection.execute(
        "update ops.batches set status = %s, status_reason = %s, judged_at = %s"
        " where batch_id = %s and status in ('landed', 'held')",
        [status, verdict.reason, now, verdict.batch_id],
    )
    if updated.rowcount != 1:
        raise GateError(f"批次 {verdict.batch_id} 已被另一进程处理")
    if status == "accepted" and batch["kind"] == "erp":
        marks.mark_documents(connection, batch["batch_id"])
    if status == "held" and (batch["status"], batch["status_reason"]) != ("held", verdict.reason):
        results.raise_event(
            connection,
            kind="batch_held",
            severity="critical",
            site_code=batch["site_code"],
            subject=f"batch {verdict.batch_id}",
            message=f"批次 {verdict.batch_id}（{batch['file']}）被扣留：{verdict.reason}",
            payload={
                "batch_id": verdict.batch_id,
                "file": batch["file"],
                "run_id": verdict.run_id,
                "expectations": [finding.expectation for finding in verdict.critical],
            },
            now=now,
        )
