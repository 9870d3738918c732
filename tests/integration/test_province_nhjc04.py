"""NHJC-04 against a platform whose answers the test writes: what is sent, when, and what each answer changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from plugins.province import sm4
from plugins.province.declarations import Declaration, Problem
from plugins.province.profiles import DownloadError, Held, Outcome
from tests.integration.fake_platform import CREDIT_CODE, KEY, NOW, Asked, Client, FakePlatform, client, respond, serving
from tests.unit.test_province_rows import ROW

PATHS = {
    "loadConfigURL": "dictionaries",
    "loadDicVersionURL": "version",
    "centerInfoURL": "config",
    "centerInfoDownloadURL": "config/download",
    "centerMeteringDataURL": "metering",
    "centerDataURL": "data",
    "centerDataDownloadURL": "data/download",
}
OK = {"responseCode": "0", "responseMessage": "RECEIVE SUCCESS"}
DECLARATION = Declaration(
    enterprise={"code": CREDIT_CODE, "name": "钢厂"},
    group={},
    collect_item_config=({"dataCode": "00-00-0000-023300-11", "name": "电力", "statType": "1"},),
    metering=({"meteringName": "电能表", "dataCode": "00-00-0000-023300-11"},),
    problems=(Problem("x", "y", "z"),),
)


def registration(url: str, prefix: str = "", **changes: Any) -> dict[str, Any]:
    urls = {name: f"{url}{prefix}/{path}" for name, path in PATHS.items()}
    return {**OK, "deviceId": "d" * 32, "uploadTime": "01:38:00", **urls, **changes}


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with serving() as running:
        running.answers = {f"/{path}": OK for path in PATHS.values()}
        running.answers["/enterprise/register"] = registration(running.url)
        running.answers["/version"] = {**OK, "regVersion": "1", "dicVersion": "1"}
        running.answers["/dictionaries"] = {
            **OK,
            "dicVersion": "1",
            "dictionaries": {
                "region": [{"code": "530181", "name": "安宁市"}],
                "energyType": [{"code": "3300", "name": "电力", "classCode": "02", "tceFactor": "0.1229"}],
            },
        }
        yield running


@pytest.fixture
def one(platform: FakePlatform) -> Iterator[Client]:
    with client("nhjc04", platform.url) as made:
        yield made


def test_the_first_check_registers_and_keeps_what_was_told(platform: FakePlatform, one: Client) -> None:
    assert one.adapter.slot is None
    assert one.adapter.check_versions().is_accepted
    assert [asked.path for asked in platform.asked] == ["/enterprise/register", "/version"]
    assert platform.bodies("/version") == [{"deviceId": "d" * 32}]
    assert str(one.adapter.slot) == "01:38:00"
    assert one.saves[-1] == one.context.state
    assert (one.context.state["reg_version"], one.context.state["dic_version"]) == ("1", "1")


def test_the_same_versions_ask_for_nothing_more(platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    platform.asked.clear()
    assert one.adapter.check_versions().is_accepted
    assert one.adapter.sync(DECLARATION) == list(DECLARATION.problems)
    assert [asked.path for asked in platform.asked] == ["/version"]


def test_a_new_dic_version_fetches_dictionaries_and_a_new_reg_version_registers(
    platform: FakePlatform, one: Client
) -> None:
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    assert one.dictionaries["energyType", "1"][0]["tceFactor"] == "0.1229"
    platform.asked.clear()
    platform.answers["/version"] = {**OK, "regVersion": "1", "dicVersion": "2"}
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    assert [asked.path for asked in platform.asked] == ["/version", "/dictionaries"]
    platform.asked.clear()
    platform.answers["/version"] = {**OK, "regVersion": "2", "dicVersion": "2"}
    one.adapter.check_versions()
    assert [asked.path for asked in platform.asked] == ["/version", "/enterprise/register"]
    assert one.context.state["reg_version"] == "2"


def test_a_reg_version_is_noted_only_when_registering_succeeded(platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    platform.answers["/version"] = {**OK, "regVersion": "2", "dicVersion": "1"}
    platform.answers["/enterprise/register"] = {"responseCode": "1", "responseMessage": "维护中"}
    assert one.adapter.check_versions().outcome is Outcome.REJECTED
    assert one.context.state["reg_version"] == "1"


def test_versions_without_a_code_are_taken(platform: FakePlatform, one: Client) -> None:
    platform.answers["/version"] = {"regVersion": 3, "dicVersion": "4"}
    assert one.adapter.check_versions().is_accepted
    assert (one.context.state["reg_version"], one.context.state["dic_version"]) == ("3", "4")


def test_the_declaration_is_sent_once_and_again_when_it_changes(platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    (config,) = platform.bodies("/config")
    assert config == {
        "deviceId": "d" * 32, "enterpriseCode": CREDIT_CODE, "enterprise": {"code": CREDIT_CODE, "name": "钢厂"}, "group": {},
        "process": [], "processUnit": [], "collectItemConfig": [{"name": "电力", "statType": "1"}],
    }  # fmt: skip
    assert platform.bodies("/metering")[0]["metering"] == [
        {"meteringName": "电能表", "dataCode": "00-00-0000-023300-11"}
    ]
    one.adapter.sync(replace(DECLARATION, enterprise={"code": CREDIT_CODE, "name": "新名"}))
    assert [len(platform.bodies(path)) for path in ("/config", "/metering")] == [2, 1]


def test_a_refused_declaration_is_a_problem_and_is_sent_again(platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    platform.answers["/config"] = {"responseCode": "1", "responseMessage": "enterprise.phone为必填项"}
    problems = one.adapter.sync(DECLARATION)
    assert any("enterprise.phone" in problem.message and problem.cure for problem in problems)
    platform.answers["/config"] = OK
    assert one.adapter.sync(DECLARATION) == list(DECLARATION.problems)
    assert len(platform.bodies("/config")) == 2


def test_a_declaration_follows_an_address_that_moved(platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    platform.answers = {f"/v2/{path}": OK for path in PATHS.values()} | {
        "/enterprise/register": registration(platform.url, "/v2")
    }
    platform.answers["/v2/dictionaries"] = {**OK, "dictionaries": {}}
    assert one.adapter.sync(DECLARATION) == list(DECLARATION.problems)
    assert platform.bodies("/v2/config")


@pytest.mark.parametrize(
    "dictionaries",
    [None, [], {"region": {}}, {"region": [5]}, {"region": [{"name": "x"}]}, {"region": [{"code": "1", "x": [1]}]}],
)
def test_dictionaries_of_a_wrong_shape_are_not_kept(dictionaries: Any, platform: FakePlatform, one: Client) -> None:
    one.adapter.check_versions()
    platform.answers["/dictionaries"] = {**OK, "dicVersion": "1", "dictionaries": dictionaries}
    assert any("数据字典" in problem.subject for problem in one.adapter.sync(DECLARATION))
    assert one.dictionaries == {}
    assert "dictionary_version" not in one.context.state


# ---------------------------------------------------------------- data
def test_a_batch_is_the_contracts_message_stamped_anew_at_each_sending(platform: FakePlatform, one: Client) -> None:
    one.adapter.register()
    one.adapter.send([ROW], NOW)
    one.adapter.send([replace(ROW, is_valid=False)], NOW + timedelta(hours=1))
    first, second = platform.bodies("/data")
    assert first == {
        "deviceId": "d" * 32,
        "enterpriseCode": CREDIT_CODE,
        "data": [{"dataCode": "00-00-0000-023300-11", "dataValue": "123.45", "inputType": "4", "statType": "1", "statDate": "2026-10-08 00:00:00", "uploadDate": "2026-10-09 01:38:00", "scope": "1", "valid": "0"}],
    }  # fmt: skip
    assert [second["data"][0][name] for name in ("statDate", "uploadDate", "valid")] == [
        "2026-10-08 00:00:00",
        "2026-10-09 02:38:00",
        "1",
    ]


def test_valid_is_a_boolean_where_the_option_says_so(platform: FakePlatform) -> None:
    with client("nhjc04", platform.url, {"valid": "boolean"}) as one:
        one.adapter.register()
        one.adapter.send([ROW], NOW)
    assert platform.bodies("/data")[0]["data"][0]["valid"] is True


@pytest.mark.parametrize(("encryption", "is_encrypted"), [("auto", True), ("always", True), ("never", False)])
def test_members_are_encrypted_by_the_key_of_the_registration(
    encryption: str, is_encrypted: bool, platform: FakePlatform
) -> None:
    platform.answers["/enterprise/register"] = registration(platform.url, secretKey=KEY)
    with client("nhjc04", platform.url, {"encryption": encryption, "valid": "boolean"}) as one:
        one.adapter.register()
        one.adapter.send([ROW, ROW], NOW)
    (body,) = platform.bodies("/data")
    assert (body["deviceId"], body["enterpriseCode"]) == ("d" * 32, CREDIT_CODE)
    row = body["data"][1]
    if is_encrypted:
        assert row["dataCode"] == "ef49d2a4d631f9fc3ae6db23a5998f23aafd0fd6242c37e636e90e8e5e5b967a"
        assert row["dataValue"] == "8903e2e3f6b843f58fa45deaf1b6a32a"
        assert sm4.decrypted_fields(KEY, list(row.values())) == [
            "00-00-0000-023300-11",
            "123.45",
            "4",
            "1",
            "2026-10-08 00:00:00",
            "2026-10-09 01:38:00",
            "1",
            "true",
        ]
    else:
        assert row["dataValue"] == "123.45"


def test_without_a_key_nothing_goes_clear_where_encryption_is_a_must(platform: FakePlatform) -> None:
    with client("nhjc04", platform.url, {"encryption": "always"}) as one:
        one.adapter.register()
        assert one.adapter.send([ROW], NOW).outcome is Outcome.KEY_STALE
    assert platform.bodies("/data") == []


def test_rows_that_cannot_be_sent_are_named_and_the_batch_stays_here(platform: FakePlatform, one: Client) -> None:
    one.adapter.register()
    answer = one.adapter.send([ROW, replace(ROW, value=Decimal("1e30"))], NOW)
    assert (answer.outcome, set(answer.faults)) == (Outcome.REJECTED, {1})
    assert platform.bodies("/data") == []


def test_an_unregistered_device_asks_to_register(one: Client) -> None:
    assert one.adapter.send([ROW], NOW).outcome is Outcome.MOVED
    assert one.adapter.download(date(2026, 10, 1), date(2026, 10, 2)) is None


OTHER = replace(ROW, data_code="0000000002330010")
MONTH = replace(ROW, stat_type=2, stat_date=datetime(2026, 10, 1))
DAY = replace(ROW, stat_date=datetime(2026, 10, 1))
CODE, DATE = "00-00-0000-023300-11", "2026-10-08 00:00:00"


@pytest.mark.parametrize(
    ("answer", "outcome", "faults"),
    [
        ({"responseCode": 0}, Outcome.ACCEPTED, {}),
        ({"responseCode": "1", "responseMessage": "RECEIVE SUCCESS"}, Outcome.REJECTED, {}),
        ({"responseCode": "200", "responseMessage": "成功"}, Outcome.REJECTED, {}),
        ({"responseCode": "1", "responseMessage": "解密失败！"}, Outcome.KEY_STALE, {}),
        ({"responseCode": "1", "responseMessage": "序列号与企业统一社会信用代码不符"}, Outcome.IDENTITY, {}),
        ({"responseCode": "1", "responseMessage": "PERIOD_FROZEN"}, Outcome.FROZEN, {}),
        ({"responseCode": "PERIOD_FROZEN"}, Outcome.FROZEN, {}),
        ({"responseCode": "1", "errors": [{"index": 1, "reason": "编码"}]}, Outcome.REJECTED, {1: "编码"}),
        ({"responseCode": "1", "errors": [{"index": 1, "reason": "PERIOD_FROZEN"}]}, Outcome.FROZEN, {1: "PERIOD_FROZEN"}),
        ({"responseCode": "1", "errors": [{"index": 1, "dataCode": CODE, "statDate": DATE}]}, Outcome.REJECTED, {0: "平台未说明原因"}),
        ({"responseCode": "1", "errors": [{"index": 3, "dataCode": CODE, "statDate": "2026-10-01 00:00:00", "reason": "x"}]}, Outcome.REJECTED, {3: "x"}),
        ({"responseCode": "1", "errors": [{"dataCode": CODE, "statDate": "2026-10-01 00:00:00"}]}, Outcome.REJECTED, {}),
        ({"responseCode": "1", "errors": [5, {"index": 99}, {"index": True}, {"index": "0"}, {"index": -1}]}, Outcome.REJECTED, {}),
        ({"responseCode": "1", "errors": "all"}, Outcome.REJECTED, {}),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    answer: dict[str, Any], outcome: Outcome, faults: dict[int, str], platform: FakePlatform, one: Client
) -> None:
    one.adapter.register()
    platform.answers["/data"] = answer
    found = one.adapter.send([ROW, OTHER, MONTH, DAY], NOW)
    assert (found.outcome, dict(found.faults)) == (outcome, faults)
    assert one.log[-1].outcome == ("accepted" if outcome is Outcome.ACCEPTED else "refused")


def test_a_new_key_comes_by_registering_again(platform: FakePlatform, one: Client) -> None:
    platform.answers["/enterprise/register"] = registration(platform.url, secretKey=KEY)
    one.adapter.register()
    other = KEY[::-1]
    platform.answers["/enterprise/register"] = registration(platform.url, secretKey=other)
    one.adapter.register()
    one.adapter.send([ROW], NOW)
    assert sm4.decrypted_fields(other, [platform.bodies("/data")[0]["data"][0]["dataValue"]]) == ["123.45"]


# ---------------------------------------------------------------- downloads
def held_row(day: str, **changes: str) -> dict[str, str]:
    return {"dataCode": CODE, "dataValue": "1.50", "statType": "1", "statDate": f"{day} 00:00:00", **changes}


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_what_the_platform_holds_comes_day_by_day_decrypted_where_encrypted(
    is_encrypted: bool, platform: FakePlatform
) -> None:
    platform.answers["/enterprise/register"] = registration(platform.url, secretKey=KEY)

    def answer(asked: Asked, _: BaseHTTPRequestHandler) -> dict[str, Any]:
        row = held_row(asked.body["startDate"][:10])
        stray = held_row("2026-09-30")
        if is_encrypted:
            row = dict(zip(row, sm4.encrypted_fields(KEY, list(row.values())), strict=True))
        return {**OK, "data": [row, stray]}

    platform.answers["/data/download"] = answer
    with client("nhjc04", platform.url) as one:
        one.adapter.register()
        found = list(one.adapter.download(date(2026, 10, 1), date(2026, 10, 3)))
    assert found == [Held(CODE, 1, datetime(2026, 10, day), Decimal("1.50")) for day in (1, 2)]
    assert [(body["startDate"], body["endDate"]) for body in platform.bodies("/data/download")] == [
        (f"2026-10-0{day} 00:00:00", f"2026-10-0{day} 23:59:59") for day in (1, 2)
    ]


@pytest.mark.parametrize(
    "data",
    [{}, [5], [{}], [held_row("2026-10-01", dataValue="x")], [held_row("2026-10-01", statType="9")], [held_row("2026-13-01")], [held_row("2026-10-01", dataCode="ab" * 16)], [held_row("2026-10-01", dataValue="1e400")]],
)  # fmt: skip
def test_a_download_that_cannot_be_read_whole_proves_nothing(data: Any, platform: FakePlatform, one: Client) -> None:
    one.adapter.register()
    platform.answers["/data/download"] = {**OK, "data": data}
    with pytest.raises(DownloadError):
        list(one.adapter.download(date(2026, 10, 1), date(2026, 10, 2)))
    assert one.log[-1].outcome == "unknown"


def test_a_refused_download_is_an_error_too(platform: FakePlatform, one: Client) -> None:
    one.adapter.register()
    platform.answers["/data/download"] = lambda _, handler: respond(handler, b"", 500)
    with pytest.raises(DownloadError):
        list(one.adapter.download(date(2026, 10, 1), date(2026, 10, 2)))


def test_the_declaration_can_be_had_back(platform: FakePlatform, one: Client) -> None:
    one.adapter.register()
    platform.answers["/config/download"] = {**OK, "enterprise": {"name": "钢厂"}}
    assert one.adapter.download_config()["enterprise"] == {"name": "钢厂"}


# ---------------------------------------------------------------- speed
def test_encryption_and_writing_manage_well_over_ten_thousand_rows_a_second(platform: FakePlatform) -> None:
    platform.answers["/enterprise/register"] = registration(platform.url, secretKey=KEY)
    rows = [
        replace(ROW, value=Decimal(number) / 7, stat_date=datetime(2026, 10, 8) + timedelta(minutes=15 * number))
        for number in range(500)
    ]
    with client("nhjc04", platform.url) as one:
        one.adapter.register()
        started = time.thread_time()
        for _ in range(20):
            assert one.adapter.send(rows, datetime(2026, 10, 20, tzinfo=UTC)).is_accepted
        assert 10_000 / (time.thread_time() - started) > 10_000
