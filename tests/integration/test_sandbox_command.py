"""`nengduan sandbox` as a process, over TLS, and what only this machine may ask of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient

from plugins.province.sandbox.app import make_app
from plugins.province.sandbox.command import sandbox as command
from plugins.province.sandbox.platform import Platform
from plugins.province.sandbox.server import isolated, running
from tests.integration.sandbox_clients import ELECTRICITY, Nhjc04, row


def test_a_process_serves_keeps_and_misbehaves_as_told(tmp_path: Path) -> None:
    store = tmp_path / "sandbox.sqlite"
    today = datetime.now(UTC) + timedelta(hours=8)
    yesterday = f"{today - timedelta(days=1):%Y-%m-%d} 00:00:00"
    figure = row(stat_date=yesterday, uploadDate=f"{today:%Y-%m-%d %H:%M:%S}")
    told = ("--option", "valid_encoding=boolean", "--misbehave", "status,messages=register,status=503", "--seed", "3")
    with isolated(*told, store=store) as sandbox, Nhjc04(sandbox) as device:
        register = f"{sandbox.nhjc04_url}/enterprise/register"
        assert requests.post(register, json={}, timeout=10).status_code == 503
        device.register()
        device.declare(ELECTRICITY)
        assert device.send(figure | {"valid": True})["responseCode"] == "0"
    with isolated(store=store) as sandbox:
        assert list(sandbox.values().values()) == [Decimal("123.45")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--misbehave", "burn"),
        ("--misbehave", "status,status"),
        ("--option", "colour=red"),
        ("--option", "interval_minutes=7"),
        ("--tls-cert", __file__),
        ("--host", "203.0.113.1", "--port", "0"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code in (1, 2)
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_only_this_machine_sees_and_steers() -> None:
    platform = Platform()
    app = make_app(platform)
    local, remote = (TestClient(app, client=(host, 40000)) for host in ("127.0.0.1", "198.51.100.7"))
    for path in (
        "/sandbox/control",
        "/sandbox/store",
        "/sandbox/store/history",
        "/sandbox/log",
        "/sandbox/enterprises",
    ):
        assert local.get(path).status_code == 200
        assert remote.get(path).status_code == 403
    assert remote.post("/sandbox/control/faults", json={"deed": "close"}).status_code == 403
    assert not platform.misbehaviour.faults
    platform.store.close()


def test_tls_with_and_without_certificates_of_clients(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "server")
    with running(certificate=certificate, key=key) as sandbox:
        assert sandbox.url.startswith("https://")
        assert sandbox.control()["faults"] == []
        register = f"{sandbox.nhjc04_url}/enterprise/register"
        with pytest.raises(requests.exceptions.SSLError):
            requests.post(register, json={}, timeout=10)
        sandbox.misbehave("reset", "register")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(register, json={}, timeout=10, verify=str(certificate))
    ours, our_key = _certificate(tmp_path, "client")
    with running(certificate=certificate, key=key, client_authority=ours) as sandbox:
        register = f"{sandbox.nhjc04_url}/enterprise/register"
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(register, json={}, timeout=10, verify=str(certificate))
        answer = requests.post(register, json={}, timeout=10, verify=str(certificate), cert=(str(ours), str(our_key)))
        assert answer.json()["responseCode"] == "1"


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
