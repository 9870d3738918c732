"""Ledgers out as workbooks, and back: first what would change, row by row, then, on a second click, the change."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin.flash import flash
from starlette_admin.routing import route

from ingestion.declarations import Column, Table
from ingestion.ledgers.editing import Change, Outcome
from ingestion.ledgers.forms import in_chinese
from ingestion.ledgers.workbooks import Incoming
from ingestion.reasons import FileRefused
from plugins.workbench.ledgers import pending
from plugins.workbench.ledgers.desk import Desk
from plugins.workbench.ledgers.history import LedgerPages, ledger, shown
from plugins.workbench.ledgers.views import ask, desk

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN = 200
"""Refusals, and changed rows, that the page lists; beyond that it says how many there are."""

KINDS = {"new": "新增", "changed": "修改"}


class WorkbookView(LedgerPages):
    """Export and import of one ledger."""

    path = "/workbook"

    @route("/{key}", name="workbook")
    async def export(self, request: Request) -> Response:
        """The rows that the visitor may see, as the statutory table."""
        table = ledger(request)
        content = io.BytesIO()
        await ask(desk(request).export, table, content)
        file = quote(f"{table.label}_{request.state.site_code}_{request.state.today:%Y%m%d}.xlsx")
        return Response(
            content.getvalue(),
            media_type=MEDIA_TYPE,
            headers={"Content-Disposition": f"attachment; filename=\"{table.name}.xlsx\"; filename*=UTF-8''{file}"},
        )

    @route("/{key}/import", methods=["GET", "POST"], name="import-workbook")
    async def bring(self, request: Request) -> Response:
        """The form, and, of a workbook that was sent, what its import would do."""
        table, own = ledger(request), desk(request)
        if not own.may_write(table):
            raise HTTPException(403, "您的角色不能修改这本台账。")
        if request.method == "GET":
            return self._page(request)
        form = await request.form()
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return self._page(request, problem="请选择工作簿（.xlsx）。", status_code=422)
        token = await run_in_threadpool(
            pending.keep, upload.file, own.visitor.name, own.site_code, table.name, upload.filename, own.clock()
        )
        path, file = _kept(own, token, table)
        try:
            incoming, outcome = await ask(own.plan_workbook, table, path, file)
        except FileRefused as error:
            pending.drop(token)
            return self._page(request, problem=str(error), status_code=422)
        if outcome.refusals:
            pending.drop(token)
        return self._plan(request, table, incoming, outcome, token)

    @route("/{key}/apply", methods=["POST"], name="apply-workbook")
    async def apply(self, request: Request) -> Response:
        """Import the workbook whose dry run was seen."""
        table, own = ledger(request), desk(request)
        if not own.may_write(table):
            raise HTTPException(403, "您的角色不能修改这本台账。")
        form = await request.form()
        token = str(form.get("token") or "")
        path, file = _kept(own, token, table)
        incoming, outcome = await ask(own.apply_workbook, table, path, file, reason=str(form.get("reason") or ""))
        if not outcome.is_applied:
            return self._plan(request, table, incoming, outcome, token)
        pending.drop(token)
        counts = _counts(outcome)
        flash(request, f"已导入：新增 {counts['new']} 行，修改 {counts['changed']} 行。", "success")
        return RedirectResponse(str(request.url_for("admin:list", key=table.name)), 303)

    def _page(self, request: Request, *, problem: str | None = None, status_code: int = 200) -> Response:
        return self.page(
            request, "import_workbook.html", status_code, title="导入工作簿", view=self.view(request), problem=problem
        )

    def _plan(self, request: Request, table: Table, incoming: Incoming, outcome: Outcome, token: str) -> Response:
        """The dry run: what is refused and why, what would be new or changed."""
        changes = [change for change in outcome.changes if change.kind in KINDS]
        return self.page(
            request,
            "import_plan.html",
            422 if outcome.refusals else 200,
            title="导入工作簿",
            view=self.view(request),
            file=incoming.file,
            token=token,
            counts=_counts(outcome),
            refusal_count=len(outcome.refusals),
            refusals=[
                (incoming.place(one), in_chinese(table, one.column, one.text)) for one in outcome.refusals[:SHOWN]
            ],
            change_count=len(changes),
            changes=[_shown(table, change) for change in changes[:SHOWN]],
            notices=outcome.notices,
            shown=SHOWN,
        )


def _kept(own: Desk, token: str, table: Table) -> tuple[Path, str]:
    found = pending.find(token, own.visitor.name, own.site_code, table.name, own.clock())
    if found is None:
        raise HTTPException(404, "这次导入已过期或不是您的，请重新上传。")
    return found


def _counts(outcome: Outcome) -> dict[str, int]:
    found = Counter(str(change.kind) for change in outcome.changes)
    return {kind: found[kind] for kind in ("new", "changed", "unchanged")}


def _shown(table: Table, change: Change) -> dict[str, Any]:
    """A change as the page shows it: the row's key and each cell that becomes another."""
    before = change.before or {}
    declared = {column.name: column for column in table.columns}
    columns = [declared.get(name) or Column(name) for name in change.after]
    return {
        "kind": KINDS[change.kind],
        "key": " ".join(part for part in change.key.values() if part),
        "cells": [
            (column.label, shown(column, before.get(column.name)), shown(column, change.after[column.name]))
            for column in columns
            if before.get(column.name) != change.after[column.name]
        ],
    }
