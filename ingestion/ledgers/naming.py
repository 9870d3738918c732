"""What the rows that others refer to are called, as SQL: a unit by its name, a flow by what it connects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from psycopg import sql

from ingestion.declarations import Reference, Table
from ingestion.ledgers import records, state

Connection = psycopg.Connection[Any]

_FLOW = sql.SQL("concat_ws(' ', one.energy_code, one.from_node || ' → ' || one.to_node)")
_SHIFT = sql.SQL("to_char(one.start_time, 'HH24:MI') || '–' || to_char(one.end_time, 'HH24:MI')")
_NAME = sql.SQL("one.name")


def name_of(table: Table) -> sql.Composable:
    """The name of a row, which stands as ``one``."""
    return {"flows": _FLOW, "shifts": _SHIFT}.get(table.name, _NAME)


def code_of(table: Table) -> sql.Composable:
    """What others refer to it by."""
    return sql.Identifier("one", table.column(table.key[0]).stored)


def referred(table: Table, column: str) -> dict[str | None, str]:
    """The ledgers that a column refers to, by what another column has to say for it (None: nothing)."""
    return {one.when[1] if one.when else None: one.table for one in table.references if one.column == column}


def selector(table: Table, column: str) -> str | None:
    """The column that says which ledger a column refers to, where one does."""
    return next((one.when[0] for one in table.references if one.column == column and one.when), None)


def names(connection: Connection, site: str, wanted: Mapping[str, Collection[str]]) -> dict[tuple[str, str], str]:
    """By ledger and code, the names of rows, in use or not; of a thing with several spans the newest."""
    found: dict[tuple[str, str], str] = {}
    for ledger, codes in wanted.items():
        table = records.ledger(ledger)
        if table.name == "energies":
            found |= {(ledger, code): name for code, name in state.reference_names().items() if code in codes}
        newest = sql.SQL(", one.valid_from" if "valid_from" in table.key else "")
        statement = sql.SQL(
            "select {code}, {name} from {target} as one "
            "where one.site_code = %s and {code} = any(%s) order by 1{newest}"
        ).format(code=code_of(table), name=name_of(table), target=sql.Identifier("ledger", table.target), newest=newest)
        rows = connection.execute(statement, [site, sorted(codes)]).fetchall()
        found |= {(ledger, code): name for code, name in rows if name}
    return found


def called(reference: Reference, pattern: sql.Composable, place: sql.Composable) -> sql.Composed:
    """Condition: ``place`` refers to a row whose name is like the pattern; for whoever has the site as %(site)s."""
    table = records.ledger(reference.table)
    is_meant = sql.SQL("true")
    if reference.when is not None:
        is_meant = sql.SQL("{} = {}").format(sql.Identifier("one", reference.when[0]), sql.Literal(reference.when[1]))  # type: ignore[assignment]
    return sql.SQL(
        "({is_meant} and {place} in "
        "(select {code} from {target} as one where one.site_code = %(site)s and {name} ilike {pattern}))"
    ).format(
        is_meant=is_meant,
        place=place,
        code=code_of(table),
        target=sql.Identifier("ledger", table.target),
        name=name_of(table),
        pattern=pattern,
    )
