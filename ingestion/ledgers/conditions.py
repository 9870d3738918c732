"""What people look for in a ledger, as SQL: words, filters, orders.

Column names are looked up in the declarations and values are parameters, so nothing a user types becomes SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from psycopg import sql

from ingestion import values as cells
from ingestion.declarations import Column, Kind, Table
from ingestion.ledgers import naming, records, state
from ingestion.values import CellError

Operator = Literal["is", "in", "contains", "from", "to", "empty", "filled"]


class QueryError(ValueError):
    """A filter or an order names a column that the ledger has not, or a value that can't be one of it."""


@dataclass(frozen=True)
class Filter:
    """One condition on a column. ``from`` and ``to`` include the value; ``in`` takes several."""

    column: str
    operator: Operator = "is"
    value: str | Sequence[str] = ""


@dataclass(frozen=True)
class Group:
    """Conditions that must hold all, or of which any must; without conditions it asks for nothing."""

    logic: Literal["and", "or"]
    filters: Sequence[Filter | Group]


MOST_CONDITIONS = 100
"""Of one question; nobody types more."""


def _place(table: Table, name: str, facts: dict[str, Any]) -> tuple[Column, sql.Composable]:
    """A column that a filter or an order names: declared, or beside the declared ones."""
    for column in table.columns:
        if column.name == name:
            return column, sql.Identifier("one", column.stored)
    if table.extra_target is None:
        raise QueryError(f"{table.label}（{table.name}）没有 {name} 这一列")
    return Column(name), sql.SQL("({} ->> {}::text)").format(
        sql.Identifier("one", table.extra_target), _fact(facts, name)
    )


def order(table: Table, sort: Sequence[str] | str, facts: dict[str, Any]) -> sql.Composable:
    """The order of the rows: by these columns, ``-`` before one for descending, and then by key."""
    wanted = [sort] if isinstance(sort, str) else list(sort)
    parts: list[sql.Composable] = []
    for name in filter(None, wanted):
        _, place = _place(table, name.removeprefix("-"), facts)
        parts.append(sql.SQL("{} desc nulls last" if name.startswith("-") else "{} asc nulls last").format(place))
    parts += [sql.Identifier("one", name) for name in ("site_code", *records.key_columns(table))]
    return sql.SQL(", ").join(parts)


def search(table: Table, word: str, facts: dict[str, Any]) -> sql.Composable:
    """The word stands somewhere in the row's codes and texts, whatever its case."""
    name = _fact(facts, f"%{literally(word)}%")
    texts: list[sql.Composable] = [
        sql.Identifier("one", column.stored)
        for column in table.columns
        if column.kind in (Kind.TEXT, Kind.CODE, Kind.CODES)
    ]
    if table.extra_target:
        texts.append(sql.SQL("{}::text").format(sql.Identifier("one", table.extra_target)))
    # One text to look through, with a separator that nobody types.
    return sql.SQL("concat_ws(E'\\n', {}) ilike {}").format(sql.SQL(", ").join(texts), name)


def literally(word: str) -> str:
    """The word as a pattern of like that means nothing but itself."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_COMPARISONS = {"is": "=", "from": ">=", "to": "<="}


def condition(table: Table, wanted: Filter | Group, facts: dict[str, Any], timezone: ZoneInfo) -> sql.Composable:
    """A filter, or a group of them; ``facts`` hold the site. Raises QueryError."""
    if isinstance(wanted, Group):
        return _group(table, wanted, facts, timezone)
    column, place = _place(table, wanted.column, facts)
    if wanted.operator in ("empty", "filled"):
        ends = "({0}::text in ('infinity', '-infinity'))" if column.kind is Kind.DATE else "({0}::text = '')"
        is_empty = sql.SQL("({0} is null or " + ends + ")").format(place)
        return is_empty if wanted.operator == "empty" else sql.SQL("not {}").format(is_empty)
    if wanted.operator == "contains":
        name = _fact(facts, f"%{literally(str(wanted.value))}%")
        parts: list[sql.Composable] = [sql.SQL("{}::text ilike {}").format(place, name)]
        references = [one for one in table.references if one.column == column.name and column.kind is Kind.CODE]
        parts += [naming.called(one, name, place) for one in references]
        if any(one.table == "energies" for one in references):
            looked_for = str(wanted.value).casefold()
            codes = [code for code, called in state.reference_names().items() if looked_for in called.casefold()]
            parts.append(sql.SQL("{} = any({}::text[])").format(place, _fact(facts, codes)))
        return sql.SQL("({})").format(sql.SQL(" or ").join(parts))
    given = [wanted.value] if isinstance(wanted.value, str) else list(wanted.value)
    try:
        names = [_fact(facts, cells.parse(column, value, timezone)) for value in given]
    except CellError as error:
        raise QueryError(str(error)) from error
    if wanted.operator == "in":
        return sql.SQL("{} in ({})").format(place, sql.SQL(", ").join(names)) if names else sql.SQL("false")
    if wanted.operator not in _COMPARISONS or len(names) != 1:
        raise QueryError(f"不能按“{wanted.operator}”筛选 {wanted.column}")
    return sql.SQL("{} {} {}").format(place, sql.SQL(_COMPARISONS[wanted.operator]), names[0])


def _asks(wanted: Filter | Group) -> bool:
    return isinstance(wanted, Filter) or any(map(_asks, wanted.filters))


def _group(table: Table, wanted: Group, facts: dict[str, Any], timezone: ZoneInfo) -> sql.Composable:
    if wanted.logic not in ("and", "or"):
        raise QueryError(f"不能用“{wanted.logic}”组合筛选条件")
    parts = [condition(table, one, facts, timezone) for one in wanted.filters if _asks(one)]
    if len(facts) > MOST_CONDITIONS:
        raise QueryError(f"筛选条件太多，最多 {MOST_CONDITIONS} 个")
    return sql.SQL("({})").format(sql.SQL(f" {wanted.logic} ").join(parts)) if parts else sql.SQL("true")


def _fact(facts: dict[str, Any], value: str | Sequence[str] | None) -> sql.Placeholder:
    """Note a parameter; its place in the statement."""
    name = f"fact{len(facts)}"
    facts[name] = value
    return sql.Placeholder(name)
