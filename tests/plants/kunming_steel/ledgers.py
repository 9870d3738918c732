"""The plant's ledgers: the tables in `ledgers/` as they stand, and those that depend on the window."""

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from tests.plants.kunming_steel.simulation import generator
from tests.plants.kunming_steel.window import Window

Row = dict[str, str]
TEMPLATES = Path(__file__).with_name("ledgers")
REAL_METER = "M-E-001"
STATIC_LEDGERS = ("site", "org_units", "energies", "nodes", "equipment", "motors", "persons", "products", "shifts")

# Columns of 表A.1 that a type of meter has in common. All of it is synthetic.
METER_TYPES: dict[str, Row] = {
    "meter_gateway": {
        "grade": "A", "parameter": "电能", "model": "DSZ331", "accuracy_class": "0.5S",
        "range": "3×1.5(6)A 3×100V", "manufacturer": "合成制造商M", "installer": "能源供应公司",
        "calibration_cycle_months": "24", "calibration_org": "合成计量院",
    },
    "meter_electric": {
        "grade": "B", "parameter": "电能", "model": "DTS866", "accuracy_class": "1.0",
        "range": "3×1.5(6)A 3×380V", "manufacturer": "合成制造商M", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "厂计量室（合成）",
    },
    "meter_gas": {
        "grade": "B", "parameter": "体积流量", "model": "TDS-80", "accuracy_class": "1.5",
        "range": "0–160 m3/h", "manufacturer": "合成制造商N", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "合成计量院",
    },
    "scale_belt": {
        "grade": "B", "parameter": "质量", "model": "ICS-14", "accuracy_class": "1.0",
        "range": "0–5 t/h", "manufacturer": "合成制造商P", "installer": "用能单位",
        "calibration_cycle_months": "12", "calibration_org": "厂计量室（合成）",
    },
    "scale_truck": {
        "grade": "A", "parameter": "质量", "model": "SCS-30", "accuracy_class": "III",
        "range": "0–30 t", "manufacturer": "合成制造商P", "installer": "用能单位",
        "calibration_cycle_months": "12", "calibration_org": "合成计量院",
    },
    "scale_hopper": {
        "grade": "C", "parameter": "质量", "model": "LCS-2", "accuracy_class": "III",
        "range": "0–2 t", "manufacturer": "合成制造商P", "installer": "用能单位",
        "calibration_cycle_months": "12", "calibration_org": "厂计量室（合成）",
    },
    "meter_steam": {
        "grade": "B", "parameter": "质量流量", "model": "LUGB-50", "accuracy_class": "2.0",
        "range": "0–2 t/h", "manufacturer": "合成制造商Q", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "合成计量院",
    },
    "meter_water": {
        "grade": "B", "parameter": "体积流量", "model": "LXLC-80", "accuracy_class": "2",
        "range": "0–40 m3/h", "manufacturer": "合成制造商R", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "合成计量院",
    },
    "meter_air": {
        "grade": "C", "parameter": "体积流量", "model": "LUGB-80", "accuracy_class": "2.0",
        "range": "0–1200 m3/h", "manufacturer": "合成制造商Q", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "厂计量室（合成）",
    },
    "meter_oxygen": {
        "grade": "B", "parameter": "体积流量", "model": "LUGB-40", "accuracy_class": "1.5",
        "range": "0–60 m3/h", "manufacturer": "合成制造商Q", "installer": "用能单位",
        "calibration_cycle_months": "24", "calibration_org": "合成计量院",
    },
}  # fmt: skip
FAULTY_METERS = {"M-E-141": 30}  # days before the window's end since when
UNCALIBRATED_METERS = {"M-A-121": "流量计不可停用，待大修时送检（合成）"}
SHORTEST_MONTH = 28
OUTPUT_VALUE = "00-00-0000-090001-00"
OVERDUE_METERS = {"M-S-105", "M-E-153"}

TARIFF_HOURS = (
    ("尖", "10:30", "11:30", 1.18),
    ("尖", "18:00", "19:00", 1.18),
    ("峰", "09:00", "10:30", 0.98),
    ("峰", "11:30", "12:00", 0.98),
    ("峰", "19:00", "22:00", 0.98),
    ("平", "07:00", "09:00", 0.65),
    ("平", "12:00", "18:00", 0.65),
    ("平", "22:00", "23:00", 0.65),
    ("谷", "23:00", "07:00", 0.33),
)


