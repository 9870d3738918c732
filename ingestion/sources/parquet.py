"""Readings as parquet. A file that was cut off has no footer and cannot even be opened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.declarations import Table
from ingestion.reasons import FileRefused, Reason
from ingestion.sources.csv import Block

BLOCK_ROWS = 200_000


class ReadingsParquet:
    """A parquet file as blocks of text columns, like ``ReadingsCsv``; lines are row numbers from 1."""

    source = "parquet"

    def __init__(self, path: Path, table: Table, file: str) -> None:
        self.file = file
        self._path = path
        self._stamp = self._stat()
        try:
            with path.open("rb") as stream:
                self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            self._parquet = pq.ParquetFile(path, memory_map=False)
        except OSError as error:
            raise FileRefused(Reason.FILE_UNREADABLE, file, detail=error.strerror) from error
        except pa.ArrowException as error:
            raise FileRefused(Reason.FILE_TRUNCATED, file, detail="parquet 文件没有完整的尾部") from error
        self.header = list(self._parquet.schema_arrow.names)
        known, _ = table.match(self.header, file)
        self._wanted = [self.header[place] for place in sorted(known.values())]
        self.header = self._wanted

    def _stat(self) -> tuple[int, int]:
        stat = self._path.stat()
        return stat.st_size, stat.st_mtime_ns

    def close(self) -> None:
        """Close the file."""
        self._parquet.close()

    def check_unchanged(self) -> None:
        """Refuse the file when it was written to while it was read."""
        if self._stat() != self._stamp:
            raise FileRefused(Reason.FILE_CHANGING, self.file)

    def blocks(self) -> Iterator[Block]:
        """The file's rows, in order, as text."""
        line = 1
        try:
            for batch in self._parquet.iter_batches(batch_size=BLOCK_ROWS, columns=self._wanted):
                arrays = [_text(column, self.file) for column in batch.columns]
                names = [f"c{place}" for place in range(len(arrays))]
                lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
                yield Block(pa.table(arrays, names=names), lines, [])
                line += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise FileRefused(Reason.FILE_CORRUPT, self.file, detail="parquet 数据块损坏") from error


def _text(column: pa.Array, file: str) -> pa.Array:
    """A column as text, missing as ''; instants with a zone keep their offset."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        is_zoned = column.type.tz is not None
        # Nanoseconds are cut to microseconds, which is what the warehouse keeps.
        column = column.cast(pa.timestamp("us", "UTC" if is_zoned else None), safe=False)
        column = column.cast(pa.timestamp("us")).cast(pa.string())
        if is_zoned:
            column = pc.binary_join_element_wise(column, "", "Z")
    elif not pa.types.is_string(column.type):
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        try:
            column = column.cast(pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise FileRefused(Reason.FILE_CORRUPT, file, detail=f"列的类型 {column.type} 无法使用") from error
    return pc.replace_substring(column.fill_null(""), "\x00", "")
