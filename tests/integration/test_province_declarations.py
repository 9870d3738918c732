"""What a site declares comes from its ledgers; what they lack is told with its cure and never made up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingestion import warehouse as connections
from ingestion.settings import Settings
from plugins.operations import server
from plugins.province import declarations
from plugins.province.declarations import Declaration
from plugins.province.declaring import MANDATORY
from plugins.province.profiles import Outcome, Row
from plugins.province.sandbox.options import Options
from plugins.province.sandbox.server import Sandbox, running
from tests.integration import landing_plant
from tests.integration.fake_platform import NOW, client
from tests.unit.test_province_rows import ROW

TODAY = date(2026, 10, 9)
ITEMS = """create table if not exists ledger.upload_items (
    site_code text not null, data_code text not null, destination text not null default '*', name text, flow_code text,
    product_code text, stat_types text not null default '1', input_type smallint not null default 4, scope smallint not null,
    value_min numeric, value_max numeric, equipment_code text, retired_on date, batch_id bigint not null,
    primary key (site_code, data_code, destination)
)"""
LEDGERS = landing_plant.LEDGERS | {
    "site": "site_code,name,credit_code,region_code,industry_code,type_code,type_name,center,corporation_code,jgzh,"
    "energy_consume_level,latitude,longitude,phone,energy_office,energy_official,energy_official_phone\n"
    "S1,试验钢厂,91530181MA00000004,530181,C3120,159,其他有限责任公司,530000,MA0000000,否,1,24.92,102.48,0871-0,生产部,能源甲,0871-1\n",
    "org_units": "org_code,name,parent_code,kind\nHQ,总厂,,enterprise\nW1,电炉炼钢,HQ,process\nL1,1#电炉,W1,line\n",
    "equipment": "equipment_code,name,org_code,model,location,rated_power_kw,commissioned_on,manufacturer\nEQ1,5t电弧炉,L1,HX-5,主跨,1200.50,2012-05-01,合成\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,level,jjf1051_code,accuracy_class,calibration_state,calibration_cycle_months,"
    "last_calibrated_on,next_calibration_on,installer,connected_system,status,installed_on\n"
    "M1,进线1,electricity,register,kWh,1,12345678,0.5S,合格,12,2026-01-05,2027-01-05,供电局,自有能管系统,normal,2012-05-01\n"
    "M2,进线2,electricity,register,kWh,1,,,送检中,,,,某某,,stopped,\n"
    "M3,电炉,electricity,interval,kWh,3,,,不合格,,,,,,faulty,\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by,org_code,equipment_code\n"
    "F1,electricity,N0,N1,1,purchase,M1 + M2,HQ,\nF2,electricity,N1,N2,3,production,0.5 * M3 - M1,L1,EQ1\n",
}  # fmt: skip
PLANT, FURNACE = "00-00-0000-023300-10", "06-01-0901-023300-11"


@pytest.fixture
def site(warehouse: Settings, tmp_path: Path) -> Iterator[psycopg.Connection[Any]]:
    landing_plant.load(landing_plant.write(tmp_path, LEDGERS))
    with server.connect_owner(warehouse) as owner:
        owner.execute(ITEMS.encode())
        owner.execute(b"grant select on ledger.upload_items to nengduan_upload")
    add_item(warehouse, PLANT, "F1", 1, name="全厂购入电", stat_types="0,1", value_max="99999999999999.5")
    add_item(warehouse, FURNACE, "F2", 4)
    with connections.connect("upload") as connection:
        yield connection


def add_item(settings: Settings, code: str, flow: str, scope: int, **columns: Any) -> None:
    names = ["site_code", "data_code", "flow_code", "scope", "batch_id", *columns]
    statement = f"insert into ledger.upload_items ({', '.join(names)}) values ({', '.join(['%s'] * len(names))})"
    with server.connect_owner(settings) as owner:
        owner.execute(statement.encode(), ["S1", code, flow, scope, 1, *columns.values()])


def read(connection: psycopg.Connection[Any], destination: str | None = None) -> Declaration:
    return declarations.read(connection, "S1", destination, TODAY)


def test_the_enterprise_is_declared_whole_and_nothing_is_missing(site: psycopg.Connection[Any]) -> None:
    found = read(site)
    assert found.problems == ()
    assert set(MANDATORY) <= set(found.enterprise)
    assert (found.enterprise["code"], found.enterprise["energyConsumeLevel"], found.enterprise["latitude"]) == (
        "91530181MA00000004",
        "1",
        "24.92",
    )
    assert "fax" not in found.enterprise
    assert found.group == {}
    assert found.energy_system == (
        {"energyOffice": "生产部", "energyOfficial": "能源甲", "energyOfficialPhone": "0871-1"},
    )


def test_processes_units_and_devices_are_those_that_items_name(site: psycopg.Connection[Any]) -> None:
    found = read(site)
    assert found.process == ({"processCode": "06", "processName": "电炉炼钢", "industryCode": "C3120"},)
    assert found.process_unit == ({"code": "01", "name": "1#电炉", "processCode": "06", "processName": "电炉炼钢"},)
    (device,) = found.devices
    assert device == {
        "deviceNo": "0901", "deviceName": "5t电弧炉", "model": "HX-5", "location": "主跨", "dept": "1#电炉", "deviceType": "09",
        "usingDate": "2012-05-01 00:00:00", "manufacturer": "合成", "energyCode": "3300", "energyValue": "1200.5", "processUnitCode": "0601",
    }  # fmt: skip


def test_an_item_is_declared_once_for_each_statistic_with_exact_limits(site: psycopg.Connection[Any]) -> None:
    rows = read(site).collect_item_config
    assert [(row["dataCode"], row["statType"]) for row in rows] == [(PLANT, "0"), (PLANT, "1"), (FURNACE, "1")]
    assert rows[0] == {
        "dataCode": PLANT, "name": "全厂购入电", "processCode": "00", "processUnitCode": "00", "equipmentCode": "00", "equipmentUnitCode": "00",
        "energyClassCode": "02", "energyTypeCode": "3300", "dataUsageCode": "10", "inputType": "4", "dataValueMax": "99999999999999.5",
        "statType": "0", "scope": "1",
    }  # fmt: skip
    assert rows[2]["name"] == FURNACE  # nobody gave it a name, and it has no energy of the site's own


def test_instruments_say_how_they_count_for_each_item(site: psycopg.Connection[Any]) -> None:
    rows = read(site).metering
    counted = [
        (row["manageCode"], row.get("dataCode"), row.get("dataCodeCalculate"), row.get("dataCodeRatio")) for row in rows
    ]
    assert counted == [
        ("M1", PLANT, "1", "1"),
        ("M1", FURNACE, "2", "1"),
        ("M2", PLANT, "1", "1"),
        ("M3", FURNACE, "1", "2"),
    ]
    assert rows[0] == {
        "meteringName": "进线1", "meteringType": "12345678", "meteringLevel": "1", "accuracyLevel": "0.5S", "manageCode": "M1",
        "calibrationState": "合格", "calibrationCycle": "12", "latelyCalibration": "2026-01-05 00:00:00", "nextCalibration": "2027-01-05 00:00:00",
        "installOrg": "2", "installDate": "2012-05-01 00:00:00", "usrSystem": "1", "measureState": "1",
        "dataCode": PLANT, "dataCodeCalculate": "1", "dataCodeRatio": "1",
    }  # fmt: skip
    assert [(row.get("calibrationState"), row["measureState"]) for row in rows[2:]] == [(None, "3"), ("不合格", "2")]
    assert not {"installOrg", "usrSystem"} & set(rows[2])


def test_what_the_ledgers_lack_is_a_problem_with_a_cure(site: psycopg.Connection[Any], warehouse: Settings) -> None:
    with server.connect_owner(warehouse) as owner:
        owner.execute(b"""update ledger.sites set enterprise = '{"energy_consume_level": "9"}', industry_code = null""")
        owner.execute(b"update ledger.flows set equipment_code = null, org_code = null")
    found = read(site)
    told = {problem.subject: problem for problem in found.problems}
    for name in set(MANDATORY) - {"code", "name", "regionCode", "energyConsumeLevel"}:
        assert told[f"enterprise.{name}"].cure
        assert name not in found.enterprise
    assert "电话" in told["enterprise.phone"].cure
    assert "9" in told["energyConsumeLevel"].message
    assert {"生产工序 06", "工序单元 06-01", "重点耗能设备 0901"} <= set(told)
    assert found.process == ({"processCode": "06"},)
    assert found.devices == ()


def test_a_row_for_one_destination_counts_before_the_one_for_all(
    site: psycopg.Connection[Any], warehouse: Settings
) -> None:
    add_item(warehouse, PLANT, "F2", 1, destination="yn", name="云南的")
    add_item(warehouse, "00-00-0000-023300-11", "F1", 1, destination="other")
    assert {row["name"] for row in read(site, "yn").collect_item_config} == {"云南的", FURNACE}
    assert {row["dataCode"] for row in read(site, "km").collect_item_config} == {PLANT, FURNACE}


def test_retired_items_are_not_declared_from_that_day_on(site: psycopg.Connection[Any], warehouse: Settings) -> None:
    with server.connect_owner(warehouse) as owner:
        owner.execute(b"update ledger.upload_items set retired_on = '2026-10-09' where scope = 4")
    assert {row["dataCode"] for row in read(site).collect_item_config} == {PLANT}
    assert len(declarations.read(site, "S1", None, date(2026, 10, 8)).process) == 1


def test_an_unknown_site_is_a_problem(site: psycopg.Connection[Any]) -> None:
    assert declarations.read(site, "NONE").problems


# ---------------------------------------------------------------- as a strict platform sees it
@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(options=Options(is_encrypted=True), clock=lambda: NOW) as made:
        yield made


@pytest.mark.parametrize(("profile", "code"), [("nhjc04", "91530181MA00000004"), ("yunnan", "91530181MA00000004")])
def test_the_strict_sandbox_takes_the_declaration_and_a_figure(
    profile: str, code: str, site: psycopg.Connection[Any], sandbox: Sandbox
) -> None:
    url = sandbox.nhjc04_url if profile == "nhjc04" else sandbox.yunnan_url
    with client(profile, url, secrets={"password": "pin4567890"}) as one:
        assert one.adapter.check_versions().is_accepted
        assert one.adapter.sync(read(site)) == []
        row = Row(PLANT, 1, ROW.stat_date.replace(day=7), ROW.value, 4, 1, True, ROW.value)
        assert one.adapter.send([row], NOW).outcome is Outcome.ACCEPTED
        one.log.clear()
        assert one.adapter.check_versions().is_accepted
        assert one.adapter.sync(read(site)) == []
        assert [exchange.kind for exchange in one.log] == ["version"]
        if profile == "nhjc04":
            first = row.stat_date.date()
            assert [held.value for held in one.adapter.download(first, TODAY)] == [row.value]
            assert one.adapter.download_config()["enterprise"]["code"] == code
    assert list(sandbox.values().values()) == [row.value]


@pytest.mark.parametrize("profile", ["nhjc04", "yunnan"])
def test_keys_addresses_versions_and_tokens_that_change_are_followed(
    profile: str, site: psycopg.Connection[Any], sandbox: Sandbox
) -> None:
    url = sandbox.nhjc04_url if profile == "nhjc04" else sandbox.yunnan_url
    row = Row(PLANT, 1, ROW.stat_date.replace(day=7), ROW.value, 4, 1, True, ROW.value)
    with client(profile, url, secrets={"password": "pin4567890"}) as one:
        one.adapter.check_versions()
        one.adapter.sync(read(site))
        for deed in ("move_urls", "rotate_keys", "bump_registration", "bump_dictionaries", "expire_tokens"):
            sandbox.change(deed)
            answer = one.adapter.send([row], NOW)
            if answer.outcome is not Outcome.ACCEPTED:
                assert answer.outcome in (Outcome.MOVED, Outcome.KEY_STALE), deed
                assert one.adapter.register().is_accepted
                assert one.adapter.send([row], NOW).is_accepted
            assert one.adapter.check_versions().is_accepted
            assert one.adapter.sync(read(site)) == []
