"""References in the workbench's forms: a list searched by code and name, and names wherever a code stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingestion import warehouse
from ingestion.ledgers import naming
from ingestion.ledgers.resources import ALL
from tests.integration.workbench_visits import SITE, address, let_in, plant, send, visiting

METER = {"meter_code": "M9", "name": "新表", "energy_code": "electricity", "reading_kind": "register", "unit": "kWh"}


@pytest.fixture(name="client", scope="module")
def fixture_client(module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An energy manager at a plant with meters beyond a page; the tests change nothing that another sees."""
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        plant(tmp_path_factory.mktemp("plant"))
        with warehouse.connect("ingest") as connection:
            connection.execute(
                """insert into ledger.meters
                    (site_code, meter_code, name, energy_code, reading_kind, unit, status, status_since, batch_id)
                select %s, 'Z' || number, '水表' || number, 'water', 'register', 'm3', status, since, 1
                from generate_series(100, 149) as number
                cross join lateral (select case when number = 149 then 'stopped' end as status,
                    case when number = 149 then date '2026-01-01' end as since) as state""",
                [SITE],
            )
        with visiting("energy_manager") as client:
            yield client


def offered(client: TestClient, place: str, **query: str) -> list[str]:
    return [one["text"] for one in asked(client, place, **query)["results"]]


def asked(client: TestClient, place: str, **query: str) -> dict[str, Any]:
    answer = client.get(address(f"choices/{place}"), params=query)
    assert answer.status_code == 200, answer.text[:300]
    found: dict[str, Any] = answer.json()
    return found


