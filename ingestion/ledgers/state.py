"""What the warehouse already knows of a site, as far as new rows may refer to it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

REFERENCE_ENERGIES = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "reference_energies.csv"


@lru_cache(maxsize=1)
def _reference_energies() -> list[dict[str, str]]:
    with REFERENCE_ENERGIES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reference_units() -> dict[str, str]:
    """Energy codes that every site knows, with their units: the seeds of the dbt project."""
    return {row["energy_code"]: row["unit"] for row in _reference_energies()}


def reference_names() -> dict[str, str]:
    """The same energies, with their names."""
    return {row["energy_code"]: row["name"] for row in _reference_energies()}


@dataclass
class Known:
    """Rows of a site by table and code, with the columns that checks need."""

    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    spans: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows of the tables with validity, all columns as text."""
    is_registered: bool = False

    def has(self, table: str, code: str) -> bool:
        """True when the code can be referred to."""
        return code in self.rows.get(table, {}) or (table == "energies" and code in reference_units())

    def unit(self, energy: str) -> str | None:
        """Unit of an energy: the site's own, else the reference's."""
        own = self.rows.get("energies", {}).get(energy)
        return own["unit"] if own else reference_units().get(energy)


_QUERIES = {
    "org_units": ("org_code", "select org_code as code, parent_code from ledger.org_units"),
    "energies": ("energy_code", "select energy_code as code, unit from ledger.energies"),
    "nodes": ("node_code", "select node_code as code from ledger.nodes"),
    "equipment": ("equipment_code", "select equipment_code as code from ledger.equipment"),
    "products": ("product_code", "select product_code as code from ledger.products"),
    "shifts": ("shift_code", "select shift_code as code from ledger.shifts"),
    "persons": ("person_code", "select person_code as code from ledger.persons"),
    "meters": ("meter_code", "select meter_code as code, energy_code, unit from ledger.meters"),
    "flows": ("flow_code", "select flow_code as code, energy_code, measured_by from ledger.flows"),
    "upload_items": ("data_code", "select data_code as code from ledger.upload_items"),
}
"""Per table that others refer to: the column of its code, and what is read of it."""

_SPANS = {
    "energies": "select energy_code, valid_from::text, valid_to::text from ledger.energies where site_code = %s",
    "calorific_values": """select energy_code, valid_from::text, valid_to::text
        from ledger.calorific_values where site_code = %s""",
    "shifts": "select shift_code, valid_from::text, valid_to::text from ledger.shifts where site_code = %s",
    "tariffs": """select energy_code, period, start_time::text as start, valid_from::text, valid_to::text
        from ledger.tariffs where site_code = %s""",
    "equipment_rules": """select equipment_code, valid_from::text, valid_to::text
        from ledger.equipment_rules where site_code = %s""",
    "quality_weights": "select part, valid_from::text, valid_to::text from ledger.quality_weights where site_code = %s",
    "limits_custom": """select indicator_code, valid_from::text,
        least(valid_to, coalesce(retired_on, 'infinity'))::text as valid_to
        from ledger.limits_custom where site_code = %s""",
    "jjf1051_codes": "select code, valid_from::text, valid_to::text from ledger.jjf1051_codes where site_code = %s",
}


def load(
    connection: psycopg.Connection[Any],
    site: str,
    tables: Mapping[str, Collection[str] | None] | None = None,
    spans: Collection[str] | None = None,
) -> Known:
    """Read the state of a site; an unknown site knows only the reference energies.

    ``tables`` and ``spans`` limit what is read to these tables (and of a table to these codes, unless it says
    None), for whoever checks a few rows of a large site.
    """
    known = Known()
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select 1 as found from ledger.sites where site_code = %s", [site])
        known.is_registered = cursor.fetchone() is not None
        for table, (code, query) in _QUERIES.items():
            known.rows[table] = {}
            if tables is not None and table not in tables:
                continue
            codes = tables[table] if tables is not None else None
            statement = f"{query} where site_code = %s"
            values: list[Any] = [site]
            if codes is not None:
                statement, values = f"{statement} and {code} = any(%s)", [site, sorted(codes)]
            known.rows[table] = {row["code"]: row for row in cursor.execute(statement.encode(), values)}
        for table, query in _SPANS.items():
            if spans is None or table in spans:
                known.spans[table] = list(cursor.execute(query, [site]))
    return known


def timezone(connection: psycopg.Connection[Any], site: str) -> str | None:
    """The registered site's timezone; None for a site nobody has registered."""
    row = connection.execute("select timezone from ledger.sites where site_code = %s", [site]).fetchone()
    return row[0] if row else None
