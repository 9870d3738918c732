"""The ledgers' history: what changed, who changed it, when and why; written by nobody by hand."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from ingestion import landing
from ingestion import settings as configuration
from ingestion import warehouse as connections
from ingestion.authorship import Author, operator
from ingestion.package import open_package
from ingestion.settings import WAREHOUSE_ROLES
from tests.integration.landing_plant import LATER, LEDGERS, NOW, rows, write

pytestmark = pytest.mark.usefixtures("warehouse")

LI = Author("李工", "年度检定后更新倍率")
TABLES = "select table_name from information_schema.tables where table_schema = 'ledger' and table_type = 'BASE TABLE'"


def load(folder: Path, tables: dict[str, str], author: Author | None = None, now: datetime = NOW) -> None:
    with connections.connect("ingest") as connection:
        landing.land_ledgers(open_package(write(folder, tables)), connection, uuid.uuid4(), now, author)


def clock() -> datetime:
    [(instant,)] = rows("select clock_timestamp()")
    return instant


def owner(statement: str, *values: Any) -> list[Any]:
    """As the one who sees every table, whoever was given rights on it."""
    with psycopg.connect(configuration.load().url("owner")) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def as_of(table: str, instant: datetime) -> list[dict[str, Any]]:
    return [row for (row,) in rows("select one from ledger.as_of('S1', %s, %s) as one", table, instant)]


def changes() -> int:
    return int(rows("select count(*) from ledger.changes")[0][0])


def test_a_changed_multiplier_is_kept_with_before_after_who_and_why(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS, Author("import_ledgers.scheduled__1"))
    before = clock()
    meters = LEDGERS["meters"].replace("进线2,electricity,register,kWh,100", "进线2,electricity,register,kWh,200")
    load(tmp_path, {"meters": meters}, LI, LATER)
    after = clock()

    assert rows(
        """select changes.row_key, changes.operation, changes.before ->> 'multiplier', changes.after ->> 'multiplier',
        changes.after ->> 'name', changes.changed_by, changes.reason, batches.file, batches.actor, batches.reason
        from ledger.changes as changes inner join ops.batches as batches using (batch_id)
        where changes.changed_at > %s""",
        before,
    ) == [
        ({"site_code": "S1", "meter_code": "M2"}, "update", "100", "200", "进线2", "李工", LI.reason,
         "meters.csv", "李工", LI.reason),
    ]  # fmt: skip
    assert rows("select distinct changed_by, reason, operation from ledger.changes where changed_at <= %s", before) == [
        ("import_ledgers.scheduled__1", None, "insert")
    ]
    # Any earlier state, whole and typed.
    old, new = (
        rows(
            """select meters.meter_code, meters.multiplier, meters.interval_minutes, meters.register_max
            from ledger.as_of('S1', 'meters', %s) as one, jsonb_populate_record(null::ledger.meters, one) as meters
            order by 1""",
            instant,
        )
        for instant in (before, after)
    )
    assert old == [("M1", 100, 15, None), ("M2", 100, 15, None), ("M3", 1, 15, None)]
    assert new == [("M1", 100, 15, None), ("M2", 200, 15, None), ("M3", 1, 15, None)]
    assert as_of("meters", NOW) == []
    assert not {"batch_id", "recorded_at"} & set(as_of("meters", after)[0])


def test_what_changes_nothing_leaves_no_trace(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS, LI)
    count = changes()
    load(tmp_path, LEDGERS, LI, LATER)
    with connections.connect("ingest") as connection:
        connection.execute("update ledger.meters set recorded_at = now(), batch_id = batch_id + 1, name = name")
    assert changes() == count


def test_terms_that_go_and_come_belong_to_the_batch_that_moved_them(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS)
    before = clock()
    load(tmp_path, {"flows": LEDGERS["flows"].replace("M1 + M2 - 0.5 * M3", "M1 + 2 * M2")}, LI, LATER)
    assert rows(
        """select changes.operation, changes.row_key ->> 'meter_code', (changes.before ->> 'coefficient')::numeric,
        (changes.after ->> 'coefficient')::numeric, changes.changed_by, batches.file
        from ledger.changes as changes inner join ops.batches as batches using (batch_id)
        where changes.changed_at > %s and changes.table_name = 'flow_terms' order by 1""",
        before,
    ) == [
        ("delete", "M3", -0.5, None, "李工", "flows.csv"),
        ("update", "M2", 1, 2, "李工", "flows.csv"),
    ]
    now = clock()
    terms = [
        sorted(row["meter_code"] for row in as_of("flow_terms", at) if row["flow_code"] == "F2") for at in (before, now)
    ]
    assert terms == [["M1", "M2", "M3"], ["M1", "M2"]]


def test_a_session_that_tells_nothing_is_known_by_its_login(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS, LI)
    with connections.connect("ingest") as connection:
        connection.execute("delete from ledger.persons")
    assert rows(
        "select changed_by, reason, batch_id, before ->> 'name', after from ledger.changes where operation = 'delete'"
    ) == [("nengduan_ingest", None, None, "王工", None)]
    load(tmp_path, {"persons": LEDGERS["persons"]}, None, LATER)
    assert rows("select changed_by from ledger.changes order by change_id desc limit 1") == [("nengduan_ingest",)]


def test_a_loader_leaves_its_connection_without_an_author(tmp_path: Path) -> None:
    package = open_package(write(tmp_path, LEDGERS))
    with connections.connect("ingest") as connection:
        landing.land_ledgers(package, connection, uuid.uuid4(), NOW, LI)
        row = connection.execute(
            "select current_setting('nengduan.actor'), current_setting('nengduan.reason'), current_setting('nengduan.batch')"
        ).fetchone()
    assert row == ("", "", "")


def test_the_operator_is_the_user_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert operator("  ").reason is None
    assert operator(" x ").reason == "x"
    monkeypatch.setattr("os.geteuid", lambda: 3_999_999_999)
    assert operator().name == "uid 3999999999"


def test_rows_that_change_their_key_or_are_truncated_are_seen_to_go(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS)
    before = clock()
    with connections.connect("ingest") as connection:
        connection.execute("update ledger.products set product_code = 'P2'")
    assert rows(
        "select operation, row_key ->> 'product_code' from ledger.changes where changed_at > %s order by 2", before
    ) == [
        ("delete", "P1"),
        ("insert", "P2"),
    ]
    owner("truncate ledger.products")
    assert as_of("products", clock()) == []
    assert [row["product_code"] for row in as_of("products", before)] == ["P1"]


def test_keys_read_the_same_whatever_timezone_a_session_is_in(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS)
    with connections.connect("ingest", options="-c timezone=Asia/Shanghai") as connection:
        connection.execute("update ledger.meter_events set old_last_reading = 88")
    assert rows(
        "select operation, row_key ->> 'event_at' from ledger.changes where table_name = 'meter_events' order by 1"
    ) == [
        ("insert", "2026-01-05T16:00:00+00:00"),
        ("update", "2026-01-05T16:00:00+00:00"),
    ]
    assert len(as_of("meter_events", clock())) == 1


def test_every_table_of_the_ledger_keeps_a_history() -> None:
    """A later migration that adds one has to call ledger.keep_history."""
    tables = {name for (name,) in owner(TABLES)} - {"changes"}
    assert {"sites", "meters", "flow_terms", "other_rows"} <= tables
    kept = owner(
        """select tables.relname, array_agg(triggers.tgname::text order by 1)
        from pg_trigger as triggers
        inner join pg_class as tables on triggers.tgrelid = tables.oid
        where tables.relnamespace = 'ledger'::regnamespace and triggers.tgfoid = 'ledger.note_changes'::regproc
            and triggers.tgenabled = 'O'
        group by 1"""
    )
    every = ["history_of_deletes", "history_of_inserts", "history_of_truncation", "history_of_updates"]
    assert {name: sorted(triggers) for name, triggers in kept} == dict.fromkeys(tables, every)
    # What the key is made of: every table has one, and it names the site.
    keys = owner(
        "select relname, ledger.key_expression(oid) from pg_class where relnamespace = 'ledger'::regnamespace and relkind = 'r'"
    )
    assert not [name for name, key in keys if "'site_code', one.site_code" not in key]


def test_a_table_without_history_is_named() -> None:
    for name in ("nothing", "changes", "meters; drop table ledger.meters"):
        with pytest.raises(errors.UndefinedTable, match="keeps no history"):
            as_of(name, NOW)


@pytest.mark.parametrize("role", sorted({*WAREHOUSE_ROLES} - {"owner"}))
@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.changes set changed_by = 'somebody'",
        "delete from ledger.changes",
        "truncate ledger.changes",
        "insert into ledger.changes (site_code, table_name, row_key, operation, after, changed_by)"
        " values ('S1', 'meters', '{}', 'insert', '{}', 'somebody')",
        "alter table ledger.meters disable trigger all",
        "select ledger.keep_history('ledger.meters')",
        "drop table ledger.changes",
    ],
)
def test_nobody_rewrites_history(role: str, statement: str) -> None:
    with connections.connect(role) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_audit_and_transform_read_history_and_others_do_not(tmp_path: Path) -> None:
    load(tmp_path, LEDGERS)
    for statement in ("select * from ledger.changes", "select ledger.as_of('S1', 'meters', now())"):
        for role in ("audit", "transform"):
            with connections.connect(role) as connection:
                assert connection.execute(statement.encode()).fetchall()
        for role in ("bi", "ingest"):
            with connections.connect(role) as connection, pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_ledgers_from_before_are_taken_over_as_they_stand() -> None:
    """An installation that is upgraded: its history begins with what its ledgers say."""
    from alembic import command
    from alembic.config import Config

    settings = configuration.load()
    config = Config()
    config.set_main_option("script_location", str(settings.repository / "ingestion" / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = settings.url("owner")
    owner("drop schema ledger, raw, ops, quarantine cascade")
    owner("drop schema staging, intermediate, marts cascade")
    owner("drop table alembic_version")
    command.upgrade(config, "0002")
    owner(
        """insert into ledger.flows (site_code, flow_code, energy_code, from_node, to_node, level, item, batch_id, recorded_at)
        values ('S1', 'F1', 'electricity', 'A', 'B', 1, 'purchase', 3, %s)""",
        NOW,
    )
    owner("insert into ledger.flow_terms values ('S1', 'F1', 'M1', 1)")
    command.upgrade(config, "0003")
    assert rows("select table_name, operation, changed_at, changed_by, batch_id from ledger.changes order by 1") == [
        ("flow_terms", "insert", NOW, "不详", 3),
        ("flows", "insert", NOW, "不详", 3),
    ]
    assert as_of("flow_terms", LATER) == [{"site_code": "S1", "flow_code": "F1", "meter_code": "M1", "coefficient": 1}]
