"""Edits of the small plant's ledgers, as the workbench makes them; for tests that say what they come to."""

from __future__ import annotations

from datetime import date, datetime

from ingestion import warehouse as connections
from ingestion.authorship import Author
from ingestion.ledgers import editing, reading
from ingestion.ledgers.editing import Edit, Outcome
from tests.integration.landing_plant import LATER, rows

LI = Author("李工", "巡检后更正")
TODAY = date(2026, 2, 2)
METER = {
    "meter_code": "M9",
    "name": "新表",
    "energy_code": "electricity",
    "reading_kind": "累计值",
    "unit": "kWh",
    "org_code": "W1",
}


def apply(table: str, *edits: Edit, author: Author = LI, now: datetime = LATER) -> Outcome:
    with connections.connect("keep") as connection:
        return editing.apply(connection, "S1", table, edits, author, now)


def plan(table: str, *edits: Edit) -> Outcome:
    with connections.connect("keep") as connection:
        return editing.plan(connection, "S1", table, edits, LATER)


def retire(table: str, *keys: dict[str, str], on_date: date = TODAY) -> Outcome:
    with connections.connect("keep") as connection:
        wanted = [(key, version(table, **key)) for key in keys]
        return editing.retire(connection, "S1", table, wanted, on_date, LI, LATER)


def record(table: str, **key: str) -> reading.Record:
    with connections.connect("keep") as connection:
        found = reading.get(connection, "S1", table, key)
    assert found is not None, (table, key)
    return found


def version(table: str, **key: str) -> int | None:
    return record(table, **key).version


def edit(table: str, key: dict[str, str], **values: str) -> Edit:
    return Edit(key, values, version(table, **key))


def codes(outcome: Outcome) -> list[tuple[int, str | None, str]]:
    return [(one.index, one.column, one.code) for one in outcome.refusals]


def count(table: str) -> int:
    return int(rows(f"select count(*) from {table}")[0][0])
