"""Alarm rules and a plant's own limits: what their columns take, what they refuse, and what came of older rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingestion import settings as configuration
from ingestion.ledgers.editing import Edit
from ingestion.ledgers.rules import ALARM_RULES
from ingestion.settings import Settings
from plugins.workbench.roles import LABELS
from tests.integration.landing_plant import LATER, LEDGERS, NOW, everything, load, rejected, rows, write
from tests.integration.ledger_edits import apply, codes, edit, retire

pytestmark = pytest.mark.usefixtures("warehouse")

RULES = (
    "规则编码,规则名称,预警类型,对象类型,对象编码,监测指标,单位,比较方式,预警值,报警值,回差,持续分钟,适用班次,预警级别,接收角色,启用,电话\n"
    "A1,进线功率,阈值,计量器具,M1,power,kW,>,900,1000,20,5,A、B,报警,能源负责人,是,0871\n"
    "A2,压力低,阈值,设备,EQ1,pressure,MPa,低于,0.5,0.4,,,,预警,,否,\n"
    "A3,断线,数据缺失,计量器具,M2,,,,,,,60,,提示,,,\n"
)
LIMITS = (
    "指标编码,指标名称,产品编码,单位,限定值,准入值,先进值,标准,生效日期,失效日期\n"
    "I1,吨钢电耗,P1,kWh/t,700,650,600,Q/YN 1,2025-01-01,2026-01-01\n"
    'I1,吨钢电耗,P1,kWh/t,"6,800",640,590,Q/YN 1,2026-01-01,\n'
)


@pytest.fixture
def plant(warehouse: Settings, tmp_path: Path) -> Path:
    """The small plant with rules and limits, loaded."""
    assert warehouse
    folder = write(tmp_path / "plant", LEDGERS | {"alarm_rules": RULES, "limits_custom": LIMITS})
    load(folder)
    return folder


def test_a_file_of_rules_lands_in_columns_and_the_same_again_changes_nothing(plant: Path) -> None:
    assert not rejected()
    assert rows(
        """select rule_code, kind, subject_kind, subject_code, comparison, warn_value, alarm_value, hysteresis,
        duration_minutes, active_shifts, level, recipients, is_enabled, more from ledger.alarm_rules order by 1"""
    ) == [
        ("A1", "threshold", "meter", "M1", "above", 900, 1000, 20, 5, "A,B", "alarm", "energy_manager", True,
         {"电话": "0871"}),
        ("A2", "threshold", "equipment", "EQ1", "below", Decimal("0.5"), Decimal("0.4"), None, None, None, "warning",
         None, False, {}),
        ("A3", "missing_data", "meter", "M2", None, None, None, None, 60, None, "notice", None, True, {}),
    ]  # fmt: skip
    assert rows("select valid_from::text, valid_to::text, limit_value from ledger.limits_custom order by 1") == [
        ("2025-01-01", "2026-01-01", 700),
        ("2026-01-01", "infinity", 6800),
    ]
    before = everything()
    assert all(report.is_repeat for report in load(plant, LATER).values())
    assert everything() == before


REFUSED: dict[str, tuple[str, dict[str, str], str, str]] = {
    "a meter that is none": ("alarm_rules", {"subject_kind": "meter", "subject_code": "EQ1"}, "subject_code",
                             "unknown_reference"),
    "a code of nobody knows what": ("alarm_rules", {"subject_code": "M1"}, "subject_kind", "missing_value"),
    "a shift that is none": ("alarm_rules", {"active_shifts": "A C"}, "active_shifts", "unknown_reference"),
    "an alarm before the warning": ("alarm_rules", {"comparison": "above", "warn_value": "9", "alarm_value": "8"},
                                    "alarm_value", "alarm_before_warning"),
    "an alarm before the warning, falling": (
        "alarm_rules", {"comparison": "at_most", "warn_value": "8", "alarm_value": "9"}, "alarm_value",
        "alarm_before_warning"),
    "a negative hysteresis": ("alarm_rules", {"hysteresis": "-1"}, "hysteresis", "out_of_range"),
    "no such level": ("alarm_rules", {"level": "红"}, "level", "unknown_choice"),
    "a product that is none": ("limits_custom", {"product_code": "P9"}, "product_code", "unknown_reference"),
    "a day with two limits": ("limits_custom", {"indicator_code": "I1", "valid_from": "2025-06-01"}, "indicator_code",
                              "validity_overlap"),
}  # fmt: skip


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("name", REFUSED)
def test_what_no_rule_can_be_is_refused_at_its_field(name: str) -> None:
    table, values, column, code = REFUSED[name]
    outcome = apply(table, Edit(None, {"name": "试验", **values}))
    assert (codes(outcome), outcome.is_applied) == ([(0, column, code)], False)


@pytest.mark.usefixtures("plant")
def test_a_rule_is_edited_retired_and_holds_nothing_in_use() -> None:
    assert apply(
        "alarm_rules", edit("alarm_rules", {"rule_code": "A1"}, subject_kind="产品", subject_code="P1")
    ).changes
    assert codes(apply("alarm_rules", edit("alarm_rules", {"rule_code": "A1"}, subject_kind="能流"))) == [
        (0, "subject_code", "unknown_reference")
    ]
    assert retire("products", {"product_code": "P1"}).is_applied
    assert retire("alarm_rules", {"rule_code": "A1"}).is_applied
    assert rows("select retired_on::text from ledger.alarm_rules where rule_code = 'A1'") == [("2026-02-02",)]
    # A limit that was retired leaves its days to another.
    assert retire("limits_custom", {"indicator_code": "I1", "valid_from": "2026-01-01"}).is_applied
    newer = {"indicator_code": "I1", "name": "吨钢电耗", "valid_from": "2026-02-02", "limit_value": "660"}
    assert apply("limits_custom", Edit(None, newer)).is_applied


@pytest.mark.usefixtures("plant")
def test_a_rule_without_a_name_is_called_by_its_code_and_one_without_a_code_gets_one() -> None:
    assert apply("alarm_rules", Edit(None, {"rule_code": "A9"}), Edit(None, {"name": "无编码"})).is_applied
    assert apply("alarm_rules", edit("alarm_rules", {"rule_code": "A2"}, name="")).is_applied
    assert rows("select rule_code, name from ledger.alarm_rules where rule_code in ('A2', 'A9') order by 1") == [
        ("A2", "A2"),
        ("A9", "A9"),
    ]
    ((number,),) = rows("select rule_code from ledger.alarm_rules where name = '无编码'")
    assert number.startswith("ROW-")


def test_who_is_told_is_a_role_of_the_workbench() -> None:
    assert {name: words[0] for name, words in ALARM_RULES.column("recipients").choices.items()} == {
        role.value: label for role, label in LABELS.items()
    }


KEPT: list[tuple[str, str, dict[str, Any]]] = [
    ("alarm_rules", "R1", {"规则编码": "R1", "名称": "功率", "报警值": "1,000", "预警值": "很高", "级别": "红", "阈值": "5"}),
    ("alarm_rules", "高炉/1", {"编号": "高炉/1", "threshold": "7"}),
    ("alarm_rules", "0" * 64, {"threshold": "8"}),
    ("limits_custom", "I1", {"indicator_code": "I1", "限额(kWh/t)": "650", "product_code": "P1"}),
]  # fmt: skip


def test_rows_from_before_go_over_and_what_no_column_can_hold_stays_readable() -> None:
    from alembic import command
    from alembic.config import Config

    settings = configuration.load()
    config = Config()
    config.set_main_option("script_location", str(settings.repository / "ingestion" / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = settings.url("owner")
    with psycopg.connect(settings.url("owner"), autocommit=True) as connection:
        connection.execute("drop schema ledger, raw, archive, ops, quarantine, staging, intermediate, marts cascade")
        connection.execute("drop table alembic_version")
        command.upgrade(config, "0009")
        for file, key, row in KEPT:
            connection.execute(
                "insert into ledger.other_rows (site_code, file, row_key, row, batch_id, recorded_at)"
                " values ('S1', %s, %s, %s, 3, %s)",
                [file, key, Jsonb(row), NOW],
            )
        command.upgrade(config, "head")
    found = rows(
        "select rule_code, name, warn_value, alarm_value, level, more from ledger.alarm_rules order by more::text"
    )
    assert {code: rest for code, *rest in found if not code.startswith("ROW-")} == {
        "R1": ["功率", None, 1000, None, {"原预警值": "很高", "原级别": "红", "阈值": "5"}]
    }
    assert [more for code, *_, more in found if code.startswith("ROW-")] == [
        {"threshold": "7"},
        {"threshold": "8"},
    ]
    assert rows("select indicator_code, name, limit_value, product_code, more from ledger.limits_custom") == [
        ("I1", "I1", 650, None, {"原product_code": "P1"})
    ]
    assert rows("select count(*) from ledger.other_rows where file in ('alarm_rules', 'limits_custom')") == [(0,)]
    assert rows("select distinct changed_by from ledger.changes where table_name = 'alarm_rules'") == [("系统升级",)]
