"""Uploading to platforms (DB53/T 1026-2021, 4.11): destinations, the outbox, every exchange."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Going back would lose what was sent and acknowledged; restore a backup instead.")
