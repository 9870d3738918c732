"""The plugin: Airflow finds it, and its site lets nobody in without Airflow's login."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from plugins.operations.quality_site import QualitySite
from plugins.workbench.app import Workbench, make_app
from tests.dags.conftest import REPOSITORY

TOKEN = "a-token-of-the-test"  # noqa: S105


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """An auth manager that knows one user and one without the right."""
    import jwt
    from airflow.api_fastapi import app as airflow_app

    class AuthManager:
        async def get_user_from_token(self, token: str) -> SimpleNamespace:
            if not token.startswith(TOKEN):
                raise jwt.InvalidTokenError("no such token")
            return SimpleNamespace(may_look=token == TOKEN, role="admin", get_name=lambda: "王工")

        def is_authorized_view(self, *, access_view: object, user: SimpleNamespace) -> bool:
            return bool(user.may_look)

    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", AuthManager())


@pytest.fixture
def workbench(login: None) -> Iterator[TestClient]:
    """The workbench as Airflow mounts it; it needs no database until a page asks for one."""
    host = Starlette(routes=[Mount("/nengduan/workbench", app=Workbench())])
    with TestClient(host, base_url="http://testserver/nengduan/workbench/", follow_redirects=False) as client:
        yield client


@pytest.fixture
def site(login: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The site over a home of its own."""
    home = tmp_path / "home"
    monkeypatch.setenv("NENGDUAN_HOME", str(home))
    docs = home / "data_docs"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("<h1>数据质量检查</h1>", encoding="utf-8")
    (docs / ".lock").touch()
    (home / "outside.txt").write_text("secret", encoding="utf-8")
    (docs / "link.txt").symlink_to(home / "outside.txt")
    with TestClient(QualitySite(), follow_redirects=False) as client:
        yield client


def test_without_login_nothing_is_shown(site: TestClient) -> None:
    for path in ("/", "/index.html", "/missing"):
        assert site.get(path).status_code == 401
    assert site.get("/", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert site.get("/", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert site.get("/", headers={"Authorization": f"Bearer {TOKEN}-without-right"}).status_code == 403


@pytest.mark.parametrize("way", ["header", "cookie"])
def test_with_login_the_pages_are_shown(site: TestClient, way: str) -> None:
    if way == "cookie":
        site.cookies.set("_token", TOKEN)
        response = site.get("/")
    else:
        response = site.get("/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert "数据质量检查" in response.text
    assert "private" in response.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/link.txt", "/.lock", "//etc/passwd"],
)
def test_no_path_leads_out_of_the_folder(site: TestClient, path: str) -> None:
    response = site.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 404
    assert "secret" not in response.text


def test_writing_is_refused(site: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = site.request(method, "/index.html", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 405


def routes_of(app: Any, prefix: str = "") -> set[str]:
    """Every path of an app, those of what is mounted in it by a file that is there."""
    found = set()
    for route in app.routes:
        path = prefix + route.path
        if isinstance(route, Mount):
            path = path.replace("{site}", "S1") + ("/workbench.css" if path == "/static" else "/meters/list")
        found.add(path.replace("{form}", "json"))
    return found


def test_no_route_of_the_workbench_answers_without_login(workbench: TestClient) -> None:
    paths = routes_of(make_app())
    assert paths >= {"/", "/trace", "/trace.json", "/roles", "/ledgers/S1/meters/list", "/static/workbench.css"}
    for path in (*paths, "/missing", "/docs", "/openapi.json"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            assert workbench.request(method, f".{path}").status_code == 401, (method, path)
        for header in ("Bearer wrong", f"Basic {TOKEN}"):
            assert workbench.get(f".{path}", headers={"Authorization": header}).status_code == 401, path
        refused = workbench.get(f".{path}", headers={"Authorization": f"Bearer {TOKEN}-without-right"})
        assert refused.status_code == 403, path


def test_with_login_the_workbench_opens_and_describes_no_api(workbench: TestClient) -> None:
    workbench.headers["Authorization"] = f"Bearer {TOKEN}"
    home = workbench.get("./")
    assert (home.status_code, home.headers["location"]) == (307, "ledgers")
    style = workbench.get("./static/workbench.css")
    assert style.status_code == 200
    policy = style.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in ("./docs", "./openapi.json", "./static/../app.py", "./static/%2e%2e/app.py"):
        assert workbench.get(path).status_code == 404, path


def test_the_plugin_costs_other_processes_nothing() -> None:
    """Every Airflow process imports it: no web framework of ours, no engine, no driver by that alone."""
    code = (
        "import sys; sys.modules['airflow'] = type(sys)('airflow');"
        "manager = type(sys)('airflow.plugins_manager'); manager.AirflowPlugin = object;"
        "sys.modules['airflow.plugins_manager'] = manager; import plugins.nengduan;"
        "print([m for m in ('fastapi', 'starlette', 'jinja2', 'psycopg', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_airflow_loads_the_plugin_and_nothing_else_in_its_folder() -> None:
    code = (
        "import json; from airflow import plugins_manager as manager;"
        "plugins, errors = manager._get_plugins();"
        "ours = [p for p in plugins if p.name == 'nengduan'];"
        "print(json.dumps([errors, [a['url_prefix'] for p in ours for a in p.fastapi_apps],"
        " [v['href'] for p in ours for v in p.external_views]]))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip().splitlines()[-1] == (
        '[{}, ["/nengduan/quality", "/nengduan/workbench"],'
        ' ["http://127.0.0.1:8088/superset/dashboard/energy-performance/", "/nengduan/quality/", "/nengduan/workbench/"]]'
    )
    assert "Failed to import plugin" not in result.stderr


@pytest.mark.parametrize(("command", "is_early"), [("scheduler", True), ("celery", True), ("api-server", False)])
def test_only_what_forks_tasks_imports_their_gates_early(command: str, is_early: bool) -> None:
    """Airflow imports the settings itself, by their name, when it starts."""
    code = (
        "import sys; sys.argv = ['airflow', sys.argv[1]]; import airflow.settings as s; s.initialize();"
        "print('early' if 'great_expectations' in sys.modules else 'late')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, command], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip().splitlines()[-1] == ("early" if is_early else "late"), done.stderr
