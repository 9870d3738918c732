"""Small things that happen to a plant, each done to the warehouse and to the reference's plant alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from random import Random

from ingestion import marks, warehouse
from tests.plants.unseen.meters import Window, random_events, thousandths
from tests.plants.unseen.packages import ledger_tables, number
from tests.plants.unseen.plants import (
    CALENDARS,
    ENERGIES,
    ITEMS,
    SHIFT_CALENDARS,
    random_flows,
    random_item,
    random_plant,
)
from tests.properties.landing import LEDGER_TABLES, insert, insert_terms, land_plant, land_readings, new_batch
from tests.reference.model import HOUR, ErpRow, Event, HeatValue, Meter, Plant, Reading

NOW = datetime(2026, 4, 1, tzinfo=UTC)
START = date(2026, 2, 26)
DAYS = 5
"""Over the end of a month, so that a long mark is split."""

METERS = 7
WINDOW = Window(int(datetime(2026, 2, 26, tzinfo=UTC).timestamp()) - 8 * HOUR, DAYS * 24, int(NOW.timestamp()))


@dataclass
class Scene:
    """A plant as the warehouse knows it, and what it has not heard yet."""

    plant: Plant
    unsent: list[Reading]
    rng: Random
    waiting: list[tuple[int, list[Reading]]] = field(default_factory=list)
    """Batches that have landed and wait for the gate, with their readings."""

    def land(self, readings: list[Reading]) -> None:
        land_readings(self.plant, readings, NOW)
        self.plant.readings = self.plant.readings + readings


def opening(seed: int, site_code: str) -> Scene:
    """A plant with a part of its readings landed, drawn from the seed alone."""
    rng = Random(seed)
    plant = random_plant(seed, site_code, START, DAYS, METERS, NOW, rng.choice(CALENDARS))
    everything = plant.readings
    if rng.random() < 0.5:
        plant.stocks = []
    middle = WINDOW.start + rng.randrange(WINDOW.hours) * HOUR
    is_early: Callable[[Reading], bool] = rng.choice(
        [lambda one: one.at < middle, lambda one: hash((seed, one.at, one.meter_code[-2:])) % 3 > 0]
    )
    plant.readings = []
    scene = Scene(plant, [one for one in everything if not is_early(one)], rng)
    land_plant(plant, NOW)
    scene.land([one for one in everything if is_early(one)])
    return scene


def relay_ledgers(plant: Plant) -> None:
    """The ledgers as the plant is now, whatever they were; nothing is marked: builds find what changed."""
    tables = ledger_tables(plant, "offset")
    with warehouse.connect("ingest") as connection:
        batch_id = new_batch(connection, plant, "ledger", NOW)
        for name in ("sites", *LEDGER_TABLES, "flow_terms", "upload_terms"):
            connection.execute(f"delete from ledger.{name} where site_code = %s", [plant.site_code])
        insert(connection, "ledger.sites", tables["site"], batch_id, {})
        site = {"site_code": plant.site_code}
        for name in LEDGER_TABLES:
            insert(connection, f"ledger.{name}", tables.get(name, []), batch_id, site)
        insert_terms(connection, plant)


# ---------------------------------------------------------------- readings
def late_piece(scene: Scene) -> str:
    """Some of what is missing: of one meter or all, of a few hours or scattered."""
    if not scene.unsent:
        return repeated_piece(scene)
    first = scene.rng.choice(scene.unsent)
    length = scene.rng.choice([1, HOUR, 6 * HOUR, 40 * HOUR])
    share = scene.rng.choice([0.1, 0.5, 1])
    is_of_one = scene.rng.random() < 0.5
    piece = [
        one
        for one in scene.unsent
        if first.at <= one.at < first.at + length
        and (not is_of_one or one.meter_code == first.meter_code)
        and scene.rng.random() <= share
    ] or [first]
    chosen = set(map(id, piece))
    scene.unsent = [one for one in scene.unsent if id(one) not in chosen]
    scene.rng.shuffle(piece)
    scene.land(piece)
    return f"late piece: {len(piece)} readings from {_at(first.at)}, {first.meter_code if is_of_one else 'all meters'}"


def repeated_piece(scene: Scene) -> str:
    piece = scene.rng.sample(scene.plant.readings, min(30, len(scene.plant.readings)))
    scene.land(piece)
    return f"{len(piece)} readings again"


def correction(scene: Scene) -> str:
    """A higher revision, sometimes of a value that is refused itself."""
    one = scene.rng.choice(scene.plant.readings)
    highest = max(row.revision for row in scene.plant.readings if (row.meter_code, row.at) == (one.meter_code, one.at))
    assert one.value is not None
    value = one.value + scene.rng.choice([Fraction(1), Fraction(-1), Fraction(1, 4), Fraction(99999), -one.value])
    scene.land([replace(one, value=value, revision=highest + 1, quality=scene.rng.choice(["good", "good", "bad"]))])
    return f"correction of {one.meter_code} at {_at(one.at)} to {float(value)}"


def dispute(scene: Scene) -> str:
    one = scene.rng.choice(scene.plant.readings)
    assert one.value is not None
    scene.land([replace(one, value=one.value + Fraction(1, 8))])
    return f"dispute of {one.meter_code} at {_at(one.at)}"


def held_batch(scene: Scene) -> str:
    """A batch that waits for the gate: nothing of it counts yet."""
    piece = scene.unsent[: scene.rng.randint(1, 40)]
    if not piece:
        return dispute(scene)
    scene.unsent = scene.unsent[len(piece) :]
    batch_id = land_readings(scene.plant, piece, NOW, status=scene.rng.choice(["landed", "held"]))
    scene.waiting.append((batch_id, piece))
    return f"batch {batch_id} waits with {len(piece)} readings"


def accepted_batch(scene: Scene) -> str:
    if not scene.waiting:
        return held_batch(scene)
    batch_id, piece = scene.waiting.pop(scene.rng.randrange(len(scene.waiting)))
    with warehouse.connect("ingest") as connection:
        connection.execute("update ops.batches set status = 'accepted' where batch_id = %s", [batch_id])
    scene.plant.readings = scene.plant.readings + piece
    return f"batch {batch_id} is accepted"


# ---------------------------------------------------------------- ledgers
def meter_event(scene: Scene) -> str:
    """An event more, one less, or another set of them."""
    meter = scene.rng.choice(scene.plant.meters)
    events: dict[object, Event] = {one.at: one for one in meter.events}
    dice = scene.rng.random()
    if events and dice < 0.25:
        del events[scene.rng.choice(list(events))]
    elif events and dice < 0.5:
        one = events[scene.rng.choice(list(events))]
        events[one.at] = replace(
            one,
            old_last_reading=scene.rng.choice([None, thousandths(scene.rng, 0, 100)]),
            new_first_reading=scene.rng.choice([None, thousandths(scene.rng, 0, 100)]),
            kind=scene.rng.choice(["replaced", "reset", "ratio_changed"]),
        )
    else:
        events |= {one.at: one for one in random_events(scene.rng, meter, WINDOW)[:1]}
    _replace_meter(scene, replace(meter, events=tuple(sorted(events.values(), key=lambda one: one.at))))
    return f"events of {meter.meter_code}: {len(meter.events)} → {len(events)}"


def meter_entry(scene: Scene) -> str:
    """One column of a meter's ledger entry."""
    meter = scene.rng.choice(scene.plant.meters)
    changes: list[dict[str, object]] = [
        {"multiplier": scene.rng.choice([Fraction(1), Fraction(30), Fraction(5, 2)])},
        {"max_per_hour": scene.rng.choice([None, thousandths(scene.rng, 1, 60, 1) * meter.multiplier])},
        {"register_max": scene.rng.choice([None, Fraction(100), Fraction(100000)])},
        {"interval_minutes": Fraction(scene.rng.choice([5, 15, 60, 480]))},
        {"interval_label": "end" if meter.interval_label == "start" else "start"},
        {"reading_kind": scene.rng.choice(["register", "interval", "rate", "manual"])},
    ]
    change = scene.rng.choice(changes)
    _replace_meter(scene, replace(meter, **change))  # type: ignore[arg-type]
    return f"{meter.meter_code}: {', '.join(f'{name} = {value}' for name, value in change.items())}"


