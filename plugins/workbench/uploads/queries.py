"""Questions to the tables of the sender, asked as the role that only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from plugins.workbench import visits

Row = dict[str, Any]
Cursor = psycopg.Cursor[Row]

DIFFERENCES_SHOWN = 10
ALARMS_SHOWN = 20

DESTINATIONS = """
select destinations.site_code, sites.name as site_name, sites.timezone, destinations.destination, destinations.profile,
    destinations.url, destinations.is_enabled, destinations.options, coalesce(states.state, '{}') as state,
    runs.trigger, runs.slot_date, runs.started_at as run_started_at, runs.ended_at as run_ended_at, runs.rows_sent,
    runs.rows_acked, runs.rows_failed, runs.rows_left, runs.rows_held, runs.is_finished, runs.message as run_message,
    exchanges.exchange_id, exchanges.kind, exchanges.started_at as exchanged_at, exchanges.duration_ms,
    exchanges.http_status, exchanges.outcome, exchanges.code, exchanges.message, exchanges.reason
from ops.upload_destinations as destinations
inner join ledger.sites as sites on destinations.site_code = sites.site_code
left join ops.upload_states as states
    on destinations.site_code = states.site_code and destinations.destination = states.destination
left join lateral (
    select * from ops.upload_runs
    where site_code = destinations.site_code and destination = destinations.destination
    order by started_at desc
    limit 1
) as runs on true
left join lateral (
    select * from ops.upload_exchanges
    where site_code = destinations.site_code and destination = destinations.destination
    order by started_at desc, exchange_id desc
    limit 1
) as exchanges on true
where destinations.site_code = any(%(sites)s)
order by destinations.site_code, destinations.destination
"""

BACKLOG = """
select site_code, destination, status, stat_type, count(*) as row_count,
    count(*) filter (where next_attempt_at > now()) as waiting_count,
    count(*) filter (where sent_at is not null) as sent_count,
    min(stat_date) as oldest, upper(ops.days_of_upload(stat_type, min(stat_date))) as due_from
from ops.upload_outbox
where site_code = any(%(sites)s)
group by site_code, destination, status, stat_type
"""

ALARMS = """
select events.site_code, events.subject as destination, events.kind, events.severity, events.message,
    events.occurred_at
from (
    select distinct on (site_code, subject, kind) * from ops.events
    where site_code = any(%(sites)s) and starts_with(kind, 'upload_')
    order by site_code, subject, kind, occurred_at desc, event_id desc
) as events
where not exists (
    select 1 from ops.upload_runs as runs
    where runs.site_code = events.site_code and runs.destination = events.subject
        and runs.started_at > events.occurred_at and runs.is_finished
)
order by events.occurred_at desc
limit %(limit)s
"""
"""An alarm is open until a run that began after it has left nothing to send."""

DIFFERENCES = """
select * from (
    select differences.*,
        row_number() over (
            partition by site_code, destination order by found_at desc, stat_date desc, data_code
        ) as place,
        count(*) over (partition by site_code, destination) as difference_count
    from ops.upload_differences as differences
    where site_code = any(%(sites)s)
) as numbered
where place <= %(limit)s
order by place
"""

EXCHANGES = """
select exchanges.exchange_id, exchanges.destination, exchanges.run_id, exchanges.kind, exchanges.started_at,
    exchanges.duration_ms, exchanges.http_status, exchanges.outcome, exchanges.code,
    left(coalesce(exchanges.message, exchanges.reason), 200) as message, exchanges.row_count, exchanges.bytes_sent,
    exchanges.bytes_received
from ops.upload_exchanges as exchanges
inner join ledger.sites as sites on exchanges.site_code = sites.site_code
where exchanges.site_code = %(site)s
    and (%(destination)s = '' or exchanges.destination = %(destination)s)
    and (%(kind)s = '' or exchanges.kind = %(kind)s)
    and (%(outcome)s = '' or exchanges.outcome = %(outcome)s)
    and (%(first)s::date is null or exchanges.started_at >= %(first)s::timestamp at time zone sites.timezone)
    and (%(last)s::date is null or exchanges.started_at < (%(last)s::date + 1)::timestamp at time zone sites.timezone)
order by exchanges.started_at desc, exchanges.exchange_id desc
limit %(limit)s offset %(offset)s
"""

EXCHANGE = "select * from ops.upload_exchanges where site_code = %(site)s and exchange_id = %(id)s"

FAILURES = """
select outbox.destination, outbox.data_code, outbox.stat_type, outbox.stat_date, outbox.value, outbox.is_valid,
    outbox.version, outbox.attempts, outbox.tried_at, outbox.last_code, outbox.last_message,
    items.destination as item_destination, items.name as item_name
from ops.upload_outbox as outbox
left join lateral (
    select items.destination, items.name from ledger.upload_items as items
    where items.site_code = outbox.site_code and items.data_code = outbox.data_code
        and items.destination in (outbox.destination, '*')
    order by items.destination = '*'
    limit 1
) as items on true
where outbox.site_code = %(site)s and outbox.status = 3
    and (%(destination)s = '' or outbox.destination = %(destination)s)
    and (%(search)s = '' or concat_ws(' ', outbox.data_code, items.name, outbox.last_message) ilike %(pattern)s)
order by outbox.stat_date desc, outbox.destination, outbox.data_code, outbox.stat_type
limit %(limit)s offset %(offset)s
"""

COVERAGE = """
select data_code, destination, item_name, figure, stat_types, is_required, is_covered, reason
from marts.upload_coverage
where site_code = %(site)s
order by is_covered, is_required desc nulls last, data_code, destination
"""


@contextmanager
def reading() -> Iterator[Cursor]:
    """A cursor for one page, of the role that reads everything and writes nothing."""
    with visits.connected("audit") as connection, connection.cursor(row_factory=dict_row) as cursor:
        yield cursor


def rows(cursor: Cursor, query: str, **parameters: Any) -> list[Row]:
    return cursor.execute(query.encode(), parameters).fetchall()


def grouped(found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Rows by site and destination."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found:
        groups.setdefault((row["site_code"], row["destination"]), []).append(row)
    return groups


def destinations(cursor: Cursor, site: str) -> list[str]:
    """Names of the platforms of a site."""
    found = rows(
        cursor, "select destination from ops.upload_destinations where site_code = %(site)s order by 1", site=site
    )
    return [row["destination"] for row in found]
