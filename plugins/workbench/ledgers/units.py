"""Org units: which ledgers have rows that belong to one, and which units lie below a unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from ingestion.declarations import Table

OWNING_COLUMNS = ("org_code", "equipment_code", "meter_code", "person_code")
"""Columns by which a row belongs to a unit (``ingestion.ledgers.reading.org_of``)."""

_BELOW = """
with recursive below as (
    select org_code from ledger.org_units where site_code = %(site)s and org_code = any(%(codes)s)
    union
    select units.org_code
    from ledger.org_units as units
    inner join below on units.parent_code = below.org_code
    where units.site_code = %(site)s
)

select org_code from below
"""


def is_owned(table: Table) -> bool:
    """Whether rows of the ledger belong to units; energies, products, calendars … belong to the whole site."""
    return owning_column(table) is not None


def owning_column(table: Table) -> str | None:
    """The first of the columns that say whose a row is."""
    names = {column.name for column in table.columns}
    return next((name for name in OWNING_COLUMNS if name in names), None)


def below(connection: psycopg.Connection[Any], site: str, codes: Iterable[str]) -> set[str]:
    """The units and all that lie below them."""
    wanted = set(codes)
    rows = connection.execute(_BELOW, {"site": site, "codes": sorted(wanted)}).fetchall()
    return wanted | {code for (code,) in rows}
