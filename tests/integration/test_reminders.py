"""What falls due is told once per step, by mail once, and findings of inspections become events once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import errors

from ingestion import warehouse as connections
from ingestion.settings import Settings
from plugins.metering import mail as mailing
from plugins.metering import reminders
from plugins.metering.commands import remind as command

pytestmark = [pytest.mark.slow, pytest.mark.built]

DUE = date(2026, 6, 30)
CLERK = "wang@plant.invalid"
MANAGER = {mailing.ADDRESSES: "manager@plant.invalid, deputy@plant.invalid"}


def at(day: date, hour: int = 0) -> datetime:
    """An hour of a day in the plant's zone (UTC+8)."""
    return datetime.combine(day, time(hour), UTC) - timedelta(hours=8)


def write(statement: str, *values: Any) -> None:
    with connections.connect("ingest") as connection:
        connection.execute(statement.encode(), values)


def fetch(query: str, role: str = "audit") -> list[Any]:
    with connections.connect(role) as connection:
        return connection.execute(query.encode()).fetchall()


def meter(code: str, due: date, status: str = "normal") -> None:
    write(
        "insert into ledger.meters (site_code, meter_code, name, energy_code, reading_kind, unit, status,"
        " next_calibration_on, batch_id) values ('S1', %s, '电表', 'electricity', 'register', 'kWh', %s, %s, 1)",
        code,
        status,
        due,
    )


@pytest.fixture(name="plant")
def fixture_plant(module_warehouse: Settings) -> Settings:
    """One site in Shanghai's zone and nothing else; what a test before has left is taken away by the owner."""
    with connections.connect("owner") as connection:
        connection.execute(
            "truncate ops.messages, ops.events, ledger.sites, ledger.meters, ledger.verifications, ledger.persons,"
            " ledger.trainings, ledger.equipment, ledger.inspections"
        )
    write("insert into ledger.sites (site_code, name, batch_id) values ('S1', '甲厂', 1)")
    return module_warehouse


def steps(subject: str) -> list[tuple[date, str]]:
    with connections.connect("audit") as connection:
        rows: list[tuple[date, str]] = connection.execute(
            "select due_on, due_step from ops.messages where subject = %s order by message_id", [subject]
        ).fetchall()
    return rows


def test_each_step_of_a_due_date_is_told_once(plant: Settings) -> None:
    meter("M1", DUE)
    meter("M2", DUE, status="stopped")
    told = {}
    for days in range(70, -10, -1):
        for hour in (0, 23):
            if made := reminders.remind(at(DUE - timedelta(days=days), hour)):
                told[days, hour] = [one.title for one in made]
    assert told == {
        (60, 0): ["计量器具 M1（电表）检定/校准将在 60 天内到期"],
        (30, 0): ["计量器具 M1（电表）检定/校准将在 30 天内到期"],
        (7, 0): ["计量器具 M1（电表）检定/校准将在 7 天内到期"],
        (-1, 0): ["计量器具 M1（电表）检定/校准已到期"],
    }
    assert steps("M1") == [(DUE, "60"), (DUE, "30"), (DUE, "7"), (DUE, "overdue")]
    assert steps("M2") == []


def test_a_meter_that_will_stop_is_reminded_of_until_then(plant: Settings) -> None:
    meter("M1", DUE, status="stopped")
    write("update ledger.meters set status_since = %s", DUE - timedelta(days=20))
    assert len(reminders.remind(at(DUE - timedelta(days=30)))) == 1
    assert reminders.remind(at(DUE - timedelta(days=7))) == []


def test_a_step_that_was_missed_is_not_made_up_for_and_a_new_date_starts_anew(plant: Settings) -> None:
    meter("M1", DUE)
    assert len(reminders.remind(at(DUE - timedelta(days=5)))) == 1
    write(
        "insert into ledger.verifications (site_code, meter_code, verified_on, kind, result, valid_to, batch_id)"
        " values ('S1', 'M1', %s, 'verification', 'qualified', %s, 1)",
        DUE,
        DUE + timedelta(days=40),
    )
    assert len(reminders.remind(at(DUE + timedelta(days=1)))) == 1
    assert steps("M1") == [(DUE, "7"), (DUE + timedelta(days=40), "60")]


