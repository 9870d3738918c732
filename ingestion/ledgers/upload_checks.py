"""Uploaded items and values entered by hand: what a row says, held against flows, meters and items of the site."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ingestion import datacodes, expressions
from ingestion.expressions import ExpressionError
from ingestion.ledgers.rows import Row, Rows
from ingestion.ledgers.state import Known
from ingestion.reasons import Reason

OF_FLOWS = ("quantity", "tce_equivalent", "tce_equal", "comprehensive_energy", "unit_consumption")
"""Figures that a flow or an expression can give."""

TCE = ("tce_equivalent", "tce_equal", "comprehensive_energy", "unit_consumption")
"""Those in standard coal: of flows alone, since a meter has no coefficient of its own."""

OF_REALTIME = ("quantity", "tce_equivalent", "tce_equal", "manual")
OF_PRODUCTS = ("production", "unit_consumption")


def check_items(items: Rows, tables: Mapping[str, Rows], known: Known) -> None:
    """Refuse items that can't be worked out as they are written; fill what the row leaves to its code; warn."""
    meters = codes("meters", tables, known)
    flows = codes("flows", tables, known)
    for row in items.good:
        _fill(row)
        if _refuse_shape(items, row):
            continue
        expression = row.values["expression"]
        if expression:
            try:
                found = terms(expression, flows, meters)
            except ExpressionError as error:
                _refuse_expression(items, row, error)
                continue
            only_meters = [code for kind, code in found if kind == "meter"]
            if only_meters and row.values["figure"] in TCE:
                items.refuse(row, "expression", Reason.UPLOAD_METER_TCE, value=only_meters[0])
                continue
            both = sorted(code for kind, code in found if kind == "flow" and code in meters)
            if both:
                _warn(items, row, f"表达式中的 {both[0]} 既是能流也是计量器具，按能流计算")
        _warn_of(items, row)


def check_values(values: Rows) -> None:
    """Refuse values whose period does not begin where periods of their statistic do."""
    for row in values.good:
        wanted = datacodes.off_grid(str(row.values["stat_type"]), str(row.values["stat_date"]))
        if wanted:
            values.refuse(row, "stat_date", Reason.STAT_DATE_OFF_GRID, value=row.values["stat_date"], allowed=wanted)


def terms(expression: str, flows: set[str], meters: set[str]) -> dict[tuple[str, str], Decimal]:
    """Coefficient by kind and code; a code of both is the flow's. Raises ExpressionError."""
    found = expressions.terms(expression, flows | meters, column="expression")
    return {("flow" if code in flows else "meter", code): coefficient for code, coefficient in found.items()}


def term_rows(items: Rows, flows: set[str], meters: set[str]) -> list[dict[str, str]]:
    """Rows of ledger.upload_terms (without site) of the items that stand."""
    return [
        {
            "data_code": str(row.values["data_code"]),
            "destination": str(row.values["destination"]),
            "kind": kind,
            "code": code,
            "coefficient": format(coefficient, "f"),
        }
        for row in items.good
        if row.values["expression"]
        for (kind, code), coefficient in terms(str(row.values["expression"]), flows, meters).items()
    ]


def codes(table: str, tables: Mapping[str, Rows], known: Known) -> set[str]:
    """Codes of a ledger, those of a package among them, that rows may name."""
    rows = tables.get(table)
    own = {str(row.values[rows.table.key[0]]) for row in rows.good} if rows else set()
    return own | set(known.rows.get(table, {}))


def _fill(row: Row) -> None:
    """What a row leaves empty and its code or figure says."""
    code = datacodes.data_code(str(row.values["data_code"]))
    if row.values["scope"] is None and code:
        row.values["scope"] = str(code.scope)
    if row.values["input_type"] is None:
        row.values["input_type"] = "5" if row.values["figure"] == "manual" else "4"


def _refuse_shape(items: Rows, row: Row) -> bool:
    """Whether the row contradicts itself."""
    values = row.values
    lowest, highest = values["value_min"], values["value_max"]
    if values["flow"] and values["expression"]:
        items.refuse(row, "expression", Reason.UPLOAD_TWO_SOURCES, value=values["expression"], other=values["flow"])
    elif values["figure"] in OF_PRODUCTS and not values["product_code"]:
        items.refuse(row, "product_code", Reason.UPLOAD_NO_PRODUCT, value=values["figure"])
    elif lowest is not None and highest is not None and Decimal(highest) < Decimal(lowest):
        items.refuse(row, "value_max", Reason.BOUNDS_REVERSED, value=highest, other="value_min", least=lowest)
    elif Decimal(str(values["factor"])) == 0:
        items.refuse(row, "factor", Reason.OUT_OF_RANGE, value=values["factor"], allowed="≠ 0")
    return row.is_refused


def _refuse_expression(items: Rows, row: Row, error: ExpressionError) -> None:
    if error.reason is Reason.EXPRESSION_UNKNOWN_METER:
        items.refuse(row, "expression", Reason.UPLOAD_UNKNOWN_TERM, value=row.values["expression"], detail=error.detail)
    else:
        items.refuse(row, "expression", error.reason, sentence=str(error))


def _warn_of(items: Rows, row: Row) -> None:
    values = row.values
    code = datacodes.data_code(str(values["data_code"]))
    assert code is not None  # noqa: S101 - a cell that is no code was refused
    if wrong := code.contradicts(int(str(values["scope"]))):
        _warn(items, row, f"编码与数据范围不一致（{wrong}），请核对")
    if code.energy_class not in datacodes.CLASSES:
        _warn(items, row, f"数据分类 {code.energy_class} 不在 01 至 10 之内，请对照平台字典核对")
    has_source = values["flow"] or values["expression"]
    if values["figure"] in OF_FLOWS[:3] and not has_source:
        _warn(items, row, "没有填写能流或计算式，暂无数据来源，不会上传")
    if values["figure"] not in OF_REALTIME and datacodes.REALTIME in str(values["stat_types"]):
        _warn(items, row, "该指标没有实时数据，实时不会上传")


def _warn(items: Rows, row: Row, sentence: str) -> None:
    items.notices.append(f"{items.file} 第 {row.line} 行：{row.values['data_code']} {sentence}")
