"""The sandbox misbehaving, seen from the other end of a real connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from plugins.province.sandbox.server import Sandbox, SandboxError, running
from tests.integration.sandbox_clients import COAL, ELECTRICITY, NOW, Nhjc04, Yunnan, row


@pytest.fixture(name="sandbox")
def fixture_sandbox() -> Iterator[Sandbox]:
    with running(clock=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture(name="device")
def fixture_device(sandbox: Sandbox) -> Iterator[Nhjc04]:
    with Nhjc04(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY, COAL)
        yield device


def post(device: Nhjc04, *rows: dict[str, Any]) -> requests.Response:
    return device.at("centerDataURL", data=list(rows) or [row()])


@pytest.mark.parametrize("deed", ["close", "reset", "hang"])
@pytest.mark.parametrize("is_stored", [False, True], ids=["before storing", "after storing"])
def test_no_answer_comes(sandbox: Sandbox, device: Nhjc04, deed: str, is_stored: bool) -> None:
    if deed == "hang":
        sandbox.misbehave(deed, is_stored=is_stored, seconds=0.2)
    else:
        sandbox.misbehave(deed, is_stored=is_stored)
    with pytest.raises(requests.exceptions.ConnectionError):
        post(device)
    assert len(sandbox.values()) == is_stored
    assert post(device).json()["responseCode"] == "0", "the fault befell one message"
    assert [entry["is_answered"] for entry in sandbox.log("data")] == [False, True]


def test_a_hanging_answer_ends_when_the_client_gives_up(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("hang", seconds=600)
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        device.session.post(device.told["centerDataURL"], json={}, timeout=0.2)
    assert post(device).status_code == 200, "others are served meanwhile"
    assert time.monotonic() - started < 10


def test_the_body_ends_early_or_comes_slowly(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("cut")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        post(device)
    assert len(sandbox.values()) == 1, "it had been stored by then"
    sandbox.misbehave("drip", seconds=0.01)
    started = time.monotonic()
    answer = post(device)
    assert answer.json()["responseCode"] == "0"
    assert time.monotonic() - started > 0.01 * len(answer.content) / 2


def test_answers_that_are_none(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("status", status=500)
    assert post(device).status_code == 500
    sandbox.misbehave("status", status=429, retry_after=7)
    answer = post(device)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert sandbox.values() == {}
    for deed in ("garbage", "truncated"):
        sandbox.misbehave(deed)
        with pytest.raises(ValueError):
            json.loads(post(device).content)
    sandbox.misbehave("html")
    assert post(device).headers["Content-Type"].startswith("text/html")
    sandbox.misbehave("wrong_types")
    assert isinstance(post(device).json(), list)
    sandbox.misbehave("huge_numbers")
    assert len(post(device).content) > 100_000
    sandbox.misbehave("deep")
    with pytest.raises(RecursionError):
        json.loads(post(device).content)
    sandbox.misbehave("body", text='{"responseCode": NaN}')
    assert post(device).text == '{"responseCode": NaN}'
    sandbox.misbehave("big", megabytes=10)
    answer = post(device)
    assert len(answer.content) > 10 << 20
    assert answer.json()["responseCode"] == "0"
    sandbox.misbehave("redirect", location="https://elsewhere.invalid/x", status=302)
    answer = post(device)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.invalid/x")


def test_addresses_move_until_asked_for_again(sandbox: Sandbox, device: Nhjc04) -> None:
    for status in (404, 405):
        old = device.told["centerDataURL"]
        sandbox.change("move_urls")
        assert post(device).status_code == status
        device.register()
        assert device.told["centerDataURL"] != old
        assert post(device).json()["responseCode"] == "0"


def test_addresses_of_yunnan_move_and_the_known_names_with_them(sandbox: Sandbox) -> None:
    with Yunnan(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY)
        sandbox.change("move_urls", profile="yunnan")
        assert device.send().status_code == 404
        assert device.post("dataEnterpriseEnergy").status_code == 404
        device.renew()
        assert device.send().json()["responseCode"] == 200


@pytest.mark.parametrize("origin", ["http://elsewhere.invalid", "https://elsewhere.invalid:8443"])
def test_handed_out_addresses_lead_elsewhere(sandbox: Sandbox, device: Nhjc04, origin: str) -> None:
    sandbox.misbehave("urls", "register", "urls", origin=origin)
    assert device.register()["centerDataURL"].startswith(f"{origin}/nhjc04/")
    assert device.register()["centerDataURL"].startswith(sandbox.url)


def test_answers_of_the_platform_that_are_wrong(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("decryption")
    assert post(device).json()["responseMessage"] == "解密失败！"
    sandbox.misbehave("identity", "version")
    assert device.at("loadDicVersionURL").json()["responseMessage"] == "序列号与企业统一社会信用代码不符"
    assert sandbox.values() == {}


def test_chosen_rows_are_refused_with_and_without_saying_which(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("reject", times=None, data_codes=[COAL], message="不可信")
    answer = post(device, row(), row(COAL)).json()
    assert answer["responseMessage"] == "不可信"
    assert [(error["index"], error["reason"]) for error in answer["errors"]] == [(1, "不可信")]
    assert sandbox.values() == {}
    assert post(device, row()).json()["responseCode"] == "0"
    sandbox.behave()
    sandbox.misbehave("reject", rows=[0], lists_errors=False)
    answer = post(device, row(), row(COAL)).json()
    assert answer["responseCode"] == "1"
    assert "errors" not in answer
    sandbox.set_options(lists_errors=False)
    assert "errors" not in post(device, row(dataValue="x")).json()


def test_tokens_end_in_the_middle_of_a_run(sandbox: Sandbox) -> None:
    with Yunnan(sandbox) as device:
        device.register()
        device.declare(ELECTRICITY)
        sandbox.misbehave("expire_tokens", skip=2)
        assert [device.send().status_code for _ in range(4)] == [200, 200, 401, 401]
        device.renew()
        assert device.send().status_code == 200


def test_versions_keys_and_periods_change_at_a_chosen_message(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("bump_registration", "version")
    assert device.at("loadDicVersionURL").json()["regVersion"] == "2"
    sandbox.misbehave("freeze", first="2026-10-08", last="2026-10-08")
    assert post(device).json()["responseMessage"] == "PERIOD_FROZEN"
    sandbox.misbehave("thaw")
    assert post(device).json()["responseCode"] == "0"


def test_faults_wait_for_their_profile_their_messages_and_their_turn(sandbox: Sandbox, device: Nhjc04) -> None:
    sandbox.misbehave("status", "token", "data", profile="yunnan")
    sandbox.misbehave("status", "version", skip=1, times=2)
    assert post(device).status_code == 200
    statuses = [device.at("loadDicVersionURL").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert [fault["profile"] for fault in sandbox.control()["faults"]] == ["yunnan"]


def test_the_same_seed_meets_the_same_faults(sandbox: Sandbox, device: Nhjc04) -> None:
    runs = []
    for seed in (1, 1, 2):
        sandbox.behave()
        sandbox.seed(seed)
        sandbox.misbehave("status", probability=0.3, times=None)
        runs.append([post(device).status_code for _ in range(40)])
    assert runs[0] == runs[1] != runs[2]
    assert 4 <= runs[0].count(500) <= 20


def test_the_date_of_an_answer_is_the_platforms(sandbox: Sandbox, device: Nhjc04) -> None:
    assert parsedate_to_datetime(post(device).headers["Date"]) == NOW
    ahead = NOW + timedelta(minutes=2)
    sandbox.set_clock(ahead)
    assert parsedate_to_datetime(post(device).headers["Date"]) == ahead


def test_orders_that_make_no_sense_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="deed is one of"):
        sandbox.misbehave("burn")
    with pytest.raises(SandboxError, match="knows no colour, but status"):
        sandbox.misbehave("status", colour=1)
    with pytest.raises(SandboxError, match="messages are among"):
        sandbox.misbehave("close", "letters")
    with pytest.raises(SandboxError, match="deed is one of"):
        sandbox.change("close")
    with pytest.raises(SandboxError, match="422"):
        sandbox.freeze("2026-10", "2026-11")
    with pytest.raises(SandboxError, match="422"):
        sandbox.misbehave("freeze", first="October")
    with pytest.raises(SandboxError, match="probability is above 0"):
        sandbox.misbehave("close", probability=2.0)
    assert sandbox.control()["frozen"] == sandbox.control()["faults"] == []
    with pytest.raises(SandboxError, match="interval_minutes"):
        sandbox.set_options(interval_minutes=7)
    answer = requests.post(f"{sandbox.url}/sandbox/control/faults", data='{"deed": "close"}', timeout=10)
    assert answer.status_code == 415, "a page of another site can't send JSON"


def test_what_cannot_be_read_is_no_message(sandbox: Sandbox) -> None:
    url = f"{sandbox.nhjc04_url}/enterprise/register"
    for body in (b"", b"[]", b"\xff", b"[" * 200_000):
        assert requests.post(url, data=body, timeout=10).status_code == 400
    assert requests.get(url, timeout=10).status_code == 405
    assert requests.post(f"{sandbox.nhjc04_url}/nowhere", json={}, timeout=10).status_code == 404