def flow_meters(scene: Scene) -> str:
    """The expression of a flow, or the flow as a whole."""
    flows = scene.plant.flows
    fresh = random_flows(scene.rng, [meter.meter_code for meter in scene.plant.meters])
    index = scene.rng.randrange(len(flows))
    old, dice = flows[index], scene.rng.random()
    if dice < 0.15 and len(flows) > 2:
        scene.plant.flows = flows[:index] + flows[index + 1 :]
        what = "is gone"
    elif dice < 0.3:
        scene.plant.flows = [*flows, replace(fresh[0], flow_code=f"F-new-{len(flows)}-{scene.rng.randrange(10**6)}")]
        what = "gets a neighbour"
    else:
        expression = scene.rng.choice([None, *(one.measured_by for one in fresh)])
        scene.plant.flows = [*flows[:index], replace(old, measured_by=expression), *flows[index + 1 :]]
        what = f"is {expression}"
    relay_ledgers(scene.plant)
    return f"flow {old.flow_code} {what}"


def flow_place(scene: Scene) -> str:
    index = scene.rng.randrange(len(scene.plant.flows))
    flow = scene.plant.flows[index]
    changes: list[dict[str, object]] = [
        {"level": scene.rng.choice([1, 2, 3])},
        {"item": scene.rng.choice(ITEMS)},
        {"energy_code": scene.rng.choice(ENERGIES)},
        {"org_code": scene.rng.choice([None, "ws.1", "ws.2"])},
        {"equipment_code": scene.rng.choice([None, "furnace-1"])},
    ]
    change = scene.rng.choice(changes)
    moved = replace(flow, **change)  # type: ignore[arg-type]
    scene.plant.flows = [*scene.plant.flows[:index], moved, *scene.plant.flows[index + 1 :]]
    relay_ledgers(scene.plant)
    return f"flow {flow.flow_code}: {change}"


