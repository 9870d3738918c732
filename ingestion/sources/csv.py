"""CSV files: small ones row by row for ledgers, large ones in blocks of columns for readings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from ingestion.declarations import Table
from ingestion.reasons import FileRefused, Reason
from ingestion.sources import cells
from ingestion.sources.cells import Cells
from ingestion.sources.textfile import TextFile

DELIMITERS = (",", ";", "\t", "|", "，")
LEDGER_BYTES = 64 << 20
BLOCK_BYTES = 8 << 20
"""Readings are parsed this much at a time: memory stays bounded, vectors stay long."""

RECORD_BYTES = 64 << 20
"""A quoted field that runs on for longer than this is a quote that was never closed."""


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a readings file: columns of text, the line of each row, and rows that
    do not have the header's number of fields as (line, cells)."""

    columns: pa.Table
    lines: np.ndarray
    ragged: list[tuple[int, list[str]]]


def read_cells(path: Path, table: Table, file: str) -> tuple[Cells, str]:
    """All cells of a ledger or ERP file and the file's checksum; raises FileRefused."""
    with TextFile(path, file, LEDGER_BYTES) as text:
        with text.open() as stream:
            content = stream.read().decode()
        delimiter = _delimiter(content.splitlines()[: cells.HEADER_SEARCH_LINES], table)
        result = cells.under_header(_records(content, delimiter, file), table, file)
        if result.rows and not text.ends_with_newline and len(result.rows[-1][1]) < len(result.header):
            raise FileRefused(Reason.FILE_TRUNCATED, file, detail=_last_line(result.rows[-1][0], result))
        if (
            result.rows
            and len(result.rows[-1][1]) < len(result.header)
            and all(len(row) >= len(result.header) for _, row in result.rows[:-1])
        ):
            raise FileRefused(Reason.FILE_TRUNCATED, file, detail=_last_line(result.rows[-1][0], result))
        text.check_unchanged()
        return result, text.sha256


def _last_line(line: int, result: Cells) -> str:
    return f"最后一行（第 {line} 行）只有 {len(result.rows[-1][1])} 个字段，表头有 {len(result.header)} 个"


