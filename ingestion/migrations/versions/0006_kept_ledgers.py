"""Ledgers that people keep: metering records, motors, rules, calendars, retirement, the role that edits.

How rows are edited and retired: docs/decisions/0012-kept-ledgers.md.
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Going back would lose ledgers and their history; restore a backup instead.")
