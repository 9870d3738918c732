"""Edits of one ledger, turned into the rows they would make and checked as an import's rows are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import psycopg

from ingestion import expressions, values
from ingestion.declarations import Extra, Table
from ingestion.ledgers import dependents, flows, forms, landing, records, references, state
from ingestion.ledgers.enterprise import FIELDS
from ingestion.ledgers.records import Stored
from ingestion.ledgers.rows import Row, Rows, call, content_number, drop_repeats, reversals
from ingestion.ledgers.state import Known
from ingestion.reasons import Reason, text
from ingestion.texts import clean
from ingestion.values import CellError

Connection = psycopg.Connection[Any]


class Wish(Protocol):
    """What is asked of an edit (``ingestion.ledgers.editing.Edit``)."""

    @property
    def key(self) -> Mapping[str, str] | None: ...
    @property
    def values(self) -> Mapping[str, str]: ...
    @property
    def version(self) -> int | None: ...
    @property
    def line(self) -> int | None: ...


@dataclass(frozen=True)
class Fault:
    """Why the edit of that index can't be."""

    index: int
    column: str | None
    reason: Reason
    text: str


@dataclass
class Draft:
    """Edits on their way: the rows they make, by index, and what speaks against them."""

    table: Table
    timezone: ZoneInfo
    known: Known = field(default_factory=Known)
    rows: dict[int, Row] = field(default_factory=dict)
    before: dict[int, Stored] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    """Indices of rows that were there and would become others."""
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def new(self) -> set[int]:
        """Indices of rows that were not there."""
        return set(self.rows) - set(self.before)

    def refuse(self, index: int, column: str | None, reason: Reason, **facts: object) -> None:
        """Note a fault, its sentence made of the facts."""
        self.faults.append(Fault(index, column, reason, text(reason, column=column, **facts)))

    def refuse_key(self, index: int, reason: Reason, key: Mapping[str, str | None], **facts: object) -> None:
        """Note a fault of a row as a whole, which its key names."""
        shown = "，".join(str(key.get(name) or "") for name in self.table.key)
        self.refuse(index, self.table.key[0], reason, value=shown, **facts)

    def landing_rows(self) -> Rows:
        """What is to be written, as the landing takes it."""
        result = Rows(self.table, self.table.name, present={column.name for column in self.table.columns})
        result.read = [self.rows[index] for index in sorted(self.new | self.changed)]
        return result


def check(connection: Connection, site: str, table: Table, edits: Sequence[Wish]) -> Draft:
    """Every fault of the edits of one ledger; the connection reads in UTC (``records.use_utc``)."""
    timezone = ZoneInfo(state.timezone(connection, site) or landing.DEFAULT_TIMEZONE)
    draft = Draft(table, timezone)
    found, faults = find_rows(connection, site, table, [edit.key for edit in edits])
    draft.faults += faults
    for index, (edit, row) in enumerate(zip(edits, found, strict=True)):
        if edit.key is None:
            _make(draft, index, edit)
        elif row is not None:
            _change(draft, index, edit, row)
        elif not any(fault.index == index for fault in faults):
            draft.refuse_key(index, Reason.NOT_FOUND, edit.key)
    _refuse_known(connection, site, draft)
    _check_together(connection, site, draft)
    newly = [index for index in draft.changed if _is_newly_retired(draft, index)]
    if newly:
        refuse_held(connection, site, draft, None, newly)
    return draft


def find_rows(
    connection: Connection, site: str, table: Table, keys: Sequence[Mapping[str, str] | None]
) -> tuple[list[Stored | None], list[Fault]]:
    """For each key the row of it, None where there is none (or no key); and keys that can't be ones."""
    timezone = ZoneInfo(state.timezone(connection, site) or landing.DEFAULT_TIMEZONE)
    parsed: dict[int, dict[str, str | None]] = {}
    faults: list[Fault] = []
    for index, key in enumerate(keys):
        if key is None:
            continue
        try:
            parsed[index] = records.parse_key(table, key, timezone)
        except CellError as error:
            faults.append(Fault(index, table.key[0], error.reason, str(error)))
    rows = records.find(connection, site, table, list(parsed.values())) if parsed else {}
    return [
        rows.get(records.key_of(table, parsed[index])) if index in parsed else None for index in range(len(keys))
    ], faults


