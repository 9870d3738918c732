"""A yardstick on disk: the history as a plant package, then single slots and late days, and the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from tests.bench.ledgers import write_ledgers
from tests.bench.plan import SITE, Plan, make_plan
from tests.bench.readings import SLOTS_PER_DAY, Course, Day

NEXT_DAY = date(2026, 1, 1)
"""The history ends the day before, so that the yardstick of a year is the year 2025."""

CSV_OPTIONS = pacsv.WriteOptions(include_header=False, quoting_style="none")
HEADER = b"meter_code,read_at,value\n"


@dataclass(frozen=True)
class LateDay:
    """One meter's day that was left out of the history."""

    package: Path
    meter_code: str
    day: date


@dataclass(frozen=True)
class Yardstick:
    """What was written and what it must add up to."""

    plan: Plan
    package: Path
    """The history: ledgers, ERP figures, readings by month."""
    slots: list[Path]
    """Packages of one quarter of an hour each, in the order of time."""
    late_days: list[LateDay]
    days: int
    rows: int
    """Readings in the history, doubles and disputes included."""
    rows_per_slot: int
    truth: list[dict[str, Decimal]]
    """Quantity by meter after the history and 0, 1, 2 … slots. Late days change nothing: they are counters'."""

    @property
    def readings(self) -> list[Path]:
        return sorted((self.package / "readings").iterdir())


def write_yardstick(folder: Path, *, meters: int, days: int, seed: int, slot_count: int, late_count: int) -> Yardstick:
    """Write it all; memory stays at some days of readings, whatever the history.

    Shapes: a reading per meter and 15 minutes (manual meters: per day), values in the energies' units.
    Raises ValueError when the plant is too small or the slots are more than a day's.
    """
    if not 0 < slot_count <= SLOTS_PER_DAY:
        raise ValueError(f"from 1 to {SLOTS_PER_DAY} slots can be written, not {slot_count}")
    if days < 2 * late_count + 3:
        raise ValueError(f"{days} days have no room for {late_count} late days in their middle")
    plan = make_plan(meters, seed)
    first_day = NEXT_DAY - timedelta(days=days)
    course = Course(plan, first_day, replaced_on=first_day + timedelta(days=days // 3))
    codes = pa.array(plan.codes)
    package = folder / "history" / SITE
    left_out = {
        first_day + timedelta(days=days // 2 + number): meter
        for number, meter in enumerate(plan.late_meters(late_count))
    }
    rows, late_days = _write_history(package / "readings", course, days, codes, left_out, folder / "late")
    truth = [course.truth()]
    slots = []
    rows_per_slot = 0
    for number, (day, after) in enumerate(course.slots(NEXT_DAY, slot_count), start=1):
        slot = folder / "slots" / f"slot-{number:02d}"
        _write_readings(slot / "readings" / f"slot-{number:02d}.csv", [day.table(codes)])
        slots.append(slot)
        truth.append(after)
        rows_per_slot = len(day.counts)
    write_ledgers(package, plan, first_day, NEXT_DAY - timedelta(days=1), course.events)
    return Yardstick(plan, package, slots, late_days, days, rows, rows_per_slot, truth)


def _write_history(
    folder: Path, course: Course, days: int, codes: pa.Array, left_out: dict[date, int], late_folder: Path
) -> tuple[int, list[LateDay]]:
    """Readings by month; the rows of ``left_out`` go into packages of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, late_days, month, file = 0, [], "", None
    try:
        for day in course.days(days):
            if f"{day.date:%Y-%m}" != month:
                if file is not None:
                    file.close()
                month = f"{day.date:%Y-%m}"
                file = (folder / f"{month}.csv").open("wb")
                file.write(HEADER)
            kept = day
            if day.date in left_out:
                meter = left_out[day.date]
                is_late = day.meter == meter
                late_days.append(_write_late(late_folder, course.plan, day.of(is_late), meter, codes))
                kept = day.of(~is_late)
            assert file is not None
            pacsv.write_csv(kept.table(codes), file, CSV_OPTIONS)
            rows += len(kept.counts)
    finally:
        if file is not None:
            file.close()
    return rows, late_days


def _write_late(folder: Path, plan: Plan, day: Day, meter: int, codes: pa.Array) -> LateDay:
    code = plan.codes[meter]
    package = folder / f"late-{code}"
    _write_readings(package / "readings" / f"{code}-{day.date}.csv", [day.table(codes)])
    return LateDay(package, code, day.date)


def _write_readings(path: Path, tables: Iterable[pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(HEADER)
        for table in tables:
            pacsv.write_csv(table, file, CSV_OPTIONS)
