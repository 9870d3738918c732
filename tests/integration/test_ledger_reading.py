"""Ledgers read for people: what is found, in what order, for whom, as of when; and the history of a row."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing, reading
from ingestion.ledgers.editing import Edit
from ingestion.ledgers.reading import Filter, Group, QueryError, Record
from ingestion.settings import Settings
from tests.integration.landing_plant import LATER, LEDGERS, load, rows, write

METERS = (
    "meter_code,name,energy_code,reading_kind,unit,multiplier,location,org_code,equipment_code,status,installed_on\n"
    "M1,进线1,electricity,register,kWh,100,总降 100%,HQ,,normal,2020-01-01\n"
    "M2,进线2,electricity,register,kWh,20,总降_2,,,normal,\n"
    "M3,电炉,electricity,interval,kWh,3,一车间,,EQ1,faulty,2024-05-01\n"
    "m4,蒸汽表,steam,register,t,,锅炉房,W1,,stopped,2022-01-01\n"
)
TODAY = date(2026, 2, 2)


@pytest.fixture(scope="module")
def plant(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A plant whose meters belong to units; nobody changes it, or only rows of its own."""
    assert module_warehouse
    package = LEDGERS | {
        "meters": METERS,
        "verifications": "meter_code,verified_on,kind\nM3,2026-01-05,检定\nM1,2025-01-05,校准\n",
        "inspections": "编号,检查项目,设备编码,检查时间,结果,温度\nX1,轴承,EQ1,2026-01-05 08:00,异常,88\n,目视,,,,\n",
        "limits_custom": "指标,限额 %\n综合能耗,100\n电耗,5\n",
    }
    load(write(tmp_path_factory.mktemp("plant"), package))


pytestmark = pytest.mark.usefixtures("plant")


def query(table: str, **options: Any) -> reading.Page:
    with connections.connect("keep") as connection:
        return reading.query(connection, "S1", table, **{"today": TODAY, **options})


def codes(table: str = "meters", column: str = "meter_code", **options: Any) -> list[str | None]:
    return [one.values[column] for one in query(table, **options).records]


def found(table: str, **key: str) -> Record:
    with connections.connect("keep") as connection:
        record = reading.get(connection, "S1", table, key)
    assert record is not None
    return record


def test_a_page_holds_texts_by_contract_names() -> None:
    page = query("meters", page_size=2)
    assert (page.total, len(page.records)) == (3, 2)
    assert page.records[0].key == {"meter_code": "M1"}
    assert page.records[0].values["multiplier"] == "100"
    assert page.records[0].values["installed_on"] == "2020-01-01"
    assert page.records[0].values["level"] is None
    newest = rows(
        "select max(change_id) from ledger.changes where row_key ->> 'meter_code' = 'M1' and table_name = 'meters'"
    )
    assert page.records[0].version == newest[0][0]
    assert codes(page=2, page_size=2) == ["M3"]
    beyond = query("meters", page=3, page_size=2)
    assert (beyond.records, beyond.total) == ((), 3)
    shift = query("shifts").records[0]
    assert (shift.values["start"], shift.values["valid_from"], shift.values["valid_to"]) == ("08:00:00", None, None)
    assert found("shifts", shift_code="B", valid_from="").values["end"] == "08:00:00"
    event = query("meter_events").records[0]
    assert event.values["event_at"] == "2026-01-06 00:00:00"  # on the site's clock
    assert found("meter_events", **event.key) == event


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"search": "进线"}, ["M1", "M2"]),
        ({"search": "总降 m1"}, ["M1"]),
        ({"search": "M"}, ["M1", "M2", "M3"]),
        ({"search": "100%"}, ["M1"]),
        ({"search": "降_2"}, ["M2"]),
        ({"search": "' or 1=1 --"}, []),
        ({"filters": [Filter("status", "is", "正常")]}, ["M1", "M2"]),
        ({"filters": [Filter("status", "in", ["normal", "故障"])]}, ["M1", "M2", "M3"]),
        ({"filters": [Filter("status", "in", [])]}, []),
        ({"filters": [Filter("installed_on", "empty")]}, ["M2"]),
        ({"filters": [Filter("installed_on", "filled")]}, ["M1", "M3"]),
        ({"filters": [Filter("installed_on", "from", "2024/5/1")]}, ["M3"]),
        ({"filters": [Filter("installed_on", "to", "2024-04-30")]}, ["M1"]),
        ({"filters": [Filter("multiplier", "is", "20.0")]}, ["M2"]),
        ({"filters": [Filter("location", "contains", "降")], "sort": "-meter_code"}, ["M2", "M1"]),
        ({"sort": "multiplier"}, ["M3", "M2", "M1"]),
        ({"sort": ["-status", "multiplier"]}, ["M2", "M1", "M3"]),
        ({"sort": "-installed_on"}, ["M3", "M1", "M2"]),
        ({"include_retired": True}, ["M1", "M2", "M3", "m4"]),
        ({"org_codes": ["W1"]}, ["M3"]),
        ({"org_codes": ["W1"], "include_retired": True}, ["M3", "m4"]),
        ({"org_codes": ["HQ", "W1"]}, ["M1", "M3"]),
        ({"org_codes": []}, []),
    ],
)
def test_rows_are_found_by_words_filters_orders_and_units(options: dict[str, Any], expected: list[str]) -> None:
    page = query("meters", **options)
    assert [one.values["meter_code"] for one in page.records] == expected
    assert page.total == len(expected)


def test_what_is_searched_for_is_counted_on_whichever_page() -> None:
    pages = [query("meters", search="M", page=page, page_size=2) for page in (1, 2, 3)]
    assert [(len(page.records), page.total) for page in pages] == [(2, 3), (1, 3), (0, 3)]


