"""What yunnan's platform hands out and takes record by record: dictionaries, configuration, data."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from plugins.province.sandbox.calls import Answer, Call, Refusal
from plugins.province.sandbox.checks import Reading, RowError, flag, plain_code, shortest
from plugins.province.sandbox.declared import declared_code, item_faults
from plugins.province.sandbox.dictionaries import COMPOSITE
from plugins.province.sandbox.misbehaviour import Deed
from plugins.province.sandbox.nhjc04 import DECRYPTION, asked_range
from plugins.province.sandbox.yunnan_access import PROFILE, answered, bearer, known_code, refusal, require_versions

VALUE_LENGTH, RATIO_LENGTH = 15, 10
RATIO = re.compile(r"[0-9]{1,9}(\.[0-9]{1,8})?")
PUBLIC = {
    "1": ("RegionCodes", "region"),
    "2": ("IndustryCodes", "industry"),
    "16": ("EnterpriseTypeCodes", "enterpriseType"),
}
CLOSED = {
    "3": ("ProductionProcessCodes", "process"),
    "4": ("processUnitCodes", ""),
    "5": ("EnergyDeviceCodes", "equipment"),
    "6": ("DataCollectOriginCodes", "inputType"),
    "7": ("CollectDataTypeCodes", "energyClass"),
    "8": ("EnergyTypeUnitCollectCodes", "energyType"),
    "9": ("EnergySubstanceCodes", "energyType"),
    "10": ("UnenergyProductCodes", "energyType"),
    "11": ("EnergyEfficiencyCodes", "energyType"),
    "12": ("BusinessTargetCodes", "energyType"),
    "13": ("OtherDataCodes", "energyType"),
    "14": ("EnergyUseCodes", "dataUsage"),
    "15": ("GaugeTypeCodes", "meteringType"),
    "17": ("DeviceTypeCodes", "equipment"),
}
CLASSES_OF = {"8": ("", "01", "02"), "9": ("03",), "10": ("04",), "11": ("08",), "12": ("09",), "13": ("10",)}
"""Which classes' types an itemIndex has; the composite has none."""
KINDS = (
    "processConfigure",
    "unitConfigure",
    "deviceConfigure",
    "dataCollectConfigure",
    "gaugeConfigure",
    "gaugeVerifyConfigure",
    "companyContacter",
    "companyEnergyManager",
    "companyEnergySys",
    "companyProductStructure",
    "companyMaterielProduct",
)


def public_dictionary(call: Call) -> Answer:
    known_code(call)
    return _dictionary(call, PUBLIC)


def closed_dictionary(call: Call) -> Answer:
    bearer(call)
    return _dictionary(call, CLOSED | PUBLIC)


def _dictionary(call: Call, offered: Mapping[str, tuple[str, str]]) -> Answer:
    index = str(call.body.get("itemIndex"))
    if index not in offered:
        raise refusal(f"itemIndex不存在：{index:.40}")
    name, source = offered[index]
    entries = call.platform.dictionaries.entries(source) if source else []
    if index in CLASSES_OF:
        entries = [row for row in entries if row.get("classCode", "") in CLASSES_OF[index]]
    if index == "8":
        entries = [_energy(row) for row in entries]
    return answered(dicVersion=str(call.state.dictionary_version), **{name: entries})


def _energy(row: Mapping[str, str]) -> dict[str, str]:
    """An energy in this platform's words: the composite has a unit of its own, all others one of quality."""
    is_composite = row["code"] == COMPOSITE
    return {
        "code": row["code"],
        "name": row["name"],
        "collectRatio": row.get("tceFactor", ""),
        "collectUnit": row.get("tceUnit", ""),
        "qualityUnit": "" if is_composite else row.get("unit", ""),
        "qualityPrecision": "" if is_composite else "2",
        "complexUnit": row.get("unit", "") if is_composite else "",
        "complexPrecision": "2" if is_composite else "",
    }


