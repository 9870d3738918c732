"""`python -m tests.plants.kunming_steel FOLDER`: write the sample plant as a plant package."""

import argparse
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.plants.kunming_steel import build, real_year


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.plants.kunming_steel", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write the package; made when missing")
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        default=datetime.now(ZoneInfo("Asia/Shanghai")).date(),
        help="the data end on the day before (default: today in the plant's timezone)",
    )
    parser.add_argument(
        "--original-dates", action="store_true", help="keep the public set's year 2018; --today has no effect"
    )
    arguments = parser.parse_args()
    build(arguments.folder, arguments.today, original_dates=arguments.original_dates)
    first, last = real_year(arguments.today, original_dates=arguments.original_dates)
    sys.stdout.write(f"{arguments.folder}: real readings of M-E-001 from {first} to {last}\n")


if __name__ == "__main__":
    main()
