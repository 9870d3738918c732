"""The yardstick's ledgers and ERP figures as a plant package's CSV files."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.plan import ENERGIES, MAX_PER_HOUR_FACTOR, REGISTER_MAX, SITE, TIMEZONE, Plan

Row = dict[str, Any]

WORKSHOPS = 12
PAIRED_SHARE = 5
"""Of the level-3 meters one in five is not a flow of its own but part of a sum."""

SHIFTS = (("early", "00:00", "08:00"), ("middle", "08:00", "16:00"), ("late", "16:00", "00:00"))


def write_ledgers(folder: Path, plan: Plan, first_day: date, last_day: date, events: list[dict[str, str]]) -> None:
    """All files of the package but the readings; ``last_day`` is the last one with readings."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "site": [{"site_code": SITE, "name": "基准测试厂（虚构）", "timezone": TIMEZONE}],
        "org_units": _org_units(),
        "energies": [
            {"energy_code": "electricity", "name": "电力", "unit": "kWh", "class": "secondary",
             "kgce_per_unit": "0.1229", "kgce_per_unit_equal": "0.3000", "valid_from": "2010-01-01"},
            {"energy_code": "steam", "name": "蒸汽（虚构）", "unit": "t", "class": "secondary",
             "kgce_per_unit": "94.3", "kgce_per_unit_equal": "117.9", "valid_from": "2010-01-01"},
        ],
        "calorific_values": [
            {"energy_code": "natural_gas", "valid_from": "2010-01-01", "kj_per_unit": "35588", "laboratory": "虚构"},
        ],
        "nodes": _nodes(),
        "equipment": _equipment(plan),
        "meters": _meters(plan),
        "meter_events": events,
        "flows": flows(plan),
        "shifts": [{"shift_code": code, "start": start, "end": end} for code, start, end in SHIFTS],
        "products": [{"product_code": "P1", "name": "产品一", "unit": "t"}, {"product_code": "P2", "name": "产品二", "unit": "t"}],
        "production": _production(first_day, last_day),
        "purchases": _purchases(first_day, last_day),
        "stocks": _stocks(first_day, last_day),
    }  # fmt: skip
    for name, rows in tables.items():
        if rows:
            _write(folder / f"{name}.csv", rows)


def flows(plan: Plan) -> list[Row]:
    """A flow per meter; one in five level-3 meters goes into sums of three or differences instead."""
    leaves = [int(place) for place in np.flatnonzero(plan.levels == 3)]
    paired = {place for number, place in enumerate(leaves) if number % PAIRED_SHARE == PAIRED_SHARE - 1}
    found = [_flow(plan, place, code) for place, code in enumerate(plan.codes) if place not in paired]
    for number, energy in enumerate(ENERGIES):
        waiting = sorted(place for place in paired if plan.energies[place] == number)
        singles = [place for place in leaves if plan.energies[place] == number and place not in paired]
        for start in range(0, len(waiting), 2):
            parts = waiting[start : start + 2]
            expression = " + ".join(plan.codes[place] for place in parts)
            if start % 6 == 0 and singles:
                expression += f" - 0.5 * {plan.codes[singles[start % len(singles)]]}"
            found.append(_flow(plan, parts[0], expression) | {"flow_code": f"S-{energy.code}-{start // 2 + 1:04d}"})
    return found


def purchased(plan: Plan) -> dict[str, list[tuple[str, int]]]:
    """Meters of what is taken in at the plant's fence, by energy: (meter_code, +1 purchase or -1 export)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for flow in flows(plan):
        if flow["level"] == 1:
            sign = -1 if flow["item"] == "export" else 1
            found.setdefault(flow["energy_code"], []).append((flow["measured_by"], sign))
    return found


def _flow(plan: Plan, place: int, expression: str) -> Row:
    energy = ENERGIES[plan.energies[place]]
    workshop = int(plan.workshops[place]) % WORKSHOPS + 1
    row: Row = {
        "flow_code": f"F-{plan.codes[place][1:]}",
        "energy_code": energy.code,
        "measured_by": expression,
        "org_code": f"W{workshop:02d}",
        "equipment_code": "",
    }
    position = int(plan.levels[place])
    if position == 1:
        is_export = energy.code == "electricity" and place == 0 and _fence(plan) > 1
        here = {"level": 2, "item": "conversion_out"} if energy.made else {"level": 1, "item": "purchase"}
        row |= {"from_node": f"X-{energy.code}", "to_node": f"B-{energy.code}", "org_code": "PLANT", **here}
        if is_export:
            row |= {"from_node": f"B-{energy.code}", "to_node": f"X-{energy.code}", "item": "export"}
    elif position == 2:
        row |= {"from_node": f"B-{energy.code}", "to_node": f"D-W{workshop:02d}", "level": 2, "item": "distribution"}
    else:
        row |= {"from_node": f"D-W{workshop:02d}", "to_node": f"U-W{workshop:02d}", "level": 3, "item": "production"}
        row["org_code"] = f"L{workshop:02d}{'ab'[place % 2]}"
        row["equipment_code"] = f"E{place // 10:04d}" if place % 10 == 0 else ""
    return row


def _fence(plan: Plan) -> int:
    """Electricity meters at the plant's fence; with more than one, the first counts what is given away."""
    return int(((plan.levels == 1) & (plan.energies == 0)).sum())


