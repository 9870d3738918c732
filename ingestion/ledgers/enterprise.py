"""Further columns of the site file: the enterprise record that the provincial platform asks for."""

from __future__ import annotations

import re

FIELDS: dict[str, tuple[str, ...]] = {
    "code": ("企业代码",),
    "type_code": ("企业类型代码",),
    "type_name": ("企业类型",),
    "region_name": ("行政区划", "所在地区"),
    "center": (),
    "corporation_code": ("法人代码", "组织机构代码"),
    "jgzh": ("是否加工转换企业",),
    "energy_consume_level": ("综合能耗等级", "能耗等级"),
    "latitude": ("纬度",),
    "longitude": ("经度",),
    "phone": ("电话", "联系电话"),
    "fax": ("传真",),
    "email": ("邮箱", "电子邮箱"),
    "address": ("地址", "单位地址"),
    "zip_code": ("邮编", "邮政编码"),
    "url": ("网址",),
    "field_code": ("领域代码",),
    "field_name": ("领域", "所属领域"),
    "corporation_name": ("法定代表人", "法人姓名"),
    "register_date": ("注册日期",),
    "register_principal": ("注册资本", "注册资金"),
    "energy_office": ("能源管理机构", "节能主管部门"),
    "energy_official": ("能源主管", "主管节能领导"),
    "energy_official_position": ("主管节能领导职务",),
    "energy_official_phone": ("主管节能领导电话",),
    "energy_pass": ("是否通过能源管理体系认证",),
    "energy_resp_name": ("能源管理负责人",),
    "energy_resp_phone": ("能源管理负责人电话",),
    "pass_date": ("认证通过日期",),
    "pass_org": ("认证机构",),
    "production_line": ("生产线",),
    "leading_product": ("主要产品",),
    "remark": ("备注",),
    "industry_name": ("行业名称",),
}
"""Field in snake_case and the Chinese headers for it."""


def _fold(title: str) -> str:
    return re.sub(r"[\s_*\-]+", "", title).casefold()


_NAMES = {_fold(spelling): name for name, names in FIELDS.items() for spelling in (name, *names)}


def field_name(title: str) -> str | None:
    """The record's field that a header of the site file names, or None."""
    return _NAMES.get(_fold(title))
