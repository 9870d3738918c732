"""The upper steps: the figure, what it is made of, its flows, documents and coefficients."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.workbench.trace import coefficients
from plugins.workbench.trace.measures import MEASURES, check_row, own_energy
from plugins.workbench.trace.steps import Column, Step

if TYPE_CHECKING:
    from plugins.workbench.trace.walk import Walk

INTAKE = ("purchase", "export")
STOCK_PERIODS = ("month", "quarter", "year")

FIGURE_COLUMNS = (
    Column("energy_name", "能源"),
    Column("quantity", "实物量"),
    Column("unit", "单位"),
    Column("tce_equivalent", "当量 tce"),
    Column("tce_equal", "等价 tce"),
    Column("coverage", "覆盖率"),
    Column("estimated_quantity", "其中估计"),
    Column("source", "来源"),
    Column("consumption_quantity", "消费量"),
    Column("consumption_tce_equivalent", "消费量 当量 tce"),
    Column("consumption_tce_equal", "消费量 等价 tce"),
    Column("quantity_reason", "实物量为空的原因"),
    Column("tce_equivalent_reason", "当量为空的原因"),
    Column("tce_equal_reason", "等价为空的原因"),
    Column("stock_reason", "库存未知的原因"),
)
COMPOSITION_COLUMNS = (
    Column("component_name", "组成"),
    Column("sign", "符号"),
    Column("quantity", "实物量"),
    Column("unit", "单位"),
    Column("tce_equivalent", "当量 tce"),
    Column("tce_equal", "等价 tce"),
    Column("is_counted", "计入"),
    Column("counting_rule", "计入规则"),
    Column("reason", "为空的原因"),
)
FLOW_COLUMNS = (
    Column("flow_code", "能源流"),
    Column("item_name", "分项"),
    Column("from_node", "自"),
    Column("to_node", "至"),
    Column("quantity", "实物量"),
    Column("unit", "单位"),
    Column("share", "占比"),
    Column("tce_equivalent", "当量 tce"),
    Column("tce_equal", "等价 tce"),
    Column("coverage", "覆盖率"),
    Column("measured_by", "计量表达式"),
    Column("missing_meters", "无数据的计量器具"),
    Column("reason", "为空的原因"),
)
DOCUMENT_COLUMNS = (
    Column("energy_name", "能源"),
    Column("part", "类别"),
    Column("date", "日期"),
    Column("quantity", "数量"),
    Column("unit", "单位"),
    Column("tce_equivalent", "当量 tce"),
    Column("supplier", "供应商"),
    Column("verdict", "判定"),
    Column("reason", "说明"),
    Column("batch_id", "批次"),
    Column("file", "文件"),
    Column("line", "行"),
)


def walk(walk: Walk) -> None:
    """figure → composition → flows → documents → coefficients, as far as the depth goes."""
    row = _figure(walk)
    if walk.goes_to("composition") and walk.figure.kind in ("type", "level", "comprehensive"):
        _composition(walk, row)
    if not walk.goes_to("flows") or walk.figure.kind == "meter":
        return
    flows = _flows(walk, row)
    if walk.goes_to("documents") and walk.figure.kind in ("type", "comprehensive") and not walk.period.is_hourly:
        _documents(walk, row, flows)
    if walk.goes_to("coefficients"):
        coefficients.walk(walk, flows)


def _figure(walk: Walk) -> dict[str, Any] | None:
    query = f"figure_{walk.figure.kind}"
    if walk.figure.kind == "flow" and walk.period.period_type not in ("hour", "day", "month"):
        # No mart holds a flow by this period: its days' or hours' sum is the figure.
        query = "flows_hourly" if walk.period.is_hourly else "flows_daily"
    step = walk.ask("figure", "数据", query, FIGURE_COLUMNS, **_which_flows(walk, ()))
    row = step.rows[0] if step.rows else None
    if query.startswith("flows_"):
        step.notes.append("能源流没有这一粒度的单独数据，此处为其日（或小时）数据之和")
        if row is not None:
            row["quantity_reason"] = row["reason"] if row["quantity"] is None else None
            row["tce_equivalent_reason"] = row["tce_equal_reason"] = row["reason"]
    if row is None:
        bounds = walk.ask("known_periods", "已有数据的期间", "known_periods", ()).rows[0]
        walk.steps.pop()
        known = (
            f"本企业这一粒度的数据自 {bounds['first_start']} 至 {bounds['last_start']}"
            if bounds["first_start"]
            else "本企业还没有这一粒度的数据"
        )
        step.notes.append(
            f"本期没有这个数据：没有一条相关的能源流或单据在本期有可采用的数据。{known}。以下各步说明缺什么。"
        )
    elif walk.figure.kind == "comprehensive" and row["tce_equivalent"] is None:
        step.notes.append(f"已知部分合计：当量 {row['known_tce_equivalent']:.6f} tce（不是总量）")
    return row


def _composition(walk: Walk, row: dict[str, Any] | None) -> None:
    kind = walk.figure.kind
    step = walk.ask("composition", "组成", f"composition_{kind}", COMPOSITION_COLUMNS)
    if row is None:
        return
    counted = [part for part in step.rows if part["is_counted"]]
    if kind == "type":
        check_row(step, "购入 − 外供", row, "quantity", [_signed(part, "quantity") for part in counted])
        if len(step.rows) > len(counted) and row["consumption_quantity"] is not None:
            parts = [_signed(part, "quantity") for part in step.rows]
            check_row(step, "消费量（含库存）", row | {"quantity": row["consumption_quantity"]}, "quantity", parts)
    for measure in ("tce_equivalent", "tce_equal") if kind == "comprehensive" else MEASURES if kind == "level" else ():
        check_row(step, "各项之和", row, measure, [part[measure] for part in counted])


def _flows(walk: Walk, row: dict[str, Any] | None) -> Step:
    items = {"type": INTAKE, "comprehensive": INTAKE, "item": (walk.figure.item,)}.get(walk.figure.kind, ())
    query = "flows_hourly" if walk.period.is_hourly else "flows_daily"
    step = walk.ask("flows", "能源流", query, FLOW_COLUMNS, **_which_flows(walk, items))
    step.limit = walk.options.limit
    is_mixed = walk.figure.kind == "comprehensive"
    step.sum_key = "tce_equivalent" if is_mixed else "quantity"
    for flow in step.rows:
        flow["sign"] = -1 if flow["item"] == "export" and walk.figure.kind in ("type", "comprehensive") else 1
        whole = (row or {}).get(step.sum_key)
        part = flow[step.sum_key]
        flow["share"] = round(flow["sign"] * part / whole, 6) if whole and part is not None else None
    if row is None or (walk.figure.kind == "type" and row["source"] == "erp"):
        return step
    if walk.figure.kind == "type":
        for item, name in (("purchase", "购入"), ("export", "外供")):
            parts = [flow["quantity"] for flow in step.rows if flow["item"] == item]
            check_row(step, name, row | {"quantity": row[f"{item}_quantity"]}, "quantity", parts)
    if walk.figure.kind == "level":
        _check_places(walk, step)
    if is_mixed:
        _check_components(walk, step)
        return step
    for measure in MEASURES:
        check_row(step, "各能源流之和", row, measure, [_signed(flow, measure) for flow in step.rows])
    return step


def _check_places(walk: Walk, step: Step) -> None:
    """Each row of a figure by level against its own flows."""
    composition = walk.found("composition")
    for part in composition.rows if composition else ():
        place = (part["org_code"], part["equipment_code"])
        flows = [flow for flow in step.rows if (flow["org_code"], flow["equipment_code"]) == place]
        check_row(
            step,
            part["component_name"],
            part | {"quantity_reason": part["reason"]},
            "quantity",
            [flow["quantity"] for flow in flows],
        )


def _check_components(walk: Walk, step: Step) -> None:
    """Each counted energy of comprehensive consumption against its metered flows, where it has any."""
    metered = {flow["energy_code"] for flow in step.rows}
    composition = walk.found("composition")
    for part in composition.rows if composition else ():
        if not part["is_counted"] or part["component"] not in INTAKE or part["energy_code"] not in metered:
            continue
        flows = [
            flow
            for flow in step.rows
            if flow["energy_code"] == part["energy_code"] and flow["item"] == part["component"]
        ]
        for measure in ("tce_equivalent", "tce_equal"):
            row = {measure: part[measure], f"{measure}_reason": part["reason"]}
            check_row(step, part["component_name"], row, measure, [_signed(flow, measure) for flow in flows])


def _documents(walk: Walk, row: dict[str, Any] | None, flows: Step) -> None:
    composition = walk.found("composition")
    parts = [
        part for part in (composition.rows if composition else ()) if part["is_counted"] or "counting_rule" not in part
    ]
    metered = {flow["energy_code"] for flow in flows.rows}
    energies: set[str] = {part["energy_code"] for part in parts} | own_energy(walk)
    purchased = sorted(energies - metered)
    stocked = sorted(energies) if walk.period.period_type in STOCK_PERIODS else []
    step = walk.ask(
        "documents", "ERP 单据", "documents", DOCUMENT_COLUMNS, purchased_energies=purchased, stocked_energies=stocked
    )
    if not step.rows:
        if not purchased:
            walk.steps.remove(step)
        else:
            step.notes.append("本期没有购入、销售或库存单据")
        return
    step.limit = walk.options.readings_limit
    walk.batch_ids |= {document["batch_id"] for document in step.rows}
    for part in parts:
        documents = [
            document
            for document in step.rows
            if document["energy_code"] == part["energy_code"] and document["verdict"] == "counted"
        ]
        signs = {
            "purchase": {"purchase": 1},
            "export": {"sale": -1 if walk.figure.kind == "comprehensive" else 1},
            "stock_draw": {"opening": 1, "closing": -1},
            "stock_adjustment": {"adjustment": 1},
        }[part["component"]]
        if part["component"] in INTAKE and part["energy_code"] in metered:
            continue
        values = [signs[one["part"]] * one["quantity"] for one in documents if one["part"] in signs]
        check_row(step, part["component_name"], part | {"quantity_reason": part["reason"]}, "quantity", values)
    if row is not None and walk.figure.kind == "type" and row["source"] == "erp":
        values = [
            (-1 if one["part"] == "sale" else 1) * one["tce_equivalent"]
            for one in step.rows
            if one["verdict"] == "counted" and one["part"] in ("purchase", "sale") and one["tce_equivalent"] is not None
        ]
        check_row(step, "购入 − 销售", row, "tce_equivalent", values)


def _which_flows(walk: Walk, items: tuple[Any, ...]) -> dict[str, Any]:
    """Parameters that say which flows a figure is the sum of."""
    figure = walk.figure
    energies = [figure.energy_code] if figure.energy_code is not None else None
    if figure.kind == "comprehensive" and (composition := walk.found("composition")):
        energies = sorted({part["energy_code"] for part in composition.rows if part["is_counted"]})
    level = 1 if figure.kind in ("type", "comprehensive") else figure.level
    return {"energy_codes": energies, "level": level, "items": list(items) or None}


def _signed(row: dict[str, Any], measure: str) -> Decimal | None:
    return None if row[measure] is None else row["sign"] * row[measure]
