"""Ledgers read for people: searched, filtered, sorted, paged, limited to units, as of any day, and their history.

Values are texts by contract name (``records``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ingestion.declarations import Column, Table
from ingestion.ledgers import conditions, dependents, landing, records, state
from ingestion.ledgers.conditions import Filter, Group, QueryError

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Record:
    """One row: its key (what opens it again), all values, its version, the unit it belongs to."""

    key: Mapping[str, str]
    values: Mapping[str, str | None]
    version: int | None
    """None for a row of an earlier day, which nobody can edit."""
    is_retired: bool
    org_code: str | None
    """Its own unit, or that of its equipment or meter; None: the whole site's."""


@dataclass(frozen=True)
class Page:
    """Some rows of those that fit, and how many fit."""

    records: tuple[Record, ...]
    total: int


@dataclass(frozen=True)
class Entry:
    """One change of one row; ``before`` is None where it was made, ``after`` where it was deleted."""

    version: int
    operation: Literal["insert", "update", "delete"]
    changed_at: datetime
    changed_by: str
    reason: str | None
    source: str | None
    file: str | None
    before: Mapping[str, str | None] | None
    after: Mapping[str, str | None] | None


def query(
    connection: Connection,
    site: str,
    table: str,
    *,
    search: str | None = None,
    filters: Sequence[Filter | Group] = (),
    sort: Sequence[str] | str = (),
    page: int = 1,
    page_size: int = 50,
    org_codes: Collection[str] | None = None,
    as_of: date | datetime | None = None,
    include_retired: bool = False,
    today: date | None = None,
) -> Page:
    """One page of a ledger.

    All of ``filters`` must hold, of a group all or any. Every word of ``search`` has to stand in some code or text of
    a row. ``sort`` names columns, ``-`` before one for descending; the key decides the rest. ``org_codes`` limits to
    rows of these units (those of no unit left out); None is everything. ``as_of`` is a day (its end, on the site's
    clock) or an instant. Rows retired by ``today`` (the site's day now) are left out unless asked for. Raises
    UnknownLedgerError, QueryError.
    """
    declared = records.ledger(table)
    timezone = _timezone(connection, site)
    day = today or (as_of if isinstance(as_of, date) and not isinstance(as_of, datetime) else None)
    facts: dict[str, Any] = {"site": site, "limit": page_size, "offset": max(page - 1, 0) * page_size}
    facts["today"] = day or datetime.now(timezone).date()
    wanted: list[sql.Composable] = [sql.SQL("one.site_code = %(site)s")]
    is_retired = dependents.is_retired(declared, "one", sql.SQL("%(today)s::date"))
    if not include_retired:
        wanted.append(sql.SQL("not {}").format(is_retired))
    wanted += [conditions.search(declared, word, facts) for word in (search or "").split()]
    wanted += [conditions.condition(declared, one, facts, timezone) for one in filters]
    join, org_code = unit(declared)
    if org_codes is not None:
        facts["org_codes"] = sorted(org_codes)
        wanted.append(sql.SQL("{} = any(%(org_codes)s)").format(org_code))
    source = sql.Composed([_source(declared, as_of, facts, timezone), sql.SQL(" as one "), join])
    where = sql.SQL(" and ").join(wanted)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        records.use_utc(connection)
        # Only the page's rows with their texts and versions, which stays cheap however many rows fit. What is searched
        # for is looked through once: its rows bring their number.
        rows = cursor.execute(
            sql.SQL(
                'select {texts}, {retired} as "=retired", one."=org", one."=total", {versions} '
                'from (select one.*, {org} as "=org", row_number() over (order by {order}) as "=place", '
                '{total} as "=total" from {source} where {where} '
                "order by {order} limit %(limit)s offset %(offset)s) as one "
                '{newest} order by one."=place"'
            ).format(
                versions=records.VERSION if as_of is None else sql.SQL('null as "=version"'),
                texts=records.texts(declared),
                retired=is_retired,
                org=org_code,
                order=conditions.order(declared, sort, facts),
                total=sql.SQL("count(*) over ()" if search else "null::bigint"),
                source=source,
                where=where,
                newest=records.newest_change(declared) if as_of is None else sql.SQL(""),
            ),
            facts,
        ).fetchall()
        total = rows[0]["=total"] if rows else None
        if total is None:
            counted = cursor.execute(sql.SQL("select count(*) as total from {} where {}").format(source, where), facts)
            total = (counted.fetchone() or {"total": 0})["total"]
    found = tuple(_record(declared, row, timezone, is_editable=as_of is None) for row in rows)
    return Page(found, total)


