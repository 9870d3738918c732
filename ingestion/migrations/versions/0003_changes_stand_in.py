"""Stand-in for the history of the ledgers, until migration 0003 of that name is merged; then this file goes."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        alter table ops.batches add column actor text default session_user, add column reason text;
        create table ledger.changes (
            change_id bigint generated always as identity,
            site_code text not null,
            table_name text not null,
            row_key jsonb not null,
            operation text not null,
            before jsonb,
            after jsonb,
            changed_at timestamptz not null default now(),
            changed_by text not null,
            reason text,
            batch_id bigint,
            primary key (site_code, change_id)
        );
        grant select on ledger.changes to nengduan_transform, nengduan_audit;
        grant select, insert on ledger.changes to nengduan_ingest;
        """
    )


def downgrade() -> None:
    op.execute("drop table ledger.changes")
