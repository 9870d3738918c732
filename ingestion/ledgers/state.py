"""What the warehouse already knows of a site, as far as new rows may refer to it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

REFERENCE_ENERGIES = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "reference_energies.csv"


@lru_cache(maxsize=1)
def reference_units() -> dict[str, str]:
    """Energy codes that every site knows, with their units: the seeds of the dbt project."""
    with REFERENCE_ENERGIES.open(encoding="utf-8", newline="") as file:
        return {row["energy_code"]: row["unit"] for row in csv.DictReader(file)}


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
    "org_units": "select org_code as code, parent_code from ledger.org_units where site_code = %s",
    "energies": "select energy_code as code, unit from ledger.energies where site_code = %s",
    "nodes": "select node_code as code from ledger.nodes where site_code = %s",
    "equipment": "select equipment_code as code from ledger.equipment where site_code = %s",
    "products": "select product_code as code from ledger.products where site_code = %s",
    "meters": "select meter_code as code, energy_code, unit from ledger.meters where site_code = %s",
    "flows": "select flow_code as code, energy_code, measured_by from ledger.flows where site_code = %s",
}

_SPANS = {
    "energies": "select energy_code, valid_from::text, valid_to::text from ledger.energies where site_code = %s",
    "calorific_values": """select energy_code, valid_from::text, valid_to::text
        from ledger.calorific_values where site_code = %s""",
    "shifts": "select shift_code, valid_from::text, valid_to::text from ledger.shifts where site_code = %s",
    "tariffs": """select energy_code, period, start_time::text as start, valid_from::text, valid_to::text
        from ledger.tariffs where site_code = %s""",
}


def load(connection: psycopg.Connection[Any], site: str) -> Known:
    """Read the state of a site; an unknown site knows only the reference energies."""
    known = Known()
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select 1 as found from ledger.sites where site_code = %s", [site])
        known.is_registered = cursor.fetchone() is not None
        for table, query in _QUERIES.items():
            known.rows[table] = {row["code"]: row for row in cursor.execute(query, [site])}
        for table, query in _SPANS.items():
            known.spans[table] = list(cursor.execute(query, [site]))
    return known


def timezone(connection: psycopg.Connection[Any], site: str) -> str | None:
    """The registered site's timezone; None for a site nobody has registered."""
    row = connection.execute("select timezone from ledger.sites where site_code = %s", [site]).fetchone()
    return row[0] if row else None
