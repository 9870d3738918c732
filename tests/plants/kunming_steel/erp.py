"""Synthetic ERP figures: production, purchases and sales, stocks. All labelled synthetic."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from tests.plants.kunming_steel.simulation import Simulation, generator
from tests.plants.kunming_steel.window import QUARTERS_PER_DAY, Window

Row = dict[str, str]

STEEL_CNY_PER_T = 3450
REBAR_CNY_PER_T = 3720
COAL_CNY_PER_T = 860
COKE_CNY_PER_T = 2350
OXYGEN_CNY_PER_M3 = 0.95
STOCKTAKE_DAYS_BEFORE_END = 100
STOCKTAKE_LOSS_T = 0.8


@dataclass(frozen=True)
class Stocked:
    """A fuel that is bought by the truck and kept in a yard; quantities in t."""

    energy_code: str
    issue_meter: str
    opening_t: float
    delivery_days: tuple[int, ...]
    decimals: int
    cny_per_t: int
    supplier: str


COAL = Stocked("raw_coal", "M-C-101", 40.0, (6, 20), 1, COAL_CNY_PER_T, "合成煤炭公司")
COKE = Stocked("coke", "M-K-101", 3.0, (12,), 2, COKE_CNY_PER_T, "合成焦化公司")


def deliveries(simulation: Simulation, fuel: Stocked) -> dict[date, float]:
    """Trucks by day, each about what is used until the next one comes."""
    window = simulation.window
    used = simulation.by_day(fuel.issue_meter)
    random = generator(f"deliveries {fuel.energy_code}")
    result = {}
    for number in range(window.days):
        day = window.start + timedelta(days=number)
        if day.day in fuel.delivery_days:
            around = used[max(0, number - 15) : number + 15].mean()
            quantity = around * 30.4 / len(fuel.delivery_days) * random.uniform(0.92, 1.08)
            result[day] = max(round(quantity, fuel.decimals), 0.1)
    return result


def delivered_quarters(simulation: Simulation, fuel: Stocked) -> np.ndarray:
    """The deliveries as the weighbridge counts them: the truck stands on it at 10:00."""
    result = np.zeros(simulation.window.quarters)
    for day, quantity in deliveries(simulation, fuel).items():
        result[(day - simulation.window.start).days * QUARTERS_PER_DAY + 40] = quantity
    return result


def production(simulation: Simulation) -> list[Row]:
    """Steel by whole month, rolled bars by day."""
    window = simulation.window
    rows = []
    for first, after in whole_months(window):
        tonnes = simulation.steel_t[_quarters(window, first, after)].sum()
        rows.append(_produced("STEEL", first, after, tonnes, "W-MELT", STEEL_CNY_PER_T))
    by_day = simulation.rolled_t.reshape(-1, QUARTERS_PER_DAY).sum(axis=1)
    for number, tonnes in enumerate(by_day):
        day = window.start + timedelta(days=number)
        rows.append(_produced("REBAR", day, day + timedelta(days=1), tonnes, "W-ROLL", REBAR_CNY_PER_T))
    return rows


def purchases(simulation: Simulation) -> list[Row]:
    """Trucks of coal and coke, tanks of oxygen, the month's bills, and the steam sold."""
    rows = []
    for fuel in (COAL, COKE):
        for day, quantity in deliveries(simulation, fuel).items():
            rows.append(_bought(fuel.energy_code, day, quantity, fuel.decimals, fuel.cny_per_t, fuel.supplier))
    bills = (
        ("electricity", ("M-E-001", "M-E-002"), 2, 0.56, "purchase", "合成供电公司"),
        ("natural_gas", ("M-G-001",), 1, 3.05, "purchase", "合成燃气公司"),
        ("fresh_water", ("M-W-001",), 1, 4.4, "purchase", "合成自来水公司"),
        ("oxygen", ("M-O-001",), 0, OXYGEN_CNY_PER_M3, "purchase", "合成气体公司"),
        ("steam", ("M-S-001",), 2, 240.0, "sale", "合成邻厂"),
    )
    for energy, meters, decimals, price, kind, partner in bills:
        for first, after in whole_months(simulation.window):
            span = _quarters(simulation.window, first, after)
            quantity = sum(simulation.by_meter[meter][span].sum() for meter in meters)
            last = after - timedelta(days=1)
            rows.append(_bought(energy, last, quantity, decimals, price, partner, kind))
    return rows


def stocks(simulation: Simulation) -> list[Row]:
    """Opening on a month's first day, closing on its last; the running month has no closing yet.

    A closing stock already counts the adjustment of its month.
    """
    window = simulation.window
    stocktake = window.end - timedelta(days=STOCKTAKE_DAYS_BEFORE_END)
    rows = []
    for fuel in (COAL, COKE):
        random = generator(f"stocks {fuel.energy_code}")
        trucks = deliveries(simulation, fuel)
        stock = fuel.opening_t
        months = whole_months(window)
        for first, after in months:
            rows.append(_stocked(fuel, first, stock, "opening"))
            used = simulation.by_meter[fuel.issue_meter][_quarters(window, first, after)].sum()
            bought = sum(quantity for day, quantity in trucks.items() if first <= day < after)
            stock += bought - used * random.uniform(0.995, 1.005)
            if fuel is COAL and first <= stocktake < after:
                stock -= STOCKTAKE_LOSS_T
                rows.append(_stocked(fuel, stocktake, -STOCKTAKE_LOSS_T, "adjustment"))
            stock = round(stock, fuel.decimals)
            rows.append(_stocked(fuel, after - timedelta(days=1), stock, "closing"))
        running = months[-1][1] if months else None
        if running is not None and running < window.end:
            rows.append(_stocked(fuel, running, stock, "opening"))
    return rows


def whole_months(window: Window) -> list[tuple[date, date]]:
    """First day and day after the last of every month that lies wholly in the window."""
    starts = window.month_starts()
    if window.end.day == 1:
        starts = [*starts, window.end]
    return list(pairwise(starts))


def _quarters(window: Window, first: date, after: date) -> slice:
    days = (first - window.start).days, (after - window.start).days
    return slice(days[0] * QUARTERS_PER_DAY, days[1] * QUARTERS_PER_DAY)


def _produced(product: str, first: date, after: date, tonnes: float, org: str, price: int) -> Row:
    quantity = round(float(tonnes), 2)
    return {
        "product_code": product,
        "period_start": first.isoformat(),
        "period_end": after.isoformat(),
        "quantity": f"{quantity:.2f}",
        "org_code": org,
        "output_value_cny": f"{quantity * price:.2f}",
    }


def _bought(
    energy: str,
    day: date,
    quantity: float,
    decimals: int,
    price: float,
    partner: str,
    kind: str = "purchase",
) -> Row:
    return {
        "energy_code": energy,
        "date": day.isoformat(),
        "quantity": f"{quantity:.{decimals}f}",
        "amount_cny": f"{quantity * price:.2f}",
        "supplier": partner,
        "kind": kind,
        "usage": "industrial",
    }


def _stocked(fuel: Stocked, day: date, quantity: float, kind: str) -> Row:
    return {
        "energy_code": fuel.energy_code,
        "date": day.isoformat(),
        "quantity": f"{quantity:.{fuel.decimals}f}",
        "amount_cny": "",
        "supplier": "",
        "kind": kind,
        "usage": "industrial",
    }