def template(name: str) -> list[Row]:
    """Rows of one of the tables in `ledgers/`."""
    with (TEMPLATES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, rows: Sequence[Row], *, encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_ledgers(folder: Path, window: Window, meters: Collection[str], events: Iterable[Row]) -> None:
    """All ledger files of the package, kept to the given meters and the flows they measure."""
    for name in STATIC_LEDGERS:
        # Excel on a Chinese machine writes its UTF-8 with a BOM.
        write_table(folder / f"{name}.csv", template(name), encoding="utf-8-sig" if name == "persons" else "utf-8")
    instruments = [_meter(row, window) for row in template("meters") if row["meter_code"] in meters]
    write_table(folder / "meters.csv", instruments)
    write_table(folder / "verifications.csv", [_verification(row) for row in instruments if row["last_calibrated_on"]])
    flows = [row for row in template("flows") if measuring(row) <= set(meters)]
    write_table(folder / "flows.csv", flows)
    codes = {row["flow_code"] for row in flows} | {""}
    rules = [row for row in template("equipment_rules") if {row["flow_code"], row["output_flow_code"]} <= codes]
    write_table(folder / "equipment_rules.csv", rules)
    uploaded = [row for row in template("upload_items") if counted(row) <= codes | set(meters)]
    write_table(folder / "upload_items.csv", uploaded)
    if entered := list(_upload_values(window)):
        write_table(folder / "upload_values.csv", entered)
    write_table(folder / "calorific_values.csv", _calorific_values(window))
    write_table(folder / "tariffs.csv", _tariffs(window))
    rows = list(events)
    if rows:
        write_table(folder / "meter_events.csv", rows)


def measuring(flow: Row) -> set[str]:
    """Meters in a flow's expression."""
    return {word for word in flow["measured_by"].split() if word.startswith("M-")}


def counted(item: Row) -> set[str]:
    """Flows and meters that an uploaded item counts on."""
    words = {item["flow"], *item["expression"].split()}
    return {word for word in words if word.startswith(("F-", "M-"))}


def _upload_values(window: Window) -> Iterator[Row]:
    """工业总产值, which no meter and no document tells: entered by hand for each whole month."""
    numbers = generator("upload_values")
    starts = [*window.month_starts(), window.end]
    for month, following in pairwise(starts):
        if (following - month).days < SHORTEST_MONTH:  # the running month
            continue
        value = f"{numbers.uniform(230, 320):.2f}"
        row = {"data_code": OUTPUT_VALUE, "stat_type": "2", "stat_date": f"{month} 00:00:00", "value": value}
        yield row | {"reason": "财务月报（合成）"}


def _meter(row: Row, window: Window) -> Row:
    code = row["meter_code"]
    kind = METER_TYPES[row["type"]]
    cycle = int(kind["calibration_cycle_months"])
    random = generator(f"calibration {code}")
    age_days = int(random.integers(20, cycle * 30 - 40))
    if code in OVERDUE_METERS:
        age_days = cycle * 31 + 45
    last = window.end - timedelta(days=age_days)
    is_uncalibrated = code in UNCALIBRATED_METERS
    is_faulty = code in FAULTY_METERS
    installed = date(2012, 3, 1) + timedelta(days=int(random.integers(0, 1500)))
    location = row["location"] + ("（读数真实，台账虚构）" if code == REAL_METER else "（合成）")
    common = {name: value for name, value in row.items() if name not in ("type", "location")}
    return {
        **common,
        "jjf1051_code": "",
        **kind,
        "location": location,
        "installed_on": installed.isoformat(),
        "connected_system": "能耗在线监测端系统" if row["reading_kind"] != "manual" else "人工抄表",
        "status": "faulty" if is_faulty else "normal",
        "status_since": (window.end - timedelta(days=FAULTY_METERS[code]) if is_faulty else installed).isoformat(),
        "calibration_state": "未检定" if is_uncalibrated else "合格",
        "last_calibrated_on": "" if is_uncalibrated else last.isoformat(),
        "next_calibration_on": "" if is_uncalibrated else _months_later(last, cycle).isoformat(),
        "uncalibrated_reason": UNCALIBRATED_METERS.get(code, ""),
    }


def _verification(meter: Row) -> Row:
    """The certificate behind a meter's last calibration."""
    return {
        "meter_code": meter["meter_code"],
        "verified_on": meter["last_calibrated_on"],
        "kind": "verification",
        "organisation": meter["calibration_org"],
        "certificate_no": f"SYN-{meter['meter_code']}-{meter['last_calibrated_on'][:4]}",
        "result": "qualified",
        "valid_to": meter["next_calibration_on"],
        "remark": "合成数据",
    }


def _calorific_values(window: Window) -> list[Row]:
    middle = date(window.end.year, 1, 1) if window.end.timetuple().tm_yday > 90 else window.start
    before = date(window.start.year - 1, 1, 1)
    values = (
        ("raw_coal", before, middle, 22350000),  # kJ/t
        ("raw_coal", middle, None, 21980000),
        ("natural_gas", before, None, 35588),  # kJ/m3
    )
    return [
        {
            "energy_code": energy,
            "valid_from": first.isoformat(),
            "valid_to": "" if after is None else after.isoformat(),
            "kj_per_unit": str(value),
            "laboratory": "合成煤质检测室" if energy == "raw_coal" else "合成燃气检测室",
        }
        for energy, first, after, value in values
        if after is None or first < after
    ]


def _tariffs(window: Window) -> list[Row]:
    """尖峰平谷 of two tariff years; the newer one is 2 % cheaper."""
    change = date(window.end.year if window.end.month > 1 else window.end.year - 1, 1, 1)
    spans = ((date(change.year - 2, 1, 1), change, 1.0), (change, None, 0.98))
    return [
        {
            "energy_code": "electricity",
            "period": period,
            "start": start,
            "end": end,
            "price_cny": f"{price * factor:.4f}",
            "valid_from": first.isoformat(),
            "valid_to": "" if after is None else after.isoformat(),
        }
        for first, after, factor in spans
        for period, start, end, price in TARIFF_HOURS
    ]


def _months_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, min(day.day, 28))
