"""A trace as text for a terminal, as JSON, and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from plugins.workbench.trace.steps import Check, Column, Step, Trace
from plugins.workbench.trace.words import CODES

STATES = {"agrees": "相符", "differs": "不符", "unknown": "不能核对"}
AGREEING_CHECKS_SHOWN = 5
WIDEST_CELL = 60
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run by spreadsheets; numbers excepted, it gets an apostrophe in front."""


def cell(key: str, value: Any, timezone: str) -> str:
    """A value as a person reads it: codes as words, instants on the site's own clock, numbers without tails."""
    if value is None:
        return ""
    if key in CODES:
        return CODES[key].get(str(value), str(value))
    if key in ("share", "coverage"):
        return f"{Decimal(value) * 100:.2f}%"
    if key == "sign":
        return "+" if value > 0 else "−"
    if isinstance(value, datetime):
        local = value.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) if value.tzinfo else value
        return local.isoformat(" ", "seconds").removesuffix(":00")
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, list):
        return "、".join(str(one) for one in value)
    return str(value)


def number(value: Decimal) -> str:
    """Exact to the ninth decimal, without trailing zeros and without exponent."""
    text = format(round(value, 9), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def used_columns(step: Step) -> list[Column]:
    """The columns in which any row of the step says something."""
    return [column for column in step.columns if any(row.get(column.key) not in (None, []) for row in step.rows)]


def shown_checks(step: Step) -> tuple[list[Check], int]:
    """Checks to show, what differs first, and how many that agree are left out."""
    order = {"differs": 0, "unknown": 1, "agrees": 2}
    checks = sorted(step.checks, key=lambda check: order[check.state])
    troubled = [check for check in checks if check.state != "agrees"]
    agreeing = checks[len(troubled) :]
    if step.limit is None:
        return checks, 0
    return [*troubled, *agreeing[:AGREEING_CHECKS_SHOWN]], len(agreeing[AGREEING_CHECKS_SHOWN:])


def check_line(check: Check) -> str:
    """One line: the sum of the parts beside the figure, and whether they agree."""
    total = "无" if check.total is None else number(check.total)
    figure = "空" if check.figure is None else number(check.figure)
    line = f"{STATES[check.state]}：{check.subject}，{check.measure}：{check.parts} 项合计 {total}，数据 {figure}"
    if check.state == "differs" and check.difference is not None:
        line += f"，差 {number(check.difference)}"
    if check.figure is None and check.reason:
        line += f"；数据为空，因为：{check.reason}"
    return line


def hidden_line(step: Step) -> str | None:
    """How many rows are not shown, and what they come to."""
    if not step.hidden_count:
        return None
    line = f"另有 {step.hidden_count} 行"
    return line if step.hidden_sum is None else f"{line}，合计 {number(step.hidden_sum)}"


def heading(trace: Trace) -> list[str]:
    starts, ends = trace.starts_local, trace.ends_local
    return [
        f"{trace.site_name}（{trace.site_code}） {trace.figure}  {trace.label}",
        f"期间 {trace.period}：{starts:%Y-%m-%d %H:%M} 至 {ends:%Y-%m-%d %H:%M}（{trace.timezone}）",
    ]


def verdict(trace: Trace) -> str:
    checks = [check for step in trace.steps for check in step.checks]
    if trace.differing:
        return f"不符：{len(checks)} 项核对中有 {len(trace.differing)} 项不符，见上。"
    unknown = sum(1 for check in checks if check.state == "unknown")
    agreeing = len(checks) - unknown
    tail = f"；{unknown} 项因数据为空不能核对" if unknown else ""
    return f"{agreeing} 项核对均相符{tail}。"


def as_text(trace: Trace, sql: dict[str, str] | None = None) -> str:
    """For a terminal. ``sql``: queries with their parameters, by step name, shown under each step."""
    lines = heading(trace)
    for index, step in enumerate(trace.steps, 1):
        lines += ["", f"{index}. {step.title}（{len(step.rows)}）"]
        lines += [f"   {text}" for text in _table(step, trace.timezone)]
        if (hidden := hidden_line(step)) is not None:
            lines.append(f"   {hidden}；--all 列出全部")
        checks, agreeing = shown_checks(step)
        lines += [f"   {check_line(check)}" for check in checks]
        if agreeing:
            lines.append(f"   另有 {agreeing} 项核对相符")
        lines += [f"   注：{note}" for note in step.notes]
        if sql is not None:
            lines += ["", f"   -- {step.query}.sql", *(f"   {line}" for line in f"{sql[step.name]};".splitlines())]
    return "\n".join([*lines, "", verdict(trace)])


def as_json(trace: Trace) -> str:
    """Everything of the trace; numbers as exact decimal text, instants in UTC."""
    content = {
        "site_code": trace.site_code,
        "figure": trace.figure,
        "period": trace.period,
        "period_type": trace.period_type,
        "starts_local": trace.starts_local,
        "ends_local": trace.ends_local,
        "timezone": trace.timezone,
        "steps": [
            {
                "name": step.name,
                "title": step.title,
                "query": f"{step.query}.sql",
                "rows": step.shown,
                "rows_left_out": step.hidden_count,
                "checks": [
                    {
                        "subject": check.subject,
                        "measure": check.measure,
                        "figure": check.figure,
                        "sum_of_parts": check.total,
                        "difference": check.difference,
                        "state": check.state,
                        "reason": check.reason,
                    }
                    for check in step.checks
                ],
                "notes": step.notes,
            }
            for step in trace.steps
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2, default=_plain)


def as_csv(trace: Trace) -> str:
    """One table under another, for a spreadsheet: cells that would be run as formulas are escaped."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerows([safe(text)] for text in heading(trace))
    for index, step in enumerate(trace.steps, 1):
        columns = used_columns(step)
        writer.writerow([])
        writer.writerow([safe(f"{index}. {step.title}")])
        if columns:
            writer.writerow([safe(column.title) for column in columns])
        for row in step.shown:
            writer.writerow([safe(_csv_cell(column.key, row.get(column.key), trace.timezone)) for column in columns])
        if (hidden := hidden_line(step)) is not None:
            writer.writerow([safe(hidden)])
        writer.writerows([safe(text)] for text in (*map(check_line, step.checks), *step.notes))
    writer.writerow([])
    writer.writerow([safe(verdict(trace))])
    return buffer.getvalue()


def safe(text: str) -> str:
    """A cell that no spreadsheet runs as a formula; a plain number stays one."""
    if not text.startswith(FORMULA_STARTS):
        return text
    try:
        Decimal(text)
    except ArithmeticError:
        return f"'{text}"
    return text


def _csv_cell(key: str, value: Any, timezone: str) -> str:
    if key in ("share", "coverage") and value is not None:
        return number(Decimal(value))
    return cell(key, value, timezone)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return str(value)


def _table(step: Step, timezone: str) -> Iterator[str]:
    """Aligned columns; a figure's single row is a list of names and values."""
    columns = used_columns(step)
    if not columns:
        return
    if step.name == "figure":
        for column in columns:
            yield f"{_pad(column.title, 24)}{cell(column.key, step.rows[0].get(column.key), timezone)}"
        return
    rows = [[cell(column.key, row.get(column.key), timezone) for column in columns] for row in step.shown]
    rows = [[_cut(text) for text in row] for row in rows]
    widths = [max(_width(column.title), *(_width(row[index]) for row in rows)) for index, column in enumerate(columns)]
    yield _line([column.title for column in columns], widths)
    for row in rows:
        yield _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_pad(text, width) for text, width in zip(cells, widths, strict=True)).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"