def select(page: str, name: str) -> str:
    """The list of a form's field."""
    found = re.search(rf'<select id="{name}".*?</select>', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def test_rows_are_found_by_code_and_by_name_and_those_that_begin_with_it_come_first(client: TestClient) -> None:
    assert offered(client, "meters/org_code") == ["HQ 总厂", "L1 一线", "W1 一车间", "W2 二车间"]
    assert offered(client, "meters/org_code", q="车间") == ["W1 一车间", "W2 二车间"]
    assert offered(client, "meters/org_code", q="w 二") == ["W2 二车间"]
    assert offered(client, "verifications/meter_code", q="1")[:2] == ["M1 进线1", "Z100 水表100"]
    assert offered(client, "verifications/meter_code", q="z1 水表101") == ["Z101 水表101"]
    assert offered(client, "nodes/equipment_code", q="%") == []
    assert offered(client, "nodes/equipment_code", q="';select 1--") == []


def test_what_is_called_otherwise_than_by_a_name_is_found_too(client: TestClient) -> None:
    assert offered(client, "equipment_rules/flow_code") == ["F1 electricity N0 → N1", "F2 electricity N1 → N2"]
    assert offered(client, "equipment_rules/flow_code", q="N2") == ["F2 electricity N1 → N2"]
    assert offered(client, "alarm_rules/active_shifts") == ["A 08:00–20:00", "B 20:00–08:00"]
    assert "electricity 电力" in offered(client, "meters/energy_code", q="电")
    assert offered(client, "meters/energy_code", q="原煤") == ["raw_coal 原煤"]


def test_a_long_list_comes_in_pages_without_what_is_out_of_use(client: TestClient) -> None:
    pages = [asked(client, "verifications/meter_code", q="水表", page=str(page)) for page in (1, 2, 3, 4)]
    assert [len(page["results"]) for page in pages] == [20, 20, 9, 0]
    assert [page["pagination"]["more"] for page in pages] == [True, True, False, False]
    codes = [one["id"] for page in pages for one in page["results"]]
    assert codes == [f"Z{number}" for number in range(100, 149)]
    for page in ("0", "-1", "x", "1" * 30, "²"):
        assert client.get(address("choices/verifications/meter_code"), params={"page": page}).status_code == 400


def test_what_a_rule_watches_is_looked_up_in_the_ledger_it_names(client: TestClient) -> None:
    assert offered(client, "alarm_rules/subject_code") == []
    assert offered(client, "alarm_rules/subject_code", when="equipment") == ["EQ1 电炉", "EQ2 风机"]
    assert offered(client, "alarm_rules/subject_code", when="product") == ["P1 钢"]
    assert offered(client, "alarm_rules/subject_code", when="sites") == []


@pytest.mark.parametrize("place", ["meters/name", "meters/colour", "sites/site_code", "changes/batch_id"])
def test_only_columns_that_refer_to_a_ledger_offer_anything(client: TestClient, place: str) -> None:
    assert client.get(address(f"choices/{place}")).status_code == 404


def test_a_keeper_is_offered_what_lies_within_the_unit(client: TestClient) -> None:
    assert client
    with visiting("keeper") as keeper:
        assert offered(keeper, "meters/org_code") == ["L1 一线", "W1 一车间"]
        assert offered(keeper, "verifications/meter_code") == ["M1 进线1", "M3 电炉", "M4 备用"]
        assert "electricity 电力" in offered(keeper, "meters/energy_code")


def test_every_reference_of_every_form_is_chosen_from_a_list(client: TestClient) -> None:
    for table in ALL:
        if table.name == "site":
            continue
        form = client.get(address(f"{table.name}/create")).text
        for column in table.columns:
            if naming.referred(table, column.name):
                field = select(form, column.name)
                url = f"/ledgers/{SITE}/choices/{table.name}/{column.name}"
                assert f'{url}"' in field, (table.name, column.name)
                assert "select2.min.js" in form, table.name
                assert client.get(f"http://testserver/nengduan/workbench{url}").status_code == 200
    assert 'data-workbench-selector="subject_kind"' in client.get(address("alarm_rules/create")).text


def test_lists_details_and_forms_call_things_by_their_names(client: TestClient) -> None:
    listed = unescape(client.get(address("meters/list")).text)
    assert "W1 一车间" in listed
    assert "electricity 电力" in listed, "an energy that only the platform knows has a name too"
    detail = unescape(client.get(address("flows/detail"), params={"pk": "!F2"}).text)
    assert "N1 总降" in detail
    form = client.get(address("meters/edit"), params={"pk": "!M1"}).text
    assert '<option value="W1" selected>W1 一车间</option>' in select(form, "org_code")
    # The key of an edited row is shown and can't be changed.
    rule = client.get(address("calorific_values/create")).text
    assert "disabled" not in select(rule, "energy_code")


def test_a_refused_form_keeps_what_was_chosen(client: TestClient) -> None:
    answer = send(client, address("meters/create"), METER | {"org_code": "W2", "multiplier": "-1"})
    assert answer.status_code == 422
    assert '<option value="W2" selected>W2 二车间</option>' in select(answer.text, "org_code")
    # One that the ledger has not is refused as before, whoever sent it.
    answer = send(client, address("meters/create"), METER | {"org_code": "W9"})
    assert answer.status_code == 422
    assert "“W9”在组织机构（org_units）中不存在" in unescape(answer.text)


def test_several_shifts_are_chosen_for_a_rule(client: TestClient) -> None:
    rule = {"rule_code": "K1", "name": "夜班", "is_enabled": "true", "subject_kind": "meter", "subject_code": "M1"}
    made = send(client, address("alarm_rules/create"), rule | {"active_shifts": ["A", "B"]})
    assert made.status_code == 303, made.text[:500]
    form = client.get(address("alarm_rules/edit"), params={"pk": "!K1"}).text
    assert re.findall(r'value="(\w)" selected', select(form, "active_shifts")) == ["A", "B"]
    assert '<option value="M1" selected>M1 进线1</option>' in select(form, "subject_code")
    assert "M1 进线1" in unescape(client.get(address("alarm_rules/detail"), params={"pk": "!K1"}).text)


def test_a_column_of_many_rows_is_chosen_where_it_refers_to_a_ledger(client: TestClient) -> None:
    page = unescape(unescape(client.get(address("meters/list")).text))
    assert (
        f'<option value="org_code" data-workbench-url="http://testserver/nengduan/workbench/ledgers/{SITE}/choices/meters/org_code">'
        in page
    )
    assert '<option value="location" data-workbench-url="">' in page
