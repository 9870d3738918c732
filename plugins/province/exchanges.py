"""Every exchange with a platform becomes a row of ops.upload_exchanges, whatever became of it."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

from plugins.province.wire import Exchange

COLUMNS = (
    "kind", "method", "url", "started_at", "duration_ms", "http_status", "code", "message", "outcome", "reason",
    "row_count", "bytes_sent", "bytes_received", "clock_skew_s", "request", "response",
)  # fmt: skip

CLOCK_SKEW_S = 60
"""A platform whose clock is further from ours than this raises an alarm (contract of the wire, 1)."""


class Log:
    """Writes exchanges over a connection of its own, each in its own transaction; safe for several threads.

    What was exchanged is known even when what follows from it is rolled back.
    """

    def __init__(self, connection: psycopg.Connection[Any], site: str, destination: str, run_id: str) -> None:
        """``connection`` commits by itself."""
        self._connection = connection
        self._head = (site, destination, run_id)
        self._lock = threading.Lock()
        self.largest_skew_s = 0

    def write(self, exchange: Exchange) -> None:
        """One row."""
        names = ", ".join(("site_code", "destination", "run_id", *COLUMNS))
        places = ", ".join(["%s"] * (3 + len(COLUMNS)))
        values = [_storable(getattr(exchange, column)) for column in COLUMNS]
        with self._lock:
            if exchange.clock_skew_s is not None and abs(exchange.clock_skew_s) > abs(self.largest_skew_s):
                self.largest_skew_s = exchange.clock_skew_s
            self._connection.execute(
                f"insert into ops.upload_exchanges ({names}) values ({places})",  # noqa: S608 (COLUMNS)
                [*self._head, *values],
            )


def _storable(value: Any) -> Any:
    """PostgreSQL's text holds no zero bytes; a hostile platform may send some."""
    return value.replace("\0", "␀") if isinstance(value, str) else value
