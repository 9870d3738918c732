"""Contract §2, **register**, by hand: hours and values small enough to follow on paper."""

from fractions import Fraction

from tests.reference.model import HOUR, Event, Meter, Reading
from tests.reference.registers import Counted, count


def register(*events: Event, **columns: object) -> Meter:
    numbers = {"multiplier", "register_max", "max_per_hour", "interval_minutes"}
    values = {key: Fraction(str(value)) if key in numbers else value for key, value in columns.items()}
    return Meter("M", "electricity", "register", events=events, **values)  # type: ignore[arg-type]


def event(hour: float, kind: str, **columns: float) -> Event:
    values = {key: Fraction(str(value)) for key, value in columns.items()}
    return Event("M", int(hour * HOUR), kind, **values)


def counted(meter: Meter, readings: dict[float, int]) -> Counted:
    return count(meter, [Reading("M", int(hour * HOUR), Fraction(value)) for hour, value in readings.items()])


def quantities(result: Counted) -> list[tuple[float, float, float]]:
    return [(float(s.start) / HOUR, float(s.end) / HOUR, float(s.quantity)) for s in result.spans]


def test_step_times_multiplier() -> None:
    assert quantities(counted(register(multiplier=40), {0: 100, 1: 103})) == [(0, 1, 120)]


def test_rollover_of_five_digits() -> None:
    meter = register(register_max=100000)
    assert quantities(counted(meter, {0: 99990, 1: 15})) == [(0, 1, 25)]


def test_rolled_over_step_of_half_the_register_is_a_break() -> None:
    meter = register(register_max=100000)
    assert counted(meter, {0: 60000, 1: 10000}).spans == []
    assert quantities(counted(meter, {0: 60001, 1: 10000})) == [(0, 1, 49999)]


def test_rolled_over_step_under_max_per_hour() -> None:
    meter = register(register_max=100000, max_per_hour=100, multiplier=10)
    assert quantities(counted(meter, {0: 99995, 1: 5})) == [(0, 1, 100)]
    assert counted(meter, {0: 99995, 1: 6}).spans == []


def test_spike_is_an_outlier_and_its_neighbours_join() -> None:
    result = counted(register(max_per_hour=50), {0: 0, 1: 5000, 2: 20})
    assert [reading.at for reading in result.outliers] == [HOUR]
    assert quantities(result) == [(0, 2, 20)]


def test_first_and_last_are_never_outliers() -> None:
    result = counted(register(max_per_hour=50), {0: 9000, 1: 10, 2: 20, 3: 9000})
    assert result.outliers == []
    assert quantities(result) == [(1, 2, 10)]
    assert result.breaks == [(0, HOUR), (2 * HOUR, 3 * HOUR)]


def test_break_counts_on_from_the_new_value() -> None:
    result = counted(register(), {0: 500, 1: 510, 2: 3, 3: 8})
    assert result.outliers == []
    assert quantities(result) == [(0, 1, 10), (2, 3, 5)]


def test_long_span_is_estimated() -> None:
    spans = counted(register(interval_minutes=15), {0: 0, 0.75: 3, 1.75: 7}).spans
    assert [span.is_estimated for span in spans] == [False, True]


def test_replaced_meter_with_both_readings() -> None:
    meter = register(event(1, "replaced", old_last_reading=12, new_first_reading=900, new_multiplier=2))
    assert quantities(counted(meter, {0: 10, 2: 905})) == [(0, 1, 2), (1, 2, 10)]


def test_replaced_meter_without_readings_knows_nothing_around_the_cut() -> None:
    meter = register(event(1.5, "replaced"))
    assert quantities(counted(meter, {0: 10, 1: 11, 2: 905, 3: 906})) == [(0, 1, 1), (2, 3, 1)]


def test_reset_starts_from_zero() -> None:
    meter = register(event(1, "reset", old_last_reading=12))
    assert quantities(counted(meter, {0: 10, 2: 5})) == [(0, 1, 2), (1, 2, 5)]


def test_reset_without_old_last_reading() -> None:
    assert quantities(counted(register(event(1, "reset")), {0: 10, 2: 5})) == [(1, 2, 5)]


def test_ratio_changed_with_old_last_reading_runs_on_from_it() -> None:
    meter = register(event(1, "ratio_changed", old_last_reading=14, new_multiplier=10))
    assert quantities(counted(meter, {0: 10, 2: 16})) == [(0, 1, 4), (1, 2, 20)]


def test_ratio_changed_without_readings_divides_by_time() -> None:
    meter = register(event(1, "ratio_changed", new_multiplier=10))
    assert quantities(counted(meter, {0: 10, 4: 18})) == [(0, 1, 2), (1, 4, 60)]


def test_ratio_changed_judges_by_the_old_multiplier() -> None:
    meter = register(event(1, "ratio_changed", new_multiplier=10), max_per_hour=2)
    assert quantities(counted(meter, {0: 10, 4: 18})) == [(0, 1, 2), (1, 4, 60)]
    assert counted(meter, {0: 10, 4: 19}).spans == []


def test_two_ratio_changes_in_one_step() -> None:
    meter = register(event(1, "ratio_changed", new_multiplier=10), event(2, "ratio_changed", new_multiplier=100))
    assert quantities(counted(meter, {0: 0, 4: 4})) == [(0, 1, 1), (1, 2, 10), (2, 4, 200)]


def test_reading_at_the_instant_belongs_to_the_part_after() -> None:
    meter = register(event(1, "replaced", old_last_reading=12, new_first_reading=3))
    assert quantities(counted(meter, {0: 10, 1: 4, 2: 6})) == [(0, 1, 2), (1, 1, 1), (1, 2, 2)]


def test_readings_across_an_event_are_not_compared() -> None:
    """1 → 900 → 2 would make 900 an outlier; the event stands between 900 and 2."""
    meter = register(event(1.5, "replaced"), max_per_hour=10)
    result = counted(meter, {0: 1, 1: 900, 2: 2, 3: 4})
    assert result.outliers == []
    assert quantities(result) == [(2, 3, 2)]


def test_old_last_reading_is_a_neighbour() -> None:
    meter = register(event(3, "replaced", old_last_reading=15), max_per_hour=10)
    result = counted(meter, {0: 1, 1: 5, 2: 900})
    assert [reading.value for reading in result.outliers] == [900]
    assert quantities(result) == [(0, 1, 4), (1, 3, 10)]


def test_a_wrong_old_last_reading_is_no_outlier_but_a_break() -> None:
    meter = register(event(2, "replaced", old_last_reading=900), max_per_hour=10)
    result = counted(meter, {0: 1, 1: 5})
    assert result.outliers == []
    assert quantities(result) == [(0, 1, 4)]
    assert result.breaks == [(HOUR, 2 * HOUR)]
