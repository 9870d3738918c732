"""Which periods of the outbox may differ from the marts, so that filling costs what is new and misses nothing.

Day, month and year figures are few: all of them since the destination began are compared each time, which also
finds changed items, documents and closings. Realtime figures are compared where a build has computed days anew
(ops.upload_news), for days that are not filled yet, and all of them when the list of items has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from plugins.province import filling
from plugins.province.destinations import Destination
from plugins.province.report import Filled

ITEM_TABLES = ("upload_items", "upload_values", "sites")
"""Ledgers whose change may move realtime figures that no build computes anew."""


def first_day(connection: psycopg.Connection[Any], destination: Destination) -> date:
    """The first day that this destination answers for: its setting, or the day before it was added; or earlier,
    where somebody sent earlier days by hand, so that their corrections follow.
    """
    if since := destination.options.get("since"):
        begins = date.fromisoformat(since)
    else:
        begins = destination.created_at.astimezone(ZoneInfo(destination.timezone)).date() - timedelta(days=1)
    row = connection.execute(
        """select min(stat_date)::date from ops.upload_outbox
        where site_code = %s and destination = %s and stat_type in (0, 1)""",
        [destination.site_code, destination.destination],
    ).fetchone()
    return min(begins, row[0]) if row and row[0] else begins


def fill(
    connection: psycopg.Connection[Any],
    destination: Destination,
    first: date,
    after: date,
    now: datetime,
    codes: Sequence[str] | None = None,
) -> Filled:
    """Bring the outbox to the marts from ``first`` up to ``after`` (half-open); commits on its way.

    A run that is cut off has noted nothing as filled, and the next one fills the same again.
    """
    key = (destination.site_code, destination.destination)
    # Statistical days; one may end on the next morning, hence a day more. What is unjudged is read after the news, so
    # that what a build tells between the two stays among the news.
    news = connection.execute(
        """select news_id, greatest(starts_on, %s), least(ends_on, %s) from ops.upload_news
        where site_code = %s and destination = %s""",
        [first, after, *key],
    ).fetchall()
    unjudged = connection.execute(
        """select greatest(starts_on, %s), least(ends_on, %s) from ops.unjudged
        where site_code = %s and starts_on < %s and ends_on > %s""",
        [first, after, destination.site_code, after, first],
    ).fetchall()
    filled_to, seen = _noted(connection, key)
    changed = _last_change(connection, destination.site_code)
    connection.commit()
    filled = Filled()
    # On the wire a month or a year is named by its first day: the one that holds the first day belongs to it.
    for kind, begins in (
        (filling.DAY, first),
        (filling.MONTH, first.replace(day=1)),
        (filling.YEAR, first.replace(month=1, day=1)),
    ):
        filled += filling.fill(connection, *key, begins, after, now, codes=codes, stat_types=(kind,))
    everything = codes is None
    if filled_to is None or changed != seen:
        spans = [(first, after)]
    else:
        spans = _joined(
            [(begins, ends + timedelta(days=1)) for _, begins, ends in news] + [(filled_to - timedelta(days=1), after)],
            first,
            after,
        )
    for begins, ends in spans:
        filled += filling.fill(connection, *key, begins, ends, now, codes=codes, stat_types=(filling.REALTIME,))
    if everything:
        connection.execute(
            "delete from ops.upload_news where site_code = %s and destination = %s and news_id = any(%s)",
            [*key, [row[0] for row in news]],
        )
        # What the gate had not passed was left as it was: the next run looks at it again.
        for begins, ends in _joined(unjudged, first, after):
            connection.execute(
                "insert into ops.upload_news (site_code, destination, starts_on, ends_on) values (%s, %s, %s, %s)",
                [*key, begins, ends],
            )
        connection.execute(
            "update ops.upload_destinations set realtime_filled_to = %s, change_seen = %s"
            " where site_code = %s and destination = %s",
            [after, changed, *key],
        )
    connection.commit()
    return filled


def _noted(connection: psycopg.Connection[Any], key: tuple[str, str]) -> tuple[date | None, int | None]:
    row = connection.execute(
        "select realtime_filled_to, change_seen from ops.upload_destinations where site_code = %s and destination = %s",
        key,
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)


def _last_change(connection: psycopg.Connection[Any], site: str) -> int:
    row = connection.execute(
        "select coalesce(max(change_id), 0) from ledger.changes where site_code = %s and table_name = any(%s)",
        [site, list(ITEM_TABLES)],
    ).fetchone()
    return int(row[0]) if row else 0


def _joined(spans: Sequence[tuple[date, date]], first: date, after: date) -> list[tuple[date, date]]:
    """Spans within ``first`` and ``after``, those that touch as one, in order."""
    joined: list[tuple[date, date]] = []
    for begins, ends in sorted((max(begins, first), min(ends, after)) for begins, ends in spans):
        if begins >= ends:
            continue
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return joined
