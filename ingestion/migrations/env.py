"""Alembic's environment: runs the migrations as ``nengduan_owner``.

There is no alembic.ini: the configuration is made in ``plugins.operations.server``, which
passes the URL. By hand: ``nengduan migrate``.
"""

from alembic import context
from sqlalchemy import create_engine, pool

config = context.config
# psycopg2 sends a migration's many statements as one, which psycopg 3 does not.
engine = create_engine(
    config.attributes["url"].replace("postgresql://", "postgresql+psycopg2://", 1), poolclass=pool.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
