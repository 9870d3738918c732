"""Seconds that our own SQL took, from PostgreSQL's own statistics (pg_stat_statements)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

ROLES = ("nengduan_ingest", "nengduan_transform")
RELATION = re.compile(r'"\w+"\."(\w+)"\."(\w+?)(?:__dbt_tmp\w*)?"')

READ = """
    select statements.query, statements.total_exec_time / 1000
    from pg_stat_statements as statements
    inner join pg_roles as roles on statements.userid = roles.oid
    inner join pg_database as databases on statements.dbid = databases.oid
    where
        databases.datname = %s and roles.rolname = any(%s)
        and statements.query not ilike '%%advisory%%lock%%'  -- waiting is no work
"""


@dataclass(frozen=True)
class Statements:
    """What our roles had PostgreSQL do: seconds in all, and by verb and table, dearest first."""

    seconds: float
    dearest: list[tuple[str, float]]


def reset(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Forget all statements so far."""
    connection.execute("select pg_stat_statements_reset()")


def read(connection: psycopg.Connection[tuple[object, ...]], database: str) -> Statements:
    """Statements of the platform's working roles in a database since the last reset."""
    spent: dict[str, float] = {}
    for query, seconds in connection.execute(READ, [database, list(ROLES)]):
        name = _name(str(query))
        spent[name] = spent.get(name, 0.0) + float(str(seconds))
    return Statements(sum(spent.values()), sorted(spent.items(), key=lambda item: -item[1]))


def _name(query: str) -> str:
    """The verb of a statement and the first table it names, or its first words."""
    plain = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/|--.*", " ", query)).strip()
    relation = RELATION.search(plain)
    return f"{plain.split()[0].lower()} {relation[1]}.{relation[2]}" if relation else plain[:60]
