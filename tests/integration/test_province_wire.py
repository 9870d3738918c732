"""Hostile platforms: whatever comes back, or does not, is one line in the log and harms nothing."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plugins.province.profiles import Outcome
from tests.integration.fake_platform import (
    CREDIT_CODE,
    KEY,
    NOW,
    Asked,
    Client,
    FakePlatform,
    client,
    end,
    reset,
    respond,
    serving,
)
from tests.unit.test_province_rows import ROW

REGISTER = "/enterprise/register"
QUICK = {"timeouts.connect_s": "5", "timeouts.read_s": "1", "timeouts.total_s": "2"}


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with serving() as running:
        running.answers[REGISTER] = registration(running)
        running.answers["/data"] = {"responseCode": "0", "responseMessage": "RECEIVE SUCCESS"}
        yield running


def registration(platform: FakePlatform, **changes: Any) -> dict[str, Any]:
    urls = {
        name: f"{platform.url}/{path}"
        for name, path in {"centerDataURL": "data", "loadDicVersionURL": "version"}.items()
    }
    return {
        "responseCode": "0",
        "responseMessage": "RECEIVE SUCCESS",
        "deviceId": "d" * 32,
        "uploadTime": "01:38:00",
        **urls,
        **changes,
    }


@pytest.fixture
def nhjc04(platform: FakePlatform) -> Iterator[Client]:
    with client("nhjc04", platform.url, QUICK) as one:
        assert one.adapter.register().outcome is Outcome.ACCEPTED
        one.log.clear()
        yield one


def drip(handler: BaseHTTPRequestHandler, head: bytes) -> None:
    """One byte at a time, each well within the read timeout, for ever."""
    handler.connection.sendall(head)
    while True:
        time.sleep(0.05)
        handler.connection.sendall(b" ")


def cut_off(handler: BaseHTTPRequestHandler, head: bytes) -> None:
    handler.connection.sendall(head)
    end(handler)


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the client has given up."""
    handler.connection.settimeout(5)
    handler.connection.recv(1)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Deed = Callable[[Asked, BaseHTTPRequestHandler], Any]
