"""What keeps a statement on one site's shard (design decision 14, stack.md §8), read from its parse tree.

A cluster that is distributed by site_code can run a statement where the rows lie only if every window, join,
group and distinct list contains site_code. Sides without rows of a table (values, unnest, generate_series) and
reference tables join freely.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlfluff.core import FluffConfig, Linter
from sqlfluff.core.parser.segments import BaseSegment
from sqlfluff.core.types import ConfigMappingType

KEY = "site_code"
AGGREGATES = {"array_agg", "avg", "bool_and", "bool_or", "count", "jsonb_agg", "max", "min", "string_agg", "sum"}
SUBQUERIES = ("select_statement", "set_expression", "with_compound_statement")


@cache
def parse(sql: str) -> BaseSegment:
    """The tree of PostgreSQL's dialect; AssertionError where it is not understood to the last word."""
    settings: ConfigMappingType = {"dialect": "postgres", "templater": "raw", "large_file_skip_byte_limit": 0}
    parsed = Linter(config=FluffConfig(overrides=settings)).parse_string(sql)
    assert not parsed.violations, f"{parsed.violations}\n{sql}"
    assert parsed.tree is not None
    return parsed.tree


def statements(sql: str) -> list[BaseSegment]:
    """The statements of a script, each as what it is: insert_statement, delete_statement, ..."""
    return [
        next(part for part in statement.segments if part.is_code) for statement in parse(sql).get_children("statement")
    ]


def faults(sql: str) -> list[str]:
    """What in it would gather rows of several sites, in words with the place."""
    tree = parse(sql)
    found = [
        *_windows(tree),
        *_selects(tree),
        *_deletes(tree),
        *_set_operations(tree),
        *_limits(tree),
    ]
    return [" ".join(fault.split())[:200] for fault in found]


def _windows(tree: BaseSegment) -> Iterator[str]:
    for over in tree.recursive_crawl("over_clause", "named_window_expression"):
        specification = next(over.recursive_crawl("window_specification"), None)
        if specification is None:
            if over.is_type("named_window_expression") or "(" in over.raw:
                yield f"a window over everything: {over.raw}"
            continue  # the name of a window, which is looked at where it is defined
        partition = specification.get_child("partitionby_clause")
        if partition is None or not _names_key(partition):
            yield f"a window's partition lacks {KEY}: {over.raw}"


def _selects(tree: BaseSegment) -> Iterator[str]:
    for select in tree.recursive_crawl("select_statement"):
        source = select.get_child("from_clause")
        if source is None or not _has_rows(source):
            continue
        yield from _joins(source)
        if _is_correlated(select) and not _equates(select.get_child("where_clause"), None):
            yield f"a correlated subquery does not equate {KEY}: {select.raw}"
        clause = select.get_child("select_clause")
        assert clause is not None
        group = select.get_child("groupby_clause")
        if group is not None and not _names_key(group):
            yield f"a group lacks {KEY}: {group.raw} of {select.raw}"
        if group is None and _is_aggregated(clause):
            yield f"one group of everything: {select.raw}"
        modifier = clause.get_child("select_clause_modifier")
        if modifier is not None and "distinct" in modifier.raw.lower():
            of = modifier if modifier.get_child("bracketed") else clause
            if not _names_key(of) and next(clause.recursive_crawl("wildcard_expression"), None) is None:
                yield f"a distinct list lacks {KEY}: {clause.raw}"


def _joins(source: BaseSegment) -> Iterator[str]:
    expressions = source.get_children("from_expression")
    if sum(_has_rows(expression) for expression in expressions) > 1:
        yield f"a join without a condition: {source.raw}"
    for expression in expressions:
        first = expression.get_child("from_expression_element")
        for join in expression.get_children("join_clause"):
            element = join.get_child("from_expression_element")
            assert element is not None, join.raw
            if _is_lateral(element) or not (_has_rows(element) and first is not None and _has_rows(first)):
                continue
            if not _equates(join.get_child("join_on_condition"), _alias(element)):
                yield f"a join does not equate {KEY}: {join.raw}"


