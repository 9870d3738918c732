"""Mails leave by Airflow's own connection to a real mail server, and what the server refuses is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from smtplib import SMTPRecipientsRefused

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingestion import warehouse as connections
from ingestion.settings import Settings
from plugins.metering import mail as mailing
from plugins.metering import smtp
from tests.conftest import free_port
from tests.integration import own_airflow

pytestmark = [pytest.mark.slow, pytest.mark.built]


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
    assert subject(message) == "S1：2 项计量管理提醒"
    assert body(message) == "<p>电表 M1 已到期</p>"


def subject(message: Message) -> str:
    return str(make_header(decode_header(str(message["Subject"]))))


def body(message: Message) -> str:
    part = next(part for part in message.walk() if part.get_content_type() == "text/html")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


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


@pytest.fixture(name="site")
def fixture_site(warehouse: Settings) -> Settings:
    """A site with its marts, and a meter whose calibration holds for five days more."""
    due = datetime.now(UTC).date() + timedelta(days=5)
    with connections.connect("ingest") as connection:
        connection.execute("insert into ledger.sites (site_code, name, batch_id) values ('S1', '甲厂', 1)")
        connection.execute(
            "insert into ledger.meters (site_code, meter_code, name, energy_code, reading_kind, unit, status,"
            " next_calibration_on, batch_id) values ('S1', 'M1', '电表', 'electricity', 'register', 'kWh', 'normal', %s, 1)",
            [due],
        )
    return warehouse


def test_a_run_of_the_dag_mails_what_is_due_once(box: Box, site: Settings, tmp_path: Path) -> None:
    variable = f"AIRFLOW_CONN_{smtp.CONNECTION.upper()}"
    options = {variable: os.environ[variable]}
    with own_airflow.installed(site, tmp_path / "airflow", **options) as environment:
        command = [own_airflow.AIRFLOW, "dags", "test", "remind_calibration"]
        addresses = {mailing.ADDRESSES: "manager@plant.invalid, deputy@plant.invalid"}
        said = own_airflow.run(command, environment | addresses)
        assert "state=success" in said, said[-3000:]
        [mail] = box.mails
        assert mail.rcpt_tos == ["manager@plant.invalid", "deputy@plant.invalid"]
        assert isinstance(mail.content, bytes)
        message = message_from_bytes(mail.content)
        assert subject(message) == "S1：1 项计量管理提醒"
        assert "M1（电表）检定/校准将在 7 天内到期" in body(message)
        own_airflow.run(command, environment | addresses)
        assert len(box.mails) == 1, "the next run tells nobody a second time"

        # What the server refuses fails the run, and stands in the workbench all the same.
        with connections.connect("owner") as connection:
            connection.execute("truncate ops.messages")
        said = own_airflow.run(command, environment | {mailing.ADDRESSES: "x@nowhere.invalid"}, may_fail=True)
        assert "no such mailbox" in said
        assert "state=failed" in said, said[-3000:]
    with connections.connect("audit") as connection:
        ((mailed, failure),) = connection.execute("select mailed_at, mail_failure from ops.messages").fetchall()
    assert mailed is not None
    assert "no such mailbox" in failure