def coefficient(scene: Scene) -> str:
    """Another coefficient of an energy from a day on, or a measured heat value."""
    on = START + timedelta(days=scene.rng.randrange(-1, DAYS))
    code = scene.rng.choice(ENERGIES)
    if scene.rng.random() < 0.5:
        kept = [heat for heat in scene.plant.heat_values if heat.energy_code != code]
        until = scene.rng.choice([date.max, on + timedelta(days=scene.rng.randint(1, 3))])
        heat = HeatValue(code, on, thousandths(scene.rng, 1000, 40000), valid_to=until)
        scene.plant.heat_values = [*kept, heat] if scene.rng.random() < 0.8 else kept
        what = "heat value"
    else:
        own = [one for one in scene.plant.energies if one.energy_code == code]
        kept_energies = [one for one in scene.plant.energies if one.energy_code != code]
        base = own[0] if own else next((one for one in scene.plant.seed_energies if one.energy_code == code), None)
        if base is None or (own and scene.rng.random() < 0.2):
            scene.plant.energies = kept_energies
            what = "no own coefficient"
        else:
            new = replace(base, kgce_per_unit=scene.rng.choice([None, thousandths(scene.rng, 0, 2)]), valid_to=date.max)
            scene.plant.energies = [
                *kept_energies,
                replace(base, valid_from=date.min, valid_to=on),
                replace(new, valid_from=on),
            ]
            what = f"{new.kgce_per_unit}"
    relay_ledgers(scene.plant)
    return f"coefficient of {code} from {on}: {what}"


