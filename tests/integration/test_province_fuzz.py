"""Answers of any shape: every question ends in an Answer and in lines of the log, and only sense is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.province.profiles import Answer, DownloadError
from tests.integration.fake_platform import KEY, NOW, FakePlatform, client, serving
from tests.integration.test_province_yunnan import DECLARATION, ENERGY

MEMBERS = (
    "responseCode", "responseMessage", "data", "errors", "deviceId", "centerDataURL", "centerDataDownloadURL", "loadConfigURL",
    "loadDicVersionURL", "secretKey", "uploadTime", "regVersion", "dicVersion", "dictionaries", "token", "akExpiresIn", "akValidAt",
    "platformURL", "enterpriseDataURL", "enterpriseInfoURL", "loadPlatformDataURL", "dataIndex", "index", "dataCode", "statDate", "region",
    "code", "RegionCodes", "enterpriseUploadTime", "dataValue", "statType",
)  # fmt: skip
WORDS = st.sampled_from(
    ["0", "1", "200", "401", KEY, "d" * 32, "01:38:00", "http://127.0.0.1:1/x", "http://10.0.0.1/", "2026-10-09 03:38:00 000", "PERIOD_FROZEN", "解密失败！", "0000000002330011", "2026-10-08 00:00:00", "", "9" * 40, "\x00", "\ud800", "🔥"]
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 500), st.floats(), WORDS, st.text(max_size=5))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6)),
    max_leaves=12,
)
ACCEPTED = st.fixed_dictionaries({"responseCode": st.sampled_from(["0", 0, 200, "200"])})
ANSWERS = st.one_of(
    VALUES,
    st.builds(lambda head, rest: rest | head, ACCEPTED, st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=14)),
)


@pytest.fixture(scope="module")
def platform() -> Iterator[FakePlatform]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("profile", ["nhjc04", "yunnan"])
@given(answers=st.lists(ANSWERS, min_size=1, max_size=4))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_no_answer_breaks_an_adapter(profile: str, answers: list[Any], platform: FakePlatform) -> None:
    replies = [json.dumps(answer).encode() for answer in answers]

    class Whatever(dict[str, Any]):
        def get(self, _path: str, _default: Any = None) -> bytes:
            return replies[len(platform.asked) % len(replies)]

    platform.answers = Whatever()
    platform.asked.clear()
    with client(profile, platform.url, secrets={"password": "pin4567890"}) as one:
        for _ in range(2):
            for ask in (one.adapter.check_versions, one.adapter.register, lambda: one.adapter.send([ENERGY], NOW)):
                assert isinstance(ask(), Answer)
            one.adapter.sync(DECLARATION)
            with contextlib.suppress(DownloadError):
                list(one.adapter.download(date(2026, 10, 8), date(2026, 10, 9)) or [])
        assert len([line for line in one.log if line.http_status is not None]) == len(platform.asked)
        kept = json.dumps([one.context.state, one.context.sealed, [*one.dictionaries.values()]])
        assert "\\u0000" not in kept
        assert "\\ud800" not in kept
        assert "10.0.0.1" not in kept
        assert all(line.outcome in ("accepted", "refused", "unknown", "blocked") for line in one.log)
