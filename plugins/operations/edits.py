"""Edits of ledgers that the next build has to see: the workbench writes them, the DAG announce_edits tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingestion import warehouse

_WAITING = """
select batch_id
from ops.batches
where kind = 'ledger' and source = 'workbench' and status = 'accepted' and judged_at >= coalesce(
    (select max(occurred_at) from ops.events where kind = 'marts_built'), '-infinity'
)
order by batch_id
"""


def announced(extras: Iterable[Any]) -> int:
    """The newest batch that events of the asset ``ledgers`` have named; 0 when they named none."""
    named = [batch for extra in extras for batch in (extra or {}).get("batches") or ()]
    return max((int(batch) for batch in named), default=0)


def waiting(announced: int) -> list[int]:
    """Batches of edits that no build has seen; none when the newest of them was announced already.

    ``announced`` is the newest batch that the asset's last event named: a build that fails is not started
    again and again for the same edits.
    """
    with warehouse.connect("transform") as connection:
        batches = [int(row[0]) for row in connection.execute(_WAITING.encode()).fetchall()]
    return batches if batches and batches[-1] > announced else []
