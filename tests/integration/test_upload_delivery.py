"""What the sender makes of each answer: a row is acknowledged by an explicit success alone, and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ingestion import warehouse as database
from ingestion.settings import Settings
from plugins.province import outbox
from plugins.province.delivery import ISOLATED_IN_A_ROW, Delivery
from plugins.province.profiles import Answer, Held, Outcome, Row
from plugins.province.report import Report, Request

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
KEY = ("S1", "province")
FIRST, AFTER = date(2026, 11, 1), date(2026, 11, 20)

OK = Answer(Outcome.ACCEPTED, "0", "ok")
UNKNOWN = Answer(Outcome.UNKNOWN, None, "timeout")


class Platform:
    """An adapter that answers by a script, then by a rule, and remembers what it stored."""

    batch_max = 4
    concurrency = 1
    slot: time | None = None

    def __init__(self, script: Sequence[Answer] = (), rule: Callable[[Sequence[Row]], Answer] = lambda _: OK) -> None:
        self.script = list(script)
        self.rule = rule
        self.sent: list[tuple[Row, ...]] = []
        self.stored: dict[tuple[str, datetime], Decimal] = {}
        self.registered = 0
        self.registration: Callable[[], Answer] = lambda: OK

    def register(self) -> Answer:
        self.registered += 1
        return self.registration()

    def check_versions(self) -> Answer:
        return OK

    def sync(self, declaration: object) -> list[Any]:
        return []

    def send(self, rows: Sequence[Row], uploaded_at: datetime) -> Answer:
        self.sent.append(tuple(rows))
        answer = self.script.pop(0) if self.script else self.rule(rows)
        if answer.outcome is Outcome.ACCEPTED:
            self.stored |= {(row.data_code, row.stat_date): row.value for row in rows}
        return answer

    def download(self, first: date, after: date) -> Iterator[Held] | None:
        return None


@pytest.fixture
def connection(warehouse: Settings) -> Iterator[psycopg.Connection[Any]]:
    """An outbox of ten rows: ten days of one item."""
    with database.connect("ingest") as one:
        one.execute(
            "insert into ledger.sites (site_code, name, credit_code, batch_id) values ('S1', '厂', '91530000123456789X', 0)"
        )
    with database.connect("upload") as one:
        one.execute(
            "insert into ops.upload_destinations (site_code, destination, profile, url, created_by)"
            " values ('S1', 'province', 'nhjc04', 'https://platform.example', 'test')"
        )
        one.execute(
            """insert into ops.upload_outbox (site_code, destination, data_code, stat_type, stat_date, value, input_type,
                scope, origin, next_attempt_at, filled_at)
            select 'S1', 'province', '00-00-0000-023300-11', 1, '2026-11-01'::timestamp + interval '1 day' * n, 100 + n,
                4, 1, 'scheduled', %(now)s, %(now)s
            from generate_series(0, 9) as n""",
            {"now": NOW},
        )
        one.commit()
        yield one


@pytest.fixture
def deliver(connection: psycopg.Connection[Any]) -> Iterator[Callable[..., Delivery]]:
    """Runs a delivery at ``now``; the waits it asked for stand in ``waited``."""
    with ThreadPoolExecutor(4) as pool:

        def run(platform: Platform, now: datetime = NOW, trigger: str = "slot") -> Delivery:
            request = Request(trigger)
            delivery = Delivery(
                connection, KEY, platform, request, Report("run", "province"), pool,
                clock=lambda: now, say=lambda _: None, wait=lambda _: None, chance=random.Random(7),
            )  # fmt: skip
            delivery.send()
            return delivery

        yield run


def statuses(connection: psycopg.Connection[Any]) -> list[int]:
    rows = connection.execute("select status from ops.upload_outbox order by stat_date").fetchall()
    return [row[0] for row in rows]


def events(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute("select kind from ops.events order by event_id").fetchall()]


def test_the_oldest_rows_go_first_in_batches(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    platform = Platform()
    report = deliver(platform).report
    days = [[row.stat_date.day for row in batch] for batch in platform.sent]
    assert days == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert (report.sent, report.acked, report.failed) == (10, 10, 0)
    assert statuses(connection) == [2] * 10


def test_an_unknown_answer_leaves_the_rows_and_the_same_ones_go_again(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    platform = Platform([UNKNOWN, UNKNOWN])
    deliver(platform)
    assert platform.sent[0] == platform.sent[1] == platform.sent[2]
    assert statuses(connection) == [2] * 10


def test_a_platform_that_is_away_is_left_alone_and_the_backlog_stays(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    platform = Platform(rule=lambda _: UNKNOWN)
    delivery = deliver(platform)
    assert len(platform.sent) == 6  # two batches, three times each
    assert delivery.is_stopped
    assert statuses(connection) == [1] * 10
    assert events(connection) == ["upload_unreachable"]
    # Those that were tried back off; the others are due at the next look.
    assert outbox.count(connection, *KEY, NOW).due == 2
    assert outbox.count(connection, *KEY, NOW + timedelta(minutes=1)).due == 10


def test_back_off_doubles_up_to_an_hour_with_jitter(connection: psycopg.Connection[Any]) -> None:
    waits = []
    now = NOW
    for _ in range(9):
        rows = outbox.take(connection, *KEY, 1, now, due_only=True)
        outbox.postpone(connection, *KEY, rows, "timeout", None, now, jitter=1.0)
        [(due,)] = connection.execute(
            "select next_attempt_at from ops.upload_outbox where attempts > 0 order by stat_date limit 1"
        ).fetchall()
        waits.append((due - now).total_seconds() / 60)
        now = due
    assert waits == [0.75, 1.5, 3, 6, 12, 24, 45, 45, 45]  # three quarters of 1, 2, 4 … 32, 60, 60, 60


def test_a_rest_that_the_platform_asks_for_is_given(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    platform = Platform([Answer(Outcome.UNKNOWN, None, "429", retry_after_s=600)])
    delivery = deliver(platform)
    assert (len(platform.sent), delivery.is_stopped) == (1, True)
    assert outbox.count(connection, *KEY, NOW + timedelta(seconds=599)).due == 6
    assert outbox.count(connection, *KEY, NOW + timedelta(seconds=600)).due == 10


def test_named_rows_fail_and_the_rest_is_sent_again(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    refusal = Answer(Outcome.REJECTED, "1", "数据有误", {1: "数值超限", 99: "没有这一行"})
    platform = Platform([refusal])
    deliver(platform)
    assert [row.stat_date.day for row in platform.sent[1]] == [1, 3, 4]
    assert statuses(connection) == [2, 3, *[2] * 8]
    assert connection.execute("select last_message from ops.upload_outbox where status = 3").fetchone() == ("数值超限",)


def test_a_refusal_without_a_word_is_halved_down_to_the_bad_row(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    bad = Decimal(102)
    platform = Platform(
        rule=lambda rows: Answer(Outcome.REJECTED, "1", "失败") if bad in [row.value for row in rows] else OK
    )
    delivery = deliver(platform)
    assert statuses(connection) == [2, 2, 3, *[2] * 7]
    assert len(platform.stored) == 9
    assert not delivery.is_stopped


def test_a_refusal_that_was_a_moments_whim_costs_no_row(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    deliver(Platform([Answer(Outcome.REJECTED, "1", "系统繁忙")] * 2))
    assert statuses(connection) == [2] * 10


def test_a_platform_that_refuses_everything_is_no_fault_of_the_rows(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    connection.execute(
        """insert into ops.upload_outbox select site_code, destination, '00-00-0000-020000-11', stat_type, stat_date + n * interval '10 days',
            value, convert_ratio, input_type, scope, is_valid, origin, status, version, attempts, next_attempt_at,
            last_code, last_message, filled_at, sent_at, tried_at, acked_at
        from ops.upload_outbox cross join generate_series(0, 9) as n"""
    )
    delivery = deliver(Platform(rule=lambda _: Answer(Outcome.REJECTED, "1", "维护中")))
    assert delivery.is_stopped
    counts = outbox.count(connection, *KEY, NOW)
    assert counts.failed == ISOLATED_IN_A_ROW
    assert counts.unsent == 110 - ISOLATED_IN_A_ROW
    assert "upload_refused" in events(connection)


@pytest.mark.parametrize("outcome", [Outcome.KEY_STALE, Outcome.MOVED, Outcome.IDENTITY])
def test_what_a_registration_mends_is_sent_again_after_one(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery], outcome: Outcome
) -> None:
    platform = Platform([Answer(outcome, "1", "…")])
    deliver(platform)
    assert platform.registered == 1
    assert platform.sent[0] == platform.sent[1]
    assert statuses(connection) == [2] * 10


@pytest.mark.parametrize(
    ("outcome", "left", "kind"),
    [
        (Outcome.KEY_STALE, 1, "upload_key"),
        (Outcome.MOVED, 1, "upload_refused"),
        (Outcome.IDENTITY, 3, "upload_identity"),
    ],
)
def test_the_same_again_after_registration_is_an_alarm_and_no_hot_loop(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery], outcome: Outcome, left: int, kind: str
) -> None:
    platform = Platform(rule=lambda _: Answer(outcome, "1", "…"))
    delivery = deliver(platform)
    assert (platform.registered, len(platform.sent)) == (1, 2)
    assert delivery.is_stopped
    assert statuses(connection) == [left] * 4 + [1] * 6
    assert events(connection) == [kind]


def test_a_frozen_period_is_not_asked_again(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    frozen = datetime(2026, 11, 3)
    platform = Platform(
        rule=lambda rows: (
            Answer(Outcome.FROZEN, "1", "PERIOD_FROZEN") if any(row.stat_date < frozen for row in rows) else OK
        )
    )
    deliver(platform)
    assert statuses(connection) == [3, 3, *[2] * 8]
    deliver(platform)
    assert statuses(connection) == [3, 3, *[2] * 8]


def test_what_we_refuse_is_an_alarm_and_the_rows_stay(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    delivery = deliver(Platform([Answer(Outcome.BLOCKED, None, "http://elsewhere.example")]))
    assert delivery.is_stopped
    assert statuses(connection) == [1] * 10
    assert events(connection) == ["upload_blocked"]


def test_records_sent_side_by_side_are_settled_one_by_one(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    bad = Decimal(104)
    platform = Platform(rule=lambda rows: Answer(Outcome.REJECTED, "500", "失败") if rows[0].value == bad else OK)
    platform.batch_max, platform.concurrency = 1, 4
    report = deliver(platform).report
    assert (report.acked, report.failed) == (9, 1)
    assert sorted(statuses(connection)) == [2] * 9 + [3]
    assert len(platform.stored) == 9


def test_whoever_asks_by_hand_does_not_wait_for_the_back_off(
    connection: psycopg.Connection[Any], deliver: Callable[..., Delivery]
) -> None:
    deliver(Platform(rule=lambda _: UNKNOWN))
    later = NOW + timedelta(seconds=5)
    deliver(Platform(), later)
    assert statuses(connection) == [1] * 8 + [2] * 2
    deliver(Platform(), later, "command")
    assert statuses(connection) == [2] * 10
