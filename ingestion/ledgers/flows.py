"""Flows: two different ends, and measured_by taken apart into one coefficient per meter."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ingestion import expressions
from ingestion.expressions import ExpressionError
from ingestion.ledgers.rows import Row, Rows
from ingestion.ledgers.state import Known
from ingestion.reasons import Reason


def check(flows: Rows, meters: Rows | None, known: Known) -> None:
    """Refuse flows from a node to itself and flows whose expression cannot be used; warn of units."""
    known_meters = {code: (row["energy_code"], row["unit"]) for code, row in known.rows["meters"].items()}
    fallen: dict[str, Row] = {}
    if meters:
        known_meters |= {
            str(row.values["meter_code"]): (row.values["energy_code"], row.values["unit"]) for row in meters.good
        }
        fallen = {str(row.values.get("meter_code")): row for row in meters.refused}
    every_flow = {code: row["measured_by"] for code, row in known.rows["flows"].items()}
    every_flow |= {str(row.values.get("flow_code")): row.values.get("measured_by") for row in flows.read}
    for row in flows.good:
        if row.values["from_node"] == row.values["to_node"]:
            flows.refuse(row, "to_node", Reason.SAME_NODE, value=row.values["to_node"])
            continue
        expression = row.values["measured_by"]
        if not expression:
            continue
        lost = [word for word in expressions.words(expression) if word in fallen and word not in known_meters]
        if lost:
            flows.refuse(
                row,
                "measured_by",
                Reason.REFUSED_REFERENCE,
                value=lost[0],
                table="计量器具（meters）",
                line=fallen[lost[0]].line,
            )
            continue
        try:
            terms = expressions.terms(expression, known_meters, every_flow)
        except ExpressionError as error:
            _refuse(flows, row, error, every_flow, known_meters)
            continue
        _warn(flows, row, terms, known_meters)


def terms(flows: Rows, meter_codes: set[str]) -> list[dict[str, str]]:
    """Rows of ledger.flow_terms (without site) of the flows that stand."""
    return [
        {
            "flow_code": str(row.values["flow_code"]),
            "meter_code": meter,
            "coefficient": format(coefficient, "f"),
        }
        for row in flows.good
        if row.values["measured_by"]
        for meter, coefficient in expressions.terms(str(row.values["measured_by"]), meter_codes).items()
    ]


def _refuse(
    flows: Rows,
    row: Row,
    error: ExpressionError,
    every_flow: Mapping[str, str | None],
    meters: Mapping[str, tuple[str | None, str | None]],
) -> None:
    code = str(row.values["flow_code"])
    circle = expressions.cycle(code, every_flow, meters) if error.reason is Reason.EXPRESSION_FLOW else None
    if circle:
        flows.refuse(
            row,
            "measured_by",
            Reason.EXPRESSION_CYCLE,
            value=row.values["measured_by"],
            detail=" → ".join(circle),
        )
        return
    flows.refuse(row, "measured_by", error.reason, sentence=str(error))


def _warn(
    flows: Rows, row: Row, terms: Mapping[str, Decimal], meters: Mapping[str, tuple[str | None, str | None]]
) -> None:
    energy = row.values["energy_code"]
    others = sorted(meter for meter in terms if meters[meter][0] != energy)
    if others:
        shown = "、".join(f"{meter}（{meters[meter][0]}）" for meter in others)
        flows.notices.append(
            f"{flows.file} 第 {row.line} 行：能流 {row.values['flow_code']} 的能源是 {energy}，"
            f"但其计量器具 {shown} 计量的是别的能源，请核对"
        )


def warn_units(meters: Rows, energies: Rows | None, known: Known) -> None:
    """Say so when a meter counts in another unit than its energy is kept in."""
    units = {str(row.values["energy_code"]): row.values["unit"] for row in energies.good} if energies else {}
    for row in meters.good:
        energy, unit = str(row.values["energy_code"]), row.values["unit"]
        expected = units.get(energy) or known.unit(energy)
        is_rate = row.values["reading_kind"] == "rate"
        if expected and unit and _fold(unit) not in (_per_hour(expected) if is_rate else {_fold(expected)}):
            meters.notices.append(
                f"{meters.file} 第 {row.line} 行：{row.values['meter_code']} 的单位 {unit} 与能源 {energy} 的单位 "
                f"{expected} 不同，请核对 multiplier 是否已换算"
            )


def _fold(unit: str) -> str:
    return unit.replace("³", "3").replace("·", "").replace(" ", "").casefold()


def _per_hour(unit: str) -> set[str]:
    """How the rate of a quantity is written: m3 as m3/h, kWh as kW."""
    plain = _fold(unit)
    return {f"{plain}/h", f"{plain}/小时", plain.removesuffix("h") if plain.endswith("wh") else f"{plain}h-1"}
