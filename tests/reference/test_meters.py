"""Contract §2, **interval**, **rate**, **Hours**, by hand."""

from fractions import Fraction

import pytest

from tests.reference.meters import hours_of, meter_hours
from tests.reference.model import HOUR, Event, Meter, Plant, Reading
from tests.reference.registers import Span


def hours(meter: Meter, readings: dict[float, float]) -> dict[float, tuple[float, float]]:
    """{hour: (quantity, coverage)} for readings by hour."""
    plant = Plant("S", meters=[meter])
    plant.readings = [Reading(meter.meter_code, int(at * HOUR), Fraction(str(value))) for at, value in readings.items()]
    rows = meter_hours(plant)[0][meter.meter_code]
    return {at / HOUR: (float(row.quantity), float(row.coverage)) for at, row in rows.items()}


def verdicts(meter: Meter, readings: dict[float, float]) -> list[str]:
    plant = Plant("S", meters=[meter])
    plant.readings = [Reading("M", int(at * HOUR), Fraction(str(value))) for at, value in readings.items()]
    return sorted(meter_hours(plant)[2].values())


@pytest.mark.parametrize(("label", "hour"), [("start", 1), ("end", 0)])
def test_interval_label(label: str, hour: int) -> None:
    meter = Meter("M", "electricity", "interval", multiplier=Fraction(2), interval_label=label)
    assert hours(meter, {1: 3}) == {hour: (6, 0.25)}


def test_interval_across_an_hour_is_split_by_time() -> None:
    meter = Meter("M", "electricity", "interval", interval_minutes=Fraction(60))
    assert hours(meter, {0.25: 8}) == {0: (6, 0.75), 1: (2, 0.25)}


def test_interval_refusals() -> None:
    meter = Meter("M", "electricity", "interval", max_per_hour=Fraction(10))
    assert verdicts(meter, {0: 2.5, 1: 2.6, 2: -1}) == ["above_max_per_hour", "negative"]


def test_rate_holds_until_the_next_reading_within_three_intervals() -> None:
    meter = Meter("M", "oxygen", "rate")
    assert hours(meter, {0: 8, 0.75: 4}) == {0: (7, 1)}
    assert hours(meter, {0: 8, 1: 4}) == {0: (2, 0.25), 1: (1, 0.25)}


def test_rate_refused_reading_is_no_next_reading() -> None:
    meter = Meter("M", "oxygen", "rate")
    assert hours(meter, {0: 8, 0.25: -1, 0.5: 4}) == {0: (5, 0.75)}


def test_new_multiplier_counts_from_the_event_on() -> None:
    event = Event("M", HOUR // 2, "ratio_changed", new_multiplier=Fraction(3))
    meter = Meter("M", "electricity", "interval", interval_minutes=Fraction(60), events=(event,))
    assert hours(meter, {0: 8}) == {0: (16, 1)}
    assert hours(Meter("M", "oxygen", "rate", interval_minutes=Fraction(60), events=(event,)), {0: 8}) == {0: (16, 1)}


def test_hours_sum_to_the_quantity_and_estimated_time_is_not_covered() -> None:
    rows = hours_of([Span(1800, 1800 + 3 * HOUR, Fraction(9), True), Span(0, 900, Fraction(1))])
    assert [float(rows[hour * HOUR].quantity) for hour in range(4)] == [2.5, 3, 3, 1.5]
    assert [float(rows[hour * HOUR].estimated_quantity) for hour in range(4)] == [1.5, 3, 3, 1.5]
    assert [float(rows[hour * HOUR].coverage) for hour in range(4)] == [0.25, 0, 0, 0]


def test_zero_consumption_is_known_and_silence_is_not() -> None:
    meter = Meter("M", "electricity", "register", interval_minutes=Fraction(60))
    assert hours(meter, {0: 5, 1: 5}) == {0: (0, 1)}
    assert hours(meter, {0: 5}) == {}


def test_span_of_no_length_goes_into_its_hour() -> None:
    assert {hour: float(row.quantity) for hour, row in hours_of([Span(HOUR, HOUR, Fraction(4))]).items()} == {HOUR: 4}
