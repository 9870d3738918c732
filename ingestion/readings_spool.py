"""What a readings file became, kept on disk between its parse and its COPY, and given back meter by meter.

Systems export slot by slot: row after row belongs to another meter. In that order each row goes into another leaf
of the index by meter and time, and a meter's day is read from as many pages as it has readings. Meter by meter a
month is copied in 0.7 of the time, its index is 0.6 of the size, and whoever looks a meter up finds it in one place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import IO, NamedTuple

CHUNK_BYTES = 1 << 20

ROWS_PER_RUN = 16
"""So many rows a run has at least, on average, for it to be worth a seek."""


class Run(NamedTuple):
    """Lines of one meter and month (UTC, its first day as ISO text) that follow each other in a block."""

    month: str
    meter_code: str
    length: int
    """Bytes."""


class LineSpool:
    """Lines for COPY in a seekable stream, with the places of each meter's and month's.

    Where a file has nearly as many meters as rows (a single slot), places are not kept: ``months`` is empty, and the
    lines leave as they came.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._bytes = 0
        self._rows = 0
        self._run_count = 0
        self._places: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._is_scattered = False

    @property
    def months(self) -> set[str]:
        """Months whose lines can be had by themselves."""
        return {month for _, month in self._places}

    def add(self, lines: Sequence[memoryview], runs: Sequence[Run], rows: int) -> None:
        """Add a block: its lines, what they are of in their order, and how many they are."""
        for part in lines:
            self._stream.write(part)
        self._rows += rows
        self._run_count += len(runs)
        if self._is_scattered or self._run_count * ROWS_PER_RUN > self._rows:
            self._is_scattered = True
            self._places.clear()
            return
        for run in runs:
            self._places.setdefault((run.meter_code, run.month), []).append((self._bytes, run.length))
            self._bytes += run.length

    def chunks(self, without: Collection[str] = ()) -> Iterator[bytes]:
        """All lines but those of some of ``months``: by meter and month, and then in the file's order."""
        if self._is_scattered:
            return read_through(self._stream)
        return self._gathered([key for key in self._places if key[1] not in without])

    def month(self, month: str) -> Iterator[bytes]:
        """The lines of one of ``months``: by meter, and then in the file's order."""
        return self._gathered([key for key in self._places if key[1] == month])

    def _gathered(self, wanted: list[tuple[str, str]]) -> Iterator[bytes]:
        gathered: list[bytes] = []
        size = 0
        for key in sorted(wanted):
            for start, length in self._places[key]:
                self._stream.seek(start)
                gathered.append(self._stream.read(length))
                size += length
            if size >= CHUNK_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)


def read_through(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream from its beginning, in chunks."""
    stream.seek(0)
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
