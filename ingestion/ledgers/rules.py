"""The ledgers of alarm rules and of a plant's own limits, declared: what a rule is, not how it is judged."""

from __future__ import annotations

from ingestion.declarations import Extra, Kind, Reference, Table
from ingestion.ledgers.tables import OPEN_FROM, ORG, REMARK, RETIRED_ON, VALID_TO, ZERO, _c

SUBJECTS = {
    "meter": ("meters", ("计量器具", "表计", "仪表")),
    "flow": ("flows", ("能流",)),
    "node": ("nodes", ("节点", "用能环节")),
    "equipment": ("equipment", ("用能设备", "设备")),
    "org_unit": ("org_units", ("组织机构", "用能单元", "部门", "车间")),
    "product": ("products", ("产品",)),
}
"""What a rule can watch: the ledger that its code is looked up in, and other words for it."""

COMPARISONS = {
    "above": ("高于", "大于", "超过", ">"),
    "at_least": ("不低于", "大于等于", ">=", "≥"),
    "below": ("低于", "小于", "<"),
    "at_most": ("不高于", "小于等于", "<=", "≤"),
}

ALARM_RULES = Table(
    "alarm_rules",
    "预警规则",
    "ledger",
    key=("rule_code",),
    numbered="rule_code",
    named="name",
    escalating=("comparison", "warn_value", "alarm_value"),
    extra=Extra.BESIDE,
    aliases=("报警规则", "能耗预警规则", "预警"),
    references=(
        *(
            Reference("subject_code", ledger, holds=False, when=("subject_kind", kind))
            for kind, (ledger, _) in SUBJECTS.items()
        ),
        Reference("active_shifts", "shifts", holds=False),
    ),
    columns=(
        _c("rule_code", "规则编码", "规则编号", "编码", "编号", kind=Kind.CODE),
        _c("name", "规则名称", "名称"),
        _c(
            "kind",
            "规则类型",
            "预警类型",
            kind=Kind.CHOICE,
            choices={
                "threshold": ("阈值", "越限", "限值"),
                "rate_of_change": ("变化率", "突变"),
                "missing_data": ("数据缺失", "缺数", "断线"),
                "imbalance": ("不平衡", "平衡差"),
                "over_limit": ("超限额", "超定额"),
            },
        ),
        _c(
            "subject_kind",
            "对象类型",
            "监测对象类型",
            kind=Kind.CHOICE,
            choices={kind: words for kind, (_, words) in SUBJECTS.items()},
        ),
        _c("subject_code", "对象编码", "监测对象编码", kind=Kind.CODE),
        _c("figure", "监测指标", "指标", "监测量"),
        _c("unit", "单位", "指标单位"),
        _c("comparison", "比较方式", "比较", kind=Kind.CHOICE, choices=COMPARISONS),
        _c("warn_value", "预警值", kind=Kind.DECIMAL),
        _c("alarm_value", "报警值", kind=Kind.DECIMAL),
        _c("hysteresis", "回差", "返回差", kind=Kind.DECIMAL, minimum=ZERO),
        _c("duration_minutes", "持续时间", "持续分钟", "延时", kind=Kind.DECIMAL, minimum=ZERO),
        _c("active_shifts", "适用班次", "生效班次", kind=Kind.CODES),
        _c("active_from", "生效时段起", "时段开始", kind=Kind.TIME),
        _c("active_to", "生效时段止", "时段结束", kind=Kind.TIME),
        _c(
            "level",
            "预警级别",
            "级别",
            kind=Kind.CHOICE,
            choices={"notice": ("提示",), "warning": ("预警", "警告"), "alarm": ("报警", "严重")},
        ),
        _c(
            "recipients",
            "接收角色",
            "通知角色",
            kind=Kind.CHOICE,
            choices={
                "viewer": ("查看人员",),
                "keeper": ("台账管理员",),
                "metering_manager": ("计量负责人",),
                "energy_manager": ("能源负责人",),
                "auditor": ("审查人员",),
                "admin": ("系统管理员",),
            },
        ),
        _c("is_enabled", "是否启用", "启用", kind=Kind.BOOLEAN, default="true"),
        OPEN_FROM,
        VALID_TO,
        REMARK,
        RETIRED_ON,
    ),
)

LIMITS_CUSTOM = Table(
    "limits_custom",
    "自定义限额",
    "ledger",
    key=("indicator_code", "valid_from"),
    validity=("indicator_code",),
    numbered="indicator_code",
    named="name",
    extra=Extra.BESIDE,
    aliases=("自定义指标", "企业限额", "内部限额"),
    references=(
        Reference("product_code", "products", holds=False),
        Reference("equipment_code", "equipment", holds=False),
        Reference("org_code", "org_units", holds=False),
    ),
    columns=(
        _c("indicator_code", "指标编码", "指标编号", "编码", "编号", kind=Kind.CODE),
        OPEN_FROM,
        _c("name", "指标名称", "指标", "名称"),
        _c("product_code", "产品编码", kind=Kind.CODE),
        _c("equipment_code", "设备编码", "设备编号", kind=Kind.CODE),
        ORG,
        _c("numerator", "分子", "分子表达式"),
        _c("denominator", "分母", "分母表达式"),
        _c("unit", "单位", "指标单位"),
        _c("limit_value", "限定值", "限额", "限额值", kind=Kind.DECIMAL),
        _c("access_value", "准入值", kind=Kind.DECIMAL),
        _c("advanced_value", "先进值", kind=Kind.DECIMAL),
        _c("standard", "标准号", "标准", "依据"),
        VALID_TO,
        REMARK,
        RETIRED_ON,
    ),
)
