"""The ledgers of migration 0010: items that are uploaded and values entered by hand, as packages and forms bring them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from ingestion import settings as configuration
from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing, reading
from ingestion.ledgers.editing import Edit, Outcome
from tests.integration.landing_plant import LATER, LEDGERS, NOW, everything, load, rejected, rows, write

pytestmark = pytest.mark.usefixtures("warehouse")

LI = Author("李工", "平台要求")
HEADER = "data_code,flow,expression,figure,product_code,stat_types,scope,destination,value_min,value_max,factor"
ITEMS = "\n".join(
    (
        HEADER,
        "00-00-0000-023300-11,F1,,,,实时 日 月,,,,,",
        "0400000002330011,,F1 - 0.5 * M3,,,1,,*,,,",
        "00-00-0000-030000-10,,,综合能耗,,日、月、年,,yunnan,,,1000",
        "04-00-0000-080000-10,,F2,单耗,P1,2,,,,,",
        "00-00-0000-100000-10,,,手工,,1,,,,,",
        "",
    )
)
VALUES = "数据编码,统计类型,统计时间,填报值,填报原因\n0000000010000010,日,2026-01-05,12.50,台账\n"


def test_items_are_known_by_one_spelling_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, LEDGERS | {"upload_items": ITEMS, "upload_values": VALUES})
    load(folder)
    assert not rejected()
    assert rows(
        "select data_code, destination, flow_code, figure, stat_types, scope, input_type, factor"
        " from ledger.upload_items order by data_code"
    ) == [
        ("00-00-0000-023300-11", "*", "F1", "quantity", "0,1,2", 1, 4, 1),
        ("00-00-0000-030000-10", "yunnan", None, "comprehensive_energy", "1,2,3", 1, 4, 1000),
        ("00-00-0000-100000-10", "*", None, "manual", "1", 1, 5, 1),
        ("04-00-0000-023300-11", "*", None, "quantity", "1", 2, 4, 1),
        ("04-00-0000-080000-10", "*", None, "unit_consumption", "2", 2, 4, 1),
    ]
    assert rows("select data_code, kind, code, coefficient from ledger.upload_terms order by data_code, code") == [
        ("04-00-0000-023300-11", "flow", "F1", 1),
        ("04-00-0000-023300-11", "meter", "M3", pytest.approx(-0.5)),
        ("04-00-0000-080000-10", "flow", "F2", 1),
    ]
    assert rows("select stat_type, stat_date::text, value, destination from ledger.upload_values") == [
        (1, "2026-01-05 00:00:00", pytest.approx(12.5), "*")
    ]
    before = everything()
    assert all(report.is_repeat for report in load(folder, LATER).values())
    assert everything() == before


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("00-00-0000-02330-11,F1,,,,,,,,,", "data_code", "bad_data_code"),
        ("00-00-0000-023300-11,F1,,,,周,,,,,", "stat_types", "bad_stat_types"),
        ("00-00-0000-023300-11,F1,,,,,,云 南,,,", "destination", "bad_destination"),
        ("00-00-0000-023300-11,F9,,,,,,,,,", "flow", "unknown_reference"),
        ("00-00-0000-023300-11,,F1 + F9,,,,,,,,", "expression", "upload_unknown_term"),
        ("00-00-0000-023300-11,,F1 * F2,,,,,,,,", "expression", "expression_nonlinear"),
        ("00-00-0000-023300-11,,F1 +,,,,,,,,", "expression", "expression_syntax"),
        ("00-00-0000-023300-11,F1,F2,,,,,,,,", "expression", "upload_two_sources"),
        ("00-00-0000-023300-11,,M1,等价值,,,,,,,", "expression", "upload_meter_tce"),
        ("00-00-0000-023300-11,,F1,单耗,,,,,,,", "product_code", "upload_no_product"),
        ("00-00-0000-023300-11,F1,,,,,,,9,8,", "value_max", "bounds_reversed"),
        ("00-00-0000-023300-11,F1,,,,,,,,,0", "factor", "out_of_range"),
    ],
)
def test_an_item_that_cannot_be_worked_out_is_refused_at_its_field(
    tmp_path: Path, line: str, column: str, code: str
) -> None:
    load(write(tmp_path, LEDGERS | {"upload_items": f"{HEADER}\n{line}\n"}))
    assert rejected() == {("upload_items.csv", 2): (column, code)}
    ((text,),) = rows("select reason from quarantine.rejected_rows")
    assert column in text or "flow" in text
    assert "measured_by" not in text


def test_what_looks_wrong_but_may_be_right_is_told(tmp_path: Path) -> None:
    items = f"{HEADER}\n00-01-0000-023300-11,F1,,,,,4,,,,\n00-00-0000-113300-11,,,,,,,,,,\n"
    report = load(write(tmp_path, LEDGERS | {"upload_items": items}))["upload_items.csv"]
    assert not rejected()
    told = "\n".join(report.notices)
    for words in ("编码与数据范围不一致", "数据分类 11", "暂无数据来源"):
        assert words in told


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("0000000010000010,日,2026-01-05 08:00,1,", "stat_date", "stat_date_off_grid"),
        ("0000000010000010,月,2026-01-05,1,", "stat_date", "stat_date_off_grid"),
        ("0000000010000010,日,一月五日,1,", "stat_date", "bad_stat_date"),
        ("0000000010000010,日,2026-01-05,,", "value", "missing_value"),
        ("0000000010000099,日,2026-01-05,1,", "data_code", "unknown_reference"),
    ],
)
def test_a_value_by_hand_belongs_to_a_period_of_a_known_item(tmp_path: Path, line: str, column: str, code: str) -> None:
    values = f"{VALUES.splitlines()[0]}\n{line}\n"
    load(write(tmp_path, LEDGERS | {"upload_items": ITEMS, "upload_values": values}))
    assert rejected() == {("upload_values.csv", 2): (column, code)}


def edit(table: str, *edits: Edit) -> Outcome:
    with connections.connect("keep") as connection:
        return editing.apply(connection, "S1", table, edits, LI, LATER)


def version(code: str) -> int:
    with connections.connect("keep") as connection:
        found = reading.get(connection, "S1", "upload_items", {"data_code": code, "destination": "*"})
    assert found is not None
    assert found.version is not None
    return found.version


def test_a_form_edits_an_item_and_its_terms_follow(tmp_path: Path) -> None:
    load(write(tmp_path, LEDGERS | {"upload_items": ITEMS}))
    key = {"data_code": "04-00-0000-023300-11", "destination": "*"}
    done = edit("upload_items", Edit(key, {"expression": "2 * F2"}, version(key["data_code"])))
    assert done.is_applied, done.refusals
    assert rows("select kind, code, coefficient from ledger.upload_terms where data_code = %s", key["data_code"]) == [
        ("flow", "F2", 2)
    ]
    assert rows(
        "select changed_by from ledger.changes where table_name = 'upload_terms' order by change_id desc limit 1"
    ) == [("李工",)]
    (refused,) = edit("upload_items", Edit(key, {"expression": "F9"}, version(key["data_code"]))).refusals
    assert (refused.column, refused.code) == ("expression", "upload_unknown_term")
    new = Edit(None, {"data_code": "0000000001010410", "flow": "F1"}, None)
    assert edit("upload_items", new).is_applied
    (again,) = edit("upload_items", new).refusals
    assert again.code == "already_exists"


def test_what_an_item_counts_on_is_not_put_out_of_use(tmp_path: Path) -> None:
    load(write(tmp_path, LEDGERS | {"upload_items": f"{HEADER}\n0400000002330011,,F2,,,,,,,,\n"}))
    with connections.connect("keep") as connection:
        flow = reading.get(connection, "S1", "flows", {"flow_code": "F2"})
        assert flow is not None
        keys = [(flow.key, flow.version)]
        outcome = editing.retire(connection, "S1", "flows", keys, LATER.date(), LI, LATER)
    (refusal,) = outcome.refusals
    assert refusal.code == "still_referred"
    assert "上传数据项" in refusal.text


def test_items_from_before_go_on_in_their_own_ledger_where_they_have_its_form() -> None:
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
        for key, row in {
            "good": '{"data_code": "0400000002330011", "figure": "manual", "stat_types": "1, 2"}',
            "other headers": '{"编码": "0400000002330011"}',
            "no flow": '{"data_code": "0000000002330011", "flow": "F1"}',
            "bad value": '{"data_code": "0000000002330012", "factor": "一"}',
            "no code": '{"name": "用电"}',
        }.items():
            connection.execute(
                "insert into ledger.other_rows (site_code, file, row_key, row, batch_id, recorded_at)"
                " values ('S1', 'upload_items', %s, %s, 3, %s)",
                [key, row, NOW],
            )
        command.upgrade(config, "head")
    assert rows("select data_code, figure, stat_types, scope, input_type, batch_id from ledger.upload_items") == [
        ("04-00-0000-023300-11", "manual", "1,2", 2, 5, 3)
    ]
    assert rows("select row_key from ledger.other_rows order by 1") == [
        ("bad value",),
        ("no code",),
        ("no flow",),
        ("other headers",),
    ]
