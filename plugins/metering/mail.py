"""Messages by mail: to the addresses of NENGDUAN_REMINDER_EMAILS and, of a person's own certificate, to that person.

A message is marked as mailed before it is handed over: a mail that fails is told and stays readable in the
workbench, and none is ever sent twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

import psycopg

from ingestion import warehouse

ADDRESSES = "NENGDUAN_REMINDER_EMAILS"

Send = Callable[[Sequence[str], str, str], None]
"""Hands one mail over: recipients, subject, body in HTML. Raises when the server refuses."""


class MailError(RuntimeError):
    """Mails that could not be handed over; the message says which and why."""


def mail(message_ids: Sequence[int], send: Send, now: datetime, environment: Mapping[str, str] | None = None) -> int:
    """Send these messages, one mail per site and circle of recipients; returns the number of mails.

    Those mailed before, and those nobody has an address for, are left out. Raises MailError when any failed.
    """
    managers = addresses(os.environ if environment is None else environment)
    failures: list[str] = []
    sent = 0
    with warehouse.connect("transform", autocommit=True) as connection:
        for (site, recipients), rows in _circles(connection, message_ids, managers).items():
            taken = _take(connection, site, [row["message_id"] for row in rows], now)
            rows = [row for row in rows if row["message_id"] in taken]
            if not rows:
                continue
            try:
                send(recipients, f"{site}：{len(rows)} 项计量管理提醒", _body(rows))
                sent += 1
            except Exception as error:  # noqa: BLE001  any fault of any mail server: noted, told, and the next one tried
                failures.append(f"{site} → {'、'.join(recipients)}：{error}")
                connection.execute(
                    "update ops.messages set mail_failure = %s where site_code = %s and message_id = any(%s)",
                    [str(error)[:400], site, [row["message_id"] for row in rows]],
                )
    if failures:
        raise MailError("；".join(failures))
    return sent


def addresses(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses that get every reminder."""
    return tuple(part.strip() for part in environment.get(ADDRESSES, "").split(",") if part.strip())


def _circles(
    connection: psycopg.Connection[Any], message_ids: Sequence[int], managers: tuple[str, ...]
) -> dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]]:
    """The messages by site and recipients."""
    rows = connection.execute(
        """select messages.site_code, messages.message_id, messages.title, messages.message, persons.email
        from ops.messages as messages
        left join ledger.persons as persons
            on messages.site_code = persons.site_code and messages.person_code = persons.person_code
        where messages.message_id = any(%s) and messages.mailed_at is null
        order by messages.message_id""",
        [list(message_ids)],
    ).fetchall()
    circles: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    for site, message_id, title, message, email in rows:
        recipients = (*managers, *([email] if email and email not in managers else []))
        if recipients:
            row = {"message_id": message_id, "title": title, "message": message}
            circles.setdefault((site, recipients), []).append(row)
    return circles


def _take(connection: psycopg.Connection[Any], site: str, message_ids: list[int], now: datetime) -> set[int]:
    """Mark as mailed; returns those that nobody else has taken."""
    rows = connection.execute(
        "update ops.messages set mailed_at = %s where site_code = %s and message_id = any(%s) and mailed_at is null"
        " returning message_id",
        [now, site, message_ids],
    ).fetchall()
    return {row[0] for row in rows}


def _body(rows: Sequence[Mapping[str, Any]]) -> str:
    items = "".join(f"<li><b>{escape(row['title'])}</b><br>{escape(row['message'])}</li>" for row in rows)
    return f"<p>以下各项需要处理，详见工作台：</p><ul>{items}</ul>"
