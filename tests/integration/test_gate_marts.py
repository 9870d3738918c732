"""The gate after dbt, over marts that dbt has really built: quiet when they are right, and each expectation
fails when its thing breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion import marks
from ingestion import warehouse as database
from ingestion.settings import Settings
from plugins.operations import pipeline
from quality.marts_gate import judge_marts
from quality.verdict import Verdict
from tests.integration.gate_plant import Plant, day
from tests.marking import mark_readings

pytestmark = pytest.mark.built

NOW = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)
FIRST = datetime(2026, 5, 31, 16, 0, tzinfo=UTC)  # 1 June, 00:00 in Asia/Shanghai

Change = Callable[..., AbstractContextManager[None]]
Unjudged = Callable[..., None]


@pytest.fixture(scope="module")
def built(module_warehouse: Settings) -> Settings:
    """June of a plant with a main meter and two sub-meters that add up to it, through dbt."""
    with database.connect("ingest") as connection:
        plant = Plant(connection)
        plant.meter("M3")
        for node, stage in (
            ("GRID", "external"),
            ("BUS", "distribution"),
            ("MILL", "end_use"),
            ("HALL", "end_use"),
        ):
            plant.ledger("nodes", node_code=node, name=node, stage=stage)
        for flow, source, target, level, item in (
            ("M1", "GRID", "BUS", 1, "purchase"),
            ("M2", "BUS", "MILL", 2, "production"),
            ("M3", "BUS", "HALL", 2, "living"),
        ):
            plant.ledger(
                "flows", flow_code=f"F-{flow}", energy_code="electricity", from_node=source, to_node=target,
                level=level, item=item, measured_by=flow,
            )  # fmt: skip
            plant.ledger("flow_terms", flow_code=f"F-{flow}", meter_code=flow, coefficient=1)
        rows = [
            reading
            for number in range(30)
            for meter, value in (("M1", 10), ("M2", 6), ("M3", 4))
            for reading in day(meter, value, start=FIRST + timedelta(days=number))
        ]
        plant.batch("good.csv", rows, status="accepted", received_at=NOW)
        booked = plant.batch("purchases.csv", [], kind="erp", rows_total=1, rows_landed=1, status="accepted")
        connection.execute(
            "insert into raw.purchases (site_code, energy_code, date, quantity, kind, batch_id, line)"
            " values ('P', 'electricity', '2026-06-30', 29000, 'purchase', %s, 2)",
            [booked],
        )
        marks.mark_documents(connection, booked)
    pipeline.build_marts("test")
    return module_warehouse


EVERYTHING = tuple(
    (kind, code, "2026-06-01", "2026-07-01")
    for kind, code in (
        *(("meter", meter) for meter in ("M1", "M2", "M3")),
        *(("flow", f"F-{meter}") for meter in ("M1", "M2", "M3")),
    )
)
"""Marks as a build leaves them that has just computed June."""


@pytest.fixture
def unjudged(built: Settings) -> Unjudged:
    """Says what builds have computed since the gate last passed."""

    def put(marked: Sequence[tuple[str, ...]] = EVERYTHING) -> None:
        with database.connect("transform", autocommit=True) as connection:
            connection.execute("delete from ops.unjudged")
            for mark in marked:
                connection.execute(
                    "insert into ops.unjudged (site_code, kind, code, starts_on, ends_on) values ('P', %s, %s, %s, %s)",
                    mark,
                )

    return put


@pytest.fixture
def change(unjudged: Unjudged) -> Change:
    """Does statements to the facts as their owner, as if the last build had computed it so, and takes them back."""

    @contextmanager
    def changed(*statements: str, marked: Sequence[tuple[str, ...]] = EVERYTHING) -> Iterator[None]:
        unjudged(marked)
        tables = {statement.split()[2 if statement.startswith("delete") else 1] for statement in statements}
        with database.connect("transform", autocommit=True) as connection:
            for table in tables:
                connection.execute(f"create table {table}_kept as select * from {table}")
            try:
                for statement in statements:
                    assert connection.execute(statement).rowcount > 0
                yield
            finally:
                for table in tables:
                    connection.execute(f"truncate {table}")
                    connection.execute(f"insert into {table} select * from {table}_kept")
                    connection.execute(f"drop table {table}_kept")

    return changed


def moved(flow: str, stat_date: str, by: int) -> tuple[str, str, str]:
    """A flow's day with another quantity, and its hours and its month with it: it adds up, and is wrong."""
    where = f"where flow_code = '{flow}'"
    return (
        f"update marts.fct_energy_hourly set quantity = quantity + {by} / 24.0 {where} and stat_date = '{stat_date}'",
        f"update marts.fct_energy_daily set quantity = quantity + {by} {where} and stat_date = '{stat_date}'",
        f"update intermediate.int_flows__weeks_months set quantity = quantity + {by} {where} and period_type = 'month'",
    )


def left_unjudged() -> int:
    with database.connect("audit") as connection:
        row = connection.execute("select count(*) from ops.unjudged").fetchone()
    assert row
    return int(row[0])


