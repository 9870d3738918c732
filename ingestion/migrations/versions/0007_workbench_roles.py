"""Who may do what at the workbench, per site and org unit; a grant that was taken back stays readable."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError("Who was granted what would be lost; restore a backup instead of undoing it.")
