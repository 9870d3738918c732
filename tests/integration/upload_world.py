"""A plant, its marts, two destinations and a strict platform, over which misfortune can be poured.

Runs of the sender happen in processes of their own, which can be killed at any of their moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingestion import warehouse
from plugins.province import sender
from plugins.province.report import Request
from plugins.province.sandbox.server import Sandbox, isolated
from plugins.province.wire import Wire
from tests.integration import landing_plant
from tests.integration.test_province_declarations import LEDGERS

CREDIT_CODE = "91530181MA00000004"
PLANT, FURNACE, TOTAL = "00-00-0000-023300-10", "06-01-0901-023300-11", "00-00-0000-100000-11"
DESTINATIONS = {"nh": "nhjc04", "yn": "yunnan"}
KINDS = {
    "nhjc04": ("register", "version", "dictionary", "config", "metering", "data", "download"),
    "yunnan": ("register", "key", "token", "version", "urls", "dictionary", "config", "data"),
}
"""Kinds of messages of each profile."""

MART = """create table marts.upload_values (
    site_code text, data_code text, destination text, stat_type smallint, stat_date timestamp, ends_at timestamptz,
    value numeric, convert_ratio numeric, input_type smallint, scope smallint, is_valid boolean, coverage numeric,
    is_manual boolean, is_closed boolean,
    primary key (site_code, data_code, destination, stat_type, stat_date)
)"""
"""What the sender reads of the marts; that the marts have this form is another test's business."""

COVERAGE = """create table marts.upload_coverage as
    select 'S1' as site_code, %s as data_code, '*' as destination, '综合能耗' as item_name, '没有能流' as reason"""
LONGEST = {0: timedelta(minutes=15), 1: timedelta(days=1), 2: timedelta(days=31), 3: timedelta(days=366)}
RUN_S = 60

Place = tuple[str, int, datetime]
Figure = tuple[Decimal, bool]


