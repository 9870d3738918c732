"""A reader opens 能耗实绩 in a browser, changes range and granularity, and reads the marts' own figures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from ingestion.settings import Settings

pytestmark = pytest.mark.e2e

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 120_000
TABLE = "分类能耗明细表"


class Platform(Protocol):
    """What the shared fixture offers."""

    superset_url: str
    superset_user: str
    superset_password: str
    settings: Settings


def what_is_missing() -> str | None:
    """Why no page can be looked at on this machine, or None."""
    if shutil.which("chromium") is None:
        return "Chromium is not installed (apt-get install chromium)"
    fonts = shutil.which("fc-list")
    if fonts is None or not subprocess.run([fonts, ":lang=zh"], capture_output=True, check=False).stdout.strip():
        return "no font for Chinese is installed (apt-get install fonts-noto-cjk)"
    return None


@pytest.fixture(scope="session", name="browser_is_there")
def fixture_browser_is_there() -> None:
    """Asked for before the platform, which takes minutes to start."""
    if missing := what_is_missing():
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture(name="page")
def fixture_page(browser_is_there: None, running_platform: Platform, tmp_path: Path) -> Iterator[Page]:
    """A fresh browser, logged in, on the dashboard."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "browser",
            executable_path=shutil.which("chromium"),
            args=ARGUMENTS,
            viewport={"width": 1680, "height": 2600},  # tall: charts load when they come into view
            locale="zh-CN",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{running_platform.superset_url}/login/")
        page.locator("#username").fill(running_platform.superset_user)
        page.locator("#password").fill(running_platform.superset_password)
        page.locator("#password").press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(f"{running_platform.superset_url}/superset/dashboard/energy-performance/")
        settle(page)
        yield page
        context.close()


def settle(page: Page) -> None:
    """Until every chart in view has its answer."""
    expect(chart(page, TABLE)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator('[data-test="loading-indicator"]')).to_have_count(0, timeout=PATIENCE_MS)


def chart(page: Page, name: str) -> Locator:
    return page.locator(f'[data-test-chart-name="{name}"]')


def choose(page: Page, name: str, value: str) -> None:
    """Pick a value in one of the filters on the left."""
    item = page.locator(".ant-form-item", has=page.get_by_role("heading", name=name, exact=True))
    item.locator(".ant-select").click()
    exactly = re.compile(f"^{re.escape(value)}$")
    page.locator(".ant-select-dropdown:visible .ant-select-item-option", has_text=exactly).click()
    page.keyboard.press("Escape")
    expect(item.locator(".ant-select")).to_contain_text(value)


def choose_last_month(page: Page) -> tuple[str, str]:
    """Set the time range to the last month; the first day and the one after the last, as shown."""
    item = page.locator(".ant-form-item", has=page.get_by_role("heading", name="时间范围", exact=True))
    item.get_by_text("最近一年").click()
    popover = page.locator(".ant-popover:visible", has_text="实际时间范围")
    popover.get_by_text("最近一月").click()
    shown = popover.get_by_text(re.compile(r"\d{4}-\d{2}-\d{2} ≤ \S+ < \d{4}-\d{2}-\d{2}"))
    before = page_range(shown.inner_text())
    expect(shown).not_to_have_text(re.compile(f"^{before[0]}"))  # the year's start gives way to the month's
    chosen = page_range(shown.inner_text())
    popover.get_by_role("button", name=re.compile("应 ?用")).click()
    expect(item).to_contain_text("最近一月")
    return chosen


def page_range(text: str) -> tuple[str, str]:
    first, after = re.findall(r"\d{4}-\d{2}-\d{2}", text)
    return first, after


def apply(page: Page) -> None:
    """Apply the filters, and wait for the table's new figures."""
    with page.expect_response(lambda response: "/api/v1/chart/data" in response.url and response.ok):
        page.get_by_role("button", name="应用过滤器").click()
    settle(page)


def total(page: Page) -> Decimal:
    """The total of 用能量 in the table of 分类."""
    table = chart(page, TABLE)
    headers = [text.strip() for text in table.locator("thead").first.locator("th").all_inner_texts()]
    cell = table.locator("tfoot tr").last.locator("th, td").nth(headers.index("用能量"))
    return Decimal(cell.inner_text().replace(",", ""))


def consumption(settings: Settings, figure: str, where: str) -> Decimal:
    with psycopg.connect(settings.url("bi")) as connection:
        query = f"select round(sum({figure}), 2) from marts.performance_by_type where {where}"
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    assert row[0], f"the mart has nothing where {where}"
    return Decimal(row[0])


def test_the_dashboard_shows_the_marts_own_figures(page: Page, running_platform: Platform) -> None:
    settings = running_platform.settings
    for name in ("分类", "分级", "分项"):
        expect(page.get_by_role("tab", name=name)).to_be_visible()
    by_month = total(page)

    choose(page, "时间粒度", "日")
    choose(page, "计量口径", "实物量")
    choose(page, "能源品种", "电力")
    first, after = choose_last_month(page)
    apply(page)
    expect(chart(page, TABLE).locator("tbody tr").first).to_contain_text("kWh")
    days = f"energy_code = 'electricity' and period_start >= '{first}' and period_start < '{after}'"
    assert total(page) == consumption(settings, "consumption_quantity", f"{days} and period_type = 'day'")
    assert total(page) != by_month

    choose(page, "时间粒度", "小时")
    choose(page, "计量口径", "标准煤（当量）")
    apply(page)
    expect(chart(page, TABLE).locator("tbody tr").first).to_contain_text("tce")
    assert total(page) == consumption(settings, "consumption_tce_equivalent", f"{days} and period_type = 'hour'")


@pytest.mark.parametrize(("tab", "table"), [("分级", "分级能耗明细表"), ("分项", "分项能耗明细表")])
def test_every_tab_has_figures_and_no_error(page: Page, tab: str, table: str) -> None:
    page.get_by_role("tab", name=tab).click()
    expect(chart(page, table).locator("tbody tr").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator('[data-test="loading-indicator"]')).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile("没有数据返回|错误"))).to_have_count(0)
