"""Reminders of calibrations and certificates that fall due, and events of what inspections found.

All of it may be done twice: what was told once is not told again, since the tables' own keys refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from ingestion import warehouse

REMINDERS = Path(__file__).with_name("reminders.sql")
FINDINGS = Path(__file__).with_name("findings.sql")


@dataclass(frozen=True)
class Reminder:
    """A message that was just made."""

    message_id: int
    site_code: str
    title: str
    message: str


def remind(now: datetime, *, dry_run: bool = False) -> list[Reminder]:
    """Make the messages that are due at ``now`` (with a zone) and were not made before; returns these.

    Nothing is due while there are no marts. ``dry_run`` writes nothing.
    """
    with warehouse.connect("transform") as connection:
        row = connection.execute(
            "select num_nulls(to_regclass('marts.calibration_due'), to_regclass('marts.certificate_due')) = 0"
        ).fetchone()
        if not (row and row[0]):
            return []
        _set_clock(connection, now)
        rows = connection.execute(REMINDERS.read_bytes(), {"now": now}).fetchall()
        if dry_run:
            connection.rollback()
    return [Reminder(*one) for one in rows]


def raise_findings(now: datetime) -> list[str]:
    """Make an event of each abnormal finding that has none yet; returns their messages."""
    with warehouse.connect("transform") as connection:
        return [row[0] for row in connection.execute(FINDINGS.read_bytes(), {"now": now}).fetchall()]


def _set_clock(connection: psycopg.Connection[Any], now: datetime) -> None:
    """The marts' clock, for this transaction (dbt_project/macros/clocks.sql)."""
    connection.execute("select set_config('nengduan.now', %s, true)", [now.isoformat()])
