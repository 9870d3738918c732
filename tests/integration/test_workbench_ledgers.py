"""What people do with ledgers at the workbench, through the forms' own requests."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from jinja2 import Environment
from starlette.testclient import TestClient

from ingestion.ledgers.resources import ALL
from plugins.workbench import templating
from tests.integration.workbench_visits import PREFIX, SITE, address, ask, let_in, plant, read, send, visiting

METER = {"meter_code": "M9", "name": "新表", "energy_code": "electricity", "reading_kind": "register", "unit": "kWh"}


@pytest.fixture(name="client")
def fixture_client(warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An energy manager at a fresh plant."""
    let_in(monkeypatch)
    plant(tmp_path / "plant")
    with visiting("energy_manager") as client:
        yield client


def shown(page: str) -> str:
    """A page's text without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def versioned(client: TestClient, pk: str, ledger: str = "meters") -> str:
    """The version that the edit form of a row carries."""
    page = client.get(address(f"{ledger}/edit"), params={"pk": pk}).text
    found = re.search(r'name="workbench_version"[^>]*?value="(\d+)"', page, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_bad_field_is_refused_at_the_field_and_nothing_is_written(client: TestClient) -> None:
    answer = send(client, address("meters/create"), METER | {"multiplier": "-3", "energy_code": "electricity"})
    assert answer.status_code == 422
    assert re.search(r'name="multiplier"[^>]*aria-invalid="true"', answer.text, re.DOTALL)
    assert "“倍率” 的“-3”超出允许范围" in shown(answer.text)
    assert ask("select count(*) from ledger.meters where meter_code = 'M9'") == [(0,)]


def test_a_form_chooses_nothing_by_itself(client: TestClient) -> None:
    page = client.get(address("meters/create")).text
    for name in ("energy_code", "reading_kind"):
        options = re.search(rf'<select id="{name}".*?</select>', page, re.DOTALL)
        assert options is not None
        assert "请选择" in options[0]
        assert "selected" not in options[0]
    answer = send(client, address("meters/create"), METER | {"reading_kind": ""})
    assert answer.status_code == 422
    assert ask("select count(*) from ledger.meters where meter_code = 'M9'") == [(0,)]


def test_a_row_is_made_and_changed_and_its_history_tells(client: TestClient) -> None:
    made = send(client, address("meters/create"), METER | {"multiplier": "40", "workbench_reason": "新装"})
    assert made.status_code == 303, made.text[:1000]
    values = METER | {"multiplier": "60", "workbench_version": versioned(client, "!M9"), "workbench_reason": "换互感器"}
    assert send(client, address("meters/edit"), values, params={"pk": "!M9"}).status_code == 303
    assert ask("select multiplier, interval_minutes from ledger.meters where meter_code = 'M9'") == [(60, 15)]
    page = shown(client.get(address("history/meters/row"), params={"pk": "!M9"}).text)
    assert "energy_manager 修改 换互感器" in page
    assert "倍率 40 60" in page
    assert ask("select count(*) from ops.batches where source = 'workbench' and status = 'accepted'") == [(2,)]


def test_two_people_cannot_overwrite_each_other(client: TestClient) -> None:
    seen = versioned(client, "!M1")
    with visiting("admin") as other:
        first = {"name": "甲改", "workbench_version": versioned(other, "!M1")}
        assert send(other, address("meters/edit"), full("M1") | first, params={"pk": "!M1"}).status_code == 303
    second = full("M1") | {"name": "乙改", "workbench_version": seen}
    answer = send(client, address("meters/edit"), second, params={"pk": "!M1"})
    assert answer.status_code == 422
    assert "已由 admin 于" in shown(answer.text)
    assert ask("select name from ledger.meters where meter_code = 'M1'") == [("甲改",)]


def full(code: str) -> dict[str, str]:
    """What the form of a meter sends when nothing is changed."""
    ((name, multiplier, org),) = ask(
        "select name, multiplier::text, coalesce(org_code, '') from ledger.meters where meter_code = %s", code
    )
    return {"name": name, "energy_code": "electricity", "reading_kind": "register", "unit": "kWh",
            "multiplier": multiplier, "interval_minutes": "15", "interval_label": "start", "org_code": org}  # fmt: skip


def test_many_rows_are_changed_at_once_or_none(client: TestClient) -> None:
    seen = ask("select max(change_id)::text from ledger.changes")[0][0]
    form = {"column": "manufacturer", "value": "昆明仪表厂", "seen": seen, "reason": "补登"}
    chosen = {"name": "bulk_edit", "pks": ["!M1", "!M2"]}
    assert send(client, address("_api/meters/action"), form, params=chosen).status_code == 200
    assert ask("select count(*) from ledger.meters where manufacturer = '昆明仪表厂'") == [(2,)]
    stale = send(client, address("_api/meters/action"), form | {"value": "别处"}, params=chosen)
    assert stale.status_code == 400
    assert "已被他人修改" in stale.json()["msg"]
    newest = ask("select max(change_id)::text from ledger.changes")[0][0]
    bad = {"column": "level", "value": "九级", "seen": newest}
    refused = send(client, address("_api/meters/action"), bad, params=chosen)
    assert refused.status_code == 400
    assert "计量级别" in refused.json()["msg"]
    assert ask("select count(*) from ledger.meters where level is not null") == [(0,)]


def test_what_is_in_use_is_not_retired_and_what_is_retired_stays(client: TestClient) -> None:
    seen = ask("select max(change_id)::text from ledger.changes")[0][0]
    form = {"on_date": "2026-02-01", "seen": seen}
    held = send(client, address("_api/meters/row-action"), form, params={"name": "retire", "pk": "!M1"})
    assert held.status_code == 400
    assert "F1" in held.json()["msg"]
    done = send(client, address("_api/meters/row-action"), form, params={"name": "retire", "pk": "!M5"})
    assert done.status_code == 200, done.text
    assert ask("select status, status_since::text from ledger.meters where meter_code = 'M5'") == [
        ("stopped", "2026-02-01")
    ]
    assert "M5" not in read(client, "meters/list")
    assert "M5" in read(client, "meters/list", retired="1")


def test_lists_are_searched_filtered_sorted_and_paged(client: TestClient) -> None:
    assert codes(client, q="备用") == ["M4", "M5"]
    assert codes(client, q="备用", sort="meter_code__desc") == ["M5", "M4"]
    assert codes(client, filter="org_code__is=W1") == ["M1"]
    assert codes(client, filter="org_code__is=W1,L1") == ["M1", "M4"]
    assert codes(client, filter="multiplier__from=2 AND name__contains=2") == ["M2"]
    assert codes(client, filter="org_code__empty") == ["M3"]
    assert codes(client, filter="org_code__contains=车间") == ["M1", "M2", "M5"]
    assert codes(client, filter="energy_code__contains=电力 AND name__contains=备用") == ["M4", "M5"]
    assert codes(client, filter="meter_code__is=M2 OR name__contains=电炉") == ["M2", "M3"]
    assert codes(client, filter="name__contains=备用 AND (org_code__is=L1 OR multiplier__from=100)") == ["M4"]
    assert client.get(address("meters/list"), params={"filter": "multiplier__from=abc"}).status_code == 400
    assert client.get(address("meters/list"), params={"filter": "name__is=a OR multiplier__to=abc"}).status_code == 400


def codes(client: TestClient, **query: str) -> list[str]:
    page = client.get(address("meters/list"), params=query)
    assert page.status_code == 200, page.text[:500]
    return re.findall(r'data-sa-pk="!(\w+)"', page.text)


def test_a_day_of_the_past_shows_what_was_known_then(client: TestClient) -> None:
    send(client, address("meters/create"), METER)
    now = client.get(address("history/meters/as-of"), params={"day": "2099-01-01"}).text
    then = client.get(address("history/meters/as-of"), params={"day": "2001-01-01"}).text
    assert "M9" in now
    assert "M1" not in then


def exported(client: TestClient, ledger: str) -> bytes:
    answer = client.get(address(f"workbook/{ledger}"))
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


def brought(client: TestClient, ledger: str, content: bytes) -> Any:
    return send(
        client, address(f"workbook/{ledger}/import"), {}, files={"file": ("../台账.xlsx", io.BytesIO(content), "x/y")}
    )


@pytest.mark.parametrize("ledger", [table.name for table in ALL])
def test_every_ledger_goes_out_and_comes_back_unchanged(client: TestClient, ledger: str) -> None:
    page = client.get(address(f"{ledger}/list"), params={"retired": "1"})
    assert page.status_code == 200
    rows = int(re.search(r"共 (\d+) 条", shown(page.text))[1]) if "共" in shown(page.text) else 0  # type: ignore[index]
    answer = brought(client, ledger, exported(client, ledger))
    if answer.status_code == 422:  # an empty ledger makes an empty workbook
        assert rows == 0
        assert "没有" in shown(answer.text) or "空" in shown(answer.text)
        return
    assert f"新增 0 行，修改 0 行，不变 {rows} 行，不能导入 0 处" in shown(answer.text)


def test_a_workbook_is_tried_first_and_then_imported_whole(client: TestClient) -> None:
    book = openpyxl.load_workbook(io.BytesIO(exported(client, "meters")))
    sheet = book.active
    head = {cell.value: cell.column for cell in sheet[3]}
    for line, (title, value) in enumerate([("倍率", "abc"), ("能源编码", "nothing"), ("计量级别", "九级")], start=4):
        sheet.cell(line, head[title]).value = value
    answer = brought(client, "meters", saved(book))
    page = shown(answer.text)
    assert answer.status_code == 422
    assert "不能导入 3 处" in page
    for line in (4, 5, 6):
        assert f"第 {line} 行" in page
    assert ask("select count(*) from ledger.changes where changed_by = 'energy_manager'") == [(0,)]

    book = openpyxl.load_workbook(io.BytesIO(exported(client, "meters")))
    book.active.cell(4, head["生产厂家"]).value = "=昆明"
    assert "公式" in shown(brought(client, "meters", saved(book)).text)
    book.active.cell(4, head["生产厂家"]).value = "昆明仪表厂"
    planned = brought(client, "meters", saved(book))
    assert "修改 1 行" in shown(planned.text)
    found = re.search(r'name="token" value="(\w+)"', planned.text)
    assert found is not None
    with visiting("admin") as other:
        assert send(other, address("workbook/meters/apply"), {"token": found[1]}).status_code == 404
    assert send(client, address("workbook/meters/apply"), {"token": found[1], "reason": "年检"}).status_code == 303
    assert ask("select reason from ledger.changes where changed_by = 'energy_manager'") == [("年检",)]
    assert send(client, address("workbook/meters/apply"), {"token": found[1]}).status_code == 404


def saved(book: Any) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_what_a_file_said_beyond_the_columns_is_edited_too(client: TestClient) -> None:
    page = client.get(address("alarm_rules/list")).text
    pk = re.findall(r'data-sa-pk="([^"]+)"', page)[0]
    form = client.get(address("alarm_rules/edit"), params={"pk": unescape(pk)}).text
    assert "threshold = " in form
    values = {
        "workbench_others": "threshold = 7",
        "workbench_version": versioned(client, unescape(pk), "alarm_rules"),
    }
    assert send(client, address("alarm_rules/edit"), values, params={"pk": unescape(pk)}).status_code == 303
    assert ("7",) in ask("select more ->> 'threshold' from ledger.alarm_rules")


def test_a_body_that_is_too_large_is_refused_unread(client: TestClient) -> None:
    url = address("workbook/meters/import")
    answer = client.post(url, content=b"x", headers={"content-length": str(1 << 40)})
    assert answer.status_code == 413


def test_grants_take_effect_at_once_and_can_be_taken_back(client: TestClient) -> None:
    assert client.get(f"{PREFIX}/roles", params={"site": SITE}).status_code == 403
    with visiting("admin") as admin, visiting("nobody") as nobody:
        form = {"site": SITE, "user_name": "nobody", "role": "keeper", "org_code": ""}
        assert "必须指定单位" in send(admin, f"{PREFIX}/roles", form).text
        assert send(admin, f"{PREFIX}/roles", form | {"org_code": "W2"}).status_code == 303
        assert nobody.get(address("meters/detail"), params={"pk": "!M2"}).status_code == 200
        assert nobody.get(address("meters/detail"), params={"pk": "!M1"}).status_code == 403
        ((grant,),) = ask("select grant_id from ops.workbench_roles where user_name = 'nobody'")
        send(admin, f"{PREFIX}/roles/revoke", {"site": SITE, "grant_id": str(grant)})
        assert nobody.get(address("meters/detail"), params={"pk": "!M2"}).status_code == 403
    assert ask("select revoked_by from ops.workbench_roles where user_name = 'nobody'") == [("admin",)]


def test_no_page_of_the_library_runs_code_without_the_nonce() -> None:
    """Login is the one page that is never shown: Airflow has its own."""
    environment, loader = Environment(autoescape=True), templating.LibraryTemplates()
    for name in set(loader.list_templates()) - {"login.html"}:
        source, _, _ = loader.get_source(environment, name)
        assert not re.search(r"<script>|\son[a-z]+=\"", source), name


def test_the_content_security_policy_lets_no_foreign_script_in(client: TestClient) -> None:
    answer = client.get(address("meters/list"))
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'self' 'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in answer.text
    assert "http:" not in policy
    assert f'href="{PREFIX}/due"' in answer.text
    assert not re.search(r"(src|href)=\"https?://(?!testserver)", answer.text)