def calendar(scene: Scene) -> str:
    """The site's day, month or shifts."""
    dice = scene.rng.random()
    if dice < 0.4:
        scene.plant.shifts = scene.rng.choice(SHIFT_CALENDARS)
    elif dice < 0.7:
        scene.plant.month_start_day = scene.rng.choice([1, 21, 26, 27])
    else:
        scene.plant.day_start = scene.rng.choice([time(0), time(6), time(8)])
    relay_ledgers(scene.plant)
    return f"calendar: {scene.plant.day_start} {scene.plant.month_start_day} {[one.shift_code for one in scene.plant.shifts]}"


def uploaded_item(scene: Scene) -> str:
    """An uploaded item more, one less, or another one of the same code: with it quarters of meters come and go."""
    items = scene.plant.upload_items
    number_of = scene.rng.randrange(len(items) + 1)
    fresh = random_item(scene.rng, scene.plant, number_of)
    if number_of == len(items):
        scene.plant.upload_items = [*items, fresh]
    elif scene.rng.random() < 0.3 and len(items) > 1:
        scene.plant.upload_items = items[:number_of] + items[number_of + 1 :]
    else:
        same = replace(fresh, data_code=items[number_of].data_code)
        scene.plant.upload_items = [*items[:number_of], same, *items[number_of + 1 :]]
    codes = [one.data_code for one in scene.plant.upload_items]
    if len(set(codes)) < len(codes):  # one of this code was there already
        scene.plant.upload_items = items
    relay_ledgers(scene.plant)
    return f"uploaded items: {[(one.data_code[:2], one.expression) for one in scene.plant.upload_items]}"


# ---------------------------------------------------------------- ERP
def document(scene: Scene) -> str:
    """Purchases or stocks in a batch of their own; it takes the place of what older ones say of the same key."""
    table = scene.rng.choice(["purchases", "stocks"])
    kinds = ["purchase", "sale"] if table == "purchases" else ["opening", "closing", "adjustment"]
    on = START + timedelta(days=scene.rng.randrange(-2, DAYS + 1))
    code = scene.rng.choice(["raw_coal", "diesel", "coal-local", "electricity"])
    rows = [
        ErpRow(code, on, thousandths(scene.rng, 0, 900), scene.rng.choice(kinds))
        for _ in range(scene.rng.choice([1, 2]))
    ]
    if table == "stocks":  # two levels of one instant in one file would be a sum
        rows = rows[:1]
    with warehouse.connect("ingest") as connection:
        batch_id = new_batch(connection, scene.plant, "erp", NOW)
        texts = [
            {
                "energy_code": row.energy_code,
                "date": row.on.isoformat(),
                "quantity": number(row.quantity),
                "kind": row.kind,
            }
            for row in rows
        ]
        insert(connection, f"raw.{table}", texts, batch_id, {"site_code": scene.plant.site_code, "line": "2"})
        marks.mark_documents(connection, batch_id)
    spoken_of = {(row.energy_code, row.on, row.kind) for row in rows}
    kept = [row for row in getattr(scene.plant, table) if (row.energy_code, row.on, row.kind) not in spoken_of]
    setattr(scene.plant, table, kept + rows)
    return f"{table}: {[(row.energy_code, str(row.on), row.kind) for row in rows]}"


STEPS: tuple[Callable[[Scene], str], ...] = (
    late_piece, late_piece, late_piece, repeated_piece, correction, correction, dispute, held_batch, accepted_batch,
    meter_event, meter_event, meter_entry, meter_entry, flow_meters, flow_place, coefficient, calendar, document, document,
    uploaded_item, uploaded_item,
)  # fmt: skip


def _replace_meter(scene: Scene, meter: Meter) -> None:
    scene.plant.meters = [meter if one.meter_code == meter.meter_code else one for one in scene.plant.meters]
    relay_ledgers(scene.plant)


def _at(instant: object) -> str:
    return datetime.fromtimestamp(int(instant), UTC).isoformat()  # type: ignore[call-overload]
