"""The ledgers of things, people, products and calendars, declared (contract §1)."""

from __future__ import annotations

from decimal import Decimal

from ingestion.declarations import Extra, Kind, Reference, Table
from ingestion.ledgers import metering, tables
from ingestion.ledgers.tables import ORG, REMARK, ZERO, _c, energy

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
    ),
)

PERSONS = Table(
    "persons",
    "计量人员",
    "ledger",
    key=("person_code",),
    aliases=("表A.2", "A.2", "人员", "能源计量人员", "能源计量人员一览表", "人员台账"),
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
        REMARK,
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
    references=(Reference("energy_code", "energies"),),
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


def _kept(name: str, label: str) -> Table:
    """A table whose own issue will give it columns; until then its rows are kept as they came."""
    return Table(name, label, "ledger", extra=Extra.KEEP, stored="other_rows")


ALL: tuple[Table, ...] = (
    tables.SITE,
    tables.ORG_UNITS,
    tables.ENERGIES,
    tables.CALORIFIC_VALUES,
    PRODUCTS,
    EQUIPMENT,
    tables.NODES,
    metering.METERS,
    tables.FLOWS,
    metering.METER_EVENTS,
    PERSONS,
    SHIFTS,
    TARIFFS,
    _kept("alarm_rules", "预警规则"),
    _kept("limits_custom", "自定义限额"),
    _kept("upload_items", "上传数据项"),
    _kept("inspections", "检查记录"),
)
"""Every ledger, those referred to before those that refer to them."""
