"""The gate after dbt, over marts that dbt has really built: quiet when they are right, and each expectation
fails when its thing breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion import warehouse as database
from ingestion.settings import Settings
from plugins.operations import pipeline
from quality.marts_gate import judge_marts
from quality.verdict import Verdict
from tests.integration.gate_plant import Plant, day

NOW = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)
FIRST = datetime(2026, 5, 31, 16, 0, tzinfo=UTC)  # 1 June, 00:00 in Asia/Shanghai

Change = Callable[[str], AbstractContextManager[None]]


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
    pipeline.build_marts("test")
    return module_warehouse


@pytest.fixture
def change(built: Settings) -> Change:
    """Does a statement to the marts as their owner, and takes it back."""

    @contextmanager
    def changed(statement: str) -> Iterator[None]:
        table = statement.split()[2 if statement.startswith("delete") else 1]
        with database.connect("transform", autocommit=True) as connection:
            connection.execute(f"create table marts.kept as select * from {table}")
            try:
                connection.execute(statement)
                yield
            finally:
                connection.execute(f"truncate {table}")
                connection.execute(f"insert into {table} select * from marts.kept")
                connection.execute("drop table marts.kept")

    return changed


def names(verdict: Verdict) -> set[str]:
    return {finding.expectation for finding in verdict.findings}


def events() -> list[Any]:
    with database.connect("audit") as connection:
        return connection.execute(
            "select subject, severity, site_code, message from ops.events where kind = 'marts_gate_failed'"
        ).fetchall()


def test_right_marts_pass_without_a_word(built: Settings) -> None:
    verdict = judge_marts("right", NOW)
    assert verdict.is_passed
    assert verdict.findings == ()
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
            f"update marts.fct_meter_hourly set quantity = quantity + 0.00001 where meter_code = 'M2' and {HOUR}",
            "hours_conserve_spans",
            "M2",
        ),
        (
            f"delete from marts.fct_meter_hourly where meter_code = 'M3' and {HOUR}",
            "hours_conserve_spans",
            "M3",
        ),
        (
            "update marts.fct_energy_daily set quantity = quantity + 1"
            " where flow_code = 'F-M1' and stat_date = '2026-06-09'",
            "days_conserve_hours",
            "F-M1",
        ),
        ("delete from marts.fct_energy_monthly where flow_code = 'F-M2'", "months_conserve_days", "F-M2"),
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
    ("statement", "expectation", "named"),
    [
        (
            "delete from marts.fct_meter_hourly where meter_code = 'M2' and hour_start < '2026-05-31 20:00+00'",
            "meter_days_are_complete",
            "M2 有 1 天（共 29 天）",
        ),
        (
            "update intermediate.int_nodes__closure_daily set unaccounted_ratio = -0.06 where stat_date = '2026-06-09'",
            "nodes_balance",
            "BUS",
        ),
        (
            "update intermediate.int_levels__closure_daily set level_2_quantity = level_1_quantity * 1.06"
            " where stat_date = '2026-06-10'",
            "sub_meters_stay_below_main",
            "2026-06-10",
        ),
        (
            "update intermediate.int_erp__documents set quantity = 27000",
            "meters_agree_with_erp",
            "28800.000，ERP 购入 27000.000",
        ),
    ],
)
def test_what_the_plant_should_look_at_is_a_warning(
    change: Change, statement: str, expectation: str, named: str
) -> None:
    with change(statement):
        verdict = judge_marts(f"warned {expectation}", NOW)
    [finding] = [one for one in verdict.findings if one.expectation == expectation]
    assert finding.severity == "warning"
    assert named in finding.message
    assert expectation not in {one.expectation for one in verdict.critical}


def test_old_marts_are_not_fresh(built: Settings) -> None:
    assert names(judge_marts("old", NOW + timedelta(days=3))) == {"marts_are_fresh"}


def test_the_log_of_dbt_is_kept_and_a_broken_model_is_named(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    log = built.logs / "dbt" / "test.log"
    assert "Completed successfully" in log.read_text(encoding="utf-8")
    from plugins.operations.building import BuildError

    with database.connect("ingest") as connection:
        connection.execute("update ledger.sites set timezone = 'Nowhere/Never'")
    with pytest.raises(BuildError, match=r"model\.nengduan\.\w+：.*Nowhere/Never.*日志"):
        pipeline.build_marts("broken")
