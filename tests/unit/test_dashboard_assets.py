"""The dashboard files hold together, say everything in Chinese, and never add what can't be added."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from dashboards import assets as files
from dashboards.assets import Assets
from dashboards.checks import faults
from dashboards.client import SupersetClient, SupersetError

CHINESE = re.compile(r"[\u4e00-\u9fff]")
BOARD = "dashboards/energy_performance.yaml"
TREND = "charts/energy_by_type_trend.yaml"
BY_TYPE = "datasets/warehouse/energy_by_type.yaml"
URL = "postgresql://nengduan_bi:s3cret@127.0.0.1:54320/warehouse"


@pytest.fixture(name="assets")
def fixture_assets() -> Assets:
    return files.read()


def test_the_files_are_sound(assets: Assets) -> None:
    assert faults(assets, files.read_labels()) == []


def test_every_tab_has_trend_ranking_share_year_on_year_and_table(assets: Assets) -> None:
    position = assets[BOARD]["position"]
    titles = {asset["uuid"]: path for path, asset in assets.items() if path.startswith("charts/")}
    placed: dict[str, set[str]] = {"分类": set(), "分级": set(), "分项": set()}
    for part in position.values():
        if isinstance(part, dict) and part["type"] == "CHART":
            tab = next((position[parent] for parent in part["parents"] if parent.startswith("TAB-")), None)
            if tab:
                placed[tab["meta"]["text"]].add(titles[part["meta"]["uuid"]].split("_", 3)[-1])
    wanted = {"trend.yaml", "ranking.yaml", "share.yaml", "year_on_year.yaml", "table.yaml"}
    assert all(wanted <= found for found in placed.values()), placed


def test_period_type_and_measure_are_single_required_choices_with_a_default(assets: Assets) -> None:
    filters = {item["name"]: item for item in assets[BOARD]["metadata"]["native_filter_configuration"]}
    for name, value in (("时间粒度", "月"), ("计量口径", "标准煤（当量）"), ("级别", "进出主要次级用能单位")):
        controls = filters[name]["controlValues"]
        assert not controls["multiSelect"]
        assert controls["enableEmptyFilter"], f"{name} may not be emptied"
        assert filters[name]["defaultDataMask"]["filterState"]["value"] == [value]


@pytest.mark.parametrize("name", ["energy_by_type", "energy_by_level", "energy_by_item"])
def test_no_metric_adds_quantities_without_asking_whether_they_add_up(assets: Assets, name: str) -> None:
    dataset = assets[f"datasets/warehouse/{name}.yaml"]
    for metric in dataset["metrics"]:
        if re.search(r"SUM\((value|intake|stock_change|value_year_before)\)", metric["expression"]):
            for column in ("unit", "measure", "period_type"):
                assert f"MIN({column}) = MAX({column})" in metric["expression"], metric["metric_name"]


def test_what_users_see_is_chinese(assets: Assets) -> None:
    texts = [label["name"] for kind in files.read_labels().values() for label in kind.values()]
    for path, asset in assets.items():
        texts += [
            asset[key] for key in ("database_name", "table_name", "slice_name", "dashboard_title") if key in asset
        ]
        if path.startswith("dashboards/"):
            parts = [part for part in asset["position"].values() if isinstance(part, dict)]
            texts += [part["meta"]["text"] for part in parts if part["type"] in ("TAB", "HEADER")]
            texts += [part["meta"]["code"] for part in parts if part["type"] == "MARKDOWN"]
            texts += [item["name"] for item in asset["metadata"]["native_filter_configuration"]]
    assert [text for text in texts if not CHINESE.search(text)] == []


def drop_column(assets: Assets) -> None:
    assets[BY_TYPE]["columns"] = [c for c in assets[BY_TYPE]["columns"] if c["column_name"] != "series"]


def rename_metric(assets: Assets) -> None:
    assets[TREND]["params"]["metrics"] = ["valeu"]


def copy_uuid(assets: Assets) -> None:
    assets[TREND]["uuid"] = assets[BY_TYPE]["uuid"]


def lose_dataset(assets: Assets) -> None:
    del assets[BY_TYPE]


def lose_chart(assets: Assets) -> None:
    del assets[TREND]


def rename_chart(assets: Assets) -> None:
    assets[TREND]["slice_name"] = "别的名字"


def write_password(assets: Assets) -> None:
    assets[files.DATABASE]["password"] = "x"  # noqa: S105


def invent_column(assets: Assets) -> None:
    assets[BY_TYPE]["columns"].append({"column_name": "invented", "type": "TEXT"})


def filter_unknown_column(assets: Assets) -> None:
    item = next(i for i in assets[BOARD]["metadata"]["native_filter_configuration"] if i["name"] == "能源品种")
    item["targets"][0]["column"]["name"] = "fuel"


def exclude_unknown_chart(assets: Assets) -> None:
    assets[BOARD]["metadata"]["native_filter_configuration"][1]["scope"]["excluded"].append(999)


def orphan_row(assets: Assets) -> None:
    assets[BOARD]["position"]["TAB-type"]["children"].pop()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_column, "column series is not in its dataset"),
        (rename_metric, "metric valeu is not in its dataset"),
        (copy_uuid, "is used 2 times"),
        (lose_dataset, "is no dataset of ours"),
        (lose_chart, "is no chart of ours"),
        (rename_chart, "by another name"),
        (write_password, "does not belong in a file"),
        (invent_column, "invented has no Chinese name"),
        (filter_unknown_column, "column fuel is not in its dataset"),
        (exclude_unknown_chart, "excludes chart 999"),
        (orphan_row, "is placed nowhere"),
    ],
)
def test_a_contradiction_is_found(assets: Assets, spoil: Callable[[Assets], None], message: str) -> None:
    spoil(assets)
    found = faults(assets, files.read_labels())
    assert any(message in line for line in found), found


def test_the_bundle_has_one_root_folder_and_no_password(assets: Assets) -> None:
    ready = files.with_connection(files.complete(assets, files.read_labels()), URL)
    with zipfile.ZipFile(io.BytesIO(files.bundle(ready))) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {"assets"}
        assert "assets/metadata.yaml" in names
        assert all(b"s3cret" not in archive.read(name) for name in names)
        database = yaml.safe_load(archive.read(f"assets/{files.DATABASE}"))
        dataset = yaml.safe_load(archive.read(f"assets/{BY_TYPE}"))
    assert database["sqlalchemy_uri"] == (
        f"postgresql+psycopg2://nengduan_bi:{files.PASSWORD_MASK}@127.0.0.1:54320/warehouse"
    )
    assert all(CHINESE.search(column["verbose_name"]) for column in dataset["columns"])
    assert next(m for m in dataset["metrics"] if m["metric_name"] == "year_on_year")["d3format"] == "+.1%"


class FakeSuperset(BaseHTTPRequestHandler):
    """Answers as Superset does: a write without token or cookie is redirected to the login page."""

    seen: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        if self.path.startswith("/login"):
            self._answer(200, "<html>login</html>", "text/html")
        elif self.path.startswith("/api/v1/security/csrf_token/"):
            self._answer(200, {"result": "csrf-token"}, cookie="session=abc; Path=/")
        elif self.path.startswith("/api/v1/paged/"):
            page = int(unquote(self.path).split("page:")[1].split(",")[0])
            self._answer(200, {"result": [{"id": page * 100 + i} for i in range(100 if page < 2 else 7)]})
        else:
            self._answer(200, "<html>Airflow or anything else</html>", "text/html")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.path, dict(self.headers)))
        if self.path == "/api/v1/security/login":
            known = json.loads(body)["password"] == "right"  # noqa: S105
            self._answer(200 if known else 401, {"access_token": "t"} if known else {"message": "Not authorized"})
        elif not self._is_protected() or self.path == "/api/v1/expired/":
            self._answer(302, "", "text/html", location="/login/")
        elif self.path == "/api/v1/assets/import/":
            self._answer(422, {"errors": [{"message": "Error importing assets"}]})
        else:
            self._answer(201, {"id": 1})

    def _is_protected(self) -> bool:
        cookie = self.headers.get("Cookie", "")
        return self.headers.get("X-CSRFToken") == "csrf-token" and "session=abc" in cookie

    def _answer(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header({"cookie": "Set-Cookie", "location": "Location"}[name], value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output quiet."""


