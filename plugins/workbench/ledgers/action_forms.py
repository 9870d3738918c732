"""What is asked before an action on chosen rows: forms in starlette-admin's dialogues.

``seen`` is the newest change that the page knew when it was made: the action refuses rows that changed after it.
"""

from __future__ import annotations

from datetime import date

from markupsafe import Markup
from starlette.requests import Request

from ingestion.declarations import Column, Table
from ingestion.ledgers import naming
from plugins.workbench.ledgers import files, pickers


def bulk_columns(table: Table) -> list[Column]:
    """Columns that may be set for many rows at once: all but the key and files."""
    kept = {name for ledger, name in files.COLUMNS if ledger == table.name}
    return [one for one in table.columns if one.name not in table.key and one.name not in kept]


def bulk_edit(request: Request, table: Table) -> Markup:
    """One column and the value that all chosen rows are to have.

    A column that refers to a ledger says where to ask for what it may be, and workbench.js shows the list in place of
    the text; where another column says which ledger is meant, the code is typed.
    """
    options = Markup("").join(
        Markup('<option value="{}" data-workbench-url="{}">{}</option>').format(
            column.name, _choices_url(request, table, column), column.label
        )
        for column in bulk_columns(table)
    )
    return Markup(
        '<form><label class="form-label">列<select name="column" class="form-select" data-workbench="bulk-column">'
        '<option value="">请选择</option>{}</select></label>'
        '<div class="mb-3"><span class="form-label">值</span>'
        '<input name="value" class="form-control" aria-label="值" placeholder="留空表示未知">'
        '<select name="value" class="form-select d-none" aria-label="值" data-workbench="bulk-picker" disabled>'
        '<option value=""></option></select></div>{}</form>'
    ).format(options, _common(request.state.newest_change))


def _choices_url(request: Request, table: Table, column: Column) -> str:
    if not pickers.is_reference(table, column.name) or naming.selector(table, column.name):
        return ""
    return str(request.url_for("admin:choices", key=table.name, column=column.name))


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
