"""The ledgers of migration 0006: what a package may say in them, what is never lost, and what retirement moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from click.testing import CliRunner, Result

from ingestion import settings as configuration
from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing, reading
from ingestion.ledgers.editing import Edit
from plugins.operations import pipeline
from plugins.operations.cli import cli
from tests.integration.landing_plant import LATER, LEDGERS, NOW, everything, load, rejected, rows, write

pytestmark = [pytest.mark.built, pytest.mark.usefixtures("warehouse")]

KEPT = {
    "verifications": "管理编号,检定日期,类型,检定机构,证书编号,结果,有效期至\n"
    "M1,2025-03-01,检定,省计量院,Z-1,合格,2027-02-28\nM1,2026-01-02,比对,,,限用,\n",
    "trainings": "工号,培训日期,培训内容,有效期至\n001,2025-06-01,计量基础,2028-05-31\n",
    "motors": "设备编码,电机编码,额定功率,台数,能效等级\nEQ1,D1,75,2,2级\n",
    "equipment_rules": "equipment_code,flow_code,running_above_kw,idle_above_kw,standby_above_kw,value_kind\n"
    "EQ1,F2,500,50,5,单耗\n",
    "calendars": "日期,类型\n2026-02-16,节假日\n2026-03-01,检修\n",
    "jjf1051_codes": "代码,名称\n1206100,连续累计自动衡器\n",
    "inspections": "检查编号,检查项目,设备编码,检查时间,结果,严重程度,温度\n"
    "X1,轴承,EQ1,2026-01-05 08:00,异常,严重,88\nX1,润滑,EQ1,2026-01-05 08:00,正常,,\n",
}


def test_a_package_may_hold_the_new_ledgers_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, LEDGERS | KEPT)
    load(folder)
    assert not rejected()
    assert rows("select kind, result, valid_to::text from ledger.verifications order by verified_on") == [
        ("verification", "qualified", "2027-02-28"),
        ("comparison", "restricted", None),
    ]
    assert rows("select person_code, content from ledger.trainings") == [("001", "计量基础")]
    assert rows("select rated_power_kw, quantity from ledger.motors") == [(75, 2)]
    assert rows("select running_above_kw, value_kind, valid_to::text from ledger.equipment_rules") == [
        (500, "specific_energy", "infinity")
    ]
    assert rows("select kind from ledger.calendars order by day") == [("holiday",), ("overhaul",)]
    assert rows("select name from ledger.jjf1051_codes") == [("连续累计自动衡器",)]
    assert rows("select item, result, severity, more from ledger.inspections order by item") == [
        ("润滑", "normal", None, {}),
        ("轴承", "abnormal", "critical", {"温度": "88"}),
    ]
    before = everything()
    assert all(report.is_repeat for report in load(folder, LATER).values())
    assert everything() == before


@pytest.mark.parametrize(
    ("table", "line", "column", "code"),
    [
        ("verifications", "M9,2025-03-01,检定,,,,", "meter_code", "unknown_reference"),
        ("trainings", "009,2025-06-01,计量,", "person_code", "unknown_reference"),
        ("motors", "EQ1,D2,75,0,", "quantity", "out_of_range"),
        ("equipment_rules", "EQ1,F9,,,,", "flow_code", "unknown_reference"),
        ("calendars", "2026-02-17,放假,", "kind", "unknown_choice"),
        ("inspections", "X2,a,EQ9,,,,", "equipment_code", "unknown_reference"),
    ],
)
def test_their_rows_are_checked_like_all_others(tmp_path: Path, table: str, line: str, column: str, code: str) -> None:
    header = KEPT[table].splitlines()[0]
    load(write(tmp_path, LEDGERS | {table: f"{header}\n{line}\n"}))
    assert rejected() == {(f"{table}.csv", 2): (column, code)}


def test_an_inspection_of_any_shape_is_kept_and_known_again(tmp_path: Path) -> None:
    folder = write(tmp_path, LEDGERS | {"inspections": "地点,看到什么\n泵房,漏水\n炉前,正常\n泵房,漏水\n"})
    load(folder)
    assert not rejected()
    kept = rows("select more from ledger.inspections order by more ->> '看到什么' = '正常'")
    assert kept == [({"地点": "泵房", "看到什么": "漏水"},), ({"地点": "炉前", "看到什么": "正常"},)]
    before = everything()
    load(folder, LATER)
    assert everything() == before


def test_inspections_from_before_become_rows_of_their_own_ledger() -> None:
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
        command.upgrade(config, "0005")
        connection.execute(
            "insert into ledger.other_rows (site_code, file, row_key, row, batch_id, recorded_at) values"
            """ ('S1', 'inspections', 'X/1', '{"编号": "X/1", "结果": "好"}', 3, %s), ('S1', 'alarm_rules', 'R1', '{}', 3, %s)""",
            [NOW, NOW],
        )
        command.upgrade(config, "head")
    ((number, more),) = rows("select inspection_no, more from ledger.inspections")
    assert more == {"编号": "X/1", "结果": "好"}
    assert number.startswith("ROW-")
    assert rows("select rule_code from ledger.alarm_rules") == [("R1",)]
    assert rows("select changed_by from ledger.changes where table_name = 'inspections'") == [("系统升级",)]


def quantities() -> dict[str, Any]:
    with connections.connect("bi") as connection:
        return dict(
            connection.execute("select meter_code, sum(quantity) from marts.fct_meter_hourly group by 1").fetchall()
        )


def test_a_stopped_meter_goes_on_counting_and_a_void_event_never_was(tmp_path: Path) -> None:
    readings = "meter_code,read_at,value\n" + "".join(
        f"{meter},2026-01-05 {hour:02d}:00,{value}\n"
        for meter in ("M1", "M2")
        for hour, value in ((8, 1), (9, 2), (10, 3))
    )
    events = "meter_code,event_at,kind,old_last_reading,new_first_reading\nM1,2026-01-05 09:30,换表,2.5,2.5\n"
    folder = write(tmp_path, LEDGERS | {"meter_events": events, "readings/a": readings})
    assert pipeline.run_package(folder, NOW).is_passed
    assert quantities() == {"M1": 200, "M2": 200}
    author = Author("李工", "登记有误")
    with connections.connect("keep") as connection:
        (event,) = reading.query(connection, "S1", "meter_events").records
        wanted = Edit(event.key, {"new_first_reading": "2.9"}, event.version)
        assert editing.apply(connection, "S1", "meter_events", [wanted], author, LATER).is_applied
    assert pipeline.build_marts("changed", only_news=True)
    assert quantities()["M1"] == pytest.approx(160)
    with connections.connect("keep") as connection:
        (event,) = reading.query(connection, "S1", "meter_events").records
        day = LATER.date()
        voided = editing.retire(connection, "S1", "meter_events", [(event.key, event.version)], day, author, LATER)
        flow = reading.get(connection, "S1", "flows", {"flow_code": "F2"})
        meter = reading.get(connection, "S1", "meters", {"meter_code": "M2"})
        assert flow
        assert meter
        stopped = Edit(meter.key, {"status": "停用", "status_since": "2026-01-05"}, meter.version)
        outcome = editing.apply(connection, "S1", "meters", [stopped], author, LATER)
    assert voided.is_applied
    assert outcome.is_applied
    assert pipeline.build_marts("voided", only_news=True)
    assert quantities() == {"M1": 200, "M2": 200}
    assert pipeline.build_marts("nothing", only_news=True) is None


def ledger(*words: str) -> Result:
    return CliRunner().invoke(cli, ["ledger", *words])


def test_the_command_shows_exports_tries_and_imports(tmp_path: Path) -> None:
    load(write(tmp_path / "plant", LEDGERS))
    shown = ledger("show", "S1", "meters", "--search", "进线1")
    assert (shown.exit_code, shown.output.splitlines()[-1]) == (0, "共 1 行")
    assert "M1：计量器具名称 进线1；能源编码 electricity；读数类型 累计值" in shown.output
    path = tmp_path / "m.xlsx"
    assert ledger("export", "S1", "meters", str(path)).exit_code == 0

    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    titles = [cell.value for cell in sheet[3]]
    sheet.cell(4, titles.index("倍率") + 1).value = 200
    book.save(path)
    tried = ledger("import", "S1", str(path))
    assert tried.exit_code == 0
    assert "第 4 行 修改 M1：倍率 100 → 200" in tried.output
    assert rows("select multiplier from ledger.meters where meter_code = 'M1'") == [(100,)]
    assert ledger("import", "S1", str(path), "--apply").exit_code == 2
    done = ledger("import", "S1", str(path), "--apply", "--why", "核对", "--by", "李工", "--no-build")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "已写入台账。")
    assert rows("select multiplier from ledger.meters where meter_code = 'M1'") == [(200,)]
    assert rows("select changed_by, reason from ledger.changes order by change_id desc limit 1") == [("李工", "核对")]

    sheet.cell(4, titles.index("倍率") + 1).value = "很多"
    book.save(path)
    refused = ledger("import", "S1", str(path), "--apply", "--why", "核对")
    assert refused.exit_code == 1
    assert "第 4 行 Z 列：“倍率” 的“很多”不是数字" in refused.output
    assert "什么也没有写入" in refused.output
    assert ledger("export", "S9", "meters", str(path)).exit_code == 1
    path.write_bytes(b"x")
    assert "不是 .xlsx 工作簿" in ledger("import", "S1", str(path)).output
