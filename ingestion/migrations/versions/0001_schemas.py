"""The schemas we write by hand: ledger, raw, ops, quarantine; and those dbt fills.

Columns of ``ledger`` follow contract §1 (docs/contract.md); every table starts with
``site_code``, the tenant and distribution key. Numbers are ``numeric``: statutory
figures come out of them, and exact sums do not depend on the order of arrival.
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("The first migration holds all data; restore a backup instead of undoing it.")