def test_one_that_failed_is_told_at_once(plant: Settings) -> None:
    meter("M1", DUE + timedelta(days=900))
    write(
        "insert into ledger.verifications (site_code, meter_code, verified_on, kind, result, valid_to, batch_id)"
        " values ('S1', 'M1', %s, 'verification', 'unqualified', %s, 1)",
        DUE,
        DUE + timedelta(days=365),
    )
    (one,) = reminders.remind(at(DUE, 9))
    assert one.title == "计量器具 M1（电表）检定/校准已到期"
    assert one.message == "2026-06-30 的检定/校准不合格"


def test_certificates_of_persons_are_told_the_same_way(plant: Settings) -> None:
    write(
        "insert into ledger.persons (site_code, person_code, name, org_code, certificate, certificate_no,"
        " certificate_valid_to, batch_id) values ('S1', 'P1', '王工', 'W1', '计量员证', '007', %s, 1),"
        " ('S1', 'P2', '李工', null, '计量员证', '8', null, 1)",
        DUE,
    )
    write(
        "insert into ledger.trainings (site_code, person_code, trained_on, content, valid_to, batch_id)"
        " values ('S1', 'P2', '2025-07-01', 'GB 17167', %s, 1)",
        DUE,
    )
    made = [one.title for one in reminders.remind(at(DUE - timedelta(days=30)))]
    assert made == ["王工 的证书 计量员证 007将在 30 天内到期", "李工 的培训 GB 17167将在 30 天内到期"]
    assert reminders.remind(at(DUE - timedelta(days=29))) == []
    assert fetch("select subject, org_code from ops.messages order by 1") == [("P1", "W1"), ("P2", None)]
    write("update ledger.persons set retired_on = %s where person_code = 'P1'", DUE)
    assert len(reminders.remind(at(DUE - timedelta(days=1)))) == 2, "who will leave tomorrow is reminded today"
    assert len(reminders.remind(at(DUE + timedelta(days=1)))) == 1, "who has left is not reminded"


def test_two_at_once_tell_it_once(plant: Settings) -> None:
    for number in range(200):
        meter(f"M{number}", DUE)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: reminders.remind(at(DUE)), range(4)))
    assert sum(len(one) for one in made) == 200
    assert fetch("select count(*) from ops.messages") == [(200,)]


def test_nothing_is_due_without_marts(warehouse: Settings) -> None:
    meter("M1", DUE)
    assert reminders.remind(at(DUE)) == []


def test_a_dry_run_writes_nothing(plant: Settings) -> None:
    meter("M1", datetime.now(UTC).date())
    done = CliRunner().invoke(command, ["--dry-run"])
    assert "M1" in done.output, done.output
    assert fetch("select count(*) from ops.messages") == [(0,)]
    assert "M1" in CliRunner().invoke(command).output
    assert CliRunner().invoke(command).output == "没有新的提醒。\n"


class Post:
    """A mail server that may refuse one address."""

    def __init__(self, refused: str = "") -> None:
        self.mails: list[tuple[tuple[str, ...], str, str]] = []
        self.refused = refused

    def __call__(self, recipients: Sequence[str], subject: str, body: str) -> None:
        if self.refused in recipients:
            raise ConnectionRefusedError(f"{self.refused} refused")
        self.mails.append((tuple(recipients), subject, body))


def due_of_both() -> list[int]:
    meter("M<1>", DUE)
    write(
        "insert into ledger.persons (site_code, person_code, name, certificate, certificate_valid_to, email, batch_id)"
        " values ('S1', 'P1', '王工', '计量员证', %s, %s, 1)",
        DUE,
        CLERK,
    )
    return [one.message_id for one in reminders.remind(at(DUE))]