def test_every_row_says_whose_it_is() -> None:
    assert {one.key["meter_code"]: one.org_code for one in query("meters", include_retired=True).records} == {
        "M1": "HQ",
        "M2": None,
        "M3": "W1",
        "m4": "W1",
    }
    assert codes("verifications", org_codes=["W1"]) == ["M3"]
    assert codes("org_units", "org_code", org_codes=["W1"]) == ["W1"]
    assert codes("persons", "person_code", org_codes=["W1"]) == []
    with connections.connect("keep") as connection:
        for table in ("meters", "verifications", "nodes", "equipment", "inspections"):
            for one in query(table, include_retired=True).records:
                assert reading.org_of(connection, "S1", table, one.values) == one.org_code, one.key
        assert reading.org_of(connection, "S1", "meters", {"meter_code": "M3", "org_code": "HQ"}) == "HQ"
        assert reading.org_of(connection, "S1", "meters", {"meter_code": "M3"}) is None
        assert reading.org_of(connection, "S1", "persons", {"person_code": "001"}) is None


def test_what_no_column_is_declared_for_is_read_by_its_own_name() -> None:
    first, second = query("inspections", sort="-inspection_no").records
    assert (first.values["inspection_no"], first.values["温度"], first.values["result"]) == ("X1", "88", "abnormal")
    assert first.values["inspected_at"] == "2026-01-05 08:00:00"
    assert str(second.values["inspection_no"]).startswith("ROW-")
    assert found("inspections", **second.key) == second
    assert codes("inspections", "inspection_no", filters=[Filter("温度", "is", "88")]) == ["X1"]
    assert codes("limits_custom", "name", sort="-限额 %") == ["电耗", "综合能耗"]
    assert codes("limits_custom", "name", search="综合") == ["综合能耗"]
    with connections.connect("keep") as connection:
        assert reading.columns(connection, "S1", "limits_custom")[-1].name == "限额 %"
        assert reading.columns(connection, "S1", "inspections")[-1].name == "温度"


def test_of_conditions_in_a_group_any_or_all_must_hold() -> None:
    one, other = Filter("meter_code", "is", "M1"), Filter("name", "contains", "电炉")
    assert codes(filters=[Group("or", [one, other])]) == ["M1", "M3"]
    assert codes(filters=[Group("and", [one, other])]) == []
    assert codes(filters=[Group("or", [one, Group("and", [other, Filter("meter_code", "is", "M3")])])]) == ["M1", "M3"]
    # A group is one condition among the others, and an empty one asks for nothing.
    assert codes(filters=[Filter("meter_code", "is", "M3"), Group("or", [one, other])]) == ["M3"]
    assert codes(filters=[Group("or", [one, Group("or", [])]), Group("or", [])]) == ["M1"]
    awkward = "' or true or '"
    assert codes(filters=[Group("or", [Filter("name", "is", awkward), Filter("name", "contains", awkward)])]) == []


@pytest.mark.parametrize(
    "options",
    [
        {"sort": "colour"},
        {"sort": "name; drop table ledger.meters"},
        {"filters": [Filter("colour", "is", "x")]},
        {"filters": [Filter("installed_on", "from", "昨天")]},
        {"filters": [Filter("name", "is", ["a", "b"])]},
        {"filters": [Filter("name", "like", "a")]},  # type: ignore[arg-type]
        {"filters": [Group("or", [Filter("name", "is", "a"), Filter("colour", "is", "b")])]},
        {"filters": [Group("or true or", [Filter("name", "is", "a")])]},  # type: ignore[arg-type]
        {"filters": [Group("or", [Filter("name", "is", "a")] * 101)]},
    ],
)
def test_questions_that_cannot_be_asked_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        query("meters", **options)


def test_any_earlier_day_is_read_like_today_and_not_edited() -> None:
    before = rows("select clock_timestamp()")[0][0]
    with connections.connect("keep") as connection:
        seen = reading.get(connection, "S1", "persons", {"person_code": "001"})
        assert seen is not None
        author = Author("李工", "改名")
        editing.apply(connection, "S1", "persons", [Edit(seen.key, {"name": "王总"}, seen.version)], author, LATER)
        editing.apply(connection, "S1", "persons", [Edit(None, {"person_code": "2", "name": "赵工"})], author, LATER)
    (then,) = query("persons", as_of=before).records
    assert (then.values["name"], then.version) == ("王工", None)
    assert codes("persons", "name", as_of=before, search="王") == ["王工"]
    assert codes("persons", "name") == ["王总", "赵工"]
    today = before.astimezone().date()
    assert query("persons", as_of=today + timedelta(days=1)).total == 2
    assert query("persons", as_of=today - timedelta(days=2)).total == 0

    with connections.connect("keep") as connection:
        newest, first = reading.history(connection, "S1", "persons", {"person_code": "001"})
    assert newest.before
    assert newest.after
    assert (newest.operation, newest.before["name"], newest.after["name"]) == ("update", "王工", "王总")
    assert (newest.changed_by, newest.reason, newest.source, newest.file) == ("李工", "改名", "workbench", "persons")
    assert newest.version == found("persons", person_code="001").version
    assert (first.operation, first.before, first.file) == ("insert", None, "persons.csv")
    assert isinstance(newest.changed_at, datetime)


def test_histories_are_found_by_every_kind_of_key() -> None:
    with connections.connect("keep") as connection:
        for table in ("site", "shifts", "tariffs", "meter_events", "inspections", "limits_custom", "verifications"):
            for one in query(table).records:
                entries = reading.history(connection, "S1", table, one.key)
                assert [entry.version for entry in entries] == [one.version], (table, one.key)
                assert entries[0].after == dict(one.values), table
        assert reading.history(connection, "S1", "meters", {"meter_code": "M7"}) == []
