"""Rows that a column may refer to, looked for by code and name, a few at a time: what a form offers to choose from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from ingestion.declarations import Table
from ingestion.ledgers import conditions, dependents, naming, reading, records, state

Connection = psycopg.Connection[Any]
PAGE_SIZE = 20


@dataclass(frozen=True)
class Choice:
    """A code and what it is called."""

    code: str
    name: str | None


@dataclass(frozen=True)
class Choices:
    """One page of what fits, and whether more does."""

    choices: tuple[Choice, ...]
    is_more: bool


def search(
    connection: Connection,
    site: str,
    ledger: str,
    words: str,
    today: date,
    *,
    page: int = 1,
    org_codes: Collection[str] | None = None,
) -> Choices:
    """Rows in use whose code or name holds every word; those whose code begins with it first.

    ``org_codes`` limits to rows of these units, None is everything.
    """
    table = records.ledger(ledger)
    if table.name == "energies":
        return _energies(connection, site, words, today, page)
    facts: dict[str, Any] = {"site": site, "today": today, "limit": PAGE_SIZE + 1, "offset": (page - 1) * PAGE_SIZE}
    code, name = naming.code_of(table), naming.name_of(table)
    wanted = [
        sql.SQL("one.site_code = %(site)s"),
        sql.SQL("not {}").format(dependents.is_retired(table, "one", sql.SQL("%(today)s::date"))),
    ]
    for place, word in enumerate(words.split()):
        facts[f"word{place}"] = f"%{conditions.literally(word)}%"
        pattern = sql.Placeholder(f"word{place}")
        wanted.append(sql.SQL("({} ilike {} or {} ilike {})").format(code, pattern, name, pattern))
    join: sql.Composable = sql.SQL("")
    if org_codes is not None:
        join, unit = reading.unit(table)
        facts["org_codes"] = sorted(org_codes)
        wanted.append(sql.SQL("{} = any(%(org_codes)s)").format(unit))
    order = code
    if words.split():
        facts["first"] = f"{conditions.literally(words.split()[0])}%"
        order = sql.SQL("({} ilike %(first)s) desc, {}").format(code, code)
    statement = sql.SQL(
        "select {code}, {name} from {target} as one {join} where {where} "
        "order by {order} limit %(limit)s offset %(offset)s"
    ).format(
        code=code,
        name=name,
        target=sql.Identifier("ledger", table.target),
        join=join,
        where=sql.SQL(" and ").join(wanted),
        order=order,
    )
    with connection.transaction():
        rows = connection.execute(statement, facts).fetchall()
    return _page(table, [Choice(code, name) for code, name in rows[:PAGE_SIZE]], is_more=len(rows) > PAGE_SIZE)


def _page(table: Table, found: list[Choice], *, is_more: bool) -> Choices:
    """Of a thing with several spans one choice."""
    if "valid_from" not in table.key:
        return Choices(tuple(found), is_more)
    return Choices(tuple({one.code: one for one in found}.values()), is_more)


def _energies(connection: Connection, site: str, words: str, today: date, page: int) -> Choices:
    """The platform's energies and the site's own, whose names go before."""
    with connection.transaction():
        own = connection.execute(
            "select energy_code, name from ledger.energies where site_code = %s and valid_to > %s order by valid_from",
            [site, today],
        ).fetchall()
    known = state.reference_names() | dict(own)
    looked_for = [word.casefold() for word in words.split()]
    found = [
        Choice(code, name)
        for code, name in sorted(known.items())
        if all(word in f"{code}\n{name}".casefold() for word in looked_for)
    ]
    found.sort(key=lambda one: not (looked_for and one.code.casefold().startswith(looked_for[0])))
    first = (page - 1) * PAGE_SIZE
    return Choices(tuple(found[first : first + PAGE_SIZE]), len(found) > first + PAGE_SIZE)
