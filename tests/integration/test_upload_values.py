"""What a platform is to hold of a plant known by heart: figures of every kind, closed months, what is entered by hand.

Flows, expressions and intervals on plants nobody has seen are held against tests/reference (test_outside_calculation).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion import warehouse
from ingestion.settings import Settings
from plugins.closing.acts import close_period, reopen_period
from plugins.operations import pipeline
from tests.integration.landing_plant import write

pytestmark = [pytest.mark.slow, pytest.mark.built]

LOADED = datetime(2026, 2, 1, 1, tzinfo=UTC)
LATER = LOADED + timedelta(days=3)
JANUARY = date(2026, 1, 1)
FLOW, SILENT, SITE, MADE, UNIT, OUTPUT, HAND, HOURLY, QUARTERLY = (
    "01-00-0000-023300-11", "02-00-0000-023300-11", "00-00-0000-080004-00", "06-00-0000-040002-30",
    "06-00-0000-080001-00", "00-00-0000-080002-00", "00-00-0000-090001-00", "03-00-0000-023300-11",
    "04-00-0000-023300-11",
)  # fmt: skip
ITEMS = f"""data_code,destination,flow,expression,figure,product_code,stat_types,interval_minutes,input_type,factor
{FLOW},,F1,,,,"1,2,3",,,0.001
{FLOW},park,,F1 + F2,,,"1,2,3",,,0.001
{SILENT},,,F1 - F3,,,"1,2",,,1
{SITE},,,,comprehensive_energy,,"1,2,3",,1,1
{MADE},,,,production,STEEL,"2,3",,1,1
{UNIT},,,F1,unit_consumption,STEEL,2,,1,1000
{OUTPUT},,,,output_value_consumption,,2,,1,1
{HAND},,,,manual,,2,,,1
{HOURLY},,F1,,,,0,60,,1
{QUARTERLY},,F1,,tce_equivalent,,0,15,,1
"""
LEDGERS = {
    "energies": "energy_code,name,unit,class,kgce_per_unit,kgce_per_unit_equal\n"
    "power,电力,kWh,secondary,0.1229,0.3\ncoal,原煤,t,primary,700,700\n",
    "nodes": "node_code,name,stage\nGRID,电网,external\nBUS,母线,distribution\nMILL,轧机,end_use\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,interval_minutes,max_per_hour\n"
    "M1,进线1,power,interval,kWh,60,400\nM2,进线2,power,interval,kWh,60,400\nM3,轧机,power,interval,kWh,60,400\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by\n"
    "F1,power,GRID,BUS,1,purchase,M1\nF2,power,GRID,BUS,1,purchase,M2\nF3,power,BUS,MILL,2,production,M3\n",
    "products": "product_code,name,unit\nSTEEL,钢,t\n",
    "production": "product_code,period_start,period_end,quantity,output_value_cny\n"
    "STEEL,2026-01-01,2026-02-01,100,500000\n",
    "purchases": "energy_code,date,quantity,kind\ncoal,2026-01-15,30,purchase\n",
    "upload_items": ITEMS,
    "upload_values": "data_code,stat_type,stat_date,value,destination,reason\n"
    f"{HAND},月,2026-01,12.5,,财务月报\n{FLOW},日,2026-01-05,0.4,,电表在检\n",
}
TCE = Decimal("22.320") * Decimal("0.1229") + 21
"""January's two feeders, 744 h of 30 kWh, and 30 t of coal."""

Figure = tuple[Any, ...]


def readings(meter: str, value: float, first: datetime, count: int, revision: int = 0) -> str:
    stamps = (first + timedelta(hours=number) for number in range(count))
    return "meter_code,read_at,value,revision\n" + "".join(
        f"{meter},{at:%Y-%m-%d %H:%M},{value},{revision}\n" for at in stamps
    )


def load(folder: Path, site: str, tables: dict[str, str], now: datetime = LOADED) -> None:
    named = {"site": f"site_code,name\n{site},试验厂\n"} | tables
    report = pipeline.run_package(write(folder / site, named), now)
    assert report.is_passed, [(stage.name, stage.problem) for stage in report.stages]


def plant(folder: Path, site: str) -> None:
    """January, hour by hour; the mill's meter spoke on the 10th only, until noon."""
    begins = datetime(2026, 1, 1)
    measured = {
        "readings/m1": readings("M1", 10, begins, 744),
        "readings/m2": readings("M2", 20, begins, 744),
        "readings/m3": readings("M3", 4, begins + timedelta(days=9), 12),
    }
    load(folder, site, LEDGERS | measured)


