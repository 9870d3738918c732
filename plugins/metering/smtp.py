"""The mail server that Airflow knows as the connection ``smtp_default``; none, where there is no such connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from plugins.metering.mail import Send

CONNECTION = "smtp_default"


@contextmanager
def sender(say: Callable[[str], None] = lambda _: None) -> Iterator[Send | None]:
    """Give what hands mails over, or None (and say so) where Airflow has no such connection."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        from airflow.sdk import Connection

        Connection.get(CONNECTION)
    except AirflowNotFoundException:
        say(f"Airflow has no connection {CONNECTION}: nothing is mailed")
        yield None
        return
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(CONNECTION) as hook:

        def send(recipients: Sequence[str], subject: str, body: str) -> None:
            hook.send_email_smtp(to=list(recipients), subject=subject, html_content=body)

        yield send
