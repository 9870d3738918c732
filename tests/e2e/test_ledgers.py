"""A metering manager works with the ledgers in a browser, inside Airflow's own server and login."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import psycopg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from plugins.operations.progress import StepError
from plugins.operations.runs import Airflow, wait_until
from tests.e2e.conftest import Platform
from tests.e2e.test_dashboard import ARGUMENTS, PATIENCE_MS, fixture_browser_is_there  # noqa: F401 (a fixture)

pytestmark = pytest.mark.e2e

BUILD_SECONDS = 600
SITE = "KMSTEEL"
FIRST = "M-A-101"
"""The first meter of the sample plant, in the order of its list and workbook."""


@pytest.fixture(name="page")
def fixture_page(browser_is_there: None, running_platform: Platform) -> Iterator[Page]:
    """A fresh browser, logged in on Airflow's own login page; what goes wrong in it fails the test."""
    settings = running_platform.settings
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        context = browser.new_context(locale="zh-CN", viewport={"width": 1500, "height": 1100})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{settings.airflow_url}/auth/login")
        page.locator("input[name=username]").fill("admin")
        page.locator("input[name=password]").fill(settings.secrets["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"])
        page.locator("button[type=submit]").click()
        page.wait_for_url(lambda url: "/login" not in url)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        yield page
        browser.close()
    assert faults == []


def workbench(platform: Platform, path: str) -> str:
    return f"{platform.settings.airflow_url}/nengduan/workbench/{path}"


def ledger(platform: Platform, path: str) -> str:
    return workbench(platform, f"ledgers/{SITE}/{path}")


def ask(platform: Platform, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(platform.settings.url("audit")) as connection:
        return connection.execute(query.encode()).fetchall()


def export(page: Page, platform: Platform, target: Path) -> Path:
    """表A.1 as the link of the list gives it."""
    page.goto(ledger(platform, "meters/list"))
    with page.expect_download() as download:
        page.get_by_role("link", name="导出工作簿").click()
    download.value.save_as(target)
    return target


def bring(page: Page, platform: Platform, book: Path) -> None:
    page.goto(ledger(platform, "workbook/meters/import"))
    page.locator("input[type=file]").set_input_files(book)
    page.get_by_role("button", name="检查").click()
    expect(page.locator("#summary")).to_be_visible()


def test_a_meter_is_added_and_a_bad_field_refused_at_the_field(page: Page, running_platform: Platform) -> None:
    page.goto(workbench(running_platform, ""))
    expect(page.get_by_role("heading", name="计量器具")).to_be_visible()
    page.get_by_role("link", name="新增计量器具").click()
    page.get_by_label("管理编号").fill("M-E2E-1")
    page.get_by_label("计量器具名称").fill("浏览器登记的电能表")
    page.locator("#energy_code + .select2 .select2-selection").click()
    page.locator(".select2-search__field").fill("electricity 电力")
    page.locator(".select2-results__option", has_text="electricity 电力").click()
    page.get_by_label("读数类型").select_option("register")
    page.get_by_label("单位", exact=True).fill("kWh")
    page.get_by_label("倍率").fill("-40")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#multiplier-error")).to_contain_text("超出允许范围")
    assert ask(running_platform, "select count(*) from ledger.meters where meter_code = 'M-E2E-1'") == [(0,)]
    page.get_by_label("倍率").fill("40")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("M-E2E-1")
    found = ask(running_platform, "select changed_by from ledger.changes where row_key ->> 'meter_code' = 'M-E2E-1'")
    assert found == [("admin",)]


def test_a_workbook_with_three_bad_rows_says_why(page: Page, running_platform: Platform, tmp_path: Path) -> None:
    before = ask(running_platform, "select max(change_id) from ledger.changes")
    path = export(page, running_platform, tmp_path / "meters.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    head = {cell.value: cell.column for cell in sheet[3]}
    for line, title, value in ((4, "倍率", "四十"), (5, "能源编码", "no_such_energy"), (6, "计量级别", "九级")):
        sheet.cell(line, head[title]).value = value
    book.save(path)
    bring(page, running_platform, path)
    refusals = page.locator("#refusals tbody tr")
    expect(refusals).to_have_count(3)
    for place, words in enumerate((("第 4 行", "四十"), ("第 5 行", "no_such_energy"), ("第 6 行", "九级"))):
        for word in words:
            expect(refusals.nth(place)).to_contain_text(word)
    expect(page.get_by_role("button", name="确认导入")).to_have_count(0)
    assert ask(running_platform, "select max(change_id) from ledger.changes") == before


def test_form_a1_goes_out_and_is_read_back_equal(page: Page, running_platform: Platform, tmp_path: Path) -> None:
    path = export(page, running_platform, tmp_path / "meters.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert str(sheet["A1"].value).startswith("表A.1")
    assert [cell.value for cell in sheet[3]][:1] == ["计量器具名称"]
    bring(page, running_platform, path)
    expect(page.locator("#summary")).to_contain_text("新增 0 行，修改 0 行")
    expect(page.locator("#summary")).to_contain_text("不能导入 0 处")
    book = openpyxl.load_workbook(path)
    head = {cell.value: cell.column for cell in book.worksheets[0][3]}
    book.worksheets[0].cell(4, head["安装使用地点"]).value = "空压站二楼"
    book.save(path)
    bring(page, running_platform, path)
    expect(page.locator("#changes tbody tr")).to_have_count(1)
    page.get_by_role("button", name="确认导入").click()
    expect(page.locator("#alertContainer")).to_contain_text("修改 1 行")
    assert ask(running_platform, f"select location from ledger.meters where meter_code = '{FIRST}'") == [
        ("空压站二楼",)
    ]


def test_what_is_due_stands_first_and_why_it_is_not_done_can_be_said(page: Page, running_platform: Platform) -> None:
    due = ask(
        running_platform,
        "select meter_code from marts.calibration_due where due_step = 'overdue' order by due_date, meter_code",
    )
    assert due, "the sample plant has a meter that is overdue"
    code = str(due[0][0])
    page.goto(workbench(running_platform, "due"))
    first = page.locator("#due tbody tr").first
    expect(first).to_contain_text(code)
    expect(first).to_have_class("refused")
    first.get_by_label(f"{code} 未检定原因").fill("等大修")
    first.get_by_role("button", name="保存").click()
    expect(page.get_by_label(f"{code} 未检定原因")).to_have_value("等大修")
    assert ask(running_platform, f"select uncalibrated_reason from ledger.meters where meter_code = '{code}'") == [
        ("等大修",)
    ]


def test_an_edit_reaches_the_marts_by_itself(page: Page, running_platform: Platform) -> None:
    page.goto(ledger(running_platform, f"meters/edit?pk=!{FIRST}"))
    page.get_by_label("计量器具名称").fill("改名后的流量计")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("改名后的流量计")
    airflow = Airflow(running_platform.settings)
    airflow.trigger("announce_edits")
    query = f"select name from marts.dim_meters where meter_code = '{FIRST}'"
    wait_until(
        lambda: ask(running_platform, query) == [("改名后的流量计",)],
        BUILD_SECONDS,
        lambda: StepError("The marts do not show the edit.", "Look at announce_edits and build_marts."),
    )
