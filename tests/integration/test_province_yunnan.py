"""Yunnan's platform, played by the test: key, application, token, records and data, one POST each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from plugins.province import profiles, sm4
from plugins.province.declarations import Declaration
from plugins.province.profiles import Outcome
from tests.integration.fake_platform import CREDIT_CODE, KEY, NOW, Asked, Client, FakePlatform, client, respond, serving
from tests.unit.test_province_rows import ROW

BASE = "/YNEnergy"
DATA = f"{BASE}/v1/data/dataEnterpriseEnergy"
PIN = "pin4567890"
ENERGY = replace(ROW, convert_ratio=Decimal("0.1229"))
DECLARATION = Declaration(
    enterprise={"code": CREDIT_CODE, "name": "钢厂", "regionCode": "530181", "industryCode": "C3120"},
    group={"name": "集团"},
    process=({"processCode": "05", "processName": "电炉"},),
    process_unit=({"code": "01", "name": "1#炉", "processCode": "05"},),
    collect_item_config=({"dataCode": "00-00-0000-023300-11", "name": "电力", "statType": "1", "inputType": "4"},),
    metering=({"manageCode": "M-1", "meteringName": "电能表", "dataCode": "00-00-0000-023300-11"},),
)


def ok(**data: Any) -> dict[str, Any]:
    return {"responseCode": 200, "responseMessage": "成功", "data": data}


class Province:
    """The few rules that the tests need: tokens that end, an index for each record."""

    def __init__(self, platform: FakePlatform) -> None:
        self.platform, self.tokens, self.records, self.lock = platform, 0, 0, threading.Lock()
        self.life: Any = "2026-10-09 03:38:00 000"
        self.envelope_401 = False
        addresses = {
            name: f"{platform.url}{BASE}/v1/{path}"
            for name, path in {
                "enterpriseDataURL": "data",
                "enterpriseInfoURL": "info",
                "loadBaseDataURL": "dataDownload",
            }.items()
        }
        platform.answers = {
            f"{BASE}/enterpriseInfo/rwk": ok(secretKey=KEY),
            f"{BASE}/enterpriseInfo/apply": ok(dataIndex="e-1"),
            f"{BASE}/enterpriseInfo/update": ok(),
            f"{BASE}/requestAK": self.token,
            f"{BASE}/checkVersion": self.guarded(lambda _: ok(regVersion="1", dicVersion="7", loadPlatformDataURL=f"{platform.url}{BASE}/v1/dataDownload")),
            f"{BASE}/platformAccessURL": self.guarded(lambda _: ok(**addresses)),
            f"{BASE}/v1/dataDownload": self.guarded(self.dictionary),
            f"{BASE}/v1/dataDownload/public": lambda asked, _: self.dictionary(asked),
            DATA: self.guarded(lambda _: ok()),
        }  # fmt: skip
        for one in profiles.load("yunnan").document["objects"]:
            for act in ("add", "update", "delete"):
                platform.answers[f"{BASE}/v1/info/{one['path']}/{act}"] = self.guarded(self.record)

    def token(self, *_: Any) -> dict[str, Any]:
        with self.lock:
            self.tokens += 1
            return ok(
                akValidAt="2026-10-09 01:38:00 000",
                akExpiresIn=self.life,
                enterpriseUploadTime="02:15:00",
                platformURL=f"{self.platform.url}{BASE}",
                token=f"token-{self.tokens}",
            )

    def guarded(self, answer: Any) -> Any:
        def guard(asked: Asked, handler: BaseHTTPRequestHandler) -> Any:
            if asked.headers.get("Authorization") == f"Bearer token-{self.tokens}":
                return answer(asked)
            refusal = {"responseCode": 401, "responseMessage": "AK验证失败", "data": None}
            return refusal if self.envelope_401 else respond(handler, b'{"responseCode":401}', 401)

        return guard

    def dictionary(self, asked: Asked) -> dict[str, Any]:
        index = asked.body["itemIndex"]
        settings = profiles.load("yunnan").defaults
        name = (settings.table("dictionaries.public") | settings.table("dictionaries.closed"))[index]
        return ok(**{name: [{"code": "1", "name": index}]})

    def record(self, _: Asked) -> dict[str, Any]:
        self.records += 1
        return ok(dataIndex=f"r-{self.records}")


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with serving() as running:
        yield running


@pytest.fixture
def province(platform: FakePlatform) -> Province:
    return Province(platform)


@pytest.fixture
def one(platform: FakePlatform, province: Province) -> Iterator[Client]:
    with client("yunnan", platform.url, secrets={"password": PIN}) as made:
        yield made


@pytest.fixture
def ready(one: Client) -> Client:
    """Registered and declared."""
    assert one.adapter.check_versions().is_accepted
    assert one.adapter.sync(DECLARATION) == []
    one.log.clear()
    return one


def paths(platform: FakePlatform) -> list[str]:
    return [asked.path.removeprefix(BASE) for asked in platform.asked]


def test_the_first_run_applies_with_the_declaration_and_then_asks_for_token_versions_addresses(
    platform: FakePlatform, one: Client
) -> None:
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    assert paths(platform)[:5] == [
        "/enterpriseInfo/rwk",
        "/enterpriseInfo/apply",
        "/requestAK",
        "/checkVersion",
        "/platformAccessURL",
    ]
    (applied,) = platform.bodies(f"{BASE}/enterpriseInfo/apply")
    block = sm4.password_block(KEY, CREDIT_CODE, PIN)
    assert applied == {
        "enterpriseCode": CREDIT_CODE,
        "password": block,
        "isorg": "0",
        "cmpName": "钢厂",
        "regionCode": "530181",
        "industryCode": "C3120",
        "groupName": "集团",
    }
    assert platform.bodies(f"{BASE}/requestAK") == [{"enterpriseCode": CREDIT_CODE, "password": block}]
    assert platform.bodies(f"{BASE}/enterpriseInfo/rwk") == [{"enterpriseCode": CREDIT_CODE}]
    assert platform.bodies(f"{BASE}/enterpriseInfo/update") == []
    assert str(one.adapter.slot) == "02:15:00"
    assert one.context.state["data_index"] == "e-1"


def test_secrets_stay_out_of_log_and_state(ready: Client, platform: FakePlatform) -> None:
    ready.adapter.register()
    ready.adapter.send([ENERGY], NOW)
    assert set(ready.context.sealed) == {"secretKey", "token"}
    told = repr(ready.log) + repr(ready.context.state)
    for secret in (KEY, PIN, "token-", sm4.password_block(KEY, CREDIT_CODE, PIN)):
        assert secret not in told


def test_every_dictionary_comes_by_its_index_those_without_a_token_too(ready: Client, platform: FakePlatform) -> None:
    public = [body["itemIndex"] for body in platform.bodies(f"{BASE}/v1/dataDownload/public")]
    closed = [body["itemIndex"] for body in platform.bodies(f"{BASE}/v1/dataDownload")]
    assert (sorted(map(int, public)), sorted(map(int, closed))) == ([1, 2, 16], [*range(3, 16), 17])
    assert ready.dictionaries["EnergyTypeUnitCollectCodes", "7"] == [{"code": "1", "name": "8"}]
    assert all("Authorization" not in asked.headers for asked in platform.asked if asked.path.endswith("/public"))


def test_an_unchanged_site_is_told_nothing_again(ready: Client, platform: FakePlatform) -> None:
    platform.asked.clear()
    assert ready.adapter.check_versions().is_accepted
    assert ready.adapter.sync(DECLARATION) == []
    assert paths(platform) == ["/checkVersion"]


def test_records_are_added_updated_and_deleted_by_their_index(ready: Client, platform: FakePlatform) -> None:
    added = {
        asked.path.removeprefix(f"{BASE}/v1/info/"): asked.body for asked in platform.asked if "/v1/info/" in asked.path
    }
    assert list(added) == [
        "processConfigure/add",
        "unitConfigure/add",
        "dataCollectConfigure/add",
        "gaugeConfigure/add",
    ]
    assert added["unitConfigure/add"] == {
        "enterpriseCode": CREDIT_CODE,
        "regVersion": "1",
        "dicVersion": "7",
        "unitCode": "01",
        "unitName": "1#炉",
        "processCode": "05",
    }
    assert added["dataCollectConfigure/add"]["dataCode"] == "0000000002330011"
    platform.asked.clear()
    changed = replace(DECLARATION, process_unit=({"code": "01", "name": "2#炉", "processCode": "05"},), metering=())
    assert ready.adapter.sync(changed) == []
    assert paths(platform) == ["/v1/info/unitConfigure/update", "/v1/info/gaugeConfigure/delete"]
    assert [asked.body["dataIndex"] for asked in platform.asked] == ["r-2", "r-4"]
    assert ready.context.state["records"]["gaugeConfigure"] == {}


def test_what_needs_others_is_deleted_before_them(ready: Client, platform: FakePlatform) -> None:
    platform.asked.clear()
    ready.adapter.sync(replace(DECLARATION, process=(), process_unit=(), collect_item_config=(), metering=()))
    assert paths(platform) == [
        f"/v1/info/{kind}/delete"
        for kind in ("gaugeConfigure", "dataCollectConfigure", "unitConfigure", "processConfigure")
    ]


def test_a_record_that_the_platform_forgot_is_added_anew(ready: Client, platform: FakePlatform) -> None:
    update = f"{BASE}/v1/info/unitConfigure/update"
    platform.answers[update] = {"responseCode": 400, "responseMessage": "dataIndex不存在", "data": None}
    assert (
        ready.adapter.sync(replace(DECLARATION, process_unit=({"code": "01", "name": "2#炉", "processCode": "05"},)))
        == []
    )
    assert ready.context.state["records"]["unitConfigure"]["05|01"]["index"] == "r-5"


def test_a_run_that_ends_amid_the_records_goes_on_after_them(one: Client, platform: FakePlatform) -> None:
    one.adapter.check_versions()
    units = platform.answers[f"{BASE}/v1/info/unitConfigure/add"]
    platform.answers[f"{BASE}/v1/info/unitConfigure/add"] = lambda _, handler: respond(handler, b"", 500)
    assert [problem.subject for problem in one.adapter.sync(DECLARATION)] == ["unitConfigure 05|01"]
    assert one.saves[-1]["records"]["processConfigure"]
    platform.answers[f"{BASE}/v1/info/unitConfigure/add"] = units
    assert one.adapter.sync(DECLARATION) == []
    assert len(platform.bodies(f"{BASE}/v1/info/processConfigure/add")) == 1


def test_changed_master_data_are_an_update_by_data_index(ready: Client, platform: FakePlatform) -> None:
    ready.adapter.sync(replace(DECLARATION, enterprise={**DECLARATION.enterprise, "name": "新名"}))
    (body,) = platform.bodies(f"{BASE}/enterpriseInfo/update")
    assert (body["dataIndex"], body["cmpName"]) == ("e-1", "新名")


# ---------------------------------------------------------------- data
def test_a_record_of_data_is_the_contracts_message(ready: Client, platform: FakePlatform) -> None:
    assert ready.adapter.send([ENERGY], NOW).is_accepted
    assert platform.bodies(DATA) == [
        {
            "enterpriseCode": CREDIT_CODE, "regVersion": "1", "dicVersion": "7", "dataCode": "0000000002330011", "dataValue": "123.45",
            "convertRation": "0.1229", "valid": "0", "scope": "1", "inputType": "4", "statType": "1",
            "statDate": "2026-10-08 00:00:00", "uploadDate": "2026-10-09 01:38:00",
        }
    ]  # fmt: skip
    assert (ready.adapter.batch_max, ready.adapter.concurrency) == (1, 8)
    with pytest.raises(ValueError, match="one"):
        ready.adapter.send([ENERGY, ENERGY], NOW)


@pytest.mark.parametrize(
    ("code", "ratio", "sent"),
    [
        ("0000000002000011", Decimal("0.5"), "1"),
        ("0000000002330011", Decimal("0.12290000001"), "0.1229"),
        ("0000000004123430", None, "1"),
        ("0000000002330011", None, None),
    ],
)
def test_the_ratio_is_the_one_used_and_1_for_what_is_never_converted(
    code: str, ratio: Decimal | None, sent: str | None, ready: Client, platform: FakePlatform
) -> None:
    answer = ready.adapter.send([replace(ROW, data_code=code, convert_ratio=ratio)], NOW)
    assert [body["convertRation"] for body in platform.bodies(DATA)] == ([sent] if sent else [])
    assert bool(answer.faults) is (sent is None)


@pytest.mark.parametrize("envelope", [False, True])
def test_a_token_that_ends_amid_a_batch_is_renewed_once_for_all_threads(
    envelope: bool, ready: Client, province: Province, platform: FakePlatform
) -> None:
    province.envelope_401 = envelope
    before = province.tokens
    barrier = threading.Barrier(8)

    def send(number: int) -> Outcome:
        if number < 8:
            barrier.wait(5)  # all of them are under way with the old token
        if number == 20:
            with province.lock:
                province.tokens += 1  # the token in use no longer holds
        return ready.adapter.send([replace(ENERGY, value=Decimal(number))], NOW).outcome

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(60))) == {Outcome.ACCEPTED}
    assert province.tokens == before + 2
    assert len([one for one in ready.log if one.kind == "token"]) == 1
    sent = {body["dataValue"] for body in platform.bodies(DATA)}
    assert sent == {str(number) for number in range(60)}


def test_a_token_near_its_end_is_renewed_before_it_is_used(ready: Client, province: Province) -> None:
    ready.time[0] = NOW + timedelta(hours=2) - timedelta(seconds=121)
    ready.adapter.send([ENERGY], ready.time[0])
    assert [one.kind for one in ready.log] == ["data"]
    province.life = "2026-10-09 05:38:00 000"
    ready.time[0] = NOW + timedelta(hours=2) - timedelta(seconds=120)
    ready.adapter.send([ENERGY], ready.time[0])
    assert [one.kind for one in ready.log] == ["data", "token", "data"]
    assert {one.http_status for one in ready.log} == {200}


def test_a_life_in_seconds_shorter_than_the_margin_does_not_renew_at_every_call(
    one: Client, province: Province
) -> None:
    province.life = 60
    one.adapter.sync(DECLARATION)
    tokens = province.tokens
    for _ in range(5):
        assert one.adapter.send([ENERGY], NOW).is_accepted
    assert province.tokens == tokens
    one.time[0] = NOW + timedelta(seconds=46)
    assert one.adapter.send([ENERGY], one.time[0]).is_accepted
    assert province.tokens == tokens + 1


def test_a_token_that_is_refused_when_new_is_asked_for_once_and_no_more(
    ready: Client, province: Province, platform: FakePlatform
) -> None:
    platform.answers[DATA] = lambda _, handler: respond(handler, b'{"responseCode":401}', 401)
    assert ready.adapter.send([ENERGY], NOW).outcome is Outcome.IDENTITY
    assert [one.kind for one in ready.log] == ["data", "token", "data"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"responseCode": 200}, Outcome.ACCEPTED),
        ({"responseCode": "200"}, Outcome.ACCEPTED),
        ({"responseCode": 0, "responseMessage": "成功"}, Outcome.REJECTED),
        ({"responseCode": 409, "responseMessage": "regVersion与平台版本不一致"}, Outcome.MOVED),
        ({"responseCode": 400, "responseMessage": "PERIOD_FROZEN"}, Outcome.FROZEN),
        ({"data": {}}, Outcome.UNKNOWN),
        ({"responseCode": [200]}, Outcome.UNKNOWN),
    ],
)
def test_what_an_answer_means(answer: dict[str, Any], outcome: Outcome, ready: Client, platform: FakePlatform) -> None:
    platform.answers[DATA] = answer
    assert ready.adapter.send([ENERGY], NOW).outcome is outcome


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/enterpriseInfo/rwk", ok(secretKey="short")),
        ("/enterpriseInfo/rwk", ok(secretKey=["k"])),
        ("/enterpriseInfo/rwk", {"responseCode": 200, "data": []}),
        ("/requestAK", ok(token="two words and\nmore")),
        ("/requestAK", ok(token=None)),
        ("/requestAK", ok(token="t" * 9000)),
        ("/checkVersion", ok(regVersion="2")),
        ("/checkVersion", ok(regVersion={}, dicVersion="8")),
    ],
)
def test_answers_of_a_wrong_shape_change_nothing(
    path: str, answer: dict[str, Any], ready: Client, platform: FakePlatform
) -> None:
    held = ready.stored()
    platform.answers[BASE + path] = answer
    assert ready.adapter.register().outcome is Outcome.UNKNOWN
    state, sealed = ready.stored()
    assert state.replace("token-2", "token-1") == held[0]
    assert sealed.replace("token-2", "token-1") == held[1]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/requestAK", "platformURL"),
        ("/checkVersion", "loadPlatformDataURL"),
        ("/platformAccessURL", "enterpriseDataURL"),
    ],
)
def test_foreign_addresses_are_blocked_and_the_old_ones_stay(
    path: str, member: str, ready: Client, platform: FakePlatform
) -> None:
    held = ready.context.state["urls"], ready.context.state["platform_url"], ready.context.state["dictionary_url"]
    platform.answers[BASE + path] = ok(
        token="token-2", regVersion="1", dicVersion="7", **{member: "http://10.0.0.1/YNEnergy"}
    )
    assert ready.adapter.register().outcome is Outcome.BLOCKED
    assert (
        ready.context.state["urls"],
        ready.context.state["platform_url"],
        ready.context.state["dictionary_url"],
    ) == held


def test_an_application_made_before_us_is_gone_on_with(platform: FakePlatform, one: Client) -> None:
    platform.answers[f"{BASE}/enterpriseInfo/apply"] = {
        "responseCode": 400,
        "responseMessage": "企业已申请",
        "data": None,
    }
    one.adapter.check_versions()
    one.adapter.sync(DECLARATION)
    assert one.adapter.send([ENERGY], NOW).is_accepted


def test_without_a_password_nothing_is_asked_in_its_place(platform: FakePlatform, province: Province) -> None:
    with client("yunnan", platform.url) as bare:
        problems = bare.adapter.sync(DECLARATION)
        assert "password" in problems[0].message
        assert bare.adapter.send([ENERGY], NOW).outcome is Outcome.MOVED
    assert paths(platform) == ["/enterpriseInfo/rwk"]


def test_an_old_work_key_that_no_longer_counts_is_asked_for_anew(ready: Client, platform: FakePlatform) -> None:
    other = KEY[::-1]

    def rwk(asked: Asked, _: BaseHTTPRequestHandler) -> dict[str, Any]:
        return (
            {"responseCode": 400, "responseMessage": "secretKey不正确", "data": None}
            if "secretKey" in asked.body
            else ok(secretKey=other)
        )

    platform.answers[f"{BASE}/enterpriseInfo/rwk"] = rwk
    assert ready.adapter.register().is_accepted
    assert ready.context.sealed["secretKey"] == other


# ---------------------------------------------------------------- connections
def test_records_of_their_own_requests_share_the_connections_that_the_profile_allows(
    ready: Client, platform: FakePlatform
) -> None:
    """What makes one record a POST bearable; records a second are measured by `make bench-upload`."""
    rows = [replace(ENERGY, stat_date=datetime(2026, 10, 8) + timedelta(minutes=15 * number)) for number in range(300)]
    with ThreadPoolExecutor(ready.adapter.concurrency) as pool:
        assert all(answer.is_accepted for answer in pool.map(lambda row: ready.adapter.send([row], NOW), rows))
    used = {asked.connection for asked in platform.asked if asked.path == DATA}
    assert len(platform.bodies(DATA)) == 300
    assert len(used) <= ready.adapter.concurrency
