"""# upload_province

Uploads to every provincial platform (DB53/T 1026-2021, 4.11): versions, what we declare, figures, and a comparison
with what the platform holds; one task per destination, so that one which is down delays no other. The same as
`nengduan upload`.

**Input.** `marts.upload_values` (what each item of the ledger `upload_items` amounts to), `ops.upload_destinations`.

**Output.** `ops.upload_outbox` (what each platform shall hold, and whether it has acknowledged it),
`ops.upload_exchanges` (every request), `ops.upload_runs`, `ops.upload_differences`; the dashboard 数据上传.

**When.** Every quarter of an hour it looks whose turn it is: the daily slot that the platform gave, and a backlog
whose back-off (1, 2, 4 … 60 minutes) is over. Figures that change after they were sent are sent again.

**Late data.** Whatever a build computes anew is compared with what was sent; a change becomes a correction, the old
value stays in `ops.upload_sent_values`.

**Backfill.** Trigger it by hand with `destination`, and `first`, `last`, `items` for a range or chosen items. `dry_run`
says what would be sent and what is missing, and sends nothing. Nothing is sent twice wrongly: the same figure twice is
one figure.

**Triage.** `upload` red: the message says what the platform did; rows stay and go out next time. Events
`upload_identity` (the credit code or the account), `upload_blocked` (the platform sent us to a host that is not
allowed: ask it, then `nengduan destination add … --allow-host`), `upload_rows_failed` (rows it refuses: reasons in
`ops.upload_outbox.last_message`), `upload_late` (the slot passed). A run that is killed is harmless.

**Owner.** energy-data
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from plugins.operations.policy import DEFAULT_ARGS, QUARTER, START
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

log = logging.getLogger(__name__)


@dag(
    doc_md=__doc__,
    dag_display_name="数据上传",
    schedule=QUARTER,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    params={
        "destination": Param(None, type=["null", "string"], description="只上报到此目的地；空：轮到的所有目的地"),
        "first": Param(None, type=["null", "string"], format="date", description="起始日"),
        "last": Param(None, type=["null", "string"], format="date", description="结束日（含）"),
        "items": Param([], type="array", items={"type": "string"}, description="只上报这些数据编码；空：全部"),
        "dry_run": Param(False, type="boolean", description="只预检，不发送"),
    },
    tags=tags(Domain.PROVINCE, Layer.EXCHANGE, Impact.TIER_1, Clause.UPLOAD),
)
def upload_province() -> None:
    @task
    def find_turns() -> list[dict]:
        """Who is served in this run: whose turn it is, or the destination that was asked for."""
        from datetime import UTC, datetime

        from plugins.province import schedule

        params = get_current_context()["params"]
        if params["destination"]:
            return [{"destination": params["destination"], "trigger": "command", "slot_date": None}]
        return [vars(turn) for turn in schedule.due(datetime.now(UTC))]

    @task(execution_timeout=timedelta(hours=5), map_index_template="{{ destination }}")
    def upload(destination: str, trigger: str, slot_date: object) -> None:
        """One destination: versions, declaration, figures, comparison."""
        from airflow.sdk.exceptions import AirflowFailException

        from plugins.operations import drop
        from plugins.province import runs

        context = get_current_context()
        context["destination"] = destination  # type: ignore[typeddict-unknown-key]
        asked = runs.Asked(drop.run_name(context), destination, trigger, slot_date, context["params"])
        if problem := runs.serve(asked, log.info):
            raise AirflowFailException(problem)

    @task
    def watch_deadlines() -> list[str]:
        """Alarms of slots that have passed an hour ago with something unsent; returns the new ones."""
        from datetime import UTC, datetime

        from plugins.province import schedule

        return schedule.watch_deadlines(datetime.now(UTC))

    # Not one after the other: a run has failed where its last tasks have, and an upload's failure is the run's.
    upload.expand_kwargs(find_turns())
    watch_deadlines()


upload_province()
