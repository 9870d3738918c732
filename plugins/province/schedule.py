"""Which destinations have their turn: the platform's daily slot, and a backlog whose back-off is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ingestion import warehouse
from plugins.province import alarms, destinations, outbox, state
from plugins.province.destinations import Destination

SLOT = "01:30"
"""Where neither the platform nor the setting names one: after the day's figures are built."""

DEADLINE_MINUTES = 60


@dataclass(frozen=True)
class Turn:
    """A destination that is to be served now."""

    destination: str
    trigger: str
    slot_date: date | None


def slot(known: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """The time of day, the site's own: what the platform has told us, else the setting, else ours."""
    return str(known.get("slot") or options.get("slot") or SLOT)


def due(now: datetime) -> list[Turn]:
    """Every enabled destination whose turn it is, the slot's before the backlogs'."""
    with warehouse.connect("upload") as connection:
        turns = [_turn(connection, one, now) for one in destinations.known(connection) if one.is_enabled]
    return sorted((one for one in turns if one), key=lambda turn: turn.trigger != "slot")


def watch_deadlines(now: datetime) -> list[str]:
    """Raise an alarm for each destination whose slot has passed without everything sent; returns the new ones."""
    raised = []
    with warehouse.connect("upload") as connection:
        for one in destinations.known(connection):
            if not one.is_enabled:
                continue
            minutes = int(one.options.get("deadline_minutes", DEADLINE_MINUTES))
            slot_at = _slot_at(connection, one, now)
            if now < slot_at + timedelta(minutes=minutes) or slot_at < one.created_at:
                continue
            counts = outbox.count(connection, one.site_code, one.destination, now)
            has_run = _has_run(connection, one, _local(one, now).date())
            if has_run and not counts.unsent:
                continue
            why = f"{counts.unsent} 条未上报" if has_run else "今日尚未上报"
            message = f"{one.destination}：上报时刻已过 {minutes} 分钟以上，{why}"
            if alarms.raise_once(connection, "upload_late", one.site_code, one.destination, message, now):
                raised.append(message)
    return raised


def _turn(connection: psycopg.Connection[Any], one: Destination, now: datetime) -> Turn | None:
    today = _local(one, now).date()
    if now >= _slot_at(connection, one, now) and not _has_run(connection, one, today):
        return Turn(one.destination, "slot", today)
    if outbox.count(connection, one.site_code, one.destination, now).due or _has_held(connection, one, today):
        return Turn(one.destination, "backlog", None)
    return None


def _slot_at(connection: psycopg.Connection[Any], one: Destination, now: datetime) -> datetime:
    """Today's slot."""
    known, _ = state.load(connection, one.site_code, one.destination)
    at = time.fromisoformat(slot(known, one.options))
    return datetime.combine(_local(one, now).date(), at, ZoneInfo(one.timezone))


def _has_run(connection: psycopg.Connection[Any], one: Destination, day: date) -> bool:
    row = connection.execute(
        """select exists (select 1 from ops.upload_runs
        where site_code = %s and destination = %s and slot_date = %s and ended_at is not null)""",
        [one.site_code, one.destination, day],
    ).fetchone()
    return bool(row and row[0])


def _has_held(connection: psycopg.Connection[Any], one: Destination, today: date) -> bool:
    """Whether the last run since the slot left figures that the gate over the marts had not passed, and something
    has been passed since."""
    row = connection.execute(
        """select coalesce(rows_held, 0) > 0 and not exists (
            select 1 from ops.unjudged where site_code = %(site)s and starts_on < %(today)s
        )
        from ops.upload_runs
        where site_code = %(site)s and destination = %(destination)s and ended_at is not null
        order by started_at desc limit 1""",
        {"site": one.site_code, "destination": one.destination, "today": today},
    ).fetchone()
    return bool(row and row[0])


def _local(one: Destination, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(one.timezone))
