"""A person may belong to an organisational unit, whose keeper then keeps the person's rows; else to the whole site."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Going back would lose ledgers and their history; restore a backup instead.")
