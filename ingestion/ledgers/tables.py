"""The ledgers of the site, its organisation, energies, nodes and flows, declared (contract §1)."""

from __future__ import annotations

from decimal import Decimal

from ingestion.declarations import Column, Extra, Kind, Reference, Table

ZERO = Decimal(0)
COUNT = Decimal(1_000_000)
"""More of one thing than any plant has; a larger number is a slip."""


def _c(name: str, *aliases: str, **options: object) -> Column:
    return Column(name, aliases=aliases, **options)  # type: ignore[arg-type]


VALID_FROM = _c("valid_from", "生效日期", "有效期起", "开始日期", "起始日期", kind=Kind.DATE)
VALID_TO = _c("valid_to", "失效日期", "有效期止", "结束日期", "截止日期", kind=Kind.DATE, default="infinity")
OPEN_FROM = _c("valid_from", *VALID_FROM.aliases, kind=Kind.DATE, default="-infinity")
ORG = _c("org_code", "所属单位编码", "部门编码", "单位编码", "组织编码", "用能单元编码", kind=Kind.CODE)
EQUIPMENT = _c("equipment_code", "设备编码", "设备编号", kind=Kind.CODE)
REMARK = _c("remark", "备注", "说明")
RETIRED_ON = _c("retired_on", "停用日期", "退出日期", "注销日期", kind=Kind.DATE)
LEVELS = {
    "1": ("进出用能单位", "1级", "一级", "用能单位", "I", "level1"),
    "2": ("进出主要次级用能单位", "2级", "二级", "次级用能单位", "主要次级用能单位", "II", "level2"),
    "3": ("主要用能设备", "3级", "三级", "用能设备", "III", "level3"),
}


def energy(required: bool = True) -> Column:
    """The column that names an energy."""
    return _c(
        "energy_code",
        "能源编码",
        "能源品种编码",
        "能源代码",
        "能源种类编码",
        kind=Kind.CODE,
        required=required,
    )


SITE = Table(
    "site",
    "用能单位",
    "ledger",
    stored="sites",
    extra=Extra.ENTERPRISE,
    key=("site_code",),
    aliases=("sites", "企业", "企业信息", "企业基本信息", "用能单位基本信息", "单位信息"),
    columns=(
        _c("site_code", "单位编码", "用能单位编码", "企业编码", "站点编码", kind=Kind.CODE, required=True),
        _c("name", "单位名称", "用能单位名称", "企业名称", "名称", required=True),
        _c("credit_code", "统一社会信用代码", "信用代码"),
        _c("region_code", "行政区划代码", "区划代码", "地区代码"),
        _c("industry_code", "行业代码", "国民经济行业代码"),
        _c("timezone", "时区", default="Asia/Shanghai"),
        _c("day_start", "日起始时刻", "统计日起点", "日开始时间", kind=Kind.TIME, default="00:00:00"),
        _c(
            "month_start_day",
            "月起始日",
            "统计月起始日",
            kind=Kind.INTEGER,
            default="1",
            minimum=Decimal(1),
            maximum=Decimal(28),
        ),
        _c("altitude_m", "海拔", "海拔高度", kind=Kind.DECIMAL),
    ),
)

ORG_UNITS = Table(
    "org_units",
    "组织机构",
    "ledger",
    key=("org_code",),
    aliases=("组织单元", "部门", "次级用能单位", "用能单元"),
    columns=(
        _c("org_code", "组织编码", "部门编码", "单位编码", "编码", kind=Kind.CODE, required=True),
        _c("name", "名称", "部门名称", "单位名称", "组织名称", required=True),
        _c("parent_code", "上级编码", "上级单位编码", "上级部门编码", kind=Kind.CODE),
        _c(
            "kind",
            "类型",
            "类别",
            kind=Kind.CHOICE,
            choices={
                "enterprise": ("企业", "公司", "用能单位"),
                "workshop": ("车间", "分厂"),
                "process": ("工序",),
                "line": ("生产线", "产线"),
                "team": ("班组",),
            },
        ),
        RETIRED_ON,
    ),
    references=(Reference("parent_code", "org_units"),),
)

