"""Closed months: what is closed stays, what changes later is told with its cause, and only one role may do it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import errors

from ingestion import settings as configuration
from ingestion import warehouse
from ingestion.settings import Settings
from plugins.closing import acts, versions
from plugins.closing.acts import ClosingError, IncompleteError, close_period, reopen_period
from plugins.closing.commands import period
from plugins.operations import building, pipeline, server
from tests.conftest import copied_warehouse
from tests.integration.landing_plant import write

pytestmark = pytest.mark.slow

JANUARY = date(2026, 1, 1)
LOADED = datetime(2026, 2, 1, tzinfo=UTC)
CLOSED = LOADED + timedelta(hours=1)
LATER = LOADED + timedelta(days=3)
LEDGERS = {
    "site": "site_code,name\nS1,试验厂\n",
    "energies": "energy_code,name,unit,class,kgce_per_unit,kgce_per_unit_equal,valid_from,valid_to\n"
    "power,电力,kWh,secondary,0.1229,0.3,,\ncoal,原煤,t,primary,700,700,,\n",
    "nodes": "node_code,name,stage\nGRID,电网,external\nBUS,母线,distribution\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,interval_minutes,max_per_hour\n"
    "M1,进线1,power,interval,kWh,60,400\nM2,进线2,power,interval,kWh,60,400\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by\n"
    "F1,power,GRID,BUS,1,purchase,M1\nF2,power,GRID,BUS,1,purchase,M2\n",
    "purchases": "energy_code,date,quantity,kind\ncoal,2026-01-15,30,purchase\n",
}


def readings(meter: str, value: float, count: int = 31 * 24, revision: int = 0) -> str:
    stamps = (datetime(2026, 1, 1) + timedelta(hours=number) for number in range(count))
    return "meter_code,read_at,value,revision\n" + "".join(
        f"{meter},{at:%Y-%m-%d %H:%M},{value},{revision}\n" for at in stamps
    )


FULL = LEDGERS | {"readings/m1": readings("M1", 10), "readings/m2": readings("M2", 20)}


def load(folder: Path, tables: dict[str, str], now: datetime = LOADED) -> None:
    report = pipeline.run_package(write(folder / "S1", tables), now)
    assert report.is_passed, [(stage.name, stage.problem) for stage in report.stages]


def fetch(query: str, *values: Any, role: str = "audit") -> list[Any]:
    with warehouse.connect(role) as connection:
        return connection.execute(query.encode(), values).fetchall()


def closed_flows(version: int = 1) -> dict[str, Decimal]:
    return dict(
        fetch("select flow_code, quantity from marts.closed_energy_monthly where version = %s", version, role="bi")
    )


def differences() -> dict[tuple[str, str], dict[str, Any]]:
    rows = versions.differences("S1", JANUARY)
    return {(row["scope"], row["flow_code"] or row["energy_code"]): row for row in rows}


def nengduan_period(*words: str) -> Result:
    return CliRunner().invoke(period, list(words))


def close(**changes: Any) -> acts.Closing:
    given: dict[str, Any] = {"by": "张三", "reason": "一月结账", "now": CLOSED}
    return close_period("S1", JANUARY, **(given | changes))


@pytest.fixture(scope="module")
def loaded_template(server: Settings, built_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A warehouse with January of S1, loaded once for all tests of this module."""
    with copied_warehouse(server, built_template) as made:
        load(tmp_path_factory.mktemp("loaded"), FULL)
        yield made.warehouse_database


@pytest.fixture(scope="module")
def closed_template(server: Settings, loaded_template: str) -> Iterator[tuple[str, acts.Closing]]:
    """The same, closed."""
    with copied_warehouse(server, loaded_template) as made:
        yield made.warehouse_database, close()


@pytest.fixture
def loaded(server: Settings, loaded_template: str) -> Iterator[Settings]:
    """January of S1, complete and open."""
    with copied_warehouse(server, loaded_template) as made:
        yield made


@pytest.fixture
def closed(server: Settings, closed_template: tuple[str, acts.Closing]) -> Iterator[acts.Closing]:
    """January of S1, complete and closed."""
    with copied_warehouse(server, closed_template[0]):
        yield closed_template[1]


