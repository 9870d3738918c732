"""# announce_edits

Tells the DAGs that wait for ledgers that people have edited some: at the workbench, or with
`nengduan ledger import`. The edits themselves are written, and checked, at once; what follows from them is
computed with the next build.

**Input.** `ops.batches`: accepted batches of the source `workbench` that no build has seen. Looked at every
five minutes; a manual run looks at once.

**Output.** Asset `ledgers`, only when there are such edits and they were not announced before; `build_marts`
waits for it.

**Late data.** Does not apply: what a look misses, the next one finds.

**Backfill.** None is needed: ledgers are states and not events.

**Triage.** `find_edits` red: the database did not answer; a retry is harmless. Edits that do not show in
the figures although this DAG is green: look at `build_marts`.

**Owner.** energy-data
"""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from plugins.operations.assets import LEDGERS
from plugins.operations.policy import DEFAULT_ARGS, START, WATCH
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags


@dag(
    doc_md=__doc__,
    dag_display_name="台账修改生效",
    schedule=WATCH,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.LEDGERS, Layer.INGEST, Impact.TIER_1, Clause.METERING),
)
def announce_edits() -> None:
    @task(inlets=[LEDGERS], outlets=[LEDGERS])
    def find_edits() -> list[int]:
        """The edits that are news; their batches are named in the asset's event."""
        from airflow.sdk.exceptions import AirflowSkipException

        from plugins.operations import edits

        context = get_current_context()
        newest = context["inlet_events"][LEDGERS].ascending(False).limit(1)
        batches = edits.waiting(edits.announced([event.extra for event in newest]))
        if not batches:
            raise AirflowSkipException("nobody has edited a ledger since the last build")
        context["outlet_events"][LEDGERS].extra = {"batches": [*batches]}
        return batches

    find_edits()


announce_edits()