ENERGIES = Table(
    "energies",
    "能源品种",
    "ledger",
    key=("energy_code", "valid_from"),
    validity=("energy_code",),
    aliases=("能源", "能源种类"),
    columns=(
        energy(),
        _c("name", "名称", "能源名称", required=True),
        _c("unit", "单位", "计量单位", required=True),
        _c(
            "class",
            "类别",
            "能源类别",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "primary": ("一次能源",),
                "secondary": ("二次能源",),
                "medium": ("耗能工质",),
                "non_energy": ("非能源", "非能源类产品"),
            },
        ),
        _c(
            "kgce_per_unit",
            "当量系数",
            "折标系数",
            "折标准煤系数",
            "当量折标系数",
            kind=Kind.DECIMAL,
            minimum=ZERO,
        ),
        _c("kgce_per_unit_equal", "等价系数", "等价折标系数", kind=Kind.DECIMAL, minimum=ZERO),
        _c("statistic_code", "统计代码", "205-1代码", "205-1"),
        OPEN_FROM,
        VALID_TO,
    ),
)

CALORIFIC_VALUES = Table(
    "calorific_values",
    "实测热值",
    "ledger",
    key=("energy_code", "valid_from"),
    validity=("energy_code",),
    aliases=("热值", "低位热值", "低位发热量"),
    references=(Reference("energy_code", "energies", holds=False),),
    columns=(
        energy(),
        _c("valid_from", *VALID_FROM.aliases, kind=Kind.DATE, required=True),
        _c(
            "kj_per_unit",
            "低位发热量",
            "热值",
            "实测低位发热量",
            kind=Kind.DECIMAL,
            required=True,
            above=ZERO,
        ),
        VALID_TO,
        _c("laboratory", "化验单位", "检测单位", "实验室"),
    ),
)

NODES = Table(
    "nodes",
    "节点",
    "ledger",
    key=("node_code",),
    aliases=("能流节点", "用能环节"),
    references=(Reference("org_code", "org_units"), Reference("equipment_code", "equipment")),
    columns=(
        _c("node_code", "节点编码", "编码", kind=Kind.CODE, required=True),
        _c("name", "名称", "节点名称", required=True),
        _c(
            "stage",
            "环节",
            "阶段",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "purchase_storage": ("购入贮存", "购入存储", "购入储存"),
                "conversion": ("加工转换",),
                "distribution": ("输送分配", "分配输送"),
                "end_use": ("最终使用", "终端使用"),
                "external": ("外部", "外界"),
            },
        ),
        ORG,
        EQUIPMENT,
        _c(
            "end_use_kind",
            "最终使用类别",
            "用途",
            kind=Kind.CHOICE,
            choices={
                "main_production": ("主要生产",),
                "auxiliary": ("辅助生产",),
                "heating_cooling": ("采暖空调", "采暖制冷"),
                "lighting": ("照明",),
                "transport": ("运输",),
                "other": ("其他",),
            },
        ),
        RETIRED_ON,
    ),
)

FLOWS = Table(
    "flows",
    "能流",
    "ledger",
    key=("flow_code",),
    aliases=("能源流", "能流表"),
    references=(
        Reference("energy_code", "energies"),
        Reference("from_node", "nodes"),
        Reference("to_node", "nodes"),
        Reference("org_code", "org_units"),
        Reference("equipment_code", "equipment"),
        Reference("product_code", "products"),
    ),
    columns=(
        _c("flow_code", "能流编码", "编码", kind=Kind.CODE, required=True),
        energy(),
        _c("from_node", "起点", "起始节点", "流出节点", kind=Kind.CODE, required=True),
        _c("to_node", "终点", "目标节点", "流入节点", kind=Kind.CODE, required=True),
        _c("level", "级别", "层级", "计量级别", kind=Kind.CHOICE, required=True, choices=LEVELS),
        _c(
            "item",
            "分项",
            "用能分项",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "purchase": ("购入", "购进"),
                "stock": ("库存",),
                "conversion_in": ("加工转换投入", "转换投入"),
                "conversion_out": ("加工转换产出", "转换产出"),
                "distribution": ("输送分配", "分配"),
                "production": ("生产", "生产用能"),
                "living": ("生活", "生活用能"),
                "self_use": ("自用",),
                "export": ("外供", "输出", "外销"),
                "recovery": ("回收", "回收利用"),
                "loss": ("损失", "损耗"),
            },
        ),
        _c("measured_by", "计量表达式", "计量方式", "计算式"),
        ORG,
        EQUIPMENT,
        _c("product_code", "产品编码", kind=Kind.CODE),
        RETIRED_ON,
    ),
)