def _deletes(tree: BaseSegment) -> Iterator[str]:
    for delete in tree.recursive_crawl("delete_statement", "update_statement"):
        used = [table for table in delete.get_children("table_expression", "from_clause") if _has_rows(table)]
        if used and not _equates(delete.get_child("where_clause"), None):
            yield f"a delete or update does not equate {KEY}: {delete.raw}"


def _set_operations(tree: BaseSegment) -> Iterator[str]:
    """Union, except and intersect compare whole rows, so the key has to be among their columns."""
    for expression in tree.recursive_crawl("set_expression"):
        operators = expression.get_children("set_operator")
        if all("all" in operator.raw.lower().split() for operator in operators):
            continue
        for select in expression.get_children("select_statement"):
            clause = select.get_child("select_clause")
            assert clause is not None
            if not _names_key(clause) and next(clause.recursive_crawl("wildcard_expression"), None) is None:
                yield f"a set operation without {KEY}: {clause.raw}"


def _limits(tree: BaseSegment) -> Iterator[str]:
    """A shard does not know which rows the others would have kept. (`limit 0` asks for columns.)"""
    for limit in tree.recursive_crawl("limit_clause", "offset_clause"):
        if limit.raw.lower().split() != ["limit", "0"]:
            yield f"a limit: {limit.raw}"


def _has_rows(segment: BaseSegment) -> bool:
    """Whether rows of a table are in it; what a subquery in a condition reads is judged by itself."""
    return any(not reference.raw.startswith("pg_") for reference in segment.recursive_crawl("table_reference"))


def _is_lateral(element: BaseSegment) -> bool:
    """A lateral side is evaluated row by row; a table that it reads is a correlated subquery's."""
    return any(part.is_type("keyword") and part.raw.lower() == "lateral" for part in element.segments)


def _is_correlated(select: BaseSegment) -> bool:
    """Whether the subquery stands in a condition (exists) or beside `lateral`, and not in `from` by itself."""
    parent = select
    while (found := parent.get_parent()) is not None:
        parent = found[0]
        if parent.is_type("from_expression_element"):
            return _is_lateral(parent)
        if parent.is_type("expression"):
            return any(part.raw.lower() == "exists" for part in parent.segments)
        if parent.is_type("select_statement", "common_table_expression", "statement"):
            return False
    return False


def _is_aggregated(clause: BaseSegment) -> bool:
    return any(
        function.segments[0].raw.lower() in AGGREGATES and next(function.recursive_crawl("over_clause"), None) is None
        for function in clause.recursive_crawl("function", no_recursive_seg_type=list(SUBQUERIES))
    )


def _names_key(segment: BaseSegment) -> bool:
    names = segment.recursive_crawl("column_reference", no_recursive_seg_type=list(SUBQUERIES))
    return any(reference.raw.split(".")[-1] == KEY for reference in names)


def _alias(element: BaseSegment) -> str:
    alias = element.get_child("alias_expression")
    if alias is not None:
        named = alias.get_child("identifier", "naked_identifier", "quoted_identifier")
        assert named is not None, element.raw
        return named.raw
    return next(element.recursive_crawl("table_reference")).raw.split(".")[-1].strip('"')


def _equates(condition: BaseSegment | None, side: str | None) -> bool:
    """Whether one of the condition's top-level conjuncts is `side.site_code = other.site_code` (or reversed)."""
    expression = condition.get_child("expression") if condition is not None else None
    if expression is None:
        return False
    conjuncts: list[list[BaseSegment]] = [[]]
    for part in expression.segments:
        if part.is_type("binary_operator") and part.raw.lower() == "or":
            return False
        if part.is_type("binary_operator") and part.raw.lower() == "and":
            conjuncts.append([])
        elif part.is_code:
            conjuncts[-1].append(part)
    for conjunct in conjuncts:
        if [part.get_type() for part in conjunct] != ["column_reference", "comparison_operator", "column_reference"]:
            continue
        left, operator, right = (part.raw.split(".") for part in conjunct)
        is_key = operator == ["="] and left[-1] == right[-1] == KEY and left[0] != right[0]
        if is_key and (side is None or side in (left[0], right[0])):
            return True
    return False
