"""Random rows for every ledger, by its declaration: whatever a column may hold, awkward texts above all."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from ingestion.declarations import Column, Extra, Kind, Table
from ingestion.ledgers.enterprise import FIELDS
from ingestion.ledgers.rules import SUBJECTS

AWKWARD = (
    "=1+1", "+86 871", "-5", "@SUM(A1)", "'引号", "''", "'=x", "#N/A", "#DIV/0!", "_x000D_", "a\rb", "a\nb", "a\tb",
    "a\x0bb", "\uffff", "＝全角", "001", "1e5", "2026-01-05", "true", "是", "无", "/", "--", "㎡ №", "𠮷 🔥", "a,b;c\"d",
    "  内 空格  ".strip(), "<b>&amp;</b>", "{=A1}", "46027", "0.1", "x" * 3000,
)  # fmt: skip
NUMBERS = ("0.1", "1234.50", "0.1000000000000000055511151231", "123456789012345678", "7", "0.000001", "99999999.99")


def rows_for(
    table: Table, number: int, chance: random.Random, codes: Mapping[str, Sequence[str]], site: str
) -> list[dict[str, str]]:
    """``number`` rows that stand beside each other; ``codes`` are what they may refer to, by ledger."""
    if table.name == "site":
        number = 1
    return [_row(table, place, chance, codes, site) for place in range(number)]


def _row(
    table: Table, place: int, chance: random.Random, codes: Mapping[str, Sequence[str]], site: str
) -> dict[str, str]:
    references = {reference.column: reference.table for reference in table.references if reference.when is None}
    row: dict[str, str] = {}
    for column in table.columns:
        is_key = column.name in table.key
        if not (is_key or column.required) and chance.random() < 0.3:
            row[column.name] = ""
        elif column.name in references:
            row[column.name] = _reference(column, place, is_key, chance, codes.get(references[column.name], ()))
        else:
            row[column.name] = _value(column, place, is_key, chance)
    _mend(table, row, place, site, codes)
    if table.name == "alarm_rules":
        row["subject_kind"] = kind = chance.choice(list(SUBJECTS))
        row["subject_code"] = chance.choice(list(codes[SUBJECTS[kind][0]]))
    if table.extra is Extra.BESIDE:
        row |= {f"列{letter} %=": chance.choice(AWKWARD) for letter in "甲乙丙" if chance.random() < 0.8}
    if table.extra is Extra.ENTERPRISE:
        row |= {name: chance.choice(AWKWARD) for name in FIELDS if chance.random() < 0.5}
    return row


def _reference(column: Column, place: int, is_key: bool, chance: random.Random, known: Sequence[str]) -> str:
    if not known:
        return "electricity" if column.name == "energy_code" else ""
    return known[place % len(known)] if is_key else chance.choice(list(known))


def _spelled(column: Column, place: int) -> str:
    """A text of a column that keeps one spelling only."""
    return {
        "data_code": f"00-00-0000-{place:06d}-11",
        "destination": "*" if place % 2 else "kunming.sandbox",
        "stat_types": "0,1,2,3"[: place % 4 * 2 + 1],
        "stat_date": "2026-01-01 00:00:00",
    }[column.name]


def _value(column: Column, place: int, is_key: bool, chance: random.Random) -> str:
    if column.spelling is not None:
        return _spelled(column, place)
    if column.kind is Kind.CODES:
        return ""
    if column.kind is Kind.CODE:
        return f"{column.name[0].upper()}-{place:04d}.x"
    if column.kind is Kind.TEXT:
        return f"{chance.choice(AWKWARD)} {place}".strip() if is_key else chance.choice(AWKWARD)
    if column.kind is Kind.DECIMAL:
        numbers = [one for one in NUMBERS if column.maximum is None or Decimal(one) <= column.maximum]
        return chance.choice(numbers)
    if column.kind is Kind.INTEGER:
        return str(chance.randint(1, 28))
    if column.kind is Kind.DATE:
        return (date(1890, 1, 1) + timedelta(days=place if is_key else chance.randint(0, 60_000))).isoformat()
    if column.kind is Kind.TIME:
        return f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}"
    if column.kind is Kind.TIMESTAMP:
        return f"2025-{chance.randint(1, 12):02d}-05 {chance.randint(0, 23):02d}:30:{place % 60:02d}.{place:06d}"
    if column.kind is Kind.BOOLEAN:
        return chance.choice(("true", "false"))
    return chance.choice(list(column.choices))


def _mend(table: Table, row: dict[str, str], place: int, site: str, codes: Mapping[str, Sequence[str]]) -> None:
    """What one column alone does not know: spans that begin before they end, nodes that differ …"""
    if "valid_from" in row:
        first = date(2000, 1, 1) + timedelta(days=10 * place)
        row["valid_from"] = "" if place == 0 and "valid_from" not in _required(table) else first.isoformat()
        row["valid_to"] = (first + timedelta(days=10)).isoformat()
    if "retired_on" in row:
        row["retired_on"] = ""
    if table.name == "site":
        row |= {"site_code": site, "timezone": "Asia/Shanghai"}
    if table.name == "org_units":
        row["parent_code"] = ""
    if table.name == "flows":
        nodes, meters = codes["nodes"], codes["meters"]
        row["from_node"], row["to_node"] = nodes[place % len(nodes)], nodes[(place + 1) % len(nodes)]
        row["measured_by"] = f"{meters[place % len(meters)]} - 0.5 * {meters[(place + 1) % len(meters)]}"
    if table.name == "upload_items":
        # One source, bounds in their order, and what an empty cell is filled with.
        row |= {"expression": "" if row["flow"] else " + ".join(codes["meters"][:2]), "figure": "quantity"}
        row |= {"value_min": "0.000000001", "scope": row["scope"] or "2", "input_type": row["input_type"] or "4"}
        row |= {name: row[name] or default for name, default in (("factor", "2"), ("least_coverage", "0.5"))}
    if table.name == "alarm_rules":
        row |= {"comparison": "below", "warn_value": "2.50", "alarm_value": "-1"}
    if table.name == "equipment_rules":
        row |= {"standby_above_kw": "0.5", "idle_above_kw": "0.5", "running_above_kw": "20"}


def _required(table: Table) -> set[str]:
    return {column.name for column in table.columns if column.required}
