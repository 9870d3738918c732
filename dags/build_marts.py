"""# build_marts

Computes what has changed since the last build: hours of the meters that were read or corrected, the flows they
belong to, their days, months and 能耗实绩 by type, level and item, and comprehensive energy consumption. The
marts gate then judges what was computed.

**Input.** Assets `ledgers`, `erp`, `readings`: any of them starts a run, and all events that arrive
while one runs are taken up by one more. What to compute is marked in `ops.dirty_meters`, `ops.dirty_flows`
and `ops.dirty_energies`; changed ledgers are found by comparing.

**Output.** Schema `marts`, written in place, and asset `marts` when the gate has passed.

**Late data.** Every accepted reading counts, whenever it arrived: it marks its meter and day, and a build
ends in the same tables as if all had come in order.

**Backfill.** Trigger it by hand: a build covers all that is marked, a large backlog month by month. A run that
data started is skipped when an earlier one has seen them already. A new version of the models computes everything
anew by itself.

**Triage.** `build` red: the message names the model, and the log of dbt (in `logs/dbt/` of
the platform's home). Each table keeps its last state until its new one is whole, the marks stay, and the
next run goes on from them. `judge` red: the marts do
not add up; the message says which meter or flow, `ops.quality_results` and the page 数据质量检查 have all
checks. Do not report figures of that build; the next gate looks at the same again. Warnings (balance,
completeness, freshness) fail nothing and are for the plant.

**Owner.** energy-data
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from plugins.operations.assets import ERP, LEDGERS, MARTS, READINGS
from plugins.operations.policy import DEFAULT_ARGS, START
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

log = logging.getLogger(__name__)


@dag(
    doc_md=__doc__,
    dag_display_name="计算能耗",
    schedule=(LEDGERS | ERP | READINGS),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.PERFORMANCE, Layer.MARTS, Impact.TIER_1, Clause.PERFORMANCE),
)
def build_marts() -> None:
    @task(retries=1, execution_timeout=timedelta(hours=5))
    def build() -> str:
        """dbt over what is marked; returns the path of its log."""
        from airflow.sdk.exceptions import AirflowSkipException

        from plugins.operations import drop, pipeline

        context = get_current_context()
        by_data = context["dag_run"].run_type == "asset_triggered"
        built = pipeline.build_marts(drop.run_name(context), log.info, only_news=by_data)
        if built is None:
            raise AirflowSkipException("an earlier build holds everything that was accepted")
        return str(built)

    @task(outlets=[MARTS])
    def judge() -> None:
        """The marts gate; the asset is updated only when it has passed."""
        from airflow.sdk.exceptions import AirflowFailException

        from plugins.operations import drop, pipeline

        verdict = pipeline.judge_marts(drop.run_name(get_current_context()))
        if not verdict.is_passed:
            raise AirflowFailException(verdict.reason)

    build() >> judge()


build_marts()
