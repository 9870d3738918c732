"""Profile nhjc04: registration, versions, dictionaries, configuration, metering, data, and the downloads."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter

from plugins.province.sandbox.calls import Answer, Call, Refusal, route
from plugins.province.sandbox.checks import Reading, RowError, Verdict, flag, hyphenated_code
from plugins.province.sandbox.cipher import DecryptionError, decrypt_texts
from plugins.province.sandbox.declared import config_faults, metering_faults
from plugins.province.sandbox.dictionaries import NAMES
from plugins.province.sandbox.misbehaviour import Deed
from plugins.province.sandbox.platform import ENTERPRISE_CODE, Enterprise, Platform

PROFILE = "nhjc04"
PREFIX = "/nhjc04"
MEMBERS = ("dataCode", "dataValue", "inputType", "statType", "statDate", "uploadDate", "scope", "valid")
IDENTITY = "序列号与企业统一社会信用代码不符"
DECRYPTION = "解密失败！"
PATHS = {
    "loadConfigURL": "dictionaries",
    "loadDicVersionURL": "versionCheck",
    "centerInfoURL": "config",
    "centerInfoDownloadURL": "config/download",
    "centerMeteringDataURL": "metering",
    "centerDataURL": "data",
    "centerDataDownloadURL": "data/download",
}


def refused(message: str, errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"responseCode": "1", "responseMessage": message}
    return answer | {"errors": errors} if errors else answer


def accepted(**more: Any) -> dict[str, Any]:
    return {"responseCode": "0", "responseMessage": "RECEIVE SUCCESS", **more}


def register(call: Call) -> Answer:
    """Admit an enterprise, or tell one again what holds today."""
    code, region = call.body.get("enterpriseCode"), call.body.get("region")
    if not isinstance(code, str) or not ENTERPRISE_CODE.fullmatch(code):
        return refused(f"enterpriseCode不是18位统一社会信用代码：{code!r:.40}")
    if not isinstance(region, str) or not call.platform.dictionaries.knows_region(region):
        return refused(f"region不在行政区划字典中：{region!r:.40}")
    call.enterprise_code = code
    enterprise = call.platform.enterprise(PROFILE, code) or Enterprise(code)
    if not enterprise.device_id or enterprise.region != region:
        enterprise.region = region
        enterprise.device_id = enterprise.device_id or secrets.token_hex(16)
        enterprise.secret_key = enterprise.secret_key or secrets.token_hex(16)
        call.platform.keep(PROFILE, enterprise)
    base = f"{call.origin}{PREFIX}/v{call.state.generation}"
    urls = {name: f"{base}/{path}" for name, path in PATHS.items()}
    key = {"secretKey": enterprise.secret_key} if call.platform.options.is_encrypted else {}
    return accepted(
        deviceId=enterprise.device_id,
        **urls,
        downloadBaseDataURL=urls["loadConfigURL"],
        uploadTime=call.platform.options.upload_time,
        **key,
    )


def _enterprise(call: Call) -> Enterprise:
    """The enterprise of a device; it has to name itself rightly."""
    enterprise = call.platform.of_device(call.body.get("deviceId"))
    code = call.body.get("enterpriseCode", enterprise.code if enterprise and call.message == "version" else None)
    if enterprise is None or enterprise.code != code or call.fault(Deed.IDENTITY):
        raise Refusal(refused(IDENTITY))
    call.note_enterprise(enterprise)
    return enterprise


def version(call: Call) -> Answer:
    _enterprise(call)
    state = call.state
    return accepted(regVersion=str(state.registration_version), dicVersion=str(state.dictionary_version))


def dictionaries(call: Call) -> Answer:
    _enterprise(call)
    known = call.platform.dictionaries
    entries = {name: known.entries(name) for name in NAMES}
    entries["inputType"] = [row for row in entries["inputType"] if row.get("profile") != "yunnan"]
    return accepted(dicVersion=str(call.state.dictionary_version), dictionaries=entries)


def config(call: Call) -> Answer:
    """Take a declaration whole, in place of the one before."""
    enterprise = _enterprise(call)
    faults = config_faults(call.body, enterprise.code, call.platform.dictionaries)
    if faults:
        return refused(faults[0], [{"index": index, "reason": fault} for index, fault in enumerate(faults)])
    enterprise.config = {key: value for key, value in call.body.items() if key != "deviceId"}
    enterprise.find_items()
    call.platform.keep(PROFILE, enterprise)
    call.notes["rows"] = len(enterprise.items)
    return accepted()


def config_download(call: Call) -> Answer:
    enterprise = _enterprise(call)
    return accepted(**enterprise.config)


def metering(call: Call) -> Answer:
    enterprise = _enterprise(call)
    instruments = call.body.get("metering")
    if not isinstance(instruments, list):
        return refused("metering不是数组")
    call.notes["rows"] = len(instruments)
    faults = metering_faults(instruments, enterprise.items)
    if faults:
        listed = [{"index": index, "reason": reason} for index, reason in faults.items()]
        return refused(next(iter(faults.values())), listed)
    enterprise.metering = instruments
    call.platform.keep(PROFILE, enterprise)
    return accepted()


def data(call: Call) -> Answer:
    """Take a batch whole, or none of it."""
    enterprise = _enterprise(call)
    platform, rows = call.platform, call.body.get("data")
    if not isinstance(rows, list) or not rows:
        return refused("data不是数组，或为空")
    call.notes["rows"] = len(rows)
    options = platform.options
    if call.fault(Deed.DECRYPTION):
        return refused(DECRYPTION)
    if options.is_encrypted:
        try:
            rows = _decrypted(rows, enterprise.secret_key)
        except DecryptionError:
            return refused(DECRYPTION)
    has_digits = options.valid_encoding == "digit"
    valid = flag if has_digits else _word if options.is_encrypted else _boolean
    verdict = platform.checker(PROFILE, enterprise).batch(
        rows, options, platform.local_now(), platform.is_frozen, Reading(hyphenated_code, valid, _no_ratio, 40)
    )
    if verdict.warnings:
        call.notes["warnings"] = verdict.warnings
    if verdict.faults:
        return refused(verdict.message, _errors(rows, verdict) if options.lists_errors else None)
    if chosen := call.chosen([figure.data_code for figure in verdict.figures]):
        fault, verdict.faults = chosen
        return refused(fault.options["message"], _errors(rows, verdict) if fault.options["lists_errors"] else None)
    stored = platform.store.put(PROFILE, enterprise.code, verdict.figures, platform.now().isoformat())
    call.notes["stored"] = stored._asdict()
    return accepted()


def _decrypted(rows: list[Any], key: str) -> list[Any]:
    if not all(isinstance(row, dict) and set(MEMBERS) <= set(row) for row in rows):
        raise DecryptionError("members are missing")
    texts = decrypt_texts(key, [row[name] for row in rows for name in MEMBERS])
    width = len(MEMBERS)
    return [dict(zip(MEMBERS, texts[start : start + width], strict=True)) for start in range(0, len(texts), width)]


def _errors(rows: list[Any], verdict: Verdict) -> list[dict[str, Any]]:
    errors = []
    for index, reason in verdict.faults.items():
        row = rows[index] if isinstance(rows[index], dict) else {}
        errors.append(
            {"index": index, "dataCode": row.get("dataCode"), "statDate": row.get("statDate"), "reason": reason}
        )
    return errors


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise RowError(f"valid不是true或false：{value!r:.40}")
    return value


def _word(value: Any) -> bool:
    if value not in ("true", "false"):
        raise RowError(f"valid不是true或false：{value!r:.40}")
    return bool(value == "true")


def _no_ratio(_row: Mapping[str, Any]) -> None:
    return None


def asked_range(body: Mapping[str, Any]) -> tuple[str, str, int | None]:
    """From beginDate to endDate, both of them days; and a statType, where only one is wanted."""
    days = []
    for name in ("beginDate", "endDate"):
        try:
            days.append(date.fromisoformat(str(body.get(name))[:10]))
        except ValueError:
            raise Refusal(refused(f"{name}不是日期：{body.get(name)!r:.40}")) from None
    stat_type = body.get("statType")
    if stat_type not in (None, "", "0", "1", "2", "3"):
        raise Refusal(refused(f"statType不在0～3之内：{stat_type!r:.40}"))
    after = datetime(days[1].year, days[1].month, days[1].day) + timedelta(days=1)  # noqa: DTZ001 (local)
    return f"{days[0]} 00:00:00", f"{after:%Y-%m-%d %H:%M:%S}", int(stat_type) if stat_type else None


def data_download(call: Call) -> Answer:
    """What is held of some days, in the members it came in; clear, also where uploads are encrypted."""
    enterprise = _enterprise(call)
    first, after, stat_type = asked_range(call.body)
    code = call.body.get("dataCode") or None
    held = call.platform.store.between(PROFILE, enterprise.code, first, after, stat_type, code)
    is_digit = call.platform.options.valid_encoding == "digit"
    rows = [
        {
            "dataCode": row["data_code"],
            "dataValue": row["value"],
            "inputType": row["input_type"],
            "statType": str(row["stat_type"]),
            "statDate": row["stat_date"],
            "uploadDate": row["upload_date"],
            "scope": row["scope"],
            "valid": ("0" if row["is_valid"] else "1") if is_digit else bool(row["is_valid"]),
        }
        for row in held
    ]
    call.notes["rows"] = len(rows)
    return accepted(data=rows)


def router(platform: Platform) -> APIRouter:
    """The profile's paths: one that is fixed, the others below the generation of its URLs."""
    made = APIRouter(prefix=PREFIX)
    route(made, platform, PROFILE, "register", "/enterprise/register", register)
    handlers = (
        ("dictionary", "loadConfigURL", dictionaries),
        ("version", "loadDicVersionURL", version),
        ("config", "centerInfoURL", config),
        ("download", "centerInfoDownloadURL", config_download),
        ("metering", "centerMeteringDataURL", metering),
        ("data", "centerDataURL", data),
        ("download", "centerDataDownloadURL", data_download),
    )
    for message, name, handler in handlers:
        route(made, platform, PROFILE, message, f"/{{generation}}/{PATHS[name]}", handler)
    return made
