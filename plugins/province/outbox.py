"""The outbox of one destination: taken batch by batch, settled by the platform's answers.

Each call is one transaction or part of the caller's. A row keeps status 1 (未上报) until the platform has explicitly
acknowledged it; so a sender that is killed anywhere sends the same rows again, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from plugins.province.profiles import Row

LONGEST_BACK_OFF_MINUTES = 60


@dataclass(frozen=True)
class Taken(Row):
    """A row that is being sent: this version of it."""

    version: int = 1
    attempts: int = 0


@dataclass(frozen=True)
class Counts:
    """Rows of a destination by status; ``due`` of the unsent ones may be sent now."""

    unsent: int
    due: int
    acked: int
    failed: int


def take(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    limit: int,
    now: datetime,
    *,
    within: tuple[date, date] | None = None,
    codes: Sequence[str] | None = None,
    due_only: bool = True,
    begun_at: datetime | None = None,
    beyond: Taken | None = None,
) -> list[Taken]:
    """The oldest unsent rows, marked as sent from now on; the caller commits before it sends them.

    Rows whose back-off is not over are left out; without ``due_only`` only those that have backed off since
    ``begun_at``, when the run began. With ``beyond`` only rows after that one, so that a long backlog does not look
    at all that it has sent already, again and again.
    """
    with connection.cursor(row_factory=class_row(Taken)) as cursor:
        rows = cursor.execute(
            # By ctid, because the planner knows nothing yet of rows that have just been filled in.
            """update ops.upload_outbox as outbox
            set sent_at = coalesce(outbox.sent_at, %(now)s), tried_at = %(now)s, attempts = outbox.attempts + 1
            where outbox.ctid = any(array(
                select ctid
                from ops.upload_outbox
                where site_code = %(site)s and destination = %(destination)s and status = 1
                    and (next_attempt_at <= %(now)s or not %(due_only)s and coalesce(tried_at < %(begun_at)s, true))
                    and (%(first)s::date is null or stat_date >= %(first)s and stat_date < %(after)s)
                    and (%(codes)s::text[] is null or data_code = any(%(codes)s))
                    and (stat_date, stat_type, data_code)
                        > (%(after_date)s::timestamp, %(after_type)s::smallint, %(after_code)s::text)
                order by stat_date, stat_type, data_code
                limit %(limit)s
            ))
            returning outbox.data_code, outbox.stat_type, outbox.stat_date, outbox.value, outbox.input_type,
                outbox.scope, outbox.is_valid, outbox.convert_ratio, outbox.version, outbox.attempts""",
            {
                "site": site,
                "destination": destination,
                "now": now,
                "limit": limit,
                "first": within[0] if within else None,
                "after": within[1] if within else None,
                "codes": list(codes) if codes is not None else None,
                "due_only": due_only,
                "begun_at": begun_at or now,
                "after_date": beyond.stat_date if beyond else "-infinity",
                "after_type": beyond.stat_type if beyond else 0,
                "after_code": beyond.data_code if beyond else "",
            },
        ).fetchall()
    return sorted(rows, key=lambda row: (row.stat_date, row.stat_type, row.data_code))


def acknowledge(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    rows: Sequence[Taken],
    code: str | None,
    now: datetime,
) -> None:
    """The platform holds these: status 2, 已上报."""
    _settle(
        connection, site, destination, rows,
        "status = 2, acked_at = %(now)s, last_code = %(code)s, last_message = null",
        {"now": now, "code": code},
    )  # fmt: skip


def fail(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    reasons: Mapping[Taken, str],
    code: str | None,
) -> None:
    """The platform will not have these: status 3, 上报失败, until their value changes or somebody asks again."""
    rows = list(reasons)
    _settle(
        connection, site, destination, rows,
        "status = 3, last_code = %(code)s, last_message = given.message",
        {"code": code},
        messages=[reasons[row] for row in rows],
    )  # fmt: skip


def postpone(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    rows: Sequence[Taken],
    message: str,
    code: str | None,
    now: datetime,
    jitter: float,
    least_s: int = 0,
) -> None:
    """Nothing is known of these: they stay, and wait 1, 2, 4 … 60 minutes by their attempts.

    ``jitter`` (0 to 1) shortens the wait by up to a quarter, so that plants do not come back together; ``least_s``
    is what the platform asked for.
    """
    _settle(
        connection, site, destination, rows,
        """last_code = %(code)s, last_message = %(message)s,
        next_attempt_at = %(now)s::timestamptz + greatest(
            interval '1 minute' * least(power(2, least(greatest(outbox.attempts, 1), 7) - 1), %(most)s) * %(share)s,
            interval '1 second' * %(least_s)s
        )""",
        {
            "code": code, "message": message, "now": now, "most": LONGEST_BACK_OFF_MINUTES,
            "share": 1 - jitter / 4, "least_s": least_s,
        },
    )  # fmt: skip


def send_again(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    now: datetime,
    within: tuple[date, date] | None = None,
    codes: Sequence[str] | None = None,
) -> int:
    """Let rows that failed be sent again, of periods that begin within ``within`` (half-open) and of ``codes`` where
    given; how many.
    """
    return connection.execute(
        """update ops.upload_outbox set status = 1, attempts = 0, next_attempt_at = %(now)s
        where site_code = %(site)s and destination = %(destination)s and status = 3
            and (%(first)s::date is null or stat_date >= %(first)s and stat_date < %(after)s)
            and (%(codes)s::text[] is null or data_code = any(%(codes)s))""",
        {
            "now": now,
            "site": site,
            "destination": destination,
            "first": within[0] if within else None,
            "after": within[1] if within else None,
            "codes": list(codes) if codes is not None else None,
        },
    ).rowcount


def count(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    now: datetime,
    within: tuple[date, date] | None = None,
    codes: Sequence[str] | None = None,
) -> Counts:
    """Rows by status, of periods that begin within ``within`` (half-open) and of ``codes`` where given."""
    with connection.cursor(row_factory=class_row(Counts)) as cursor:
        row = cursor.execute(
            """select count(*) filter (where status = 1) as unsent,
                count(*) filter (where status = 1 and next_attempt_at <= %(now)s) as due,
                count(*) filter (where status = 2) as acked,
                count(*) filter (where status = 3) as failed
            from ops.upload_outbox
            where site_code = %(site)s and destination = %(destination)s
                and (%(first)s::date is null or stat_date >= %(first)s and stat_date < %(after)s)
                and (%(codes)s::text[] is null or data_code = any(%(codes)s))""",
            {
                "site": site,
                "destination": destination,
                "now": now,
                "first": within[0] if within else None,
                "after": within[1] if within else None,
                "codes": list(codes) if codes is not None else None,
            },
        ).fetchone()
    assert row is not None  # noqa: S101 (an aggregate)
    return row


def _settle(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    rows: Sequence[Taken],
    assignments: str,
    values: Mapping[str, Any],
    messages: Sequence[str] | None = None,
) -> None:
    """Give rows their new state, if they still are the version that was sent."""
    if not rows:
        return
    connection.execute(
        f"""update ops.upload_outbox as outbox set {assignments}
        from unnest(
            %(data_codes)s::text[], %(stat_types)s::smallint[], %(stat_dates)s::timestamp[], %(versions)s::integer[],
            %(messages)s::text[]
        ) as given (data_code, stat_type, stat_date, version, message)
        where outbox.site_code = %(site)s and outbox.destination = %(destination)s
            and outbox.data_code = given.data_code and outbox.stat_type = given.stat_type
            and outbox.stat_date = given.stat_date and outbox.version = given.version and outbox.status = 1""",  # noqa: S608 (our own assignments)
        {
            "site": site,
            "destination": destination,
            "data_codes": [row.data_code for row in rows],
            "stat_types": [row.stat_type for row in rows],
            "stat_dates": [row.stat_date for row in rows],
            "versions": [row.version for row in rows],
            "messages": list(messages or [""] * len(rows)),
            **values,
        },
    )
