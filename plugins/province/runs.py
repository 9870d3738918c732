"""One destination's turn as Airflow gives it: what was asked, the run, and whether somebody must look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from plugins.province import preflight, sender
from plugins.province.destinations import DestinationError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """A turn: ``parameters`` are the DAG's (first, last, items, dry_run)."""

    run_id: str
    destination: str
    trigger: str
    slot_date: Any
    parameters: Mapping[str, Any]

    def request(self) -> sender.Request:
        """What the sender is asked; raises DestinationError where the range is none."""
        first, last = (_day(self.parameters.get(name)) for name in ("first", "last"))
        if (first is None) != (last is None) or (first and last and last < first):
            raise DestinationError(f"first（{first}）与 last（{last}）要么都给且不颠倒，要么都不给。")
        return sender.Request(
            self.trigger,
            first,
            last + timedelta(days=1) if last else None,
            self.parameters.get("items") or None,
            _day(self.slot_date),
        )


def serve(asked: Asked, say: Say) -> str | None:
    """Run it; returns what somebody must look at, or None. What happened goes to ``say`` line by line."""
    request = asked.request()
    if asked.parameters.get("dry_run"):
        for line in preflight.look(asked.destination, request.first, request.after, request.codes, datetime.now(UTC)):
            say(line)
        return None
    try:
        report = sender.run(asked.destination, request, asked.run_id, say=say)
    except sender.BusyError as error:
        say(str(error))
        return None
    for line in preflight.tell(report):
        say(line)
    return "；".join(report.problems) if report.is_cut_short or report.failed else None


def _day(value: Any) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None
