"""What still refers to a row of a ledger, so that nothing is retired from under what is in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from ingestion.declarations import Table
from ingestion.ledgers import records, state
from ingestion.ledgers.resources import ALL

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Dependent:
    """One row that refers to ``code``: its ledger's name for people, and its key; ``count`` rows do so in all."""

    code: str
    table: str
    key: str
    count: int


def is_retired(table: Table, alias: str, on_date: sql.Composable) -> sql.Composable:
    """Condition: the row is out of use on that day."""
    if table.retirement is None:
        return sql.SQL("false")
    column = sql.Identifier(alias, table.retirement)
    if table.retirement == "status_since":
        return sql.SQL("({} is not distinct from 'stopped' and coalesce({}, '-infinity') <= {})").format(
            sql.Identifier(alias, "status"), column, on_date
        )
    return sql.SQL("coalesce({} <= {}, false)").format(column, on_date)


def find(
    connection: Connection, site: str, table: Table, codes: Collection[str], on_date: date
) -> Mapping[str, Dependent]:
    """By code, what is in use on a day and refers to it. Rows of the same ledger among ``codes`` do not count."""
    found: dict[str, Dependent] = {}
    for holder in ALL:
        for reference in holder.references:
            if reference.table == table.name and reference.holds and reference.when is None:
                _take(found, holder, _referring(connection, site, holder, reference.column, codes, on_date, table))
    if table.name == "meters":
        _take(found, records.ledger("flows"), _measured(connection, site, codes, on_date))
    if table.name in ("meters", "flows"):
        _take(found, records.ledger("upload_items"), _uploaded(connection, site, table.name[:-1], codes, on_date))
    if table.name == "energies":
        return {code: one for code, one in found.items() if not _is_known_otherwise(connection, site, code, on_date)}
    return found


def _take(found: dict[str, Dependent], holder: Table, rows: Collection[tuple[str, str, int]]) -> None:
    for code, key, count in rows:
        found.setdefault(code, Dependent(code, f"{holder.label}（{holder.name}）", key, count))


def _referring(
    connection: Connection,
    site: str,
    holder: Table,
    column: str,
    codes: Collection[str],
    on_date: date,
    table: Table,
) -> list[tuple[str, str, int]]:
    itself = sql.SQL("true")
    if holder.name == table.name:
        itself = sql.SQL("{} <> all(%(codes)s)").format(sql.Identifier("one", holder.key[0]))  # type: ignore[assignment]
    statement = sql.SQL(
        "select {column}, min({key}::text), count(*) from ledger.{target} as one "
        "where one.site_code = %(site)s and {column} = any(%(codes)s) and {itself} and not {retired} group by 1"
    ).format(
        column=sql.Identifier("one", holder.column(column).stored),
        key=sql.Identifier("one", holder.column(holder.key[0]).stored),
        target=sql.Identifier(holder.target),
        itself=itself,
        retired=is_retired(holder, "one", sql.SQL("%(on_date)s::date")),
    )
    return connection.execute(statement, {"site": site, "codes": sorted(codes), "on_date": on_date}).fetchall()


def _measured(connection: Connection, site: str, codes: Collection[str], on_date: date) -> list[tuple[str, str, int]]:
    """Flows in use that are counted by meters."""
    return connection.execute(
        """select terms.meter_code, min(terms.flow_code), count(*)
        from ledger.flow_terms as terms
        inner join ledger.flows as flows
            on terms.site_code = flows.site_code and terms.flow_code = flows.flow_code
        where terms.site_code = %s and terms.meter_code = any(%s)
            and not coalesce(flows.retired_on <= %s, false)
        group by 1""",
        [site, sorted(codes), on_date],
    ).fetchall()


def _uploaded(
    connection: Connection, site: str, kind: str, codes: Collection[str], on_date: date
) -> list[tuple[str, str, int]]:
    """Uploaded items in use whose expressions count on these flows or meters."""
    return connection.execute(
        """select terms.code, min(terms.data_code), count(*)
        from ledger.upload_terms as terms
        inner join ledger.upload_items as items
            on
                terms.site_code = items.site_code
                and terms.data_code = items.data_code
                and terms.destination = items.destination
        where terms.site_code = %s and terms.kind = %s and terms.code = any(%s)
            and not coalesce(items.retired_on <= %s, false)
        group by 1""",
        [site, kind, sorted(codes), on_date],
    ).fetchall()


def _is_known_otherwise(connection: Connection, site: str, code: str, on_date: date) -> bool:
    """Whether an energy goes on: the platform knows it, or another row of the site holds after that day."""
    if code in state.reference_units():
        return True
    row = connection.execute(
        """select exists (
            select from ledger.energies where site_code = %s and energy_code = %s and valid_from >= %s
        )""",
        [site, code, on_date],
    ).fetchone()
    return bool(row and row[0])
