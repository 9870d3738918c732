"""Ledgers in the words of a declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import psycopg

from ingestion.ledgers.enterprise import FIELDS
from plugins.province import codes, instruments, ledger
from plugins.province.declarations import Declaration, Problem, Texts
from plugins.province.ledger import Ledgers

MANDATORY = (
    "code", "name", "typeCode", "typeName", "industryCode", "regionCode", "center", "corporationCode", "jgzh",
    "energyConsumeLevel", "latitude", "longitude", "phone",
)  # fmt: skip
OWN_COLUMNS = {"code": "credit_code", "industryCode": "industry_code", "regionCode": "region_code", "name": "name"}
"""Fields that are columns of the site's ledger; all others are in its enterprise record."""
CONSUME_LEVELS = set("123456")
SITE = "用能单位台账（site）"
OF_UNITS = ("line", "team")


def declared(
    connection: psycopg.Connection[Any], site_code: str, destination: str | None, today: date | None
) -> Declaration:
    """See ``declarations.read``."""
    held = ledger.read(connection, site_code, destination, today)
    if held is None:
        return Declaration({}, {}, problems=(Problem(site_code, "没有这个用能单位", "先用 nengduan load 导入台账"),))
    problems: list[Problem] = []
    enterprise = dict(_enterprise(held, problems))
    processes, units = _processes(held, problems)
    return Declaration(
        enterprise=enterprise,
        group=_given({name: _record(held).get(f"group_{name}") for name in ("name", "address", "remark")}),
        process=tuple(processes),
        process_unit=tuple(units),
        collect_item_config=tuple(_items(held)),
        metering=tuple(instruments.declared(held)),
        devices=tuple(_devices(held, problems)),
        calibrations=tuple(instruments.calibrations(held)),
        contacts=_one(enterprise, {"name": "energyRespName", "phone": "energyRespPhone", "email": "email"}),
        energy_managers=tuple(_managers(held)),
        energy_system=_one(
            enterprise,
            {name: name for name in ("energyOffice", "energyOfficial", "energyOfficialPosition", "energyOfficialPhone")}
            | {"fax": "fax"},
        ),
        products=tuple(_given({"name": row.get("name")}) for row in held.products.values()),
        materials=tuple(_materials(held)),
        problems=tuple(problems),
    )


def _given(values: Mapping[str, Any]) -> dict[str, str]:
    """Those that say something, as texts."""
    texts = {name: instruments.written(value) for name, value in values.items() if value is not None}
    return {name: text for name, text in texts.items() if text}


def _one(enterprise: Texts, members: Mapping[str, str]) -> tuple[Texts, ...]:
    """One record made of the enterprise's fields, where its first is given."""
    record = _given({ours: enterprise.get(theirs) for ours, theirs in members.items()})
    return (record,) if next(iter(members)) in record else ()


def _record(held: Ledgers) -> Mapping[str, Any]:
    record = held.site.get("enterprise")
    return record if isinstance(record, Mapping) else {}


