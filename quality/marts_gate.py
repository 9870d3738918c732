"""The gate after dbt: do the marts add up, do they close, are they complete and fresh."""

from __future__ import annotations

from datetime import UTC, datetime

from ingestion import settings, warehouse
from quality import data_docs, results
from quality.validation import validate
from quality.verdict import Finding, Verdict, tell


def judge_marts(run_id: str, now: datetime | None = None) -> Verdict:
    """Judge what was computed since the gate last passed. A critical finding raises one alarm; the caller fails
    its stage, and the next gate judges the same again.
    """
    from quality.suites import marts

    now = now or datetime.now(UTC)
    with warehouse.connect("transform") as connection:
        seen = [row[0] for row in connection.execute("select mark_id from ops.unjudged")]
    validation = validate(marts.assets(now.isoformat()), settings.load().url("transform"), run_id)
    findings = tuple(
        Finding(
            outcome.expectation,
            outcome.severity,
            tell([outcome.sentence(failure) for failure in outcome.failures]),
        )
        for outcome in validation.outcomes
        if outcome.failures
    )
    verdict = Verdict(run_id, None, findings)
    with warehouse.connect("transform") as connection:
        results.record(connection, "marts", run_id, validation.outcomes, now)
        if verdict.is_passed:
            connection.execute("delete from ops.unjudged where mark_id = any(%s)", [seen])
        if not verdict.is_passed:
            sites = sorted(
                {
                    failure["site_code"]
                    for outcome in validation.outcomes
                    if outcome.severity == "critical"
                    for failure in outcome.failures
                }
            )
            results.raise_event(
                connection,
                kind="marts_gate_failed",
                severity="critical",
                site_code=sites[0] if len(sites) == 1 else None,
                subject=run_id,
                message=f"数据集市检查未通过：{verdict.reason}",
                payload={
                    "run_id": run_id,
                    "sites": sites,
                    "expectations": [finding.expectation for finding in verdict.critical],
                },
                now=now,
            )
    data_docs.publish("marts", run_id, now, validation)
    return verdict
