"""The gate before dbt, on a real warehouse: each critical expectation fails when its thing breaks, and only
the broken batch is held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion import warehouse as database
from ingestion.settings import Settings
from quality.batch_gate import judge_batch, judge_batches, pending_batches
from tests.integration.gate_plant import NOW, QUARTER, START, Plant, day


@pytest.fixture
def plant(warehouse: Settings) -> Iterator[Plant]:
    with database.connect("ingest") as connection:
        yield Plant(connection)


def broken(name: str) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Rows and registration of a batch with one fault."""
    good = day() + day("M2")
    return {
        "rows_found_are_rows_landed": (good, {"rows_landed": 193, "rows_total": 193}),
        "every_row_is_accounted_for": (good, {"rows_total": 200}),
        "batch_is_not_empty": ([], {}),
        "most_rows_are_usable": (day("M1") + day("NOBODY") + [("M2", START, 1, "bad")], {}),
        "stamps_are_plausible": (
            day(start=datetime(1970, 1, 1, tzinfo=UTC)) + day("M2", start=datetime(1970, 1, 1, tzinfo=UTC)),
            {},
        ),
        "unit_is_right": (day(value=10_000) + day("M2", value=9_000), {}),
    }[name]


CRITICAL = [
    "rows_found_are_rows_landed", "every_row_is_accounted_for", "batch_is_not_empty", "most_rows_are_usable",
    "stamps_are_plausible", "unit_is_right",
]  # fmt: skip


def test_each_fault_holds_its_batch_and_no_other(plant: Plant) -> None:
    faulty = {name: plant.batch(f"readings/{name}.csv", broken(name)[0], **broken(name)[1]) for name in CRITICAL}
    good = plant.batch("readings/good.csv", day() + day("M2"))

    verdicts = {verdict.batch_id: verdict for verdict in judge_batches(pending_batches(), "run-1", NOW)}

    assert verdicts[good].is_passed
    assert not verdicts[good].findings
    for name, batch_id in faulty.items():
        assert [finding.expectation for finding in verdicts[batch_id].critical] == [name]
        assert f"readings/{name}.csv" in str(verdicts[batch_id].reason)
    states = dict(plant.fetch("select batch_id, status from ops.batches"))
    assert states == {good: "accepted", **dict.fromkeys(faulty.values(), "held")}
    events = plant.fetch("select payload ->> 'batch_id', severity, kind, message from ops.events order by 1")
    assert {int(event[0]) for event in events} == set(faulty.values())
    assert {event[1:3] for event in events} == {("critical", "batch_held")}
    assert all("被扣留" in event[3] for event in events)


def test_future_stamps_hold_a_batch(plant: Plant) -> None:
    future = datetime(2027, 1, 1, tzinfo=UTC)
    batch_id = plant.batch("future.csv", day(start=future) + day("M2", start=future))
    verdict = judge_batch(batch_id)
    assert [finding.expectation for finding in verdict.critical] == ["stamps_are_plausible"]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("NOBODY", START, 1)] * 20, id="unknown meter"),
        pytest.param(day(value=10_000, count=20), id="above the maximum"),
        pytest.param(day(start=datetime(2027, 1, 1, tzinfo=UTC), count=20), id="future"),
    ],
)
def test_a_few_bad_rows_are_row_faults_and_hold_nothing(plant: Plant, rows: list[tuple[Any, ...]]) -> None:
    assert judge_batch(plant.batch("few.csv", rows)).is_passed


def test_refused_rows_count_as_unusable(plant: Plant) -> None:
    batch_id = plant.batch("refused.csv", day(count=40), rows_total=100, rows_rejected=60)
    verdict = judge_batch(batch_id)
    assert [finding.expectation for finding in verdict.critical] == ["most_rows_are_usable"]
    all_refused = plant.batch("all.csv", [], rows_total=3, rows_rejected=3)
    assert judge_batch(all_refused).is_passed


def test_a_meter_that_is_incomplete_on_a_day_is_named_and_holds_nothing(plant: Plant) -> None:
    rows = day(start=START - timedelta(days=1)) + day() + day("M2", count=80)
    verdict = judge_batch(plant.batch("gaps.csv", rows))
    assert verdict.is_passed
    [finding] = verdict.findings
    assert (finding.expectation, finding.severity) == ("meter_days_are_complete", "warning")
    # M2 lacks 8 June as a whole and 16 of 96 readings of 9 June; M1 lacks nothing.
    assert "M2 有 2 天（共 2 天）" in finding.message
    assert "2026-06-08" in finding.message
    assert "M1" not in finding.message


