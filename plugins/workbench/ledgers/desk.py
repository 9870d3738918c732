"""What a visitor may see and do with the ledgers of one site; every page goes through here.

Reading and editing are ``ingestion.ledgers``'; here it is only decided over which rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import psycopg

from ingestion import warehouse
from ingestion.authorship import Author
from ingestion.declarations import Table
from ingestion.ledgers import editing, landing, naming, picking, reading, records, state, workbooks
from ingestion.ledgers.editing import Edit, Outcome, Refusal
from ingestion.ledgers.workbooks import Incoming
from ingestion.values import CellError
from plugins.workbench.ledgers import units
from plugins.workbench.ledgers.files import COLUMNS as FILES
from plugins.workbench.roles import Scope, Visitor

Connection = psycopg.Connection[Any]

FOREIGN = "这一行属于您管理范围以外的单位。"
FOREIGN_VALUE = "不在您的管理范围内：请填写您管理的单位，或属于它的设备、计量器具。"
NO_RIGHT = "您的角色不能修改这本台账。"
TIMEOUT_SECONDS = 30


class ForbiddenError(PermissionError):
    """The visitor's roles do not reach that far; the message says so in Chinese."""


@dataclass(frozen=True)
class Entry:
    """One row as a page shows it: texts, None for what is unknown; ``pk`` is its key in one text."""

    pk: str
    values: Mapping[str, str | None]
    version: int


@dataclass(frozen=True)
class Page:
    """Some rows, and how many there are in all."""

    entries: Sequence[Entry]
    total: int


@dataclass(frozen=True)
class Surroundings:
    """What is around a page: the site's name (None: there is no such site), its day, what has happened so far."""

    site_name: str | None
    timezone: str
    today: date
    newest_change: int


def pk_of(table: Table, values: Mapping[str, str | None]) -> str:
    """A row's key in one text, which no browser's script takes for a number or a list."""
    return "".join(f"!{quote(values.get(name) or '', safe='')}" for name in table.key)


