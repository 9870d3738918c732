"""Connections to the warehouse, one role at a time.

Sessions are in UTC, whatever the server or the client's machine is set to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from ingestion import settings

CONNECT_TIMEOUT_SECONDS = 10

LOCK_KEY = 0x6E656E67
"""Key of the advisory lock over ledgers, accepted batches and marts, the letters "neng"; see
``plugins.operations.building.warehouse_lock``. Nothing else in the warehouse locks by it."""


def connect(role: str, **options: Any) -> psycopg.Connection[Any]:
    """A psycopg connection as ``nengduan_<role>``; ``options`` go to ``psycopg.connect``."""
    return psycopg.connect(
        settings.load().url(role),
        **{
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": "-c timezone=UTC",
            "application_name": f"nengduan {role}",
            **options,
        },
    )


def engine(role: str) -> Engine:
    """A SQLAlchemy engine as ``nengduan_<role>``, kept for the life of the process."""
    return _engine(settings.load().url(role))


@lru_cache(maxsize=16)
def _engine(url: str) -> Engine:
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_pre_ping=True,
        pool_size=2,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": "-c timezone=UTC"},
    )