def test_a_file_of_one_hour_is_complete_as_far_as_it_reaches(plant: Plant) -> None:
    plant.meter("END", interval_label="end")
    rows = day(count=4) + day("END", count=4, start=START + QUARTER)
    assert not judge_batch(plant.batch("hour.csv", rows)).findings


def test_ranges_of_single_meters_are_warnings(plant: Plant) -> None:
    plant.meter("R", kind="register", register_max=1000)
    rows = day() + day("M2", value=-3) + day("R", value=1001)
    verdict = judge_batch(plant.batch("ranges.csv", rows))
    assert {finding.expectation: finding.severity for finding in verdict.findings} == {
        "values_are_not_negative": "warning",
        "registers_are_within_range": "warning",
    }


def test_days_of_production_are_compared_with_the_month(plant: Plant) -> None:
    def documents(file: str, rows: list[tuple[str, str, float]]) -> int:
        batch_id = plant.batch(file, [], kind="erp", rows_total=len(rows), rows_landed=len(rows))
        for line, (start, end, quantity) in enumerate(rows, start=2):
            plant.connection.execute(
                "insert into raw.production"
                " (site_code, product_code, period_start, period_end, quantity, batch_id, line)"
                " values ('P', 'STEEL', %s, %s, %s, %s, %s)",
                [start, end, quantity, batch_id, line],
            )
        plant.connection.commit()
        return batch_id

    days = [(f"2026-05-{number:02}", f"2026-05-{number + 1:02}", 10.0) for number in range(1, 31)]
    daily = documents("daily.csv", [*days, ("2026-05-31", "2026-06-01", 10.0)])
    assert not judge_batch(daily).findings
    near = documents("near.csv", [("2026-05-01", "2026-06-01", 300.0)])
    assert not judge_batch(near).findings
    far = documents("far.csv", [("2026-05-01", "2026-06-01", 280.0)])
    verdict = judge_batch(far)
    assert verdict.is_passed
    assert [finding.expectation for finding in verdict.findings] == ["days_add_up_to_months"]
    assert "310" in verdict.findings[0].message
    assert "280" in verdict.findings[0].message


def test_results_are_recorded_by_batch_with_the_run(plant: Plant) -> None:
    good = plant.batch("good.csv", day() + day("M2"))
    bad = plant.batch("bad.csv", day(value=10_000) + day("M2", value=10_000))
    judge_batches([good, bad], "run-7", NOW)
    rows = plant.fetch(
        "select batch_id, expectation, is_success, observed_value, details, description"
        " from ops.quality_results where run_id = 'run-7' and gate = 'batch' and severity = 'critical'"
    )
    assert {(row[0], row[1]) for row in rows} == {(batch, name) for batch in (good, bad) for name in CRITICAL}
    assert [(row[0], row[1]) for row in rows if not row[2]] == [(bad, "unit_is_right")]
    [failed] = [row for row in rows if not row[2]]
    assert failed[3]["failed"] == 1
    assert failed[4]["failures"][0]["above_maximum_share"] in (
        "1.0000",
        1.0,
        "1",
    )
    assert all(row[5] for row in rows)


def test_data_docs_name_the_run_and_need_no_internet(plant: Plant, warehouse: Settings) -> None:
    judge_batches([plant.batch("a.csv", day())], "scheduled__2026-06-10T01:00:00+00:00", NOW)
    index = (warehouse.data_docs / "index.html").read_text(encoding="utf-8")
    assert "scheduled__2026-06-10T01:00:00+00:00" in index
    assert "批次入库检查" in index
    [folder] = [path for path in (warehouse.data_docs / "runs").iterdir() if "2026-06-10T01" in path.name]
    summary = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert summary["failed"] == {"critical": 0, "warning": 0, "info": 0}
    page = (folder / "batches.html").read_text(encoding="utf-8")
    assert "读数批次不为空" in page
    for outside in ('src="http', 'rel="stylesheet" href="http', "url('http"):
        assert outside not in page
        assert outside not in index
    assert "nengduan_ingest" not in page


def test_a_held_batch_is_accepted_once_the_ledger_is_corrected_and_alarms_once(plant: Plant) -> None:
    batch_id = plant.batch("wh.csv", day(value=10_000) + day("M2", value=10_000))
    assert not judge_batch(batch_id).is_passed
    assert not judge_batch(batch_id).is_passed
    assert plant.fetch("select count(*) from ops.events")[0][0] == 1
    plant.connection.execute("update ledger.meters set multiplier = 0.001")
    plant.connection.commit()
    assert judge_batch(batch_id).is_passed
    assert plant.fetch("select status, status_reason from ops.batches") == [("accepted", None)]
    assert judge_batches([batch_id]) == []
