"""Random plants: meters, flows, energies, calendars and ERP figures of one site."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

from tests.plants.unseen.meters import Window, random_meter, thousandths
from tests.reference.model import HOUR, Energy, ErpRow, Flow, HeatValue, Plant, Shift, UploadItem, UploadValue
from tests.reference.periods import period_bounds

SEEDS = Path(__file__).parents[3] / "dbt_project/seeds/reference_energies.csv"

#: Codes with '-' and '.' and codes of digits only are all allowed by contract §1.
METER_CODES = ("EM-{:02d}", "G.{:02d}", "{:04d}", "1{:03d}", "m_{:02d}-a.b")
ITEMS_UPLOADED = 6
ENERGIES = ("electricity", "natural_gas", "oxygen", "steam.own", "coal-local", "sludge")
ITEMS = ("purchase", "export", "production", "living", "conversion_in", "conversion_out", "recovery", "loss")


@dataclass(frozen=True)
class Calendar:
    """A site's own time: what makes its days and months differ from the calendar's."""

    timezone: str = "Asia/Shanghai"
    day_start: time = time(0)
    month_start_day: int = 1


CALENDARS = (
    Calendar(),
    Calendar("Asia/Shanghai", time(8), 26),
    Calendar("Asia/Urumqi", time(7, 30), 21),
    Calendar("Asia/Kolkata", time(6), 1),
    Calendar("Asia/Shanghai", time(0), 26),
)


def random_plant(
    seed: int, site_code: str, start: date, days: int, meters: int, now: datetime, calendar: Calendar
) -> Plant:
    """A plant of ``meters`` meters read from ``start`` for ``days`` days."""
    rng = Random(seed)
    window = Window(
        int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()) - 8 * HOUR,
        days * 24,
        int(now.timestamp()),
    )
    plant = Plant(
        site_code,
        timezone=calendar.timezone,
        day_start=calendar.day_start,
        month_start_day=calendar.month_start_day,
        energies=own_energies(start + timedelta(days=days // 2)),
        seed_energies=seed_energies(),
        heat_values=heat_values(rng, start, days),
        shifts=rng.choice(SHIFT_CALENDARS),
    )
    for number in range(meters):
        code = rng.choice(METER_CODES).format(number)
        meter, readings = random_meter(rng, code, rng.choice(ENERGIES), window)
        plant.meters.append(meter)
        plant.readings += readings
    plant.flows = random_flows(rng, [meter.meter_code for meter in plant.meters])
    for energy_code in ("raw_coal", "diesel", "electricity"):
        plant.purchases += purchases(rng, energy_code, start, days)
    for energy_code in ("raw_coal", "coal-local"):
        plant.stocks += stocks(rng, plant, energy_code, start, days)
    of_uploads = Random(f"{seed} uploads")  # so that a plant's readings are what they were before it uploaded any
    plant.upload_items = [random_item(of_uploads, plant, number) for number in range(ITEMS_UPLOADED)]
    plant.upload_values = random_values(of_uploads, plant, start, days)
    return plant


def seed_energies() -> list[Energy]:
    """The reference coefficients every installation brings along."""

    def decimal(text: str) -> Fraction | None:
        return Fraction(text) if text else None

    def day(text: str, unknown: date) -> date:
        return date.fromisoformat(text) if text else unknown

    with SEEDS.open(encoding="utf-8", newline="") as file:
        return [
            Energy(
                row["energy_code"],
                row["class"],
                decimal(row["kgce_per_unit"]),
                decimal(row["kgce_per_unit_equal"]),
                day(row["valid_from"], date.min),
                day(row["valid_to"], date.max),
                row["unit"],
            )
            for row in csv.DictReader(file)
        ]


def own_energies(changed_on: date) -> list[Energy]:
    """Energies of the plant's own, one overriding a seed, one changing on a date, one unknown."""
    return [
        Energy("electricity", "secondary", Fraction("0.1229"), Fraction("0.31"), unit="kWh"),
        Energy("steam.own", "secondary", Fraction("94.1"), Fraction("128.6"), valid_to=changed_on, unit="t"),
        Energy("steam.own", "secondary", Fraction("95.2"), None, valid_from=changed_on, unit="t"),
        Energy("coal-local", "primary", Fraction("714.3"), Fraction("714.3"), unit="t"),
        Energy("sludge", "non_energy", None, None, unit="t"),
    ]