def test_a_month_is_closed_with_its_figures_coefficients_and_hash(closed: acts.Closing) -> None:
    assert (closed.version, closed.missing) == (1, ())
    assert closed_flows() == {"F1": Decimal(7440), "F2": Decimal(14880)}
    [(coefficients, meters, unit)] = fetch(
        "select coefficients, meters, unit from marts.closed_energy_monthly where flow_code = 'F1'"
    )
    assert (meters, unit) == (["M1"], "kWh")
    [stretch] = coefficients
    assert (stretch["kgce_per_unit"], stretch["source_equivalent"]) == (0.1229, "本企业 energies 台账")
    assert (stretch["valid_from"], stretch["valid_to"]) == ("2026-01-01", "2026-02-01")
    assert fetch(
        "select energy_code, source, quantity from marts.closed_performance where breakdown = 'type' order by 1"
    ) == [("coal", "erp", Decimal(30)), ("power", "metered", Decimal(22320))]
    assert fetch("select distinct breakdown from marts.closed_performance order by 1") == [
        ("item",), ("level",), ("type",),
    ]  # fmt: skip
    [(total, live)] = fetch(
        "select closed.tce_equivalent, live.tce_equivalent from marts.closed_comprehensive_energy as closed"
        " inner join marts.comprehensive_energy as live using (site_code)"
        " where live.period_type = 'month' and live.period_start = '2026-01-01'"
    )
    assert total == live is not None
    # The hash is that of a text anybody can make, without our code.
    lines = fetch("select ops.closed_figures_text('S1', '2026-01-01', 1)")
    assert len(lines) == closed.figure_rows
    assert hashlib.sha256("".join(f"{line}\n" for (line,) in lines).encode()).hexdigest() == closed.figures_hash
    assert fetch("select state, version, figures_hash, missing_figures from marts.period_versions", role="bi") == [
        ("closed", 1, closed.figures_hash, [])
    ]
    assert versions.standing_version("S1", JANUARY) == (1, closed.figures_hash)
    assert differences() == {}
    # Another build leaves it alone.
    building.run_dbt("again")
    [check] = versions.verify("S1")
    assert check.is_untouched


def test_a_late_file_moves_the_marts_and_not_the_closing_and_is_named_as_the_cause(
    closed: acts.Closing, tmp_path: Path
) -> None:
    late = {"readings/corrected": readings("M1", 11, 24, revision=1), "readings/m1_again": readings("M1", 10, 48)}
    february = "meter_code,read_at,value\n" + "".join(f"M1,2026-02-{day:02} 05:00,5\n" for day in (2, 3))
    load(tmp_path / "late", {"site": LEDGERS["site"], **late, "readings/february": february}, LATER)
    assert closed_flows() == {"F1": Decimal(7440), "F2": Decimal(14880)}
    found = differences()
    assert set(found) == {("flow", "F1"), ("intake", "power")}
    flow = found["flow", "F1"]
    assert (flow["closed_quantity"], flow["now_quantity"], flow["difference_quantity"]) == (7440, 7464, 24)
    assert flow["causes"] == ["late_readings"]
    assert "readings/corrected.csv" in flow["why"]
    assert "24 条读数，M1" in flow["why"]
    assert "m1_again" not in flow["why"]  # it says nothing new
    assert "february" not in flow["why"]  # an interval speaks for itself
    assert found["intake", "power"]["causes"] == ["flow_differences"]
    assert "F1" in found["intake", "power"]["why"]
    told = nengduan_period("diff", "S1", "2026-01")
    assert told.exit_code == 0, told.output
    assert "流 F1（电力）" in told.output
    assert "实物量 kWh：结账 7440，现 7464，差 +24" in told.output
    listed = nengduan_period("list", "S1")
    assert "S1 2026-01 第 1 版：已结账，其后有 2 处变化" in listed.output
    [check] = versions.verify()
    assert check.is_untouched


def test_a_changed_coefficient_a_late_document_and_a_new_flow_are_named(closed: acts.Closing, tmp_path: Path) -> None:
    changed = {
        "site": LEDGERS["site"],
        "energies": LEDGERS["energies"].replace("0.1229", "0.13"),
        "flows": LEDGERS["flows"] + "F3,power,GRID,BUS,2,production,M1\n",
        "purchases": LEDGERS["purchases"] + "coal,2026-01-20,5,purchase\n",
    }
    load(tmp_path / "changed", changed, LATER)
    found = differences()
    assert set(found) == {
        ("flow", "F1"), ("flow", "F2"), ("flow", "F3"), ("intake", "power"), ("intake", "coal"),
    }  # fmt: skip
    flow = found["flow", "F2"]
    assert flow["difference_quantity"] == 0
    assert flow["difference_tce_equivalent"] == Decimal("14.880") * (Decimal("0.13") - Decimal("0.1229"))
    assert "coefficient_change" in flow["causes"]
    assert "0.13（本企业 energies 台账）" in flow["why"]
    assert "added" in found["flow", "F3"]["causes"]
    assert found["flow", "F3"]["closed_quantity"] is None
    coal = found["intake", "coal"]
    assert coal["causes"] == ["late_documents"]
    assert "purchases.csv" in coal["why"]
    assert coal["difference_quantity"] == 5


