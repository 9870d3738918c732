"""The sandbox's profile nhjc04 over real HTTP: what a strict platform takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
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
    ENTERPRISE_FIELDS,
    NOW,
    STEEL,
    Nhjc04,
    encrypted,
    item,
    row,
)

DAY = datetime(2026, 10, 8)
OTHER = "91530181MA00000005"


@pytest.fixture(name="sandbox")
def fixture_sandbox() -> Iterator[Sandbox]:
    with running(clock=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture(name="device")
def fixture_device(sandbox: Sandbox) -> Iterator[Nhjc04]:
    """A device that is registered and has declared its items."""
    with Nhjc04(sandbox) as device:
        device.register()
        assert device.declare(ELECTRICITY, COAL, STEEL)["responseCode"] == "0"
        yield device


@pytest.fixture(scope="module", name="strict")
def fixture_strict() -> Iterator[tuple[Sandbox, Nhjc04]]:
    """A platform that is only shown what it has to refuse, and a device."""
    with running(clock=lambda: NOW) as sandbox, Nhjc04(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY, COAL, STEEL)
        yield sandbox, device


def test_registering_again_tells_the_same(sandbox: Sandbox) -> None:
    with Nhjc04(sandbox) as device:
        first = device.register()
        assert first["responseMessage"] == "RECEIVE SUCCESS"
        assert len(first["deviceId"]) == 32
        assert "secretKey" not in first, "fields are clear here"
        assert device.register() == first


@pytest.mark.parametrize("changed", [{"enterpriseCode": "123"}, {"region": "539999"}, {"region": 530181}])
def test_nobody_is_registered_under_a_code_that_cannot_be(sandbox: Sandbox, changed: dict[str, Any]) -> None:
    with Nhjc04(sandbox) as device:
        assert device.register(**changed)["responseCode"] == "1"


def test_versions_follow_the_platform(sandbox: Sandbox, device: Nhjc04) -> None:
    before = device.at("loadDicVersionURL").json()
    sandbox.change("bump_dictionaries")
    sandbox.change("bump_registration", profile="yunnan")
    after = device.at("loadDicVersionURL").json()
    assert (before["regVersion"], before["dicVersion"]) == ("1", "1")
    assert (after["regVersion"], after["dicVersion"]) == ("1", "2")


def test_dictionaries_hold_the_codes_of_the_interface(device: Nhjc04) -> None:
    told = device.at("loadConfigURL").json()["dictionaries"]
    energies = {(row.get("classCode"), row["code"]): row for row in told["energyType"]}
    assert energies["02", "3300"]["name"] == "电力"
    assert energies["02", "3300"]["tceFactor"] == "1.229"
    assert {row["code"] for row in told["region"]} >= {"530000", "530100", "530181"}
    assert [row["code"] for row in told["inputType"]] == ["1", "2", "3", "4", "5"]


def test_a_batch_is_stored_and_again_is_no_news(sandbox: Sandbox, device: Nhjc04) -> None:
    assert device.send(row(), row(COAL, "7"))["responseCode"] == "0"
    assert device.send(row(value="123.450", uploadDate="2026-10-09 01:40:00"), row(COAL, "07.0"))["responseCode"] == "0"
    assert sandbox.values() == {
        (ENTERPRISE, ELECTRICITY, 1, DAY): Decimal("123.45"),
        (ENTERPRISE, COAL, 1, DAY): Decimal(7),
    }
    assert sandbox.history(ENTERPRISE, ELECTRICITY, 1, DAY) == [Decimal("123.45")]
    assert sandbox.log("data")[-1]["stored"] == {"new": 0, "changed": 0, "same": 2}


def test_another_value_is_a_new_version_and_the_old_one_stays(sandbox: Sandbox, device: Nhjc04) -> None:
    for value in ("1", "2", "1"):
        device.send(row(value=value))
    assert sandbox.history(ENTERPRISE, ELECTRICITY, 1, DAY) == [Decimal(1), Decimal(2), Decimal(1)]


def test_a_batch_with_one_fault_leaves_nothing_behind(sandbox: Sandbox, device: Nhjc04) -> None:
    answer = device.send(row(), row(COAL, "nan"), row(COAL, "1", "2026-10-07 00:00:00"))
    assert answer["responseCode"] == "1"
    assert [(error["index"], error["dataCode"]) for error in answer["errors"]] == [(1, COAL)]
    assert sandbox.values() == {}


REFUSED = {
    "a code without hyphens": {"dataCode": ELECTRICITY.replace("-", "")},
    "a class that does not exist": {"dataCode": "00-00-0000-113300-11"},
    "a type that the class does not have": {"dataCode": "00-00-0000-013300-11"},
    "a usage that does not exist": {"dataCode": "00-00-0000-023300-77"},
    "an item that was not declared": {"dataCode": "00-00-0000-023300-10"},
    "a number in place of a text": {"dataValue": 1.5},
    "not a number": {"dataValue": "NaN"},
    "infinity": {"dataValue": "1e999"},
    "no value": {"dataValue": ""},
    "eleven decimals": {"dataValue": "0.12345678901"},
    "twenty-three digits": {"dataValue": "1" * 23},
    "an input type of nobody": {"inputType": "6"},
    "a statistic of nobody": {"statType": "4"},
    "a scope of nobody": {"scope": "0"},
    "another encoding of valid": {"valid": True},
    "a day that begins at one": {"statDate": "2026-10-07 01:00:00"},
    "a day without a time": {"statDate": "2026-10-07"},
    "a day that does not exist": {"statDate": "2026-02-30 00:00:00"},
    "a day that has not ended": {"statDate": "2026-10-09 00:00:00"},
    "a month that begins on the second": {"statType": "2", "statDate": "2026-09-02 00:00:00"},
    "a month that has not ended": {"statType": "2", "statDate": "2026-10-01 00:00:00"},
    "a year that begins in July": {"statType": "3", "statDate": "2025-07-01 00:00:00"},
    "a slot off the grid": {"statType": "0", "statDate": "2026-10-08 10:20:00"},
    "an upload from the future": {"uploadDate": "2026-10-09 01:43:01"},
    "an upload before the period's end": {"uploadDate": "2026-10-08 23:59:59"},
    "a missing member": {"scope": None},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED.keys())
def test_a_row_is_refused_for(strict: tuple[Sandbox, Nhjc04], changed: dict[str, Any]) -> None:
    sandbox, device = strict
    assert device.send(row(**changed))["responseCode"] == "1"
    assert sandbox.values() == {}


ACCEPTED = {
    "a slot of fifteen minutes": {"statType": "0", "statDate": "2026-10-08 10:15:00"},
    "the last slot before the upload": {"statType": "0", "statDate": "2026-10-09 01:15:00"},
    "a month": {"statType": "2", "statDate": "2026-09-01 00:00:00"},
    "a year": {"statType": "3", "statDate": "2025-01-01 00:00:00"},
    "a negative value": {"dataValue": "-1.5"},
    "ten decimals": {"dataValue": "9999999999999999999999.0123456789"},
    "an upload within five minutes": {"uploadDate": "2026-10-09 01:43:00"},
    "an invalid value": {"valid": "1"},
    "members of nobody": {"remark": "更正"},
}


@pytest.mark.parametrize("changed", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_row_is_accepted_with(device: Nhjc04, changed: dict[str, Any]) -> None:
    assert device.send(row(**changed))["responseCode"] == "0"


def test_one_figure_twice_in_a_batch_is_refused(sandbox: Sandbox, device: Nhjc04) -> None:
    answer = device.send(row(), row(value="123.450"))
    assert [error["index"] for error in answer["errors"]] == [1]
    assert sandbox.values() == {}


def test_zeros_that_contradict_the_scope_are_told_and_taken(sandbox: Sandbox, device: Nhjc04) -> None:
    assert device.send(row(STEEL, scope="2"))["responseCode"] == "0"
    assert STEEL in sandbox.log("data")[-1]["warnings"][0]
    assert device.send(row(STEEL, "2", scope="4"))["responseCode"] == "0"
    assert "warnings" not in sandbox.log("data")[-1]


def test_a_device_speaks_for_its_enterprise_alone(sandbox: Sandbox, device: Nhjc04) -> None:
    with Nhjc04(sandbox, OTHER) as other:
        other.register()
        other.told["deviceId"] = device.told["deviceId"]
        assert other.send(row())["responseMessage"] == "序列号与企业统一社会信用代码不符"


def test_frozen_periods_refuse(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.freeze("2026-10-01", "2026-10-07")
    answer = device.send(row(), row(stat_date="2026-10-07 00:00:00"))
    assert answer["responseMessage"] == "PERIOD_FROZEN"
    assert [(error["index"], error["reason"]) for error in answer["errors"]] == [(1, "PERIOD_FROZEN")]
    assert device.send(row())["responseCode"] == "0"
    sandbox.change("thaw")
    assert device.send(row(stat_date="2026-10-07 00:00:00"))["responseCode"] == "0"


def test_encrypted_rows_are_read_and_others_cannot_be() -> None:
    with running(clock=lambda: NOW, options=Options(is_encrypted=True)) as sandbox, Nhjc04(sandbox) as device:
        key = device.register()["secretKey"]
        device.declare(ELECTRICITY)
        assert device.send(*encrypted([row()], key))["responseCode"] == "0"
        assert sandbox.values() == {(ENTERPRISE, ELECTRICITY, 1, DAY): Decimal("123.45")}
        for rows in ([row()], encrypted([row()], "0" * 32), [{"dataCode": "00"}]):
            assert device.send(*rows)["responseMessage"] == "解密失败！"
        sandbox.change("rotate_keys")
        assert device.send(*encrypted([row()], key))["responseMessage"] == "解密失败！"
        assert device.register()["secretKey"] != key
        assert device.send(*encrypted([row()], device.told["secretKey"]))["responseCode"] == "0"


def test_valid_may_be_a_boolean() -> None:
    with running(clock=lambda: NOW, options=Options(valid_encoding="boolean")) as sandbox, Nhjc04(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY)
        assert device.send(row(valid="0"))["responseCode"] == "1"
        assert device.send(row(valid=False))["responseCode"] == "0"
        assert sandbox.rows()[0]["is_valid"] == 0


WRONG_CONFIG = {
    "a mandatory field is missing": {"enterprise": ENTERPRISE_FIELDS | {"phone": ""}},
    "another enterprise": {"enterprise": ENTERPRISE_FIELDS | {"code": OTHER}},
    "an industry of nobody": {"enterprise": ENTERPRISE_FIELDS | {"industryCode": "C9900"}},
    "a process that the industry does not have": {"process": [{"processCode": "77"}]},
    "a unit of an undeclared process": {"processUnit": [{"code": "01", "processCode": "05"}]},
    "an item of an undeclared unit": {"collectItemConfig": [item("06-02-0000-023300-11")]},
    "an item without a type": {"collectItemConfig": [item(ELECTRICITY, energyTypeCode="")]},
    "a type of nobody": {"collectItemConfig": [item(ELECTRICITY, energyTypeCode="9876")]},
}


@pytest.mark.parametrize("changed", WRONG_CONFIG.values(), ids=WRONG_CONFIG.keys())
def test_a_wrong_declaration_changes_nothing(device: Nhjc04, changed: dict[str, Any]) -> None:
    before = device.at("centerInfoDownloadURL").json()
    assert device.declare(ELECTRICITY, **changed)["responseCode"] == "1"
    assert device.at("centerInfoDownloadURL").json() == before
    assert device.send(row(COAL))["responseCode"] == "0", "the items declared before still count"


def test_instruments_belong_to_declared_items(device: Nhjc04) -> None:
    good = {"meteringName": "进线电表", "meteringLevel": "1", "dataCode": ELECTRICITY, "calibrationState": "合格"}
    assert device.at("centerMeteringDataURL", metering=[good]).json()["responseCode"] == "0"
    for changed in ({"dataCode": "00-00-0000-023300-10"}, {"meteringLevel": "4"}, {"meteringName": ""}):
        answer = device.at("centerMeteringDataURL", metering=[good, good | changed]).json()
        assert [error["index"] for error in answer["errors"]] == [1]


def test_what_is_held_can_be_downloaded(device: Nhjc04) -> None:
    device.send(row(), row(value="5", stat_date="2026-10-07 00:00:00", valid="1"))
    held = device.at("centerDataDownloadURL", beginDate="2026-10-07", endDate="2026-10-07", statType="1").json()["data"]
    assert held == [row(value="5", stat_date="2026-10-07 00:00:00", valid="1")]
    assert len(device.at("centerDataDownloadURL", beginDate="2026-10-07", endDate="2026-10-08").json()["data"]) == 2
    assert device.at("centerDataDownloadURL", beginDate="x", endDate="2026-10-08").json()["responseCode"] == "1"


def test_all_outlives_a_restart(tmp_path: Path) -> None:
    store = tmp_path / "sandbox.sqlite"
    with running(clock=lambda: NOW, store=store) as sandbox, Nhjc04(sandbox) as device:
        told = device.register()
        device.declare(ELECTRICITY)
        device.send(row(value="1"))
        device.send(row(value="2"))
        sandbox.freeze("2026-01-01", "2026-01-31")
        sandbox.change("bump_dictionaries")
        port = int(sandbox.url.rpartition(":")[2])
    with running(clock=lambda: NOW, store=store, port=port) as sandbox, Nhjc04(sandbox) as device:
        assert device.register() == told
        assert device.at("loadDicVersionURL").json()["dicVersion"] == "2"
        assert sandbox.control()["frozen"] == [["2026-01-01", "2026-01-31"]]
        assert sandbox.history(ENTERPRISE, ELECTRICITY, 1, DAY) == [Decimal(1), Decimal(2)]
        assert device.send(row(value="3"))["responseCode"] == "0"
