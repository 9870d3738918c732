"""Bodies from outside: what is refused, what the log keeps of them, which addresses are spoken to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.province.addresses import Addresses, BlockedAddressError
from plugins.province.answers import WrongShapeError, codes_of, masked, parsed


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html></html>", b"[]", b"null", b'"0"', b"{", b"\xff\xfe", b'{"a":NaN}', b'{"a":Infinity}',
        b'{"a":' + b"9" * 100_000 + b"}", b'{"a":1e' + b"9" * 20 + b"}", b'{"a":1e999999}', b'{"a":0.' + b"1" * 90 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b'{"\\u0000":1}', b'{"a":' * 5000,
    ],
)  # fmt: skip
def test_monsters_are_refused(body: bytes) -> None:
    with pytest.raises(WrongShapeError):
        parsed(body)


def test_numbers_stay_exact() -> None:
    assert parsed(b'{"a":0.1,"b":7}')[0] == {"a": Decimal("0.1"), "b": 7}
    assert parsed("﻿{}".encode())[0] == {}
    assert parsed('{"m":"解密失败！"}'.encode("gbk"), "GBK")[0] == {"m": "解密失败！"}


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        found, _ = parsed(body)
    except WrongShapeError:
        return
    assert isinstance(found, dict)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [1],
        [{}],
        [{"code": None}],
        [{"code": True}],
        [{"code": "1", "x": {}}],
        [{"code": "x" * 101}],
        [{"code": "1", "name": []}],
    ],
)
def test_dictionaries_of_a_wrong_shape_are_refused(rows: object) -> None:
    with pytest.raises(WrongShapeError):
        codes_of(rows, "region")


def test_secrets_are_masked_in_every_spelling() -> None:
    body = '{"secretKey":"k1","Token": "t\\"x","password":"p","a":"hunter2secret","license":"abc","code":"0"}'
    shown = masked(body, {"hunter2secret"}, 1000)
    for secret in ("k1", 't\\"x', '"p"', "hunter2secret", "abc"):
        assert secret not in shown
    assert '"code":"0"' in shown
    assert "abc.def" not in masked("Authorization: Bearer abc.def", set(), 100)


def test_a_secret_that_the_cut_goes_through_is_masked_too() -> None:
    body = '{"a":"' + "x" * 80 + '","secretKey":"0123456789abcdef0123456789abcdef"}'
    for longest in range(90, 140):
        assert "0123" not in masked(body, {"0123456789abcdef0123456789abcdef"}, longest)


ALLOWED = Addresses("https://a.example.cn/api", ["b.example.cn:9007", "c.example.cn"])


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example.cn/x",
        "https://a.example.cn:8443/x",
        "https://b.example.cn:9007/y",
        "https://c.example.cn:1/z",
        "data",
        "https://A.EXAMPLE.CN/x",
    ],
)
def test_addresses_of_the_destination_pass(url: str) -> None:
    assert ALLOWED.checked(url).lower().startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.cn/x", "https://evil.example/x", "https://b.example.cn/y", "https://a.example.cn@evil.example/",
        "https://evil.example\\@a.example.cn/", "//evil.example/x", "ftp://a.example.cn/", "file:///etc/passwd", "", " ",
        "https://a.example.cn.evil.example/", "https://a.example.cn:99999/", "https://[::1", "http://127.0.0.1/",
        "https://a.example.cn/\nHost: x", "javascript:alert(1)", "https://user:pw@a.example.cn/", "https://a.example.cn/" + "x" * 3000,
    ],
)  # fmt: skip
def test_all_others_are_blocked(url: str) -> None:
    with pytest.raises(BlockedAddressError):
        ALLOWED.checked(url)


def test_plain_http_passes_to_loopback_alone_and_only_where_allowed() -> None:
    assert Addresses("http://127.0.0.1:1/", (), True).checked("http://127.0.0.1:2/x")
    with pytest.raises(BlockedAddressError):
        Addresses("http://127.0.0.1:1/")
    with pytest.raises(BlockedAddressError):
        Addresses("http://127.0.0.1:1/", ["10.0.0.1"], True).checked("http://10.0.0.1/x")
    with pytest.raises(BlockedAddressError):
        Addresses("http://example.cn/", (), True)


@pytest.mark.parametrize("host", ["https://x", "x/y", "", "x:y", "u@x"])
def test_an_allowed_host_is_a_host(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        Addresses("https://a.example.cn", [host])
