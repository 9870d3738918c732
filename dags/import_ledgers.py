"""# import_ledgers

Imports the ledgers of plant packages (site, organisation, energies, nodes, flows, meters, meter
events, equipment, persons, products, calendars) from the drop folder into schema `ledger`.

**Input.** Every package (a folder, or one workbook) in the drop folder (`NENGDUAN_DROP_FOLDER`, by
default `drop/` in the platform's home). Looked at every five minutes; a manual run looks at once. A
file that is still being written is left for the next look.

**Output.** Asset `ledgers`, only when a ledger changed; `build_marts` waits for it.

**Late data.** A row replaces the row of the same key, whenever it comes; marts follow at the next
build. A file that was imported before does nothing.

**Backfill.** None is needed: ledgers are states and not events. To import again what was corrected,
put the corrected file in the package's place.

**Triage.** `report_problems` red: a file was refused, or its batch held; the message names it and
says what to do. Everything else of the run has been imported. Rows that were refused:
`quarantine.rejected_rows`. Other tasks red: read the task's log; a retry is harmless.

**Owner.** energy-data
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from plugins.operations.assets import LEDGERS
from plugins.operations.policy import DEFAULT_ARGS, START, WATCH
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

KIND = "ledgers"


@dag(
    doc_md=__doc__,
    dag_display_name="导入台账",
    schedule=WATCH,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.LEDGERS, Layer.INGEST, Impact.TIER_1, Clause.METERING),
)
def import_ledgers() -> None:
    @task
    def find_packages() -> list[str]:
        """Packages of the drop folder with files that are new and fully written."""
        from airflow.sdk.exceptions import AirflowSkipException

        from ingestion.dropfolder import waiting_packages

        packages = waiting_packages(KIND)
        if not packages:
            raise AirflowSkipException("nothing new in the drop folder")
        return packages

    @task(map_index_template="{{ package }}", execution_timeout=timedelta(hours=1))
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

    @task(outlets=[LEDGERS])
    def announce(judged: dict) -> None:
        """Tell the DAGs that wait for this data, when there is any."""
        from airflow.sdk.exceptions import AirflowSkipException

        if not judged["accepted"]:
            raise AirflowSkipException("nothing new was accepted")
        get_current_context()["outlet_events"][LEDGERS].extra = {"batches": judged["accepted"]}

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


import_ledgers()
