"""Mails leave by Airflow's own connection to a real mail server, and what the server refuses is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from smtplib import SMTPRecipientsRefused

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from plugins.metering import smtp
from tests.conftest import free_port

pytestmark = pytest.mark.slow


class Box:
    """What the server was given; it knows nobody at nowhere.invalid."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("@nowhere.invalid"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture(name="box")
def fixture_box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A mail server, and Airflow's connection to it."""
    box = Box()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "nengduan@plant.invalid", "retry_limit": 1}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{smtp.CONNECTION.upper()}", json.dumps(connection))
    yield box
    controller.stop()


def test_a_mail_arrives_as_it_was_written(box: Box) -> None:
    with smtp.sender() as send:
        assert send is not None
        send(["a@plant.invalid", "b@plant.invalid"], "S1：2 项计量管理提醒", "<p>电表 M1 已到期</p>")
    [mail] = box.mails
    assert mail.rcpt_tos == ["a@plant.invalid", "b@plant.invalid"]
    assert isinstance(mail.content, bytes)
    message = message_from_bytes(mail.content)
    assert str(make_header(decode_header(str(message["Subject"])))) == "S1：2 项计量管理提醒"
    body = next(part for part in message.walk() if part.get_content_type() == "text/html")
    content = body.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode() == "<p>电表 M1 已到期</p>"


def test_a_refused_recipient_is_an_error_and_no_mail(box: Box) -> None:
    with smtp.sender() as send:
        assert send is not None
        with pytest.raises(SMTPRecipientsRefused, match="no such mailbox"):
            send(["x@nowhere.invalid"], "题目", "<p></p>")
    assert box.mails == []


def test_without_a_connection_nothing_is_mailed_and_it_is_said() -> None:
    said: list[str] = []
    with smtp.sender(said.append) as send:
        assert send is None
    assert said == ["Airflow has no connection smtp_default: nothing is mailed"]
