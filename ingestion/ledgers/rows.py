"""Rows of a ledger or ERP table: from cells to checked values, one table on its own.

What needs other tables (references, overlaps with what is already there) is in ``references``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from ingestion import values
from ingestion.declarations import Extra, Table
from ingestion.ledgers.enterprise import FIELDS, field_name
from ingestion.reasons import Reason, text
from ingestion.rejections import Rejection, row_json
from ingestion.sources.cells import Cells
from ingestion.texts import clean
from ingestion.values import CellError


@dataclass
class Row:
    """One row: values by contract name in the database's notation, and where it came from."""

    line: int
    values: dict[str, str | None]
    cells: list[str]
    extra: dict[str, str] = field(default_factory=dict)
    """Cells of columns that belong to no declared column but are kept (enterprise, whole rows)."""
    is_refused: bool = False


@dataclass
class Rows:
    """The rows of one table: those still good, those refused, and what else should be said."""

    table: Table
    file: str
    header: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    """Declared columns the file has; the others keep their value in the database."""
    total: int = 0
    read: list[Row] = field(default_factory=list)
    """Rows whose cells could be placed; see ``good`` and ``refused``."""
    dropped: int = 0
    """Exact repeats of a row of the same file."""
    rejections: list[Rejection] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def good(self) -> list[Row]:
        """Rows that stand."""
        return [row for row in self.read if not row.is_refused]

    @property
    def refused(self) -> list[Row]:
        """Rows that fell after they could be read; what refers to them falls with them."""
        return [row for row in self.read if row.is_refused]

    def refuse(
        self, row: Row, column: str | None, reason: Reason, sentence: str | None = None, **facts: object
    ) -> None:
        """Move a row from the good to the refused; the sentence is made of the facts unless given."""
        sentence = sentence or text(reason, column=column, **facts)
        self.rejections.append(Rejection(row.line, column, reason, sentence, row_json(self.header, row.cells)))
        row.is_refused = True

    def key(self, row: Row) -> tuple[str | None, ...]:
        """The row's key within the site."""
        return tuple(row.values.get(name) for name in self.table.key)

    @property
    def landed(self) -> int:
        """Rows whose content is in the database after the load, repeats included."""
        return len(self.good) + self.dropped


def parse(table: Table, cells: Cells, file: str, timezone: ZoneInfo) -> Rows:
    """Check every cell of a table; raises FileRefused when the header cannot be used."""
    positions, unknown = table.match(cells.header, file)
    rows = Rows(table, file, cells.header, set(positions), len(cells.rows))
    extras = _extras(table, cells.header, unknown, rows)
    for line, row in cells.rows:
        _parse_row(rows, line, row, positions, extras, timezone)
    number(rows)
    drop_repeats(rows)
    return rows


def _extras(table: Table, header: list[str], unknown: list[str], rows: Rows) -> dict[str, int]:
    """Positions of the undeclared columns that are kept; notices for those that are not."""
    if table.extra is Extra.BESIDE:
        declared = set(table.match(header, rows.file)[0].values())
        return {title.strip(): place for place, title in enumerate(header) if title.strip() and place not in declared}
    kept: dict[str, int] = {}
    for title in unknown:
        name = field_name(title) if table.extra is Extra.ENTERPRISE else None
        if name:
            kept.setdefault(name, [cell.strip() for cell in header].index(title))
            continue
        known = list(FIELDS) if table.extra is Extra.ENTERPRISE else []
        close = difflib.get_close_matches(title.lower(), known, n=1)
        meant = table.suggest(title) or (close[0] if close else None)
        hint = f"，是否想写 {meant}？" if meant else ""
        rows.notices.append(f"{rows.file}：不认识的列“{title}”，已忽略{hint}")
    return kept


