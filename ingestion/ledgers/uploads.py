"""The ledgers of what is uploaded to platforms, declared: items, and values entered by hand (contract §1)."""

from __future__ import annotations

from decimal import Decimal

from ingestion import datacodes
from ingestion.declarations import Kind, Reference, Table
from ingestion.ledgers.tables import EQUIPMENT, OPEN_FROM, REMARK, RETIRED_ON, VALID_TO, ZERO, _c
from ingestion.reasons import Reason

FIGURES = {
    "quantity": ("实物量",),
    "tce_equivalent": ("当量值", "折标煤当量"),
    "tce_equal": ("等价值", "折标煤等价"),
    "comprehensive_energy": ("综合能耗", "综合能源消费量"),
    "production": ("产量", "产品产量"),
    "unit_consumption": ("单位产品能耗", "单耗", "单位产品综合能耗"),
    "output_value_consumption": ("单位产值能耗", "万元产值能耗"),
    "manual": ("手工填报", "手工"),
}

INPUT_TYPES = {
    "1": ("管理信息系统",),
    "2": ("生产监控", "生产监控管理系统"),
    "3": ("DCS", "分布式控制系统"),
    "4": ("现场仪表",),
    "5": ("手工填报", "手工"),
    "6": ("能源供应单位",),
    "7": ("其他",),
}

SCOPES = {
    "1": ("全厂",),
    "2": ("生产工序", "工序"),
    "3": ("工序单元",),
    "4": ("重点耗能设备", "重点用能设备", "设备"),
}

DATA_CODE = _c(
    "data_code",
    "数据编码",
    "采集数据编码",
    "上传编码",
    "数据项编码",
    required=True,
    spelling=datacodes.spelled_code,
    misspelled=Reason.BAD_DATA_CODE,
)

DESTINATION = _c(
    "destination",
    "上传平台",
    "平台",
    "目的地",
    default=datacodes.EVERY_DESTINATION,
    spelling=datacodes.spelled_destination,
    misspelled=Reason.BAD_DESTINATION,
)

UPLOAD_ITEMS = Table(
    "upload_items",
    "上传数据项",
    "ledger",
    key=("data_code", "destination"),
    aliases=("上传项", "采集数据项", "上报数据项"),
    references=(
        Reference("flow", "flows"),
        Reference("product_code", "products"),
        Reference("equipment_code", "equipment"),
    ),
    columns=(
        DATA_CODE,
        DESTINATION,
        _c("name", "名称", "数据项名称", "采集数据名称"),
        _c("flow", "能流编码", "flow_code", "能流", kind=Kind.CODE, target="flow_code"),
        _c("expression", "计算式", "表达式", "计算公式"),
        _c("figure", "指标", "上传指标", kind=Kind.CHOICE, choices=FIGURES, default="quantity"),
        _c("product_code", "产品编码", kind=Kind.CODE),
        _c(
            "stat_types",
            "统计类型",
            "stat_type",
            "数据类型",
            default=datacodes.DAY,
            spelling=datacodes.spelled_stat_types,
            misspelled=Reason.BAD_STAT_TYPES,
        ),
        _c(
            "interval_minutes",
            "实时周期",
            "采集周期",
            "采集频率",
            kind=Kind.CHOICE,
            choices={"15": ("15分钟",), "30": ("30分钟",), "60": ("60分钟", "1小时")},
            default="15",
        ),
        _c("input_type", "输入方式", "采集方式", "数据来源", kind=Kind.CHOICE, choices=INPUT_TYPES),
        _c("scope", "数据范围", "范围", kind=Kind.CHOICE, choices=SCOPES),
        _c("factor", "换算系数", "单位换算", kind=Kind.DECIMAL, default="1"),
        _c("least_coverage", "最低覆盖率", kind=Kind.DECIMAL, default="0.9", minimum=ZERO, maximum=Decimal(1)),
        _c("value_min", "下限", "最小值", kind=Kind.DECIMAL),
        _c("value_max", "上限", "最大值", kind=Kind.DECIMAL),
        EQUIPMENT,
        _c("collect_system", "采集系统", "采集系统名称"),
        _c("is_required", "是否必传", "必传", kind=Kind.BOOLEAN),
        REMARK,
        RETIRED_ON,
    ),
)

UPLOAD_VALUES = Table(
    "upload_values",
    "手工填报值",
    "ledger",
    key=("data_code", "stat_type", "stat_date", "destination"),
    aliases=("手工上报值", "手工数据", "填报数据"),
    references=(Reference("data_code", "upload_items", holds=False),),
    columns=(
        DATA_CODE,
        _c("stat_type", "统计类型", "数据类型", kind=Kind.CHOICE, required=True, choices=datacodes.STAT_TYPES),
        _c(
            "stat_date",
            "统计时间",
            "统计日期",
            "数据时间",
            required=True,
            spelling=datacodes.spelled_stat_date,
            misspelled=Reason.BAD_STAT_DATE,
        ),
        _c("value", "数值", "填报值", "值", kind=Kind.DECIMAL, required=True),
        DESTINATION,
        _c("reason", "填报原因", "原因"),
        REMARK,
        RETIRED_ON,
    ),
)

QUALITY_WEIGHTS = Table(
    "quality_weights",
    "数据质量权重",
    "ledger",
    key=("part", "valid_from"),
    validity=("part",),
    aliases=("数据质量指数权重", "质量权重"),
    columns=(
        _c(
            "part",
            "评价维度",
            "维度",
            "指标",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "completeness": ("完整性",),
                "accuracy": ("准确性",),
                "timeliness": ("时效性", "及时性"),
                "verifiability": ("可验证性",),
                "validity": ("有效性",),
                "conformity": ("规范性",),
            },
        ),
        _c("weight", "权重", kind=Kind.DECIMAL, required=True, minimum=ZERO, maximum=Decimal(100)),
        _c("source", "依据", "来源"),
        OPEN_FROM,
        VALID_TO,
        REMARK,
    ),
)