def camel(name: str) -> str:
    """energy_consume_level as energyConsumeLevel."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _enterprise(held: Ledgers, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    record = _record(held)
    values = _given({camel(name): record.get(name) for name in FIELDS})
    values |= _given({name: held.site.get(column) for name, column in OWN_COLUMNS.items()})
    level = values.get("energyConsumeLevel")
    if level is not None and level not in CONSUME_LEVELS:
        del values["energyConsumeLevel"]
        problems.append(Problem("energyConsumeLevel", f"综合能耗等级不在 1～6 之内：{level}", f"在{SITE}中改正"))
    headers = {camel(name): (name, *spellings) for name, spellings in FIELDS.items()}
    for name in MANDATORY:
        if name not in values and not (name == "energyConsumeLevel" and level):
            column, *spellings = headers.get(name, (OWN_COLUMNS.get(name, name),))
            title = f"{column}（{spellings[0]}）" if spellings else OWN_COLUMNS.get(name, column)
            problems.append(Problem(f"enterprise.{name}", f"平台必填的 {name} 没有值", f"在{SITE}中填写 {title} 一栏"))
    yield from values.items()


# ---------------------------------------------------------------- processes, units, devices
def _processes(held: Ledgers, problems: list[Problem]) -> tuple[list[Texts], list[Texts]]:
    """Processes and units that items name by their codes, with names from dictionary or organisation."""
    processes: dict[str, dict[str, str]] = {}
    units: dict[tuple[str, str], dict[str, str]] = {}
    for code in held.items:
        parts = codes.parts(code)
        process, unit = parts["processCode"], parts["processUnitCode"]
        if process != "00" and process not in processes:
            name = _org_name(held, process) or held.process_names.get(process) or _only(held, process, None)
            if name is None:
                problems.append(_nameless(f"生产工序 {process}", process))
            processes[process] = _given(
                {"processCode": process, "processName": name, "industryCode": held.site.get("industry_code")}
            )
        if unit != "00" and (process, unit) not in units:
            name = _org_name(held, f"{process}-{unit}") or _only(held, process, unit)
            if name is None:
                problems.append(_nameless(f"工序单元 {process}-{unit}", f"{process}-{unit}"))
            units[process, unit] = _given(
                {
                    "code": unit,
                    "name": name,
                    "processCode": process,
                    "processName": processes.get(process, {}).get("processName"),
                }
            )
    return list(processes.values()), list(units.values())


def _nameless(subject: str, code: str) -> Problem:
    return Problem(
        subject,
        "台账中找不到它的名称",
        f"在组织机构台账（org_units）中加一行，编码 {code}，或为其数据项指明能流所属单位",
    )


def _org_name(held: Ledgers, code: str) -> str | None:
    return held.org_units.get(code, {}).get("name")


def _only(held: Ledgers, process: str, unit: str | None) -> str | None:
    """The name of the one unit of the organisation that the items of a process, or of its unit, belong to."""
    names = set()
    for code in held.items:
        parts = codes.parts(code)
        if parts["processCode"] != process or (unit is not None and parts["processUnitCode"] != unit):
            continue
        for above in (_ancestry(held, org) for org in _orgs(held, code)):
            kinds = OF_UNITS if unit is not None else ("process",)
            found = next((one for one in above if one.get("kind") in kinds), None)
            if found:
                names.add(str(found["name"]))
    return names.pop() if len(names) == 1 else None


def _orgs(held: Ledgers, code: str) -> Iterator[str]:
    for flow in held.item_flows.get(code, []):
        if org := held.flows.get(flow, {}).get("org_code"):
            yield org
    if org := held.equipment.get(_equipment_of(held, code) or "", {}).get("org_code"):
        yield org


def _ancestry(held: Ledgers, org_code: str | None) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    while org_code and org_code not in seen and org_code in held.org_units:
        seen.add(org_code)
        yield held.org_units[org_code]
        org_code = held.org_units[org_code].get("parent_code")


def _equipment_of(held: Ledgers, code: str) -> str | None:
    """The piece of equipment that an item is of: its own column, else the one of its flows."""
    named = held.items[code].get("equipment_code")
    of_flows = {held.flows.get(flow, {}).get("equipment_code") for flow in held.item_flows.get(code, [])} - {None}
    return named or (of_flows.pop() if len(of_flows) == 1 else None)


def _devices(held: Ledgers, problems: list[Problem]) -> Iterator[Texts]:
    seen: set[str] = set()
    for code in held.items:
        parts = codes.parts(code)
        number = parts["equipmentCode"] + parts["equipmentUnitCode"]
        if number == "0000" or number in seen:
            continue
        seen.add(number)
        row = held.equipment.get(_equipment_of(held, code) or "")
        if row is None:
            problems.append(
                Problem(f"重点耗能设备 {number}", "台账中找不到这台设备", f"为数据项 {code} 填写 equipment_code 一栏")
            )
            continue
        yield _given(
            {
                "deviceNo": number,
                "deviceName": row.get("name"),
                "model": row.get("model"),
                "location": row.get("location"),
                "dept": held.org_units.get(row.get("org_code") or "", {}).get("name"),
                "deviceType": parts["equipmentCode"],
                "usingDate": instruments.stamp(row.get("commissioned_on")),
                "manufacturer": row.get("manufacturer"),
                "energyCode": parts["energyTypeCode"] if parts["energyClassCode"] in codes.CONVERTIBLE else None,
                "energyValue": row.get("rated_power_kw"),
                "processUnitCode": parts["processCode"] + parts["processUnitCode"],
                "remark": row.get("remark"),
            }
        )


# ---------------------------------------------------------------- items, people, materials
def _items(held: Ledgers) -> Iterator[Texts]:
    for code, item in held.items.items():
        for stat_type in str(item.get("stat_types") or "1").split(","):
            yield _given(
                {
                    "dataCode": code,
                    "name": item.get("name") or _item_name(held, code),
                    **codes.parts(code),
                    "inputType": item.get("input_type"),
                    "dataValueMax": item.get("value_max"),
                    "dataValueMin": item.get("value_min"),
                    "statType": stat_type.strip(),
                    "collectSystemName": item.get("collect_system"),
                    "scope": item.get("scope") or codes.scope(code),
                    "remark": item.get("remark"),
                }
            )


def _item_name(held: Ledgers, code: str) -> str:
    """An item without a name goes by that of its product or energy, else by its code."""
    product = held.products.get(held.items[code].get("product_code") or "")
    energy = {held.flows.get(flow, {}).get("energy_code") for flow in held.item_flows.get(code, [])} - {None}
    if product:
        return str(product["name"])
    named = held.energies.get(str(energy.pop())) if len(energy) == 1 else None
    return str(named["name"]) if named else code


def _managers(held: Ledgers) -> Iterator[Texts]:
    for person in held.persons.values():
        if "能源管理" in (person.get("position") or ""):
            yield _given({name: person.get(name) for name in ("name", "phone", "department", "position", "training")})


def _materials(held: Ledgers) -> Iterator[Texts]:
    seen: dict[str, Texts] = {}
    for code, item in held.items.items():
        parts = codes.parts(code)
        product = held.products.get(item.get("product_code") or "")
        if parts["energyClassCode"] == "04" and product:
            seen.setdefault(
                parts["energyTypeCode"],
                _given({"name": product.get("name"), "code": parts["energyTypeCode"], "unit": product.get("unit")}),
            )
    yield from seen.values()
