"""The trace's queries: one documented .sql file per step, with named parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import ClientCursor
from psycopg.rows import dict_row

FOLDER = Path(__file__).parent / "sql"
PARTS = ("chosen_flows", "judged_readings")
"""Files that stand in others, as ``{name}``."""

UNNESTED = ("readings", "reading_counts")
"""Planned without nested loops: nothing is known of how many readings a common table expression holds, and what the
planner takes for one row is a year of them."""

Rows = list[dict[str, Any]]
Parameters = Mapping[str, Any]


@cache
def text(name: str) -> str:
    """The SQL of a step as it is run, parameters as ``%(name)s``."""
    content = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    parts = {part: (FOLDER / f"{part}.sql").read_text(encoding="utf-8").strip() for part in PARTS}
    if any(f"{{{part}}}" in content for part in parts):
        content = content.format(**parts)
    return content.strip()


def run(connection: psycopg.Connection[Any], name: str, parameters: Parameters) -> Rows:
    """Run a step's query; rows as dictionaries in the query's order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select set_config('enable_nestloop', %s, true)", ["off" if name in UNNESTED else "on"])
        return cursor.execute(text(name).encode(), parameters).fetchall()


def filled(connection: psycopg.Connection[Any], name: str, parameters: Parameters) -> str:
    """The query with its parameters written in, to be run by psql as it stands."""
    setting = "set enable_nestloop = off;\n" if name in UNNESTED else ""
    return setting + ClientCursor(connection).mogrify(text(name).encode(), parameters)


def names() -> Sequence[str]:
    """Every query that is run by itself."""
    return sorted(path.stem for path in FOLDER.glob("*.sql") if path.stem not in PARTS)
