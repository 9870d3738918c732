"""The plugin: Airflow finds it, and its site lets nobody in without Airflow's login."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from plugins.operations.quality_site import QualitySite
from tests.dags.conftest import REPOSITORY

TOKEN = "a-token-of-the-test"  # noqa: S105


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The site over a home of its own; the auth manager knows one user and one without the right."""
    import jwt
    from airflow.api_fastapi import app as airflow_app

    class AuthManager:
        async def get_user_from_token(self, token: str) -> SimpleNamespace:
            if not token.startswith(TOKEN):
                raise jwt.InvalidTokenError("no such token")
            return SimpleNamespace(may_look=token == TOKEN)

        def is_authorized_view(self, *, access_view: object, user: SimpleNamespace) -> bool:
            return bool(user.may_look)

    home = tmp_path / "home"
    monkeypatch.setenv("NENGDUAN_HOME", str(home))
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", AuthManager())
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
        '[{}, ["/nengduan/quality"],'
        ' ["http://127.0.0.1:8088/superset/dashboard/energy-performance/", "/nengduan/quality/"]]'
    )
    assert "Failed to import plugin" not in result.stderr
