"""Item codes at the workbench: what the platforms' dictionaries offer, what a code comes to, what is said and when."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingestion import warehouse
from tests.integration import upload_pages
from tests.integration.upload_pages import FURNACE, HOSTILE, NHJC04_DICTIONARIES
from tests.integration.workbench_visits import SITE, address, ask, let_in, plant, send, visiting

YUNNAN = {
    "ProductionProcessCodes": "process",
    "EnergyUseCodes": "dataUsage",
    "EnergyTypeUnitCollectCodes": "energyType",
}


@pytest.fixture(scope="module", autouse=True)
def fixture_plant(module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A steel plant with two platforms that have handed out what they have, and one that has said nothing."""
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        plant(tmp_path_factory.mktemp("plant"))
        with warehouse.connect("owner") as connection:
            connection.execute("update ledger.sites set industry_code = 'C3140' where site_code = %s", [SITE])
            for name, profile in (("nh", "nhjc04"), ("yn", "yunnan"), ("mute", "nhjc04")):
                upload_pages.destination(connection, name, profile=profile)
            upload_pages.hand_out(connection, "nh", NHJC04_DICTIONARIES)
            upload_pages.hand_out(connection, "yn", YUNNAN)
        yield


@pytest.fixture(name="client")
def fixture_client() -> Iterator[TestClient]:
    with visiting("energy_manager") as client:
        yield client


def offered(client: TestClient, part: str, **query: str) -> list[str]:
    answer = client.get(address(f"item-codes/offers/{part}"), params=query)
    assert answer.status_code == 200, answer.text[:300]
    return [one["text"] for one in answer.json()["results"]]


def look(client: TestClient, **query: str) -> tuple[str | None, dict[str, str], list[tuple[str, str]]]:
    answer = client.get(address("item-codes/look"), params=query)
    assert answer.status_code == 200, answer.text[:300]
    found = answer.json()
    parts = {name: part["text"] for name, part in found["parts"].items()}
    return found["code"], parts, [(note["level"], note["text"]) for note in found["notes"]]


def said(notes: list[tuple[str, str]], level: str) -> str:
    return " ".join(text for one, text in notes if one == level)


def test_processes_are_those_of_the_plants_industry_though_other_industries_use_the_same_codes(
    client: TestClient,
) -> None:
    found = offered(client, "processCode", destination="nh")
    assert found[:3] == ["00 全厂", "01 焦化", "02 烧结"], "01 is 炼油 and 02 乙烯 for another industry"
    assert offered(client, "processCode", destination="nh", q="电炉") == ["06 电炉"]
    with warehouse.connect("upload") as connection:
        from plugins.province import ledger

        read = ledger.read(connection, SITE, None, None)
    assert read is not None
    assert read.process_names["01"] == "焦化"


def test_types_are_those_of_the_class_and_coefficients_have_their_energies(client: TestClient) -> None:
    assert offered(client, "energyTypeCode", destination="nh", q="电力", energyClassCode="02") == ["3300 电力"]
    assert offered(client, "energyTypeCode", destination="nh", q="电力", energyClassCode="01") == []
    assert offered(client, "energyTypeCode", destination="nh", q="电力", energyClassCode="06") == ["3300 电力"]
    assert offered(client, "energyTypeCode", destination="nh", q="综合", energyClassCode="09") == ["0000 综合能耗"]


def test_an_item_of_every_platform_is_offered_what_any_of_them_has(client: TestClient) -> None:
    assert offered(client, "equipmentCode", destination="*", q="电弧") == ["09 电弧炉"]
    assert offered(client, "equipmentCode", destination="yn") == []
    assert offered(client, "processCode", destination="mute") == []
    assert client.get(address("item-codes/offers/colour")).status_code == 404


def test_a_code_is_taken_apart_and_parts_are_put_together(client: TestClient) -> None:
    code, parts, notes = look(client, code="0601090102330011", destination="nh")
    assert code == FURNACE
    assert parts == {
        "processCode": "06 电炉", "processUnitCode": "01", "equipmentCode": "09 电弧炉", "equipmentUnitCode": "01",
        "energyClassCode": "02 二次能源", "energyTypeCode": "3300 电力", "dataUsageCode": "11 购入已消费量",
    }  # fmt: skip
    assert said(notes, "warning") == ""
    together = {name: text.split()[0] for name, text in parts.items()}
    assert look(client, **together)[0] == FURNACE
    missing, _, notes = look(client, **(together | {"dataUsageCode": "", "equipmentUnitCode": "1"}))
    assert missing is None
    assert said(notes, "problem") == "还缺：设备编号（2 位数字）、用途（2 位数字）"
    # Sixteen digits in parts of wrong lengths are no code.
    assert look(client, **(together | {"processCode": "060", "processUnitCode": "1"}))[0] is None


