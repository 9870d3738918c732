"""Random meters with the misery of real ones: gaps, rollovers, spikes, events, corrections.

Everything is drawn from one :class:`random.Random`, so that a seed names a meter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from tests.reference.model import HOUR, Event, Instant, Meter, Reading

KINDS = ("register", "manual", "interval", "rate")


@dataclass(frozen=True)
class Window:
    """The time meters run in, and the clock at which their batches land (epoch seconds)."""

    start: int
    hours: int
    now: int


def thousandths(rng: Random, low: float, high: float, digits: int = 3) -> Fraction:
    """A decimal number with at most ``digits`` decimals."""
    scale = 10**digits
    return Fraction(rng.randint(int(low * scale), int(high * scale)), scale)


def random_meter(rng: Random, code: str, energy_code: str, window: Window) -> tuple[Meter, list[Reading]]:
    """A meter of a random kind, with events, and its readings as they are sent."""
    kind = rng.choice(KINDS)
    interval = rng.choice([240, 480] if kind == "manual" else [5, 10, 15, 15, 30, 60])
    meter = Meter(
        code,
        energy_code,
        kind,
        multiplier=rng.choice([Fraction(1), Fraction(40), Fraction(3, 2), Fraction(1, 1000)]),
        interval_minutes=Fraction(interval),
        interval_label=rng.choice(["start", "end"]),
    )
    if kind in ("register", "manual") and rng.random() < 0.6:
        meter = replace(meter, register_max=Fraction(rng.choice([100, 1000, 100000])))
    # Power in units of the counter per hour; what is plausible is sometimes hit exactly.
    power = thousandths(rng, 1, 20, 1)
    if rng.random() < 0.5:
        meter = replace(meter, max_per_hour=power * meter.multiplier * rng.choice([1, 2, 5]))
    if rng.random() < 0.4:
        meter = replace(meter, events=tuple(random_events(rng, meter, window)))
    instants = random_instants(rng, meter, window)
    if kind in ("register", "manual"):
        readings = counter_readings(rng, meter, power, instants)
    else:
        readings = power_readings(rng, meter, power, instants)
    return meter, with_faults(rng, readings, window)


def random_events(rng: Random, meter: Meter, window: Window) -> list[Event]:
    events = []
    step = int(meter.interval_seconds)
    instants = {
        window.start + rng.randrange(1, window.hours * HOUR // step) * step + rng.choice([0, 0, 0, 437])
        for _ in range(rng.choice([1, 1, 2, 3]))
    }
    for at in sorted(instants):
        maximum = int(meter.register_max or 1000)
        events.append(
            Event(
                meter.meter_code,
                at,
                rng.choice(["replaced", "reset", "ratio_changed", "ratio_changed"]),
                old_last_reading=thousandths(rng, 0, maximum) if rng.random() < 0.3 else None,
                new_first_reading=thousandths(rng, 0, maximum) if rng.random() < 0.3 else None,
                new_multiplier=rng.choice([None, Fraction(2), Fraction(1, 2), Fraction(60)]),
                new_register_max=rng.choice([None, None, Fraction(10000)]) if meter.register_max else None,
            )
        )
    return events


def random_instants(rng: Random, meter: Meter, window: Window) -> list[int]:
    """Stamps on the meter's grid, with gaps; some meters' clocks are off the grid."""
    step = int(meter.interval_seconds)
    offset = rng.choice([0, 0, 0, 61])
    jitter = rng.choice([0, 0, 0, step // 7])
    loss = rng.choice([0.0, 0.02, 0.3])
    instants = []
    at = window.start + offset
    while at < window.start + window.hours * HOUR:
        if rng.random() < 0.01:
            at += step * rng.randint(2, 40)
        if rng.random() >= loss:
            instants.append(at + (rng.randint(0, jitter) if jitter else 0))
        at += step
    return instants


def counter_readings(rng: Random, meter: Meter, power: Fraction, instants: list[int]) -> list[Reading]:
    """A counter running on through rollovers and, at its events, to where they put it."""
    is_wild = rng.random() < 0.25
    maximum = meter.register_max
    value = thousandths(rng, 0, float(maximum or 1000))
    events = list(meter.events)
    readings = []
    previous: Instant = instants[0] if instants else 0
    for at in instants:
        while events and events[0].at <= at:
            event = events.pop(0)
            maximum = event.new_register_max or maximum
            if event.new_first_reading is not None:
                value = event.new_first_reading
            elif event.kind == "reset":
                value = Fraction(0)
            elif event.kind == "replaced":
                value = thousandths(rng, 0, float(maximum or 1000))
            previous = event.at
        hours = Fraction(at - previous) / HOUR
        step = power * hours * rng.choice([Fraction(0), Fraction(1, 2), Fraction(1), Fraction(1)])
        value += Fraction(round(step * 1000), 1000)
        if maximum is not None and value >= maximum:
            value %= maximum
        if is_wild and rng.random() < 0.3:
            value = thousandths(rng, 0, float(maximum or 1000))
        sent = value
        if rng.random() < 0.03:  # a spike
            sent = value + rng.choice([Fraction(-7), Fraction(50), Fraction(99999), -value])
        readings.append(Reading(meter.meter_code, at, sent))
        previous = at
    return readings


def power_readings(rng: Random, meter: Meter, power: Fraction, instants: list[int]) -> list[Reading]:
    per_value = power * meter.interval_seconds / HOUR if meter.reading_kind == "interval" else power
    readings = []
    for at in instants:
        value = Fraction(round(per_value * rng.choice([0, 1, 1, 1]) * rng.randint(1, 1000)), 1000)
        if rng.random() < 0.04:
            value = Fraction(round(rng.choice([Fraction(-1), per_value * 1000, per_value]) * 1000), 1000)
        readings.append(Reading(meter.meter_code, at, value))
    return readings


def with_faults(rng: Random, readings: list[Reading], window: Window) -> list[Reading]:
    """Corrections, disputes, repetitions, bad and future rows beside the readings."""
    sent = []
    for reading in readings:
        reading = replace(reading, received_at=window.now)
        sent.append(reading)
        dice = rng.random()
        assert reading.value is not None
        other = reading.value + rng.choice([Fraction(1), Fraction(-1, 2), Fraction(1, 1000)])
        if dice < 0.02:
            sent.append(replace(reading, value=other))  # dispute
        elif dice < 0.04:
            sent.append(replace(reading, value=other, revision=rng.randint(1, 3)))
        elif dice < 0.05:
            revision = rng.randint(1, 2)
            sent.append(replace(reading, value=other, revision=revision))
            sent.append(replace(reading, value=other + Fraction(1), revision=revision))
        elif dice < 0.06:
            sent.append(replace(reading, quality=rng.choice(["good", "manual"])))
        elif dice < 0.07:
            sent.append(replace(reading, value=other, quality="bad", revision=rng.randint(0, 2)))
        elif dice < 0.075:
            sent[-1] = replace(reading, quality="bad")
        elif dice < 0.08:
            ahead = window.now + rng.choice([301, 3600, 86400 * 400])
            sent.append(replace(reading, at=ahead))
        elif dice < 0.085:
            sent.append(replace(reading, meter_code=f"{reading.meter_code}-gone"))
    return sent
