"""The dashboards in a real Superset, over the real columns of the marts."""

from __future__ import annotations

import io
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from dashboards import assets as files
from dashboards.assets import AssetError, Assets
from dashboards.client import SupersetClient, SupersetError
from dashboards.roles import VIEWER_ROLE, VIEWER_USER
from dashboards.sync import ADMIN_USER, prepared, sync
from ingestion import settings as configuration
from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations import processes
from tests.conftest import free_port

pytestmark = [pytest.mark.slow, pytest.mark.built]

SITE = "insert into ledger.sites (site_code, name, batch_id) values ('S1', '甲厂', 1)"
ENERGIES = """
    insert into ledger.energies (site_code, energy_code, name, unit, class, batch_id)
    values ('S1', 'electricity', '电力', 'kWh', 'secondary', 1), ('S1', 'fresh_water', '新水', 't', 'medium', 1),
        ('S1', 'heat', '热力', 'GJ', 'secondary', 1)
"""
FIGURES = """
    insert into intermediate.int_energies__intake (
        site_code, period_type, period_start, period_start_at, energy_code, source,
        coverage, quantity, tce_equivalent, tce_equal, consumption_quantity, consumption_tce_equivalent,
        consumption_tce_equal
    )
    select
        'S1', period_type, period_start::timestamp, period_start::timestamptz, energy_code, 'metered', coverage, quantity, tce, 2 * tce, quantity, tce, 2 * tce
    from (
        values
        ('month', '2025-09-01', 'electricity', 1000.0, 0.1, 1.0),
        ('month', '2026-09-01', 'electricity', 1500.0, 0.2, 0.95),
        ('month', '2026-10-01', 'electricity', 2000.0, 0.3, 0.5),
        ('month', '2026-09-01', 'fresh_water', 70.0, 0.4, 1.0),
        ('day', '2026-09-01', 'electricity', 50.0, 0.01, 1.0),
        ('month', '2026-08-01', 'heat', null, null, 0.0)
    ) as figures (period_type, period_start, energy_code, quantity, tce, coverage)
"""


@pytest.fixture(scope="module", name="marts")
def fixture_marts(module_warehouse: Settings) -> Settings:
    """The marts as dbt makes them, empty but for one site and a handful of figures."""
    with warehouse.connect("ingest") as connection:
        connection.execute(SITE)
        connection.execute(ENERGIES)
    with warehouse.connect("transform") as connection:
        connection.execute(FIGURES)
    return module_warehouse


@pytest.fixture(scope="module", name="superset")
def fixture_superset(marts: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Superset of its own, with the configuration of production."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NENGDUAN_SUPERSET_PORT", str(free_port()))
        settings = configuration.load()
        environment = processes.superset(settings)
        setup = settings.repository / "dashboards" / "superset_setup.py"
        python = processes.superset_programs(settings, "python")
        subprocess.run([str(python), str(setup)], env=environment, check=True, capture_output=True)
        log = tmp_path_factory.mktemp("superset") / "log"
        gunicorn = str(processes.superset_programs(settings, "gunicorn"))
        listen = f"127.0.0.1:{settings.superset_port}"
        command = [
            gunicorn, "--worker-class", "gthread", "--threads", "4", "--bind", listen,
            "superset.app:create_app()",
        ]  # fmt: skip
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, env=environment, cwd=settings.superset_home, stdout=output, stderr=output
            ) as process,
        ):
            try:
                _wait(settings, process, log)
                yield settings
            finally:
                process.terminate()


