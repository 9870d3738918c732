"""Retention: months of readings leave, what they became in the marts stays, and it stays true.

The mechanism and its proof: docs/decisions/0011-retention-edge.md.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Months that have been retired cannot be put back; restore a backup instead.")