def _records(content: str, delimiter: str, file: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        _refuse_quotes(file, line, str(error))


def _refuse_quotes(file: str, line: int, message: str) -> NoReturn:
    if "unexpected end of data" in message:
        detail = f"第 {line} 行的引号没有结束"
        raise FileRefused(Reason.FILE_TRUNCATED, file, detail=detail)
    raise FileRefused(Reason.FILE_CORRUPT, file, detail=f"第 {line} 行的引号或分隔符有误")


def _delimiter(lines: list[str], table: Table) -> str:
    """The delimiter by which some early line names most columns; ',' where none does."""
    scores = {
        delimiter: max((table.recognised(line.split(delimiter)) for line in lines), default=0)
        for delimiter in DELIMITERS
    }
    if not table.columns:
        scores = {delimiter: max((line.count(delimiter) for line in lines), default=0) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: (scores[delimiter], -DELIMITERS.index(delimiter)))


class ReadingsCsv:
    """A readings file as blocks. Its end is checked before the first block is read: such files are
    written by machines, whose last line ends with a newline unless they were cut off."""

    source = "csv"

    def __init__(self, path: Path, table: Table, file: str, block_bytes: int = BLOCK_BYTES) -> None:
        self.file = file
        self.block_bytes = block_bytes
        self.text = TextFile(path, file)
        self.sha256 = self.text.sha256
        try:
            self._read_header(table)
            self._check_end()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove what was unpacked."""
        self.text.__exit__(None, None, None)

    def check_unchanged(self) -> None:
        """Refuse the file when it was written to while it was read."""
        self.text.check_unchanged()

    def _read_header(self, table: Table) -> None:
        self.header_lines = 0
        offset = 0
        with self.text.open() as stream:
            while line := stream.readline():
                self.header_lines += 1
                offset += len(line)
                title = line.decode().strip("\r\n")
                if title.strip():
                    break
            else:
                raise FileRefused(Reason.FILE_EMPTY, self.file)
        self.delimiter = _delimiter([title], table)
        self.header = next(csv.reader([title], delimiter=self.delimiter))
        while self.header and not self.header[-1].strip():
            self.header.pop()
        self.body = self.text.start + offset

    def _check_end(self) -> None:
        size = self.text.path.stat().st_size
        if size > self.body or not self.text.ends_with_newline:
            if not self.text.ends_with_newline:
                raise FileRefused(Reason.FILE_TRUNCATED, self.file, detail="最后一行没有换行符，可能只写了一半")
            with self.text.path.open("rb") as stream:
                stream.seek(max(self.body, size - 65536))
                tail = stream.read().rstrip(b"\r\n").rpartition(b"\n")[2].decode(errors="replace")
            row = next(csv.reader([tail], delimiter=self.delimiter), [])
            if tail.strip() and b'"' not in tail.encode() and len(row) < len(self.header):
                detail = f"最后一行只有 {len(row)} 个字段，表头有 {len(self.header)} 个"
                raise FileRefused(Reason.FILE_TRUNCATED, self.file, detail=detail)

    def blocks(self) -> Iterator[Block]:
        """The file's rows, in order."""
        with self.text.path.open("rb") as stream:
            stream.seek(self.body)
            line = self.header_lines + 1
            rest = b""
            width = 0
            while chunk := stream.read(self.block_bytes):
                content = rest + chunk
                cut = _row_end(content)
                content, rest = content[:cut], content[cut:]
                if len(rest) > RECORD_BYTES:
                    raise FileRefused(Reason.FILE_CORRUPT, self.file, detail=f"第 {line} 行以后的引号没有结束")
                if not content:
                    continue
                width = width or self._width(content)
                yield self._block(content, line, width)
                line += content.count(b"\n")
            if rest.strip():
                raise FileRefused(Reason.FILE_TRUNCATED, self.file, detail=f"第 {line} 行以后的引号没有结束")

    def _width(self, content: bytes) -> int:
        """Fields of the first row: some exports end each row, but not the header, with a delimiter."""
        first = next((line for line in content.split(b"\n", 16) if line.strip()), b"").decode()
        row = next(csv.reader([first], delimiter=self.delimiter), [])
        surplus = row[len(self.header) :]
        return len(row) if surplus and not any(cell.strip() for cell in surplus) else len(self.header)

    def _block(self, content: bytes, first_line: int, width: int) -> Block:
        lines = _record_lines(content, first_line)
        invalid: list[tuple[int, str]] = []

        def note(row: Any) -> str:
            invalid.append((row.number - 1, row.text))
            return "skip"

        names = [f"c{place}" for place in range(width)]
        columns = _parse(content, names, self.delimiter, note)
        if columns is None or columns.num_rows + len(invalid) != len(lines):
            return self._by_row(content, first_line, width)
        ragged = []
        for place, text in invalid:
            if text.strip(self.delimiter + " \t\r\n"):
                ragged.append((int(lines[place]), next(csv.reader([text], delimiter=self.delimiter))))
        if invalid:
            lines = np.delete(lines, [place for place, _ in invalid])
        return Block(columns, lines, ragged)

    def _by_row(self, content: bytes, first_line: int, width: int) -> Block:
        """The slow way, for blocks whose quotes and lines do not add up."""
        rows: list[list[str]] = []
        lines: list[int] = []
        ragged: list[tuple[int, list[str]]] = []
        for line, row in _records(content.decode(), self.delimiter, self.file):
            if len(row) == width:
                rows.append(row)
                lines.append(first_line + line - 1)
            elif any(cell.strip() for cell in row):
                ragged.append((first_line + line - 1, row))
        arrays = [pa.array([row[place] for row in rows], pa.string()) for place in range(width)]
        names = [f"c{place}" for place in range(width)]
        return Block(pa.table(arrays, names=names), np.array(lines, dtype=np.int64), ragged)


def _parse(content: bytes, names: list[str], delimiter: str, note: Callable[[Any], str]) -> pa.Table | None:
    if len(delimiter.encode()) > 1:
        return None
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            # One block and one thread: only then does Arrow number the rows it cannot use.
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(content) + 1),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=b'"' in content, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except pa.ArrowInvalid:
        return None


def _row_end(content: bytes) -> int:
    """Where the last whole row ends: after the last newline outside quotes."""
    if b'"' not in content:
        return content.rfind(b"\n") + 1
    newlines, is_end = _newlines(content)
    ends = newlines[is_end]
    return int(ends[-1]) + 1 if len(ends) else 0


def _newlines(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Positions of newlines, and for each whether it ends a row (an even number of quotes before it)."""
    data = np.frombuffer(content, dtype=np.uint8)
    newlines = np.flatnonzero(data == ord("\n"))
    if b'"' not in content:
        return newlines, np.ones(len(newlines), dtype=bool)
    quotes = np.flatnonzero(data == ord('"'))
    return newlines, np.searchsorted(quotes, newlines) % 2 == 0


def _record_lines(content: bytes, first_line: int) -> np.ndarray:
    """The physical line on which each row that is not blank begins."""
    data = np.frombuffer(content, dtype=np.uint8)
    newlines, is_end = _newlines(content)
    starts = np.concatenate(([0], newlines[:-1][is_end[:-1]] + 1)) if len(newlines) else np.zeros(1, int)
    numbers = np.concatenate(([0], np.flatnonzero(is_end[:-1]) + 1)) if len(newlines) else np.zeros(1, int)
    ends = newlines[is_end] if len(newlines) else np.array([len(content)])
    starts, numbers = starts[: len(ends)], numbers[: len(ends)]
    length = ends - starts
    is_blank = (length == 0) | ((length == 1) & (data[starts] == ord("\r")))
    return first_line + numbers[~is_blank].astype(np.int64)
