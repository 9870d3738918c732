"""数据追溯: a figure walked back to its files, as a page whose address says all of what is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import psycopg
from fastapi import APIRouter, HTTPException, Query
from starlette.responses import HTMLResponse, Response

from plugins.workbench.app import render
from plugins.workbench.roles import Visitor
from plugins.workbench.trace import queries, walk
from plugins.workbench.trace import render as rendering
from plugins.workbench.trace.steps import STEPS, Step, Trace
from plugins.workbench.visits import Visiting

TITLE = "数据追溯"
PATH = "/trace"
TIMEOUT_SECONDS = 60
OPEN_STEPS = ("figure", "composition", "flows", "coefficients", "meters", "rejected", "refused")
"""Steps that are unfolded at first; the long ones are a click away. What does not add up is always unfolded."""

MEDIA_TYPES = {"json": "application/json; charset=utf-8", "csv": "text/csv; charset=utf-8"}

router = APIRouter()

Text = Annotated[str, Query(max_length=400)]
Flag = Annotated[bool, Query(alias="all")]


@router.get(PATH)
def page(
    visitor: Visiting,
    site: Text = "",
    figure: Text = "",
    period: Text = "",
    meter: Text = "",
    depth: Text = "",
    is_all: Flag = False,
) -> HTMLResponse:
    """The form, and below it the walk for what the address asks; 404 for a name that does not exist."""
    asked = {"site": site.strip(), "figure": figure.strip(), "period": period.strip(), "meter": meter.strip()}
    trace, error, status = None, None, 200
    _demand(visitor, asked["site"])
    with walk.reading(TIMEOUT_SECONDS) as connection:
        sites = {code: name for code, name in _sites(connection).items() if visitor.reads(code).is_everything}
        if not asked["site"] and len(sites) == 1:
            asked["site"] = next(iter(sites))
        known = walk.known_figures(connection, asked["site"]) if asked["site"] in sites else {}
        if asked["figure"] or asked["period"]:
            trace, error, status = _walk(connection, asked, depth, is_all)
        steps = trace.steps if trace else []
        sql = {step.name: queries.filled(connection, step.query, step.parameters) for step in steps}
    content = render(
        "trace.html",
        PATH,
        visitor=visitor,
        asked=asked,
        sites=sites,
        figures=known,
        trace=trace,
        error=error,
        steps=[_shown(step, trace, asked, sql) for step in trace.steps] if trace else [],
        verdict=rendering.verdict(trace) if trace else None,
        heading=rendering.heading(trace) if trace else [],
        everything=_address(asked, all="1") if trace and any(step.hidden_count for step in trace.steps) else None,
        downloads={form: f"trace.{form}?{urlencode(_given(asked) | {'all': '1'})}" for form in MEDIA_TYPES},
    )
    return HTMLResponse(content, status_code=status)


@router.get(PATH + ".{form}")
def download(
    visitor: Visiting,
    form: str,
    site: Text = "",
    figure: Text = "",
    period: Text = "",
    meter: Text = "",
    depth: Text = "",
    is_all: Flag = False,
) -> Response:
    """The same walk as JSON or, for a spreadsheet, as CSV (with a BOM, so that Excel reads its Chinese)."""
    if form not in MEDIA_TYPES:
        return Response("没有这种格式；有 json 和 csv。", 404, media_type="text/plain; charset=utf-8")
    asked = {"site": site.strip(), "figure": figure.strip(), "period": period.strip(), "meter": meter.strip()}
    _demand(visitor, asked["site"])
    with walk.reading(TIMEOUT_SECONDS) as connection:
        trace, error, status = _walk(connection, asked, depth, is_all)
    if trace is None:
        return Response(error, status, media_type="text/plain; charset=utf-8")
    content = rendering.as_json(trace) if form == "json" else "\ufeff" + rendering.as_csv(trace)
    return Response(
        content,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="trace.{form}"'},
    )


def _sites(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Every site that has figures; 503 before the first build."""
    try:
        return walk.sites(connection)
    except psycopg.errors.UndefinedTable as error:
        raise HTTPException(503, "还没有计算过，请等数据导入后的第一次计算完成。") from error


