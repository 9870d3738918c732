"""Fields of forms and lists, made of the declared columns: names, choices and what is required stand there only.

A form sends text as it was typed; what it means, and whether it stands, is judged by the checks of the import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette_admin.fields import BaseField, EnumField, FileField, StringField, TextAreaField

from ingestion.declarations import Column, Kind, Table
from ingestion.ledgers import naming
from plugins.workbench.ledgers import files, item_codes, pickers
from plugins.workbench.ledgers.filters import CHOICE_FILTERS, FILTERS
from plugins.workbench.ledgers.item_codes import ItemCodeField
from plugins.workbench.ledgers.pickers import PickedField

VERSION = "workbench_version"
REASON = "workbench_reason"
OTHERS = "workbench_others"
YES_NO = (("true", "是"), ("false", "否"))
OPEN_ENDS = ("-infinity", "infinity")

LONG_TEXTS = {"remark", "finding", "content", "uncalibrated_reason", "measured_by", "expression"}
HINTS = {
    ("meters", "multiplier"): "倍率自某日起改变时，请登记“计量器具变更”；在这里改，历史数据会按新倍率重算",
    ("meters", "register_max"): "换表后改变时，请登记“计量器具变更”；在这里改，历史数据会重算",
    ("upload_items", "data_code"): "16 位：工序 2、工序单元 2、设备 4、分类与种类 6、用途 2，例：00-00-0000-023300-11",
    ("upload_items", "stat_types"): "0 实时、1 日、2 月、3 年，例：0,1,2",
    (
        "upload_items",
        "expression",
    ): "例：F1 + F2 - 0.5 * F3，由能流或计量器具组成，运算符两侧须有空格",
    ("upload_items", "scope"): "留空则按编码中的 0 判断",
    ("upload_values", "stat_date"): "期间的起点，例：2026-10-08 00:00:00",
    ("flows", "measured_by"): "例：M1 + M2 - 0.5 * M3，运算符两侧须有空格；修改后历史数据会重算",
}


@dataclass
class HiddenField(StringField):
    """Travels with a form, unseen."""

    input_type: str = "hidden"
    label_template: str = "fields/form/no_label.html"


@dataclass
class KeptFile(FileField):
    """A file of ``files``; the ledger holds its made name."""

    accept: str | None = files.ACCEPTED
    max_size: int | None = files.LIMIT_BYTES

    async def serialize_value(self, request: Request, value: Any) -> Any:
        kept = files.find(value)
        if kept is None:
            return {"url": None, "filename": value, "content_type": ""}
        url = request.url_for("admin:kept-file", name=value)
        return {"url": str(url), "filename": f"附件{kept[0].suffix}", "content_type": kept[1]}


@dataclass
class ChoiceField(EnumField):
    """A choice; a value that is no choice (from an older time) is shown as it is."""

    def _get_choices(self, request: Request) -> Any:
        """Choices of a form begin with none: what nobody chose must not be saved as if somebody had."""
        choices = super()._get_choices(request)
        is_open = self.required and self.default is None and request.state.action.is_form()
        return [("", "请选择"), *choices] if is_open else choices

    def _get_label(self, value: Any, request: Request) -> Any:
        return dict(self._get_choices(request)).get(value, value)


@dataclass
class OtherColumns(TextAreaField):
    """What a row holds beside the declared columns: a line each, name = value."""

    rows: int = 5

    @staticmethod
    def text(table: Table, values: Mapping[str, str | None]) -> str | None:
        known = {column.name for column in table.columns}
        lines = [f"{name} = {value or ''}" for name, value in values.items() if name not in known]
        return "\n".join(lines) or None


def other_values(text: str) -> dict[str, str]:
    """The lines of OtherColumns taken apart; a line without = is a name without a value."""
    parts = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in parts}


def fields(table: Table) -> list[BaseField]:
    """A field for each column, then why it is changed and which state the editor saw."""
    found = [_field(table, column) for column in table.columns]
    if table.extra_target:
        found.append(
            OtherColumns(
                OTHERS,
                label="其他列",
                help_text="每行一项：列名 = 值",
                getter=lambda _, row: OtherColumns.text(table, row.values),
                exclude_from_list=True,
            )
        )
    found.append(
        StringField(
            REASON,
            label="变更原因",
            placeholder="可不填；写入变更记录",
            maxlength=200,
            getter=lambda *_: None,
            exclude_from_list=True,
            exclude_from_detail=True,
        )
    )
    found.append(
        HiddenField(
            VERSION,
            label="",
            getter=lambda _, row: str(row.version),
            exclude_from_list=True,
            exclude_from_detail=True,
            exclude_from_create=True,
        )
    )
    return found


def _field(table: Table, column: Column) -> BaseField:
    options: dict[str, Any] = {
        "label": column.label,
        "getter": lambda _, row: _shown(row.values.get(column.name)),
        "required": column.required,
        "help_text": HINTS.get((table.name, column.name)) or _bounds(column),
        "filters": FILTERS,
    }
    if (table.name, column.name) in files.COLUMNS:
        return KeptFile(column.name, **options | {"required": False, "filters": [], "help_text": None})
    if (table.name, column.name) == item_codes.COLUMN:
        return ItemCodeField(column.name, **options)
    if column.choices:
        choices = [(name, _choice(name, names)) for name, names in column.choices.items()]
        default = _default(column)
        return ChoiceField(
            column.name, choices=choices, default=default, **options | {"filters": CHOICE_FILTERS, "help_text": None}
        )
    if column.kind is Kind.BOOLEAN:
        return ChoiceField(column.name, choices=list(YES_NO), **options | {"filters": CHOICE_FILTERS})
    if pickers.is_reference(table, column.name):
        return PickedField(
            column.name,
            ledger=table.name,
            selector=naming.selector(table, column.name),
            multiple=column.kind is Kind.CODES,
            **options | {"getter": lambda _, row: pickers.referred(table, column, row.values)},
        )
    if column.name in LONG_TEXTS and column.name not in table.key:
        return TextAreaField(column.name, rows=2, default=_default(column), **options)
    kind = {Kind.DATE: "date", Kind.TIME: "time"}.get(column.kind, "text")
    return StringField(
        column.name, input_type=kind, placeholder=_placeholder(column), default=_default(column), **options
    )


def _choice(name: str, names: tuple[str, ...]) -> str:
    return names[0] if names and names[0] != name else name


def _default(column: Column) -> str | None:
    return None if column.default in OPEN_ENDS else column.default


def _placeholder(column: Column) -> str | None:
    if column.kind is Kind.TIMESTAMP:
        return "2026-11-01 08:00"
    return None


def _bounds(column: Column) -> str | None:
    return column.allowed or None


def _shown(value: str | None) -> str | None:
    """Text as a form shows it: an open end of a validity is an empty field."""
    return None if value in OPEN_ENDS else value


def locked(field: BaseField) -> BaseField:
    """A field of the key as an edit shows it: what a row is known by never changes."""
    locked = replace(field, read_only=True, disabled=isinstance(field, (EnumField, PickedField)), required=False)
    locked._name = field.name
    return locked
