"""Closed periods (design decision 7): the acts of closing and re-opening, and the figures they fixed.

The tables of the figures stand in ``marts`` and belong to the owner, not to transform, which may only add
rows: what was closed can be changed by no role that works, and a change by an administrator shows in the hash.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Closed figures stand nowhere else; restore a backup instead of undoing this.")