def configure(call: Call) -> Answer:
    """Add, update or delete one record; adding the same again tells its dataIndex again."""
    enterprise = bearer(call)
    require_versions(call)
    kind, act = call.request.path_params["kind"], call.request.path_params["act"]
    if kind not in KINDS or act not in ("add", "update", "delete"):
        raise refusal(f"接口不存在：{kind:.40}/{act:.40}")
    call.notes["record"] = f"{kind}/{act}"
    data_index = call.body.get("dataIndex")
    if act != "add":
        held = enterprise.records.get(data_index) if isinstance(data_index, str) else None
        if held is None or held["kind"] != kind:
            raise refusal(f"dataIndex不存在：{data_index!r:.40}")
    record = {key: value for key, value in call.body.items() if key not in {"regVersion", "dicVersion", "dataIndex"}}
    record["kind"] = kind
    if act == "delete":
        call.platform.keep_record(enterprise, str(data_index), None)
        return answered(dataIndex=data_index)
    if kind == "dataCollectConfigure":
        code = declared_code(record)
        faults = (
            ["dataCode格式不正确，或与各段编码不符"]
            if code is None
            else item_faults(record, code, call.platform.dictionaries)
        )
        if faults:
            raise refusal(faults[0])
    if act == "add":
        data_index = next((index for index, held in enterprise.records.items() if held == record), None)
    data_index = str(data_index or secrets.token_hex(16))
    call.platform.keep_record(enterprise, data_index, record)
    return answered(dataIndex=data_index)


def info_download(call: Call) -> Answer:
    enterprise = bearer(call)
    records = [
        {**{key: value for key, value in record.items() if key != "kind"}, "dataIndex": index, "kind": record["kind"]}
        for index, record in enterprise.records.items()
    ]
    lists = {
        kind: [{key: value for key, value in row.items() if key != "kind"} for row in records if row["kind"] == kind]
        for kind in KINDS
    }
    return answered(enterpriseInfo=enterprise.config | {"dataIndex": enterprise.data_index}, **lists)


# ---------------------------------------------------------------- data
def _ratio(row: Mapping[str, Any]) -> str:
    ratio, code = row.get("convertRation"), str(row.get("dataCode"))
    if not isinstance(ratio, str) or len(ratio) > RATIO_LENGTH or not RATIO.fullmatch(ratio):
        raise RowError(f"convertRation不是有效的折标系数：{ratio!r:.40}")
    short = shortest(ratio)
    if code[10:14] == COMPOSITE and short != "1":
        raise RowError(f"综合能耗的convertRation应为1：{ratio}")
    return short


READING = Reading(plain_code, flag, _ratio, VALUE_LENGTH)


def data(call: Call) -> Answer:
    """Take one record."""
    enterprise = bearer(call)
    require_versions(call)
    if call.fault(Deed.DECRYPTION):
        raise refusal(DECRYPTION)
    platform = call.platform
    call.notes["rows"] = 1
    verdict = platform.checker(PROFILE, enterprise).batch(
        [call.body], platform.options, platform.local_now(), platform.is_frozen, READING
    )
    if verdict.warnings:
        call.notes["warnings"] = verdict.warnings
    if verdict.faults:
        raise refusal(verdict.faults[0])
    if chosen := call.chosen([figure.data_code for figure in verdict.figures]):
        raise refusal(chosen[0].options["message"])
    stored = platform.store.put(PROFILE, enterprise.code, verdict.figures, platform.now().isoformat())
    call.notes["stored"] = stored._asdict()
    return answered()


def data_download(call: Call) -> Answer:
    """What is held of some days, in the members it came in."""
    enterprise = bearer(call)
    try:
        first, after, stat_type = asked_range(call.body)
    except Refusal as error:
        raise refusal(error.answer["responseMessage"]) from None
    held = call.platform.store.between(PROFILE, enterprise.code, first, after, stat_type, None)
    rows = [
        {
            "dataCode": row["data_code"].replace("-", ""),
            "dataValue": row["value"],
            "convertRation": row["ratio"],
            "valid": "0" if row["is_valid"] else "1",
            "scope": row["scope"],
            "inputType": row["input_type"],
            "statType": str(row["stat_type"]),
            "statDate": row["stat_date"],
            "uploadDate": row["upload_date"],
        }
        for row in held
    ]
    return answered(dataEnterpriseEnergy=rows)
