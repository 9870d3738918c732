"""The ledgers of things, people, products and calendars, declared; and all ledgers together (contract §1)."""

from __future__ import annotations

from decimal import Decimal

from ingestion.declarations import Kind, Reference, Table
from ingestion.ledgers import equipment, metering, requirements, rules, tables, uploads
from ingestion.ledgers.tables import REMARK, RETIRED_ON, _c, energy

PERSONS = Table(
    "persons",
    "计量人员",
    "ledger",
    key=("person_code",),
    aliases=("表A.2", "A.2", "人员", "能源计量人员", "能源计量人员一览表", "人员台账"),
    references=(Reference("org_code", "org_units"),),
    columns=(
        _c("person_code", "人员编号", "工号", "编号", kind=Kind.CODE, required=True),
        _c("name", "姓名", required=True),
        _c("gender", "性别"),
        _c("department", "部门", "所在部门"),
        _c("position", "岗位", "职务"),
        _c("title", "职称"),
        _c("education", "学历", "文化程度"),
        _c("school", "毕业院校", "学校"),
        _c("certificate", "证书", "资格证书", "证书名称"),
        _c("certificate_no", "证书编号", "证号"),
        _c("certificate_valid_to", "证书有效期", "证书有效期至", kind=Kind.DATE),
        _c("training", "培训", "培训情况", "培训内容"),
        _c("trainer", "培训单位", "培训机构"),
        _c("phone", "电话", "联系电话", "手机"),
        _c("email", "邮箱", "电子邮箱"),
        tables.ORG,
        REMARK,
        RETIRED_ON,
    ),
)

TRAININGS = Table(
    "trainings",
    "培训记录",
    "ledger",
    key=("person_code", "trained_on", "content"),
    aliases=("人员培训", "培训", "人员培训记录"),
    references=(Reference("person_code", "persons", holds=False),),
    columns=(
        _c("person_code", "人员编号", "工号", kind=Kind.CODE, required=True),
        _c("trained_on", "培训日期", "日期", kind=Kind.DATE, required=True),
        _c("content", "培训内容", "内容", "课程", required=True),
        _c("trainer", "培训单位", "培训机构"),
        _c("result", "考核结果", "结果", "成绩"),
        _c("certificate_no", "证书编号", "证号"),
        _c("valid_to", "有效期至", "证书有效期", kind=Kind.DATE),
        REMARK,
        RETIRED_ON,
    ),
)

PRODUCTS = Table(
    "products",
    "产品",
    "ledger",
    key=("product_code",),
    aliases=("产品表",),
    columns=(
        _c("product_code", "产品编码", "产品代码", kind=Kind.CODE, required=True),
        _c("name", "产品名称", "名称", required=True),
        _c("unit", "单位", "计量单位", required=True),
        _c("limit_standard", "限额标准", "能耗限额标准"),
        _c("limit_product", "限额产品"),
        _c("limit_indicator", "限额指标"),
        _c(
            "plant_kind",
            "企业类型",
            "现有或新建",
            kind=Kind.CHOICE,
            choices={"existing": ("现有",), "new": ("新建", "改扩建", "新建改扩建")},
        ),
        _c("correction", "修正", "修正系数", "修正规则"),
        RETIRED_ON,
    ),
)

SHIFTS = Table(
    "shifts",
    "班次",
    "ledger",
    key=("shift_code", "valid_from"),
    validity=("shift_code",),
    aliases=("班制", "倒班"),
    columns=(
        _c("shift_code", "班次编码", "班次", kind=Kind.CODE, required=True),
        _c("start", "开始时间", "开始", "start_time", kind=Kind.TIME, required=True, target="start_time"),
        _c("end", "结束时间", "结束", "end_time", kind=Kind.TIME, required=True, target="end_time"),
        _c("team_rota", "班组轮值", "轮班", "team rota", "班组"),
        tables.OPEN_FROM,
        tables.VALID_TO,
    ),
)

TARIFFS = Table(
    "tariffs",
    "分时电价",
    "ledger",
    key=("energy_code", "valid_from", "period", "start"),
    validity=("energy_code", "period", "start"),
    aliases=("电价", "能源价格", "价格"),
    references=(Reference("energy_code", "energies", holds=False),),
    columns=(
        energy(),
        _c(
            "period",
            "时段",
            "峰谷时段",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "尖": ("尖峰", "sharp"),
                "峰": ("高峰", "peak"),
                "平": ("平段", "flat"),
                "谷": ("低谷", "valley"),
            },
        ),
        _c("start", "开始时间", "开始", "start_time", kind=Kind.TIME, required=True, target="start_time"),
        _c("end", "结束时间", "结束", "end_time", kind=Kind.TIME, required=True, target="end_time"),
        _c("price_cny", "电价", "单价", "价格", kind=Kind.DECIMAL, required=True, minimum=Decimal(-100)),
        _c("valid_from", *tables.VALID_FROM.aliases, kind=Kind.DATE, required=True),
        tables.VALID_TO,
    ),
)


CALENDARS = Table(
    "calendars",
    "生产日历",
    "ledger",
    key=("day",),
    aliases=("日历", "工作日历"),
    columns=(
        _c("day", "日期", kind=Kind.DATE, required=True),
        _c(
            "kind",
            "类型",
            "日类型",
            kind=Kind.CHOICE,
            required=True,
            choices={
                "workday": ("工作日", "生产日"),
                "holiday": ("节假日", "休息日", "假日"),
                "overhaul": ("检修", "检修日", "大修"),
            },
        ),
        REMARK,
        RETIRED_ON,
    ),
)


ALL: tuple[Table, ...] = (
    tables.SITE,
    tables.ORG_UNITS,
    tables.ENERGIES,
    tables.CALORIFIC_VALUES,
    PRODUCTS,
    equipment.EQUIPMENT,
    equipment.MOTORS,
    tables.NODES,
    metering.METERS,
    tables.FLOWS,
    metering.METER_EVENTS,
    metering.VERIFICATIONS,
    metering.JJF1051_CODES,
    requirements.METERING_REQUIREMENTS,
    equipment.EQUIPMENT_RULES,
    equipment.INSPECTIONS,
    PERSONS,
    TRAININGS,
    SHIFTS,
    TARIFFS,
    CALENDARS,
    rules.ALARM_RULES,
    rules.LIMITS_CUSTOM,
    uploads.UPLOAD_ITEMS,
    uploads.UPLOAD_VALUES,
    uploads.QUALITY_WEIGHTS,
)
"""Every ledger, those referred to before those that refer to them."""

BY_NAME: dict[str, Table] = {table.name: table for table in ALL}
"""The same by contract name."""
