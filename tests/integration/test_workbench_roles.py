"""Roles at the workbench: those given there, and what Airflow's own stand for; edits that wait for a build."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing
from ingestion.settings import Settings
from plugins.operations import edits
from plugins.workbench import roles
from plugins.workbench.ledgers import desk, files, pending
from plugins.workbench.roles import Grant, Role, Scope, Visitor
from tests.integration.landing_plant import LATER, LEDGERS, load, write

NOW = datetime(2026, 2, 3, tzinfo=UTC)


def user(name: str, **attributes: Any) -> SimpleNamespace:
    return SimpleNamespace(get_name=lambda: name, **attributes)


def as_visitor(one: SimpleNamespace) -> Visitor:
    with connections.connect("keep") as connection:
        return roles.visitor(one, connection)


def grant(name: str, role: str, site: str = "S1", org_code: str | None = None) -> None:
    with connections.connect("keep") as connection:
        connection.execute(
            "insert into ops.workbench_roles (site_code, user_name, role, org_code, granted_by)"
            " values (%s, %s, %s, %s, 'test')",
            [site, name, role, org_code],
        )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"role": "ADMIN"}, Role.ADMIN),
        ({"role": "op"}, Role.ENERGY_MANAGER),
        ({"role": "viewer"}, Role.VIEWER),
        ({"roles": [SimpleNamespace(name="Admin")]}, Role.ADMIN),
        ({"roles": [SimpleNamespace(name="Public"), SimpleNamespace(name="auditor")]}, Role.AUDITOR),
    ],
)
def test_without_grants_airflows_role_counts(warehouse: Settings, attributes: dict[str, Any], expected: Role) -> None:
    assert as_visitor(user("li", **attributes)).roles("any site") == {expected}


def test_airflows_user_has_nothing_until_a_unit_is_given(warehouse: Settings) -> None:
    one = user("li", role="user")
    assert not as_visitor(one).reads("S1")
    grant("li", "keeper", org_code="W1")
    assert as_visitor(one).reads("S1") == Scope(org_codes=frozenset({"W1"}))
    assert not as_visitor(one).reads("S2")


def test_a_grant_takes_the_place_of_airflows_role_but_not_of_its_administrators(warehouse: Settings) -> None:
    grant("li", "viewer")
    assert not as_visitor(user("li", role="op")).writes("S1", "meters")
    assert not as_visitor(user("li", role="op")).reads("S2")
    assert as_visitor(user("li", role="admin")).administers("S2")


def test_what_a_role_may_change() -> None:
    def may(role: Role, table: str, org_code: str | None = None) -> bool:
        return bool(Visitor("x", (Grant(role, "S1", org_code),)).writes("S1", table))

    for role in (Role.VIEWER, Role.AUDITOR):
        assert not any(may(role, table) for table in ("meters", "persons", "flows"))
    assert may(Role.METERING_MANAGER, "persons")
    assert not may(Role.METERING_MANAGER, "flows")
    assert may(Role.KEEPER, "equipment", "W1")
    assert may(Role.KEEPER, "trainings", "W1")
    assert not may(Role.KEEPER, "flows", "W1")
    assert not may(Role.KEEPER, "equipment")
    assert may(Role.ENERGY_MANAGER, "flows")


def test_a_key_survives_its_way_through_an_address() -> None:
    from ingestion.ledgers.records import ledger

    table = ledger("trainings")
    key = {"person_code": "007", "trained_on": "2026-01-01", "content": "电能 表/校准!?"}
    assert desk.key_of(table, desk.pk_of(table, key)) == key
    for wrong in ("", "007", "!007", "!a!b!c!d", "x!a!b!c"):
        assert desk.key_of(table, wrong) is None


def test_a_workbook_waits_for_its_bringer_for_an_hour(warehouse: Settings) -> None:
    token = pending.keep(BytesIO(b"book"), "li", "S1", "meters", "../../台账.xlsx", NOW)
    found = pending.find(token, "li", "S1", "meters", NOW)
    assert found is not None
    assert found[0].parent == pending.folder()
    for user_name, site, ledger in (("wang", "S1", "meters"), ("li", "S2", "meters"), ("li", "S1", "flows")):
        assert pending.find(token, user_name, site, ledger, NOW) is None
    assert pending.find(token, "li", "S1", "meters", NOW + timedelta(hours=2)) is None
    for wrong in ("", "../x", token.upper(), f"{token}/../{token}"):
        assert pending.find(wrong, "li", "S1", "meters", NOW) is None
    pending.drop(token)
    assert pending.find(token, "li", "S1", "meters", NOW) is None


def test_a_file_is_judged_by_its_content_and_size(warehouse: Settings) -> None:
    name = files.keep(BytesIO(b"\x89PNG\r\n\x1a\n rest"))
    assert name.endswith(".png")
    assert files.keep(BytesIO(b"\x89PNG\r\n\x1a\n rest")) == name
    assert files.find(f"../{name}") is None
    with pytest.raises(files.FileError, match="只接受"):
        files.keep(BytesIO(b"<script>"))
    with pytest.raises(files.FileError, match="MB"):
        files.keep(BytesIO(b"%PDF-" + b"0" * files.LIMIT_BYTES))


def test_edits_are_announced_once_and_until_a_build_has_seen_them(warehouse: Settings, tmp_path: Path) -> None:
    load(write(tmp_path, LEDGERS))
    assert edits.waiting(0) == []
    with connections.connect("keep", autocommit=True) as connection:
        edit = editing.Edit(None, {"product_code": "P9", "name": "钢坯", "unit": "t"})
        outcome = editing.apply(connection, "S1", "products", [edit], Author("li"), LATER)
    assert outcome.is_applied
    (batch,) = edits.waiting(0)
    assert edits.waiting(batch) == []
    with connections.connect("transform", autocommit=True) as connection:
        connection.execute(
            "insert into ops.events (site_code, kind, severity, occurred_at, message)"
            " values (null, 'marts_built', 'info', now() + interval '1 minute', 'built')"
        )
    assert edits.waiting(0) == []
