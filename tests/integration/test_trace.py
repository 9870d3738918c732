"""A figure walked back to its files: the parts give the figure on every step, and a hole says what made it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations import pipeline
from plugins.workbench import access
from plugins.workbench.app import Workbench
from plugins.workbench.trace import queries, render, walk
from plugins.workbench.trace.command import trace as command
from plugins.workbench.trace.names import FigureError, MeterError, SiteError
from plugins.workbench.trace.periods import PeriodError
from plugins.workbench.trace.steps import Trace
from tests.integration.landing_plant import write
from tests.plants.unseen.plants import CALENDARS, random_plant
from tests.properties import builds
from tests.properties.landing import land_plant, land_readings

pytestmark = [pytest.mark.slow, pytest.mark.built, pytest.mark.usefixtures("loaded")]

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SITE = "TRACE"
DAY = "2026-01-10"
PLANT = {
    "site": f"site_code,name\n{SITE},追溯试验厂\n",
    "org_units": "org_code,name\nws,一车间\n",
    "energies": "energy_code,name,unit,class,kgce_per_unit,kgce_per_unit_equal,valid_from,valid_to\n"
    "electricity,电力,kWh,secondary,0.1229,0.3,2025-01-01,2026-01-11\n"
    "electricity,电力,kWh,secondary,0.1229,0.31,2026-01-11,\n",
    "nodes": "node_code,name,stage\nGRID,电网,external\nBUS,母线,distribution\nUSE,车间,end_use\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,interval_minutes,max_per_hour,multiplier\n"
    "M1,进线,electricity,interval,kWh,60,400,1\n"
    "M2,车间,electricity,register,kWh,60,400,10\n"
    "M3,照明,electricity,interval,kWh,60,400,1\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by,org_code\n"
    "F1,electricity,GRID,BUS,1,purchase,M1,\n"
    "F2,electricity,BUS,USE,2,production,M2 + 0.5 * M3,ws\n"
    "F3,electricity,BUS,USE,2,loss,M1 - M3,\n",
    "shifts": "shift_code,start,end\nearly,07:30,15:30\nnight,19:30,07:30\n",
    "purchases": "energy_code,date,quantity,kind,supplier\nraw_coal,2026-01-05,10,purchase,=cmd()\n"
    "raw_coal,2026-01-10,3,purchase,乙矿\nraw_coal,2026-01-20,1,sale,\n",
    "stocks": "energy_code,date,quantity,kind\nraw_coal,2026-01-01,7,opening\nraw_coal,2026-01-31,4,closing\n",
}


def hourly(meter: str, values: list[Any], first_hour: int = 0, revision: int = 0) -> str:
    """A readings file: one value an hour from an hour of 10 January on."""
    stamps = (datetime(2026, 1, 10) + timedelta(hours=first_hour + at) for at in range(len(values)))
    rows = (f"{meter},{at:%Y-%m-%d %H:%M},{value},{revision}\n" for at, value in zip(stamps, values, strict=True))
    return "meter_code,read_at,value,revision\n" + "".join(rows)


@pytest.fixture(scope="module")
def loaded(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A plant with a correction, an outlier, a dispute, a silent meter, a held file and a corrected document."""
    folder = tmp_path_factory.mktemp("package") / SITE
    counter = [1000 + hour for hour in range(24)]
    counter[6] = 90_000
    readings = {
        "readings/m1": hourly("M1", [10] * 48),
        "readings/m2": hourly("M2", counter),
        "readings/m3": hourly("M3", [2] * 12) + "M3,2026-01-10 20:00,abc,0\n",
        "readings/wrong_unit": hourly("M3", [9000] * 96, 12),
        "readings/dispute": hourly("M1", [11], 5),
    }
    report = pipeline.run_package(write(folder, PLANT | readings), NOW)
    assert {stage.name for stage in report.stages if stage.problem} == {"batch_gate"}, report.stages
    later = {
        "readings/m1_corrected": hourly("M1", [12], 3, revision=1) + f"M1,{DAY} 05:00,10,1\n",
        "purchases": PLANT["purchases"].replace("2026-01-10,3,", "2026-01-10,4,"),
    }
    pipeline.run_package(write(folder, later), NOW)


def traced(figure: str, period: str, site: str = SITE, **options: Any) -> Trace:
    with walk.reading() as connection:
        return walk.trace(connection, site, figure, period, walk.Options(**options))


def rows(trace: Trace, step: str, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in trace.step(step).rows if all(row[key] == value for key, value in wanted.items())]


def states(trace: Trace) -> dict[str, set[str]]:
    return {step.name: {check.state for check in step.checks} for step in trace.steps if step.checks}


