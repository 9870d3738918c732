"""Results of the gates in ``ops.quality_results``, and events in ``ops.events``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from quality.thresholds import RECORDED_FAILURES
from quality.verdict import Outcome, tell

_COLUMNS = (
    "run_id", "gate", "suite", "expectation", "description", "severity", "site_code", "batch_id",
    "is_success", "observed_value", "details", "evaluated_at",
)  # fmt: skip


def record(
    connection: psycopg.Connection[Any],
    gate: str,
    run_id: str,
    outcomes: Sequence[Outcome],
    now: datetime,
    batches: Sequence[dict[str, Any]] = (),
) -> None:
    """One row per expectation, by batch where the asset is by batch and else by site that failed."""
    copy = f"copy ops.quality_results ({', '.join(_COLUMNS)}) from stdin"
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for outcome in outcomes:
            if gate == "batch":
                failures = _by(outcome, "batch_id")
                for batch in batches:
                    if _applies(outcome, batch["kind"]):
                        batch_id = batch["batch_id"]
                        rows.write_row(
                            _row(outcome, gate, run_id, now, batch["site_code"], batch_id, failures[batch_id])
                        )
            else:
                by_site = _by(outcome, "site_code")
                for site_code in sorted(by_site) or [None]:
                    rows.write_row(_row(outcome, gate, run_id, now, site_code, None, by_site[site_code]))


def raise_event(
    connection: psycopg.Connection[Any],
    *,
    kind: str,
    severity: str,
    site_code: str | None,
    subject: str,
    message: str,
    payload: dict[str, Any],
    now: datetime,
) -> None:
    """One row in ``ops.events``; alarms are made of these."""
    connection.execute(
        "insert into ops.events (occurred_at, kind, severity, site_code, subject, message, payload)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [now, kind, severity, site_code, subject, message, _json(payload)],
    )


def _applies(outcome: Outcome, kind: str) -> bool:
    return {"batch_meters": kind == "readings", "batch_months": kind == "erp"}.get(outcome.suite, True)


def _by(outcome: Outcome, column: str) -> defaultdict[Any, list[dict[str, Any]]]:
    grouped: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for failure in outcome.failures:
        grouped[failure[column]].append(failure)
    return grouped


def _row(
    outcome: Outcome,
    gate: str,
    run_id: str,
    now: datetime,
    site_code: str | None,
    batch_id: int | None,
    failures: Sequence[dict[str, Any]],
) -> tuple[Any, ...]:
    observed = {"evaluated": outcome.element_count, "failed": len(failures)}
    details: dict[str, Any] = {}
    if failures:
        details = {
            "message": tell([outcome.sentence(failure) for failure in failures]),
            "failures": list(failures[:RECORDED_FAILURES]),
        }
    return (
        run_id, gate, outcome.suite, outcome.expectation, outcome.description, outcome.severity, site_code,
        batch_id, not failures, _json(observed), _json(details), now,
    )  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
