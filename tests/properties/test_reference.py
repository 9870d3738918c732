"""What must hold of contract §2 by itself, shown on the reference with shrinking examples.

The pipeline is then held against this reference in test_pipeline.py.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.reference.meters import meter_hours
from tests.reference.model import HOUR, Event, Meter, Plant, Reading

values = st.integers(0, 1000).map(lambda number: Fraction(number, 4))
quarters = st.integers(0, 200).map(lambda quarter: quarter * 900)


@st.composite
def events(draw: st.DrawFn) -> Event:
    optional = st.none() | values
    return Event(
        "M",
        draw(quarters) + draw(st.sampled_from([0, 0, 437])),
        draw(st.sampled_from(["replaced", "reset", "ratio_changed"])),
        old_last_reading=draw(optional),
        new_first_reading=draw(optional),
        new_multiplier=draw(st.none() | st.sampled_from([Fraction(2), Fraction(1, 2)])),
    )


@st.composite
def plants(draw: st.DrawFn) -> Plant:
    meter = Meter(
        "M",
        "electricity",
        draw(st.sampled_from(["register", "manual", "interval", "rate"])),
        multiplier=draw(st.sampled_from([Fraction(1), Fraction(40)])),
        register_max=draw(st.none() | st.just(Fraction(250))),
        interval_minutes=Fraction(draw(st.sampled_from([15, 60, 240]))),
        interval_label=draw(st.sampled_from(["start", "end"])),
        max_per_hour=draw(st.none() | values.filter(bool)),
        events=tuple(draw(st.lists(events(), max_size=2, unique_by=lambda event: event.at))),
    )
    readings = st.builds(
        Reading,
        st.just("M"),
        quarters,
        values | st.just(Fraction(-1)),
        st.sampled_from(["good", "good", "good", "bad"]),
        st.sampled_from([0, 0, 0, 1]),
    )
    return Plant("S", meters=[meter], readings=draw(st.lists(readings, max_size=25)))


@given(plants())
def test_hours_sum_to_spans(plant: Plant) -> None:
    hours, spans, _ = meter_hours(plant)
    assert sum(row.quantity for row in hours["M"].values()) == sum(span.quantity for span in spans["M"])


@given(plants(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(plant: Plant, random: object) -> None:
    before = meter_hours(plant)
    shuffled = plant.readings * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    after = meter_hours(replace(plant, readings=shuffled))
    assert after[0] == before[0]
    assert after[2] == before[2]


@given(plants())
def test_nothing_is_negative_and_no_hour_is_more_than_covered(plant: Plant) -> None:
    for row in meter_hours(plant)[0]["M"].values():
        assert row.quantity >= 0
        assert 0 <= row.estimated_quantity <= row.quantity
        assert 0 <= row.coverage <= 1


@given(plants(), values)
def test_a_row_of_bad_quality_changes_nothing(plant: Plant, value: Fraction) -> None:
    bad = Reading("M", 7 * HOUR, value, "bad", revision=9)
    assert meter_hours(replace(plant, readings=[*plant.readings, bad]))[0] == meter_hours(plant)[0]


steps_and_gaps = st.lists(st.tuples(st.integers(0, 49), st.integers(1, 5 * HOUR)), min_size=2, max_size=30)


@given(steps_and_gaps, st.sampled_from([100, 1000]))
def test_rollovers_lose_nothing(steps: list[tuple[int, int]], maximum: int) -> None:
    """Whatever the gaps: the sum is what really ran through, while steps stay under half the register."""
    at = total = 0
    readings = []
    for step, gap in steps:
        at, total = at + gap, total + step
        readings.append(Reading("M", at, Fraction(total % maximum)))
    meter = Meter("M", "electricity", "register", register_max=Fraction(maximum))
    hours, _, verdicts = meter_hours(Plant("S", meters=[meter], readings=readings))
    assert verdicts == {}
    assert sum(row.quantity for row in hours["M"].values()) == sum(step for step, _ in steps[1:])
