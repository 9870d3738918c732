"""What an edit came to, told as starlette-admin tells it: at the fields of a form, or above a list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.flash import flash

from ingestion.declarations import Table
from ingestion.ledgers.editing import Outcome
from ingestion.ledgers.forms import in_chinese
from plugins.workbench.ledgers.desk import Entry, pk_of

PLACE = re.compile(r"^\S* ?第 \d+ 行：")


def refuse(table: Table, outcome: Outcome, fields: Sequence[BaseField]) -> None:
    """Show refusals at their fields; those of no field at the first one."""
    if outcome.is_applied:
        return
    shown = {field.name for field in fields}
    errors: dict[str | int, Any] = {}
    for refusal in outcome.refusals:
        name = refusal.column if refusal.column in shown else table.key[0]
        text = in_chinese(table, refusal.column, refusal.text)
        errors[name] = f"{errors[name]} {text}" if name in errors else text
    raise FormValidationError(errors)


def after(table: Table, outcome: Outcome) -> Entry:
    """The row as an edit of it alone has left it."""
    change = outcome.changes[0]
    return Entry(pk_of(table, change.key), change.after, 0)


def warn(request: Request, sentences: Sequence[str]) -> None:
    """Say what was let through and should be looked at; a form has no file and no lines."""
    for sentence in dict.fromkeys(sentences):
        flash(request, PLACE.sub("", sentence), "warning")


def fail_on(table: Table, outcome: Outcome) -> None:
    """Say why nothing was changed, the first reasons of many."""
    if outcome.is_applied:
        return
    texts = list(dict.fromkeys(in_chinese(table, refusal.column, refusal.text) for refusal in outcome.refusals))
    more = f" 另有 {len(texts) - 5} 条。" if len(texts) > 5 else ""
    raise ActionFailed(" ".join(texts[:5]) + more)
