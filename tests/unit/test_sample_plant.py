"""The sample plant as a plant package: its real year, its references, its troubles."""

import ast
import csv
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from plugins.province.declaring import MANDATORY, OWN_COLUMNS, camel
from plugins.province.sandbox.checks import code_fault
from plugins.province.sandbox.dictionaries import Dictionaries
from tests.plants import kunming_steel
from tests.plants.kunming_steel import build, build_small, real_year
from tests.plants.kunming_steel.package import SMALL_METERS
from tests.plants.kunming_steel.real_data import PublicFileError, convert_public_file, real_kwh
from tests.plants.kunming_steel.simulation import DRIVES, FEEDERS, simulate
from tests.plants.kunming_steel.window import window_for

TODAY = date(2026, 11, 23)
ZONE = "Asia/Shanghai"
ENERGIES = {
    "electricity", "natural_gas", "raw_coal", "coke", "steam", "fresh_water", "compressed_air", "oxygen"
}  # fmt: skip
REAL_TOTAL = Decimal("959636.71")


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")


def readings(path: Path) -> pd.DataFrame:
    """A readings file with `read_at` as UTC instants and `value` as text."""
    if path.suffix == ".parquet":
        rows = pd.read_parquet(path)
        return rows.assign(read_at=rows["read_at"].astype("datetime64[ms, UTC]"))
    rows = pd.read_csv(path, dtype=str)
    stamps = rows["read_at"].where(rows["read_at"].str.contains("+", regex=False), rows["read_at"] + "+08:00")
    instants = pd.to_datetime(stamps, format="ISO8601", utc=True)
    return rows.assign(read_at=instants.astype("datetime64[ms, UTC]"))


def all_readings(folder: Path) -> pd.DataFrame:
    parts = [readings(path).assign(file=path.name) for path in sorted((folder / "readings").iterdir())]
    rows = pd.concat(parts, ignore_index=True)
    for column in ("meter_code", "quality", "file"):
        rows[column] = rows[column].astype("category")
    rows["value"] = pd.to_numeric(rows["value"], errors="coerce")
    rows["revision"] = rows["revision"].fillna(0).astype(int)
    return rows


def checksums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plant")
    build(folder, TODAY)
    return folder


@pytest.fixture(scope="module")
def rows(plant: Path) -> pd.DataFrame:
    return all_readings(plant)


def of_meter(rows: pd.DataFrame, meter_code: str) -> pd.DataFrame:
    return rows[rows["meter_code"] == meter_code].sort_values("read_at", kind="stable")


# ---------------------------------------------------------------- the real year


def test_public_year_is_complete() -> None:
    assert len(real_kwh()) == 365 * 96
    assert sum(map(Decimal, real_kwh())) == REAL_TOTAL
    assert real_kwh()[:4] == ("3.17", "4", "3.24", "3.31")
    assert real_kwh()[95] == "3.42"  # stamped 01/01/2018 00:00 in the public file


