"""Checks of rows against other rows: references, cycles of parents, overlapping validity, flows.

Rows of the package and rows already in the warehouse count alike; a row refused here takes with it
the rows that refer to it, so tables are checked in the order of their dependence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ingestion.declarations import Kind, Reference, Table
from ingestion.ledgers import flows, upload_checks
from ingestion.ledgers.resources import ALL
from ingestion.ledgers.rows import Row, Rows
from ingestion.ledgers.state import Known
from ingestion.reasons import Reason

LABELS = {table.name: f"{table.label}（{table.name}）" for table in ALL}
CODES = {table.name: table.key[0] for table in ALL if table.key}


def check(tables: Mapping[str, Rows], known: Known) -> None:
    """Refuse every row of the ledgers that cannot stand beside the others."""
    for declared in ALL:
        rows = tables.get(declared.name)
        if rows is None:
            continue
        _refuse_unplaced(rows)
        check_references(rows, tables, known)
        if declared.name == "org_units":
            _refuse_parent_cycles(rows, known)
            while check_references(rows, tables, known):
                pass
        if declared.validity:
            _refuse_overlaps(rows, known)
        if declared.name == "flows":
            flows.check(rows, tables.get("meters"), known)
        if declared.name == "upload_items":
            upload_checks.check_items(rows, tables, known)
        if declared.name == "upload_values":
            upload_checks.check_values(rows)


def check_references(rows: Rows, tables: Mapping[str, Rows], known: Known) -> int:
    """Refuse rows that refer to what is not there; returns how many."""
    count = 0
    while True:
        standing = {name: _codes(tables.get(name), is_good=True) for name in _referred(rows.table)}
        fallen = {name: _codes(tables.get(name), is_good=False) for name in _referred(rows.table)}
        found = 0
        for row in rows.good:
            for reference in rows.table.references:
                is_there = standing[reference.table]
                code = next(
                    (
                        one
                        for one in codes_of(rows.table, reference, row)
                        if one not in is_there and not known.has(reference.table, one)
                    ),
                    None,
                )
                if code is None:
                    continue
                label = LABELS[reference.table]
                if code in fallen[reference.table]:
                    line = fallen[reference.table][code].line
                    rows.refuse(row, reference.column, Reason.REFUSED_REFERENCE, value=code, table=label, line=line)
                else:
                    rows.refuse(row, reference.column, Reason.UNKNOWN_REFERENCE, value=code, table=label)
                found += 1
                break
        count += found
        if not found or rows.table.name not in standing:
            return count


def codes_of(table: Table, reference: Reference, row: Row) -> list[str]:
    """The codes by which a row refers to rows of a table."""
    if reference.when is not None and row.values.get(reference.when[0]) != reference.when[1]:
        return []
    value = row.values.get(reference.column)
    if not value:
        return []
    return value.split(",") if table.column(reference.column).kind is Kind.CODES else [value]


def _refuse_unplaced(rows: Rows) -> None:
    """A code of which another column should say what it is the code of, and does not."""
    selectors = {one.column: one.when[0] for one in rows.table.references if one.when is not None}
    for row in rows.good:
        for column, selector in selectors.items():
            if row.values.get(column) and not row.values.get(selector):
                rows.refuse(row, selector, Reason.MISSING_VALUE)
                break


def _referred(table: Table) -> set[str]:
    return {reference.table for reference in table.references}


def _codes(rows: Rows | None, is_good: bool) -> dict[str, Row]:
    if rows is None:
        return {}
    column = CODES[rows.table.name]
    chosen = rows.good if is_good else rows.refused
    return {code: row for row in chosen if (code := row.values.get(column))}


def _refuse_parent_cycles(rows: Rows, known: Known) -> None:
    """A unit above itself: every row of the package on the circle is refused."""
    parents = {code: row["parent_code"] for code, row in known.rows.get("org_units", {}).items()}
    for row in rows.good:
        parents[str(row.values["org_code"])] = row.values["parent_code"]
    for row in rows.good:
        code = str(row.values["org_code"])
        path = [code]
        parent = parents.get(code)
        while parent is not None and parent not in path:
            path.append(parent)
            parent = parents.get(parent)
        if parent == code:
            chain = " → ".join(str(part) for part in [*path, code])
            rows.refuse(row, "parent_code", Reason.PARENT_CYCLE, value=chain)


def _refuse_overlaps(rows: Rows, known: Known) -> None:
    """Two rows of one thing that are valid on the same day, both in the package or one in the warehouse."""
    table = rows.table
    replaced = {rows.key(row) for row in rows.good}
    groups: dict[tuple[str | None, ...], list[tuple[str, str, Row | None]]] = defaultdict(list)
    for kept in known.spans.get(table.name, []):
        if tuple(kept.get(name) for name in table.key) not in replaced:
            span = (kept["valid_from"], kept["valid_to"], None)
            groups[tuple(kept.get(name) for name in table.validity)].append(span)
    for row in rows.good:
        ends = [str(row.values["valid_to"]), row.values.get("retired_on") or "infinity"]
        span_of = (str(row.values["valid_from"]), min(ends, key=_day), row)
        groups[tuple(row.values.get(name) for name in table.validity)].append(span_of)
    for code, spans in groups.items():
        for place, (start, end, mine) in enumerate(spans):
            for other_place, (other_start, other_end, other) in enumerate(spans):
                if mine is None or place == other_place or mine.is_refused:
                    continue
                is_empty = _day(end) <= _day(start) or _day(other_end) <= _day(other_start)  # retired from the start
                if not is_empty and _day(start) < _day(other_end) and _day(other_start) < _day(end):
                    with_what = f"第 {other.line} 行" if other else f"已登记的 {other_start} 至 {other_end}"
                    rows.refuse(
                        mine,
                        table.validity[0],
                        Reason.VALIDITY_OVERLAP,
                        value=", ".join(part or "" for part in code),
                        other=with_what,
                    )


def _day(text: str) -> str:
    """ISO dates compare as text; the infinities are put before and behind them."""
    return {"-infinity": "", "infinity": "~"}.get(text, text)
