"""Ledgers edited row by row: by the workbench's forms, and by workbooks that come back.

An edit is checked as a row of an import is (``rows``, ``references``, ``flows``), and more: whoever changes a row
names the version they saw, so that nobody overwrites what they have not read; keys stay as they are; nothing
is deleted, only retired. All edits of a call are one transaction: one refusal, and nothing is written
(docs/decisions/0012-kept-ledgers.md).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

import psycopg

from ingestion import authorship, batches, warehouse
from ingestion.authorship import Author
from ingestion.batches import Batch
from ingestion.declarations import Table
from ingestion.ledgers import checking, landing, records, upsert
from ingestion.ledgers.checking import Draft
from ingestion.reasons import Reason, text

Connection = psycopg.Connection[Any]

LOCK_WAIT_MS = 5000
"""How long an edit waits for a build or an import to end."""

WHOLE = -1
"""Index of a refusal that concerns no single edit."""


@dataclass(frozen=True)
class Edit:
    """One row as somebody wants it.

    ``key`` holds the row's key columns by contract name, None for a new row. ``values`` are texts as typed, of
    the columns to change only; '' means unknown. ``version`` is the row's newest change that the editor has
    seen. ``line`` is where the row stands for people (of a workbook), its place in the call unless given.
    """

    key: Mapping[str, str] | None
    values: Mapping[str, str]
    version: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class Refusal:
    """Why an edit can't be: its index in the call (WHOLE for all of it), the column, code and Chinese sentence."""

    index: int
    column: str | None
    code: str
    text: str


@dataclass(frozen=True)
class Change:
    """What an edit does. ``before`` (None: there was no such row) and ``after`` hold every column as text."""

    index: int
    kind: Literal["new", "changed", "unchanged"]
    key: Mapping[str, str]
    before: Mapping[str, str | None] | None
    after: Mapping[str, str | None]


@dataclass(frozen=True)
class Outcome:
    """What became of a call; with ``is_applied`` it is in the database."""

    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    is_applied: bool = False
    notices: tuple[str, ...] = ()
    """What should be known though it refuses nothing: a meter in another unit than its energy …"""


def plan(connection: Connection, site: str, table: str, edits: Sequence[Edit], now: datetime) -> Outcome:  # noqa: ARG001 - as apply
    """What ``apply`` would do, without doing it. Raises UnknownLedgerError."""
    with connection.transaction():
        return _outcome(_draft(connection, site, records.ledger(table), edits))


def apply(
    connection: Connection, site: str, table: str, edits: Sequence[Edit], author: Author, now: datetime
) -> Outcome:
    """Check the edits and, unless one is refused, write them all in one transaction, as ``author``.

    Waits some seconds for a build or an import; after that the outcome is refused with ``warehouse_busy``.
    """
    declared = records.ledger(table)

    def draft() -> Draft:
        return _draft(connection, site, declared, edits)

    return _write(connection, site, draft, author, now)


def retire(
    connection: Connection,
    site: str,
    table: str,
    keys_with_versions: Sequence[tuple[Mapping[str, str], int | None]],
    on_date: date,
    author: Author,
    now: datetime,
) -> Outcome:
    """Put rows out of use from a day on; what is out of use by then already stays as it is.

    Meters become status=stopped, rows with a validity end, others get retired_on. A row that something in use
    refers to is refused, and the refusal names it. To take a retirement back, edit the row.
    """
    declared = records.ledger(table)
    if declared.retirement is None:
        sentence = text(Reason.NEVER_RETIRED, table=f"{declared.label}（{declared.name}）")
        return Outcome(refusals=(Refusal(WHOLE, None, Reason.NEVER_RETIRED.value, sentence),))

    def draft() -> Draft:
        edits = _retirements(connection, site, declared, keys_with_versions, on_date)
        drafted = _draft(connection, site, declared, edits)
        if declared.retirement in ("status_since", "valid_to"):  # retired_on is looked at in every edit
            checking.refuse_held(connection, site, drafted, on_date)
        return drafted

    return _write(connection, site, draft, author, now)


