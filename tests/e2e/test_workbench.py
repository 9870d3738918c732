"""A reader opens 数据追溯 inside Airflow, asks for a figure, and reads the mart's own number."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.conftest import Platform
from tests.e2e.test_dashboard import ARGUMENTS, PATIENCE_MS, fixture_browser_is_there  # noqa: F401 (a fixture)

pytestmark = pytest.mark.e2e

PATH = "/nengduan/workbench/"


@pytest.fixture(name="page")
def fixture_page(browser_is_there: None, running_platform: Platform) -> Iterator[Page]:
    """A fresh browser with the viewer's login and without JavaScript: the pages need none."""
    settings = running_platform.settings
    body = {"username": "viewer", "password": settings.secrets["NENGDUAN_AIRFLOW_VIEWER_PASSWORD"]}
    answer = requests.post(f"{settings.airflow_url}/auth/token", json=body, timeout=60)
    assert answer.ok, answer.text
    cookie = {"name": "_token", "value": answer.json()["access_token"], "url": settings.airflow_url}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        context = browser.new_context(locale="zh-CN", java_script_enabled=False)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([cookie])  # type: ignore[list-item]
        yield context.new_page()
        browser.close()


def test_without_login_the_workbench_stays_shut(running_platform: Platform) -> None:
    for path in ("", "trace", "trace.json", "static/workbench.css"):
        answer = requests.get(f"{running_platform.settings.airflow_url}{PATH}{path}", timeout=60)
        assert answer.status_code == 401, path
        assert "请先登录" in answer.text, path
    url = f"{running_platform.settings.airflow_url}{PATH}trace"
    answer = requests.get(url, headers={"Accept": "text/html"}, timeout=60)
    assert answer.url.startswith(f"{running_platform.settings.airflow_url}/auth/login")


def test_a_reader_traces_a_figure_to_its_file(page: Page, running_platform: Platform) -> None:
    with psycopg.connect(running_platform.settings.url("bi")) as connection:
        row = connection.execute(
            "select to_char(period_start, 'YYYY-MM'), quantity from marts.performance_by_type"
            " where period_type = 'month' and energy_code = 'electricity' and coverage = 1"
            " order by period_start desc limit 1"
        ).fetchone()
    assert row is not None
    month, quantity = row
    page.goto(f"{running_platform.settings.airflow_url}{PATH}trace")
    expect(page).to_have_title("数据追溯 · 能端")
    page.get_by_label("数据", exact=True).fill("type:electricity")
    page.get_by_label("期间", exact=True).fill(month)
    page.get_by_role("button", name="追溯").click()
    shown = page.locator("#figure dd[data-key=quantity]").inner_text()
    assert abs(Decimal(shown) - quantity) <= Decimal("1e-9")
    expect(page.locator("#verdict")).to_contain_text("均相符")
    page.locator("#batches > summary").click()
    expect(page.locator("#batches")).to_contain_text("readings/real_incoming_electricity.csv.gz")

    page.locator("#flows").get_by_role("link", name="F-E-001").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("flow:F-E-001")