def _org_units() -> list[Row]:
    rows: list[Row] = [{"org_code": "PLANT", "name": "基准测试厂", "parent_code": "", "kind": "enterprise"}]
    for number in range(1, WORKSHOPS + 1):
        rows.append(
            {"org_code": f"W{number:02d}", "name": f"{number} 车间", "parent_code": "PLANT", "kind": "workshop"}
        )
        rows += [
            {"org_code": f"L{number:02d}{line}", "name": f"{number} 车间 {line} 线", "parent_code": f"W{number:02d}", "kind": "line"}
            for line in "ab"
        ]  # fmt: skip
    return rows


def _nodes() -> list[Row]:
    rows: list[Row] = []
    for energy in ENERGIES:
        stage = "conversion" if energy.made else "external"
        rows.append(
            {"node_code": f"X-{energy.code}", "name": f"{energy.code} 来源", "stage": stage, "org_code": "PLANT"}
        )
        rows.append(
            {
                "node_code": f"B-{energy.code}",
                "name": f"{energy.code} 母线",
                "stage": "distribution",
                "org_code": "PLANT",
            }
        )
    for number in range(1, WORKSHOPS + 1):
        org = f"W{number:02d}"
        rows.append({"node_code": f"D-{org}", "name": f"{number} 车间配电", "stage": "distribution", "org_code": org})
        rows.append({"node_code": f"U-{org}", "name": f"{number} 车间用能", "stage": "end_use", "org_code": org})
    return rows


def _equipment(plan: Plan) -> list[Row]:
    return [
        {"equipment_code": f"E{place // 10:04d}", "name": f"设备 {place // 10}", "energy_code": ENERGIES[plan.energies[place]].code}
        for place in np.flatnonzero(plan.levels == 3)
        if place % 10 == 0
    ]  # fmt: skip


def _meters(plan: Plan) -> list[Row]:
    rows = []
    for place, code in enumerate(plan.codes):
        energy, kind = ENERGIES[plan.energies[place]], str(plan.kinds[place])
        rows.append(
            {
                "meter_code": code,
                "name": f"{energy.code} {code}",
                "energy_code": energy.code,
                "reading_kind": kind,
                "unit": energy.unit,
                "multiplier": int(plan.multipliers[place]),
                "register_max": REGISTER_MAX if kind in ("register", "manual") else "",
                "interval_minutes": 1440 if kind == "manual" else 15,
                "interval_label": str(plan.labels[place]) if kind == "interval" else "",
                "max_per_hour": round(float(plan.per_hour[place]) * MAX_PER_HOUR_FACTOR, 3),
                "level": int(plan.levels[place]),
            }
        )
    return rows


def _months(first_day: date, last_day: date) -> list[tuple[date, date]]:
    """First days of the months touched, each with the next one's."""
    found, start = [], first_day.replace(day=1)
    while start <= last_day:
        after = (start + timedelta(days=32)).replace(day=1)
        found.append((start, after))
        start = after
    return found


def _production(first_day: date, last_day: date) -> list[Row]:
    return [
        {"product_code": product, "period_start": start, "period_end": after, "quantity": 1000 + 10 * start.month}
        for start, after in _months(first_day, last_day)
        for product in ("P1", "P2")
    ]


def _purchases(first_day: date, last_day: date) -> list[Row]:
    return [
        {"energy_code": "raw_coal", "date": start + timedelta(days=9), "quantity": 900 + start.month, "amount_cny": 800_000,
         "supplier": "虚构煤业", "kind": "purchase", "usage": "industrial"}
        for start, _ in _months(first_day, last_day)
    ]  # fmt: skip


def _stocks(first_day: date, last_day: date) -> list[Row]:
    return [
        {"energy_code": "raw_coal", "date": day, "quantity": quantity, "kind": kind}
        for start, after in _months(first_day, last_day)
        for day, quantity, kind in ((start, 120, "opening"), (after - timedelta(days=1), 120, "closing"))
    ]


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
