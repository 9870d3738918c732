"""The bench's yardstick: the same seed gives the same bytes, and its truth is what the rules make of its rows."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.bench.figures import Bound, Figure, judge, missed
from tests.bench.installation import MARK, BenchError, prepare_folder
from tests.bench.plan import ENERGIES, TIMEZONE, make_plan
from tests.bench.yardstick import Yardstick, write_yardstick
from tests.reference.meters import meter_hours
from tests.reference.model import Event, Meter, Plant, Reading

METERS, DAYS, SLOTS, LATE = 24, 10, 3, 2
SEED = 104  # at this small scale one of those that bring every kind of misery, to counters and to intervals
ZONE = ZoneInfo(TIMEZONE)


def write(folder: Path, seed: int = SEED) -> Yardstick:
    return write_yardstick(folder, meters=METERS, days=DAYS, seed=seed, slot_count=SLOTS, late_count=LATE)


@pytest.fixture(scope="module")
def yardstick(tmp_path_factory: pytest.TempPathFactory) -> Yardstick:
    return write(tmp_path_factory.mktemp("yardstick"))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def history(yardstick: Yardstick) -> list[dict[str, str]]:
    return [row for path in yardstick.readings for row in table(path)]


def files(package: Path) -> dict[str, str]:
    root = package.parent.parent
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def number(text: str) -> Fraction | None:
    return Fraction(text) if text else None


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def reference_sums(package: Path, rows: list[dict[str, str]]) -> tuple[dict[str, Fraction], Counter[str]]:
    """Quantity by meter and verdicts by kind, by the pure-Python reference of the reading rules."""
    events: dict[str, list[Event]] = {}
    for row in table(package / "meter_events.csv"):
        events.setdefault(row["meter_code"], []).append(
            Event(
                row["meter_code"], instant(row["event_at"]), row["kind"],
                number(row["old_last_reading"]), number(row["new_first_reading"]),
            )
        )  # fmt: skip
    plant = Plant("BENCH")
    for row in table(package / "meters.csv"):
        plant.meters.append(
            Meter(
                row["meter_code"], row["energy_code"], row["reading_kind"], Fraction(row["multiplier"]),
                number(row["register_max"]), Fraction(row["interval_minutes"]), row["interval_label"] or "start",
                number(row["max_per_hour"]), tuple(events.get(row["meter_code"], ())),
            )
        )  # fmt: skip
    plant.readings = [Reading(row["meter_code"], instant(row["read_at"]), Fraction(row["value"])) for row in rows]
    hours, _, verdicts = meter_hours(plant)
    sums = {
        meter.meter_code: sum((hour.quantity for hour in hours.get(meter.meter_code, {}).values()), Fraction(0))
        for meter in plant.meters
    }
    return sums, Counter(verdicts.values())


def test_same_seed_same_bytes(yardstick: Yardstick, tmp_path: Path) -> None:
    again = write(tmp_path / "again")
    other = write(tmp_path / "other", seed=SEED + 1)
    assert files(again.package) == files(yardstick.package)
    assert again.truth == yardstick.truth
    assert (
        files(other.package)["history/BENCH/readings/2025-12.csv"]
        != (files(yardstick.package)["history/BENCH/readings/2025-12.csv"])
    )


def test_rows_are_counted_and_in_the_order_of_time(yardstick: Yardstick) -> None:
    rows = history(yardstick)
    assert len(rows) == yardstick.rows
    stamps = [row["read_at"] for row in rows]
    assert stamps == sorted(stamps)
    assert (stamps[0], stamps[-1]) == ("2025-12-22 00:00", "2025-12-31 23:45")
    counted = Counter(row["meter_code"] for row in rows)
    late = {one.meter_code for one in yardstick.late_days}
    for place, code in enumerate(yardstick.plan.codes):
        if yardstick.plan.is_miserable[place]:
            continue
        per_day = 96 if yardstick.plan.every_slot[place] else 1
        assert counted[code] == per_day * (DAYS - (code in late)), code


def test_the_truth_is_what_the_rules_make_of_the_rows(yardstick: Yardstick) -> None:
    rows = history(yardstick)
    sums, verdicts = reference_sums(yardstick.package, rows)
    assert {code: Fraction(value) for code, value in yardstick.truth[0].items()} == sums
    # The misery is there; without it the sums would prove little.
    assert set(verdicts) == {"outlier", "disputed", "above_max_per_hour"}
    told = Counter((row["meter_code"], row["read_at"], row["value"]) for row in rows)
    assert max(told.values()) == 2
    for slot in yardstick.slots:
        [path] = (slot / "readings").iterdir()
        rows += table(path)
    assert len(rows) == yardstick.rows + SLOTS * yardstick.rows_per_slot
    assert yardstick.rows_per_slot == int(yardstick.plan.every_slot.sum())
    sums, _ = reference_sums(yardstick.package, rows)
    assert {code: Fraction(value) for code, value in yardstick.truth[SLOTS].items()} == sums
    assert all(value > 0 for value in yardstick.truth[SLOTS].values())
    assert len(table(yardstick.package / "meter_events.csv")) == int(yardstick.plan.is_replaced.sum()) > 0


def test_late_days_are_missing_from_the_history_and_change_no_sum(yardstick: Yardstick) -> None:
    rows = history(yardstick)
    assert len(yardstick.late_days) == LATE
    for late in yardstick.late_days:
        assert not [
            row for row in rows if row["meter_code"] == late.meter_code and row["read_at"].startswith(str(late.day))
        ]
        [path] = (late.package / "readings").iterdir()
        arrived = table(path)
        assert len(arrived) == 96
        assert {(row["meter_code"], row["read_at"][:10]) for row in arrived} == {(late.meter_code, str(late.day))}
        rows += arrived
    sums, _ = reference_sums(yardstick.package, rows)
    assert {code: Fraction(value) for code, value in yardstick.truth[0].items()} == sums


@pytest.mark.parametrize("meters", [20, 100, 1000])
def test_the_plant_has_the_shape_of_one(meters: int) -> None:
    plan = make_plan(meters, seed=1)
    assert len(set(plan.codes)) == meters
    assert set(plan.kinds) == {"register", "interval", "rate", "manual"}
    assert (plan.kinds == "register").mean() > 0.7
    assert set(plan.levels) == {1, 2, 3}
    assert set(plan.energies) == set(range(len(ENERGIES)))
    # A level carries what the one below it takes, up to losses.
    for energy in range(len(ENERGIES)):
        by_level = [plan.per_hour[(plan.energies == energy) & (plan.levels == level)].sum() for level in (1, 2, 3)]
        if by_level[2]:
            assert np.all(np.diff(by_level) < 0)
            assert by_level[2] > by_level[0] * 0.9


def test_what_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 20 meters"):
        write_yardstick(tmp_path, meters=5, days=10, seed=1, slot_count=1, late_count=1)
    with pytest.raises(ValueError, match="no room for 4 late days"):
        write_yardstick(tmp_path, meters=20, days=10, seed=1, slot_count=1, late_count=4)


def test_bounds_are_judged_by_medians() -> None:
    figures = {
        "raw": Figure("raw", (9.0, 10.0, 50.0)),
        "load": Figure("load", (31.0,), bound=Bound(3, "raw")),
        "slot": Figure("slot", (19.0, 20.0, 99.0), bound=Bound(20)),
    }
    verdict = judge(figures["load"], figures)
    assert verdict.ratio == pytest.approx(3.1)
    assert verdict.is_met is False
    assert judge(figures["slot"], figures).is_met is True
    assert judge(figures["raw"], figures).is_met is None
    assert missed(figures) == ["load"]


def test_a_folder_of_other_peoples_files_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BenchError, match="not the bench's"):
        prepare_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    own = tmp_path / "own"
    prepare_folder(own)
    (own / "section.md").write_text("old")
    prepare_folder(own)
    assert [path.name for path in own.iterdir()] == [MARK]
