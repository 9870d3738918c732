"""What every task has unless its DAG says otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

OWNER = "energy-data"
TIMEZONE = "Asia/Shanghai"
START = datetime(2026, 1, 1, tzinfo=ZoneInfo(TIMEZONE))
"""Fixed, so that parsing twice gives the same DAG; nothing is caught up from it."""

WATCH = "*/5 * * * *"
"""How often the drop folder is looked at. A look that finds nothing costs one short task."""

QUARTER = "*/15 * * * *"
"""How often the sender looks whose turn it is; platforms give each plant a slot of its own."""

NIGHT = "30 3 * * *"
"""When upkeep runs, local time: after the day's figures, before anybody looks at them."""

REBUILD = "0 3 * * *"
"""When the day before is computed anew: it is over, and its last readings have come."""

MORNING = "0 8 * * *"
"""When people are reminded of what falls due, local time: as they come to work."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=30),
}