def test_a_changed_ledger_is_named_with_who_and_why_and_an_unknown_cause_says_so(closed: acts.Closing) -> None:
    def change(table: str, key: dict[str, str], before: dict[str, Any], after: dict[str, Any]) -> None:
        with server.connect_owner(configuration.load()) as connection:
            connection.execute(
                "insert into ledger.changes (site_code, table_name, row_key, operation, before, after, changed_at,"
                " changed_by, reason) values ('S1', %s, %s, 'update', %s, %s, %s, '李四', '互感器更换')",
                [table, *map(json.dumps, (key, before, after)), LATER],
            )

    with server.connect_owner(configuration.load()) as connection:  # unseen by the history, as by an administrator
        connection.execute("alter table ledger.meters disable trigger user")
        connection.execute("update ledger.meters set multiplier = 2")
        connection.execute("alter table ledger.meters enable trigger user")
    building.run_dbt("changed")
    found = differences()
    assert found["flow", "F1"]["difference_quantity"] == 7440
    assert found["flow", "F1"]["causes"] == ["unknown"]
    assert "原因不明" in found["flow", "F1"]["why"]

    change("meters", {"meter_code": "M1"}, {"multiplier": 1, "location": "A"}, {"multiplier": 2, "location": "B"})
    change("meters", {"meter_code": "M2"}, {"location": "A"}, {"location": "B"})
    found = differences()
    assert found["flow", "F1"]["causes"] == ["ledger_change"]
    assert "台账 meters M1 修改：multiplier 1 → 2（李四，2026-02-04 08:00，互感器更换）" in found["flow", "F1"]["why"]
    assert found["flow", "F2"]["causes"] == ["unknown"]  # where it stands moves no figure

    # A flow that no longer counts as intake changes the intake and not itself.
    with server.connect_owner(configuration.load()) as connection:
        connection.execute("alter table ledger.flows disable trigger user")
        connection.execute("update ledger.flows set level = 2 where flow_code = 'F2'")
        connection.execute("alter table ledger.flows enable trigger user")
    building.run_dbt("another level")
    content = {"energy_code": "power", "item": "purchase", "measured_by": "M2"}
    change("flows", {"flow_code": "F2"}, content | {"level": 1}, content | {"level": 2})
    found = differences()
    assert found["intake", "power"]["causes"] == ["flow_differences", "ledger_change"]
    assert "来自流的差异：F1；" in found["intake", "power"]["why"] + "；"
    assert "台账 flows F2 修改：level 1 → 2" in found["intake", "power"]["why"]


def test_reopened_and_closed_again_is_a_second_version_and_both_stay_readable(
    closed: acts.Closing, tmp_path: Path
) -> None:
    with pytest.raises(ClosingError, match="已由 张三 结账，现为第 1 版"):
        close()
    load(tmp_path / "late", {"site": LEDGERS["site"], "readings/new": readings("M1", 11, 24, revision=1)}, LATER)
    assert reopen_period("S1", JANUARY, "王五", "补传读数", now=LATER) == 1
    assert fetch("select state, version, last_version, figures_hash from marts.period_versions") == [
        ("reopened", None, 1, None)
    ]
    assert versions.standing_version("S1", JANUARY) is None
    with pytest.raises(ClosingError, match="没有结账"):
        reopen_period("S1", JANUARY, "王五", "再来", now=LATER)
    with pytest.raises(ClosingError, match="没有可比的版本"):
        versions.differences("S1", JANUARY)

    second = close(now=LATER)
    assert second.version == 2
    assert second.figures_hash != closed.figures_hash
    assert closed_flows(1)["F1"] == 7440
    assert closed_flows(2)["F1"] == 7464
    assert differences() == {}
    assert [check.is_untouched for check in versions.verify("S1", JANUARY)] == [True, True]
    listed = nengduan_period("list").output
    assert "第 2 版：已结账，其后无变化" in listed
    assert "王五 2026-02-04 08:00 重新打开：补传读数" in listed