def mart(query: str) -> Any:
    with warehouse.connect("bi") as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None, query
    return row[0]


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_a_figure_is_the_marts_own_and_adds_up_on_every_step() -> None:
    trace = traced("type:electricity", "2026-01")
    figure = trace.step("figure").rows[0]
    assert figure["quantity"] == Decimal(482)
    for column in ("quantity", "tce_equivalent", "tce_equal", "coverage"):
        assert figure[column] == mart(
            f"select {column} from marts.performance_by_type"
            " where period_type = 'month' and energy_code = 'electricity'"
        )
    steps = ("composition", "flows", "coefficient_use", "meters", "hours", "readings")
    assert states(trace) == {step: {"agrees"} for step in steps}
    assert {row["file"] for row in trace.step("batches").rows} == {
        "readings/m1.csv", "readings/dispute.csv", "readings/m1_corrected.csv", "energies.csv",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "period", "quantity"),
    [
        ("level:2:electricity", DAY, 340),
        ("level:2:electricity:ws", DAY, 242),
        ("level:2:electricity:@none:@none", DAY, 98),
        ("item:production:electricity", "2026-W02", 242),
        ("type:electricity", f"{DAY}T03", 12),
        ("type:electricity", f"{DAY}/early", 80),
        ("flow:F1", "2026-Q1", 482),
        ("flow:F1", "2026", 482),
        ("meter:M2", f"{DAY}/early", 80),
    ],
)
def test_every_kind_of_figure_and_period_adds_up(figure: str, period: str, quantity: int) -> None:
    trace = traced(figure, period)
    assert trace.step("figure").rows[0]["quantity"] == quantity
    found = states(trace)
    assert "hours" in found
    assert set().union(*found.values()) == {"agrees"}


def test_a_corrected_reading_shows_both_revisions_and_their_files() -> None:
    trace = traced("meter:M1", f"{DAY}T03")
    old, new = rows(trace, "readings", read_at=datetime(2026, 1, 9, 19, tzinfo=UTC))
    assert (old["revision"], old["value"], old["verdict"]) == (0, 10, "superseded")
    assert (old["file"], old["line"]) == ("readings/m1.csv", 5)
    assert (new["revision"], new["value"], new["verdict"]) == (1, 12, "accepted")
    assert (new["file"], new["line"], new["quantity_inside"]) == ("readings/m1_corrected.csv", 2, 12)
    assert f"被修订 1 取代（批次 #{new['batch_id']} 第 2 行，值 12）" in old["reason"]
    assert old in rows(trace, "rejected")


def test_what_the_rules_quarantined_says_why() -> None:
    day = traced("level:2:electricity", DAY)
    (outlier,) = rows(day, "rejected", meter_code="M2")
    assert (outlier["verdict"], outlier["value"]) == ("outlier", 90_000)
    assert "跳变" in outlier["reason"]
    disputed = rows(day, "rejected", verdict="disputed")
    assert {(row["file"], row["line"]) for row in disputed} == {("readings/m1.csv", 7), ("readings/dispute.csv", 2)}
    month = traced("level:2:electricity", "2026-01")  # several meters for a month: readings are counted, not listed
    assert {row["verdict"] for row in rows(month, "rejected")} == {"outlier", "disputed"}
    assert rows(month, "counts", meter_code="M2", verdict="accepted")[0]["reading_count"] == 23
    with pytest.raises(KeyError):
        month.step("readings")
    assert len(traced("level:2:electricity", "2026-01", meter_code="M2").step("readings").rows) == 24


def test_a_null_figure_says_why_and_what_was_refused() -> None:
    trace = traced("flow:F3", f"{DAY}T20")
    figure = trace.step("figure").rows[0]
    assert figure["quantity"] is None
    assert "减项计量器具无数据：M3" in figure["quantity_reason"]
    assert trace.step("flows").rows[0]["missing_meters"] == ["M3"]
    assert [check.state for check in trace.step("meters").checks] == ["unknown"]
    assert rows(trace, "meters", meter_code="M1")[0]["left_out_quantity"] == 10
    (held,) = rows(trace, "readings", meter_code="M3", read_at=datetime(2026, 1, 10, 12, tzinfo=UTC))
    assert (held["verdict"], held["file"]) == ("held", "readings/wrong_unit.csv")
    assert "核对计量单位" in held["reason"]
    (refused,) = rows(trace, "refused")
    assert (refused["value_text"], refused["file"], refused["line"]) == ("abc", "readings/m3.csv", 14)
    assert trace.differing == []

    nothing = traced("type:electricity", "2025-06-01")
    assert nothing.step("figure").rows == []
    assert "本期没有这个数据" in nothing.step("figure").notes[0]
    assert rows(nothing, "flows")[0]["missing_meters"] == ["M1"]