HOSTILE: dict[str, tuple[Deed, Outcome]] = {
    "10 MB": (lambda _, h: respond(h, b'{"responseCode":"0","x":"' + b"x" * 10_000_000 + b'"}'), Outcome.UNKNOWN),
    "html": (lambda _, h: respond(h, b"<html>502</html>"), Outcome.UNKNOWN),
    "empty": (lambda _, h: respond(h, b""), Outcome.UNKNOWN),
    "list": (lambda *_: b'[{"responseCode":"0"}]', Outcome.UNKNOWN),
    "no code": (lambda *_: b'{"responseMessage":"RECEIVE SUCCESS"}', Outcome.UNKNOWN),
    "wrong types": (lambda *_: b'{"responseCode":["0"],"responseMessage":{}}', Outcome.UNKNOWN),
    "code is true": (lambda *_: b'{"responseCode":true}', Outcome.UNKNOWN),
    "code is 0.0": (lambda *_: b'{"responseCode":0.0}', Outcome.UNKNOWN),
    "huge numbers": (lambda *_: b'{"responseCode":' + b"9" * 100_000 + b"}", Outcome.UNKNOWN),
    "huge exponent": (lambda *_: b'{"responseCode":"0","x":1e99999999999999999999}', Outcome.UNKNOWN),
    "deep": (lambda *_: b'{"responseCode":"0","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", Outcome.UNKNOWN),
    "zero bytes": (lambda *_: b'{"responseCode":"0","responseMessage":"\\u0000"}', Outcome.UNKNOWN),
    "not utf-8": (lambda *_: bytes(range(128, 256)), Outcome.UNKNOWN),
    "truncated": (lambda _, h: cut_off(h, HEAD + b'Content-Length: 500\r\n\r\n{"responseCode":"0"}'), Outcome.UNKNOWN),
    "chunk cut": (lambda _, h: cut_off(h, HEAD + b'Transfer-Encoding: chunked\r\n\r\n14\r\n{"responseCode":"0"}\r\n'), Outcome.UNKNOWN),
    "reset": (lambda _, h: reset(h), Outcome.UNKNOWN),
    "not http": (lambda _, h: cut_off(h, b"220 smtp\r\n\r\n"), Outcome.UNKNOWN),
    "silence": (lambda _, h: silence(h), Outcome.UNKNOWN),
    "slow body": (lambda _, h: drip(h, HEAD + b"Content-Length: 100000\r\n\r\n"), Outcome.UNKNOWN),
    "slow headers": (lambda _, h: drip(h, HEAD + b"X-Slow:"), Outcome.UNKNOWN),
    "500": (lambda _, h: respond(h, b'{"responseCode":"0"}', 500), Outcome.UNKNOWN),
    "201": (lambda _, h: respond(h, b'{"responseCode":"0"}', 201), Outcome.UNKNOWN),
    "429": (lambda _, h: respond(h, b"", 429, Retry_After="7"), Outcome.UNKNOWN),
    "404": (lambda _, h: respond(h, b'{"responseCode":"0"}', 404), Outcome.MOVED),
    "405": (lambda _, h: respond(h, b"", 405), Outcome.MOVED),
    "redirect": (lambda _, h: respond(h, b"", 302, Location="http://evil.example/"), Outcome.BLOCKED),
    "redirect home": (lambda _, h: respond(h, b"", 307, Location="/data"), Outcome.BLOCKED),
}  # fmt: skip


@pytest.mark.parametrize("deed", HOSTILE)
def test_a_hostile_answer_is_one_exchange_and_harms_nothing(deed: str, platform: FakePlatform, nhjc04: Client) -> None:
    answerer, outcome = HOSTILE[deed]
    for path in ("/data", "/version", REGISTER):
        platform.answers[path] = answerer
    held = nhjc04.stored()
    asks: list[Callable[[], Any]] = [
        lambda: nhjc04.adapter.send([ROW], NOW),
        nhjc04.adapter.check_versions,
        nhjc04.adapter.register,
    ]
    for ask in asks if deed not in ("silence", "slow body", "slow headers") else asks[:1]:
        nhjc04.log.clear()
        started = time.monotonic()
        assert ask().outcome is outcome
        assert time.monotonic() - started < 4
        assert len(nhjc04.log) == 1
        assert nhjc04.log[0].outcome == {Outcome.MOVED: "refused", Outcome.BLOCKED: "blocked"}.get(outcome, "unknown")
        assert nhjc04.log[0].reason
    assert nhjc04.stored() == held


def test_the_wait_that_a_busy_platform_asks_for_is_told(platform: FakePlatform, nhjc04: Client) -> None:
    platform.answers["/data"] = lambda _, handler: respond(handler, b"", 503, Retry_After="90")
    assert nhjc04.adapter.send([ROW], NOW).retry_after_s == 90


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/data", "http://10.1.2.3/data", "http://evil.example@127.0.0.1/data", "ftp://127.0.0.1/data", "https://127.0.0.1.evil.example/"],
)  # fmt: skip
@pytest.mark.parametrize("member", ["centerDataURL", "loadDicVersionURL", "downloadBaseDataURL"])
def test_a_foreign_address_in_a_registration_is_blocked_and_the_old_ones_stay(
    url: str, member: str, platform: FakePlatform, nhjc04: Client
) -> None:
    held = nhjc04.stored()
    platform.answers[REGISTER] = registration(platform, **{member: url})
    assert nhjc04.adapter.register().outcome is Outcome.BLOCKED
    assert [(one.outcome, one.kind) for one in nhjc04.log] == [("blocked", "register")]
    assert nhjc04.stored() == held
    assert nhjc04.adapter.send([ROW], NOW).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "changes",
    [
        {"deviceId": None}, {"deviceId": 7.5}, {"deviceId": ["d"]}, {"deviceId": "d d"}, {"deviceId": "x" * 200}, {"centerDataURL": None},
        {"centerDataURL": 5.5}, {"secretKey": "short"}, {"secretKey": {"a": 1}}, {"centerDataURL": {}},
    ],
)  # fmt: skip
def test_a_registration_of_a_wrong_shape_changes_nothing(
    changes: dict[str, Any], platform: FakePlatform, nhjc04: Client
) -> None:
    held = nhjc04.stored()
    platform.answers[REGISTER] = registration(platform, **changes)
    assert nhjc04.adapter.register().outcome is Outcome.UNKNOWN
    assert nhjc04.stored() == held