def test_what_may_not_be_closed_is_refused_clearly(warehouse: Settings, tmp_path: Path) -> None:
    with pytest.raises(ClosingError, match="还没有计算结果"):
        close()
    # The site's month ends on its own day and hour: January runs to 26 January 08:00 in Urumqi's time.
    own = "site_code,name,timezone,day_start,month_start_day\nS1,试验厂,Asia/Urumqi,08:00,26\n"
    load(tmp_path / "first", FULL | {"site": own, "readings/m1": readings("M1", 10, 100)})
    end = datetime(2026, 1, 26, 2, tzinfo=UTC)
    with pytest.raises(ClosingError, match="还没有结束：按本企业统计月，到 2026-01-26"):
        close(now=end - timedelta(seconds=1))
    with pytest.raises(ClosingError, match="没有企业 S9；已知：S1"):
        close_period("S9", JANUARY, "张三", "结账", now=CLOSED)
    with pytest.raises(ClosingError, match="2025-06 没有任何数据"):
        close_period("S1", date(2025, 6, 1), "张三", "结账", now=CLOSED)
    for words in ({"by": " "}, {"reason": ""}):
        with pytest.raises(ClosingError, match="不能为空"):
            close(**words)

    with pytest.raises(IncompleteError) as refused:
        close(now=end)
    assert any(line.startswith("流 F1：实测覆盖率 ") and "M1" in line for line in refused.value.missing)
    assert fetch("select count(*) from ops.period_closings") == [(0,)]
    told = nengduan_period("close", "S1", "2026-01", "--by", "张三", "--reason", "结账")
    assert told.exit_code == 1
    assert "--incomplete-ok" in told.output
    assert "流 F1：实测覆盖率" in told.output
    assert nengduan_period("close", "S1", "Jan", "--by", "张三", "--reason", "结账").exit_code == 2

    accepted = nengduan_period("close", "S1", "2026-01", "--by", "张三", "--reason", "结账", "--incomplete-ok")
    assert accepted.exit_code == 0, accepted.output
    assert "按不完整的数据结账" in accepted.output
    [(missing,)] = fetch("select missing_figures from marts.period_versions where stat_month = '2026-01-01'")
    assert list(refused.value.missing) == missing
    assert "结账时不完整" in nengduan_period("list", "S1").output


def test_accepted_data_must_be_in_the_figures_first(loaded: Settings) -> None:
    with server.connect_owner(configuration.load()) as connection:
        connection.execute(
            "insert into ops.dirty_flows (site_code, flow_code, starts_at, ends_at, cause)"
            " values ('S1', 'F1', now(), now(), 'test')"
        )
    with pytest.raises(ClosingError, match="还没有计算进结果"):
        close()


@pytest.fixture
def cut_off(loaded: Settings) -> None:
    """A closing whose process died after its figures were written and before they were sealed."""

    class Killed(BaseException):
        """The process ends here: nothing of it runs any more."""

    with pytest.MonkeyPatch.context() as patch:
        run_models = building.run_models

        def dead() -> None:
            raise Killed

        def die(*arguments: Any, **options: Any) -> None:
            run_models(*arguments, **options)
            patch.setattr(acts, "_connect", dead)
            raise Killed

        patch.setattr(building, "run_models", die)
        with pytest.raises(Killed):
            close(by="已离开")


def test_a_closing_that_was_cut_off_counts_for_nothing_and_heals(cut_off: None) -> None:
    assert closed_flows()  # written, and not sealed
    assert fetch("select state, version from marts.period_versions") == [("open", None)]
    assert "未完成" in nengduan_period("list").output
    building.run_dbt("between")  # an ordinary build neither finishes nor repeats it
    assert fetch("select count(*), count(sealed_at) from ops.period_closings") == [(1, 0)]

    healed = close()
    assert healed.version == 1
    assert closed_flows() == {"F1": Decimal(7440), "F2": Decimal(14880)}
    assert fetch("select closed_by, abandon_reason, sealed_at is not null from ops.period_closings order by closing_id") == [
        ("已离开", "没有完成，由 张三 重新结账", False), ("张三", None, True),
    ]  # fmt: skip
    [check] = versions.verify()
    assert check.is_untouched


def test_a_closing_that_was_cut_off_can_be_given_up(cut_off: None) -> None:
    assert reopen_period("S1", JANUARY, "王五", "停电", now=LATER) is None
    assert closed_flows() == {}
    assert fetch("select abandon_reason from ops.period_closings") == [("王五：停电",)]
    assert nengduan_period("list").output == "没有结账的月份。\n"