@pytest.fixture(scope="module")
def loaded(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> str:
    plant(tmp_path_factory.mktemp("loaded"), "S1")
    return "S1"


def figures(site: str, data_code: str, stat_type: int, destination: str = "*") -> dict[str, Figure]:
    """By the local start of the period: value, coverage, validity, input type, by hand, closed."""
    query = """select stat_date::text, value, round(coverage, 4), is_valid, input_type, is_manual, is_closed
        from marts.upload_values
        where site_code = %s and data_code = %s and stat_type = %s and destination = %s"""
    with warehouse.connect("upload") as connection:
        rows = connection.execute(query, [site, data_code, stat_type, destination]).fetchall()
    return {row[0]: (row[1].normalize(), *row[2:]) for row in rows}


def test_days_months_and_years_are_in_the_platforms_unit_and_say_how_much_was_measured(loaded: str) -> None:
    days = figures(loaded, FLOW, 1)
    assert len(days) == 31
    assert days["2026-01-01 00:00:00"] == (Decimal("0.24"), 1, True, 4, False, False)
    assert figures(loaded, FLOW, 2) == {"2026-01-01 00:00:00": (Decimal("7.44"), 1, True, 4, False, False)}
    year = (Decimal("7.44"), pytest.approx(Decimal(31) / 365, abs=Decimal("0.0001")), False, 4, False, False)
    assert figures(loaded, FLOW, 3) == {"2026-01-01 00:00:00": year}


def test_what_is_entered_by_hand_stands_before_what_is_measured_with_input_type_5(loaded: str) -> None:
    assert figures(loaded, FLOW, 1)["2026-01-05 00:00:00"] == (Decimal("0.4"), None, True, 5, True, False)
    assert figures(loaded, HAND, 2) == {"2026-01-01 00:00:00": (Decimal("12.5"), None, True, 5, True, False)}


def test_a_platform_with_an_item_of_its_own_has_figures_of_its_own(loaded: str) -> None:
    own = figures(loaded, FLOW, 1, "park")
    assert own["2026-01-01 00:00:00"][0] == Decimal("0.72")
    # The value was entered for every platform, so for this one too.
    assert own["2026-01-05 00:00:00"][:1] + own["2026-01-05 00:00:00"][3:5] == (Decimal("0.4"), 5, True)


def test_a_difference_is_known_only_where_both_sides_are_and_a_half_measured_day_is_flagged(loaded: str) -> None:
    """The mill spoke for 12 hours: 12 · (10 − 4); the other days have no row and no 0."""
    assert figures(loaded, SILENT, 1) == {"2026-01-10 00:00:00": (Decimal(72), Decimal("0.5"), False, 4, False, False)}


def test_comprehensive_energy_production_and_consumption_per_output(loaded: str) -> None:
    january = "2026-01-01 00:00:00"
    assert figures(loaded, SITE, 2)[january][0] == TCE
    assert figures(loaded, SITE, 3)[january][0] == TCE
    assert figures(loaded, MADE, 2) == {january: (Decimal(100).normalize(), 1, True, 1, False, False)}
    assert figures(loaded, UNIT, 2)[january][0] == Decimal("7.44") * Decimal("0.1229") * 1000 / 100
    assert figures(loaded, OUTPUT, 2)[january][0] == round(TCE / 50, 10).normalize()


def test_realtime_figures_of_hours_and_quarters_are_the_same_energy(loaded: str) -> None:
    hours = figures(loaded, HOURLY, 0)
    assert len(hours) == 744
    assert set(hours.values()) == {(Decimal(10).normalize(), 1, True, 4, False, False)}
    quarters = figures(loaded, QUARTERLY, 0)
    assert len(quarters) == 744 * 4
    assert {row[0] for row in quarters.values()} == {Decimal("2.5") * Decimal("0.1229") / 1000}


def test_what_can_be_sent_of_a_range_ends_with_its_periods(loaded: str) -> None:
    """The sender asks for what has ended: a day ends at the next midnight of the site, not of UTC."""
    with warehouse.connect("upload") as connection:
        ends = connection.execute(
            "select stat_type, stat_date, ends_at from marts.upload_values"
            " where data_code in (%s, %s) and stat_date = '2026-01-01' and destination = '*' order by 1",
            [FLOW, HOURLY],
        ).fetchall()
    assert [(kind, at.astimezone(UTC)) for kind, _, at in ends] == [
        (0, datetime(2025, 12, 31, 17, tzinfo=UTC)),
        (1, datetime(2026, 1, 1, 16, tzinfo=UTC)),
        (2, datetime(2026, 1, 31, 16, tzinfo=UTC)),
        (3, datetime(2026, 12, 31, 16, tzinfo=UTC)),
    ]


def test_a_closed_month_stands_while_its_days_move_and_moves_when_it_is_reopened(
    module_warehouse: Settings, tmp_path: Path
) -> None:
    site, january = "C1", "2026-01-01 00:00:00"
    plant(tmp_path, site)
    close_period(site, JANUARY, "张三", "一月结账", now=LOADED + timedelta(hours=1), is_incomplete_ok=True)
    corrected = {"readings/corrected": readings("M1", 20, datetime(2026, 1, 1), 24, revision=1)}
    load(tmp_path / "late", site, corrected, LATER)
    assert figures(site, FLOW, 1)[january][0] == Decimal("0.48")
    assert figures(site, FLOW, 2)[january] == (Decimal("7.44"), 1, True, 4, False, True)
    assert figures(site, FLOW, 3)[january][:1] == (Decimal("7.44"),)
    assert figures(site, SITE, 2)[january][0] == TCE
    assert figures(site, SITE, 2)[january][-1]
    # Of a closed month's energy, but of an output that nobody closes.
    assert figures(site, UNIT, 2)[january][0] == Decimal("7.44") * Decimal("0.1229") * 10
    assert not figures(site, UNIT, 2)[january][-1]
    reopen_period(site, JANUARY, "张三", "一月更正", now=LATER + timedelta(hours=1))
    assert figures(site, FLOW, 2)[january] == (Decimal("7.68"), 1, True, 4, False, False)
    assert figures(site, SITE, 2)[january][0] == TCE + Decimal("0.24") * Decimal("0.1229")
