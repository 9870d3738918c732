"""The one real series of the sample plant: the UCI steel industry set's incoming electricity.

`readings_2018.csv.gz` holds its 35,040 quarter-hours as `read_at` (local time at the interval's
end) and `kwh` (the public file's own decimal text). It was made by `convert_public_file` from
`Steel_industry_data.csv` with the SHA-256 below; attribution is in this package's README.
"""

import csv
import gzip
import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from tests.plants.kunming_steel.window import PUBLIC_FIRST_DAY, QUARTERS_PER_DAY, REAL_DAYS

PUBLIC_FILE_SHA256 = "7202b058121e0e7d50b5fe3c379b636f92757b3fc143046bc59936f1d6eca8d6"
REAL_TOTAL_KWH = Decimal("959636.71")
REAL_FILE = Path(__file__).with_name("readings_2018.csv.gz")


class PublicFileError(ValueError):
    """The given file is not the public steel industry set."""


@lru_cache(maxsize=1)
def real_kwh() -> tuple[str, ...]:
    """The quarter-hours of the public year in order, as exact decimal text."""
    with gzip.open(REAL_FILE, "rt", encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    values = tuple(row["kwh"] for row in rows)
    total = sum(map(Decimal, values))
    if len(values) != REAL_DAYS * QUARTERS_PER_DAY or total != REAL_TOTAL_KWH:
        raise PublicFileError(f"{REAL_FILE.name}: {len(values)} rows, {total} kWh")
    return values


def convert_public_file(public_file: Path, target: Path = REAL_FILE) -> None:
    """Make our compact file from the public one.

    The trap: each day's last row is stamped 00:00 of the *same* day and means its 24:00, so
    stamps are taken from the row's place and only checked against the text.
    """
    content = public_file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != PUBLIC_FILE_SHA256:
        raise PublicFileError(f"{public_file.name}: SHA-256 {digest}, expected {PUBLIC_FILE_SHA256}")
    rows = csv.DictReader(content.decode("utf-8-sig").splitlines())
    lines = ["read_at,kwh"]
    end = datetime.combine(PUBLIC_FIRST_DAY, datetime.min.time())
    for row in rows:
        end += timedelta(minutes=15)
        is_day_end = end.hour == 0 and end.minute == 0
        stamp = end - timedelta(days=1) if is_day_end else end
        if row["date"] != stamp.strftime("%d/%m/%Y %H:%M"):
            raise PublicFileError(f"row for {end.isoformat()} is stamped {row['date']}")
        lines.append(f"{end.isoformat(timespec='minutes')},{row['Usage_kWh']}")
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(("\n".join(lines) + "\n").encode("ascii"))
