"""What a row was and who changed it, what a ledger said on any day, and the files that rows name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette_admin.routing import route
from starlette_admin.views import CustomView
from typing_extensions import override

from ingestion.declarations import Column, Table
from ingestion.ledgers import records
from ingestion.ledgers.reading import Entry as Change
from plugins.workbench.ledgers import files
from plugins.workbench.ledgers.fields import YES_NO
from plugins.workbench.ledgers.views import LedgerView, ask, desk

PAGE_SIZE = 50
OPERATIONS = {"insert": "登记", "update": "修改", "delete": "删除"}
SOURCES = {"workbench": "工作台", "csv": "数据包", "workbook": "数据包工作簿"}


def ledger(request: Request) -> Table:
    """The ledger that the address names; 404 for another name."""
    try:
        return records.ledger(request.path_params["key"])
    except records.UnknownLedgerError as error:
        raise HTTPException(404, str(error)) from error


def shown(column: Column, value: str | None) -> str:
    """A value as a reader reads it: choices in Chinese, 未知 for what is not known."""
    if value is None or value == "":
        return "未知"
    if value in column.choices:
        names = column.choices[value]
        return names[0] if names else value
    return dict(YES_NO).get(value, value) if column.kind == "boolean" else value


class LedgerPages(CustomView):
    """What the pages beside lists and forms share."""

    add_to_menu = False

    def page(self, request: Request, template: str, status_code: int = 200, **values: Any) -> Response:
        """A page of ours in the library's layout."""
        if self._admin is None:
            raise RuntimeError("The view was never added.")
        return self._admin._template_response(request, template, values, status_code)

    def view(self, request: Request) -> LedgerView:
        """The pages of the ledger that the address names."""
        if self._admin is None:
            raise RuntimeError("The view was never added.")
        found = self._admin._find_view_by_key(ledger(request).name)
        if not isinstance(found, LedgerView):
            raise HTTPException(404)
        return found

    @override
    @route("")
    async def index(self, request: Request) -> Response:
        raise HTTPException(404)


class HistoryView(LedgerPages):
    """History of a row, a ledger as of a day, kept files."""

    path = "/history"

    @route("/{key}/row", name="row-history")
    async def row_history(self, request: Request) -> Response:
        table = ledger(request)
        pk = request.query_params.get("pk") or ""
        changes: list[Change] = await ask(desk(request).history, table, pk)
        if not changes:
            raise HTTPException(404, "台账中没有这一行。")
        timezone = ZoneInfo(request.state.timezone)
        return self.page(
            request,
            "row_history.html",
            title="变更记录",
            view=self.view(request),
            pk=pk,
            changes=[_change(table, change, timezone) for change in changes],
        )

    @route("/{key}/as-of", name="as-of")
    async def as_of(self, request: Request) -> Response:
        table = ledger(request)
        typed = request.query_params.get("day") or request.state.today.isoformat()
        try:
            day = date.fromisoformat(typed)
            page = max(int(request.query_params.get("page") or 1), 1)
        except ValueError as error:
            raise HTTPException(400, "日期应写作 2026-11-01。") from error
        search = request.query_params.get("q") or ""
        found = await ask(
            desk(request).page,
            table,
            search=search,
            page=page,
            page_size=PAGE_SIZE,
            as_of=day,
            is_with_retired=True,
        )
        return self.page(
            request,
            "as_of.html",
            title="历史状态",
            view=self.view(request),
            day=day,
            q=search,
            page=page,
            pages=max(-(-found.total // PAGE_SIZE), 1),
            total=found.total,
            columns=[column.label for column in table.columns],
            rows=[
                [_plain(column, entry.values.get(column.name)) for column in table.columns] for entry in found.entries
            ],
        )

    @route("/files/{name}", name="kept-file")
    async def kept_file(self, request: Request) -> Response:
        """A certificate or photo that some row the visitor may see names."""
        name = request.path_params["name"]
        found = files.find(name)
        if found is None or not await ask(desk(request).names_file, name):
            raise HTTPException(404, "没有这个文件。")
        path, media_type = found
        return FileResponse(path, media_type=media_type, filename=f"{name[:12]}{path.suffix}")


def _plain(column: Column, value: str | None) -> str:
    return "" if value is None else shown(column, value)


def _change(table: Table, change: Change, timezone: ZoneInfo) -> dict[str, Any]:
    """One change as the page shows it: who, when, why, and the columns that differ."""
    before, after = change.before or {}, change.after or {}
    return {
        "at": change.changed_at.astimezone(timezone).strftime("%Y-%m-%d %H:%M:%S"),
        "by": change.changed_by,
        "reason": change.reason or "",
        "operation": OPERATIONS[change.operation],
        "source": " ".join(part for part in (SOURCES.get(change.source or "", change.source), change.file) if part),
        "cells": _differing(table, before, after),
    }


def _differing(
    table: Table, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[tuple[str, str, str]]:
    names = [column.name for column in table.columns]
    beside = [name for name in {**before, **after} if name not in names]
    columns = [*table.columns, *(Column(name) for name in beside)]
    return [
        (column.label, shown(column, before.get(column.name)), shown(column, after.get(column.name)))
        for column in columns
        if before.get(column.name) != after.get(column.name)
    ]