def is_retired(table: Table, row: Stored, on_date: date) -> bool:
    """Whether a row is out of use on that day."""
    if table.retirement is None:
        return False
    since = row.raw.get(table.retirement)
    if table.retirement == "status_since":
        return row.raw.get("status") == "stopped" and (since is None or since <= on_date.isoformat())
    return since is not None and since != "infinity" and since <= on_date.isoformat()


def refuse_held(
    connection: Connection, site: str, draft: Draft, on_date: date | None, indices: Sequence[int] | None = None
) -> None:
    """Refuse to put out of use (on a day, or on the rows' own) what something in use refers to."""
    table = draft.table
    days: dict[date, dict[str, int]] = {}
    for index in sorted(draft.changed) if indices is None else indices:
        values_of = draft.rows[index].values
        day = on_date or date.fromisoformat(str(values_of["retired_on"]))
        days.setdefault(day, {})[str(values_of[table.key[0]])] = index
    for day, codes in days.items():
        for code, dependent in dependents.find(connection, site, table, codes, day).items():
            draft.refuse(
                codes[code],
                table.key[0],
                Reason.STILL_REFERRED,
                value=code,
                table=dependent.table,
                other=dependent.key,
                count=dependent.count,
            )


def _is_newly_retired(draft: Draft, index: int) -> bool:
    if draft.table.retirement != "retired_on":
        return False
    before, after = draft.before[index].raw.get("retired_on"), draft.rows[index].values["retired_on"]
    return after is not None and (before is None or after < before)


def _make(draft: Draft, index: int, edit: Wish) -> None:
    """A row that is not there yet."""
    row = Row(_line(index, edit), {}, [])
    _fill(draft, index, edit, row, dict.fromkeys((column.name for column in draft.table.columns), ""))
    numbered = draft.table.numbered
    if numbered is not None and row.values.get(numbered) is None:
        row.values[numbered] = content_number(row)
    call(draft.table, row)


def _change(draft: Draft, index: int, edit: Wish, before: Stored) -> None:
    """A row that is there, as the edit wants it."""
    draft.before[index] = before
    row = Row(_line(index, edit), dict(before.raw), [], {name: cell or "" for name, cell in before.extra.items()})
    _fill(draft, index, edit, row, {})
    call(draft.table, row)
    for name in draft.table.key:
        column = draft.table.column(name)
        if not records.is_same(column, row.values.get(name), before.raw.get(name)):
            was = records.shown(column, before.raw.get(name), draft.timezone) or ""
            draft.refuse(index, name, Reason.KEY_FIXED, value=edit.values.get(name), other=was)
    is_other = False
    for column in draft.table.columns:
        if records.is_same(column, row.values.get(column.name), before.raw.get(column.name)):
            row.values[column.name] = before.raw.get(column.name)  # 1.50 stays as it was written
        else:
            is_other = True
    if is_other or _filled(row.extra) != _filled(before.extra):
        draft.changed.add(index)
        _check_version(draft, index, edit, before)


def _check_version(draft: Draft, index: int, edit: Wish, before: Stored) -> None:
    """Nobody changes a row otherwise than it was when they looked. An edit that changes nothing takes nothing back."""
    key = records.shown_key(draft.table, before.raw, draft.timezone)
    if edit.version is None:
        draft.refuse_key(index, Reason.VERSION_MISSING, key)
    elif edit.version != before.version:
        when = before.changed_at or datetime.min.replace(tzinfo=UTC)
        shown = when.astimezone(draft.timezone).strftime("%Y-%m-%d %H:%M:%S")
        draft.refuse_key(index, Reason.CONFLICT, key, who=before.changed_by or "不详", when=shown)


def _line(index: int, edit: Wish) -> int:
    return index + 1 if edit.line is None else edit.line


def _filled(extra: Mapping[str, str | None]) -> dict[str, str]:
    return {name: cell for name, cell in extra.items() if cell}