def _retirements(
    connection: Connection,
    site: str,
    table: Table,
    keys_with_versions: Sequence[tuple[Mapping[str, str], int | None]],
    on_date: date,
) -> list[Edit]:
    day = on_date.isoformat()
    wanted = {"valid_to": {"valid_to": day}, "status_since": {"status": "stopped", "status_since": day}}
    values = wanted.get(table.retirement or "", {"retired_on": day})
    edits = [Edit(key, values, version) for key, version in keys_with_versions]
    found, _ = checking.find_rows(connection, site, table, [edit.key for edit in edits])
    return [
        replace(edit, values={}) if row is not None and checking.is_retired(table, row, on_date) else edit
        for edit, row in zip(edits, found, strict=True)
    ]


def _draft(connection: Connection, site: str, table: Table, edits: Sequence[Edit]) -> Draft:
    records.use_utc(connection)
    return checking.check(connection, site, table, edits)


def _outcome(draft: Draft, is_applied: bool = False) -> Outcome:
    refusals = tuple(
        Refusal(one.index, one.column, one.reason.value, one.text)
        for one in sorted(draft.faults, key=lambda one: one.index)
    )
    refused = {one.index for one in refusals}
    changes = tuple(_change(draft, index) for index in sorted(draft.rows) if index not in refused)
    return Outcome(changes, refusals, is_applied, tuple(draft.notices))


def _change(draft: Draft, index: int) -> Change:
    row, before = draft.rows[index], draft.before.get(index)
    after = records.all_shown(draft.table, records.Stored(row.values, row.extra, 0), draft.timezone)
    key = records.shown_key(draft.table, row.values, draft.timezone)
    if before is None:
        return Change(index, "new", key, None, after)
    kind: Literal["changed", "unchanged"] = "changed" if index in draft.changed else "unchanged"
    return Change(index, kind, key, records.all_shown(draft.table, before, draft.timezone), after)


def _write(connection: Connection, site: str, draft: Callable[[], Draft], author: Author, now: datetime) -> Outcome:
    try:
        with connection.transaction():
            connection.execute(f"set local lock_timeout = {LOCK_WAIT_MS}".encode())
            # Not under a build that is reading the ledgers; the same order of locks as an import.
            connection.execute("select pg_advisory_xact_lock(%s)", [warehouse.LOCK_KEY])
            landing.lock(connection, site)
            drafted = draft()
            if drafted.faults:
                return _outcome(drafted)
            if drafted.new or drafted.changed:
                _land(connection, site, drafted, author, now)
            return _outcome(drafted, is_applied=True)
    except psycopg.errors.LockNotAvailable:
        return Outcome(refusals=(Refusal(WHOLE, None, Reason.WAREHOUSE_BUSY.value, text(Reason.WAREHOUSE_BUSY)),))


def _land(connection: Connection, site: str, draft: Draft, author: Author, now: datetime) -> None:
    """Write what is new and changed, as one batch that the next build takes for news."""
    rows = draft.landing_rows()
    authorship.sign(connection, author)
    clock = connection.execute("select clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101 - a clock always tells
    content = [[row.values, row.extra] for row in rows.good]
    batch = Batch(
        uuid.uuid4(),
        site,
        "ledger",
        "workbench",
        draft.table.name,
        hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest(),
        now,
        rows_total=len(rows.good),
        rows_landed=len(rows.good),
        status="accepted",
        # A build may have ended while this edit waited for it, and has not seen it.
        judged_at=max(now, clock[0]),
    )
    batch_id = batches.insert(connection, batch)
    authorship.name_batch(connection, batch_id)
    upsert.upsert(connection, rows, site, batch_id, now)
    landing.write_terms(connection, rows, site, {}, draft.known)
