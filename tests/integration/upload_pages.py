"""What a plant's uploads have left behind, written down by hand: two platforms, one of which is hostile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from ingestion import warehouse
from plugins.province import state
from plugins.province.sandbox import dictionaries as sandbox
from tests.integration.workbench_visits import SITE

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202e"
"""What a platform that means harm says wherever it is asked."""

FOREIGN_SITE = "S9"
ITEM, FURNACE = "00-00-0000-023300-10", "06-01-0901-023300-11"

OUTBOX = """insert into ops.upload_outbox (site_code, destination, data_code, stat_type, stat_date, value, input_type,
    scope, origin, status, attempts, next_attempt_at, last_code, last_message, filled_at, sent_at, tried_at)
select %(site)s, %(destination)s, %(code)s, %(stat_type)s, %(first)s::timestamp + number * interval '1 day', number + 0.5,
    4, 1, 'scheduled', %(status)s, %(attempts)s, now() + %(wait)s::interval, %(last_code)s, %(last_message)s, now(),
    %(sent_at)s, %(sent_at)s
from generate_series(0, %(count)s - 1) as number"""


def destination(
    connection: Any, name: str, *, site: str = SITE, profile: str = "nhjc04", slot: str | None = None
) -> None:
    connection.execute(
        "insert into ops.upload_destinations (site_code, destination, profile, url, created_by)"
        " values (%s, %s, %s, %s, 'test')",
        [site, name, profile, f"https://{name}.example/api"],
    )
    if slot:
        connection.execute(
            "insert into ops.upload_states (site_code, destination, state) values (%s, %s, %s)",
            [site, name, Jsonb({"slot": slot})],
        )


def exchange(connection: Any, name: str, at: str, **values: Any) -> int:
    row: dict[str, Any] = {
        "site_code": SITE, "destination": name, "run_id": "run-1", "kind": "data", "method": "POST",
        "url": f"https://{name}.example/data", "started_at": at, "duration_ms": 120, "http_status": 200,
        "outcome": "accepted", "code": "0", "message": None, "reason": None, "row_count": 3, "request": "{}",
        "response": "{}",
    }  # fmt: skip
    row |= values
    columns = ", ".join(row)
    places = ", ".join(f"%({column})s" for column in row)
    statement = f"insert into ops.upload_exchanges ({columns}) values ({places}) returning exchange_id"
    return int(connection.execute(statement, row).fetchone()[0])


def outbox(connection: Any, name: str, code: str, first: str, status: int, **values: Any) -> None:
    row: dict[str, Any] = {
        "site": SITE, "destination": name, "code": code, "stat_type": 1, "first": first, "status": status, "count": 1,
        "attempts": 0, "wait": "0", "last_code": None, "last_message": None, "sent_at": None,
    }  # fmt: skip
    connection.execute(OUTBOX, row | values)


def alarm(connection: Any, name: str, kind: str, at: str, message: str) -> None:
    connection.execute(
        "insert into ops.events (occurred_at, kind, severity, site_code, subject, message)"
        " values (%s, %s, 'critical', %s, %s, %s)",
        [at, kind, SITE, name, message],
    )


def run(connection: Any, name: str, at: str, *, is_finished: bool, message: str | None = None) -> None:
    connection.execute(
        """insert into ops.upload_runs (run_id, site_code, destination, trigger, slot_date, started_at, ended_at,
            rows_filled, rows_sent, rows_acked, rows_failed, rows_left, rows_held, is_finished, message)
        values (%s, %s, %s, 'slot', %s::timestamptz::date, %s, %s::timestamptz + interval '1 minute', 9, 8, 6, 2, 3, 1, %s, %s)""",
        [f"run-{at}", SITE, name, at, at, at, is_finished, message],
    )


def leave() -> dict[str, int]:
    """A platform that behaves (good), one that does not (bad), one of another site; returns ids of exchanges."""
    ids: dict[str, int] = {}
    with warehouse.connect("owner") as connection:
        connection.execute(
            "insert into ledger.sites (site_code, name, batch_id) values (%s, '别家', 1)", [FOREIGN_SITE]
        )
        destination(connection, "good", slot="01:38:00")
        destination(connection, "bad", profile="yunnan")
        destination(connection, "theirs", site=FOREIGN_SITE)
        run(connection, "good", "2026-03-01 18:00Z", is_finished=True)
        run(connection, "bad", "2026-03-01 18:00Z", is_finished=False, message=f"平台没有可用的应答：{HOSTILE}")
        alarm(connection, "good", "upload_unreachable", "2026-02-20 18:00Z", "早已过去")
        alarm(connection, "bad", "upload_unreachable", "2026-02-27 18:00Z", "旧的一次")
        alarm(connection, "bad", "upload_unreachable", "2026-02-28 18:00Z", f"平台说：{HOSTILE}")
        ids["good"] = exchange(connection, "good", "2026-03-01 18:01Z", request='{"secretKey":"***"}')
        for minute in range(60):
            exchange(connection, "good", f"2026-02-10 01:{minute:02}Z", kind="version", row_count=0)
        ids["bad"] = exchange(
            connection, "bad", "2026-03-01 18:02Z", outcome="refused", code=HOSTILE, message=HOSTILE, reason=HOSTILE,
            response=HOSTILE, url=f"https://bad.example/{HOSTILE}",
        )  # fmt: skip
        ids["theirs"] = exchange(connection, "theirs", "2026-03-01 18:03Z", site_code=FOREIGN_SITE)
        outbox(connection, "good", ITEM, "2026-02-01", 2, count=5)
        outbox(connection, "bad", ITEM, "2026-02-10", 1, count=3, sent_at="2026-02-11 18:00Z", wait="1 hour")
        outbox(connection, "bad", FURNACE, "2026-01-01", 1, stat_type=2)
        outbox(connection, "bad", FURNACE, "2026-01-01", 3, count=55, last_code="500", last_message=HOSTILE, attempts=3)
        connection.execute(
            "insert into ledger.upload_items (site_code, data_code, name, flow_code, scope, batch_id)"
            " values (%s, %s, '电炉用电', 'F2', 4, 1)",
            [SITE, FURNACE],
        )
        for day in range(12):
            connection.execute(
                "insert into ops.upload_differences values (%s, 'bad', %s, 1, %s::timestamp, 5, null, 'missing_there',"
                " '2026-03-01 18:05Z')",
                [SITE, ITEM, f"2026-02-{day + 1:02}"],
            )
    return ids


def hand_out(connection: Any, name: str, dictionaries: Mapping[str, str]) -> None:
    """What a platform has handed out: the sandbox's entries, by the platform's name of each dictionary."""
    for dictionary, source in dictionaries.items():
        state.save_dictionary(connection, SITE, name, dictionary, "1", sandbox.rows(source))


NHJC04_DICTIONARIES = {
    name: name for name in ("region", "process", "equipment", "energyClass", "energyType", "dataUsage")
}


def cover() -> None:
    """The mart of coverage as a build leaves it."""
    with warehouse.connect("owner") as connection:
        connection.execute(
            """create table marts.upload_coverage (site_code text, data_code text, destination text, item_name text,
                figure text, stat_types text, is_required boolean, is_covered boolean, reason text)"""
        )
        connection.execute("grant select on marts.upload_coverage to nengduan_audit")
        connection.execute(
            """insert into marts.upload_coverage values
            ('S1', %s, '*', '电炉用电', 'quantity', '1,2', true, false, '能流 F2 还没有数据'),
            ('S1', '00-00-0000-020900-10', 'bad', '焦炭', 'quantity', '1', null, false, '没有填写能流或计算式'),
            ('S1', %s, '*', '购电', 'quantity', '0,1', true, true, null),
            ('S9', '00-00-0000-023300-99', '*', '别家的', 'quantity', '1', true, false, '别家的原因')""",
            [FURNACE, ITEM],
        )
