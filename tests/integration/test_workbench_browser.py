"""The lists that forms choose from, as a browser shows them: searched by name, told apart by what the form says."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from ingestion import warehouse
from plugins.workbench.app import Workbench
from tests.conftest import free_port
from tests.e2e.test_dashboard import ARGUMENTS, fixture_browser_is_there  # noqa: F401 (a fixture)
from tests.integration import upload_pages
from tests.integration.workbench_visits import PREFIX, SITE, ask, let_in, plant

PATIENCE_MS = 20_000


@pytest.fixture(scope="module", name="site")
def fixture_site(
    browser_is_there: None, module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The workbench of the small plant, served; its address."""
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        plant(tmp_path_factory.mktemp("plant"))
        port = free_port()
        app = Starlette(routes=[Mount(PREFIX, app=Workbench())])
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}{PREFIX}/ledgers/{SITE}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(name="page")
def fixture_page(site: str) -> Iterator[Page]:
    """An energy manager's browser; an error in a script, or one that the policy refused, fails the test."""
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        context = browser.new_context(locale="zh-CN", viewport={"width": 1500, "height": 1100})
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "_token", "value": "energy_manager", "domain": "127.0.0.1", "path": "/"}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", lambda made: faults.append(made.url) if "127.0.0.1" not in made.url else None)
        yield page
        browser.close()
    assert faults == []


def choose(page: Page, field: str, words: str, text: str) -> None:
    """Open a field's list, look for words, and take the row of that text."""
    page.locator(f"#{field} + .select2 .select2-selection").click()
    page.locator(".select2-container--open .select2-search__field").last.fill(words)
    option = page.locator(".select2-results__option", has_text=text)
    expect(option).to_have_count(1)
    option.click()


def test_a_record_is_made_of_what_was_found_by_name(page: Page, site: str) -> None:
    page.goto(f"{site}/verifications/create")
    choose(page, "meter_code", "进线2", "M2 进线2")
    page.get_by_label("检定日期").fill("2026-01-09")
    page.get_by_label("类型").select_option("verification")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("M2")
    assert ask("select meter_code from ledger.verifications") == [("M2",)]


def test_what_a_rule_watches_is_chosen_from_the_ledger_that_the_form_names(page: Page, site: str) -> None:
    page.goto(f"{site}/alarm_rules/create")
    page.get_by_label("规则编码").fill("B1")
    page.get_by_label("对象类型").select_option("meter")
    choose(page, "subject_code", "M1", "M1 进线1")
    # Another kind of thing: what was chosen is none of those.
    page.get_by_label("对象类型").select_option("equipment")
    expect(page.locator("#subject_code + .select2")).to_contain_text("请选择")
    choose(page, "subject_code", "风机", "EQ2 风机")
    choose(page, "active_shifts", "A", "A 08:00–20:00")
    choose(page, "active_shifts", "B", "B 20:00–08:00")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("B1")
    assert ask("select subject_kind, subject_code, active_shifts from ledger.alarm_rules where rule_code = 'B1'") == [
        ("equipment", "EQ2", "A,B")
    ]


def test_a_column_of_many_rows_is_chosen_or_typed(page: Page, site: str) -> None:
    page.goto(f"{site}/meters/list?q=备用")
    page.locator('tr:has-text("M4") input[type=checkbox]').check()
    page.locator('tr:has-text("M5") input[type=checkbox]').check()
    page.locator("#actions-dropdown button").first.click()
    page.get_by_text("批量修改").first.click()
    form = page.locator(".modal.show form")
    form.get_by_label("列").select_option("location")
    expect(form.locator("input[name=value]")).to_be_visible()
    form.get_by_label("列").select_option("equipment_code")
    expect(form.locator("input[name=value]")).to_be_hidden()
    form.locator(".select2-selection").click()
    page.locator(".select2-container--open .select2-search__field").last.fill("电炉")
    page.locator(".select2-results__option", has_text="EQ1 电炉").click()
    page.locator(".modal.show").get_by_role("button", name="修改", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("已修改 2 行")
    assert ask("select distinct equipment_code from ledger.meters where meter_code in ('M4', 'M5')") == [("EQ1",)]


def test_an_items_code_is_composed_of_what_the_platform_calls_things(page: Page, site: str) -> None:
    with warehouse.connect("owner") as connection:
        connection.execute("update ledger.sites set industry_code = 'C3140' where site_code = %s", [SITE])
        upload_pages.destination(connection, "prov")
        upload_pages.hand_out(connection, "prov", upload_pages.NHJC04_DICTIONARIES)
    page.goto(f"{site}/upload_items/create")
    notes = page.locator('[data-workbench="item-code-notes"]')
    expect(notes).to_contain_text("可直接填写数字的：工序单元")
    choose(page, "data_code-processCode", "电炉", "06 电炉")
    expect(notes).to_contain_text("还缺：工序单元（2 位数字）")
    choose(page, "data_code-processUnitCode", "01", "01")
    choose(page, "data_code-equipmentCode", "电弧", "09 电弧炉")
    page.get_by_label("设备编号").fill("01")
    choose(page, "data_code-energyClassCode", "二次", "02 二次能源")
    choose(page, "data_code-energyTypeCode", "电力", "3300 电力")
    choose(page, "data_code-dataUsageCode", "11", "11 购入已消费量")
    expect(page.locator("#data_code")).to_have_value("06-01-0901-023300-11")
    expect(notes).to_contain_text("数据范围：重点耗能设备（按编码中的 0 判断）")
    # The zeros are held against the scope as soon as one is chosen.
    page.locator("#scope").select_option("1")
    expect(notes.locator(".warning")).to_contain_text("范围为全厂时")
    page.locator("#scope").select_option("4")
    expect(notes.locator(".warning")).to_have_count(0)
    # What the dictionary has not is taken, and said.
    choose(page, "data_code-dataUsageCode", "77", "77")
    expect(page.locator("#data_code")).to_have_value("06-01-0901-023300-77")
    expect(notes.locator(".warning")).to_contain_text("用途 77 不在平台 prov 的字典中")
    choose(page, "flow", "F2", "F2 electricity")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("#alertContainer")).to_contain_text("用途 77 不在平台 prov 的字典中")
    assert ask("select data_code, scope from ledger.upload_items") == [("06-01-0901-023300-77", 4)]
    # An existing code is taken apart, with the names.
    page.goto(f"{site}/upload_items/edit?pk=!06-01-0901-023300-77!*")
    expect(page.locator("#data_code-processCode + .select2")).to_contain_text("06 电炉")
    expect(page.locator("#data_code-energyTypeCode + .select2")).to_contain_text("3300 电力")
    expect(page.get_by_label("设备编号")).to_have_value("01")