def _parse_row(
    rows: Rows,
    line: int,
    row: list[str],
    positions: dict[str, int],
    extras: dict[str, int],
    timezone: ZoneInfo,
) -> None:
    width = len(rows.header)
    surplus = [cell for cell in row[width:] if cell.strip()]
    if len(row) < width or surplus:
        sentence = text(Reason.WRONG_FIELD_COUNT, value=len(row), allowed=width)
        rows.rejections.append(Rejection(line, None, Reason.WRONG_FIELD_COUNT, sentence, row_json(rows.header, row)))
        return
    result = Row(line, {}, row[:width])
    faults: list[tuple[str, CellError]] = []
    for column in rows.table.columns:
        place = positions.get(column.name)
        try:
            result.values[column.name] = values.parse(column, row[place] if place is not None else "", timezone)
        except CellError as error:
            faults.append((column.name, error))
    if not faults:
        faults = reversals(rows.table, result.values)
    if faults:
        name, first = faults[0]
        others = "".join(f" 另外：{error}" for _, error in faults[1:])
        rows.rejections.append(
            Rejection(line, name, first.reason, f"{first}{others}", row_json(rows.header, result.cells))
        )
        result.is_refused = True  # kept, so that rows which refer to it can be told why they fall
    result.extra = {name: clean(row[place]) for name, place in extras.items()}
    rows.read.append(result)


def reversals(table: Table, values: Mapping[str, str | None]) -> list[tuple[str, CellError]]:
    """Spans of days that end before they begin, and thresholds out of their order; each with its column.

    ``values`` are a row's in the database's notation: both ends of a span are ISO dates or ±infinity.
    """
    for start, end, reason in (
        ("valid_from", "valid_to", Reason.VALIDITY_REVERSED),
        ("period_start", "period_end", Reason.PERIOD_REVERSED),
    ):
        first, last = values.get(start), values.get(end)
        is_empty = start == "valid_from" and last == first  # half-open; a period of one day names it twice
        if first and last and first != "-infinity" and last != "infinity" and (last < first or is_empty):
            return [(end, CellError(reason, value=last, other=first))]
    known = [(name, Decimal(value)) for name in table.ascending if (value := values.get(name)) is not None]
    for (lower, least), (upper, most) in pairwise(known):
        if most < least:
            return [(upper, CellError(Reason.NOT_ASCENDING, column=upper, value=most, other=lower, least=least))]
    return _premature(table, values)


RISING, FALLING = ("above", "at_least"), ("below", "at_most")
"""Comparisons by which a figure grows, or falls, from the milder to the stricter bound."""


def _premature(table: Table, values: Mapping[str, str | None]) -> list[tuple[str, CellError]]:
    """A stricter bound that is met before the milder one."""
    if table.escalating is None:
        return []
    comparison, milder, stricter = table.escalating
    first, last = values.get(milder), values.get(stricter)
    if first is None or last is None:
        return []
    gap = Decimal(last) - Decimal(first)
    if (gap < 0 and values.get(comparison) in RISING) or (gap > 0 and values.get(comparison) in FALLING):
        error = CellError(Reason.ALARM_BEFORE_WARNING, column=stricter, value=last, other=milder, milder=first)
        return [(stricter, error)]
    return []


def number(rows: Rows) -> None:
    """Give rows without a number of their own one that is made of their content, so that a second load knows them.

    A row without a name is called by its number.
    """
    name = rows.table.numbered
    if name is None:
        return
    for row in rows.good:
        if row.values[name] is None:
            row.values[name] = content_number(row)
        call(rows.table, row)


def call(table: Table, row: Row) -> None:
    """A row that must have a name and has none is called by its key."""
    if table.named is not None and row.values.get(table.named) is None:
        row.values[table.named] = row.values[table.key[0]]


def content_number(row: Row) -> str:
    """What identifies a row that says nothing else of itself."""
    content: dict[str, str | None] = {name: cell or None for name, cell in row.extra.items()}
    content |= {name: value for name, value in row.values.items() if value is not None}
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    return f"ROW-{digest[:16]}"


def drop_repeats(rows: Rows) -> None:
    """Of rows with one key, identical ones count once and different ones not at all."""
    if not rows.table.key:
        return
    groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in rows.good:
        groups[rows.key(row)].append(row)
    for key, group in groups.items():
        if len(group) == 1:
            continue
        if all(row.values == group[0].values and row.extra == group[0].extra for row in group):
            repeats = {id(row) for row in group[1:]}
            rows.read = [row for row in rows.read if id(row) not in repeats]
            rows.dropped += len(repeats)
            continue
        lines = "、".join(str(row.line) for row in group)
        shown = ", ".join(part or "" for part in key)
        for row in group:
            rows.refuse(row, rows.table.key[0], Reason.CONFLICTING_DUPLICATE, value=shown, lines=lines)
