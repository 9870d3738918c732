"""The sandbox's profile yunnan over real HTTP: key, password, token, records, one figure a message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plugins.province.sandbox.options import Options
from plugins.province.sandbox.server import Sandbox, running
from tests.integration.sandbox_clients import (
    COAL,
    ELECTRICITY,
    ENTERPRISE,
    NOW,
    Nhjc04,
    Yunnan,
    item,
    password_block,
    row,
)

COMPOSITE = "0000000001000030"
LIFETIME = timedelta(hours=2)


@pytest.fixture(name="sandbox")
def fixture_sandbox() -> Iterator[Sandbox]:
    with running(clock=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture(name="device")
def fixture_device(sandbox: Sandbox) -> Iterator[Yunnan]:
    with Yunnan(sandbox) as device:
        device.register()
        assert device.declare(ELECTRICITY).json()["responseCode"] == 200
        yield device


def test_a_record_is_stored_again_is_no_news_and_another_value_a_version(sandbox: Sandbox, device: Yunnan) -> None:
    for value in ("123.45", "123.450", "124"):
        assert device.send(dataValue=value).json()["responseCode"] == 200
    day = datetime(2026, 10, 8)
    assert sandbox.values() == {(ENTERPRISE, ELECTRICITY, 1, day): Decimal(124)}
    assert sandbox.history(ENTERPRISE, ELECTRICITY, 1, day) == [Decimal("123.45"), Decimal(124)]
    assert sandbox.rows()[0]["ratio"] == "1.229"


def test_addresses_lead_to_data_by_each_of_their_names(device: Yunnan) -> None:
    for path in ("dataEnterpriseEnergy", f"{device.urls['enterpriseDataURL']}/dataEnterpriseEnergy"):
        body = row(ELECTRICITY.replace("-", "")) | {"convertRation": "1.229"} | device.versions
        assert device.post(path, **body).json()["responseCode"] == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"dataCode": ELECTRICITY},
        {"dataCode": COAL.replace("-", "")},
        {"dataValue": "1234567890.123456"},
        {"convertRation": ""},
        {"convertRation": "1.23456789012"},
        {"valid": "true"},
        {"inputType": "8"},
        {"statDate": "2026-10-09 00:00:00"},
        {"regVersion": "2"},
        {"dicVersion": None},
        {"enterpriseCode": "91530181MA00000005"},
    ],
)
def test_a_record_is_refused_and_nothing_stored(sandbox: Sandbox, device: Yunnan, changed: dict[str, Any]) -> None:
    assert device.send(**changed).json()["responseCode"] != 200
    assert sandbox.values() == {}


def test_an_input_type_of_yunnan_alone_is_accepted(device: Yunnan) -> None:
    assert device.send(inputType="6").json()["responseCode"] == 200


def test_the_composite_has_a_ratio_of_one(device: Yunnan) -> None:
    hyphenated = f"{COMPOSITE[:2]}-{COMPOSITE[2:4]}-{COMPOSITE[4:8]}-{COMPOSITE[8:14]}-{COMPOSITE[14:]}"
    assert device.declare(hyphenated).json()["responseCode"] == 200
    assert device.send(dataCode=COMPOSITE, convertRation="1.229").json()["responseCode"] == 400
    assert device.send(dataCode=COMPOSITE, convertRation="1.000").json()["responseCode"] == 200


def test_frozen_periods_refuse(sandbox: Sandbox, device: Yunnan) -> None:
    sandbox.freeze("2026-10-08", "2026-10-08")
    assert device.send().json()["responseMessage"] == "PERIOD_FROZEN"


def test_a_password_is_read_with_the_key_that_holds(sandbox: Sandbox, device: Yunnan) -> None:
    def refusal(block: str) -> str:
        return str(device.post("requestAK", False, password=block).json()["responseMessage"])

    assert refusal(password_block("other", device.key)) == "密码错误"
    for wrong in (
        "",
        "zz",
        "00" * 16,
        password_block(device.pin, "f" * 32),
        password_block(device.pin, device.key) * 2,
    ):
        assert refusal(wrong) == "解密失败！"
    sandbox.change("rotate_keys")
    old = device.key
    assert refusal(password_block(device.pin, old)) == "解密失败！"
    device.key = device.said("enterpriseInfo/rwk", False, secretKey=old)["secretKey"]
    assert device.key != old
    device.renew()


def test_the_work_key_is_obtained_once_and_rotated_by_who_has_it(device: Yunnan) -> None:
    assert device.said("enterpriseInfo/rwk", False)["secretKey"] == device.key
    assert device.post("enterpriseInfo/rwk", False, secretKey="0" * 32).json()["responseCode"] == 400
    assert device.said("enterpriseInfo/rwk", False, secretKey=device.key)["secretKey"] != device.key


def test_nobody_gets_a_token_before_applying(sandbox: Sandbox) -> None:
    with Yunnan(sandbox) as device:
        device.key = "0" * 32
        assert device.apply().json()["responseMessage"] == "企业未获取工作密钥"
        device.key = device.said("enterpriseInfo/rwk", False)["secretKey"]
        block = password_block(device.pin, device.key)
        assert device.post("requestAK", False, password=block).json()["responseMessage"] == "企业未申请"


def test_master_data_are_updated_by_their_index(device: Yunnan) -> None:
    assert device.apply().json()["data"]["dataIndex"] == device.data_index
    path = "enterpriseInfo/update"
    assert device.apply(path, dataIndex="x").json()["responseCode"] == 400
    device.pin = "another1"
    assert device.apply(path, dataIndex=device.data_index, cmpName="新名").json()["responseCode"] == 200
    device.renew()
    held = device.said(device.urls["enterpriseInfoDownloadURL"])["enterpriseInfo"]
    assert held["cmpName"] == "新名"
    assert "password" not in held
    for changed in ({"regionCode": "530199"}, {"industryCode": "X1"}, {"cmpName": ""}, {"license": "§"}):
        assert device.apply(path, dataIndex=device.data_index, **changed).json()["responseCode"] == 400


def test_a_token_ends(sandbox: Sandbox, device: Yunnan) -> None:
    sandbox.set_clock(NOW + LIFETIME - timedelta(seconds=1))
    assert device.send().status_code == 200
    sandbox.set_clock(NOW + LIFETIME)
    answer = device.send()
    assert (answer.status_code, answer.json()["responseCode"]) == (401, 401)
    device.renew()
    assert device.send().status_code == 200
    sandbox.change("expire_tokens")
    assert device.send().status_code == 401
    assert device.post("checkVersion", is_signed=False).status_code == 401


def test_the_times_of_a_token_are_told(device: Yunnan) -> None:
    said = device.said("requestAK", False, password=password_block(device.pin, device.key))
    assert (said["akValidAt"], said["akExpiresIn"]) == ("2026-10-09 01:38:00 000", "2026-10-09 03:38:00 000")
    assert said["enterpriseUploadTime"] == "01:30:00"


def test_dictionaries_come_by_their_index(device: Yunnan) -> None:
    public = device.said("dataDownload/public", False, itemIndex="1")["RegionCodes"]
    assert {"code": "530181", "name": "安宁市"} in public
    assert device.post("dataDownload/public", False, itemIndex="8").json()["responseCode"] == 400
    assert device.post("dataDownload", False, itemIndex="8").status_code == 401
    energies = {
        row["code"]: row
        for row in device.said(device.urls["loadBaseDataURL"], itemIndex="8")["EnergyTypeUnitCollectCodes"]
    }
    assert energies["3300"] | {"name": ""} == {
        "code": "3300",
        "name": "",
        "collectRatio": "1.229",
        "collectUnit": "tce/万kWh",
        "qualityUnit": "万kWh",
        "qualityPrecision": "2",
        "complexUnit": "",
        "complexPrecision": "",
    }
    assert energies["0000"]["complexUnit"] == "tce"
    told = [device.said("dataDownload", itemIndex=str(index)) for index in range(3, 18) if index != 16]
    assert all(len(answer) == 2 for answer in told)


def test_records_are_added_updated_and_deleted_by_their_index(sandbox: Sandbox, device: Yunnan) -> None:
    added = device.configure("processConfigure", "add", processCode="06", processName="电炉").json()["data"][
        "dataIndex"
    ]
    again = device.configure("processConfigure", "add", processCode="06", processName="电炉").json()["data"][
        "dataIndex"
    ]
    assert added == again, "an add whose answer was lost can be repeated"
    assert device.configure("unitConfigure", "update", dataIndex=added).json()["responseCode"] == 400
    device.configure("processConfigure", "update", dataIndex=added, processCode="06", processName="炼钢")
    held = device.said(device.urls["enterpriseInfoDownloadURL"])["processConfigure"]
    assert [(record["dataIndex"], record["processName"]) for record in held] == [(added, "炼钢")]
    assert device.configure("processConfigure", "delete", dataIndex=added).json()["responseCode"] == 200
    assert device.configure("processConfigure", "delete", dataIndex=added).json()["responseCode"] == 400
    assert device.configure("processConfigure", "burn").json()["responseCode"] == 400
    assert device.configure("anything", "add").json()["responseCode"] == 400


def test_an_item_counts_while_it_is_declared(device: Yunnan) -> None:
    plain = COAL.replace("-", "")
    assert (
        device.configure("dataCollectConfigure", "add", **item(COAL), dataCode="1" * 16).json()["responseCode"] == 400
    )
    index = device.declare(COAL).json()["data"]["dataIndex"]
    assert device.send(dataCode=plain).json()["responseCode"] == 200
    device.configure("dataCollectConfigure", "delete", dataIndex=index)
    assert device.send(dataCode=plain).json()["responseCode"] == 400


def test_records_name_todays_versions(sandbox: Sandbox, device: Yunnan) -> None:
    sandbox.change("bump_dictionaries", profile="yunnan")
    assert device.configure("processConfigure", "add", processCode="06").json()["responseCode"] == 409
    assert device.send().json()["responseCode"] == 409
    sandbox.set_options(checks_versions=False)
    assert device.send().json()["responseCode"] == 200


def test_what_is_held_can_be_downloaded(device: Yunnan) -> None:
    device.send()
    said = device.said(device.urls["enterpriseDataDownloadURL"], beginDate="2026-10-08", endDate="2026-10-08")
    assert said["dataEnterpriseEnergy"] == [row(ELECTRICITY.replace("-", "")) | {"convertRation": "1.229"}]


def test_the_profiles_hold_their_values_apart(sandbox: Sandbox, device: Yunnan) -> None:
    device.send(dataValue="1")
    with Nhjc04(sandbox) as other:
        other.register()
        other.declare(ELECTRICITY)
        other.send(row(value="2"))
    assert list(sandbox.values("yunnan").values()) == [Decimal(1)]
    assert list(sandbox.values("nhjc04").values()) == [Decimal(2)]


def test_all_but_tokens_outlives_a_restart(tmp_path: Path) -> None:
    store = tmp_path / "sandbox.sqlite"
    with running(clock=lambda: NOW, store=store) as sandbox, Yunnan(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY)
        index = device.configure("processConfigure", "add", processCode="06").json()["data"]["dataIndex"]
        port = int(sandbox.url.rpartition(":")[2])
    with running(clock=lambda: NOW, store=store, port=port, options=Options(token_lifetime_s=60)) as sandbox:
        assert device.send().status_code == 401
        device.renew()
        assert device.send().json()["responseCode"] == 200
        assert device.configure("processConfigure", "delete", dataIndex=index).json()["responseCode"] == 200
    device.session.close()