@pytest.fixture(name="address")
def fixture_address() -> Iterator[str]:
    FakeSuperset.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeSuperset)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_write_carries_token_cookie_and_referer(address: str) -> None:
    with SupersetClient(address, "admin", "right") as client:
        assert client.post("/api/v1/thing/", {})["id"] == 1
    headers = FakeSuperset.seen[-1][1]
    assert headers["Authorization"] == "Bearer t"
    assert headers["Referer"] == f"{address}/"
    assert headers["Accept"] == "application/json"


def test_a_wrong_password_is_one_clear_line(address: str) -> None:
    with pytest.raises(SupersetError, match=r"Cannot log in to Superset at .* as admin: .*401: Not authorized"):
        SupersetClient(address, "admin", "wrong")


def test_a_redirect_to_the_login_page_is_an_error_and_not_a_success(address: str) -> None:
    with (
        SupersetClient(address, "admin", "right") as client,
        pytest.raises(SupersetError, match="redirected to /login/"),
    ):
        client.post("/api/v1/expired/", {})


def test_html_with_status_200_is_an_error(address: str) -> None:
    with (
        SupersetClient(address, "admin", "right") as client,
        pytest.raises(SupersetError, match="text/html, not JSON"),
    ):
        client.get("/api/v1/nothing/")


def test_a_refused_import_says_why(address: str) -> None:
    with (
        SupersetClient(address, "admin", "right") as client,
        pytest.raises(SupersetError, match="422: Error importing assets"),
    ):
        client.import_assets(b"", {})


def test_rows_come_from_all_pages(address: str) -> None:
    with SupersetClient(address, "admin", "right") as client:
        assert [row["id"] for row in client.rows("/api/v1/paged/")] == list(range(207))


def test_nobody_there_is_one_clear_line() -> None:
    with pytest.raises(SupersetError, match=r"no answer from http://127\.0\.0\.1:9"):
        SupersetClient("http://127.0.0.1:9", "admin", "x")