@dataclass
class World:
    """What the marts hold, what they have ever held, and the platform."""

    sandbox: Sandbox
    now: datetime = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    held: dict[Place, Figure] = field(default_factory=dict)
    ever: dict[Place, list[Figure | None]] = field(default_factory=dict)
    """In the order in which the marts held them; None where they stopped holding any."""
    year: int = 1999
    runs: int = 0
    said: list[tuple[float, str]] = field(default_factory=list)
    """What the last run said, with the seconds of the monotonic clock."""
    sender_pid: int | None = None

    def begin(self, day: int = 1) -> date:
        """Forget all figures, and go to a year of which the platform has none. Destinations answer for what begins in
        the month and the year of the returned first day, a ``day`` of December; it is 45 days later.
        """
        self.year += 1
        first = date(self.year, 12, day)
        self.held.clear()
        self.ever.clear()
        with warehouse.connect("owner") as owner:
            owner.execute(
                """truncate marts.upload_values, ops.upload_outbox, ops.upload_sent_values, ops.upload_exchanges,
                ops.upload_runs, ops.upload_differences, ops.upload_news, ops.events"""
            )
            owner.execute(
                """update ops.upload_destinations set realtime_filled_to = null,
                options = options || jsonb_build_object('since', %s::text)""",
                [first.isoformat()],
            )
        self.set_clock(datetime.combine(first, datetime.min.time(), UTC) + timedelta(days=45))
        return first

    def set_clock(self, now: datetime) -> None:
        self.now = now
        self.sandbox.set_clock(now)

    def pass_time(self, minutes: int) -> None:
        self.set_clock(self.now + timedelta(minutes=minutes))

    # -------------------------------------------------------------- the marts
    def put(self, figures: dict[Place, Figure | None]) -> None:
        """What the marts hold of some places from now on; None: nothing any more. One build, judged."""
        with warehouse.connect("owner") as owner:
            for (code, stat_type, stat_date), figure in figures.items():
                key = [code, stat_type, stat_date]
                owner.execute(
                    "delete from marts.upload_values where data_code = %s and stat_type = %s and stat_date = %s", key
                )
                if figure:
                    ends_at = stat_date.replace(tzinfo=UTC) - timedelta(hours=8) + LONGEST[stat_type]
                    owner.execute(
                        "insert into marts.upload_values values"
                        " ('S1', %s, '*', %s, %s, %s, %s, 0.1229, 4, %s, %s, 1, false, false)",
                        [*key, ends_at, figure[0], 4 if code == FURNACE else 1, figure[1]],
                    )
                place = (code, stat_type, stat_date)
                if figure is None:
                    if place in self.held:
                        del self.held[place]
                        self.ever[place].append(None)
                elif self.held.get(place) != figure:
                    self.held[place] = figure
                    self.ever.setdefault(place, []).append(figure)
            days = sorted({stat_date.date() for _, _, stat_date in figures})
            if days:
                owner.execute(
                    "insert into ops.unjudged (site_code, kind, code, starts_on, ends_on) values ('S1', 'flow', 'F1', %s, %s)",
                    [days[0], days[-1] + timedelta(days=1)],
                )
                owner.execute("delete from ops.unjudged")

    # -------------------------------------------------------------- the sender
    def run(self, destination: str, *, trigger: str = "slot", dies_at: int | None = None, seed: int = 0) -> str:
        """One run in a process of its own, killed at its moment number ``dies_at``: a request before or after it
        was answered, or a commit before or after it. Returns "ended", "killed", or what went wrong.
        """
        self.runs += 1
        self.said.clear()
        reader, writer = os.pipe()

        def tell(words: str) -> None:
            os.write(writer, f"{time.monotonic()} {words[:2000]}\n".encode())

        child = os.fork()
        if child == 0:
            words = "no words"
            try:
                os.close(reader)
                if dies_at is not None:
                    _die_at(dies_at)
                sender.run(
                    destination, Request(trigger), f"run-{self.runs}", clock=lambda: self.now, say=tell,
                    wait=lambda _: None, chance=random.Random(seed),
                )  # fmt: skip
                words = "ended"
            except BaseException as error:  # noqa: BLE001 (the parent is told, whatever it is)
                words = f"{type(error).__name__}: {error}".replace("\n", " ")
            finally:
                tell(words)
                os._exit(0)
        os.close(writer)
        self.sender_pid = child
        with os.fdopen(reader, encoding="utf-8") as pipe:
            for line in pipe:
                at, _, words = line.rstrip("\n").partition(" ")
                self.said.append((float(at), words))
        _, status = os.waitpid(child, 0)
        self.sender_pid = None
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return "killed"
        return self.said[-1][1]

    def settle(self, destination: str, most: int = 12) -> None:
        """The platform behaves again; runs as the DAG gives them until nothing is left, then a person's."""
        self.sandbox.behave()
        self.sandbox.change("thaw")
        for _ in range(most):
            self.pass_time(61)
            told = self.run(destination)
            assert told == "ended", told
            counts = self.count(destination)
            if not counts[1]:
                break
        else:
            raise AssertionError(f"{counts} after {most} runs: {self.troubles(destination)}")
        if counts[3]:  # refused: a person has looked at it
            assert self.run(destination, trigger="command") == "ended"

    # -------------------------------------------------------------- what came of it
    def count(self, destination: str) -> dict[int, int]:
        query = "select count(*) filter (where status = %s) from ops.upload_outbox where destination = %s"
        with warehouse.connect("upload") as connection:
            return {
                status: connection.execute(query, [status, destination]).fetchone()[0]  # type: ignore[index]
                for status in (1, 2, 3)
            }

    def troubles(self, destination: str) -> list[Any]:
        with warehouse.connect("upload") as connection:
            return connection.execute(
                "select started_at, message from ops.upload_runs where destination = %s order by started_at desc limit 5",
                [destination],
            ).fetchall()

    def platform(self, destination: str) -> dict[Place, list[Figure]]:
        """All versions that the platform has stored of places that the marts have ever held, oldest first."""
        stored: dict[Place, list[Figure]] = {}
        for row in self.sandbox.versions(DESTINATIONS[destination]):
            place = (row["data_code"], row["stat_type"], datetime.fromisoformat(row["stat_date"]))
            if place in self.ever:
                stored.setdefault(place, []).append((Decimal(row["value"]), bool(row["is_valid"])))
        return stored

    def faults(self, destination: str) -> list[str]:
        """What of the platform's copy is not as it has to be; empty at the end of all misfortune."""
        wrong = []
        stored = self.platform(destination)
        for place, figure in self.held.items():
            if not stored.get(place) or stored[place][-1] != figure:
                wrong.append(f"{place}: the marts hold {figure}, the platform {stored.get(place)}")
        for place, versions in stored.items():
            if place not in self.held and versions[-1][1]:
                wrong.append(f"{place}: withdrawn, but valid at the platform: {versions}")
            if not _is_in_order(versions, self.ever[place]):
                wrong.append(f"{place}: the platform got {versions}, the marts held {self.ever[place]}")
        with warehouse.connect("upload") as connection:
            sent = connection.execute(
                """select data_code, stat_type, stat_date, value, is_valid from ops.upload_outbox
                where destination = %(name)s and sent_at is not null
                union all
                select data_code, stat_type, stat_date, value, is_valid from ops.upload_sent_values
                where destination = %(name)s""",
                {"name": destination},
            ).fetchall()
        return wrong + [
            f"sent, never held: {row}" for row in sent if not _is_in_order([tuple(row[3:])], self.ever[tuple(row[:3])])
        ]


