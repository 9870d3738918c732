"""Filters of the list pages: what a rule of the library means as a condition of ``ingestion.ledgers.reading``."""

from __future__ import annotations

from typing import ClassVar

from starlette.requests import Request
from starlette_admin.filters.base import BaseFilter, FilterApplyContext, FilterDataType, FilterGroup, FilterRule
from starlette_admin.views import BaseModelView

from ingestion.ledgers.conditions import Filter, Group, Operator


class _Filter(BaseFilter):
    """Adds its condition to the list it is applied to."""

    data_type: ClassVar[FilterDataType] = FilterDataType.STRING

    operator: ClassVar[Operator]

    def apply(self, ctx: FilterApplyContext) -> list[Filter]:
        if isinstance(ctx.value, list):  # the library takes what commas divide for several values
            several = [str(value) for value in ctx.value]
            is_choice = self.operator == "is"
            wanted = Filter(
                ctx.field_name, "in" if is_choice else self.operator, several if is_choice else ",".join(several)
            )
            return [*ctx.query, wanted]
        value = "" if ctx.value is None else str(ctx.value)
        return [*ctx.query, Filter(ctx.field_name, self.operator, value)]


class Contains(_Filter):
    name = operator = "contains"
    label = "包含"


class Equals(_Filter):
    name = operator = "is"
    label = "等于"


class AtLeast(_Filter):
    name = operator = "from"
    label = "不小于（不早于）"


class AtMost(_Filter):
    name = operator = "to"
    label = "不大于（不晚于）"


class IsEmpty(_Filter):
    name = operator = "empty"
    label = "为空"
    data_type = FilterDataType.NONE


class IsFilled(_Filter):
    name = operator = "filled"
    label = "不为空"
    data_type = FilterDataType.NONE


class Chosen(Equals):
    data_type = FilterDataType.ENUM


FILTERS: list[type[BaseFilter]] = [Contains, Equals, AtLeast, AtMost, IsEmpty, IsFilled]
CHOICE_FILTERS: list[type[BaseFilter]] = [Chosen, IsEmpty, IsFilled]


def conditions(view: BaseModelView, request: Request, group: FilterGroup | None) -> list[Filter | Group]:
    """The filter tree as conditions, of which the list asks that all hold."""
    return [] if group is None else [_group(view, request, group)]


def _group(view: BaseModelView, request: Request, group: FilterGroup) -> Group:
    found: list[Filter | Group] = []
    for rule in group.rules:
        if isinstance(rule, FilterRule):
            field = next(one for one in view.fields if one.name == rule.field)
            kind = next(one for one in field.filters or [] if one.name == rule.filter)
            found += kind().apply(FilterApplyContext([], rule.field, rule.value, request=request, view=view))
        else:
            found.append(_group(view, request, rule))
    return Group("or" if group.logic == "or" else "and", found)