def get(connection: Connection, site: str, table: str, key: Mapping[str, str]) -> Record | None:
    """One row by its key, retired or not; None where there is none."""
    filters = [Filter(name, "is" if key.get(name) else "empty", key.get(name) or "") for name in key]
    page = query(connection, site, table, filters=filters, include_retired=True, page_size=1)
    return page.records[0] if page.records else None


def history(connection: Connection, site: str, table: str, key: Mapping[str, str]) -> list[Entry]:
    """Every change of a row, newest first. Raises UnknownLedgerError, CellError."""
    declared = records.ledger(table)
    timezone = _timezone(connection, site)
    raw = records.parse_key(declared, key, timezone)
    populated = sql.SQL(
        "left join lateral (select {texts} from jsonb_populate_record(null::{target}, changes.{side}) as one) "
        "as {side}_row on true"
    )
    target = sql.Identifier("ledger", declared.target)
    statement = sql.SQL(
        "select changes.change_id, changes.operation, changes.changed_at, changes.changed_by, changes.reason, "
        "batches.source, batches.file, to_jsonb(before_row) as before, to_jsonb(after_row) as after "
        "from ledger.changes as changes {before} {after} "
        "left join ops.batches as batches on changes.batch_id = batches.batch_id "
        "where changes.site_code = %(site)s and changes.table_name = %(table)s and changes.row_key = ("
        "select {key} from jsonb_populate_record(null::{target}, %(key)s::jsonb) as one) "
        "order by changes.change_id desc"
    ).format(
        before=populated.format(texts=records.texts(declared), target=target, side=sql.SQL("before")),
        after=populated.format(texts=records.texts(declared), target=target, side=sql.SQL("after")),
        key=records.row_key(declared),
        target=target,
    )
    stored_key = {declared.column(name).stored: value for name, value in raw.items()} | {"site_code": site}
    facts = {"site": site, "table": declared.target, "key": Jsonb(stored_key)}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        records.use_utc(connection)
        rows = cursor.execute(statement, facts).fetchall()
    return [
        Entry(
            row["change_id"],
            row["operation"],
            row["changed_at"],
            row["changed_by"],
            row["reason"],
            row["source"],
            row["file"],
            None if row["operation"] == "insert" else _shown(declared, row["before"], timezone),
            None if row["operation"] == "delete" else _shown(declared, row["after"], timezone),
        )
        for row in rows
    ]


def columns(connection: Connection, site: str, table: str) -> list[Column]:
    """The ledger's columns, and those that rows have beside them."""
    declared = records.ledger(table)
    if declared.extra_target is None:
        return list(declared.columns)
    statement = sql.SQL(
        "select distinct names.name from ledger.{target} as one "
        "cross join jsonb_object_keys(one.{extra}) as names (name) where one.site_code = %(site)s order by 1"
    ).format(target=sql.Identifier(declared.target), extra=sql.Identifier(declared.extra_target))
    with connection.transaction():
        found = connection.execute(statement, {"site": site}).fetchall()
    known = {column.name for column in declared.columns}
    return [*declared.columns, *(Column(field) for (field,) in found if field not in known)]