def test_another_file_is_not_converted(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("date,Usage_kWh\n01/01/2018 00:15,3.17\n")
    with pytest.raises(PublicFileError, match="SHA-256"):
        convert_public_file(other, tmp_path / "target.csv.gz")
    assert not (tmp_path / "target.csv.gz").exists()


@pytest.mark.parametrize("is_original", [False, True], ids=["redated", "original"])
def test_real_year_stands_in_the_package(is_original: bool, plant: Path, tmp_path: Path) -> None:
    folder = plant
    if is_original:
        folder = tmp_path
        build(folder, TODAY, original_dates=True)
    first, last = real_year(TODAY, original_dates=is_original)
    assert (last - first).days == 364
    if is_original:
        assert (first, last) == (date(2018, 1, 1), date(2018, 12, 31))

    real = readings(folder / "readings" / "real_incoming_electricity.csv.gz")
    assert set(real["meter_code"]) == {"M-E-001"}
    assert sum(map(Decimal, real["value"])) == REAL_TOTAL
    begun = real["read_at"].dt.tz_convert(ZONE) - pd.Timedelta(minutes=15)
    by_day = real["value"].map(Decimal).groupby(begun.dt.date)
    assert (by_day.size() == 96).all()
    days = by_day.sum()
    assert list(days.index) == [first + timedelta(days=number) for number in range(365)]
    expected = [sum(map(Decimal, real_kwh()[96 * day : 96 * day + 96])) for day in range(365)]
    assert list(days) == expected


def test_real_meter_shows_nothing_outside_its_year(rows: pd.DataFrame) -> None:
    meter = of_meter(rows, "M-E-001")
    assert not meter.duplicated("read_at").any()
    assert (meter["read_at"].diff().dropna() == pd.Timedelta(minutes=15)).all()
    synthetic = meter[meter["file"] != "real_incoming_electricity.csv.gz"]
    assert len(synthetic) > 0
    assert (synthetic["value"] == 0).all()
    assert meter["value"].sum() == pytest.approx(float(REAL_TOTAL), abs=1e-6)


def test_both_feeders_together_repeat_the_same_weekdays(rows: pd.DataFrame) -> None:
    both = pd.concat([of_meter(rows, "M-E-001"), of_meter(rows, "M-E-002")]).groupby("read_at")["value"].sum()
    repeated = both.index[-96]
    assert both.iloc[-96:].tolist() == both[repeated - pd.Timedelta(days=364) :].iloc[:96].tolist()


@pytest.mark.parametrize("today", [date(2026, 1, 1) + timedelta(days=17 * number) for number in range(50)])
def test_window_ends_yesterday_and_holds_the_real_year(today: date) -> None:
    window = window_for(today)
    first, last = real_year(today)
    assert window.end == today
    assert window.start.day == 1
    months = (today.year - window.start.year) * 12 + today.month - window.start.month
    assert months == 13
    assert window.start <= first
    assert (first - date(2018, 1, 1)).days % 7 == 0
    assert 0 <= (today - timedelta(days=1) - last).days <= 6
    numbers = window.real_day_numbers()
    assert numbers.min() >= 0
    assert numbers.max() <= 364
    weekdays = (window.start.weekday() + pd.RangeIndex(window.days)) % 7
    assert (numbers % 7 == weekdays).all()  # the public year begins on a Monday


def test_readings_end_yesterday(rows: pd.DataFrame) -> None:
    end = pd.Timestamp(TODAY, tz=ZONE)
    assert rows["read_at"].max() == end
    spans = rows.groupby("meter_code", observed=True)["read_at"].agg(["min", "max"]).drop(index="M-X-999")
    assert (spans.drop(index="M-G-104")["max"] > end - pd.Timedelta(days=1)).all()
    assert (spans["min"] < pd.Timestamp("2025-10-02", tz=ZONE)).all()


# ---------------------------------------------------------------- the package


def test_two_builds_are_equal(plant: Path, tmp_path: Path) -> None:
    build(tmp_path, TODAY)
    assert checksums(tmp_path) == checksums(plant)


def test_size_and_variety(plant: Path, rows: pd.DataFrame) -> None:
    meters, flows, nodes = (table(plant, name) for name in ("meters", "flows", "nodes"))
    assert len(meters) >= 60
    assert set(meters["level"]) == {"1", "2", "3"}
    assert set(meters["reading_kind"]) == {"register", "interval", "rate", "manual"}
    assert set(meters["energy_code"]) == ENERGIES
    assert set(flows["energy_code"]) == ENERGIES
    assert set(nodes["stage"]) == {"purchase_storage", "conversion", "distribution", "end_use", "external"}
    assert {"recovery", "loss", "export", "living", "self_use", "stock"} <= set(flows["item"])
    assert set(table(plant, "products")["product_code"]) == {"STEEL", "REBAR"}
    assert 2_200_000 < len(rows) < 2_600_000
    assert set(rows["meter_code"]) == {*meters["meter_code"], "M-X-999"}
    quarter_hourly = meters[(meters["interval_minutes"] == "15")]["meter_code"]
    assert len(quarter_hourly) >= 50


def test_every_reference_is_known(plant: Path) -> None:
    tables = {path.stem: table(plant, path.stem) for path in plant.glob("*.csv")}
    keys = {
        "org_code": set(tables["org_units"]["org_code"]),
        "equipment_code": set(tables["equipment"]["equipment_code"]),
        "product_code": set(tables["products"]["product_code"]),
        "meter_code": set(tables["meters"]["meter_code"]),
        "energy_code": ENERGIES,
        "parent_code": set(tables["org_units"]["org_code"]),
        "from_node": set(tables["nodes"]["node_code"]),
        "to_node": set(tables["nodes"]["node_code"]),
    }
    for name, content in tables.items():
        for column, known in keys.items():
            if column in content:
                assert set(content[column]) - {""} <= known, (name, column)
    measured = {word for expression in tables["flows"]["measured_by"] for word in expression.split() if "M-" in word}
    assert measured == keys["meter_code"]  # no meter without a flow, no flow without its meter
    seeds = {row["energy_code"] for row in csv.DictReader(seed_file().open(encoding="utf-8"))}
    assert ENERGIES - seeds == {"steam"}
    assert set(tables["energies"]["energy_code"]) == {"steam", "electricity"}


def seed_file() -> Path:
    return Path(__file__).parents[2] / "dbt_project" / "seeds" / "reference_energies.csv"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("meters", ["meter_code"]),
        ("flows", ["flow_code"]),
        ("nodes", ["node_code"]),
        ("org_units", ["org_code"]),
        ("equipment", ["equipment_code"]),
        ("persons", ["person_code"]),
        ("tariffs", ["valid_from", "period", "start"]),
        ("production", ["product_code", "period_start"]),
        ("stocks", ["energy_code", "date", "kind"]),
    ],
)
def test_keys_are_unique(plant: Path, name: str, key: list[str]) -> None:
    assert not table(plant, name).duplicated(key).any()


