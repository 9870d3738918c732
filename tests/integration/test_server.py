"""The database server: idempotent, recovers, and its roles may do what they must and no more."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from ingestion import settings as configuration
from ingestion import warehouse as connections
from ingestion.settings import WAREHOUSE_ROLES, Settings
from plugins.operations import server

WRITE_BATCH = (
    "insert into ops.batches (load_id, site_code, kind, source, file, sha256, received_at, status) "
    "values (gen_random_uuid(), 'S', 'readings', 'csv', 'f', '0', now(), 'landed')"
)
MAKE_MART = "create table marts.figures as select 1 as quantity"


def run(role: str, statement: str) -> int:
    """How many rows the statement gave or changed."""
    with connections.connect(role) as connection:
        return connection.execute(statement.encode()).rowcount


def test_a_second_call_changes_nothing(warehouse: Settings) -> None:
    before = server.installed(warehouse)
    assert server.ensure_database() == warehouse
    server.ensure_database(thoroughly=True)
    assert server.installed(warehouse) == before
    assert set(before) == {"migrations", "seeds"}


def test_reference_data_are_there(warehouse: Settings) -> None:
    with connections.connect("transform") as connection:
        row = connection.execute("select count(*) from staging.reference_energies").fetchone()
    assert row is not None
    assert row[0] > 30


@pytest.mark.parametrize("role", WAREHOUSE_ROLES)
def test_every_role_logs_in_as_itself_and_without_power(warehouse: Settings, role: str) -> None:
    with connections.connect(role) as connection:
        row = connection.execute(
            "select current_user, rolsuper or rolcreaterole or rolcreatedb, current_setting('timezone') "
            "from pg_roles where rolname = current_user"
        ).fetchone()
    assert row == (f"nengduan_{role}", False, "UTC")


@pytest.mark.parametrize("role", WAREHOUSE_ROLES)
def test_no_role_gets_in_with_a_wrong_password(warehouse: Settings, role: str) -> None:
    wrong = warehouse.url(role).replace(warehouse.password(role), "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_each_role_may_do_its_work(warehouse: Settings) -> None:
    run("ingest", "select raw.ensure_readings_month('2026-10-05')")
    assert run("ingest", "insert into raw.readings values ('S', 'M', '2026-10-05', 1, 'good', 0, 1, 2)") == 1
    assert run("ingest", WRITE_BATCH) == 1
    assert run("transform", "select * from raw.readings") == 1
    run("transform", MAKE_MART)
    assert run("bi", "select * from marts.figures") == 1
    assert run("audit", "select * from marts.figures, raw.readings, ops.batches, quarantine.rejected_rows") == 0


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("bi", "select * from raw.readings"),
        ("bi", "select * from ledger.persons"),
        ("bi", "select * from ops.batches"),
        ("bi", "delete from marts.figures"),
        ("bi", "insert into marts.figures values (2)"),
        ("bi", "create table marts.mine (x int)"),
        ("bi", "create table public.mine (x int)"),
        ("ingest", "select * from marts.figures"),
        ("ingest", "insert into marts.figures values (2)"),
        ("ingest", "update raw.readings set value = 2"),
        ("ingest", "delete from raw.readings"),
        ("ingest", "drop table raw.readings"),
        ("transform", "insert into raw.readings values ('S', 'M', '2026-10-05', 1, 'good', 0, 1, 2)"),
        ("transform", "delete from ledger.sites"),
        ("audit", "insert into marts.figures values (2)"),
        ("audit", WRITE_BATCH),
    ],
)
def test_no_role_may_do_more(warehouse: Settings, role: str, statement: str) -> None:
    run("transform", MAKE_MART)
    with pytest.raises(errors.InsufficientPrivilege):
        run(role, statement)


def test_services_databases_are_closed_to_the_warehouses_roles(warehouse: Settings) -> None:
    for database in ("nengduan_airflow", "nengduan_superset"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(warehouse.url("bi", database))


def test_an_unknown_role_is_named(server: Settings) -> None:
    with pytest.raises(configuration.SettingsError, match="no database role 'root'"):
        server.url("root")