def names(verdict: Verdict) -> set[str]:
    return {finding.expectation for finding in verdict.findings}


def events() -> list[Any]:
    with database.connect("audit") as connection:
        return connection.execute(
            "select subject, severity, site_code, message from ops.events where kind = 'marts_gate_failed'"
        ).fetchall()


def test_right_marts_pass_without_a_word(built: Settings) -> None:
    """The first test, so that the marks are those of the build itself."""
    with database.connect("audit") as connection:
        marked = connection.execute(
            "select kind, code, min(starts_on) <= '2026-06-01' and max(ends_on) >= '2026-07-01' from ops.unjudged"
            " group by kind, code"
        ).fetchall()
    assert set(marked) == {(kind, code, True) for kind, code, _, _ in EVERYTHING}
    verdict = judge_marts("right", NOW)
    assert verdict.is_passed
    assert verdict.findings == ()
    assert left_unjudged() == 0
    with database.connect("audit") as connection:
        rows = connection.execute(
            "select expectation, is_success, (observed_value ->> 'evaluated')::int from ops.quality_results"
            " where run_id = 'right' and gate = 'marts'"
        ).fetchall()
    evaluated = {row[0]: row[2] for row in rows}
    assert all(row[1] for row in rows)
    # Each looked at something: an expectation of an empty table is no proof.
    assert evaluated == {
        "hours_conserve_spans": 3,
        "days_conserve_hours": 3,
        "months_conserve_days": 3,
        "meter_days_are_complete": 3,
        "nodes_balance": 1,
        "sub_meters_stay_below_main": 1,
        "meters_agree_with_erp": 1,
        "marts_are_fresh": 1,
    }


HOUR = "hour_start = '2026-06-09 00:00+00'"


@pytest.mark.parametrize(
    ("statement", "expectation", "named"),
    [
        (
            f"update intermediate.int_meters__hours set quantity = quantity + 0.00001 where meter_code = 'M2' and {HOUR}",
            "hours_conserve_spans",
            "M2",
        ),
        (
            f"delete from intermediate.int_meters__hours where meter_code = 'M3' and {HOUR}",
            "hours_conserve_spans",
            "M3",
        ),
        (
            "update marts.fct_energy_daily set quantity = quantity + 1"
            " where flow_code = 'F-M1' and stat_date = '2026-06-09'",
            "days_conserve_hours",
            "F-M1",
        ),
        (
            "update intermediate.int_flows__weeks_months set quantity = quantity - 1"
            " where flow_code = 'F-M3' and period_type = 'month'",
            "months_conserve_days",
            "F-M3",
        ),
        (
            "delete from intermediate.int_flows__weeks_months where flow_code = 'F-M2' and period_type = 'month'",
            "months_conserve_days",
            "F-M2",
        ),
    ],
)
def test_figures_that_do_not_add_up_fail_the_gate_and_raise_an_alarm(
    change: Change, statement: str, expectation: str, named: str
) -> None:
    before = len(events())
    with change(statement):
        verdict = judge_marts(f"broken {expectation}", NOW)
    assert expectation in {finding.expectation for finding in verdict.critical}
    assert named in str(verdict.reason)
    alarms = events()
    assert len(alarms) == before + 1
    assert alarms[-1][1:3] == ("critical", "P")
    assert named in alarms[-1][3]


@pytest.mark.parametrize(
    ("statements", "expectation", "named"),
    [
        (
            ("update intermediate.int_meters__days set covered_hours = 21.5"
             " where meter_code = 'M2' and stat_date = '2026-06-01'",),
            "meter_days_are_complete",
            "M2 有 1 天（共 29 天）",
        ),
        (moved("F-M3", "2026-06-09", -60), "nodes_balance", "BUS"),
        (moved("F-M3", "2026-06-10", 60), "sub_meters_stay_below_main", "2026-06-10"),
        (
            ("update intermediate.int_erp__documents set quantity = 27000",),
            "meters_agree_with_erp",
            "28800.000，ERP 购入 27000.000",
        ),
    ],
)  # fmt: skip
def test_what_the_plant_should_look_at_is_a_warning(
    change: Change, statements: tuple[str, ...], expectation: str, named: str
) -> None:
    with change(*statements):
        verdict = judge_marts(f"warned {expectation}", NOW)
    [finding] = [one for one in verdict.findings if one.expectation == expectation]
    assert finding.severity == "warning"
    assert named in finding.message
    assert verdict.is_passed
    assert left_unjudged() == 0


def test_a_silent_meter_is_told_on_a_day_that_another_changed(change: Change) -> None:
    """Nothing marks a meter that says nothing."""
    with change(
        "delete from intermediate.int_meters__days where meter_code = 'M3' and stat_date = '2026-06-09'",
        marked=[("meter", "M1", "2026-06-09", "2026-06-10")],
    ):
        verdict = judge_marts("silent", NOW)
    [finding] = verdict.findings
    assert (finding.expectation, finding.severity) == ("meter_days_are_complete", "warning")
    assert "M3 有 1 天（共 1 天）" in finding.message
    assert "M1" not in finding.message


