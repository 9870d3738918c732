"""The ledgers of one site as they are today, for a declaration."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from plugins.province import glossary

PROCESSES = ("process", "ProductionProcessCodes")
"""Dictionaries of processes, by the names of the platforms."""
EVERY_DESTINATION = "*"
Ledger = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Ledgers:
    """Rows by code. Each is a whole row as JSON, so a column that a table doesn't have is merely absent."""

    site: Mapping[str, Any]
    org_units: Ledger
    equipment: Ledger
    meters: Ledger
    flows: Ledger
    products: Ledger
    persons: Ledger
    energies: Ledger
    items: Ledger
    terms: Mapping[str, Mapping[str, Decimal]]
    """Coefficient of every meter that an item counts, by item."""
    item_flows: Mapping[str, list[str]]
    process_names: Mapping[str, str]
    """Names that a platform's dictionary gives the processes of this industry."""


def read(
    connection: psycopg.Connection[Any], site_code: str, destination: str | None, today: date | None
) -> Ledgers | None:
    """The ledgers of a site; None for an unknown one."""
    sites = list(_rows(connection, "sites", site_code))
    if not sites:
        return None
    site = sites[0]
    day = today or datetime.now(ZoneInfo(site.get("timezone") or "Asia/Shanghai")).date()

    def current(table: str, key: str) -> Ledger:
        rows = [
            (row[key], row)
            for row in _rows(connection, table, site_code)
            if not row.get("retired_on") or row["retired_on"] > day.isoformat()
        ]
        return dict(sorted(rows, key=lambda pair: str(pair[0])))  # as ever: what is unchanged must look unchanged

    items = _items(connection, site_code, destination, day)
    flows = current("flows", "flow_code")
    flow_terms: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in _rows(connection, "flow_terms", site_code):
        flow_terms[row["flow_code"]][row["meter_code"]] = Decimal(row["coefficient"])
    item_flows, terms = _counted(connection, site_code, items, flow_terms)
    return Ledgers(
        site=site,
        org_units=current("org_units", "org_code"),
        equipment=current("equipment", "equipment_code"),
        meters=current("meters", "meter_code"),
        flows=flows,
        products=current("products", "product_code"),
        persons=current("persons", "person_code"),
        energies=current("energies", "energy_code"),
        items=items,
        terms=terms,
        item_flows=item_flows,
        process_names=_process_names(connection, site_code, site.get("industry_code") or ""),
    )


def _rows(connection: psycopg.Connection[Any], table: str, site_code: str) -> Iterator[dict[str, Any]]:
    """Rows of a ledger in a stable order; none where there is no such table."""
    known = connection.execute("select to_regclass(%s)", [f"ledger.{table}"]).fetchone()
    if known is None or known[0] is None:
        return
    query = sql.SQL("select to_jsonb(rows)::text from ledger.{} as rows where site_code = %s order by 1")
    for (text,) in connection.execute(query.format(sql.Identifier(table)), [site_code]):
        yield json.loads(text, parse_float=Decimal)


def _items(connection: psycopg.Connection[Any], site_code: str, destination: str | None, day: date) -> Ledger:
    """Items for a destination: its own row counts before the one for every destination, retired or not."""
    items: Ledger = {}
    for row in _rows(connection, "upload_items", site_code):
        owner = row.get("destination") or EVERY_DESTINATION
        if destination is not None and owner not in (destination, EVERY_DESTINATION):
            continue
        if row["data_code"] not in items or owner != EVERY_DESTINATION:
            items[row["data_code"]] = row
    return {
        code: row
        for code, row in sorted(items.items())
        if not row.get("retired_on") or row["retired_on"] > day.isoformat()
    }


def _counted(
    connection: psycopg.Connection[Any], site_code: str, items: Ledger, flow_terms: Mapping[str, Mapping[str, Decimal]]
) -> tuple[dict[str, list[str]], dict[str, dict[str, Decimal]]]:
    """Which flows and which meters each item counts."""
    written: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(connection, "upload_terms", site_code):
        written[row["data_code"], row.get("destination") or EVERY_DESTINATION].append(row)
    item_flows: dict[str, list[str]] = {}
    meters: dict[str, dict[str, Decimal]] = {}
    for code, item in items.items():
        parts = written.get((code, item.get("destination") or EVERY_DESTINATION), [])
        if not parts and item.get("flow_code"):
            parts = [{"kind": "flow", "code": item["flow_code"], "coefficient": 1}]
        item_flows[code] = [part["code"] for part in parts if part["kind"] == "flow"]
        counted: dict[str, Decimal] = defaultdict(Decimal)
        for part in parts:
            coefficient = Decimal(part["coefficient"])
            below = flow_terms.get(part["code"], {}) if part["kind"] == "flow" else {part["code"]: Decimal(1)}
            for meter, share in below.items():
                counted[meter] += coefficient * share
        meters[code] = {meter: value for meter, value in counted.items() if value}
    return item_flows, meters


def _process_names(connection: psycopg.Connection[Any], site_code: str, industry: str) -> dict[str, str]:
    """Names of processes from the platforms' dictionaries, where those of the site's industry agree."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in glossary.entries(connection, site_code):
        if entry.dictionary in PROCESSES and entry.name and entry.is_of(industry):
            found[entry.code].add(entry.name)
    return {code: names.pop() for code, names in found.items() if len(names) == 1}