def test_meter_ledger_has_the_columns_of_table_a1(plant: Path) -> None:
    meters = table(plant, "meters")
    for column in ("model", "accuracy_class", "range", "manufacturer", "location", "installer", "status"):
        assert (meters[column] != "").all(), column
    assert (meters["location"].str.contains("合成") | (meters["meter_code"] == "M-E-001")).all()
    overdue = meters["next_calibration_on"].between("2000", TODAY.isoformat())
    assert set(meters[overdue]["meter_code"]) == {"M-S-105", "M-E-153"}
    assert (meters.loc[meters["last_calibrated_on"] == "", "uncalibrated_reason"] != "").all()


def test_tariff_covers_each_hour_once(plant: Path) -> None:
    for _, rows_of_span in table(plant, "tariffs").groupby("valid_from"):
        hours: Counter[int] = Counter()
        for start, end in zip(rows_of_span["start"], rows_of_span["end"], strict=True):
            first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (start, end))
            hours.update((first + step) % 1440 for step in range((last - first) % 1440))
        assert set(hours) == set(range(1440))
        assert set(hours.values()) == {1}


# ---------------------------------------------------------------- physics


@pytest.mark.parametrize("parent", ["incoming", *DRIVES])
def test_sub_meters_sum_to_their_main_meter(parent: str) -> None:
    quantities = simulate(window_for(TODAY)).by_meter
    children = FEEDERS if parent == "incoming" else DRIVES[parent]
    main = quantities["M-E-001"] + quantities["M-E-002"] if parent == "incoming" else quantities[parent]
    assert 0.97 * main.sum() < sum(quantities[child].sum() for child in children) < 0.995 * main.sum()


def test_registers_count_what_passed(rows: pd.DataFrame) -> None:
    quantities = simulate(window_for(TODAY)).by_meter
    for meter_code, multiplier in (("M-G-001", 1), ("M-W-001", 1), ("M-S-104", 1), ("M-E-102", 40)):
        meter = of_meter(rows, meter_code).drop_duplicates("read_at")
        counted = (meter["value"].iloc[-1] - meter["value"].iloc[0]) * multiplier
        assert counted == pytest.approx(quantities[meter_code].sum(), abs=0.002 * multiplier), meter_code


def test_stocks_close_the_fuel_balance(plant: Path) -> None:
    stocks, purchases = table(plant, "stocks"), table(plant, "purchases")
    quantities = simulate(window_for(TODAY))
    for energy, issue_meter in (("raw_coal", "M-C-101"), ("coke", "M-K-101")):
        mine = stocks[stocks["energy_code"] == energy].assign(quantity=lambda rows: rows["quantity"].map(Decimal))
        opening = mine[mine["kind"] == "opening"].set_index("date")["quantity"]
        closing = mine[mine["kind"] == "closing"].set_index("date")["quantity"]
        assert len(opening) == 14
        assert len(closing) == 13  # the running month has no closing yet
        assert opening.index[-1] == "2026-11-01"
        assert list(opening[1:]) == list(closing)
        assert (mine[mine["kind"] != "adjustment"]["quantity"] > 0).all()
        bought = purchases[(purchases["energy_code"] == energy) & (purchases["date"] < "2026-11-01")]
        used = opening.iloc[0] + bought["quantity"].map(Decimal).sum() - closing.iloc[-1]
        used += mine[mine["kind"] == "adjustment"]["quantity"].sum()
        issued = quantities.by_day(issue_meter)[: (date(2026, 11, 1) - date(2025, 10, 1)).days].sum()
        assert float(used) == pytest.approx(issued, rel=0.02)


# ---------------------------------------------------------------- the troubles