def key_of(table: Table, pk: str) -> dict[str, str] | None:
    """The opposite; None for a text that is no key of the ledger."""
    first, *parts = pk.split("!")
    if first or len(parts) != len(table.key):
        return None
    return {name: unquote(part) for name, part in zip(table.key, parts, strict=True)}


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    """One visitor at one site."""

    site_code: str
    visitor: Visitor
    clock: Callable[[], datetime] = utc_now

    def may_write(self, table: Table) -> bool:
        """Whether there is any row of the ledger that the visitor may change."""
        scope = self.visitor.writes(self.site_code, table.name)
        return scope.is_everything or (bool(scope) and units.is_owned(table))

    def page(
        self,
        table: Table,
        *,
        search: str | None = None,
        filters: Sequence[reading.Filter | reading.Group] = (),
        sort: Sequence[str] = (),
        page: int = 1,
        page_size: int = 50,
        as_of: date | None = None,
        is_with_retired: bool = False,
    ) -> Page:
        """Rows of a ledger within the visitor's units; ``sort`` names columns, ``-`` before one for descending.

        Raises QueryError.
        """
        with self._connected() as connection:
            found = reading.query(
                connection,
                self.site_code,
                table.name,
                search=search,
                filters=filters,
                sort=sort,
                page=page,
                page_size=page_size,
                org_codes=self._visible_units(connection, table),
                as_of=as_of,
                include_retired=is_with_retired,
                today=as_of or self._today(connection),
            )
        entries = [Entry(pk_of(table, one.key), one.values, one.version or 0) for one in found.records]
        return Page(entries, found.total)

    def entries(self, table: Table, pks: Sequence[str], *, is_changing: bool = False) -> list[Entry]:
        """The rows of these pks that are there; raises ForbiddenError when one is foreign to look at, or to change."""
        scope = self.visitor.writes(self.site_code, table.name) if is_changing else self.visitor.reads(self.site_code)
        with self._connected() as connection:
            found = self._find(connection, table, pks)
            self._demand(connection, table, [entry.values for entry in found], scope)
        return found

    def own_entries(self, table: Table, pks: Sequence[str]) -> list[Entry]:
        """Those of the rows that the visitor may change."""
        scope = self.visitor.writes(self.site_code, table.name)
        with self._connected() as connection:
            found = self._find(connection, table, pks)
            is_own = self._are_within(connection, table, [entry.values for entry in found], scope)
        return [entry for entry, own in zip(found, is_own, strict=True) if own]

    def entry(self, table: Table, pk: str) -> Entry | None:
        """One row; None when there is none. Raises ForbiddenError for a foreign one."""
        return next(iter(self.entries(table, [pk])), None)

    def history(self, table: Table, pk: str) -> list[reading.Entry]:
        """Every change of a row, newest first; raises ForbiddenError for a foreign one."""
        entry = self.entry(table, pk)
        if entry is None:
            return []
        with self._connected() as connection:
            return list(reading.history(connection, self.site_code, table.name, key_of(table, pk) or {}))

    def surroundings(self) -> Surroundings:
        """What every page of the site needs to know."""
        with self._connected() as connection:
            site = connection.execute(
                "select name, timezone from ledger.sites where site_code = %s", [self.site_code]
            ).fetchone()
            newest = connection.execute(
                "select coalesce(max(change_id), 0) from ledger.changes where site_code = %s", [self.site_code]
            ).fetchone()
        name, timezone = site or (None, landing.DEFAULT_TIMEZONE)
        today = self.clock().astimezone(ZoneInfo(timezone)).date()
        return Surroundings(name, timezone, today, int(newest[0]) if newest else 0)

    def choices(self, ledger: str, words: str, page: int) -> picking.Choices:
        """What a column may refer to: rows in use within the visitor's units, by code and name."""
        with self._connected() as connection:
            units_seen = self._visible_units(connection, records.ledger(ledger))
            today = self._today(connection)
            return picking.search(connection, self.site_code, ledger, words, today, page=page, org_codes=units_seen)

    def names(self, wanted: Mapping[str, Collection[str]]) -> dict[tuple[str, str], str]:
        """By ledger and code, the names of what rows that the visitor sees refer to."""
        with self._connected() as connection:
            return naming.names(connection, self.site_code, wanted)

    def names_file(self, name: str) -> bool:
        """Whether a row that the visitor may see names the kept file."""
        for ledger, column in FILES:
            if self.page(
                records.ledger(ledger), filters=[reading.Filter(column, "is", name)], page_size=1, is_with_retired=True
            ).total:
                return True
        return False

    def plan(self, table: Table, edits: Sequence[Edit]) -> Outcome:
        """What applying the edits would do."""
        with self._connected() as connection:
            foreign = self._foreign(connection, table, edits)
            outcome = editing.plan(connection, self.site_code, table.name, edits, self.clock())
        return _with(outcome, foreign)

    def apply(self, table: Table, edits: Sequence[Edit], reason: str | None = None) -> Outcome:
        """Write the edits, or nothing; raises ForbiddenError where the visitor may change nothing of it."""
        self._demand_writing(table)
        with self._connected() as connection:
            if foreign := self._foreign(connection, table, edits):
                return Outcome(refusals=tuple(foreign))
            author = Author(self.visitor.name, (reason or "").strip() or None)
            return editing.apply(connection, self.site_code, table.name, edits, author, self.clock())

    def export(self, table: Table, target: IO[bytes], as_of: date | None = None) -> int:
        """Write the rows that the visitor may see as a workbook; returns how many."""
        with self._connected() as connection:
            return workbooks.export(
                connection,
                self.site_code,
                table.name,
                target,
                as_of=as_of,
                org_codes=self._visible_units(connection, table),
            )

    def plan_workbook(self, table: Table, path: Path, file: str) -> tuple[Incoming, Outcome]:
        """What importing a workbook would do; raises FileRefused, and ForbiddenError as ``apply`` does."""
        self._demand_writing(table)
        with self._connected() as connection:
            incoming = workbooks.read(connection, self.site_code, path, file, table.name)
            outcome = workbooks.plan(connection, self.site_code, incoming, self.clock())
            return incoming, _with(outcome, self._foreign(connection, table, incoming.edits))

    def apply_workbook(
        self, table: Table, path: Path, file: str, reason: str | None = None
    ) -> tuple[Incoming, Outcome]:
        """Import a workbook, all of it or nothing."""
        self._demand_writing(table)
        with self._connected() as connection:
            incoming = workbooks.read(connection, self.site_code, path, file, table.name)
            if foreign := self._foreign(connection, table, incoming.edits):
                return incoming, _with(workbooks.plan(connection, self.site_code, incoming, self.clock()), foreign)
            author = Author(self.visitor.name, (reason or "").strip() or None)
            return incoming, workbooks.apply(connection, self.site_code, incoming, author, self.clock())

    def retire(self, table: Table, entries: Sequence[Entry], on_date: date, reason: str | None = None) -> Outcome:
        """Put rows out of use from a day on."""
        self._demand_writing(table)
        keys = [(key_of(table, entry.pk) or {}, entry.version) for entry in entries]
        with self._connected() as connection:
            scope = self.visitor.writes(self.site_code, table.name)
            self._demand(connection, table, [entry.values for entry in entries], scope)
            author = Author(self.visitor.name, (reason or "").strip() or None)
            return editing.retire(connection, self.site_code, table.name, keys, on_date, author, self.clock())

    # ------------------------------------------------------------------------------------------------ within
    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with warehouse.connect("keep", autocommit=True) as connection:
            connection.execute("select set_config('statement_timeout', %s, false)", [f"{TIMEOUT_SECONDS}s"])
            yield connection

    def _timezone(self, connection: Connection) -> ZoneInfo:
        return ZoneInfo(state.timezone(connection, self.site_code) or landing.DEFAULT_TIMEZONE)

    def _today(self, connection: Connection) -> date:
        return self.clock().astimezone(self._timezone(connection)).date()

    def _visible_units(self, connection: Connection, table: Table) -> list[str] | None:
        """Units whose rows are listed; None for every row."""
        scope = self.visitor.reads(self.site_code)
        if scope.is_everything or not units.is_owned(table):
            return None
        return sorted(units.below(connection, self.site_code, scope.org_codes))

    def _find(self, connection: Connection, table: Table, pks: Sequence[str]) -> list[Entry]:
        timezone = self._timezone(connection)
        keys = []
        for pk in pks:
            try:
                if (key := key_of(table, pk)) is not None:
                    keys.append(records.parse_key(table, key, timezone))
            except CellError:
                continue  # a text that can't be a key names no row
        if not keys:
            return []
        with connection.transaction():
            records.use_utc(connection)
            found = records.find(connection, self.site_code, table, keys)
        rows = [(records.all_shown(table, row, timezone), row.version) for row in found.values()]
        return [Entry(pk_of(table, values), values, version) for values, version in rows]

    def _demand_writing(self, table: Table) -> None:
        if not self.may_write(table):
            raise ForbiddenError(NO_RIGHT)

    def _demand(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, str | None]], scope: Scope
    ) -> None:
        if not all(self._are_within(connection, table, rows, scope)):
            raise ForbiddenError(FOREIGN)

    def _are_within(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, str | None]], scope: Scope
    ) -> list[bool]:
        if scope.is_everything or not units.is_owned(table):
            return [bool(scope)] * len(rows)
        codes = units.below(connection, self.site_code, scope.org_codes)
        return [reading.org_of(connection, self.site_code, table.name, row) in codes for row in rows]

    def _foreign(self, connection: Connection, table: Table, edits: Sequence[Edit]) -> list[Refusal]:
        """Refusals of the edits that touch, or would make, a row of a unit that is not the visitor's."""
        scope = self.visitor.writes(self.site_code, table.name)
        if scope.is_everything:
            return []
        pks = [pk_of(table, edit.key) if edit.key is not None else None for edit in edits]
        found = {entry.pk: entry.values for entry in self._find(connection, table, [pk for pk in pks if pk])}
        before = [found.get(pk) if pk else None for pk in pks]
        after = [{**(row or {}), **_typed(edit)} for row, edit in zip(before, edits, strict=True)]
        was_own = self._are_within(connection, table, [row or {} for row in before], scope)
        is_own = self._are_within(connection, table, after, scope)
        column = units.owning_column(table) or table.key[0]
        refusals = []
        for index, row in enumerate(before):
            if row is not None and not was_own[index]:
                refusals.append(Refusal(index, column, "foreign_unit", FOREIGN))
            elif not is_own[index]:
                sentence = f"{table.column(column).label}{FOREIGN_VALUE}"
                refusals.append(Refusal(index, column, "foreign_unit", sentence))
        return refusals


def _typed(edit: Edit) -> dict[str, str | None]:
    return {name: value.strip() or None for name, value in edit.values.items()}


def _with(outcome: Outcome, refusals: Sequence[Refusal]) -> Outcome:
    refused = {one.index for one in refusals}
    changes = tuple(one for one in outcome.changes if one.index not in refused)
    return replace(outcome, changes=changes, refusals=(*outcome.refusals, *refusals))
