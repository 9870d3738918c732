"""# ingest_readings

Imports meter readings of plant packages from the drop folder into `raw.readings` and judges each
batch.

**Input.** Files `readings/*.csv`, `.csv.gz`, `.parquet` (or the sheet `readings`) of every package
in the drop folder (`NENGDUAN_DROP_FOLDER`). Looked at every five minutes; a manual run looks at
once. A file that is still being written is left for the next look.

**Output.** Asset `readings`, only when a batch was accepted; `build_marts` waits for it.

**Late data.** No special path: readings of any age land in their month's partition and the next
build counts them, down to the retention edge (see `maintain_warehouse`); older rows are refused. A
correction is a row with a higher `revision`. The same content again does nothing.

**Backfill.** Put the files of the missing time into the package's folder, in any order, and trigger
this DAG.

**Triage.** `report_problems` red: a file was refused (half-written, truncated, no such site), or
its batch held by the gate (wrong unit, wrong clock, unknown meters); the message names it and says
what to do. The other files have gone on. A batch that was held because the ledger was wrong:
correct the ledger, and the run that imports it judges the batch again. Single refused rows never
fail a run: `quarantine.rejected_rows` lists them. Other tasks red: read the task's log; a retry is
harmless.

**Owner.** energy-data
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from plugins.operations.assets import READINGS
from plugins.operations.policy import DEFAULT_ARGS, START, WATCH
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

KIND = "readings"


@dag(
    doc_md=__doc__,
    dag_display_name="导入读数",
    schedule=WATCH,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.METERS, Layer.INGEST, Impact.TIER_1, Clause.MONITORING),
)
def ingest_readings() -> None:
    @task
    def find_packages() -> list[str]:
        """Packages of the drop folder with files that are new and fully written."""
        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.dropfolder import waiting_packages

        packages = waiting_packages(KIND)
        if not packages:
            raise AirflowSkipException("nothing new in the drop folder")
        return packages

    @task(map_index_template="{{ package }}", execution_timeout=timedelta(hours=4))
    def land_package(package: str) -> dict:
        """Land one package's new files, each file in one transaction."""
        from plugins.operations import drop

        context = get_current_context()
        context["package"] = package  # type: ignore[typeddict-unknown-key]
        return drop.land_package(KIND, package, drop.run_name(context))

    @task(trigger_rule="all_done_min_one_success")
    def judge_batches(landed: list) -> dict:
        """The batch gate: accepts or holds each batch that landed."""
        from plugins.operations import drop

        return drop.judge_packages(drop.run_name(get_current_context()), list(landed))

    @task(outlets=[READINGS])
    def announce(judged: dict) -> None:
        """Tell the DAGs that wait for this data, when there is any."""
        from airflow.sdk.exceptions import AirflowSkipException

        if not judged["accepted"]:
            raise AirflowSkipException("nothing new was accepted")
        get_current_context()["outlet_events"][READINGS].extra = {"batches": judged["accepted"]}

    @task(retries=0)
    def report_problems(judged: dict, packages: list) -> None:
        """Fail, with the reasons, when a file was refused or a batch held; the rest has gone on."""
        from airflow.sdk.exceptions import AirflowFailException

        from plugins.operations import drop

        if problems := drop.problems(judged, packages):
            raise AirflowFailException("; ".join(problems))

    packages = find_packages()
    judged = judge_batches(land_package.expand(package=packages))
    announce(judged)
    report_problems(judged, packages)


ingest_readings()
