"""Contract §2 **Flows** and §3, by hand."""

from datetime import date, datetime, time
from fractions import Fraction

import pytest

from tests.reference.flows import coefficients, flow_hours, terms_of
from tests.reference.meters import MeterHour
from tests.reference.model import HOUR, Energy, ErpRow, Flow, HeatValue, Plant, Shift
from tests.reference.performance import by_item, flow_periods, performance, performance_by_type
from tests.reference.periods import hours_between, period_bounds, shifts_of, stat_date, stat_month


def known(quantity: int) -> MeterHour:
    return MeterHour(Fraction(quantity), Fraction(0), Fraction(HOUR))


def flow(expression: str | None, item: str = "purchase", energy_code: str = "e", code: str = "F") -> Flow:
    return Flow(code, energy_code, 1, item, expression)


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def local(text: str) -> datetime:
    """A site's wall clock, without a zone."""
    return datetime.fromisoformat(text)


def test_expression_with_dots_and_dashes_in_codes() -> None:
    assert terms_of("M-1 + M.2 - 0.5 * 3 + 2 * M-1") == {
        "M-1": Fraction(3),
        "M.2": Fraction(1),
        "3": Fraction(-1, 2),
    }


def test_silent_positive_meter_leaves_the_others_and_its_name() -> None:
    row = flow_hours(Plant("S"), flow("A + B"), {"A": {0: known(4)}})[0]
    assert (row.quantity, row.coverage, row.missing_meters) == (4, Fraction(1, 2), {"B"})


def test_silent_negative_meter_makes_the_quantity_null() -> None:
    row = flow_hours(Plant("S"), flow("A - B"), {"A": {0: known(4)}})[0]
    assert (row.quantity, row.coverage, row.missing_meters) == (None, Fraction(1, 2), {"B"})


def test_tonnes_by_the_local_date() -> None:
    """16:00 UTC is midnight in Shanghai: the new coefficient's first hour."""
    plant = Plant(
        "S",
        energies=[
            Energy("e", "primary", Fraction(1), Fraction(2), valid_to=date(2026, 3, 1)),
            Energy("e", "primary", Fraction(3), None, valid_from=date(2026, 3, 1)),
        ],
    )
    meters = {"A": {epoch("2026-02-28T15:00+00:00"): known(1000), epoch("2026-02-28T16:00+00:00"): known(1000)}}
    rows = flow_hours(plant, flow("A"), meters).values()
    assert [(row.tce_equivalent, row.tce_equal) for row in rows] == [(1, 2), (3, None)]


@pytest.mark.parametrize(
    ("energy_class", "equal", "expected_equal"),
    [("primary", Fraction(9), 2), ("secondary", Fraction(9), 9), ("secondary", Fraction(1), 2)],
)
def test_measured_heat_value_wins(energy_class: str, equal: Fraction, expected_equal: int) -> None:
    plant = Plant(
        "S",
        energies=[Energy("e", energy_class, Fraction(1), equal)],
        heat_values=[HeatValue("e", date(2026, 1, 1), Fraction("58615.2"))],
    )
    assert coefficients(plant, "e", date(2026, 1, 1)) == (2, expected_equal)
    assert coefficients(plant, "e", date(2025, 12, 31)) == (1, equal)


def test_months_from_the_26th() -> None:
    plant = Plant("S", month_start_day=26)
    assert stat_month(plant, date(2026, 10, 26)) == date(2026, 11, 1)
    assert period_bounds(plant, "month", date(2026, 10, 26)) == (date(2026, 10, 26), date(2026, 11, 26))
    assert period_bounds(plant, "year", date(2026, 6, 1)) == (date(2025, 12, 26), date(2026, 12, 26))
    assert period_bounds(plant, "quarter", date(2026, 9, 26)) == (date(2026, 9, 26), date(2026, 12, 26))
    assert period_bounds(plant, "week", date(2026, 11, 22)) == (date(2026, 11, 16), date(2026, 11, 23))


def test_day_start() -> None:
    plant = Plant("S", day_start=time(8))
    assert stat_date(plant, epoch("2026-03-02T07:00+08:00")) == date(2026, 3, 1)
    assert stat_date(plant, epoch("2026-03-02T08:00+08:00")) == date(2026, 3, 2)


def test_a_day_has_as_many_hours_as_its_zone_gives_it() -> None:
    assert hours_between(Plant("S", timezone="Europe/Berlin"), date(2026, 3, 29), date(2026, 3, 30)) == 23
    assert hours_between(Plant("S", timezone="Asia/Kolkata"), date(2026, 3, 29), date(2026, 3, 30)) == 24


def test_night_shift_started_yesterday() -> None:
    plant = Plant("S", shifts=[Shift("N", time(22), time(6)), Shift("D", time(6), time(22))])
    turns = list(shifts_of(plant, epoch("2026-03-02T05:00+08:00")))
    assert [(shift.shift_code, start, share) for shift, start, share in turns] == [("N", local("2026-03-01T22:00"), 1)]


def test_an_hour_of_two_shifts_is_divided() -> None:
    plant = Plant("S", timezone="Asia/Kolkata", shifts=[Shift("N", time(22), time(6)), Shift("D", time(6), time(22))])
    turns = {shift.shift_code: share for shift, _, share in shifts_of(plant, epoch("2026-03-02T05:30+05:30"))}
    assert turns == {"N": Fraction(1, 2), "D": Fraction(1, 2)}


def test_day_leaves_out_null_hours_and_divides_by_all_its_hours() -> None:
    plant = Plant("S")
    first = epoch("2026-03-02T00:00+08:00")
    meters = {"A": {first: known(4), first + HOUR: known(5)}, "B": {first: known(1)}}
    measured = flow("A - B")
    figures, coverage = flow_periods(plant, measured, flow_hours(plant, measured, meters), "day")[date(2026, 3, 2)]
    assert figures.quantity == 3
    assert coverage == Fraction(1, 24)


def test_by_type_takes_exports_off_and_erp_where_nothing_is_metered() -> None:
    first = epoch("2026-03-02T00:00+08:00")
    plant = Plant("S", flows=[flow("A"), flow("B", "export", code="X"), flow(None, energy_code="coal", code="C")])
    plant.purchases = [
        ErpRow("e", date(2026, 3, 2), Fraction(99), "purchase"),
        ErpRow("coal", date(2026, 3, 2), Fraction(50), "purchase"),
        ErpRow("coal", date(2026, 3, 3), Fraction(5), "sale"),
    ]
    plant.stocks = [
        ErpRow("coal", date(2026, 3, 1), Fraction(100), "opening"),
        ErpRow("coal", date(2026, 3, 31), Fraction(80), "closing"),
        ErpRow("coal", date(2026, 3, 9), Fraction(-1), "adjustment"),
    ]
    meters = {"A": {first: known(10)}, "B": {first: known(3)}}
    hours = {each.flow_code: flow_hours(plant, each, meters) for each in plant.flows}
    result = performance_by_type(plant, hours)
    month = ("month", local("2026-03-01"), None)
    assert result[month, "e"].quantity == 7
    assert result[("hour", local("2026-03-02"), None), "e"].quantity == 7
    coal = result[month, "coal"]
    assert (coal.source, coal.quantity, coal.stock_draw, coal.consumption) == ("erp", 45, 20, 64)
    assert result[("day", local("2026-03-03"), None), "coal"].quantity == -5
    items = performance(plant, hours, by_item)
    assert items[month, ("e", "export")].quantity == 3
