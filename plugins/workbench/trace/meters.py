"""The lower steps: meters, their hours, readings, batches and files."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plugins.workbench.trace.names import MeterError
from plugins.workbench.trace.periods import HOUR
from plugins.workbench.trace.steps import Check, Column, Step, check, total

if TYPE_CHECKING:
    from plugins.workbench.trace.walk import Walk

LISTED_HOURS = 25
"""Readings of several meters are listed for a day at most (25 hours where clocks change)."""

GRAINS = {"hour": "各小时用量", "day": "各日用量", "month": "各月用量"}
METER_COLUMNS = (
    Column("flow_code", "能源流"),
    Column("meter_code", "计量器具"),
    Column("name", "名称"),
    Column("reading_kind", "读数类型"),
    Column("multiplier", "倍率（今）"),
    Column("quantity", "计量值"),
    Column("unit", "单位"),
    Column("coefficient", "系数"),
    Column("contribution", "计入能源流"),
    Column("left_out_quantity", "所在小时不能计算而未计"),
    Column("coverage", "覆盖率"),
    Column("reason", "为空的原因"),
)
HOUR_COLUMNS = (
    Column("meter_code", "计量器具"),
    Column("grain_start", "起（当地）"),
    Column("quantity", "用量"),
    Column("estimated_quantity", "其中估计"),
    Column("covered_hours", "有计量的小时"),
    Column("hour_count", "有数据的小时"),
)
COUNT_COLUMNS = (
    Column("meter_code", "计量器具"),
    Column("verdict", "判定"),
    Column("reading_count", "读数"),
    Column("batch_count", "批次"),
    Column("first_read_at", "最早"),
    Column("last_read_at", "最晚"),
)
REJECTED_COLUMNS = (
    Column("meter_code", "计量器具"),
    Column("read_at", "时刻"),
    Column("value", "值"),
    Column("revision", "修订"),
    Column("verdict", "判定"),
    Column("reason", "原因"),
    Column("batch_id", "批次"),
    Column("file", "文件"),
    Column("line", "行"),
)
READING_COLUMNS = (
    Column("meter_code", "计量器具"),
    Column("read_at", "时刻"),
    Column("value", "读数"),
    Column("revision", "修订"),
    Column("quality", "质量"),
    Column("verdict", "判定"),
    Column("previous_value", "前一读数"),
    Column("step", "差"),
    Column("multiplier", "倍率"),
    Column("quantity_inside", "计入本期"),
    Column("reason", "说明"),
    Column("batch_id", "批次"),
    Column("file", "文件"),
    Column("line", "行"),
)
REFUSED_COLUMNS = (
    Column("meter_code", "计量器具"),
    Column("read_at_text", "时刻（原文）"),
    Column("value_text", "值（原文）"),
    Column("column_name", "列"),
    Column("reason", "原因"),
    Column("batch_id", "批次"),
    Column("file", "文件"),
    Column("line", "行"),
)
BATCH_COLUMNS = (
    Column("batch_id", "批次"),
    Column("kind", "类别"),
    Column("file", "文件"),
    Column("reading_count", "涉及读数"),
    Column("received_at", "导入时刻"),
    Column("status", "状态"),
    Column("rows_landed", "落库行"),
    Column("rows_rejected", "拒收行"),
    Column("sha256", "SHA-256"),
    Column("load_id", "导入任务"),
    Column("status_reason", "说明"),
)


def walk(walk: Walk) -> None:
    """meters → hours → counts of readings → readings → batches, as far as the depth goes."""
    chosen = _meters(walk) if walk.goes_to("meters") else {}
    if chosen and walk.goes_to("hours"):
        codes = list(chosen)
        hours = _hours(walk, chosen)
        if walk.goes_to("counts"):
            counted = _counts(walk, codes)
            bounds = counted.parameters
            is_listed = walk.period.hours <= LISTED_HOURS or len(codes) == 1
            if walk.goes_to("rejected"):
                _readings(walk, hours, bounds) if is_listed else _rejected(walk, bounds)
            if walk.goes_to("refused"):
                _refused(walk, codes)
    if walk.goes_to("batches") and walk.batch_ids:
        _batches(walk)


def _meters(walk: Walk) -> dict[str, Decimal | None]:
    """The meters to follow, each with what it measured in the period (None: nothing)."""
    wanted = walk.options.meter_code
    if walk.figure.meter_code is not None:
        if wanted not in (None, walk.figure.meter_code):
            raise MeterError(f"{walk.figure.name} 只有计量器具 {walk.figure.meter_code}")
        figure = walk.steps[0].rows[0]
        return {walk.figure.meter_code: figure["quantity"]}
    flows = walk.found("flows")
    if flows is None or not flows.rows:
        if wanted is not None:
            raise MeterError(f"计量器具 {wanted} 不在 {walk.figure.name} 的能源流中：它由单据得出")
        return {}
    followed = flows.shown
    if wanted is not None:
        followed = [flow for flow in flows.rows if wanted in flow["meters"]]
        if not followed:
            known = sorted({code for flow in flows.rows for code in flow["meters"]})
            listed = "、".join(known[:20]) + (f" 等 {len(known)} 个" if len(known) > 20 else "")
            raise MeterError(f"计量器具 {wanted} 不在 {walk.figure.name} 的能源流中。其中有：{listed}")
    codes = [flow["flow_code"] for flow in followed]
    step = walk.ask("meters", "计量器具", "meters", METER_COLUMNS, flow_codes=codes)
    if len(followed) < len(flows.rows):
        step.notes.append(
            f"仅列 {len(followed)} 条能源流的计量器具；其余 {len(flows.rows) - len(followed)} 条见能源流一步"
        )
    for flow in followed:
        parts = [row["contribution"] for row in step.rows if row["flow_code"] == flow["flow_code"]]
        check(step, flow["flow_code"], "Σ 系数 × 计量值", flow["quantity"], parts, flow["reason"])
    measured: dict[str, Decimal | None] = {}
    ordered = sorted(step.rows, key=lambda row: abs(row["contribution"] or 0), reverse=True)
    for row in ordered:
        if wanted in (None, row["meter_code"]):
            measured.setdefault(row["meter_code"], total((row["quantity"], row["left_out_quantity"])))
    limit = walk.options.limit
    return dict(list(measured.items())[:limit])


def _hours(walk: Walk, chosen: dict[str, Decimal | None]) -> Step:
    grain = walk.period.grain
    step = walk.ask("hours", GRAINS[grain], "meter_hours", HOUR_COLUMNS, meter_codes=list(chosen), grain=grain)
    limit = walk.options.readings_limit
    step.limit, step.sum_key = limit, "quantity"
    for code, quantity in chosen.items():
        parts = [row["quantity"] for row in step.rows if row["meter_code"] == code]
        if parts or quantity is not None:
            step.checks.append(
                Check(code, GRAINS[grain].removeprefix("各") + "之和", quantity, total(parts), len(parts))
            )
    meters = walk.found("meters")
    if meters is not None and (left := len({row["meter_code"] for row in meters.rows}) - len(chosen)) > 0:
        step.notes.append(f"仅列 {len(chosen)} 个计量器具，另有 {left} 个")
    return step


def _counts(walk: Walk, codes: list[str]) -> Step:
    starts_at, ends_at = _whole_hours(walk)
    found = walk.ask("bounds", "", "reading_bounds", (), meter_codes=codes, starts_at=starts_at, ends_at=ends_at)
    walk.steps.pop()
    rows = found.rows
    step = walk.ask(
        "counts",
        "读数统计（含期间两侧决定用量的读数）",
        "reading_counts",
        COUNT_COLUMNS,
        meter_codes=[row["meter_code"] for row in rows],
        bounds_from=[row["from_at"] for row in rows],
        bounds_to=[row["to_at"] for row in rows],
        least_from=min(row["from_at"] for row in rows),
        greatest_to=max(row["to_at"] for row in rows),
    )
    walk.batch_ids |= {row["batch_id"] for row in step.rows}
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in step.rows:
        walk.reading_counts[row["batch_id"]] += row["reading_count"]
        grouped.setdefault((row["meter_code"], row["verdict"]), []).append(row)
    silent = [code for code in codes if code not in {row["meter_code"] for row in step.rows}]
    step.rows = [
        {
            "meter_code": code,
            "verdict": verdict,
            "reading_count": sum(row["reading_count"] for row in group),
            "batch_count": len(group),
            "first_read_at": min(row["first_read_at"] for row in group),
            "last_read_at": max(row["last_read_at"] for row in group),
        }
        for (code, verdict), group in grouped.items()
    ]
    if silent:
        step.notes.append(f"库中没有这段时间的读数：{'、'.join(silent)}（没有送来，或整个文件被拒收；见 ops.batches）")
    return step


def _readings(walk: Walk, hours: Step, bounds: dict[str, Any]) -> None:
    """The readings themselves; those that do not count come first and in full."""
    starts_at, ends_at = _whole_hours(walk)
    step = walk.ask(
        "readings", "读数", "readings", READING_COLUMNS, **(bounds | {"starts_at": starts_at, "ends_at": ends_at})
    )
    step.limit = walk.options.readings_limit
    for code in bounds["meter_codes"]:
        figure = total(row["whole_hours_quantity"] for row in hours.rows if row["meter_code"] == code)
        rows = [row for row in step.rows if row["meter_code"] == code and row["quantity_inside"] is not None]
        if rows or figure is not None:
            inside = total(row["quantity_inside"] for row in rows)
            contributing = sum(1 for row in rows if row["quantity_inside"])
            if figure is None and not contributing:
                continue
            step.checks.append(Check(code, "由读数重算的小时用量", figure, inside, contributing))
    refused = [row for row in step.rows if row["verdict"] not in ("accepted", "event")]
    if refused:
        rejected = Step("rejected", "未采用的读数", step.query, step.parameters, REJECTED_COLUMNS, refused)
        rejected.limit = walk.options.readings_limit
        walk.steps.insert(-1, rejected)
    if not walk.goes_to("readings"):
        walk.steps.remove(step)


def _rejected(walk: Walk, bounds: dict[str, Any]) -> None:
    step = walk.ask("rejected", "隔离的读数", "rejected_readings", REJECTED_COLUMNS, **bounds)
    step.limit = walk.options.readings_limit
    step.notes.append("期间超过一天且计量器具不止一个，不逐条列出读数；指定一个计量器具，或改用一天")


def _refused(walk: Walk, codes: list[str]) -> None:
    step = walk.ask("refused", "导入时拒收的行", "refused_rows", REFUSED_COLUMNS, meter_codes=codes)
    walk.batch_ids |= {row["batch_id"] for row in step.rows}
    step.limit = walk.options.readings_limit
    if not step.rows:
        walk.steps.remove(step)


def _batches(walk: Walk) -> None:
    step = walk.ask("batches", "批次与文件", "batches", BATCH_COLUMNS, batch_ids=sorted(walk.batch_ids))
    for row in step.rows:
        row["reading_count"] = walk.reading_counts.get(row["batch_id"])
    step.limit = walk.options.readings_limit


def _whole_hours(walk: Walk) -> tuple[datetime, datetime]:
    """The whole hours that the figure was taken from: of a shift those it touches, else those that begin in it."""
    period = walk.period
    starts_at = _hour_from(period.starts_at)
    if period.shift_code is not None and starts_at > period.starts_at:
        starts_at -= HOUR
    return starts_at, _hour_from(period.ends_at)


def _hour_from(instant: datetime) -> datetime:
    """The first full hour, in UTC, that does not begin before an instant."""
    floor = instant.replace(minute=0, second=0, microsecond=0)
    return floor if floor == instant else floor + HOUR
