"""Ledger rows into the database: inserted or brought up to date by key, untouched when unchanged.

Columns that a file does not have keep the value they had: a daily package with a short site file
must not set the plant's day back to midnight. An empty cell is null (or the column's default).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ingestion.ledgers import flows, upload_checks
from ingestion.ledgers.rows import Row, Rows

Connection = psycopg.Connection[Any]

MERGED = ("enterprise", "more")
"""Columns of jsonb that are merged, not replaced."""


def upsert(connection: Connection, rows: Rows, site: str, batch_id: int, now: datetime) -> None:
    """Write the rows that stand; ``recorded_at`` and ``batch_id`` move only where content changed."""
    table = rows.table
    columns = [column for column in table.columns if column.name not in ("site_code", *table.key)]
    changed = [column.stored for column in columns if column.name in rows.present]
    every = [column.stored for column in columns]
    records: list[dict[str, Any]] = [
        {column.stored: row.values[column.name] for column in table.columns} | {"site_code": site} for row in rows.good
    ]
    key = [table.column(name).stored for name in table.key if name != "site_code"]
    if table.extra_target:
        every.append(table.extra_target)
        changed.append(table.extra_target)
        for record, row in zip(records, rows.good, strict=True):
            record[table.extra_target] = {name: cell or None for name, cell in row.extra.items()}
    _upsert(connection, table.target, ("site_code", *key), changed, records, batch_id, now, every)


def _upsert(
    connection: Connection,
    table: str,
    key: Sequence[str],
    changed: Sequence[str],
    records: list[dict[str, Any]],
    batch_id: int,
    now: datetime,
    every: Sequence[str],
) -> None:
    if not records:
        return
    columns = [*key, *every]
    target = sql.Identifier("ledger", table)

    def names(prefix: str, wanted: Sequence[str]) -> sql.Composed:
        return sql.SQL(", ").join(_value(prefix, name) for name in wanted)

    action: sql.SQL | sql.Composed = sql.SQL("do nothing")
    if changed:
        action = sql.SQL(
            "do update set {sets}, batch_id = excluded.batch_id, recorded_at = excluded.recorded_at "
            "where ({old}) is distinct from ({new})"
        ).format(
            sets=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), _value("excluded", name, "kept")) for name in changed
            ),
            old=sql.SQL(", ").join(sql.Identifier("kept", name) for name in changed),
            new=sql.SQL(", ").join(_value("excluded", name, "kept") for name in changed),
        )
    connection.execute(
        sql.SQL(
            "insert into {target} as kept ({columns}, batch_id, recorded_at) "
            "select {values}, %(batch)s, %(now)s from jsonb_populate_recordset(null::{target}, %(rows)s::jsonb) as new "
            "on conflict ({key}) {action}"
        ).format(
            target=target,
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=names("new", columns),
            key=sql.SQL(", ").join(map(sql.Identifier, key)),
            action=action,
        ),
        {"batch": batch_id, "now": now, "rows": json.dumps(records, ensure_ascii=False)},
    )


def _value(prefix: str, name: str, kept: str | None = None) -> sql.Composable:
    """A column of the new row; what stands beside the columns is merged field by field, null clears a field."""
    if name not in MERGED:
        return sql.Identifier(prefix, name)
    if kept is None:
        return sql.SQL("jsonb_strip_nulls({})").format(sql.Identifier(prefix, name))
    return sql.SQL("jsonb_strip_nulls({} || {})").format(sql.Identifier(kept, name), sql.Identifier(prefix, name))


def replace_terms(connection: Connection, rows: Rows, site: str, meter_codes: set[str]) -> None:
    """Terms of the flows that stand, instead of those they had before."""
    if "measured_by" not in rows.present:
        return
    terms = json.dumps(flows.terms(rows, meter_codes))
    codes = [row.values["flow_code"] for row in rows.good]
    connection.execute(
        """delete from ledger.flow_terms as kept where site_code = %(site)s and flow_code = any(%(codes)s)
        and not exists (
            select from jsonb_populate_recordset(null::ledger.flow_terms, %(terms)s::jsonb) as new
            where new.flow_code = kept.flow_code and new.meter_code = kept.meter_code
        )""",
        {"site": site, "codes": codes, "terms": terms},
    )
    connection.execute(
        """insert into ledger.flow_terms as kept (site_code, flow_code, meter_code, coefficient)
        select %(site)s, flow_code, meter_code, coefficient
        from jsonb_populate_recordset(null::ledger.flow_terms, %(terms)s::jsonb)
        on conflict (site_code, flow_code, meter_code) do update set coefficient = excluded.coefficient
        where kept.coefficient <> excluded.coefficient""",
        {"site": site, "terms": terms},
    )


def replace_upload_terms(
    connection: Connection, rows: Rows, site: str, flow_codes: set[str], meter_codes: set[str]
) -> None:
    """Terms of the uploaded items that stand, instead of those they had before."""
    if "expression" not in rows.present:
        return
    terms = json.dumps(upload_checks.term_rows(rows, flow_codes, meter_codes))
    items = json.dumps([{name: row.values[name] for name in rows.table.key} for row in rows.good])
    connection.execute(
        """delete from ledger.upload_terms as kept
        using jsonb_to_recordset(%(items)s::jsonb) as items (data_code text, destination text)
        where
            kept.site_code = %(site)s
            and kept.data_code = items.data_code
            and kept.destination = items.destination
            and not exists (
                select from jsonb_populate_recordset(null::ledger.upload_terms, %(terms)s::jsonb) as new
                where
                    new.data_code = kept.data_code
                    and new.destination = kept.destination
                    and new.kind = kept.kind
                    and new.code = kept.code
            )""",
        {"site": site, "items": items, "terms": terms},
    )
    connection.execute(
        """insert into ledger.upload_terms as kept (site_code, data_code, destination, kind, code, coefficient)
        select %(site)s, data_code, destination, kind, code, coefficient
        from jsonb_populate_recordset(null::ledger.upload_terms, %(terms)s::jsonb)
        on conflict (site_code, data_code, destination, kind, code)
        do update set coefficient = excluded.coefficient
        where kept.coefficient <> excluded.coefficient""",
        {"site": site, "terms": terms},
    )


def site_row(rows: Rows) -> Row | None:
    """The site's own row, if it stands."""
    return rows.good[0] if rows.good else None
