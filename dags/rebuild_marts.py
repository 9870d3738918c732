"""# rebuild_marts

Computes the marts of a day anew, from its readings on, whatever was computed before.

**Input.** What is in the warehouse. Every night at 03:00 (Asia/Shanghai) a run takes the statistical day
that ended before: the day on which its data interval begins.

**Output.** The same figures as before: builds compute what changed, and this is the check of it. When a
figure became another, each site concerned gets an event `rebuild_changed_figures` (warning) in
`ops.events`. No asset, since nothing is new.

**Late data.** Is computed first, by the same run, and so is no difference.

**Backfill.** Any days: `airflow backfill create --dag-id rebuild_marts --from-date 2026-01-01 --to-date
2026-02-01` computes January, a run a day, one after another; add `--reprocess-behavior completed` for
days that have had their run. The end is not included, since that day's run begins at 03:00. Faster
for long stretches, in one go: `nengduan rebuild --from 2026-01-01 --to 2026-01-31`.

**Triage.** `rebuild` red: the message names the model or check, as in `build_marts`; the same run again
is harmless. Green with the event: the figures are right now and were not before. Keep `logs/dbt/`, run
`nengduan rebuild` for all days, and report it with the tables that the event names. Skipped: nothing
has landed of that day.

**Owner.** energy-data
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronDataIntervalTimetable, dag, get_current_context, task

from plugins.operations.policy import DEFAULT_ARGS, REBUILD, START, TIMEZONE
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags


@dag(
    doc_md=__doc__,
    dag_display_name="重新计算能耗",
    schedule=CronDataIntervalTimetable(REBUILD, timezone=TIMEZONE),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.PERFORMANCE, Layer.MARTS, Impact.TIER_2, Clause.PERFORMANCE),
)
def rebuild_marts() -> None:
    @task(retries=1, execution_timeout=timedelta(hours=5))
    def rebuild() -> None:
        """One day computed anew, gate included; skipped when nothing is known of it."""
        from airflow.sdk.exceptions import AirflowSkipException

        from plugins.operations import drop, rebuilding

        context = get_current_context()
        if nothing := rebuilding.rebuild_day(drop.run_name(context), rebuilding.day_of(context)):
            raise AirflowSkipException(nothing)

    rebuild()


rebuild_marts()