def test_troubles_are_there(plant: Path, rows: pd.DataFrame) -> None:
    events = table(plant, "meter_events")
    assert Counter(events["kind"]) == {"replaced": 3, "ratio_changed": 1, "reset": 1}
    assert (events["old_last_reading"] == "").sum() == 1  # one fitter wrote nothing down

    register = of_meter(rows, "M-E-121").drop_duplicates("read_at")
    assert register["read_at"].diff().max() >= pd.Timedelta(hours=24)  # outage
    lighting = of_meter(rows, "M-E-143")
    assert lighting["read_at"].diff().max() == pd.Timedelta(hours=3, minutes=15)

    rolled = of_meter(rows, "M-E-131").drop_duplicates("read_at", keep=False)["value"].diff()
    assert (rolled < -99_000).sum() == 1

    stuck = of_meter(rows, "M-E-141")["value"].diff() == 0
    assert stuck.groupby((~stuck).cumsum()).sum().max() >= 140  # of 144 quarter-hours

    good = rows[rows["quality"] != "bad"]
    spike = of_meter(good, "M-E-101").drop_duplicates("read_at")["value"].diff()
    assert (spike > 6_000).sum() == 1
    assert (rows["value"] < 0).sum() == 1
    assert (rows["quality"] == "bad").sum() == 9
    assert set(rows["file"]) >= {
        "late_synthetic.csv.gz", "duplicates_synthetic.csv.gz", "corrections_synthetic.csv"
    }  # fmt: skip
    assert set(rows.loc[rows["file"] == "corrections_synthetic.csv", "revision"]) == {1}
    assert "抄表员请假" in (plant / "readings" / "manual_synthetic.csv").read_text(encoding="utf-8")
    assert (rows["meter_code"] == "M-X-999").sum() == 96

    same = rows.duplicated(["meter_code", "read_at", "revision", "value"], keep=False)
    twice = rows.duplicated(["meter_code", "read_at", "revision"], keep=False)
    assert same.sum() > 700
    disputed = rows[twice & ~same]
    assert Counter(disputed["meter_code"]) == {"M-E-131": 2, "M-G-112": 2}


def test_late_days_come_only_late(rows: pd.DataFrame) -> None:
    late = rows[rows["file"] == "late_synthetic.csv.gz"]
    assert Counter(late["meter_code"]) == {"M-E-103": 96, "M-E-112": 96, "M-O-111": 96}
    others = rows[rows["file"] != "late_synthetic.csv.gz"]
    both = late.merge(others, on=["meter_code", "read_at"])
    assert both.empty


# ---------------------------------------------------------------- other ways to write it


@pytest.mark.parametrize("days", [3, 14, 45])
def test_small_plant(tmp_path: Path, days: int) -> None:
    build_small(tmp_path, TODAY, days)
    meters = table(tmp_path, "meters")
    assert set(meters["meter_code"]) == SMALL_METERS
    rows = all_readings(tmp_path)
    assert set(rows["meter_code"]) - {"M-X-999"} == SMALL_METERS
    assert rows["read_at"].min() >= pd.Timestamp(TODAY - timedelta(days=days), tz=ZONE)
    assert rows["read_at"].max() == pd.Timestamp(TODAY, tz=ZONE)
    assert len(rows) < 1400 * days
    words = {word for text in table(tmp_path, "flows")["measured_by"] for word in text.split() if "M-" in word}
    assert words <= SMALL_METERS


def test_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.plants.kunming_steel",
        str(tmp_path / "plant"),
        "--original-dates",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], timeout=120
    )
    assert "2018-01-01 to 2018-12-31" in done.stdout
    assert (tmp_path / "plant" / "site.csv").exists()


def test_only_runtime_dependencies_are_imported() -> None:
    package = Path(kunming_steel.__file__).parent
    modules = {
        name.split(".")[0]
        for path in package.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"numpy", "pyarrow", "tests"}


# ---------------------------------------------------------------- what is uploaded


def test_uploaded_items_stay_within_the_sandbox_platforms_dictionaries(plant: Path) -> None:
    platform, items = Dictionaries(), table(plant, "upload_items")
    industry = table(plant, "site")["industry_code"].item()
    for code in items["data_code"]:
        assert code_fault(code, platform, {code: {}}) is None
        assert platform.knows_process(industry, code[:2])
    assert set(",".join(items["stat_types"]).split(",")) == {"0", "1", "2", "3"}
    assert {"15", "60"} <= set(items["interval_minutes"])
    sources = items[["flow", "expression"]].agg("".join, axis=1)
    assert ((items["is_required"] == "是") & (items["figure"] == "quantity") & (sources == "")).sum() == 1
    entered = table(plant, "upload_values")
    assert len(entered) == 13
    assert set(entered["data_code"]) <= set(items["data_code"])


def test_the_site_says_all_that_the_platform_insists_on(plant: Path) -> None:
    site = table(plant, "site")
    own = {name: column for name, column in OWN_COLUMNS.items() if name in MANDATORY}
    columns = {camel(column): column for column in site.columns} | own
    assert [name for name in MANDATORY if not site[columns[name]].item()] == []
