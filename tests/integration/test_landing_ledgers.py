"""Ledgers land together or row by row not at all; a second load changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.package import PackageError
from ingestion.settings import Settings
from tests.integration.landing_plant import LATER, LEDGERS, everything, load, rejected, rows, write

pytestmark = pytest.mark.usefixtures("warehouse")


def test_a_whole_plant_lands_in_types_and_terms(tmp_path: Path) -> None:
    reports = load(write(tmp_path / "plant", LEDGERS))
    assert not rejected()
    assert {report.status for report in reports.values()} == {"landed"}
    assert rows("select timezone, day_start, month_start_day, enterprise from ledger.sites") == [
        ("Asia/Shanghai", time(0), 26, {"type_code": "1", "address": "昆明"})
    ]
    assert rows("select flow_code, meter_code, coefficient from ledger.flow_terms order by 1, 2") == [
        ("F1", "M1", 1),
        ("F1", "M2", 1),
        ("F2", "M1", 1),
        ("F2", "M2", 1),
        ("F2", "M3", Decimal("-0.5")),
    ]
    assert rows("select event_at, kind, old_last_reading, new_first_reading from ledger.meter_events") == [
        (datetime(2026, 1, 5, 16, tzinfo=UTC), "replaced", Decimal("99.5"), None)
    ]
    assert rows("select rated_power_kw, is_special from ledger.equipment") == [(1200, True)]
    assert rows("select valid_from::text, valid_to::text, kgce_per_unit from ledger.energies order by 1, 2 desc") == [
        ("-infinity", "infinity", None),
        ("-infinity", "2026-01-01", Decimal("0.7")),
        ("2026-01-01", "infinity", Decimal("0.71")),
    ]
    assert rows("select multiplier, register_max from ledger.meters order by meter_code") == [
        (100, None),
        (100, None),
        (1, None),
    ]
    assert rows("select rule_code, more from ledger.alarm_rules order by 1") == [
        ("R1", {"threshold": "5"}),
        ("R2", {"threshold": "6"}),
    ]


def test_the_same_again_changes_nothing_at_all(tmp_path: Path) -> None:
    tables = LEDGERS | {"flows": LEDGERS["flows"] + "F3,electricity,N1,N2,9,production,M1\n"}
    folder = write(tmp_path / "plant", tables)
    load(folder)
    before = everything()
    reports = load(folder, LATER)
    assert everything() == before
    assert all(report.is_repeat for report in reports.values())
    assert reports["flows.csv"].rows_rejected == 1


def test_only_rows_that_changed_are_recorded_anew(tmp_path: Path) -> None:
    folder = write(tmp_path / "plant", LEDGERS)
    load(folder)
    write(
        folder,
        {
            "meters": LEDGERS["meters"].replace(
                "进线2,electricity,register,kWh,100", "进线2,electricity,register,kWh,200"
            )
        },
    )
    load(folder, LATER)
    assert rows("select meter_code, multiplier from ledger.meters where recorded_at = %s", LATER) == [("M2", 200)]


def test_rows_of_a_later_package_join_and_absent_columns_keep_their_values(tmp_path: Path) -> None:
    load(write(tmp_path / "plant", LEDGERS))
    second = {
        "site": "site_code,name\nS1,新名\n",
        "meters": "meter_code,name,energy_code,reading_kind,unit\nM2,改名,electricity,register,kWh\nM4,新表,electricity,rate,kW\n",
        "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by\nF1,electricity,N0,N1,1,purchase,M4\n",
    }
    load(write(tmp_path / "later", second), LATER)
    assert rows("select name, month_start_day, enterprise ->> 'address' from ledger.sites") == [("新名", 26, "昆明")]
    assert rows("select meter_code, name, multiplier from ledger.meters order by 1") == [
        ("M1", "进线1", 100),
        ("M2", "改名", 100),
        ("M3", "电炉", 1),
        ("M4", "新表", 1),
    ]
    assert rows("select meter_code from ledger.flow_terms where flow_code = 'F1'") == [("M4",)]
    assert rows("select count(*) from ledger.flow_terms where flow_code = 'F2'") == [(3,)]


REFUSALS = {
    "unknown parent": ("org_units", "W2,二车间,NO", "parent_code", "unknown_reference"),
    "circle of parents": ("org_units", "A,甲,B\nB,乙,A", "parent_code", "parent_cycle"),
    "own parent": ("org_units", "A,甲,A", "parent_code", "parent_cycle"),
    "missing name": ("org_units", "W2,,HQ", "name", "missing_value"),
    "bad code": ("org_units", "W 2,二车间,HQ", "org_code", "bad_code"),
    "conflicting twins": ("org_units", "W2,二车间,HQ\nW2,三车间,HQ", "org_code", "conflicting_duplicate"),
    "short row": ("org_units", "W2,二车间\nW3,三车间,HQ", None, "wrong_field_count"),
    "unknown class": ("energies", "x,x,t,other,,,", "class", "unknown_choice"),
    "validity reversed": ("energies", "x,x,t,medium,,2026-02-01,2026-01-01", "valid_to", "validity_reversed"),
    "validity overlaps": ("energies", "x,x,t,medium,,,\nx,x,t,medium,,2026-01-01,", "energy_code", "validity_overlap"),
    "number is none": ("energies", "x,x,t,medium,NaN,,", "kgce_per_unit", "not_a_number"),
    "unknown energy": ("meters", "M9,x,nuclear,register,kWh,", "energy_code", "unknown_reference"),
    "multiplier zero": ("meters", "M9,x,electricity,register,kWh,0", "multiplier", "out_of_range"),
    "same node": ("flows", "F9,electricity,N1,N1,1,purchase,M1", "to_node", "same_node"),
    "unknown node": ("flows", "F9,electricity,N1,N9,1,purchase,M1", "to_node", "unknown_reference"),
    "unknown meter": ("flows", "F9,electricity,N0,N1,1,purchase,M1 + M9", "measured_by", "expression_unknown_meter"),
    "non-linear": ("flows", "F9,electricity,N0,N1,1,purchase,M1 * M2", "measured_by", "expression_nonlinear"),
    "constant": ("flows", "F9,electricity,N0,N1,1,purchase,M1 + 5", "measured_by", "expression_constant"),
    "flow of flows": ("flows", "F9,electricity,N0,N1,1,purchase,F1 - M1", "measured_by", "expression_flow"),
    "flows in a circle": (
        "flows",
        "F8,electricity,N0,N1,1,purchase,F9\nF9,electricity,N0,N1,1,purchase,F8",
        "measured_by",
        "expression_cycle",
    ),
    "event of nobody": ("meter_events", "M9,2026-01-05,reset,", "meter_code", "unknown_reference"),
    "no such time": ("meter_events", "M1,2026-02-30 08:00,reset,", "event_at", "not_a_timestamp"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_row_that_cannot_stand_is_refused_alone_and_by_name(tmp_path: Path, name: str) -> None:
    table, more, column, code = REFUSALS[name]
    good = len(LEDGERS[table].splitlines())
    reports = load(write(tmp_path / "plant", LEDGERS | {table: LEDGERS[table] + more + "\n"}))
    count = 1 if name == "short row" else len(more.splitlines())
    expected = {(f"{table}.csv", good + 1 + place): (column, code) for place in range(count)}
    assert rejected() == expected
    assert reports[f"{table}.csv"].rows_rejected == count
    assert reports[f"{table}.csv"].rows_landed == reports[f"{table}.csv"].rows_total - count


def test_a_refused_row_takes_with_it_what_refers_to_it(tmp_path: Path) -> None:
    tables = LEDGERS | {
        "org_units": "org_code,name,parent_code\nHQ,总厂,\nW1,,HQ\nT1,班组,W1\n",
        "meters": LEDGERS["meters"].replace("M1,进线1,electricity", "M1,进线1,no_such"),
    }
    load(write(tmp_path / "plant", tables))
    assert rejected() == {
        ("org_units.csv", 3): ("name", "missing_value"),
        ("org_units.csv", 4): ("parent_code", "refused_reference"),
        ("equipment.csv", 2): ("org_code", "refused_reference"),
        ("nodes.csv", 4): ("org_code", "refused_reference"),
        ("meters.csv", 2): ("energy_code", "unknown_reference"),
        ("flows.csv", 2): ("measured_by", "refused_reference"),
        ("flows.csv", 3): ("to_node", "refused_reference"),
        ("meter_events.csv", 2): ("meter_code", "refused_reference"),
    }
    ((reason,),) = rows("select reason from quarantine.rejected_rows where file = 'flows.csv' and line = 2")
    assert "M1" in reason
    assert "第 2 行" in reason


def test_refused_rows_are_tried_again_when_what_they_miss_has_come(tmp_path: Path) -> None:
    tables = {name: content for name, content in LEDGERS.items() if name != "meters"}
    folder = write(tmp_path / "plant", tables)
    load(folder)
    assert ("flows.csv", 2) in rejected()
    write(folder, {"meters": LEDGERS["meters"]})
    reports = load(folder, LATER)
    assert not rejected()
    assert rows("select count(*) from ledger.flow_terms") == [(5,)]
    assert reports["flows.csv"].status == "landed"
    assert not reports["flows.csv"].is_repeat


def test_new_validity_must_fit_what_is_registered(tmp_path: Path) -> None:
    load(write(tmp_path / "plant", LEDGERS))
    head = LEDGERS["energies"].splitlines()[0]
    later = write(
        tmp_path / "later", {"site": LEDGERS["site"], "energies": f"{head}\nraw_coal,原煤,t,primary,0.8,2026-06-01,\n"}
    )
    load(later)
    assert rejected() == {("energies.csv", 2): ("energy_code", "validity_overlap")}
    write(
        later,
        {
            "energies": f"{head}\nraw_coal,原煤,t,primary,0.71,2026-01-01,2026-06-01\nraw_coal,原煤,t,primary,0.8,2026-06-01,\n"
        },
    )
    load(later)
    assert rows("select kgce_per_unit from ledger.energies where energy_code = 'raw_coal' order by valid_from") == [
        (Decimal("0.7"),),
        (Decimal("0.71"),),
        (Decimal("0.8"),),
    ]


def test_a_truncated_ledger_is_refused_whole_and_the_others_go_on(tmp_path: Path) -> None:
    reports = load(write(tmp_path / "plant", LEDGERS | {"persons": "person_code,name\n001,王工\n002"}))
    assert reports["persons.csv"].status == "refused"
    assert "文件不完整" in str(reports["persons.csv"].status_reason)
    assert rows("select count(*) from ledger.persons") == [(0,)]
    assert rows("select count(*) from ledger.meters") == [(3,)]
    again = load(tmp_path / "plant")
    assert again["persons.csv"].is_repeat
    assert rows("select count(*) from ops.batches where status = 'refused'") == [(1,)]


def test_a_site_file_must_have_exactly_one_good_row(tmp_path: Path) -> None:
    two = LEDGERS["site"] + "S2,另一厂,1,,\n"
    reports = load(write(tmp_path / "two", {"site": two, "persons": LEDGERS["persons"]}))
    assert {code for _, code in rejected().values()} == {"site_not_single"}
    assert reports["persons.csv"].status == "refused"
    assert rows("select count(*) from ledger.sites") == [(0,)]
    load(write(tmp_path / "zone", {"site": "site_code,name,timezone\nS1,x,Asia/Kunming\n"}))
    assert ("timezone", "unknown_timezone") in rejected().values()
    with pytest.raises(PackageError, match="site_code"):
        load(write(tmp_path / "none", {"persons": LEDGERS["persons"]}))


def test_a_package_without_site_file_belongs_to_the_site_of_its_name(tmp_path: Path) -> None:
    load(write(tmp_path / "plant", LEDGERS))
    load(write(tmp_path / "other", {"site": "site_code,name\nS2,x\n"}))
    load(write(tmp_path / "S2", {"persons": "person_code,name\n7,李工\n"}))
    assert rows("select site_code from ledger.persons where person_code = '7'") == [("S2",)]
    with pytest.raises(PackageError, match="无法判断属于哪个用能单位"):
        load(write(tmp_path / "nameless", {"persons": "person_code,name\n7,李工\n"}))


def test_sites_do_not_see_each_others_ledgers(tmp_path: Path) -> None:
    load(write(tmp_path / "plant", LEDGERS))
    other = {name: content for name, content in LEDGERS.items() if name != "meters"} | {
        "site": "site_code,name\nS2,x\n"
    }
    load(write(tmp_path / "other", other))
    assert {code for _, code in rejected().values()} == {"expression_unknown_meter", "unknown_reference"}
    assert rows("select site_code, count(*) from ledger.flow_terms group by 1") == [("S1", 5)]


def test_warnings_name_units_energies_and_columns_that_do_not_fit(tmp_path: Path) -> None:
    tables = LEDGERS | {
        "meters": "meter_code,name,energy_code,reading_kind,unit,multiplier,Manufactuer\n"
        "M1,a,electricity,register,MWh,1,x\nM2,b,steam,register,t,1,x\nM3,c,electricity,rate,kW,1,x\n",
        "meter_events": LEDGERS["meter_events"],
    }
    reports = load(write(tmp_path / "plant", tables))
    said = "\n".join(reports["meters.csv"].notices)
    assert "Manufactuer" in said
    assert "manufacturer" in said
    assert "M1 的单位 MWh" in said
    assert "M3 的单位" not in said
    assert "M2（steam）" in "\n".join(reports["flows.csv"].notices)


def test_five_thousand_meters_and_flows(warehouse: Settings, tmp_path: Path) -> None:
    count = 5000
    meters = "".join(f"M{n},表{n},electricity,register,kWh,1\n" for n in range(count))
    flows = "".join(f"F{n},electricity,N0,N1,3,production,M{n} + M{(n + 1) % count}\n" for n in range(count))
    tables = LEDGERS | {
        "meters": LEDGERS["meters"].splitlines()[0] + "\n" + meters,
        "flows": LEDGERS["flows"].splitlines()[0] + "\n" + flows,
    }
    reports = load(write(tmp_path / "plant", tables))
    assert reports["flows.csv"].rows_landed == count
    assert rows("select count(*) from ledger.flow_terms") == [(2 * count,)]
    assert rows("select max(certificate_valid_to) from ledger.persons") == [(None,)]
