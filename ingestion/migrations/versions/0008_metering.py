"""Metering management (DB53/T 1026-2021, 4.3): requirements of a site's own, and messages that remind once."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Going back would lose requirements and messages; restore a backup instead.")