def _fill(draft: Draft, index: int, edit: Wish, row: Row, empty: Mapping[str, str]) -> None:
    """Put the typed values into a row, each cell that can't be used a fault of its own."""
    declared = {column.name: column for column in draft.table.columns}
    count = len(draft.faults)
    for name, typed in {**empty, **edit.values}.items():
        column = declared.get(name)
        if column is None:
            _fill_beside(draft, index, row, name, typed)
            continue
        try:
            row.values[name] = values.parse(column, typed, draft.timezone)
        except CellError as error:
            draft.faults.append(Fault(index, name, error.reason, str(error)))
    if len(draft.faults) == count:
        for name, fault in reversals(draft.table, row.values):
            draft.faults.append(Fault(index, name, fault.reason, str(fault)))
    draft.rows[index] = row
    row.is_refused = len(draft.faults) > count


def _fill_beside(draft: Draft, index: int, row: Row, name: str, typed: str) -> None:
    table = draft.table
    is_foreign = table.extra is Extra.NOTICE or (table.extra is Extra.ENTERPRISE and name not in FIELDS)
    # A name that a header would be read by as a declared column can't stand beside them.
    if is_foreign or not name.strip() or table.recognised([name]) or name.strip() == forms.VERSION_TITLE:
        draft.refuse(index, name, Reason.UNKNOWN_COLUMN, table=f"{table.label}（{table.name}）")
        return
    row.extra[name.strip()] = clean(typed)


def _refuse_known(connection: Connection, site: str, draft: Draft) -> None:
    """New rows whose key is taken."""
    table = draft.table
    new = {index: draft.rows[index] for index in sorted(draft.new) if not draft.rows[index].is_refused}
    if not new:
        return
    taken = records.find(connection, site, table, [row.values for row in new.values()])
    for index, row in new.items():
        is_foreign = "site_code" in table.key and row.values["site_code"] != site
        if is_foreign:
            draft.refuse(index, "site_code", Reason.KEY_FIXED, value=row.values["site_code"], other=site)
        elif records.key_of(table, row.values) in taken:
            draft.refuse_key(index, Reason.ALREADY_EXISTS, records.shown_key(table, row.values, draft.timezone))


def _check_together(connection: Connection, site: str, draft: Draft) -> None:
    """The rows against one another and against what they refer to, by the import's own checks."""
    table = draft.table
    refused = {fault.index for fault in draft.faults}
    places = {draft.rows[index].line: index for index in sorted(draft.rows)}
    rows = Rows(table, table.name, present={column.name for column in table.columns})
    rows.read = [draft.rows[index] for index in sorted(draft.rows) if index not in refused]
    rows.total = len(rows.read)
    draft.known = state.load(connection, site, _referred(table, rows), [table.name])
    _check_repeats(draft, rows, places)
    if table.name == "site":
        landing.check_site(rows, draft.timezone)
    references.check({table.name: rows}, draft.known)
    if table.name == "meters":
        flows.warn_units(rows, None, draft.known)
    draft.notices += rows.notices
    for rejection in rows.rejections:
        index = places[rejection.line or 0]
        draft.faults.append(Fault(index, rejection.column, rejection.reason, rejection.text))


def _check_repeats(draft: Draft, rows: Rows, places: Mapping[int, int]) -> None:
    """Two edits of one row: the same twice is one, two different ones are none."""
    before = {id(row): row for row in rows.read}
    drop_repeats(rows)
    for repeated in set(before) - {id(row) for row in rows.read}:
        index = places[before[repeated].line]
        del draft.rows[index]
        draft.changed.discard(index)
        draft.before.pop(index, None)


def _referred(table: Table, rows: Rows) -> dict[str, set[str] | None]:
    """What has to be read to judge these rows: codes by table, None for all of it."""
    result: dict[str, set[str] | None] = {}
    for reference in table.references:
        codes = {code for row in rows.good for code in references.codes_of(table, reference, row)}
        known = result.get(reference.table) or set()
        result[reference.table] = codes | known
    if table.name == "org_units":
        result["org_units"] = None  # the circle of parents may close anywhere
    if table.name == "flows":
        result["meters"] = _words(rows, "measured_by")
        result["flows"] = None
    if table.name == "upload_items":
        written = _words(rows, "expression")
        result["meters"] = written
        result["flows"] = written | (result["flows"] or set())
    return result


def _words(rows: Rows, column: str) -> set[str]:
    """Every word of the rows' expressions: what may be a code."""
    return {word for row in rows.good for word in expressions.words(row.values[column] or "")}
