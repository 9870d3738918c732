"""References: chosen in forms from a list that the server searches by code and name, told with names in lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin.fields import StringField
from starlette_admin.helpers import static_url
from starlette_admin.routing import route
from starlette_admin.types import RequestAction
from starlette_admin.views import CustomView
from typing_extensions import override

from ingestion.declarations import Column, Kind, Table
from ingestion.ledgers import naming, records
from plugins.workbench.ledgers.desk import Desk, Entry

LONGEST_SEARCH = 100
MOST_PAGES = 10_000


@dataclass(frozen=True)
class Referred:
    """What a cell refers to: the ledger (None: the row does not say which) and its codes."""

    ledger: str | None
    codes: tuple[str, ...]


def referred(table: Table, column: Column, values: Mapping[str, str | None]) -> Referred | None:
    """What a row refers to by a column."""
    value = values.get(column.name)
    if not value:
        return None
    by = naming.selector(table, column.name)
    ledger = naming.referred(table, column.name).get(values.get(by) if by else None)
    return Referred(ledger, tuple(value.split(",")) if column.kind is Kind.CODES else (value,))


@dataclass
class PickedField(StringField):
    """A column that refers to rows of a ledger."""

    ledger: str = ""
    """The ledger that it stands in, not the one it refers to."""
    selector: str | None = None
    """The field that says which ledger is meant, where one does."""
    multiple: bool = False
    form_template: str = "fields/form/picked.html"
    class_: str = "form-control field-picked"

    async def parse_form_data(self, _: Request, form_data: FormData) -> str | None:
        return ",".join(str(one) for one in form_data.getlist(self.id) if one) or None

    async def serialize_value(self, request: Request, value: Referred) -> str:
        if request.state.action.is_form():
            return ",".join(value.codes)
        return "、".join(label(request, value.ledger, code) for code in value.codes)

    def chosen(self, request: Request, data: Any) -> list[tuple[str, str]]:
        """Codes and labels of what a form shows as chosen; ``data`` may be what somebody sent."""
        codes = str(data or "").split(",") if self.multiple else [str(data or "")]
        ledgers = naming.referred(records.ledger(self.ledger), self.name).values()
        known = {code: ledger for ledger, code in _names(request) if ledger in ledgers}
        return [(code, label(request, known.get(code), code)) for code in codes if code]

    def additional_css_links(self, request: Request) -> list[str]:
        return _asset(request, "css/vendor/select2.min.css")

    def additional_js_links(self, request: Request) -> list[str]:
        return _asset(request, "js/vendor/select2.min.js")


def _asset(request: Request, path: str) -> list[str]:
    # As the library names it, so that a page has it once. A list may change a column of many rows.
    is_needed = request.state.action.is_form() or request.state.action is RequestAction.LIST
    return [static_url(request, path, v="4.1.0")] if is_needed else []


def _names(request: Request) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = getattr(request.state, "names", {})
    return found


def label(request: Request, ledger: str | None, code: str) -> str:
    """A code with its name, where it has one."""
    name = _names(request).get((ledger, code)) if ledger else None
    return f"{code} {name}" if name and name != code else code


def is_reference(table: Table, name: str) -> bool:
    """Whether a column refers to a ledger."""
    return bool(naming.referred(table, name))


async def tell_names(request: Request, desk: Desk, table: Table, rows: Sequence[Mapping[str, str | None]]) -> None:
    """Look up what the rows refer to, for the page that is about to be made."""
    wanted: dict[str, set[str]] = {}
    for column in table.columns:
        if not is_reference(table, column.name):
            continue
        for row in rows:
            if (one := referred(table, column, row)) is not None and one.ledger:
                wanted.setdefault(one.ledger, set()).update(one.codes)
    if wanted:
        request.state.names = _names(request) | await run_in_threadpool(desk.names, wanted)


async def tell_names_of(request: Request, desk: Desk, table: Table, entries: Sequence[Entry]) -> None:
    """The same for rows of the ledger; not for those that are only written."""
    if request.state.action not in (RequestAction.ACTION, RequestAction.ROW_ACTION):
        await tell_names(request, desk, table, [entry.values for entry in entries])


class PickView(CustomView):
    """What a field offers, as select2 asks for it."""

    path = "/choices"
    add_to_menu = False

    @override
    @route("")
    async def index(self, request: Request) -> Response:
        raise HTTPException(404)

    @route("/{key}/{column}", name="choices")
    async def choices(self, request: Request) -> Response:
        """A page of codes and names; nothing while the form does not say which ledger is meant."""
        desk: Desk = request.state.desk
        try:
            table = records.ledger(request.path_params["key"])
        except records.UnknownLedgerError as error:
            raise HTTPException(404, str(error)) from error
        ledgers = naming.referred(table, request.path_params["column"])
        if not ledgers:
            raise HTTPException(404, "这一列不引用台账。")
        query = request.query_params
        by = query.get("when") or None
        page = query.get("page") or "1"
        if not (page.isascii() and page.isdecimal() and 1 <= int(page) <= MOST_PAGES):
            raise HTTPException(400, "页码应为正整数。")
        if by not in ledgers:
            return JSONResponse({"results": [], "pagination": {"more": False}})
        words = query.get("q", "")[:LONGEST_SEARCH]
        found = await run_in_threadpool(desk.choices, ledgers[by], words, int(page))
        results = [{"id": one.code, "text": f"{one.code} {one.name or ''}".strip()} for one in found.choices]
        return JSONResponse({"results": results, "pagination": {"more": found.is_more}})