def test_documents_lead_to_their_files_and_add_up() -> None:
    trace = traced("type:raw_coal", "2026-01")
    figure = trace.step("figure").rows[0]
    assert (figure["quantity"], figure["consumption_quantity"], figure["source"]) == (13, 16, "erp")
    assert states(trace)["documents"] == {"agrees"}
    assert {check.subject for check in trace.step("documents").checks} == {"购入", "外供", "库存减少", "购入 − 销售"}
    old, new = rows(trace, "documents", date=date(2026, 1, 10))
    assert (old["quantity"], old["verdict"], new["quantity"], new["verdict"]) == (3, "replaced", 4, "counted")
    assert (new["file"], new["line"]) == ("purchases.csv", 3)
    assert {row["file"] for row in trace.step("batches").rows} >= {"purchases.csv", "stocks.csv"}


def test_comprehensive_consumption_and_its_coefficients() -> None:
    trace = traced("comprehensive", "2026-01")
    assert trace.step("figure").rows[0]["tce_equivalent"] == mart(
        "select tce_equivalent from marts.comprehensive_energy where period_type = 'month'"
    )
    found = states(trace)
    assert set(found) >= {"composition", "flows", "documents", "coefficient_use", "meters"}
    assert set().union(*found.values()) == {"agrees"}
    own = rows(trace, "coefficients", energy_code="electricity")
    assert [row["kgce_per_unit_equal"] for row in own] == [Decimal("0.3"), Decimal("0.31")]
    assert {row["file"] for row in own} == {"energies.csv"}
    (coal,) = rows(trace, "coefficients", energy_code="raw_coal")
    assert "GB/T 2589-2020" in coal["source_equivalent"]
    with pytest.raises(PeriodError, match="按月、季、年"):
        traced("comprehensive", DAY)


