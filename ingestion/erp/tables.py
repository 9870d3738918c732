"""The ERP tables of contract §1, declared. Several rows of one key in one file add up."""

from __future__ import annotations

from ingestion.declarations import Column, Kind, Reference, Table
from ingestion.ledgers.tables import ORG, _c, energy

PRODUCTION = Table(
    "production",
    "产品产量",
    "erp",
    aliases=("产量", "生产", "产量表"),
    references=(Reference("product_code", "products"), Reference("org_code", "org_units")),
    columns=(
        _c("product_code", "产品编码", "产品代码", kind=Kind.CODE, required=True),
        _c("period_start", "开始日期", "期初", "起始日期", kind=Kind.DATE, required=True),
        _c("period_end", "结束日期", "期末", "截止日期", kind=Kind.DATE, required=True),
        _c("quantity", "产量", "数量", kind=Kind.DECIMAL, required=True),
        ORG,
        _c("output_value_cny", "产值", "工业产值", kind=Kind.DECIMAL),
    ),
)

KINDS = {
    "purchase": ("购进", "购入", "采购"),
    "sale": ("销售", "外销", "外供"),
    "opening": ("期初", "期初库存"),
    "closing": ("期末", "期末库存"),
    "adjustment": ("调整", "盘点调整", "盘盈盘亏"),
}

USAGES = {
    "industrial": ("工业", "工业生产"),
    "material": ("原料", "用作原材料", "原材料"),
    "non_industrial": ("非工业", "非工业生产"),
    "transport": ("运输", "交通运输", "运输工具"),
}


def _movements(kind: Column) -> tuple[Column, ...]:
    return (
        energy(),
        _c("date", "日期", "业务日期", kind=Kind.DATE, required=True),
        _c("quantity", "数量", "实物量", kind=Kind.DECIMAL, required=True),
        _c("amount_cny", "金额", "价款", kind=Kind.DECIMAL),
        _c("supplier", "供应商", "供应单位", "供货单位"),
        kind,
        _c("usage", "用途", kind=Kind.CHOICE, choices=USAGES),
    )


PURCHASES = Table(
    "purchases",
    "能源购进",
    "erp",
    aliases=("购进", "采购", "能源采购", "能源购销"),
    references=(Reference("energy_code", "energies"),),
    columns=_movements(_c("kind", "类型", "业务类型", kind=Kind.CHOICE, default="purchase", choices=KINDS)),
)

# A stock figure without a kind is a count on that day: what was there at its end.
STOCKS = Table(
    "stocks",
    "能源库存",
    "erp",
    aliases=("库存", "能源盘点"),
    references=(Reference("energy_code", "energies"),),
    columns=_movements(_c("kind", "类型", "业务类型", kind=Kind.CHOICE, default="closing", choices=KINDS)),
)

ALL: tuple[Table, ...] = (PRODUCTION, PURCHASES, STOCKS)
