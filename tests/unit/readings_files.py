"""Reads a readings fixture as landing does, without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion import readings
from ingestion.package import PackageFile
from ingestion.readings import READINGS
from ingestion.rejections import Rejection

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@dataclass
class Outcome:
    """Rows of COPY in the order of their lines, refusals by line, and the number of rows."""

    rows: list[list[str]] = field(default_factory=list)
    rejections: dict[int | None, Rejection] = field(default_factory=dict)
    landed: int = 0


def read(path: Path | str, timezone: str = "Asia/Shanghai") -> Outcome:
    """Parse a readings file to its end."""
    path = FIXTURES / path
    source = PackageFile(f"readings/{path.name}", READINGS, path).open_readings()
    outcome = Outcome()
    try:
        positions, _ = READINGS.match(source.header, source.file)
        for block in source.blocks():
            parsed = readings.parse(block, positions, source.header, ZoneInfo(timezone), "S,1")
            for chunk in parsed.lines:
                outcome.rows += [line.split(",") for line in bytes(chunk).decode().splitlines()]
            outcome.rejections |= {one.line: one for one in parsed.rejections}
            outcome.landed += parsed.landed
    finally:
        source.close()
    outcome.rows.sort(key=lambda row: int(row[5]))
    return outcome


def zone() -> ZoneInfo:
    """The timezone of the fixtures' plant."""
    return ZoneInfo("Asia/Shanghai")
