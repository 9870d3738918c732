"""Rows put out of use: never from under what is in use, never deleted, and taken back by an edit."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from ingestion import warehouse as connections
from ingestion.ledgers import picking, reading
from ingestion.ledgers.editing import WHOLE, Edit
from ingestion.settings import Settings
from tests.integration.landing_plant import LEDGERS, load, rows, write
from tests.integration.ledger_edits import METER, TODAY, apply, codes, edit, record, retire

pytestmark = pytest.mark.usefixtures("warehouse", "plant")


@pytest.fixture
def plant(warehouse: Settings, tmp_path: Path) -> Path:
    """The small plant, loaded."""
    assert warehouse
    load(write(tmp_path / "plant", LEDGERS))
    return tmp_path / "plant"


def test_a_meter_that_nothing_in_use_counts_on_is_stopped() -> None:
    refused = retire("meters", {"meter_code": "M3"})
    assert codes(refused) == [(0, "meter_code", "still_referred")]
    assert "能流（flows）“F2”" in refused.refusals[0].text
    apply("flows", edit("flows", {"flow_code": "F2"}, measured_by="M1 + M2"))
    assert retire("meters", {"meter_code": "M3"}).is_applied
    assert rows("select status, status_since from ledger.meters where meter_code = 'M3'") == [("stopped", TODAY)]
    # Again, later: it is out of use already, and since when stays.
    again = retire("meters", {"meter_code": "M3"}, on_date=TODAY + timedelta(days=9))
    assert [one.kind for one in again.changes] == ["unchanged"]
    assert rows("select status_since from ledger.meters where meter_code = 'M3'") == [(TODAY,)]
    # Taken back by an edit.
    assert apply("meters", edit("meters", {"meter_code": "M3"}, status="正常", status_since="2026-02-03")).is_applied
    assert not record("meters", meter_code="M3").is_retired


def test_records_of_a_thing_do_not_keep_it_in_use() -> None:
    assert apply(
        "verifications", Edit(None, {"meter_code": "M3", "verified_on": "2026-01-09", "kind": "检定"})
    ).is_applied
    apply("flows", edit("flows", {"flow_code": "F2"}, measured_by="M1"))
    assert retire("meters", {"meter_code": "M3"}).is_applied
    assert rows("select retired_on from ledger.verifications") == [(None,)]


def test_a_unit_is_retired_with_all_that_is_in_it_or_not_at_all() -> None:
    assert codes(retire("org_units", {"org_code": "HQ"})) == [(0, "org_code", "still_referred")]
    apply("org_units", Edit(None, {"org_code": "W2", "name": "二车间", "parent_code": "HQ"}))
    apply("org_units", Edit(None, {"org_code": "T2", "name": "班组", "parent_code": "W2"}))
    assert codes(retire("org_units", {"org_code": "W2"})) == [(0, "org_code", "still_referred")]
    assert retire("org_units", {"org_code": "W2"}, {"org_code": "T2"}).is_applied
    assert rows("select org_code, retired_on from ledger.org_units where retired_on is not null order by 1") == [
        ("T2", TODAY),
        ("W2", TODAY),
    ]
    # The same by the form's own field.
    assert codes(apply("org_units", edit("org_units", {"org_code": "W1"}, retired_on="2026-02-02"))) == [
        (0, "org_code", "still_referred")
    ]
    assert apply("org_units", edit("org_units", {"org_code": "W2"}, retired_on="")).is_applied
    assert not record("org_units", org_code="W2").is_retired


def test_a_row_is_in_use_until_the_day_from_which_on_it_is_retired() -> None:
    day = TODAY + timedelta(days=30)
    apply("org_units", Edit(None, {"org_code": "W2", "name": "二车间", "parent_code": "HQ"}))
    apply("org_units", Edit(None, {"org_code": "T2", "name": "班组", "parent_code": "W2"}))
    assert retire("org_units", {"org_code": "W2"}, {"org_code": "T2"}, on_date=day).is_applied
    for today, listed in ((day - timedelta(days=1), ["HQ", "T2", "W1", "W2"]), (day, ["HQ", "W1"])):
        with connections.connect("keep") as connection:
            page = reading.query(connection, "S1", "org_units", today=today)
            offered = picking.search(connection, "S1", "org_units", "", today)
        assert [one.values["org_code"] for one in page.records] == listed
        assert [one.code for one in offered.choices] == listed
        assert not any(one.is_retired for one in page.records)
    # T2 is in use until that day: what it lies in can't go before it does.
    before = (day - timedelta(days=1)).isoformat()
    assert codes(retire("org_units", {"org_code": "W2"}, on_date=day - timedelta(days=1))) == [
        (0, "org_code", "still_referred")
    ]
    assert codes(apply("org_units", edit("org_units", {"org_code": "W2"}, retired_on=before))) == [
        (0, "org_code", "still_referred")
    ]
    assert retire("org_units", {"org_code": "T2"}, on_date=day - timedelta(days=1)).is_applied
    assert apply("org_units", edit("org_units", {"org_code": "W2"}, retired_on=before)).is_applied


def test_a_meter_is_in_use_until_the_day_on_which_it_stops() -> None:
    day = TODAY + timedelta(days=30)
    apply("flows", edit("flows", {"flow_code": "F2"}, measured_by="M1"))
    assert retire("meters", {"meter_code": "M3"}, on_date=day).is_applied
    with connections.connect("keep") as connection:
        for today, is_listed in ((day - timedelta(days=1), True), (day, False)):
            assert [one.code for one in picking.search(connection, "S1", "meters", "M3", today).choices] == (
                ["M3"] if is_listed else []
            )
            assert reading.query(connection, "S1", "meters", search="M3", today=today).total == int(is_listed)


def test_rows_with_a_validity_end_and_the_site_never_does() -> None:
    shift = {"shift_code": "A", "valid_from": ""}
    assert retire("shifts", shift).is_applied
    assert rows("select valid_to from ledger.shifts where shift_code = 'A'") == [(TODAY,)]
    later = retire("shifts", shift, on_date=TODAY + timedelta(days=9))
    assert [one.kind for one in later.changes] == ["unchanged"]
    tariff = {"energy_code": "electricity", "valid_from": "2026-01-01", "period": "峰", "start": "8:00"}
    assert codes(retire("tariffs", tariff, on_date=date(2026, 1, 1))) == [(0, "valid_to", "validity_reversed")]
    assert codes(retire("site", {"site_code": "S1"})) == [(WHOLE, None, "never_retired")]


def test_an_energy_that_the_platform_knows_may_lose_its_own_row() -> None:
    outcome = retire("energies", {"energy_code": "steam", "valid_from": ""})
    assert outcome.is_applied
    apply(
        "energies",
        Edit(None, {"energy_code": "brew", "name": "自产气", "unit": "m3", "class": "二次能源"}),
    )
    apply("meters", Edit(None, METER | {"energy_code": "brew", "unit": "m3"}))
    held = retire("energies", {"energy_code": "brew", "valid_from": ""})
    assert codes(held) == [(0, "energy_code", "still_referred")]
    assert "计量器具（meters）“M9”" in held.refusals[0].text
