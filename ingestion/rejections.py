"""Refused rows: what is known of each, and how they are written to quarantine.rejected_at_landing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.reasons import Reason

COPY_COLUMNS = (
    "site_code",
    "batch_id",
    "file",
    "line",
    "column_name",
    "reason_code",
    "reason",
    "row",
    "rejected_at",
)
"""Order of the fields of a line for COPY."""


@dataclass(frozen=True)
class Rejection:
    """One refused row: its physical line (row number of a sheet, the header counted), the column at
    fault under its contract name, code and Chinese sentence of the reason, and its cells as JSON."""

    line: int | None
    column: str | None
    reason: Reason
    text: str
    row: str


def row_json(header: Sequence[str], row: Iterable[str]) -> str:
    """The original cells as a JSON object by header; surplus cells are named by their position."""
    names = dict(enumerate(header))
    cells = {names.get(place) or f"第{place + 1}列": cell.replace("\x00", "") for place, cell in enumerate(row)}
    return json.dumps(cells, ensure_ascii=False)


def copy_lines(rejections: Iterable[Rejection], site: str, batch_id: int, file: str, now: str) -> bytes:
    """CSV lines for COPY; an empty unquoted field is null."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    for rejection in rejections:
        writer.writerow(
            (
                site,
                batch_id,
                file,
                rejection.line,
                rejection.column,
                rejection.reason.value,
                rejection.text,
                rejection.row,
                now,
            )
        )
    return target.getvalue().encode("utf-8", errors="replace")
