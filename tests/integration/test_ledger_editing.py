"""Ledgers edited row by row: the import's checks at the field, versions, all or nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import TransactionStatus

from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing, reading
from ingestion.ledgers.editing import WHOLE, Edit, Outcome
from ingestion.ledgers.records import UnknownLedgerError
from ingestion.settings import Settings
from plugins.operations import building
from tests.integration.landing_plant import LATER, LEDGERS, NOW, load, rows, write
from tests.integration.ledger_edits import LI, METER, apply, codes, count, edit, plan, version

pytestmark = pytest.mark.usefixtures("warehouse")


@pytest.fixture
def plant(warehouse: Settings, tmp_path: Path) -> Path:
    """The small plant, loaded."""
    assert warehouse
    load(write(tmp_path / "plant", LEDGERS))
    return tmp_path / "plant"


@pytest.mark.usefixtures("plant")
def test_a_new_row_is_checked_filled_and_noted_with_its_author() -> None:
    outcome = apply("meters", Edit(None, METER))
    assert (outcome.is_applied, outcome.refusals) == (True, ())
    (change,) = outcome.changes
    assert (change.kind, change.key, change.before) == ("new", {"meter_code": "M9"}, None)
    assert (change.after["reading_kind"], change.after["multiplier"], change.after["level"]) == ("register", "1", None)
    assert rows(
        "select name, reading_kind, multiplier, org_code, level from ledger.meters where meter_code = 'M9'"
    ) == [("新表", "register", 1, "W1", None)]
    assert rows(
        """select changes.operation, changes.changed_by, changes.reason, batches.kind, batches.source, batches.file,
        batches.status, batches.actor, batches.rows_landed
        from ledger.changes as changes inner join ops.batches as batches using (batch_id)
        where changes.row_key ->> 'meter_code' = 'M9'"""
    ) == [("insert", "李工", "巡检后更正", "ledger", "workbench", "meters", "accepted", "李工", 1)]


@pytest.mark.usefixtures("plant")
def test_an_edit_changes_the_columns_it_names_and_no_other() -> None:
    outcome = apply("meters", edit("meters", {"meter_code": "M1"}, location="总降", register_max="100,000"))
    (change,) = outcome.changes
    assert change.before is not None
    different = {name for name in change.after if change.after[name] != change.before[name]}
    assert (change.kind, different) == ("changed", {"location", "register_max"})
    assert rows("select multiplier, location, register_max from ledger.meters where meter_code = 'M1'") == [
        (100, "总降", 100000)
    ]
    assert rows("select recorded_at from ledger.meters where meter_code = 'M2'") == [(NOW,)]
    # An empty text takes a value back; of a column with a default, to that.
    apply("meters", edit("meters", {"meter_code": "M1"}, location="", multiplier=""))
    assert rows("select multiplier, location from ledger.meters where meter_code = 'M1'") == [(1, None)]


@pytest.mark.usefixtures("plant")
def test_a_plan_says_the_same_and_writes_nothing() -> None:
    before = count("ledger.changes"), count("ops.batches")
    edits = [Edit(None, METER), edit("meters", {"meter_code": "M1"}, name="改"), edit("meters", {"meter_code": "M2"})]
    planned = plan("meters", *edits)
    assert [change.kind for change in planned.changes] == ["new", "changed", "unchanged"]
    assert not planned.is_applied
    assert (count("ledger.changes"), count("ops.batches")) == before
    applied = apply("meters", *edits)
    assert applied.changes == planned.changes
    assert applied.is_applied


@pytest.mark.usefixtures("plant")
def test_what_changes_nothing_writes_nothing() -> None:
    before = count("ledger.changes"), count("ops.batches")
    outcome = apply("meters", edit("meters", {"meter_code": "M1"}, multiplier="100.00", name=" 进线1 "))
    assert (outcome.is_applied, [one.kind for one in outcome.changes]) == (True, ["unchanged"])
    event = {"meter_code": "M1", "event_at": "2026-01-06 00:00:00", "kind": "replaced"}
    assert [
        one.kind for one in apply("meter_events", edit("meter_events", event, old_last_reading="99.50")).changes
    ] == ["unchanged"]
    assert (count("ledger.changes"), count("ops.batches")) == before


@pytest.mark.usefixtures("plant")
def test_two_people_cannot_overwrite_each_other() -> None:
    seen = version("meters", meter_code="M1")
    apply("meters", Edit({"meter_code": "M1"}, {"location": "甲处"}, seen), author=Author("张三"))
    late = apply("meters", Edit({"meter_code": "M1"}, {"location": "乙处"}, seen), author=Author("李四"))
    assert codes(late) == [(0, "meter_code", "conflict")]
    assert "张三" in late.refusals[0].text
    assert str(datetime.now(UTC).year) in late.refusals[0].text
    assert rows("select location from ledger.meters where meter_code = 'M1'") == [("甲处",)]
    assert codes(apply("meters", Edit({"meter_code": "M1"}, {"location": "乙处"}))) == [
        (0, "meter_code", "version_missing")
    ]
    # An import in between counts as well.
    seen = version("meters", meter_code="M2")
    with connections.connect("ingest") as connection:
        connection.execute("update ledger.meters set name = '别名' where meter_code = 'M2'")
    assert codes(apply("meters", Edit({"meter_code": "M2"}, {"name": "x"}, seen))) == [(0, "meter_code", "conflict")]


def test_of_two_at_once_one_waits_and_is_refused(plant: Path) -> None:
    assert plant
    seen = version("meters", meter_code="M1")
    outcomes: list[Outcome] = []

    def one(name: str) -> None:
        outcomes.append(apply("meters", Edit({"meter_code": "M1"}, {"location": name}, seen), author=Author(name)))

    threads = [threading.Thread(target=one, args=(name,)) for name in ("甲", "乙", "丙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcome.is_applied for outcome in outcomes) == [False, False, True]
    assert sorted(codes(outcome) for outcome in outcomes) == [[], *[[(0, "meter_code", "conflict")]] * 2]


REFUSED: dict[str, tuple[str, dict[str, str], str, str]] = {
    "no name": ("meters", METER | {"name": ""}, "name", "missing_value"),
    "bad code": ("meters", METER | {"meter_code": "M 9"}, "meter_code", "bad_code"),
    "no number": ("meters", METER | {"multiplier": "十"}, "multiplier", "not_a_number"),
    "out of range": ("meters", METER | {"multiplier": "0"}, "multiplier", "out_of_range"),
    "no such choice": ("meters", METER | {"reading_kind": "x"}, "reading_kind", "unknown_choice"),
    "no such energy": ("meters", METER | {"energy_code": "nuclear"}, "energy_code", "unknown_reference"),
    "no such unit": ("meters", METER | {"org_code": "W9"}, "org_code", "unknown_reference"),
    "taken": ("meters", METER | {"meter_code": "M1"}, "meter_code", "already_exists"),
    "no such column": ("meters", METER | {"colour": "红"}, "colour", "unknown_column"),
    "own parent": ("org_units", {"org_code": "A", "name": "甲", "parent_code": "A"}, "parent_code", "parent_cycle"),
    "overlap": (
        "energies",
        {"energy_code": "raw_coal", "name": "煤", "unit": "t", "class": "primary", "valid_from": "2026-03-01"},
        "energy_code",
        "validity_overlap",
    ),
    "reversed": (
        "jjf1051_codes",
        {"code": "1", "name": "秤", "valid_from": "2026-03-01", "valid_to": "2026-03-01"},
        "valid_to",
        "validity_reversed",
    ),
    "unknown meter in an expression": (
        "flows",
        {"flow_code": "F9", "energy_code": "electricity", "from_node": "N0", "to_node": "N1", "level": "1",
         "item": "purchase", "measured_by": "M1 + M7"},
        "measured_by",
        "expression_unknown_meter",
    ),
    "thresholds out of order": (
        "equipment_rules",
        {"equipment_code": "EQ1", "flow_code": "F1", "running_above_kw": "5", "idle_above_kw": "50"},
        "running_above_kw",
        "not_ascending",
    ),
    "another site": ("site", {"site_code": "S2", "name": "别处"}, "site_code", "key_fixed"),
}  # fmt: skip


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize("name", REFUSED)
def test_a_field_that_cannot_stand_is_refused_by_name_in_chinese(name: str) -> None:
    table, values, column, code = REFUSED[name]
    before = count("ledger.changes")
    outcome = apply(table, Edit(None, values))
    assert (codes(outcome), outcome.is_applied) == ([(0, column, code)], False)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in outcome.refusals[0].text)
    assert count("ledger.changes") == before


@pytest.mark.usefixtures("plant")
def test_every_faulty_field_of_a_form_is_told_at_once() -> None:
    outcome = plan("meters", Edit(None, METER | {"name": "", "multiplier": "x", "installed_on": "昨天"}))
    assert codes(outcome) == [
        (0, "name", "missing_value"),
        (0, "multiplier", "not_a_number"),
        (0, "installed_on", "not_a_date"),
    ]


@pytest.mark.usefixtures("plant")
def test_one_refusal_stops_all_edits_of_the_call() -> None:
    before = count("ledger.changes")
    outcome = apply(
        "meters",
        Edit(None, METER),
        edit("meters", {"meter_code": "M1"}, name=""),
        Edit({"meter_code": "M7"}, {"name": "x"}, 1),
    )
    assert codes(outcome) == [(1, "name", "missing_value"), (2, "meter_code", "not_found")]
    assert [change.index for change in outcome.changes] == [0]
    assert not outcome.is_applied
    assert count("ledger.changes") == before


@pytest.mark.usefixtures("plant")
def test_a_key_stays_what_it_is() -> None:
    outcome = apply("meters", edit("meters", {"meter_code": "M1"}, meter_code="M5"))
    assert codes(outcome) == [(0, "meter_code", "key_fixed")]
    assert apply("meters", edit("meters", {"meter_code": "M1"}, meter_code="Ｍ１", name="x")).is_applied


@pytest.mark.usefixtures("plant")
def test_edits_of_one_row_in_one_call_must_agree() -> None:
    assert [one.kind for one in apply("meters", Edit(None, METER), Edit(None, METER)).changes] == ["new"]
    other = METER | {"meter_code": "M8"}
    outcome = apply("meters", Edit(None, other), Edit(None, other | {"name": "别名"}))
    assert codes(outcome) == [(index, "meter_code", "conflicting_duplicate") for index in (0, 1)]


@pytest.mark.usefixtures("plant")
def test_a_flow_that_is_edited_gets_its_terms_anew() -> None:
    assert apply("flows", edit("flows", {"flow_code": "F2"}, measured_by="M1 + 2 * M2")).is_applied
    assert rows("select meter_code, coefficient from ledger.flow_terms where flow_code = 'F2' order by 1") == [
        ("M1", 1),
        ("M2", 2),
    ]
    apply("flows", edit("flows", {"flow_code": "F2"}, measured_by=""))
    assert rows("select meter_code from ledger.flow_terms where flow_code = 'F2'") == []
    assert rows("select count(*) from ledger.flow_terms where flow_code = 'F1'") == [(2,)]


@pytest.mark.usefixtures("plant")
def test_the_site_and_what_stands_beside_columns_are_edited_by_name() -> None:
    assert apply("site", edit("site", {"site_code": "S1"}, address="昆明市", phone="123", day_start="8:00")).is_applied
    assert rows("select enterprise, day_start::text, month_start_day from ledger.sites") == [
        ({"type_code": "1", "address": "昆明市", "phone": "123"}, "08:00:00", 26)
    ]
    assert codes(apply("site", edit("site", {"site_code": "S1"}, timezone="Mars/Base"))) == [
        (0, "timezone", "unknown_timezone")
    ]
    assert apply("alarm_rules", edit("alarm_rules", {"rule_code": "R1"}, threshold="7", note="夜间")).is_applied
    assert apply("alarm_rules", Edit(None, {"rule_code": "R3", "threshold": "9"})).is_applied
    assert rows("select rule_code, name, more from ledger.alarm_rules order by 1") == [
        ("R1", "R1", {"threshold": "7", "note": "夜间"}),
        ("R2", "R2", {"threshold": "6"}),
        ("R3", "R3", {"threshold": "9"}),
    ]
    assert codes(apply("alarm_rules", Edit(None, {"rule_code": "R3", "threshold": "8"}))) == [
        (0, "rule_code", "already_exists")
    ]


def test_an_edit_is_news_for_the_next_build_even_when_it_had_to_wait(plant: Path) -> None:
    assert plant
    with connections.connect("ingest") as connection:
        connection.execute("update ops.batches set status = 'accepted', judged_at = %s", [NOW])
    with connections.connect("transform") as connection:
        connection.execute(
            "insert into ops.events (occurred_at, kind, severity, message)"
            " values (clock_timestamp(), 'marts_built', 'info', '')"
        )
    assert not building.has_news()
    apply("meters", edit("meters", {"meter_code": "M1"}, multiplier="101"), now=NOW)
    assert building.has_news()


@pytest.mark.usefixtures("plant")
def test_a_build_is_not_disturbed_and_the_editor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "LOCK_WAIT_MS", 50)
    wanted = edit("meters", {"meter_code": "M1"}, name="x")
    with building.warehouse_lock():
        outcome = apply("meters", wanted)
        assert codes(outcome) == [(WHOLE, None, "warehouse_busy")]
        assert not outcome.is_applied
        assert plan("meters", wanted).changes[0].kind == "changed"
    assert apply("meters", wanted).is_applied


def test_nobody_edits_what_is_no_ledger() -> None:
    with pytest.raises(UnknownLedgerError):
        plan("changes")
    with pytest.raises(UnknownLedgerError):
        apply("flow_terms", Edit(None, {}))


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    "statement",
    [
        "delete from ledger.meters",
        "delete from ledger.verifications",
        "update ops.batches set status = 'held'",
        "select * from raw.readings",
        "insert into raw.readings select * from raw.readings",
        "select * from marts.dim_meters",
        "create table ledger.mine (a int)",
    ],
)
def test_the_role_that_keeps_ledgers_may_do_no_more(statement: str) -> None:
    expected: Any = (errors.InsufficientPrivilege, errors.UndefinedTable)
    with connections.connect("keep") as connection, pytest.raises(expected):
        connection.execute(statement.encode())


@pytest.mark.usefixtures("plant")
def test_reading_leaves_no_transaction_open_so_that_an_edit_commits_at_once() -> None:
    connection = connections.connect("keep")
    try:
        found = reading.get(connection, "S1", "meters", {"meter_code": "M1"})
        assert found is not None
        reading.columns(connection, "S1", "alarm_rules")
        reading.org_of(connection, "S1", "meters", found.values)
        reading.history(connection, "S1", "meters", found.key)
        edit = Edit(found.key, {"name": "改"}, found.version)
        assert editing.plan(connection, "S1", "meters", [edit], LATER).changes[0].kind == "changed"
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert editing.apply(connection, "S1", "meters", [edit], LI, LATER).is_applied
        assert rows("select name from ledger.meters where meter_code = 'M1'") == [("改",)]
    finally:
        connection.close()


@pytest.mark.usefixtures("plant")
def test_an_open_transaction_of_the_caller_is_not_committed() -> None:
    before = count("ledger.changes")
    connection = connections.connect("keep")
    connection.execute("select 1")
    assert editing.apply(connection, "S1", "meters", [Edit(None, METER)], LI, LATER).is_applied
    connection.rollback()
    connection.close()
    assert count("ledger.changes") == before
    assert isinstance(connection, psycopg.Connection)
