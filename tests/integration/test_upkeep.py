"""Upkeep on a real server: months ahead, months retired, statistics refreshed, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import errors

from ingestion import warehouse as connections
from ingestion.settings import Settings
from plugins.operations import doctor, pipeline, storage
from plugins.operations.upkeep import Report, keep_up, upkeep
from tests.integration.landing_plant import LEDGERS, everything, load, rejected, rows, write

NOW = datetime(2025, 9, 10, 2, tzinfo=UTC)
"""The injected clock: with six months kept, March 2025 is the oldest month that stays."""

LANDED = datetime(2025, 4, 1, tzinfo=UTC)
READINGS = (
    "meter_code,read_at,value\n"
    "M1,2025-01-31 23:00+00:00,1\nM1,2025-02-27 22:30+00:00,2\nM1,2025-02-28 22:00+00:00,3\n"
    "M1,2025-02-28 23:00+00:00,4\nM1,2025-03-01 01:00+00:00,6\nX9,2025-02-10 00:00+00:00,3\n"
)


def execute(role: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connections.connect(role) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def months() -> list[date]:
    with connections.connect("ingest") as connection:
        return [month.first_day for month in storage.months(connection)]


def computed() -> None:
    """All that landed is accepted and in the marts, as far as upkeep can see."""
    execute("ingest", "update ops.batches set status = 'accepted', judged_at = now()")
    execute("transform", "delete from ops.dirty_meters")
    execute(
        "transform",
        "insert into ops.events (occurred_at, kind, severity, message, payload) values (now(), 'marts_built', 'info', "
        "'', jsonb_build_object('started_at', now() + interval '1 second'))",
    )


@pytest.fixture(name="six_months")
def fixture_six_months(warehouse: Settings, tmp_path: Path) -> Settings:
    """A plant with readings of January to March 2025, computed, and a retention of six months."""
    load(write(tmp_path / "plant", LEDGERS | {"readings/a": READINGS}), LANDED)
    execute("transform", "create table marts.fct_meter_hourly (site_code text, hour_start timestamptz)")
    hours = "select 'S1', generate_series(timestamptz '2025-01-31 23:00+00', '2025-03-01', '1 hour')"
    execute("transform", f"insert into marts.fct_meter_hourly {hours}")
    execute(
        "transform",
        "insert into quarantine.rejected_by_rules select site_code, meter_code, read_at, revision, value, batch_id, "
        "line, 'meter_code', 'unknown_meter', '', '{}' from raw.readings where meter_code = 'X9'",
    )
    computed()
    return replace(warehouse, retention_months=6)


def wait_for_statistics(table: str) -> None:
    """A session tells the server what it changed when it ends."""
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while datetime.now(UTC) < deadline:
        [(changed,)] = rows("select coalesce(pg_stat_get_mod_since_analyze(%s::regclass), 0)", table)
        if changed:
            return
    raise AssertionError(f"no statistics of {table}")


def test_months_are_made_ahead_once(warehouse: Settings) -> None:
    first = keep_up(warehouse, datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert months() == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    assert [text for text in first.done if "raw.readings made" in text] == [
        "2026-11: month of raw.readings made",
        "2026-12: month of raw.readings made",
        "2027-01: month of raw.readings made",
    ]
    before = everything()
    assert keep_up(warehouse, datetime(2026, 11, 30, 23, tzinfo=UTC)) == Report()
    assert everything() == before


def test_months_past_their_retention_move_to_the_archive(six_months: Settings) -> None:
    report = keep_up(six_months, NOW)
    assert report.stays == []
    assert months() == [date(2025, month, 1) for month in (3, 9, 10, 11)]
    assert rows("select month, action, readings, kept_readings from ops.retired_months order by 1") == [
        (date(2025, 1, 1), "detach", 1, 1),
        (date(2025, 2, 1), "detach", 4, 3),
    ]
    assert rows("select count(*) from archive.readings_202502") == [(4,)]
    # M1 is frozen at the hour of its second-last reading; kept are the last two up to that hour, and all since.
    # M2 and M3 have nothing yet, so nothing of them is frozen; X9 is in no ledger.
    edge = "2025-03-01 00:00:00+00"
    columns = "meter_code, frozen_before::text, closed_before::text, kept_from::text"
    assert rows(f"select {columns} from ops.retention_edges order by 1") == [
        ("M1", "2025-02-28 22:00:00+00", edge, "2025-02-27 22:30:00+00"),
        ("M2", "-infinity", edge, "-infinity"),
        ("M3", "-infinity", edge, "-infinity"),
        ("X9", edge, edge, edge),
    ]
    assert rows("select value::text from raw.readings order by read_at") == [("2",), ("3",), ("4",), ("6",)]
    assert rows("select value::text from raw.readings_before_edge order by read_at") == [("2",), ("3",), ("4",)]
    assert rows("select subject, kind from ops.events where kind = 'readings_retired' order by 1") == [
        ("2025-01", "readings_retired"),
        ("2025-02", "readings_retired"),
    ]
    before = everything()
    assert keep_up(six_months, NOW) == Report(findings=report.findings)
    assert everything() == before


def test_dropped_months_are_gone(six_months: Settings) -> None:
    keep_up(replace(six_months, retention_action="drop"), NOW)
    assert rows("select count(*) from pg_class where relnamespace = 'archive'::regnamespace") == [(0,)]
    assert rows("select action from ops.retired_months") == [("drop",), ("drop",)]


def test_three_years_are_kept_by_default(six_months: Settings) -> None:
    settings = replace(six_months, retention_months=36)
    keep_up(settings, NOW)
    assert rows("select count(*) from ops.retired_months") == [(0,)]
    assert date(2025, 1, 1) in months()
    # The month whose end is 36 months before this one goes, the next stays.
    keep_up(settings, datetime(2028, 2, 1, tzinfo=UTC), dry_run=True)
    ripe = keep_up(settings, datetime(2028, 2, 1, tzinfo=UTC), dry_run=True)
    assert [text[:7] for text in [*ripe.stays, *ripe.done] if "raw.readings" in text and "made" not in text] == [
        "2025-01"
    ]


def test_late_readings_before_the_edge_are_refused_by_name_and_reason(six_months: Settings, tmp_path: Path) -> None:
    keep_up(six_months, NOW)
    late = "meter_code,read_at,value\nM1,2025-03-01 07:59:59,9\nM1,2025-03-01 08:00:00,5\n"
    report = load(write(tmp_path / "late", {"site": LEDGERS["site"], "readings/late": late}), NOW)["readings/late.csv"]
    assert (report.rows_total, report.rows_landed, report.rows_rejected) == (2, 1, 1)
    assert rejected()["readings/late.csv", 2] == ("read_at", "before_retention_edge")
    [(reason, cells)] = rows("select reason, row from quarantine.rejected_rows where file = 'readings/late.csv'")
    assert reason.startswith("read_at 的“2025-03-01 07:59:59”早于读数保存界限 2025-03-01")
    assert cells == {"meter_code": "M1", "read_at": "2025-03-01 07:59:59", "value": "9"}
    # Who comes past the landing is stopped by the table itself.
    insert = "insert into raw.readings values ('S1', 'M1', '2025-02-28', 1, 'good', 0, 1, 2)"
    with pytest.raises(errors.CheckViolation, match="before the retention edge"):
        execute("ingest", insert)
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="before the retention edge"):
        execute("ingest", "select raw.ensure_readings_month('2025-02-10')")


@pytest.mark.parametrize(
    ("statement", "obstacle"),
    [
        ("update ops.batches set status = 'held' where kind = 'readings'", "landed or held (readings/a.csv)"),
        ("update ops.batches set status = 'landed' where kind = 'readings'", "landed or held (readings/a.csv)"),
        ("update ops.batches set judged_at = now() + interval '1 hour'", "not yet in the marts"),
        (
            "insert into ops.dirty_meters (site_code, meter_code, starts_at, ends_at, cause) "
            "values ('S1', 'M1', '2025-01-31', '2025-05-01', 'test')",
            "marks of it wait for a build (S1 M1)",
        ),
    ],
)
def test_a_month_that_something_still_needs_stays(six_months: Settings, statement: str, obstacle: str) -> None:
    execute("ingest", statement)
    before = everything()
    report = keep_up(six_months, NOW)
    [stays] = report.stays
    assert stays.startswith("2025-01 stays in raw.readings: ")
    assert obstacle in stays
    assert {name: table for name, table in everything().items() if name != "raw.readings"} == {
        name: table for name, table in before.items() if name != "raw.readings"
    }
    assert months()[:3] == [date(2025, month, 1) for month in (1, 2, 3)]


def test_a_month_that_counts_but_has_no_hours_in_the_marts_stays(six_months: Settings) -> None:
    execute("transform", "truncate marts.fct_meter_hourly")
    assert keep_up(six_months, NOW).stays == ["2025-01 stays in raw.readings: marts.fct_meter_hourly has no hour of it"]
    execute("transform", "drop table marts.fct_meter_hourly")
    assert keep_up(six_months, NOW).stays == ["2025-01 stays in raw.readings: marts.fct_meter_hourly does not exist"]


def test_nothing_is_retired_while_a_reader_holds_it(six_months: Settings) -> None:
    with connections.connect("audit") as reader:
        reader.execute("select count(*) from raw.readings")
        with connections.connect("owner") as owner:
            owner.execute("alter function raw.retire_readings_month(date, integer, text) set lock_timeout = '200ms'")
            owner.commit()
        report = keep_up(six_months, NOW)
    assert ["somebody reads or writes it" in text for text in report.stays] == [True]
    assert rows("select count(*) from ops.retired_months") == [(0,)]
    assert keep_up(six_months, NOW).stays == []


def test_a_dry_run_says_the_same_and_does_nothing(six_months: Settings) -> None:
    before, had = everything(), months()
    report = keep_up(six_months, NOW, dry_run=True)
    assert [text for text in report.done if text.startswith("2025-0")] == [
        "2025-09: month of raw.readings would be made",
        "2025-01: readings moved to schema archive (would be)",
        "2025-02: readings moved to schema archive (would be, after that)",
    ]
    assert everything() == before
    assert months() == had


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'2025-01-01', 5, 'drop'", "6 months at least"),
        ("'2025-01-01', null, 'drop'", "6 months at least"),
        ("date_trunc('month', now() - interval '5 months')::date, 6, 'drop'", "not yet older than 6 months"),
        ("'2025-02-01', 6, 'drop'", "not the oldest month: that is readings_202501"),
        ("'2024-12-01', 6, 'drop'", "not the oldest month"),
        ("'2025-01-01', 6, 'shred'", "action is detach or drop"),
    ],
)
def test_the_door_lets_through_only_what_it_should(six_months: Settings, arguments: str, message: str) -> None:
    with pytest.raises(psycopg.Error, match=message):
        execute("ingest", f"select raw.retire_readings_month({arguments})")
    assert rows("select count(*) from ops.retired_months") == [(0,)]


@pytest.mark.parametrize("role", ["transform", "bi", "audit"])
@pytest.mark.parametrize(
    "call",
    [
        "raw.retire_readings_month('2025-01-01', 6, 'drop')",
        "raw.retirement_obstacles('2025-01-01', 6)",
        "ops.analyze_table('raw', 'readings')",
        "ops.summarize_brin('raw', 'readings_brin')",
    ],
)
def test_the_doors_open_for_ingest_only(warehouse: Settings, role: str, call: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        execute(role, f"select {call}")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("ingest", "select raw.newest_accepted('S1', 'M1', now(), 2)"),
        ("ingest", "select raw.fit_readings_month('readings_202503')"),
        ("ingest", "insert into ops.retired_months values ('2099-01-01', '2099-02-01', 'drop', 0, 0)"),
        ("ingest", "update ops.retention_edges set frozen_before = 'infinity'"),
        ("transform", "delete from ops.retention_edges"),
        ("ingest", "select * from archive.readings_202502"),
        ("transform", "select * from archive.readings_202502"),
        ("bi", "select * from archive.readings_202502"),
        ("audit", "delete from archive.readings_202502"),
        ("ingest", "insert into raw.readings_before_edge values ('S1', 'M1', '2025-02-28', 1, 'good', 0, 1, 2)"),
    ],
)
def test_nobody_reaches_behind_the_edge(six_months: Settings, role: str, statement: str) -> None:
    keep_up(six_months, NOW)
    with pytest.raises(errors.InsufficientPrivilege):
        execute(role, statement)


def test_stale_statistics_are_refreshed_whoever_owns_the_table(warehouse: Settings) -> None:
    execute("ingest", "select raw.ensure_readings_month('2026-10-01')")
    series = "generate_series(timestamptz '2026-10-01 00:00+00', '2026-10-20', '5 minutes') as at"
    # The server's own upkeep must not come first: what it has seen is not stale.
    execute("owner", "alter table raw.readings_202610 set (autovacuum_enabled = false)")
    execute(
        "ingest",
        "insert into raw.readings select 'S' || mod(extract(epoch from at)::bigint, 7), 'M', at, 1, 'good', 0, 1, 2 "
        f"from {series}",
    )
    execute("transform", f"create table marts.figures with (autovacuum_enabled = false) as select at from {series}")
    execute("transform", f"insert into marts.figures select at from {series}")
    wait_for_statistics("raw.readings_202610")
    wait_for_statistics("marts.figures")
    stale = {"raw.readings_202610", "raw.readings", "marts.figures"}
    with connections.connect("audit") as connection:
        found = {f"{one.schema}.{one.table}" for one in storage.stale_tables(connection)}
    assert found >= stale
    assert any("Statistics are stale" in one.text for one in storage.examine(warehouse, NOW))
    report = keep_up(warehouse, datetime(2026, 10, 21, tzinfo=UTC))
    assert {text.split(":")[0] for text in report.done if "statistics refreshed" in text} >= stale
    assert rows("select reltuples > 5000 from pg_class where oid = 'raw.readings'::regclass") == [(True,)]
    # What only its owner sees: the two columns of the partitioned table are known to go together.
    assert execute(
        "owner", "select n_distinct is not null from pg_stats_ext where tablename = 'readings' and inherited"
    ) == [(True,)]
    with connections.connect("audit") as connection:
        assert storage.stale_tables(connection) == []


def test_brin_ranges_are_summarised_whoever_owns_them(warehouse: Settings) -> None:
    execute("owner", "create index events_brin on ops.events using brin (occurred_at) with (pages_per_range = 1)")
    execute(
        "ingest",
        "insert into ops.events (occurred_at, kind, severity, message) "
        "select now(), 'test', 'info', repeat('x', 1000) from generate_series(1, 100)",
    )
    execute("transform", "create table marts.figures (at timestamptz, filler text)")
    execute("transform", "create index figures_brin on marts.figures using brin (at) with (pages_per_range = 1)")
    execute("transform", "insert into marts.figures select now(), repeat('x', 1000) from generate_series(1, 100)")
    report = keep_up(warehouse, NOW)
    done = {text.split(":")[0] for text in report.done if "ranges summarised" in text}
    assert done == {"ops.events_brin", "marts.figures_brin"}
    assert not [text for text in keep_up(warehouse, NOW).done if "ranges" in text]
    with pytest.raises(errors.UndefinedObject):
        execute("ingest", "select ops.summarize_brin('ops', 'events_pkey')")
    with pytest.raises(errors.UndefinedTable):
        execute("ingest", "select ops.analyze_table('pg_catalog', 'pg_class')")


def test_doctor_tells_months_growth_and_a_default_partition(six_months: Settings) -> None:
    told = {one.text: one for one in doctor.stored(six_months)}
    assert any("Months of raw.readings not yet made" in text for text in told)
    execute("owner", "create table raw.readings_other partition of raw.readings default")
    execute("owner", "insert into raw.readings values ('S1', 'M1', '2001-01-01', 1, 'good', 0, 1, 2)")
    [found] = [one for one in doctor.stored(six_months) if one.state == "fault"]
    assert "raw.readings_other is a default partition and holds rows" in found.text
    assert found.cure


def test_the_year_is_forecast_from_the_newest_full_months(six_months: Settings) -> None:
    with connections.connect("audit") as connection:
        assert storage.year_forecast(connection, six_months, datetime(2026, 1, 1, tzinfo=UTC)) is None
        keep_up(six_months, NOW, dry_run=True)
        for (table,) in rows("select relname from pg_class where relname ~ '^readings_2025' and relkind = 'r'"):
            execute("ingest", "select ops.analyze_table('raw', %s)", table)
        near = datetime(2025, 4, 2, tzinfo=UTC)
        forecast = storage.year_forecast(connection, six_months, near)
        sizes = sum(month.size_bytes for month in storage.months(connection))
    assert forecast is not None
    # January to March hold 6 readings: the year brings 24, four times what there is.
    [(marts,)] = rows(
        "select sum(pg_total_relation_size(oid))::bigint from pg_class "
        "where relkind in ('r', 'm') and relnamespace::regnamespace::text in ('marts', 'intermediate', 'quarantine')"
    )
    assert forecast == int((sizes + marts) * 4)


def test_the_command_says_what_it_did_in_words(warehouse: Settings) -> None:
    first = CliRunner().invoke(upkeep, ["--dry-run"])
    assert first.exit_code == 0, first.output
    assert first.output.count("month of raw.readings would be made") == 3
    second = CliRunner().invoke(upkeep)
    assert second.output.count("month of raw.readings made") == 3
    assert CliRunner().invoke(upkeep).output.splitlines()[0] == "Nothing to do."


@pytest.mark.slow
@pytest.mark.built
def test_the_figures_of_a_retired_month_stay_as_they_were(warehouse: Settings, tmp_path: Path) -> None:
    hours = [datetime(2025, 2, 26, tzinfo=UTC) + timedelta(hours=number) for number in range(24 * 6)]
    lines = "".join(f"M1,{at:%Y-%m-%d %H:%M}Z,{number}\n" for number, at in enumerate(hours))
    folder = write(tmp_path / "S1", LEDGERS | {"readings/a": "meter_code,read_at,value\n" + lines})
    assert pipeline.run_package(folder, LANDED).is_passed
    tables = [name for (name,) in rows("select relname from pg_class where relnamespace = 'marts'::regnamespace "
                                       "and relkind in ('r', 'p', 'v', 'm') order by 1")]  # fmt: skip
    assert "fct_energy_monthly" in tables

    def figures() -> dict[str, list[tuple[Any, ...]]]:
        return {name: rows(f"select one::text from marts.{name} as one order by 1") for name in tables}

    before = figures()
    assert len(before["fct_meter_hourly"]) == 24 * 6 - 1
    report = keep_up(replace(warehouse, retention_months=6), NOW)
    assert report.stays == []
    assert rows("select month from ops.retired_months") == [(date(2025, 2, 1),)]
    assert figures() == before
