"""Marks of readings that a test has written into raw.readings by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from ingestion import readings_landing
from ingestion.readings import days_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mark_readings(
    connection: psycopg.Connection[Any], site: str, batch_id: int, readings: Iterable[tuple[str, datetime]]
) -> None:
    """As landing does; ``readings`` are the meters' codes and instants."""
    codes, instants = zip(*readings, strict=True)
    microseconds = np.array([(instant - EPOCH) // timedelta(microseconds=1) for instant in instants], dtype=np.int64)
    readings_landing.mark_days(connection, site, batch_id, days_of(pa.array(codes), microseconds))
