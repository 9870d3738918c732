"""The cells of one small table (ledger or ERP), as text, with the line each row stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingestion.declarations import Table
from ingestion.reasons import FileRefused, Reason

HEADER_SEARCH_LINES = 10
"""Printed forms carry a title above the header; it is looked for in the first lines."""


@dataclass(frozen=True)
class Cells:
    """``rows`` holds (line, cells) of every row that is not empty, the header apart."""

    header: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def under_header(records: Iterable[tuple[int, list[str]]], table: Table, file: str) -> Cells:
    """Find the header (the line among the first ten naming most columns) and take what follows."""
    kept = [(line, row) for line, row in records if any(cell.strip() for cell in row)]
    if not kept:
        raise FileRefused(Reason.FILE_EMPTY, file)
    place = 0
    if table.columns:
        scores = [table.recognised(row) for _, row in kept[:HEADER_SEARCH_LINES]]
        place = scores.index(max(scores))
    header = kept[place][1]
    while header and not header[-1].strip():
        header = header[:-1]
    return Cells(header, kept[place + 1 :])