def _demand(visitor: Visitor, site: str) -> None:
    """403 for who has no role at the site, or none over the whole of it: a figure is the whole site's."""
    if site and not visitor.reads(site).is_everything:
        raise HTTPException(403, "没有查看这个企业数据的权限。")


def _walk(
    connection: psycopg.Connection[Any], asked: dict[str, str], depth: str, is_all: bool
) -> tuple[Trace | None, str | None, int]:
    """The trace, or why there is none, and the HTTP status."""
    if not all(asked[name] for name in ("site", "figure", "period")):
        return None, "请选择企业、数据和期间。", 400
    limits: dict[str, None] = {"limit": None, "readings_limit": None} if is_all else {}
    options = walk.Options(depth=depth if depth in STEPS else STEPS[-1], meter_code=asked["meter"] or None, **limits)
    try:
        return walk.trace(connection, asked["site"], asked["figure"], asked["period"], options), None, 200
    except (walk.SiteError, walk.FigureError, walk.MeterError) as error:
        return None, str(error), 404
    except walk.PeriodError as error:
        return None, str(error), 400
    except psycopg.errors.QueryCanceled:
        return None, f"超过 {TIMEOUT_SECONDS} 秒没有算完：请缩短期间，或用命令 nengduan trace。", 503


def _shown(step: Step, trace: Trace, asked: dict[str, str], sql: dict[str, str]) -> dict[str, Any]:
    """A step as the template wants it: cells as text, with a link where a code leads further."""
    columns = rendering.used_columns(step)
    checks, agreeing = rendering.shown_checks(step)
    return {
        "name": step.name,
        "title": step.title,
        "count": len(step.rows),
        "columns": columns,
        "rows": [
            [
                (rendering.cell(column.key, row.get(column.key), trace.timezone), _link(column.key, step, row, asked))
                for column in columns
            ]
            for row in step.shown
        ],
        "states": [_state(row) for row in step.shown],
        "hidden": rendering.hidden_line(step),
        "checks": [(check.state, rendering.check_line(check)) for check in checks],
        "agreeing": agreeing,
        "notes": step.notes,
        "is_open": step.name in OPEN_STEPS or any(check.state != "agrees" for check in step.checks),
        "query": f"{step.query}.sql",
        "sql": sql[step.name],
    }


def _link(key: str, step: Step, row: dict[str, Any], asked: dict[str, str]) -> str | None:
    """Where a code in a cell leads: the flow's or the meter's own trace, or an hour, day or month of the meter."""
    if key == "flow_code":
        return _address(asked | {"figure": f"flow:{row[key]}", "meter": ""})
    if key == "meter_code":
        return _address(asked | {"figure": f"meter:{row[key]}", "meter": ""})
    if key == "grain_start":
        period = _grain_period(step.parameters["grain"], row[key])
        return _address(asked | {"figure": f"meter:{row['meter_code']}", "period": period, "meter": ""})
    return None


def _grain_period(grain: str, starts: datetime) -> str:
    """An hour, day or month as it is typed; a month that begins within a calendar month is named by the next one."""
    if grain == "hour":
        return f"{starts:%Y-%m-%dT%H:%M}"
    if grain == "day":
        return f"{starts:%Y-%m-%d}"
    return f"{starts if starts.day == 1 else starts + timedelta(days=10):%Y-%m}"


def _state(row: dict[str, Any]) -> str:
    """How a row is to look: counted, or not and why not."""
    verdict = row.get("verdict")
    if verdict is None or verdict in ("accepted", "counted", "event"):
        return ""
    return "passed-over" if verdict in ("superseded", "repeated", "replaced", "not_chosen") else "refused"


def _given(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _address(asked: dict[str, str], **more: str) -> str:
    return f"trace?{urlencode(_given(asked) | more)}"
