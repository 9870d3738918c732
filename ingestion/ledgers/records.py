"""Rows of a ledger as people see them: every value as text, by the contract's names, with the row's version.

In the database a value stands in its own type, an open end of a span is infinity, an instant is UTC; here
what is unknown or open is None, and an instant is in the site's time. ``shown`` goes the one way,
``ingestion.values.parse`` the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ingestion import values as cells
from ingestion.declarations import Column, Kind, Table
from ingestion.ledgers.resources import BY_NAME

Connection = psycopg.Connection[Any]
Key = tuple[str | None, ...]


class UnknownLedgerError(LookupError):
    """There is no ledger of that name."""


def ledger(name: str) -> Table:
    """The declaration of a ledger; raises UnknownLedgerError."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise UnknownLedgerError(f"没有名为 {name} 的台账") from None


@dataclass(frozen=True)
class Stored:
    """A row as the database has it: ``raw`` in its notation, by contract name."""

    raw: Mapping[str, str | None]
    extra: Mapping[str, str | None]
    version: int
    """change_id of the newest change of the row; 0 when it has no history."""
    changed_by: str | None = None
    changed_at: datetime | None = None


def shown(column: Column, raw: str | None, timezone: ZoneInfo) -> str | None:
    """A value of the database as people read and write it; None for what is unknown or open."""
    if raw is None or raw == "" or (column.kind is Kind.DATE and raw in ("infinity", "-infinity")):
        return None
    if column.kind is not Kind.TIMESTAMP:
        return raw
    local = instant(raw).astimezone(timezone)
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.isoformat(" ") if is_twice else local.replace(tzinfo=None).isoformat(" ")


def instant(raw: str) -> datetime:
    """A timestamp of the database (or of ``values.parse``) as an aware datetime."""
    return datetime.fromisoformat(raw).astimezone(UTC)


def is_same(column: Column, one: str | None, other: str | None) -> bool:
    """Whether the database would call two values equal."""
    if one is None or other is None or one == other:
        return one == other
    if column.kind in (Kind.DECIMAL, Kind.INTEGER):
        return Decimal(one) == Decimal(other)
    if column.kind is Kind.TIMESTAMP:
        return instant(one) == instant(other)
    return False


def all_shown(table: Table, row: Stored, timezone: ZoneInfo) -> dict[str, str | None]:
    """A row's values by contract name, those that stand beside its columns included."""
    values = {column.name: shown(column, row.raw.get(column.name), timezone) for column in table.columns}
    return values | {name: cell for name, cell in row.extra.items() if cell and name not in values}


def parse_key(table: Table, key: Mapping[str, str], timezone: ZoneInfo) -> dict[str, str | None]:
    """A key as people write it, in the database's notation; raises CellError."""
    return {name: cells.parse(table.column(name), key.get(name) or "", timezone) for name in table.key}


def shown_key(table: Table, raw: Mapping[str, str | None], timezone: ZoneInfo) -> dict[str, str]:
    """The opposite: what opens the row again."""
    return {name: shown(table.column(name), raw.get(name), timezone) or "" for name in table.key}


def key_columns(table: Table) -> list[str]:
    """Columns of the primary key in the database, without the site's."""
    return [table.column(name).stored for name in table.key if name != "site_code"]


def row_key(table: Table, alias: str = "one") -> sql.Composable:
    """The expression by which ledger.changes knows a row (ledger.key_expression of migration 0003)."""
    pairs = [
        sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(alias, name))
        for name in ("site_code", *key_columns(table))
    ]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def texts(table: Table, alias: str = "one") -> sql.Composable:
    """Select list: every column as text under its contract name, and what stands beside them as ``extra``."""
    columns: list[sql.Composable] = [
        sql.SQL("{}::text as {}").format(sql.Identifier(alias, column.stored), sql.Identifier(column.name))
        for column in table.columns
    ]
    beside = sql.Identifier(alias, table.extra_target) if table.extra_target else sql.SQL("null::jsonb")
    return sql.SQL(", ").join([*columns, sql.SQL("{} as {}").format(beside, sql.Identifier("=extra"))])


def newest_change(table: Table, alias: str = "one") -> sql.Composable:
    """A lateral join that gives the newest change of each row, as ``newest``."""
    return sql.SQL(
        "left join lateral (select change_id, changed_by, changed_at from ledger.changes "
        "where changes.site_code = {site} and changes.table_name = {table} and changes.row_key = {key} "
        "order by change_id desc limit 1) as newest on true"
    ).format(site=sql.Identifier(alias, "site_code"), table=sql.Literal(table.target), key=row_key(table, alias))


VERSION = sql.SQL(
    'newest.change_id as "=version", newest.changed_by as "=changed_by", newest.changed_at as "=changed_at"'
)


def stored(row: Mapping[str, Any], table: Table) -> Stored:
    """A row selected with ``texts`` (and VERSION, where it has versions)."""
    return Stored(
        {column.name: row[column.name] for column in table.columns},
        {name: None if cell is None else str(cell) for name, cell in (row["=extra"] or {}).items()},
        row.get("=version") or 0,
        row.get("=changed_by"),
        row.get("=changed_at"),
    )


def use_utc(connection: Connection) -> None:
    """Keys of the history are written in UTC; holds for the transaction that is open."""
    connection.execute("set local timezone = 'UTC'")


def find(
    connection: Connection, site: str, table: Table, keys: Sequence[Mapping[str, str | None]]
) -> dict[Key, Stored]:
    """The rows of these keys (in the database's notation), by key; those that are not there are left out."""
    columns = key_columns(table)
    wanted: dict[str, list[str | None]] = {name: [] for name in columns}
    for key in keys:
        for name in table.key:
            if name != "site_code":
                wanted[table.column(name).stored].append(key.get(name))
    source: sql.Composable
    if columns:
        records = sql.SQL("jsonb_populate_recordset(null::{}, {}::jsonb)").format(
            sql.Identifier("ledger", table.target), sql.Placeholder("keys")
        )
        matches = sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier("one", name), sql.Identifier("wanted", name)) for name in columns
        )
        source = sql.SQL("inner join {} as wanted on {}").format(records, matches)
    else:
        source = sql.SQL("")
    statement = sql.SQL(
        "select {texts}, {version} from {target} as one {source} {newest} where one.site_code = {site}"
    ).format(
        texts=texts(table),
        version=VERSION,
        target=sql.Identifier("ledger", table.target),
        source=source,
        newest=newest_change(table),
        site=sql.Placeholder("site"),
    )
    names = list(wanted)
    listed = json.dumps([dict(zip(names, one, strict=True)) for one in zip(*wanted.values(), strict=True)])
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement, {"site": site, "keys": listed} if columns else {"site": site})
        rows = [stored(row, table) for row in cursor]
    return {key_of(table, row.raw): row for row in rows}


def key_of(table: Table, raw: Mapping[str, str | None]) -> Key:
    """A row's key within the site, the same whether its values come from the database or from ``values.parse``."""
    return tuple(_comparable(table.column(name), raw.get(name)) for name in table.key)


def _comparable(column: Column, raw: str | None) -> str | None:
    if raw is None or column.kind is not Kind.TIMESTAMP:
        return raw
    return instant(raw).isoformat()
