"""`nengduan rebuild` and the night's run: the same figures from the readings on, and a word when they differ."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from ingestion import warehouse
from ingestion.package import open_package
from ingestion.settings import Settings
from plugins.operations import pipeline, rebuilding
from plugins.operations.rebuild import rebuild
from tests.integration.landing_plant import write
from tests.integration.test_pipeline import NOW, fetch, plant, readings

pytestmark = [pytest.mark.slow, pytest.mark.built]

DAY = date(2026, 1, 10)
EVENTS = "select kind, severity, site_code, payload ->> 'tables' from ops.events where kind = 'rebuild_changed_figures'"


@pytest.fixture(autouse=True)
def loaded(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two plants with a day of readings each, once for the module."""
    if not fetch("select 1 from ledger.sites"):
        packages = {site: tmp_path_factory.mktemp(site) / site for site in ("A1", "B1")}
        for site, folder in packages.items():
            write(folder, plant(site) | {"readings/day": readings("M1", 10)})
        for kind in pipeline.LANDINGS:
            pipeline.land(kind, open_package(packages["A1"]), uuid.uuid4(), NOW)
        report = pipeline.run_package(packages["B1"], NOW)
        assert report.is_passed, [stage.problem for stage in report.stages]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rebuild, [*arguments])


def spoil(statement: str, *values: Any) -> None:
    """A figure that no build made, as a fault in a model would leave it."""
    with warehouse.connect("transform") as connection:
        assert connection.execute(statement.encode(), values).rowcount > 0


def computed_by() -> dict[str, set[str]]:
    """Transactions that wrote each site's hours."""
    rows = fetch("select site_code, xmin::text from marts.fct_energy_hourly")
    return {site: {one for other, one in rows if other == site} for site in ("A1", "B1")}


def test_nothing_changes_and_only_what_was_asked_for_is_computed() -> None:
    before = computed_by()
    result = run("--from", "2026-01-10", "--to", "2026-01-10", "--site", "A1")
    assert result.exit_code == 0, result.output
    assert "重新计算完成，各步骤均通过。" in result.output
    assert [word for word in ("计算能耗：通过", "重新计算：通过", "检查结果：通过") if word not in result.output] == []
    after = computed_by()
    assert after["B1"] == before["B1"]
    assert not after["A1"] & before["A1"]
    assert fetch(EVENTS) == []
    assert fetch("select count(*) from ops.dirty_meters") == [(0,)]


def test_a_figure_that_changes_is_mended_and_told() -> None:
    spoil("update marts.fct_energy_daily set quantity = quantity + 1 where site_code = 'B1'")
    before = len(fetch(EVENTS))
    result = run()
    assert result.exit_code == 0, result.output
    assert "企业 B1 全部日期重新计算后结果有变化：marts.fct_energy_daily" in result.output
    assert fetch(EVENTS)[before:] == [("rebuild_changed_figures", "warning", "B1", '["marts.fct_energy_daily"]')]
    assert fetch("select quantity from marts.fct_energy_daily where site_code = 'B1'") == [(Decimal(960),)]


def test_the_nightly_run_takes_the_day_of_its_interval() -> None:
    spoil("update marts.fct_energy_daily set quantity = 0 where site_code = 'A1'")
    before = len(fetch(EVENTS))
    begins = datetime(2026, 1, 9, 19, tzinfo=UTC)  # 03:00 on the 10th in Shanghai
    assert rebuilding.day_of({"data_interval_start": begins}) == DAY
    by_hand = SimpleNamespace(run_after=datetime(2026, 1, 11, 4, tzinfo=UTC))
    assert rebuilding.day_of({"dag_run": by_hand}) == DAY
    assert rebuilding.rebuild_day("rebuild_marts.test", DAY) is None
    assert fetch("select quantity from marts.fct_energy_daily where site_code = 'A1'") == [(Decimal(960),)]
    assert [event[2] for event in fetch(EVENTS)[before:]] == ["A1"]
    assert "2025-01-10" in str(rebuilding.rebuild_day("rebuild_marts.test", date(2025, 1, 10)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2026-01-11", "--to", "2026-01-10"), "起始日 2026-01-11 晚于截止日 2026-01-10"),
        (("--site", "C1"), "没有企业 C1；台账中有：A1、B1"),
        (("--from", "2026-02-30"), "不是日期"),
        (("--from", "2025-01-01", "--to", "2025-01-31"), "2025-01-01 至 2025-01-31没有任何读数或 ERP 单据"),
    ],
)
def test_what_can_not_be_computed_is_said_before_anything_is_done(arguments: tuple[str, ...], words: str) -> None:
    before = computed_by()
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert computed_by() == before


def test_data_that_came_meanwhile_is_no_difference(tmp_path: Path) -> None:
    """What is accepted and not yet computed is computed first."""
    before = len(fetch(EVENTS))
    package = open_package(write(tmp_path / "A1", plant("A1") | {"readings/more": readings("M2", 10)}))
    report = pipeline.land("readings", package, uuid.uuid4(), NOW)
    verdicts = pipeline.judge_landed("test", [one.batch_id for one in report], NOW)
    assert all(verdict.is_passed for verdict in verdicts)
    result = run("--site", "A1")
    assert result.exit_code == 0, result.output
    assert fetch("select sum(quantity) from marts.fct_energy_daily where site_code = 'A1'") == [(Decimal(1920),)]
    assert fetch(EVENTS)[before:] == []


def test_a_new_version_remakes_the_tables_whose_indexes_it_wants_otherwise_and_no_other() -> None:
    """As an upgrade finds it: made by other models, one of which had another index."""
    tables = "select relname, oid from pg_class where relnamespace = 'intermediate'::regnamespace and relkind = 'r'"
    indexes = "select regexp_replace(indexdef, '^.* USING', '') from pg_indexes where tablename = %s order by 1"
    figures = "select * from marts.performance_by_level order by performance_by_level::text"
    before, wanted, expected = dict(fetch(tables)), fetch(indexes, "int_performance__by_level"), fetch(figures)
    with warehouse.connect("transform") as connection:
        for (name,) in connection.execute(
            "select indexname from pg_indexes where tablename = 'int_performance__by_level'"
        ).fetchall():
            connection.execute(sql.SQL("drop index intermediate.{}").format(sql.Identifier(name)))
        connection.execute("create index on intermediate.int_performance__by_level (period_start)")
        connection.execute(
            "insert into ops.events (occurred_at, kind, severity, subject, message, payload)"
            " values (now(), 'marts_built', 'info', 'former', '计算完成', '{\"models\": \"former\"}')"
        )
    pipeline.build_marts("upgrade")
    after = dict(fetch(tables))
    assert {name for name in before if before[name] != after[name]} == {"int_performance__by_level"}
    assert fetch(indexes, "int_performance__by_level") == wanted
    assert fetch(figures) == expected != []