def test_a_plant_without_readings_has_no_days_to_judge(change: Change) -> None:
    """Its ledgers are built first. A range of days without bounds would be every day of ten thousand years."""
    with change("delete from intermediate.int_meters__days", marked=[("meter", "M1", "0001-01-01", "9999-12-31")]):
        judge_marts("no days", NOW)
    with database.connect("audit") as connection:
        evaluated = connection.execute(
            "select (observed_value ->> 'evaluated')::int from ops.quality_results"
            " where run_id = 'no days' and expectation = 'meter_days_are_complete'"
        ).fetchall()
    assert evaluated == [(0,)]


SPOILED_DAY = (
    "update marts.fct_energy_daily set quantity = quantity + 1 where flow_code = 'F-M1' and stat_date = '2026-06-09'"
)


def test_the_gate_looks_at_what_was_computed_since_it_last_passed(change: Change) -> None:
    """Cost follows the news: another day, or another flow, was judged when it was computed."""
    whole_month = "update intermediate.int_flows__weeks_months set quantity = quantity + 1 where flow_code = 'F-M1'"
    for mark in (("flow", "F-M1", "2026-06-10", "2026-06-30"), ("flow", "F-M2", "2026-06-01", "2026-07-01")):
        with change(SPOILED_DAY, whole_month, marked=[mark]):
            assert judge_marts(f"elsewhere {mark}", NOW).is_passed
    with change(SPOILED_DAY, whole_month, marked=[("flow", "F-M1", "2026-06-09", "2026-06-10")]):
        assert names(judge_marts("there", NOW)) == {"days_conserve_hours"}


def test_a_failed_verdict_leaves_the_marks_for_the_next_gate(change: Change) -> None:
    with change(SPOILED_DAY):
        assert not judge_marts("fails", NOW).is_passed
        assert left_unjudged() == len(EVERYTHING)
        assert "days_conserve_hours" in names(judge_marts("fails again", NOW))
    assert judge_marts("repaired", NOW).is_passed
    assert left_unjudged() == 0
    with database.connect("audit") as connection:
        evaluated = connection.execute(
            "select (observed_value ->> 'evaluated')::int from ops.quality_results"
            " where run_id = 'repaired' and expectation = 'days_conserve_hours'"
        ).fetchall()
    assert evaluated == [(3,)]


def test_readings_accepted_between_a_build_and_its_gate_are_no_fault(built: Settings, unjudged: Unjudged) -> None:
    """Airflow runs the gate some seconds after the build: the next build computes them, and its gate judges them."""

    def judged(run_id: str) -> tuple[bool, int]:
        verdict = judge_marts(run_id, NOW)
        with database.connect("audit") as connection:
            row = connection.execute(
                "select (observed_value ->> 'evaluated')::int from ops.quality_results"
                " where run_id = %s and expectation = 'hours_conserve_spans'",
                [run_id],
            ).fetchone()
        assert row
        return verdict.is_passed, row[0]

    unjudged()
    with database.connect("ingest", autocommit=True) as connection:
        row = connection.execute(
            "insert into ops.batches (load_id, site_code, kind, source, file, sha256, rows_total, rows_landed,"
            " first_read_at, last_read_at, received_at, status)"
            " values (gen_random_uuid(), 'P', 'readings', 'csv', 'late.csv', 'late', 1, 1, %s, %s, %s, 'landed')"
            " returning batch_id",
            [FIRST + timedelta(days=9), FIRST + timedelta(days=9), NOW],
        ).fetchone()
        assert row
        connection.execute(
            "insert into raw.readings (site_code, meter_code, read_at, value, quality, revision, batch_id, line)"
            " values ('P', 'M2', %s, 7, 'good', 1, %s, 2)",
            [FIRST + timedelta(days=9), row[0]],
        )
        mark_readings(connection, "P", row[0], [("M2", FIRST + timedelta(days=9))])
        assert judged("landed beside the gate") == (True, 3)
        connection.execute("update ops.batches set status = 'accepted' where batch_id = %s", [row[0]])
        assert judged("accepted beside the gate") == (True, 2)
    pipeline.build_marts("late")
    assert judged("built from it") == (True, 1)


def test_old_marts_are_not_fresh(built: Settings) -> None:
    """Asked even when nothing was computed: that is what the warning is about."""
    assert names(judge_marts("old", NOW + timedelta(days=3))) == {"marts_are_fresh"}


def test_the_log_of_dbt_is_kept_and_a_broken_model_is_named(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    log = built.logs / "dbt" / "test.log"
    assert "Completed successfully" in log.read_text(encoding="utf-8")
    from plugins.operations.building import BuildError

    with database.connect("ingest") as connection:
        connection.execute("update ledger.sites set timezone = 'Nowhere/Never'")
    with pytest.raises(BuildError, match=r"model\.nengduan\.\w+：.*Nowhere/Never.*日志"):
        pipeline.build_marts("broken")
