"""The database server: idempotent, recovers, and its roles may do what they must and no more."""

from __future__ import annotations

from ingestion import warehouse as connections
from ingestion.settings import Settings


def test_warehouse_fixture(warehouse: Settings) -> None:
    with connections.connect("bi") as c:
        assert c.execute("select current_database()").fetchone() == (warehouse.warehouse_database,)
