"""What is asked before an action on chosen rows: forms in starlette-admin's dialogues.

``seen`` is the newest change that the page knew when it was made: the action refuses rows that changed after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from ingestion.declarations import Column


def bulk_edit(columns: Sequence[Column], seen: int) -> Markup:
    """One column and the value that all chosen rows are to have."""
    options = Markup("").join(
        Markup('<option value="{}">{}</option>').format(column.name, column.label) for column in columns
    )
    return Markup(
        '<form><label class="form-label">列<select name="column" class="form-select">{}</select></label>'
        '<label class="form-label">值<input name="value" class="form-control" placeholder="留空表示未知"></label>'
        "{}</form>"
    ).format(options, _common(seen))


def retire(today: date, seen: int) -> Markup:
    """Day and reason of a retirement."""
    return Markup(
        '<form><label class="form-label">停用日期<input type="date" name="on_date" value="{}" class="form-control">'
        "</label>{}</form>"
    ).format(today, _common(seen))


def _common(seen: int) -> Markup:
    return Markup(
        '<label class="form-label">原因<input name="reason" class="form-control" maxlength="200" '
        'placeholder="可不填；写入变更记录"></label><input type="hidden" name="seen" value="{}">'
    ).format(seen)
