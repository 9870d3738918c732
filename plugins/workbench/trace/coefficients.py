"""The coefficients to standard coal in a figure: their values, validity and source, and what they were applied to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from plugins.workbench.trace.measures import MEASURES, check_row, own_energy
from plugins.workbench.trace.steps import Check, Column, Step, total

if TYPE_CHECKING:
    from plugins.workbench.trace.walk import Walk

COEFFICIENT_COLUMNS = (
    Column("energy_name", "能源"),
    Column("kgce_per_unit", "当量系数 kgce/单位"),
    Column("source_equivalent", "当量来源"),
    Column("kgce_per_unit_equal", "等价系数 kgce/单位"),
    Column("source_equal", "等价来源"),
    Column("unit", "单位"),
    Column("valid_from", "自"),
    Column("valid_to", "至（不含）"),
    Column("reason", "说明"),
    Column("batch_id", "台账批次"),
    Column("file", "台账文件"),
)
USE_COLUMNS = (
    Column("flow_code", "能源流"),
    Column("valid_from", "系数自"),
    Column("quantity", "实物量"),
    Column("tce_equivalent", "当量 tce"),
    Column("tce_equal", "等价 tce"),
)


def walk(walk: Walk, flows: Step) -> None:
    """The coefficients in force, held against the standard coal of the flows."""
    composition = walk.found("composition")
    counted = [part for part in (composition.rows if composition else ()) if part["is_counted"]]
    energies = sorted(
        own_energy(walk) | {flow["energy_code"] for flow in flows.rows} | {part["energy_code"] for part in counted}
    )
    last_date = (walk.period.ends_local - timedelta(microseconds=1)).date()
    step = walk.ask(
        "coefficients",
        "折标系数",
        "coefficients",
        COEFFICIENT_COLUMNS,
        energy_codes=energies,
        first_date=walk.period.starts_local.date(),
        last_date=last_date,
    )
    walk.batch_ids |= {row["batch_id"] for row in step.rows if row["batch_id"] is not None}
    missing = set(energies) - {row["energy_code"] for row in step.rows}
    if missing:
        step.notes.append(f"没有折标系数的能源：{'、'.join(sorted(missing))}；请在 energies 台账中给出")
    stretches = {code: [row for row in step.rows if row["energy_code"] == code] for code in energies}
    changed = [flow["flow_code"] for flow in flows.rows if len(stretches[flow["energy_code"]]) > 1]
    for code, rows in stretches.items():
        known = [flow for flow in flows.rows if flow["energy_code"] == code and flow["quantity"] is not None]
        if len(rows) != 1 or not known:
            continue
        for measure, key in (("tce_equivalent", "kgce_per_unit"), ("tce_equal", "kgce_per_unit_equal")):
            factor = rows[0][key]
            parts = [flow["quantity"] * factor / 1000 for flow in known] if factor is not None else []
            figure = total(flow[measure] for flow in known)
            name = f"{rows[0]['energy_name'] or code}：实物量 × 系数 ÷ 1000"
            if factor is not None or figure is not None:
                step.checks.append(Check(name, MEASURES[measure], figure, total(parts), len(parts), rows[0]["reason"]))
    if changed:
        _use(walk, flows, changed)


def _use(walk: Walk, flows: Step, changed: list[str]) -> None:
    """Where a coefficient changes within the period: how much each of them was applied to."""
    step = walk.ask("coefficient_use", "各系数下的实物量", "coefficient_quantities", USE_COLUMNS, flow_codes=changed)
    step.limit = walk.options.readings_limit
    for flow in flows.rows:
        parts = [row for row in step.rows if row["flow_code"] == flow["flow_code"]]
        if parts:
            reasons = {f"{measure}_reason": flow["reason"] for measure in MEASURES}
            for measure in ("tce_equivalent", "tce_equal"):
                check_row(step, flow["flow_code"], flow | reasons, measure, [part[measure] for part in parts])
