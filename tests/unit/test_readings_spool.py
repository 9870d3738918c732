"""Lines of a file wait for their COPY and leave meter by meter: none lost, none of another meter between."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from ingestion.readings_spool import ROWS_PER_RUN, LineSpool, Run


def _blocks(least_rows: int) -> st.SearchStrategy[list[dict[str, int]]]:
    """For each block how many rows it has of each meter."""
    rows = st.integers(least_rows, 4 * ROWS_PER_RUN)
    return st.lists(st.dictionaries(st.sampled_from("ABCDE"), rows, min_size=1), min_size=1, max_size=6)


MONTHS = ("2025-12-01", "2026-01-01")


def _filled(blocks: list[dict[str, int]]) -> tuple[LineSpool, list[str]]:
    """A spool of blocks, each in the order of its meters, and the lines that went into it, of each meter's month half."""
    spool = LineSpool(io.BytesIO())
    written: list[str] = []
    for counts in blocks:
        block: list[str] = []
        runs = []
        for meter, rows in sorted(counts.items()):
            for month, share in zip(MONTHS, (rows // 2, rows - rows // 2), strict=True):
                lines = [f"{meter},{month},{len(written) + len(block) + number}\n" for number in range(share)]
                if lines:
                    runs.append(Run(month, meter, len("".join(lines))))
                    block += lines
        written += block
        spool.add([memoryview("".join(block).encode())], runs, len(block))
    return spool, written


def _text(chunks: Iterator[bytes]) -> list[str]:
    return b"".join(chunks).decode().splitlines(keepends=True)


@given(_blocks(1))
def test_each_line_leaves_once_and_a_meters_lines_in_their_order(blocks: list[dict[str, int]]) -> None:
    spool, written = _filled(blocks)
    found = _text(spool.chunks())
    assert sorted(found) == sorted(written)
    for start in (f"{meter},{month}" for meter in "ABCDE" for month in MONTHS):
        of_meter = [line for line in written if line.startswith(start)]
        assert [line for line in found if line.startswith(start)] == of_meter


@given(_blocks(3 * ROWS_PER_RUN))
def test_meters_come_one_after_the_other_whatever_the_blocks(blocks: list[dict[str, int]]) -> None:
    spool, _ = _filled(blocks)
    meters = [meter for meter, _ in groupby(_text(spool.chunks()), key=lambda line: line[0])]
    assert meters == sorted(set(meters))


@given(_blocks(1), st.sets(st.sampled_from(MONTHS)))
def test_months_by_themselves_and_the_rest_are_all_lines(blocks: list[dict[str, int]], wanted: set[str]) -> None:
    spool, written = _filled(blocks)
    apart = sorted(spool.months & wanted)
    found = [_text(spool.month(month)) for month in apart]
    assert all(line.split(",")[1] == month for month, lines in zip(apart, found, strict=True) for line in lines)
    assert sorted([*_text(spool.chunks(without=apart)), *(line for lines in found for line in lines)]) == sorted(
        written
    )


def test_blocks_of_nearly_as_many_meters_as_rows_stay_as_they_are() -> None:
    spool, written = _filled([dict.fromkeys("ABCDE", 1)] * 3)
    assert _text(spool.chunks()) == written
    assert not spool.months


def test_one_scattered_block_after_good_ones_loses_nothing() -> None:
    spool, written = _filled([{"A": 99}, *[dict.fromkeys("ABCDE", 1)] * 9])
    assert sorted(_text(spool.chunks())) == sorted(written)