@pytest.mark.parametrize("text", ["12", "00-00-0000-023300-1x", HOSTILE, "٠" * 16, "0" * 400])
def test_what_is_no_code_is_said_to_be_none(client: TestClient, text: str) -> None:
    code, _, notes = look(client, code=text)
    assert code is None
    assert "16 位数字" in said(notes, "problem")


def test_zeros_are_held_against_the_scope_by_the_rule_of_the_import(client: TestClient) -> None:
    assert "全厂时" in said(look(client, code=FURNACE, scope="1", destination="nh")[2], "warning")
    assert "0000" in said(look(client, code=FURNACE, scope="3", destination="nh")[2], "warning")
    assert said(look(client, code=FURNACE, scope="4", destination="nh")[2], "warning") == ""
    assert "全厂（按编码中的 0 判断）" in said(look(client, code="00-00-0000-023300-10")[2], "hint")


def test_what_a_dictionary_has_not_is_told_with_the_platform(client: TestClient) -> None:
    notes = look(client, code="88-00-0000-023300-77", destination="*")[2]
    warned = said(notes, "warning")
    assert "工序 88 不在平台 nh、yn 的字典中" in warned
    assert "用途 77 不在平台 nh、yn 的字典中" in warned
    assert "mute" not in warned, "a platform that has said nothing knows no better"
    assert "数据种类 3300" in said(look(client, code="00-00-0000-013300-10", destination="nh")[2], "warning")


def test_where_no_dictionary_has_come_digits_are_free_and_that_is_said(client: TestClient) -> None:
    notes = look(client, code=FURNACE, destination="mute")[2]
    assert "平台 mute 没有下发字典、可直接填写数字的：工序、工序单元" in said(notes, "hint")
    assert said(notes, "warning") == ""
    assert "还没有上报平台的字典" in said(look(client, code=FURNACE, destination="elsewhere")[2], "hint")


def test_an_item_is_kept_and_what_is_odd_about_it_is_said(client: TestClient) -> None:
    item = {"data_code": "88-00-0000-023300-10", "destination": "nh", "flow": "F1", "scope": "1", "is_required": "true"}
    made = send(client, address("upload_items/create"), item)
    assert made.status_code == 303, made.text[:500]
    after = unescape(client.get(address("upload_items/list")).text)
    assert "工序 88 不在平台 nh 的字典中" in after
    assert "编码与数据范围不一致" in after
    assert "第 1 行" not in after, "a form has no lines"
    assert ask("select scope from ledger.upload_items where data_code like '88%%'") == [(1,)]
    # A form that can't be is refused as ever.
    refused = send(client, address("upload_items/create"), item | {"data_code": "88-00"})
    assert refused.status_code == 422


def test_names_of_a_hostile_dictionary_stay_words(client: TestClient) -> None:
    from plugins.province import state

    entries: list[dict[str, Any]] = [
        {"code": "13", "name": HOSTILE, "others": "not a list"},
        {"code": "13", "name": "轧制", "others": 1},
        {"code": HOSTILE, "name": "x"},
    ]
    with warehouse.connect("upload") as connection:
        state.save_dictionary(connection, SITE, "mute", "process", "2", entries)
    assert offered(client, "processCode", destination="mute") == [f"13 {HOSTILE}／轧制"]
    answer = client.get(address("item-codes/look"), params={"code": "13-00-0000-023300-10", "destination": "mute"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    with warehouse.connect("upload") as connection:
        state.save_dictionary(connection, SITE, "mute", "process", "3", [])
    assert offered(client, "processCode", destination="mute") == []


def test_the_form_of_an_item_has_a_picker_for_each_part(client: TestClient) -> None:
    form = client.get(address("upload_items/create")).text
    assert form.count("data-workbench-part=") == 7
    assert "static/item_code.js" in form
    assert "item_code.js" not in client.get(address("meters/create")).text
    script = client.get("/nengduan/workbench/static/item_code.js").text
    assert "0000" not in script, "the rule of the zeros has no copy"
