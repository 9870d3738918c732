"""Metering instruments in the words of upload-contract §2.5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from plugins.province.declarations import Texts
from plugins.province.ledger import Ledgers

ADD, SUBTRACT = "1", "2"
ALL, RELATED = "1", "2"
STATES = {"normal": "1", "faulty": "2", "stopped": "3"}
OWN = ("用能单位", "本单位", "本厂", "自身", "自有", "自行")
SUPPLIERS = ("供应公司", "供电", "供水", "供气", "电网")
INSTALLERS = {"1": OWN, "2": SUPPLIERS, "3": ("第三方",)}
SYSTEMS = {"1": OWN, "2": SUPPLIERS}
"""Digits of the wire by words that the ledgers use for them."""


def written(value: Any) -> str:
    """A cell as text: numbers without exponent and idle zeros, truth as 是 and 否."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Decimal | int):
        text = format(Decimal(value), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value).strip()


def stamp(day: Any) -> str | None:
    """A day of a ledger as the wire writes times."""
    return f"{day} 00:00:00" if day and len(str(day)) == 10 else None


def declared(held: Ledgers) -> Iterator[Texts]:
    """One for each instrument and item that it counts for; one without an item where it counts for none."""
    counted: dict[str, list[tuple[str, Decimal]]] = {}
    for code, meters in held.terms.items():
        for meter, coefficient in meters.items():
            counted.setdefault(meter, []).append((code, coefficient))
    for meter_code, row in held.meters.items():
        common = _instrument(meter_code, row)
        for code, coefficient in sorted(counted.get(meter_code, [])):
            yield {
                **common,
                "dataCode": code,
                "dataCodeCalculate": ADD if coefficient > 0 else SUBTRACT,
                "dataCodeRatio": ALL if abs(coefficient) == 1 else RELATED,
            }
        if meter_code not in counted:
            yield common


def calibrations(held: Ledgers) -> Iterator[Texts]:
    """The last calibration of each instrument that has had one."""
    for meter_code, row in held.meters.items():
        at = stamp(row.get("last_calibrated_on"))
        if at:
            values = {
                "manageCode": meter_code,
                "inspectionOrganization": row.get("calibration_org"),
                "latelyCalibration": at,
            }
            yield {name: written(value) for name, value in values.items() if value}


def _instrument(meter_code: str, row: Mapping[str, Any]) -> dict[str, str]:
    values = {
        "meteringName": row.get("name"),
        "meteringType": row.get("jjf1051_code"),
        "meteringLevel": row.get("level"),
        "meteringParameter": row.get("parameter"),
        "manuFacturer": row.get("manufacturer"),
        "typeSpecification": row.get("model"),
        "accuracyLevel": row.get("accuracy_class"),
        "measureRange": row.get("range"),
        "manageCode": meter_code,
        "calibrationState": _calibration_state(row.get("calibration_state")),
        "calibrationCycle": row.get("calibration_cycle_months"),
        "latelyCalibration": stamp(row.get("last_calibrated_on")),
        "nextCalibration": stamp(row.get("next_calibration_on")),
        "inspectionOrganization": row.get("calibration_org"),
        "notCalibration": row.get("uncalibrated_reason"),
        "installationSite": row.get("location"),
        "installOrg": _choice(row.get("installer"), INSTALLERS),
        "installDate": stamp(row.get("installed_on")),
        "usrSystem": _choice(row.get("connected_system"), SYSTEMS),
        "measureState": STATES.get(str(row.get("status"))),
        "measureStateDate": stamp(row.get("status_since")),
    }
    return {name: text for name, value in values.items() if value is not None and (text := written(value))}


def _calibration_state(text: Any) -> str | None:
    """合格 or 不合格, where the ledger says one of them; a state of its own (送检中 …) has no place on the wire."""
    plain = str(text or "").strip()
    if plain.startswith(("不合格", "未合格")):
        return "不合格"
    return "合格" if plain.startswith("合格") else None


def _choice(text: Any, words: Mapping[str, tuple[str, ...]]) -> str | None:
    """The digit that stands for a text, where the text says one of them."""
    plain = str(text or "").strip()
    if plain in words:
        return plain
    found = {digit for digit, spellings in words.items() if any(word in plain for word in spellings)}
    return found.pop() if len(found) == 1 else None
