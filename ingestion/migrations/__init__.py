"""Alembic migrations of the schemas we write by hand: ledger, raw, ops, quarantine."""
