"""Readings that are in memory already, in the form in which a readings file is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from ingestion.sources.csv import Block


class ReadingsRows:
    """Rows of text under a header; ``lines`` are the lines they stood on where they came from."""

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], file: str, source: str
    ) -> None:
        self.header = list(header)
        self.file = file
        self.source = source
        self._rows = [list(row) for row in rows]
        self._lines = list(lines)
        self.sha256 = hashlib.sha256(json.dumps([self.header, self._rows]).encode()).hexdigest()

    def blocks(self) -> Iterator[Block]:
        """All rows at once."""
        columns = [pa.array([row[place] for row in self._rows], pa.string()) for place in range(len(self.header))]
        names = [f"c{place}" for place in range(len(self.header))]
        yield Block(pa.table(columns, names=names), np.array(self._lines, dtype=np.int64), [])

    def check_unchanged(self) -> None:
        """Nobody else can write to them."""

    def close(self) -> None:
        """Nothing was unpacked."""
