"""The ledgers of equipment, declared: equipment (表A.3), its motors, rules and inspections (contract §1)."""

from __future__ import annotations

from ingestion.declarations import Extra, Kind, Reference, Table
from ingestion.ledgers import tables
from ingestion.ledgers.tables import ORG, REMARK, RETIRED_ON, ZERO, _c, energy

EQUIPMENT = Table(
    "equipment",
    "用能设备",
    "ledger",
    key=("equipment_code",),
    aliases=(
        "表A.3",
        "A.3",
        "设备",
        "设备台账",
        "主要用能设备",
        "重点用能设备",
        "主要用能设备台账",
        "主要用能设备一览表",
    ),
    references=(Reference("org_code", "org_units"), Reference("energy_code", "energies")),
    columns=(
        _c("equipment_code", "设备编码", "设备编号", "编号", kind=Kind.CODE, required=True),
        _c("name", "设备名称", "名称", required=True),
        ORG,
        _c("model", "型号规格", "规格型号", "设备型号", "型号"),
        _c("location", "安装地点", "安装使用地点", "安装位置"),
        _c("category", "设备类别", "设备类型", "类别"),
        energy(required=False),
        _c("rated_power_kw", "额定功率", "额定容量", kind=Kind.DECIMAL, minimum=ZERO),
        _c("is_special", "是否特种设备", "特种设备", kind=Kind.BOOLEAN),
        _c("auxiliary_model", "配套设备型号", "辅机型号", "配套电机型号"),
        _c("auxiliary_power_kw", "配套设备功率", "辅机功率", "配套电机功率", kind=Kind.DECIMAL, minimum=ZERO),
        _c("manufacturer", "生产厂家", "制造单位", "制造厂"),
        _c("commissioned_on", "投产日期", "投运日期", "投用日期", "使用日期", kind=Kind.DATE),
        _c("efficiency_grade", "能效等级"),
        REMARK,
        RETIRED_ON,
    ),
)

MOTORS = Table(
    "motors",
    "配套电机",
    "ledger",
    key=("equipment_code", "motor_code"),
    aliases=("电机", "配套设备", "辅机"),
    references=(Reference("equipment_code", "equipment", holds=False),),
    columns=(
        _c("equipment_code", *tables.EQUIPMENT.aliases, kind=Kind.CODE, required=True),
        _c("motor_code", "电机编码", "电机编号", "配套设备编号", kind=Kind.CODE, required=True),
        _c("model", "型号规格", "规格型号", "电机型号", "型号"),
        _c("rated_power_kw", "额定功率", "功率", kind=Kind.DECIMAL, minimum=ZERO),
        _c("quantity", "台数", "数量", kind=Kind.INTEGER, above=ZERO, maximum=tables.COUNT),
        _c("efficiency_grade", "能效等级"),
        _c("manufacturer", "生产厂家", "制造单位", "制造厂"),
        REMARK,
        RETIRED_ON,
    ),
)

EQUIPMENT_RULES = Table(
    "equipment_rules",
    "设备运行规则",
    "ledger",
    key=("equipment_code", "valid_from"),
    validity=("equipment_code",),
    ascending=("standby_above_kw", "idle_above_kw", "running_above_kw"),
    aliases=("设备规则", "设备能效规则"),
    references=(
        Reference("equipment_code", "equipment", holds=False),
        Reference("flow_code", "flows"),
        Reference("output_flow_code", "flows"),
        Reference("product_code", "products"),
    ),
    columns=(
        _c("equipment_code", *tables.EQUIPMENT.aliases, kind=Kind.CODE, required=True),
        _c("flow_code", "能耗能流编码", "能流编码", kind=Kind.CODE, required=True),
        _c("output_flow_code", "产出能流编码", kind=Kind.CODE),
        _c("product_code", "产品编码", kind=Kind.CODE),
        _c("running_above_kw", "运行下限", "运行阈值", kind=Kind.DECIMAL, minimum=ZERO),
        _c("idle_above_kw", "空载下限", "空载阈值", kind=Kind.DECIMAL, minimum=ZERO),
        _c("standby_above_kw", "待机下限", "待机阈值", kind=Kind.DECIMAL, minimum=ZERO),
        _c("hysteresis_kw", "回差", kind=Kind.DECIMAL, minimum=ZERO),
        _c("rated_value", "额定值", "铭牌值", kind=Kind.DECIMAL),
        _c("standard_value", "标准值", "限定值", kind=Kind.DECIMAL),
        _c(
            "value_kind",
            "指标类型",
            kind=Kind.CHOICE,
            choices={"efficiency": ("效率",), "specific_energy": ("单耗", "单位能耗")},
        ),
        _c("value_unit", "指标单位"),
        _c("standard", "标准号", "标准"),
        _c("clause", "条款"),
        tables.OPEN_FROM,
        tables.VALID_TO,
    ),
)

INSPECTIONS = Table(
    "inspections",
    "检查记录",
    "ledger",
    key=("inspection_no", "item"),
    numbered="inspection_no",
    extra=Extra.BESIDE,
    aliases=("巡检记录", "设备巡检", "点检记录"),
    references=(Reference("equipment_code", "equipment", holds=False), Reference("org_code", "org_units", holds=False)),
    columns=(
        _c("inspection_no", "检查编号", "巡检编号", "记录编号", "编号"),
        _c("item", "检查项目", "巡检项目", "项目", default=""),
        tables.EQUIPMENT,
        ORG,
        _c("inspected_at", "检查时间", "巡检时间", kind=Kind.TIMESTAMP),
        _c("inspector", "检查人", "巡检人"),
        _c(
            "result",
            "结果",
            "检查结果",
            "结论",
            kind=Kind.CHOICE,
            choices={"normal": ("正常", "合格"), "abnormal": ("异常", "不正常", "不合格")},
        ),
        _c("finding", "发现的问题", "异常情况", "问题"),
        _c(
            "severity",
            "严重程度",
            "级别",
            kind=Kind.CHOICE,
            choices={"info": ("提示", "轻微"), "warning": ("一般", "警告"), "critical": ("严重", "紧急", "重大")},
        ),
        _c("photo_file", "照片文件", "照片"),
        _c("handled_by", "处理人"),
        _c("handled_on", "处理日期", kind=Kind.DATE),
        REMARK,
        RETIRED_ON,
    ),
)
