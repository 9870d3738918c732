"""What the platform asks of a declaration: the enterprise, its processes and units, its items and instruments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plugins.province.sandbox.checks import CLASSES, hyphenated
from plugins.province.sandbox.dictionaries import Dictionaries

MANDATORY = (
    "code",
    "name",
    "typeCode",
    "typeName",
    "industryCode",
    "regionCode",
    "center",
    "corporationCode",
    "jgzh",
    "energyConsumeLevel",
    "latitude",
    "longitude",
    "phone",
)
INDUSTRY = re.compile(r"[A-T][0-9]{2,4}")
TWO = re.compile(r"[0-9]{2}")
LEVELS = {"meteringLevel": "123", "dataCodeCalculate": "1234", "dataCodeRatio": "12", "installOrg": "123"}
LEVELS |= {"usrSystem": "12", "measureState": "123"}


def _text(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    return "" if value is None else str(value).strip()


def enterprise_faults(enterprise: Any, code: str, dictionaries: Dictionaries) -> list[str]:
    """What is missing or unknown of the enterprise itself."""
    if not isinstance(enterprise, dict):
        return ["enterprise不是对象"]
    faults = [f"enterprise.{name}为必填项" for name in MANDATORY if not _text(enterprise, name)]
    if faults:
        return faults
    if _text(enterprise, "code") != code:
        faults.append("enterprise.code与enterpriseCode不符")
    if not INDUSTRY.fullmatch(industry := _text(enterprise, "industryCode")) or (
        industry[:3] not in dictionaries.codes["industry"]
    ):
        faults.append(f"enterprise.industryCode不在字典中：{industry}")
    if not dictionaries.knows_region(region := _text(enterprise, "regionCode")):
        faults.append(f"enterprise.regionCode不在字典中：{region}")
    if _text(enterprise, "energyConsumeLevel") not in set("123456"):
        faults.append("enterprise.energyConsumeLevel不在1～6之内")
    return faults


def config_faults(body: Mapping[str, Any], code: str, dictionaries: Dictionaries) -> list[str]:
    """Everything that is wrong with a declaration of nhjc04."""
    faults = enterprise_faults(body.get("enterprise"), code, dictionaries)
    lists = {name: body.get(name, []) for name in ("process", "processUnit", "collectItemConfig")}
    faults += [f"{name}不是数组" for name, value in lists.items() if not isinstance(value, list)]
    if faults:
        return faults
    industry = _text(body["enterprise"], "industryCode")
    processes = {"00"}
    for row in lists["process"]:
        process = _text(row, "processCode")
        if (
            not TWO.fullmatch(process)
            or dictionaries.knows_process(_text(row, "industryCode") or industry, process) is False
        ):
            faults.append(f"process.processCode不在字典中：{process}")
        processes.add(process)
    units = set()
    for row in lists["processUnit"]:
        process, unit = _text(row, "processCode"), _text(row, "code")
        if process not in processes or not TWO.fullmatch(unit):
            faults.append(f"processUnit的processCode未申报，或code不是两位数字：{process} {unit}")
        units.add((process, unit))
    for index, row in enumerate(lists["collectItemConfig"]):
        faults += [
            f"collectItemConfig第{index + 1}项：{fault}" for fault in _item_faults(row, dictionaries, processes, units)
        ]
    return faults


def _item_faults(row: Any, dictionaries: Dictionaries, processes: set[str], units: set[tuple[str, str]]) -> list[str]:
    code = item_code(row)
    if code is None:
        return ["编码各段的长度或字符不正确"]
    process, unit = code[:2], code[3:5]
    faults = [] if _text(row, "name") else ["name为必填项"]
    if process not in processes:
        faults.append(f"processCode未申报：{process}")
    if unit != "00" and (process, unit) not in units:
        faults.append(f"processUnitCode未申报：{unit}")
    return faults + item_faults(row, code, dictionaries)


def item_faults(row: Any, code: str, dictionaries: Dictionaries) -> list[str]:
    """What of a declared item is in no dictionary or out of its range."""
    equipment, faults = code[6:8], []
    if equipment not in dictionaries.codes["equipment"]:
        faults.append(f"equipmentCode不在字典中：{equipment}")
    if code[11:13] not in CLASSES or not dictionaries.knows_type(code[11:13], code[13:17]):
        faults.append(f"energyClassCode、energyTypeCode不在字典中：{code[11:13]} {code[13:17]}")
    if code[18:] not in dictionaries.codes["dataUsage"]:
        faults.append(f"dataUsageCode不在字典中：{code[18:]}")
    if _text(row, "inputType") not in dictionaries.codes["inputType"]:
        faults.append(f"inputType不在字典中：{_text(row, 'inputType')}")
    if _text(row, "scope") not in {"1", "2", "3", "4"}:
        faults.append(f"scope不在1～4之内：{_text(row, 'scope')}")
    if not set(re.split(r"[,;、 ]+", _text(row, "statType"))) <= {"0", "1", "2", "3"}:
        faults.append(f"statType不在0～3之内：{_text(row, 'statType')}")
    return faults


def item_code(row: Any) -> str | None:
    """The hyphenated code that the parts of a declared item make; what doesn't apply may be empty."""
    process, unit = _text(row, "processCode") or "00", _text(row, "processUnitCode") or "00"
    equipment, number = _text(row, "equipmentCode") or "00", _text(row, "equipmentUnitCode") or "00"
    if len(number) == 4 and number.startswith(equipment):  # at some clients with the equipment's type before it
        number = number[2:]
    parts = (process, unit, equipment, number, _text(row, "energyClassCode"), _text(row, "energyTypeCode"))
    code = "".join((*parts, _text(row, "dataUsageCode")))
    lengths = [len(part) for part in parts]
    if lengths != [2, 2, 2, 2, 2, 4] or len(code) != 16 or not (code.isascii() and code.isdigit()):
        return None
    return hyphenated(code)


def declared_code(row: Any) -> str | None:
    """The hyphenated code of an item that yunnan was told of: dataCode, which its parts have to make too."""
    code = _text(row, "dataCode").replace("-", "")
    parts = item_code(row)
    if not code:
        return parts
    if len(code) != 16 or not (code.isascii() and code.isdigit()):
        return None
    return hyphenated(code) if parts in (None, hyphenated(code)) else None


def nhjc04_items(rows: list[Any]) -> dict[str, Any]:
    """The declared items by code."""
    return {code: row for row in rows if (code := item_code(row)) is not None}


def metering_faults(rows: list[Any], items: Mapping[str, Any]) -> dict[int, str]:
    """What is wrong with instruments, by their place."""
    faults: dict[int, str] = {}
    for index, row in enumerate(rows):
        if not _text(row, "meteringName"):
            faults[index] = "meteringName为必填项"
            continue
        code = _text(row, "dataCode")
        if code and code not in items:
            faults[index] = f"dataCode未在配置中：{code}"
        for name, allowed in LEVELS.items():
            if (value := _text(row, name)) and (len(value) > 1 or value not in allowed):
                faults[index] = f"{name}不在{allowed[0]}～{allowed[-1]}之内：{value}"
        if _text(row, "calibrationState") not in {"", "合格", "不合格"}:
            faults[index] = f"calibrationState不是合格或不合格：{_text(row, 'calibrationState')}"
    return faults