def _is_in_order(versions: Sequence[Figure], ever: Sequence[Figure | None]) -> bool:
    """Whether the platform's versions are some of the marts', in the same order.

    What was sent can't be taken back: once the marts hold nothing more, the platform may be told that a value which
    they held before does not count.
    """
    position = 0
    for value, is_valid in versions:
        before: set[Decimal] = {one[0] for one in ever[:position] if one}
        for one in ever[position:]:
            position += 1
            if one == (value, is_valid) or (one is None and value in before and not is_valid):
                break
            before |= {one[0]} if one else set()
        else:
            return False
    return True


def _die_at(moment: int) -> None:
    """In the child: kill -9 when the countdown of moments ends."""
    left = moment

    def tick() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def between(real: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **options: Any) -> Any:
            tick()
            result = real(*arguments, **options)
            tick()
            return result

        return do

    Wire._fetch = between(Wire._fetch)  # type: ignore[method-assign]
    psycopg.Connection.commit = between(psycopg.Connection.commit)  # type: ignore[method-assign]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """The plant of the declarations' tests with three items, in the warehouse of the environment."""
    landing_plant.load(landing_plant.write(folder, LEDGERS))
    with isolated("--option", "is_encrypted=true") as sandbox:
        with warehouse.connect("owner") as owner:
            owner.execute("drop view if exists marts.upload_values cascade")
            owner.execute(MART.encode())
            owner.execute("drop view if exists marts.upload_coverage cascade")
            owner.execute(COVERAGE.encode(), [TOTAL])
            owner.execute("grant select on marts.upload_values, marts.upload_coverage to nengduan_upload")
            for code, flow, scope in ((PLANT, "F1", 1), (FURNACE, "F2", 4), (TOTAL, "F1", 1)):
                owner.execute(
                    "insert into ledger.upload_items (site_code, data_code, flow_code, scope, stat_types, batch_id)"
                    " values ('S1', %s, %s, %s, '0,1,2,3', 1)",
                    [code, flow, scope],
                )
        urls = {"nhjc04": sandbox.nhjc04_url, "yunnan": sandbox.yunnan_url}
        with warehouse.connect("upload") as connection:
            for name, profile in DESTINATIONS.items():
                connection.execute(
                    """insert into ops.upload_destinations (site_code, destination, profile, url, options,
                        is_loopback_http_allowed, created_by, created_at)
                    values ('S1', %s, %s, %s, '{}', true, 'test', '1999-01-01')""",
                    [name, profile, urls[profile]],
                )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NENGDUAN_UPLOAD_YN_PASSWORD", "pin4567890")
            yield World(sandbox)
