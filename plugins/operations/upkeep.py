"""`nengduan upkeep`: months of readings made ahead and retired, statistics and BRIN summaries kept fresh.

The DAG maintain_warehouse does the same every night. Each step may be done twice; what cannot be
done tonight is told and left for the next night.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import click
import psycopg
from psycopg import sql

from ingestion import warehouse
from ingestion.settings import Settings
from plugins.operations import building, storage
from plugins.operations.findings import Finding, show

Say = Callable[[str], None]
Connection = psycopg.Connection[Any]

TRANSFORM = "nengduan_transform"


@dataclass
class Report:
    """What was done (or, in a dry run, would be), what had to stay as it is, and what was found."""

    done: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [f"{one.text} → {one.cure}" for one in self.findings if one.state == "fault"]


def keep_up(settings: Settings, now: datetime, *, dry_run: bool = False, say: Say = lambda _: None) -> Report:
    """Everything the warehouse needs now and then. ``now`` is the clock (UTC) that ages months."""
    report = Report()

    def done(text: str) -> None:
        report.done.append(text)
        say(text)

    def stays(text: str) -> None:
        report.stays.append(text)
        say(text)

    with (
        warehouse.connect("ingest", autocommit=True) as ingest,
        warehouse.connect("transform", autocommit=True) as transform,
    ):
        _make_months(ingest, now, dry_run, done)
        _retire_months(ingest, settings, now, dry_run, done, stays, say)
        _analyse(ingest, transform, dry_run, done, stays)
        _summarize(ingest, transform, dry_run, done)
    report.findings = [one for one in storage.examine(settings, now) if one.state != "ok"]
    return report


def _make_months(ingest: Connection, now: datetime, dry_run: bool, done: Say) -> None:
    existing = {month.first_day for month in storage.months(ingest)}
    for month in storage.months_wanted(now):
        if month in existing:
            continue
        if not dry_run:
            ingest.execute("select raw.ensure_readings_month(%s)", [month])
        done(f"{month:%Y-%m}: {_tense('month of raw.readings', 'made', dry_run)}")


def _retire_months(
    ingest: Connection, settings: Settings, now: datetime, dry_run: bool, done: Say, stays: Say, say: Say
) -> None:
    """Oldest first: what the edge keeps builds on the edge before it, so one that stays holds up all later ones."""
    oldest_kept = storage.later(now.date().replace(day=1), -settings.retention_months)
    ripe = [month.first_day for month in storage.months(ingest) if month.first_day < oldest_kept]
    if not ripe:
        return
    what = "readings moved to schema archive" if settings.retention_action == "detach" else "readings dropped"
    with building.warehouse_lock(say):  # nobody computes from what is being taken away
        for number, month in enumerate(ripe):
            if dry_run and number:
                done(f"{month:%Y-%m}: {what} (would be, after that)")
                continue
            obstacles = ingest.execute(
                "select raw.retirement_obstacles(%s, %s)", [month, settings.retention_months]
            ).fetchall()
            if obstacles:
                stays(f"{month:%Y-%m} stays in raw.readings: {'; '.join(one for (one,) in obstacles)}")
                return
            if dry_run:
                done(f"{month:%Y-%m}: {what} (would be)")
            elif not _retire(ingest, settings, month, what, done, stays):
                return


def _retire(ingest: Connection, settings: Settings, month: date, what: str, done: Say, stays: Say) -> bool:
    try:
        row = ingest.execute(
            "select readings, kept_readings from raw.retire_readings_month(%s, %s, %s)",
            [month, settings.retention_months, settings.retention_action],
        ).fetchone()
    except psycopg.errors.LockNotAvailable:
        stays(f"{month:%Y-%m} stays in raw.readings: somebody reads or writes it; the next upkeep tries again")
        return False
    readings, kept = row or (0, 0)
    done(f"{month:%Y-%m}: {readings} {what}; {kept} readings before the edge are kept for what comes after it")
    return True


def _analyse(ingest: Connection, transform: Connection, dry_run: bool, done: Say, stays: Say) -> None:
    """Each partition before its parent, whose staleness is judged by them (hence looked at twice)."""
    seen: set[tuple[str, str]] = set()
    for _ in range(2):
        for one in storage.stale_tables(transform):
            if (one.schema, one.table) in seen:
                continue
            seen.add((one.schema, one.table))
            name = f"{one.schema}.{one.table}"
            try:
                if not dry_run:
                    _analyse_table(ingest, transform, one)
            except psycopg.errors.UndefinedTable:
                stays(f"{name}: not analysed, it was replaced meanwhile")
                continue
            done(f"{name}: {_tense('statistics', 'refreshed', dry_run)} ({one.changed} rows changed)")
        if dry_run:
            return


def _analyse_table(ingest: Connection, transform: Connection, one: storage.StaleTable) -> None:
    if one.owner == TRANSFORM:
        transform.execute(sql.SQL("analyze {}").format(sql.Identifier(one.schema, one.table)))
    else:
        ingest.execute("select ops.analyze_table(%s, %s)", [one.schema, one.table])


def _summarize(ingest: Connection, transform: Connection, dry_run: bool, done: Say) -> None:
    indexes = transform.execute(
        """select pg_namespace.nspname, pg_class.relname, pg_get_userbyid(pg_class.relowner), pg_class.oid::bigint
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        inner join pg_am on pg_class.relam = pg_am.oid
        where pg_class.relkind = 'i' and pg_am.amname = 'brin'
            and pg_namespace.nspname in ('ledger', 'raw', 'ops', 'quarantine', 'intermediate', 'marts')
            and pg_get_userbyid(pg_class.relowner) in ('nengduan_owner', 'nengduan_transform')
        order by 1, 2"""
    ).fetchall()
    if dry_run:
        if indexes:
            done(f"{len(indexes)} BRIN indexes: new ranges (would be) summarised")
        return
    for schema, index, owner, oid in indexes:
        if owner == TRANSFORM:
            row = transform.execute("select brin_summarize_new_values(%s::oid::regclass)", [oid]).fetchone()
        else:
            row = ingest.execute("select ops.summarize_brin(%s, %s)", [schema, index]).fetchone()
        if row and row[0]:
            done(f"{schema}.{index}: {row[0]} ranges summarised")


def _tense(what: str, verb: str, dry_run: bool) -> str:
    return f"{what} would be {verb}" if dry_run else f"{what} {verb}"


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def upkeep(dry_run: bool) -> None:
    """Make months ahead, retire old ones, refresh statistics; say what was done and what is to be seen to."""
    from plugins.operations.server import ensure_database

    settings = ensure_database(lambda text: click.echo(text, err=True))
    report = keep_up(settings, datetime.now(UTC), dry_run=dry_run, say=click.echo)
    if not (report.done or report.stays):
        click.echo("Nothing to do.")
    for finding in report.findings:
        show(finding)
    if report.faults:
        raise SystemExit(1)