def test_a_message_is_mailed_once_to_those_it_concerns(plant: Settings) -> None:
    messages, post = due_of_both(), Post()
    assert mailing.mail(messages, post, at(DUE, 8), MANAGER) == 2
    assert mailing.mail(messages, post, at(DUE, 9), MANAGER) == 0
    managers = ("manager@plant.invalid", "deputy@plant.invalid")
    assert [recipients for recipients, _, _ in post.mails] == [managers, (*managers, CLERK)]
    assert "计量器具 M&lt;1&gt;（电表）" in post.mails[0][2], "texts of the ledger are no HTML"
    assert "计量员证" not in post.mails[0][2]


def test_without_an_address_nothing_is_mailed_and_nothing_marked(plant: Settings) -> None:
    messages, post = due_of_both(), Post()
    assert mailing.mail(messages, post, at(DUE, 8), {}) == 1
    assert [recipients for recipients, _, _ in post.mails] == [(CLERK,)]
    assert fetch("select subject from ops.messages where mailed_at is null") == [("M<1>",)]


def test_a_mail_that_is_refused_is_told_and_not_sent_again(plant: Settings) -> None:
    messages, post = due_of_both(), Post(refused=CLERK)
    with pytest.raises(mailing.MailError, match=r"S1 → .*wang@plant\.invalid.*refused"):
        mailing.mail(messages, post, at(DUE, 8), MANAGER)
    assert len(post.mails) == 1, "the other circle got its mail"
    assert mailing.mail(messages, post, at(DUE, 9), MANAGER) == 0
    assert fetch("select subject, mail_failure from ops.messages where mail_failure is not null") == [
        ("P1", f"{CLERK} refused")
    ]


def test_an_abnormal_finding_becomes_an_event_once(plant: Settings) -> None:
    write("insert into ledger.equipment (site_code, equipment_code, name, batch_id) values ('S1', 'EQ', '2号泵', 1)")
    write(
        "insert into ledger.inspections (site_code, inspection_no, item, equipment_code, inspected_at, result, finding,"
        " severity, batch_id) values"
        " ('S1', 'R1', '轴承温度', 'EQ', '2026-06-01 08:00+08', 'abnormal', '95 ℃', 'critical', 1),"
        " ('S1', 'R1', '油位', 'EQ', '2026-06-01 08:00+08', 'normal', null, null, 1),"
        " ('S1', 'R2', '', null, null, 'abnormal', null, null, 1), ('S1', 'R3', '', null, null, 'abnormal', null, null, 1)"
    )
    write("update ledger.inspections set retired_on = %s where inspection_no = 'R2'", DUE + timedelta(days=1))
    write("update ledger.inspections set retired_on = %s where inspection_no = 'R3'", DUE)
    assert reminders.raise_findings(at(DUE)) == ["巡检异常：2号泵 轴承温度；95 ℃", "巡检异常：R2"]
    assert reminders.raise_findings(at(DUE)) == []
    assert fetch(
        "select occurred_at, severity, subject, payload ->> 'equipment_code' from ops.events"
        " where kind = 'inspection_abnormal' order by event_id"
    ) == [
        (datetime(2026, 6, 1, tzinfo=UTC), "critical", "R1/轴承温度", "EQ"),
        (at(DUE), "warning", "R2/", None),
    ]


def test_who_keeps_the_ledgers_reads_messages_and_may_only_mark_them_read(plant: Settings) -> None:
    due_of_both()
    with connections.connect("keep") as connection:
        connection.execute("update ops.messages set read_at = now(), read_by = '王工' where subject = 'P1'")
        assert connection.execute("select count(*) from ops.messages where read_by = '王工'").fetchone() == (1,)
        for forbidden in (
            "update ops.messages set title = ''",
            "update ops.messages set mailed_at = null",
            "delete from ops.messages",
        ):
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(forbidden.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        fetch("select * from ops.messages", role="bi")