def heat_values(rng: Random, start: date, days: int) -> list[HeatValue]:
    middle = start + timedelta(days=rng.randint(1, max(1, days - 1)))
    return [
        HeatValue("coal-local", start - timedelta(days=30), Fraction(20934000), valid_to=middle),
        HeatValue("natural_gas", middle, Fraction("35544.5")),
        HeatValue("steam.own", middle, Fraction(2763000), valid_to=middle + timedelta(days=1)),
    ]


SHIFT_CALENDARS: tuple[list[Shift], ...] = (
    [],
    [Shift("A", time(8), time(16)), Shift("B", time(16), time(0)), Shift("C", time(0), time(8))],
    [Shift("day", time(7), time(19)), Shift("night", time(19), time(7))],
)


def random_flows(rng: Random, codes: list[str]) -> list[Flow]:
    flows = []
    for number in range(max(4, len(codes) // 2)):
        chosen = rng.sample(codes, min(len(codes), rng.choice([1, 1, 2, 3])))
        expression = chosen[0] if rng.random() < 0.7 else f"{rng.choice(['0.5', '2', '1.25'])} * {chosen[0]}"
        for code in chosen[1:]:
            factor = rng.choice(["", "", "0.5 * ", "3 * "])
            expression += f" {rng.choice('+-')} {factor}{code}"
        flows.append(
            Flow(
                f"F-{number:02d}",
                rng.choice(ENERGIES),
                level=rng.choice([1, 1, 2, 3]),
                item=rng.choice(ITEMS if number > 2 else ("purchase", "export")),
                measured_by=expression,
                org_code=rng.choice([None, "ws.1", "ws.2"]),
                equipment_code=rng.choice([None, None, "furnace-1"]),
            )
        )
    flows.append(Flow("F-none", "raw_coal", 1, "purchase", None))
    return flows


def purchases(rng: Random, energy_code: str, start: date, days: int) -> list[ErpRow]:
    return [
        ErpRow(
            energy_code,
            start + timedelta(days=rng.randrange(days)),
            thousandths(rng, 0, 900),
            rng.choice(["purchase", "purchase", "sale"]),
        )
        for _ in range(6)
    ]


def stocks(rng: Random, plant: Plant, energy_code: str, start: date, days: int) -> list[ErpRow]:
    """An opening on the first day and a closing on the last day of every month of the site."""
    rows = []
    day = start
    while day < start + timedelta(days=days):
        first, following = period_bounds(plant, "month", day)
        rows += [
            ErpRow(energy_code, first, thousandths(rng, 100, 900), "opening"),
            ErpRow(energy_code, following - timedelta(days=1), thousandths(rng, 100, 900), "closing"),
        ]
        if rng.random() < 0.5:
            rows.append(ErpRow(energy_code, first + timedelta(days=3), thousandths(rng, -5, 5), "adjustment"))
        day = following
    return rows


def random_item(rng: Random, plant: Plant, number: int) -> UploadItem:
    """An uploaded item over some flows, or over meters too where it asks for quantities."""
    figure = rng.choice(["quantity", "quantity", "tce_equivalent", "tce_equal"])
    codes = [flow.flow_code for flow in plant.flows]
    if figure == "quantity" and rng.random() < 0.5:
        codes += [meter.meter_code for meter in plant.meters]
    first, *others = rng.sample(codes, rng.choice([1, 1, 2, 3]))
    expression = first + "".join(f" {rng.choice('++-')} {rng.choice(['', '', '0.5 * '])}{code}" for code in others)
    return UploadItem(
        f"{number + 1:02d}-00-0000-023300-11",
        expression,
        figure,
        tuple(sorted(rng.sample([0, 1, 2, 3], rng.choice([2, 3, 4])))),
        rng.choice([15, 30, 60]),
        rng.choice([Fraction(1), Fraction(1, 10000), Fraction(5, 2)]),
        rng.choice([Fraction(9, 10), Fraction(1, 2)]),
        rng.choice([None, None, Fraction(200)]),
    )


def random_values(rng: Random, plant: Plant, start: date, days: int) -> list[UploadValue]:
    """Entered by hand: of days and months that are measured, and of days that are not."""
    entered = {}
    for _ in range(6):
        code = rng.choice(plant.upload_items).data_code
        kind = rng.choice([1, 1, 2])
        day = start + timedelta(days=rng.randrange(-3, days + 3))
        when = datetime.combine(day.replace(day=1) if kind == 2 else day, time(0))
        entered[code, kind, when] = UploadValue(code, kind, when, Fraction(rng.randrange(100000), 100))
    return list(entered.values())
