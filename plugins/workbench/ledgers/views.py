"""One page set per ledger: list, form, history …, made of its declaration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action, link_row_action, row_action
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField
from starlette_admin.filters.base import FilterGroup
from starlette_admin.flash import flash
from starlette_admin.types import RequestAction
from starlette_admin.views import BaseModelView
from typing_extensions import override

from ingestion.declarations import Table
from ingestion.ledgers.editing import Edit, Outcome
from ingestion.ledgers.reading import QueryError
from plugins.workbench.ledgers import action_forms, files, item_codes, outcomes, pickers
from plugins.workbench.ledgers import fields as made
from plugins.workbench.ledgers import filters as made_filters
from plugins.workbench.ledgers.desk import Desk, Entry, ForbiddenError, key_of

LISTED_COLUMNS = {
    "meters": (
        "meter_code", "name", "energy_code", "level", "model", "accuracy_class", "location", "org_code", "status",
        "next_calibration_on",
    ),
    "equipment": (
        "equipment_code", "name", "org_code", "model", "category", "energy_code", "rated_power_kw",
        "efficiency_grade", "commissioned_on",
    ),
    "persons": (
        "person_code", "name", "department", "org_code", "position", "title", "certificate", "certificate_no",
        "certificate_valid_to",
    ),
}  # fmt: skip
"""Columns that a list shows at first; all others are a click away. Elsewhere: the first ones."""

LISTED_COUNT = 9
FORM_COLUMNS = 3
BULK_LIMIT = 1000


async def ask(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Ask the warehouse in a thread; what is refused becomes the HTTP status that says so."""
    try:
        return await run_in_threadpool(function, *arguments, **options)
    except ForbiddenError as error:
        raise HTTPException(403, str(error)) from error
    except QueryError as error:
        raise HTTPException(400, str(error)) from error


def desk(request: Request) -> Desk:
    """The visitor at the site of the address."""
    found: Desk = request.state.desk
    return found