def _wait(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if requests.get(f"{settings.superset_url}/health", timeout=5).text.strip() == "OK":
                return
        except requests.RequestException:
            time.sleep(0.5)
    pytest.fail(f"Superset is not there after two minutes: {log.read_text()[-2000:]}")


def _client(settings: Settings) -> SupersetClient:
    return SupersetClient(settings.superset_url, ADMIN_USER, settings.secrets["NENGDUAN_SUPERSET_ADMIN_PASSWORD"])


def _metric(settings: Settings, name: str, where: str) -> Any:
    """One metric of 分类 over the rows that a chart's filters leave, computed as Superset would."""
    dataset = files.read()["datasets/warehouse/energy_by_type.yaml"]
    expression = next(m["expression"] for m in dataset["metrics"] if m["metric_name"] == name)
    with psycopg.connect(settings.url("bi")) as connection:
        query = f"select {expression} from ({dataset['sql']}) as dataset where {where}"
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


PHYSICAL = "measure = '实物量' and site_name = '甲厂'"
COAL = "measure = '标准煤（当量）' and site_name = '甲厂'"


def test_units_and_period_types_never_add_up(marts: Settings) -> None:
    electricity = f"{PHYSICAL} and period_name = '月' and energy_name = '电力'"
    assert _metric(marts, "value", electricity) == 4500
    assert _metric(marts, "value", f"{PHYSICAL} and period_name = '月'") is None, "kWh and t"
    assert _metric(marts, "value", f"{PHYSICAL} and energy_name = '电力'") is None, "month and day"
    assert _metric(marts, "value", "energy_name = '电力' and period_name = '月'") is None, "kWh and tce"
    assert _metric(marts, "value", f"{COAL} and period_name = '月'") == Decimal("1.0")


def test_year_on_year_compares_only_what_both_years_measured(marts: Settings) -> None:
    electricity = f"{PHYSICAL} and period_name = '月' and energy_name = '电力'"
    assert _metric(marts, "year_on_year", electricity) == Decimal("0.5"), "October has no year before"
    assert _metric(marts, "comparable_periods", electricity) == 1
    assert _metric(marts, "year_on_year", f"{electricity} and period_start >= '2026-10-01'") is None


def test_missing_is_not_zero(marts: Settings) -> None:
    heat = f"{PHYSICAL} and period_name = '月' and energy_name = '热力'"
    assert _metric(marts, "value", heat) is None
    assert _metric(marts, "coverage_minimum", heat) == 0


def test_a_column_that_the_marts_lack_is_named(marts: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    read = files.read

    def spoilt() -> Assets:
        assets = read()
        dataset = assets["datasets/warehouse/energy_by_type.yaml"]
        renamed = dataset["sql"].replace(" as reason,", " as cause,")
        assert renamed != dataset["sql"], "the dataset names its reason otherwise: spoil it otherwise"
        dataset["sql"] = renamed
        return assets

    monkeypatch.setattr(files, "read", spoilt)
    with pytest.raises(AssetError, match=r"energy_by_type\.yaml: column reason is not in the result"):
        prepared(marts.url("bi"))


def test_sync_twice_is_the_same_as_once(superset: Settings) -> None:
    first = sync(superset)
    with _client(superset) as client:
        before = _state(superset, client)
    second = sync(superset)
    with _client(superset) as client:
        assert _state(superset, client) == before
    assert first == second
    assert list(second.dashboards) == ["数据上传", "能耗实绩", "重点用能设备", "计量管理"]
    assert second.charts == sum(path.startswith("charts/") for path in files.read())


def _state(settings: Settings, client: SupersetClient) -> dict[str, Any]:
    """Everything Superset would export, and the roles' rights; without the names it makes of row ids."""
    exported = client._session.get(f"{settings.superset_url}/api/v1/assets/export/", timeout=120)
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        contents = [yaml.safe_load(archive.read(name)) for name in archive.namelist() if "metadata.yaml" not in name]
    role = next(row["id"] for row in client.rows("/api/v1/security/roles/") if row["name"] == VIEWER_ROLE)
    rights = client.get(f"/api/v1/security/roles/{role}/permissions/")["result"]
    return {content["uuid"]: content for content in contents} | {
        "count": len(contents),
        "rights": sorted(f"{right['permission_name']} {right['view_menu_name']}" for right in rights),
        "users": sorted(row["username"] for row in client.rows("/api/v1/security/users/")),
    }


def _chart_query(dataset_id: int) -> dict[str, Any]:
    return {
        "datasource": {"id": dataset_id, "type": "table"},
        "queries": [
            {
                "columns": ["series"],
                "metrics": ["value"],
                "filters": [
                    {"col": "period_name", "op": "==", "val": "月"},
                    {"col": "measure", "op": "==", "val": "实物量"},
                    {"col": "energy_name", "op": "==", "val": "新水"},
                ],
            }
        ],
        "result_type": "full",
        "result_format": "json",
    }


def test_a_viewer_sees_figures_and_may_do_nothing_else(superset: Settings) -> None:
    sync(superset)
    with _client(superset) as admin:
        dataset_id = admin.get(f"/api/v1/dataset/{files.uuid_of('datasets/warehouse/energy_by_type.yaml')}")["id"]
        board_id = admin.get("/api/v1/dashboard/energy-performance")["result"]["id"]
        database_id = next(row["id"] for row in admin.rows("/api/v1/database/", "database_name"))
    password = superset.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"]
    with SupersetClient(superset.superset_url, VIEWER_USER, password) as viewer:
        board = viewer.get("/api/v1/dashboard/energy-performance")["result"]
        assert board["dashboard_title"] == "能耗实绩"
        answer = viewer.post("/api/v1/chart/data", _chart_query(dataset_id))["result"][0]["data"]
        assert [(row["series"], float(row["value"])) for row in answer] == [("新水（t）", 70.0)]
        forbidden: list[Callable[[], object]] = [
            lambda: viewer.put(f"/api/v1/dashboard/{board_id}", {"dashboard_title": "x"}),
            lambda: viewer.post("/api/v1/sqllab/execute/", {"database_id": database_id, "sql": "select 1"}),
            lambda: viewer.get("/api/v1/security/users/"),
            lambda: viewer.import_assets(b"", {}),
        ]
        for attempt in forbidden:
            with pytest.raises(SupersetError, match=re.compile(r"answered (401|403|404)")):
                attempt()


METERING = (
    *("meter_status", "calibration_due", "equipping_rate", "meter_statistics", "certificate_due"),
    *("equipment_efficiency", "equipment_checks"),
)
UPLOADS = ("upload_status", "upload_coverage", "upload_exchange_daily", "data_quality_index", "upload_values")


def test_a_viewer_reads_metering_equipment_and_uploads(superset: Settings) -> None:
    """Every chart over these datasets asks for columns and metrics that Superset can give."""
    with warehouse.connect("ingest") as connection:
        connection.execute(
            "insert into ledger.meters (site_code, meter_code, name, energy_code, reading_kind, unit, batch_id)"
            " values ('S1', 'M1', '电表', 'electricity', 'register', 'kWh', 1)"
        )
    sync(superset)
    assets = files.read()
    asked = 0
    with (
        _client(superset) as admin,
        SupersetClient(
            superset.superset_url, VIEWER_USER, superset.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"]
        ) as viewer,
    ):
        for name in (*METERING, *UPLOADS):
            path = f"datasets/warehouse/{name}.yaml"
            dataset_id = admin.get(f"/api/v1/dataset/{files.uuid_of(path)}")["id"]
            for chart in (one for one in assets.values() if one.get("dataset_uuid") == assets[path]["uuid"]):
                params = chart["params"]
                x_axis = params.get("x_axis")
                query = {
                    "columns": params.get("all_columns") or [*params.get("groupby", []), *([x_axis] if x_axis else [])],
                    "metrics": params.get("metrics") or ([params["metric"]] if "metric" in params else []),
                    "filters": [],
                }
                body = {"datasource": {"id": dataset_id, "type": "table"}, "queries": [query]}
                answer = viewer.post("/api/v1/chart/data", body | {"result_type": "full", "result_format": "json"})
                assert answer["result"][0]["status"] == "success", (chart["slice_name"], answer)
                asked += 1
                if chart["slice_name"] == "检定/校准到期清单":
                    (row,) = answer["result"][0]["data"]
                    assert (row["due_step_name"], row["calibration_reason"]) == (
                        "到期日不明",
                        "没有检定/校准记录，也没有下次检定日期",
                    )
    assert asked == 32
