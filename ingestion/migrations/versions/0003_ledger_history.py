"""Who changed what in the ledgers, when and why; who brought a batch; readings that were corrected.

A table added to schema ledger by a later migration calls ``select ledger.keep_history('ledger.<table>')``.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("The history of the ledgers would be lost; restore a backup instead of undoing it.")