class LedgerView(BaseModelView):
    """A ledger: what it shows and takes is its declaration, what it does is the desk's."""

    pk_attr = "pk"
    page_size = 25
    page_size_options = (25, 50, 100)
    action_select_all_limit = BULK_LIMIT
    exporters = ()
    importers = ()
    actions = ("bulk_edit", "retire")
    row_actions = ("view", "edit", "history", "retire")
    list_template = "ledger_list.html"
    detail_template = "ledger_detail.html"
    search_highlight = False

    def __init__(self, table: Table) -> None:
        self.table = table
        self.key = table.name
        self.display_name = self.menu_label = table.label
        self.fields = made.fields(table)
        self.fields_default_sort = list(table.key)
        self.sortable_fields = [column.name for column in table.columns]
        wide = [field.name for field in self.fields if isinstance(field, item_codes.ItemCodeField)]
        self.form_layout = [*wide, *_rows_of([field.name for field in self.fields if field.name not in wide])]
        super().__init__()
        self._locked = {field.name: made.locked(field) for field in self.fields if field.name in table.key}

    # ---------------------------------------------------------------- what is shown
    def get_fields_list(
        self, request: Request, *, include_nested: bool = False, action: RequestAction | None = None
    ) -> Sequence[BaseField]:
        found = super().get_fields_list(request, include_nested=include_nested, action=action)
        if (action or request.state.action) is not RequestAction.EDIT:
            return found
        return [self._locked.get(field.name, field) for field in found]

    def _parse_list_params(self, request: Request, query_params: Any = None) -> Any:
        found = super()._parse_list_params(request, query_params)
        if found.visible_cols is None and not (query_params or request.query_params).get("cols"):
            found.visible_cols = self.listed_columns()
        return found

    def listed_columns(self) -> list[str]:
        columns = LISTED_COLUMNS.get(self.table.name) or [column.name for column in self.table.columns[:LISTED_COUNT]]
        return list(columns)

    @override
    async def repr(self, obj: Entry, request: Request) -> str:
        code = obj.values.get(self.table.key[0]) or ""
        name = obj.values.get("name")
        return f"{code} {name}" if name else code

    @override
    async def get_pk_value(self, request: Request, obj: Entry) -> str:
        return obj.pk

    # ---------------------------------------------------------------- who may
    def can_create(self, request: Request) -> bool:
        return desk(request).may_write(self.table) and self.table.name != "site"

    def can_edit(self, request: Request) -> bool:
        return desk(request).may_write(self.table)

    @override
    def can_delete(self, request: Request) -> bool:
        return False

    @override
    def can_export(self, request: Request) -> bool:
        return False

    @override
    def can_import(self, request: Request) -> bool:
        return False

    def can_retire(self, request: Request) -> bool:
        return self.table.retirement is not None and desk(request).may_write(self.table)

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        return {"bulk_edit": self.can_edit, "retire": self.can_retire}.get(name, lambda _: False)(request)

    async def is_row_action_allowed(self, request: Request, name: str) -> bool:
        if name in ("view", "history"):
            return True
        return {"edit": self.can_edit, "retire": self.can_retire}.get(name, lambda _: False)(request)

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:
        if not await self.is_action_allowed(request, name):
            raise HTTPException(403, "您的角色不能这样做。")
        return await super().handle_action(request, selection, name)

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Any:
        if not await self.is_row_action_allowed(request, name):
            raise HTTPException(403, "您的角色不能这样做。")
        return await super().handle_row_action(request, pk, name)

    # ---------------------------------------------------------------- reading
    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Entry]:
        page_size = limit if limit > 0 else BULK_LIMIT
        found = await ask(
            desk(request).page,
            self.table,
            search=q,
            filters=made_filters.conditions(self, request, filters),
            sort=[
                f"-{name}" if direction == "desc" else name for name, direction in sorts or () if name != self.pk_attr
            ],
            page=skip // page_size + 1,
            page_size=page_size,
            is_with_retired=request.query_params.get("retired") == "1",
        )
        request.state.listed = (q, filters, found.total)
        entries: Sequence[Entry] = found.entries
        await pickers.tell_names_of(request, desk(request), self.table, entries)
        return entries

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        listed = getattr(request.state, "listed", None)
        if listed is not None and listed[:2] == (q, filters):
            return int(listed[2])
        await self.find_all(request, limit=1, q=q, filters=filters)
        return int(request.state.listed[2])

    async def find_by_pk(self, request: Request, pk: Any) -> Entry | None:
        found = await self.find_by_pks(request, [pk])
        return found[0] if found else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> list[Entry]:
        is_changing = request.state.action in (RequestAction.EDIT, RequestAction.ACTION, RequestAction.ROW_ACTION)
        found: list[Entry] = await ask(
            desk(request).entries, self.table, [str(pk) for pk in pks], is_changing=is_changing
        )
        await pickers.tell_names_of(request, desk(request), self.table, found)
        return found

    # ---------------------------------------------------------------- changing
    @override
    async def validate_fields(self, request: Request, data: dict[str, Any], exclude: Collection[str] = ()) -> None:
        # A form that comes back with refusals names what was chosen.
        await pickers.tell_names(request, desk(request), self.table, [data])
        await super().validate_fields(request, data, exclude)

    async def create(self, request: Request, data: dict[str, Any]) -> Entry:
        values = await self._values(data)
        outcome = await ask(desk(request).apply, self.table, [Edit(None, values)], reason=data.get(made.REASON))
        return await self._kept(request, outcome)

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Entry:
        entry = await self.find_by_pk(request, pk)
        if entry is None:
            raise HTTPException(404, "台账中没有这一行。")
        data.update({name: entry.values.get(name) for name in self.table.key})
        values = await self._values(data)
        if made.OTHERS in data:  # a line that is gone is a value that is gone
            declared = {column.name for column in self.table.columns}
            values = {name: "" for name in entry.values if name not in declared} | values
        changed = {
            name: value
            for name, value in values.items()
            if name not in self.table.key and value != (entry.values.get(name) or "")
        }
        version = str(data.get(made.VERSION) or "")
        wanted = Edit(key_of(self.table, entry.pk), changed, int(version) if version.isdecimal() else None)
        outcome = await ask(desk(request).apply, self.table, [wanted], reason=data.get(made.REASON))
        return await self._kept(request, outcome)

    async def _kept(self, request: Request, outcome: Outcome) -> Entry:
        """The row that a form has made or changed, with what is to be said of it; what is refused goes back."""
        outcomes.refuse(self.table, outcome, self.fields)
        entry = outcomes.after(self.table, outcome)
        more = await ask(item_codes.warnings, desk(request), self.table, entry.values)
        outcomes.warn(request, [*outcome.notices, *more])
        return entry

    @override
    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        raise HTTPException(403, "台账的行只能停用，不能删除。")

    async def _values(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Text of every column that the form sent; files are kept and named."""
        values: dict[str, str] = {}
        for field in self.fields:
            if field.name not in data or field.name in (made.REASON, made.VERSION):
                continue
            value = data[field.name]
            if isinstance(field, made.KeptFile):
                upload, is_dropped = value
                if upload is not None:
                    try:
                        values[field.name] = await run_in_threadpool(files.keep, upload.file)
                    except files.FileError as error:
                        raise FormValidationError({field.name: str(error)}) from error
                elif is_dropped:
                    values[field.name] = ""
            elif isinstance(field, made.OtherColumns):
                values |= made.other_values(value or "")
            else:
                values[field.name] = "" if value is None else str(value)
        return values

    # ---------------------------------------------------------------- actions
    @link_row_action("history", text="变更记录", icon_class="fa-solid fa-clock-rotate-left")
    def row_history(self, request: Request, pk: Any) -> str:
        return str(request.url_for("admin:row-history", key=self.key).include_query_params(pk=pk))

    @action(
        "bulk_edit",
        text="批量修改",
        header="批量修改",
        confirmation="把所选各行的一列改为同一个值；只要有一行不能改，就都不改。",
        submit_btn_text="修改",
        form=lambda request, view: action_forms.bulk_edit(request, view.table),
        modal_size="md",
    )
    async def bulk_edit(self, request: Request, selection: ActionSelection) -> None:
        form = await request.form()
        column = str(form.get("column") or "")
        if column not in {one.name for one in action_forms.bulk_columns(self.table)}:
            raise ActionFailed("请选择要修改的列。")
        entries = await self._unseen_refused(selection, form)
        value = str(form.get("value") or "")
        edits = [Edit(key_of(self.table, entry.pk), {column: value}, entry.version) for entry in entries]
        outcome = await ask(desk(request).apply, self.table, edits, reason=str(form.get("reason") or ""))
        outcomes.fail_on(self.table, outcome)
        changed = sum(change.kind == "changed" for change in outcome.changes)
        flash(request, f"已修改 {changed} 行，{len(edits) - changed} 行原已如此。", "success")

    @action(
        "retire",
        text="停用",
        header="停用",
        confirmation="停用的行不会删除，历史数据不变。仍被引用的行不能停用。",
        submit_btn_text="停用",
        form=lambda request: action_forms.retire(request.state.today, request.state.newest_change),
    )
    async def retire_selected(self, request: Request, selection: ActionSelection) -> None:
        form = await request.form()
        await self._retire(request, await self._unseen_refused(selection, form), form)

    @row_action(
        "retire",
        text="停用",
        header="停用",
        icon_class="fa-solid fa-box-archive",
        confirmation="停用的行不会删除，历史数据不变。仍被引用的行不能停用。",
        submit_btn_text="停用",
        form=lambda request, entry: action_forms.retire(request.state.today, entry.version),
    )
    async def retire_row(self, request: Request, pk: Any) -> None:
        form = await request.form()
        selection = ActionSelection(self, request, [pk], None, None)
        await self._retire(request, await self._unseen_refused(selection, form), form)

    async def _unseen_refused(self, selection: ActionSelection, form: Any) -> list[Entry]:
        """The chosen rows; none may have changed after the page that they were chosen on was made."""
        entries: list[Entry] = list(await selection.rows())
        seen = str(form.get("seen") or "")
        if not seen.isdecimal() or any(entry.version > int(seen) for entry in entries):
            raise ActionFailed("所选的行在您打开页面之后已被他人修改，没有保存。请刷新后再改。")
        if not entries:
            raise ActionFailed("所选的行已不在台账中。请刷新后再试。")
        return entries

    async def _retire(self, request: Request, entries: list[Entry], form: Any) -> None:
        try:
            on_date = date.fromisoformat(str(form.get("on_date") or ""))
        except ValueError as error:
            raise ActionFailed("请填写停用日期。") from error
        reason = str(form.get("reason") or "")
        outcome = await ask(desk(request).retire, self.table, entries, on_date, reason=reason)
        outcomes.fail_on(self.table, outcome)
        flash(request, f"已停用 {len(entries)} 行，自 {on_date} 起。", "success")


def _rows_of(names: list[str]) -> list[Any]:
    """Fields side by side, so that a form of thirty is not a mile long."""
    return [tuple(names[place : place + FORM_COLUMNS]) for place in range(0, len(names), FORM_COLUMNS)]
