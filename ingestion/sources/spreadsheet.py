"""Workbooks (.xlsx), read with calamine. Cells become text: dates in ISO form, numbers as typed."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import python_calamine

from ingestion.declarations import Table
from ingestion.reasons import FileRefused, Reason
from ingestion.sources import cells
from ingestion.sources.cells import Cells
from ingestion.sources.csv import Block

FILE_BYTES = 200 << 20
UNPACKED_BYTES = 768 << 20
"""A full sheet of a million readings unpacks to some 200 MiB; far more is a bomb or a mistake."""

BLOCK_ROWS = 100_000
OLE = b"\xd0\xcf\x11\xe0"


class Workbook:
    """One .xlsx file, checked for completeness and size before it is opened."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name

    def check(self, file_bytes: int | None = None, unpacked_bytes: int | None = None) -> None:
        """Refuse what is truncated, corrupt, encrypted, or unpacks to far more than a plant sends."""
        file_bytes = FILE_BYTES if file_bytes is None else file_bytes
        unpacked_bytes = UNPACKED_BYTES if unpacked_bytes is None else unpacked_bytes
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                head = file.read(4)
        except OSError as error:
            raise FileRefused(Reason.FILE_UNREADABLE, self.name, detail=error.strerror) from error
        if head == OLE:
            raise FileRefused(
                Reason.FILE_UNREADABLE,
                self.name,
                detail="旧格式 .xls 或带密码的工作簿，请另存为不带密码的 .xlsx",
            )
        if size > file_bytes:
            raise FileRefused(Reason.FILE_TOO_LARGE, self.name, detail=f"工作簿超过 {file_bytes >> 20} MiB")
        try:
            with zipfile.ZipFile(self.path) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
                if unpacked > unpacked_bytes:
                    detail = f"解压后 {unpacked >> 20} MiB，超过 {unpacked_bytes >> 20} MiB"
                    raise FileRefused(Reason.FILE_TOO_LARGE, self.name, detail=detail)
                broken = archive.testzip()
        except zipfile.BadZipFile as error:
            detail = "工作簿的压缩结构不完整" if head.startswith(b"PK") else "不是 .xlsx 工作簿"
            raise FileRefused(Reason.FILE_TRUNCATED, self.name, detail=detail) from error
        except (zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise FileRefused(Reason.FILE_CORRUPT, self.name, detail="工作簿内部损坏") from error
        if broken:
            raise FileRefused(Reason.FILE_CORRUPT, self.name, detail=f"内部文件 {broken} 校验不符")

    @cached_property
    def _book(self) -> python_calamine.CalamineWorkbook:
        self.check()
        try:
            return python_calamine.CalamineWorkbook.from_path(str(self.path))
        except python_calamine.CalamineError as error:
            raise FileRefused(Reason.FILE_CORRUPT, self.name, detail=str(error)) from error

    def sheets(self) -> list[str]:
        """Names of the sheets that hold anything."""
        return [name for name in self._book.sheet_names if self._sheet(name).start is not None]

    def _sheet(self, sheet: str) -> python_calamine.CalamineSheet:
        try:
            return self._book.get_sheet_by_name(sheet)
        except (python_calamine.CalamineError, ValueError) as error:
            raise FileRefused(Reason.FILE_CORRUPT, self.name, detail=f"工作表 {sheet} 无法读取") from error

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Any]]]:
        """(Excel row number, cells) of every row of a sheet."""
        yield from enumerate(self._sheet(sheet).iter_rows(), start=1)

    def read_cells(self, sheet: str, table: Table, file: str) -> tuple[Cells, str]:
        """All cells of a ledger or ERP sheet and a checksum of its content."""
        records = [(line, [cell_text(cell) for cell in row]) for line, row in self.rows(sheet)]
        result = cells.under_header(records, table, file)
        width = len(result.header)
        rows = [(line, row[:width] + [cell for cell in row[width:] if cell.strip()]) for line, row in result.rows]
        digest = hashlib.sha256()
        for _, row in records:
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return Cells(result.header, rows), digest.hexdigest()


class ReadingsSheet:
    """A sheet of readings as blocks, like ``ReadingsCsv``."""

    source = "spreadsheet"

    def __init__(self, workbook: Workbook, sheet: str, table: Table, file: str) -> None:
        self.file = file
        self._workbook = workbook
        self._sheet = sheet
        head: list[tuple[int, list[str]]] = [
            (line, [cell_text(cell) for cell in row])
            for line, row in islice(workbook.rows(sheet), 2 * cells.HEADER_SEARCH_LINES)
        ]
        found = cells.under_header(head, table, file)
        self.header = found.header
        self.first_line = next(line for line, row in head if row[: len(self.header)] == self.header and any(row))
        digest = hashlib.sha256("\x1f".join(self.header).encode())
        for block in self.blocks():
            for column in block.columns.columns:
                for value in column.to_pylist():
                    digest.update(value.encode() + b"\x1f")
            digest.update(b"\x1e")
        self.sha256 = digest.hexdigest()

    def close(self) -> None:
        """Nothing was unpacked."""

    def check_unchanged(self) -> None:
        """A workbook is in memory since it was checked."""

    def blocks(self) -> Iterator[Block]:
        """The sheet's rows below the header, in order; rows without any cell are left out."""
        rows = islice(self._workbook.rows(self._sheet), self.first_line, None)
        width = len(self.header)
        while batch := list(islice(rows, BLOCK_ROWS)):
            kept = [(line, row) for line, row in batch if any(cell != "" for cell in row)]
            if not kept:
                continue
            columns = zip(*(row[:width] for _, row in kept), strict=True)
            arrays = [_column(list(column)) for column in columns]
            names = [f"c{place}" for place in range(width)]
            lines = np.array([line for line, _ in kept], dtype=np.int64)
            yield Block(pa.table(arrays, names=names), lines, [])


def _column(values: list[Any]) -> pa.Array:
    """A column of cells as text; columns of one type are converted as a whole."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {datetime}:
        instants = np.array(values, dtype="datetime64[us]").astype(np.int64)
        rounded = (instants + 500) // 1000 * 1000
        return pa.array(rounded).cast(pa.timestamp("us")).cast(pa.string())
    if kinds == {float}:
        return pa.array(values, pa.float64()).cast(pa.string())
    return pa.array([cell_text(value) for value in values], pa.string())


def cell_text(value: Any) -> str:
    """A cell as the text a person would have typed into a CSV file."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        # Day counts are doubles: 07:59:59.9999 means 08:00:00.
        rounded = value + timedelta(microseconds=500)
        return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000).isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return str(value)