def test_plain_http_never_leaves_where_the_destination_forbids_it(platform: FakePlatform) -> None:
    with pytest.raises(ValueError, match="http"), client("nhjc04", platform.url, is_loopback_http_allowed=False):
        pass
    assert platform.asked == []


def test_secrets_stay_out_of_the_log(platform: FakePlatform) -> None:
    platform.answers[REGISTER] = registration(platform, secretKey=KEY, responseMessage=f"your key is {KEY}")
    with client("nhjc04", platform.url) as one:
        one.adapter.register()
        platform.answers["/data"] = {"responseCode": "1", "responseMessage": f"wrong key {KEY}"}
        one.adapter.send([ROW], NOW)
        assert one.context.sealed["secretKey"] == KEY
        assert KEY not in repr(one.log)
        assert KEY not in json.dumps(one.context.state)


def test_the_log_tells_time_size_and_skew(platform: FakePlatform, nhjc04: Client) -> None:
    ahead = format_datetime(NOW + timedelta(seconds=90), usegmt=True)

    def answer(_: Asked, handler: BaseHTTPRequestHandler) -> None:
        handler.connection.sendall(
            HEAD + f"Date: {ahead}\r\nContent-Length: 20\r\n\r\n".encode() + b'{"responseCode":"0"}'
        )

    platform.answers["/data"] = answer
    nhjc04.adapter.send([ROW, ROW], NOW)
    (exchange,) = nhjc04.log
    assert (exchange.kind, exchange.method, exchange.http_status, exchange.outcome, exchange.code) == (
        "data",
        "POST",
        200,
        "accepted",
        "0",
    )
    assert (exchange.row_count, exchange.bytes_received, exchange.clock_skew_s, exchange.started_at) == (2, 20, 90, NOW)
    assert exchange.bytes_sent == len(exchange.request.encode())
    assert exchange.response == '{"responseCode":"0"}'


def test_connections_are_kept_and_a_proxy_of_the_environment_is_not_asked(
    platform: FakePlatform, nhjc04: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for _ in range(3):
        assert nhjc04.adapter.send([ROW], NOW).outcome is Outcome.ACCEPTED
    assert len({one.connection for one in platform.asked}) == 1


# ---------------------------------------------------------------- TLS
class Authority:
    """Certificates for tests."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key, is_authority=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, is_authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths


def server_context(authority: Authority, is_client_asked: bool) -> tuple[ssl.SSLContext, Path]:
    certificate, key = authority.issue("platform")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if is_client_asked:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.path)
    return context, certificate


def test_mutual_tls_is_spoken_with_the_destinations_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "province")
    certificate, key = authority.issue("enterprise")
    context, _ = server_context(authority, is_client_asked=True)
    known = {"ca_bundle": str(authority.path)}
    with serving(context) as platform:
        platform.answers[REGISTER] = registration(platform)
        secrets = known | {"client_cert": str(certificate), "client_key": str(key)}
        with client("nhjc04", platform.url, secrets=secrets, is_loopback_http_allowed=False) as one:
            assert one.adapter.register().outcome is Outcome.ACCEPTED
        with client("nhjc04", platform.url, secrets=known) as one:
            assert one.adapter.register().outcome is Outcome.UNKNOWN
        assert len(platform.asked) == 1


def test_a_server_that_cannot_prove_itself_gets_nothing(tmp_path: Path) -> None:
    context, certificate = server_context(Authority(tmp_path, "stranger"), is_client_asked=False)
    right = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    with serving(context) as platform:
        platform.answers[REGISTER] = registration(platform)
        for options in ({}, {"certificate_sha256": "00" * 32}):
            with client("nhjc04", platform.url, options) as one:
                assert one.adapter.register().outcome is Outcome.UNKNOWN
                assert "TLS" in str(one.log[0].reason)
        assert platform.asked == []
        with client("nhjc04", platform.url, {"certificate_sha256": right}) as one:
            assert one.adapter.register().outcome is Outcome.ACCEPTED


def test_the_enterprise_is_named_by_its_credit_code(platform: FakePlatform, nhjc04: Client) -> None:
    assert platform.bodies(REGISTER) == [{"enterpriseCode": CREDIT_CODE, "region": "530181"}]
