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

from plugins.workbench.app import Workbench
from tests.conftest import free_port
from tests.e2e.test_dashboard import ARGUMENTS, fixture_browser_is_there  # noqa: F401 (a fixture)
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