def test_a_failing_build_closes_nothing_and_leaves_nothing(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "SNAPSHOTS", (*acts.SNAPSHOTS, "--no-such-option"))
    told = nengduan_period("close", "S1", "2026-01", "--by", "张三", "--reason", "结账")
    assert told.exit_code == 1
    assert fetch("select sealed_at, abandoned_at is not null from ops.period_closings") == [(None, True)]
    assert fetch("select version from marts.period_versions") == [(None,)]


ACT = (
    "insert into ops.period_closings (site_code, stat_month, period_start, period_end, timezone, starts_at, ends_at,"
    " closed_at, closed_by, reason, missing_figures, platform_version, models_sha256) values ('S2', '2026-01-01',"
    " '2026-01-01', '2026-02-01', 'UTC', now() - interval '2 months', now() - interval '1 month', now(), 'x', 'y', '{}',"
    " '0', '0')"
)
REOPEN = "update ops.period_closings set reopened_at = now(), reopened_by = 'x', reopen_reason = 'y'"
TABLES = [f"marts.{name}" for name in acts.SNAPSHOTS]


@pytest.fixture(scope="module")
def shared(server: Settings, closed_template: tuple[str, acts.Closing]) -> Iterator[None]:
    """A closed month that none of the tests below can change: that is what they are about."""
    with copied_warehouse(server, closed_template[0]):
        yield


@pytest.mark.parametrize("role", ["ingest", "transform", "bi", "audit"])
@pytest.mark.parametrize(
    "statement",
    [
        ACT,
        REOPEN,
        "update ops.period_closings set abandoned_at = now(), abandon_reason = 'z'",
        "update ops.period_closings set sealed_at = null",
        "delete from ops.period_closings",
        *(f"update {table} set version = 9" for table in TABLES),
        *(f"delete from {table}" for table in TABLES),
        *(f"truncate {table}" for table in TABLES),
        f"alter table {TABLES[0]} disable trigger all",
    ],
)
def test_no_other_role_closes_reopens_or_changes_a_closed_figure(shared: None, role: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), warehouse.connect(role) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.period_closings set figures_hash = '0'",
        "update ops.period_closings set closed_by = 'x'",
        "delete from ops.period_closings",
        "insert into marts.closed_energy_monthly select * from marts.closed_energy_monthly",
        "select * from ledger.meters",
        "select * from raw.readings",
        "insert into ops.events (occurred_at, kind, severity, message) values (now(), 'x', 'info', 'y')",
    ],
)
def test_the_closing_role_may_do_no_more_than_its_acts(shared: None, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), warehouse.connect("close") as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *(("owner", f"update {table} set version = 9") for table in TABLES),
        *(("owner", f"delete from {table}") for table in TABLES),
        *(("owner", f"truncate {table}") for table in TABLES),
        ("owner", "delete from ops.period_closings"),
        ("owner", "truncate ops.period_closings"),
        ("owner", "update ops.period_closings set closed_by = 'x'"),
        ("owner", "update ops.period_closings set figures_hash = '0'"),
        ("close", "update ops.period_closings set abandoned_at = now(), abandon_reason = 'z'"),
        ("close", "update ops.period_closings set sealed_at = now()"),
        (
            "transform",
            "insert into marts.closed_comprehensive_energy (site_code, stat_month, version, closing_id,"
            " missing_energies) values ('S1', '2026-01-01', 2, 1, '{}')",
        ),
    ],
)
def test_the_guards_refuse_even_those_who_have_the_right(shared: None, role: str, statement: str) -> None:
    with pytest.raises(errors.IntegrityError), warehouse.connect(role) as connection:
        connection.execute(statement.encode())


def test_a_tampered_row_is_found(closed: acts.Closing) -> None:
    assert nengduan_period("verify").exit_code == 0
    installation = configuration.load()
    admin = psycopg.conninfo.make_conninfo(installation.admin_url or "", dbname=installation.warehouse_database)
    with psycopg.connect(admin) as connection:  # a superuser may do anything; it does not stay hidden
        connection.execute("alter table marts.closed_energy_monthly disable trigger all")
        connection.execute("update marts.closed_energy_monthly set quantity = quantity + 0.001 where flow_code = 'F1'")
        connection.execute("alter table marts.closed_energy_monthly enable trigger all")
    told = nengduan_period("verify", "S1", "2026-01")
    assert told.exit_code == 1
    assert "S1 2026-01 第 1 版：已被改动！" in told.output


def test_only_one_closing_of_a_month_stands(shared: None) -> None:
    statement = ACT.replace("'S2'", "'S1'")
    with pytest.raises(errors.UniqueViolation), warehouse.connect("close") as connection:
        connection.execute(statement.encode())
