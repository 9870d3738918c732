"""What people must hear of an upload: events of ops.events, once a day for one cause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

QUIET_HOURS = 20
"""The same cause at the same destination is told once in so many hours: each day's slot tells it again."""


def raise_once(
    connection: psycopg.Connection[Any],
    kind: str,
    site: str,
    destination: str,
    message: str,
    now: datetime,
    *,
    severity: str = "critical",
    payload: dict[str, Any] | None = None,
) -> bool:
    """One event, unless the same kind was raised for this destination a short while ago; whether it was."""
    return bool(
        connection.execute(
            """insert into ops.events (occurred_at, kind, severity, site_code, subject, message, payload)
            select %(now)s, %(kind)s, %(severity)s, %(site)s, %(destination)s, %(message)s, %(payload)s
            where not exists (
                select 1 from ops.events
                where kind = %(kind)s and site_code = %(site)s and subject = %(destination)s
                    and occurred_at > %(now)s::timestamptz - make_interval(hours => %(quiet)s)
            )""",
            {
                "now": now,
                "kind": kind,
                "severity": severity,
                "site": site,
                "destination": destination,
                "message": message,
                "payload": Jsonb(payload or {}),
                "quiet": QUIET_HOURS,
            },
        ).rowcount
    )