def test_a_mismatch_is_told_and_the_command_fails() -> None:
    """The marts are spoiled under the walk's feet, and mended."""
    spoil = (
        "update marts.fct_meter_hourly set quantity = quantity + %s"
        " where meter_code = 'M1' and hour_start = '2026-01-10 00:00+08'"
    )
    with warehouse.connect("transform") as connection:
        connection.execute(spoil.encode(), [1])
    try:
        trace, result = traced("flow:F1", DAY), run(SITE, "flow:F1", DAY)
    finally:
        with warehouse.connect("transform") as connection:
            connection.execute(spoil.encode(), [-1])
    assert [(check.subject, check.figure, check.total) for check in trace.differing] == [
        ("F1", 242, 243),
        ("M1", 243, 242),
    ]
    assert result.exit_code == 1
    assert "不符：F1，Σ 系数 × 计量值：1 项合计 243，数据 242，差 1" in result.output
    assert run(SITE, "flow:F1", DAY).exit_code == 0


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("TRASE", "type:electricity", DAY), SiteError, f"{SITE}（追溯试验厂）"),
        ((SITE, "type:electricty", DAY), FigureError, "type:electricity"),
        ((SITE, "flow:F9", DAY), FigureError, "flow:F1"),
        ((SITE, "type", DAY), FigureError, "comprehensive"),
        ((SITE, "type:electricity", "2026-13"), PeriodError, "2026-Q3"),
        ((SITE, "type:electricity", "yesterday"), PeriodError, "2026-Q3"),
        ((SITE, "type:electricity", f"{DAY}/late"), PeriodError, "early、night"),
        ((SITE, "flow:F1", DAY, "--meter", "M9"), MeterError, "M1"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(
    words: tuple[str, ...], error: type[Exception], said: str
) -> None:
    meter_code = words[4] if len(words) > 4 else None
    with pytest.raises(error, match=said):
        traced(words[1], words[2], words[0], meter_code=meter_code)
    result = run(*words)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_the_command_bounds_its_output_and_shows_its_queries() -> None:
    bounded = run(SITE, "meter:M1", "2026-01")
    assert "5. 未采用的读数" not in bounded.output
    assert run(SITE, "flow:F1", DAY, "--depth", "flows").output.count("计量器具（") == 0
    shown = run(SITE, "flow:F1", DAY, "--show-sql").output
    assert "-- meters.sql" in shown
    query = shown.split("-- meters.sql")[1].split("\n\n")[0]
    with warehouse.connect("audit") as connection:  # as it stands, without parameters
        assert [row[8] for row in connection.execute(query.encode()).fetchall()] == [Decimal(242)]
    listed = run(SITE, "--list").output
    assert {"comprehensive  综合能耗", "level:2:electricity:ws  分级：2 级 电力 一车间"} <= set(listed.splitlines())


def test_json_is_exact_and_csv_runs_no_formula() -> None:
    content = json.loads(run(SITE, "type:raw_coal", "2026-01", "--format", "json").output)
    documents = next(step for step in content["steps"] if step["name"] == "documents")
    assert documents["query"] == "documents.sql"
    assert {row["supplier"] for row in documents["rows"]} >= {"=cmd()"}
    assert all(check["state"] == "agrees" for check in documents["checks"])
    table = list(csv.reader(io.StringIO(run(SITE, "type:raw_coal", "2026-01", "--format", "csv").output)))
    cells = {cell for row in table for cell in row}
    assert "'=cmd()" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def test_rows_left_out_are_counted_and_summed() -> None:
    trace = traced("level:2:electricity", DAY, limit=1)
    flows = trace.step("flows")
    assert [row["flow_code"] for row in flows.shown] == ["F2"]
    assert render.hidden_line(flows) == "另有 1 行，合计 98"
    assert {row["flow_code"] for row in trace.step("meters").rows} == {"F2"}
    assert "另有 1 行，合计 98；--all 列出全部" in render.as_text(trace)


def test_the_walk_reads_only_and_as_audit() -> None:
    with walk.reading() as connection:
        assert connection.info.user == "nengduan_audit"
        with pytest.raises(Exception, match="read-only transaction"):
            connection.execute("create temporary table anything (x integer)")


def test_every_query_says_what_it_asks() -> None:
    for name in queries.names():
        assert queries.text(name).startswith("-- "), name


@pytest.mark.parametrize("index", [1, 3])  # months from the 26th on; hours that do not begin with the clock's
def test_random_plants_add_up_whatever_their_calendars(index: int) -> None:
    """Meters of every kind with events, rollovers and outliers: the readings give the hours, the hours the figure."""
    site = f"RANDOM-{index}"
    plant = random_plant(40 + index, site, date(2026, 2, 24), 4, 12, NOW, CALENDARS[index])
    land_plant(plant, NOW)
    land_readings(plant, plant.readings, NOW)
    builds.build()
    with walk.reading() as connection:
        known = list(walk.known_figures(connection, site))
    days = ["2026-02-24", "2026-02-25", "2026-02-26", "2026-W09", "2026-02", "2026-03"]
    days += [f"2026-02-25/{shift.shift_code}" for shift in plant.shifts]
    differing = []
    for figure in Random(index).sample(known, 25):
        for period in days if figure != "comprehensive" else ["2026-02", "2026-03"]:
            trace = traced(figure, period, site)
            differing += [(figure, period, render.check_line(check)) for check in trace.differing]
    assert differing == []


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The workbench as an administrator has it; tests/integration/test_workbench_access.py tries all others."""

    async def administrator(request: Any) -> tuple[SimpleNamespace, None]:
        return SimpleNamespace(get_name=lambda: "admin", role="admin"), None

    monkeypatch.setattr(access, "recognised", administrator)
    return TestClient(Workbench())


def test_the_page_shows_the_marts_figure_and_every_step_leads_on(page: TestClient) -> None:
    asked = {"site": SITE, "figure": "type:electricity", "period": "2026-01"}
    response = page.get("/trace", params=asked)
    assert response.status_code == 200
    assert '<dd data-key="quantity">482</dd>' in response.text
    assert "项核对均相符" in response.text
    assert f'href="trace?site={SITE}&amp;figure=flow%3AF1&amp;period=2026-01"' in response.text
    assert f'href="trace?site={SITE}&amp;figure=meter%3AM1&amp;period=2026-01-10"' in response.text
    assert "<script" not in response.text
    for link in set(re.findall(r'href="(trace[^"#]+)"', response.text)):
        assert page.get("/" + html.unescape(link)).status_code == 200, link
    download = page.get("/trace.csv", params=asked)
    assert download.headers["content-disposition"] == 'attachment; filename="trace.csv"'
    assert download.text.startswith("\ufeff追溯试验厂")
    assert page.get("/trace.json", params=asked).json()["figure"] == "type:electricity"
    assert page.get("/trace.xml", params=asked).status_code == 404


def test_the_page_escapes_what_is_typed_and_says_what_there_is(page: TestClient) -> None:
    assert "追溯试验厂（TRACE）" in page.get("/trace").text
    typed = page.get("/trace", params={"site": SITE, "figure": "<script>alert(1)</script>", "period": DAY})
    assert typed.status_code == 404
    assert "<script" not in typed.text
    assert "&lt;script&gt;" in typed.text
    assert page.get("/trace", params={"site": SITE, "figure": "type:electricity", "period": "soon"}).status_code == 400
    assert page.get("/trace", params={"site": SITE, "figure": "x" * 500, "period": DAY}).status_code == 422
    coal = page.get("/trace", params={"site": SITE, "figure": "type:raw_coal", "period": "2026-01"})
    assert "被后来的批次取代" in coal.text
