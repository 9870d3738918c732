"""# maintain_warehouse

Keeps the warehouse in shape: makes the coming months of `raw.readings`, takes out those past their
retention, refreshes statistics and BRIN summaries, and says when disk, dead rows or transaction ids
need somebody. The same as `nengduan upkeep`.

**Input.** The warehouse as it is; `NENGDUAN_RETENTION_MONTHS` (36 unless set, 6 at least) and
`NENGDUAN_RETENTION_ACTION` (detach: a month moves to schema `archive`; drop: it is gone).

**Output.** Partitions and statistics. No figure changes: marts are kept for ever. What was retired:
`ops.retired_months`.

**Late data.** Readings before the retention edge are refused from then on, each with the reason
`before_retention_edge`. Readings after it count as ever; what they need of the time before is kept
in `raw.readings_before_edge`.

**Backfill.** None is needed: a run does everything that is due.

**Triage.** `report_problems` red: the message says what was found and what to do (disk, transaction
ids, a default partition). `keep_up` says in its log what it did. "stays in raw.readings" is no fault:
the month waits for the batches or the build named there, and the next night tries again. `keep_up`
red: read its log; a retry is harmless. `verify_marts` red: a data test of dbt failed over a whole table; the
message names it, and `nengduan rebuild` computes the days anew.

**Owner.** energy-data
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import dag, task

from plugins.operations.policy import DEFAULT_ARGS, NIGHT, START
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

log = logging.getLogger(__name__)


@dag(
    doc_md=__doc__,
    dag_display_name="维护数据仓库",
    schedule=NIGHT,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.WAREHOUSE, Layer.UPKEEP, Impact.TIER_2, Clause.MONITORING),
)
def maintain_warehouse() -> None:
    @task(execution_timeout=timedelta(hours=4))
    def keep_up() -> list[str]:
        """Do what is due; returns the faults that were found."""
        from datetime import UTC, datetime

        from ingestion import settings
        from plugins.operations import upkeep

        return upkeep.keep_up(settings.load(), datetime.now(UTC), say=log.info).faults

    @task(execution_timeout=timedelta(hours=2))
    def verify_marts() -> str:
        """dbt's data tests over whole tables, while nobody rebuilds them; returns the log's path."""
        from airflow.sdk import get_current_context

        from plugins.operations import building, drop

        with building.warehouse_lock(log.info):
            return str(building.run_tests(drop.run_name(get_current_context()), log.info))

    @task(retries=0)
    def report_problems(faults: list) -> None:
        """Fail, with what was found and what to do about it."""
        from airflow.sdk.exceptions import AirflowFailException

        if faults:
            raise AirflowFailException("; ".join(faults))

    kept = keep_up()
    report_problems(kept)
    kept >> verify_marts()


maintain_warehouse()