def org_of(connection: Connection, site: str, table: str, values: Mapping[str, str | None]) -> str | None:
    """The unit that a row with these values belongs to, in the ledger already or not; None: the whole site's."""
    declared = records.ledger(table)
    names = {column.name for column in declared.columns}
    if "org_code" in names and values.get("org_code"):
        return values["org_code"]
    equipment = values.get("equipment_code") if "equipment_code" in names else None
    meter = values.get("meter_code") if "meter_code" in names and declared.name != "meters" else None
    person = values.get("person_code") if "person_code" in names and declared.name != "persons" else None
    with connection.transaction():
        row = connection.execute(
            """select coalesce(
                (select coalesce(meters.org_code, equipment.org_code)
                from ledger.meters as meters
                left join ledger.equipment as equipment
                    on meters.site_code = equipment.site_code and meters.equipment_code = equipment.equipment_code
                where meters.site_code = %(site)s and meters.meter_code = %(meter)s),
                (select org_code from ledger.equipment
                where site_code = %(site)s and equipment_code = %(equipment)s),
                (select org_code from ledger.persons where site_code = %(site)s and person_code = %(person)s)
            )""",
            {"site": site, "meter": meter, "equipment": equipment, "person": person},
        ).fetchone()
    return row[0] if row else None


def _timezone(connection: Connection, site: str) -> ZoneInfo:
    with connection.transaction():  # nothing read here leaves a transaction open, from which an edit would date
        return ZoneInfo(state.timezone(connection, site) or landing.DEFAULT_TIMEZONE)


def _source(table: Table, as_of: date | datetime | None, facts: dict[str, Any], timezone: ZoneInfo) -> sql.Composable:
    """The rows to look at: the ledger as it is, or as it was."""
    target = sql.Identifier("ledger", table.target)
    if as_of is None:
        return target
    if not isinstance(as_of, datetime):
        as_of = datetime.combine(as_of + timedelta(days=1), time(), timezone) - timedelta(microseconds=1)
    facts["as_of"], facts["kept"] = as_of, table.target
    return sql.SQL(
        "(select was.* from ledger.as_of(%(site)s, %(kept)s, %(as_of)s) as row_then, "
        "jsonb_populate_record(null::{}, row_then) as was)"
    ).format(target)


def unit(table: Table) -> tuple[sql.Composable, sql.Composable]:
    """Joins and expression that give the unit of a row, as ``org_of`` does for one."""
    names = {column.name for column in table.columns}
    equipment = sql.SQL(
        "left join ledger.equipment as unit_equipment on {0}.site_code = unit_equipment.site_code "
        "and {0}.equipment_code = unit_equipment.equipment_code"
    )
    if table.name == "equipment" or ("org_code" in names and "equipment_code" not in names):
        return sql.SQL(""), sql.Identifier("one", "org_code")
    if "org_code" in names:
        return equipment.format(sql.Identifier("one")), sql.SQL("coalesce(one.org_code, unit_equipment.org_code)")
    if "equipment_code" in names:
        return equipment.format(sql.Identifier("one")), sql.SQL("unit_equipment.org_code")
    if "meter_code" in names:
        join = sql.SQL(
            "left join ledger.meters as unit_meters on one.site_code = unit_meters.site_code "
            "and one.meter_code = unit_meters.meter_code {}"
        ).format(equipment.format(sql.Identifier("unit_meters")))
        return join, sql.SQL("coalesce(unit_meters.org_code, unit_equipment.org_code)")
    if "person_code" in names:
        join = sql.SQL(  # type: ignore[assignment]
            "left join ledger.persons as unit_persons on one.site_code = unit_persons.site_code "
            "and one.person_code = unit_persons.person_code"
        )
        return join, sql.SQL("unit_persons.org_code")
    return sql.SQL(""), sql.SQL("null::text")


def _record(table: Table, row: Mapping[str, Any], timezone: ZoneInfo, is_editable: bool) -> Record:
    stored = records.stored(row, table)
    return Record(
        records.shown_key(table, stored.raw, timezone),
        records.all_shown(table, stored, timezone),
        stored.version if is_editable else None,
        row["=retired"],
        row["=org"],
    )


def _shown(table: Table, row: Mapping[str, Any], timezone: ZoneInfo) -> dict[str, str | None]:
    return records.all_shown(table, records.stored(row, table), timezone)


__all__ = [
    "Entry",
    "Filter",
    "Group",
    "Page",
    "QueryError",
    "Record",
    "columns",
    "get",
    "history",
    "org_of",
    "query",
    "unit",
]
