"""`nengduan destination` and `nengduan upload` as a person types them, and whose turn it is by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations.cli import cli
from plugins.province import schedule, sender
from plugins.province.report import BusyError, Request
from plugins.province.schedule import Turn
from tests.integration import upload_world
from tests.integration.upload_world import PLANT, TOTAL, World

SLOT = timedelta(hours=1, minutes=30)
"""The sandbox assigns it, by the site's own clock, which is eight hours ahead."""


@pytest.fixture(scope="module")
def world(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with upload_world.world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def first(world: World) -> date:
    """The day on which both destinations begin; the marts hold three days of one item."""
    first = world.begin()
    world.put({(PLANT, 1, day_of(first, number)): (Decimal(number + 1), True) for number in range(3)})
    return first


def day_of(first: date, number: int) -> datetime:
    return datetime(first.year, first.month, first.day) + timedelta(days=number)


def type_in(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


def outbox(destination: str) -> list[tuple[Any, ...]]:
    with warehouse.connect("upload") as connection:
        return connection.execute(
            "select value, status from ops.upload_outbox where destination = %s order by stat_date", [destination]
        ).fetchall()


# ---------------------------------------------------------------- destinations
def test_a_destination_is_added_listed_switched_off_and_on(world: World, first: date) -> None:
    added = type_in(
        "destination", "add", "third", "--site", "S1", "--profile", "nhjc04", "--url", "https://platform.example/api",
        "--allow-host", "data.platform.example:8443", "--option", "since=2026-01-01", "--option", "batch_max=100",
    )  # fmt: skip
    assert added.exit_code == 0
    assert "已添加上报目的地 third" in added.output
    assert "停用" in type_in("destination", "disable", "third").output
    line = next(one for one in type_in("destination", "list").output.splitlines() if one.startswith("third"))
    assert "停用" in line
    assert "未上报 0" in line
    assert type_in("destination", "enable", "third").exit_code == 0
    with warehouse.connect("owner") as owner:
        owner.execute("delete from ops.upload_destinations where destination = 'third'")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"--url": "http://platform.example"}, "不是 https"),
        ({"--url": "https://user@platform.example"}, "不含用户名"),
        ({"--profile": "../etc"}, "没有名为"),
        ({"--site": "NONE"}, "没有用能单位"),
        ({"--option": "batch_maxx=5"}, "没有设置项"),
        ({"--option": "password=secret"}, "机密"),
        ({"--option": "rows_per_second=0"}, "rows_per_second"),
        ({"--option": "since=yesterday"}, "since"),
        ({"--allow-host": "https://x"}, "--allow-host"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_with_its_cure(world: World, changes: dict[str, str], told: str) -> None:
    given = {"--site": "S1", "--profile": "nhjc04", "--url": "https://platform.example"} | changes
    result = type_in("destination", "add", "bad", *(word for pair in given.items() for word in pair))
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


# ---------------------------------------------------------------- by hand
def test_a_dry_run_says_what_would_go_and_what_has_no_source_and_sends_nothing(world: World, first: date) -> None:
    until = first + timedelta(days=9)
    result = type_in("upload", "nh", "--from", first.isoformat(), "--to", until.isoformat(), "--dry-run")
    assert result.exit_code == 0
    assert "日数据 3 条：新 3，更正 0" in result.output
    assert f"{TOTAL} 综合能耗 没有数据来源：没有能流" in result.output
    assert outbox("nh") == []


def test_a_range_and_items_are_sent_by_hand_and_the_rest_follows(world: World, first: date) -> None:
    world.set_clock(datetime.now(UTC))  # a command has no clock but the machine's
    day = day_of(first, 1).date().isoformat()
    result = type_in("upload", "nh", "--from", day, "--to", day, "--item", PLANT)
    assert result.exit_code == 0, result.output
    assert "发送 1，确认 1" in result.output
    assert "全部已上报。" in result.output
    assert outbox("nh") == [(Decimal(2), 2)]
    assert type_in("upload", "nh").exit_code == 0
    assert outbox("nh") == [(Decimal(1), 2), (Decimal(2), 2), (Decimal(3), 2)]
    assert world.faults("nh") == []


def test_a_refusal_is_told_and_fails_the_command(world: World, first: date) -> None:
    world.set_clock(datetime.now(UTC))
    world.sandbox.misbehave("reject", profile="nhjc04", rows=[0], times=None)
    result = type_in("upload", "nh")
    world.sandbox.behave()
    assert result.exit_code == 1
    assert "被拒绝" in result.output
    assert "状态 3" in result.output
    assert type_in("upload", "nh").exit_code == 0
    assert world.faults("nh") == []


def test_an_unknown_destination_is_told_with_those_that_there_are(world: World) -> None:
    result = type_in("upload", "nowhere")
    assert result.exit_code == 2
    assert "nh" in result.output
    assert "nengduan destination add" in result.output


# ---------------------------------------------------------------- by the clock
def test_the_slot_comes_once_a_day_and_a_backlog_between(world: World, first: date) -> None:
    midnight = datetime(first.year + 1, 2, 1, tzinfo=UTC) - timedelta(hours=8)
    world.set_clock(midnight)
    assert world.run("nh") == "ended"  # it is registered, and knows its slot
    early, late = midnight + SLOT - timedelta(minutes=1), midnight + SLOT
    nh = [turn for turn in schedule.due(early) if turn.destination == "nh"]
    assert nh == []
    today = (midnight + timedelta(hours=8)).date()
    assert Turn("nh", "slot", today) in schedule.due(late)
    world.set_clock(late)
    world.put({(PLANT, 1, day_of(first, 5)): (Decimal(7), True)})
    world.sandbox.misbehave("close", profile="nhjc04", times=None)
    sender.run("nh", Request("slot", slot_date=today), "slot-run", clock=lambda: late, wait=lambda _: None)
    world.sandbox.behave()
    assert [turn for turn in schedule.due(late + timedelta(seconds=20)) if turn.destination == "nh"] == []
    assert Turn("nh", "backlog", None) in schedule.due(late + timedelta(minutes=10))
    # An hour after the slot with something unsent is late, and that is said once.
    [said] = [one for one in schedule.watch_deadlines(late + timedelta(minutes=61)) if one.startswith("nh")]
    assert "1 条未上报" in said
    assert [one for one in schedule.watch_deadlines(late + timedelta(minutes=75)) if one.startswith("nh")] == []
    world.settle("nh")
    assert world.faults("nh") == []


def test_what_the_gate_held_back_has_its_turn_when_the_gate_has_passed_it(world: World, first: date) -> None:
    world.run("nh")
    with warehouse.connect("owner") as owner:
        owner.execute(
            "insert into ops.unjudged (site_code, kind, code, starts_on, ends_on) values ('S1', 'flow', 'F1', %s, %s)",
            [first, first + timedelta(days=9)],
        )
    world.held[PLANT, 1, day_of(first, 4)] = (Decimal(9), True)
    world.ever[PLANT, 1, day_of(first, 4)] = [(Decimal(9), True)]
    with warehouse.connect("owner") as owner:
        owner.execute(
            "insert into marts.upload_values values ('S1', %s, '*', 1, %s, %s, 9, 0.1229, 4, 1, true, 1, false, false)",
            [PLANT, day_of(first, 4), world.now - timedelta(days=2)],
        )
    today = (world.now + timedelta(hours=8)).date()
    sender.run("nh", Request("slot", slot_date=today), "held-run", clock=lambda: world.now, wait=lambda _: None)
    assert len(outbox("nh")) == 3
    assert "nh" not in {turn.destination for turn in schedule.due(world.now)}
    with warehouse.connect("owner") as owner:
        owner.execute("delete from ops.unjudged")
    assert Turn("nh", "backlog", None) in schedule.due(world.now)
    world.settle("nh")
    assert world.faults("nh") == []


def test_one_run_of_a_destination_at_a_time_and_the_other_is_not_kept_waiting(world: World, first: date) -> None:
    with warehouse.connect("upload") as other:
        other.execute("select pg_advisory_lock(hashtextextended('upload S1 nh', 0))")
        other.commit()
        with pytest.raises(BusyError, match="正在进行"):
            sender.run("nh", Request("slot"), "second", clock=lambda: world.now)
        assert world.run("yn") == "ended"
    assert [status for _, status in outbox("yn")] == [2, 2, 2]
    assert world.run("nh") == "ended"


def test_a_platform_that_says_yes_and_keeps_nothing_is_found_out(world: World, first: date) -> None:
    world.sandbox.misbehave("body", profile="nhjc04", text='{"responseCode": "0", "responseMessage": "成功"}')
    assert world.run("nh") == "ended"
    assert world.faults("nh") == []


def test_a_pace_is_kept(world: World, first: date) -> None:
    waits: list[float] = []
    with warehouse.connect("owner") as owner:
        owner.execute(
            "update ops.upload_destinations set options = options || %s::jsonb where destination = 'nh'",
            ['{"rows_per_second": "0.5", "batch_max": "1"}'],
        )
    sender.run("nh", Request("slot"), "paced", clock=lambda: world.now, wait=waits.append)
    with warehouse.connect("owner") as owner:
        owner.execute(
            "update ops.upload_destinations set options = options - 'rows_per_second' - 'batch_max' where destination = 'nh'"
        )
    assert waits == [2.0, 4.0, 6.0]  # its clock stands still
