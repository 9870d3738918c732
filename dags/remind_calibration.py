"""# remind_calibration

Reminds of what falls due in metering management (DB53/T 1026-2021, 4.3): calibrations of meters,
certificates and trainings of persons; each once at 60, 30 and 7 days and once when overdue, never
twice. And makes an event of every abnormal finding of an inspection. The same as `nengduan remind`.

**Input.** `marts.calibration_due`, `marts.certificate_due` (both as of now: they need no build) and
the ledger `inspections`.

**Output.** `ops.messages` (shown in the workbench), `ops.events`; mails where Airflow has a connection
`smtp_default`: to the addresses of `NENGDUAN_REMINDER_EMAILS`, and of a person's own certificate to
that person's address in the ledger.

**Late data.** A certificate entered later moves the due date; its steps are then told anew, those of
the old date no more.

**Backfill.** None: a step that nobody was told in time is not made up for, the next one is.

**Triage.** `send` red: the mail server refused; the message says why, the messages stand in the workbench,
and are not mailed again. `remind` or `raise_findings` red: read the log; a retry is harmless.

**Owner.** energy-data
"""

from __future__ import annotations

import logging

from airflow.sdk import dag, task

from plugins.operations.policy import DEFAULT_ARGS, MORNING, START
from plugins.operations.tags import Clause, Domain, Impact, Layer, tags

log = logging.getLogger(__name__)


@dag(
    doc_md=__doc__,
    dag_display_name="计量管理提醒",
    schedule=MORNING,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS,
    tags=tags(Domain.METERS, Layer.NOTICE, Impact.TIER_2, Clause.METERING),
)
def remind_calibration() -> None:
    @task
    def remind() -> list[int]:
        """Make the messages that are due; returns the new ones."""
        from datetime import UTC, datetime

        from plugins.metering import reminders

        made = reminders.remind(datetime.now(UTC))
        for one in made:
            log.info("%s %s：%s", one.site_code, one.title, one.message)
        return [one.message_id for one in made]

    @task
    def send(message_ids: list) -> int:
        """Mail the new messages, where there is a mail server; returns the number of mails."""
        from datetime import UTC, datetime

        from airflow.sdk.exceptions import AirflowFailException

        from plugins.metering import mail, smtp

        try:
            with smtp.sender(log.info) as sender:
                return mail.mail(message_ids, sender, datetime.now(UTC)) if sender else 0
        except mail.MailError as error:
            # Another try would find them marked, send nothing and turn green.
            raise AirflowFailException(str(error)) from error

    @task
    def raise_findings() -> list[str]:
        """Make events of what inspections found; returns the new ones."""
        from datetime import UTC, datetime

        from plugins.metering import reminders

        return reminders.raise_findings(datetime.now(UTC))

    send(remind())
    raise_findings()


remind_calibration()
