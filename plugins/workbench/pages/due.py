"""The page 检定到期: what is to be calibrated, the overdue first, and why something is not calibrated."""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ingestion.ledgers import records
from ingestion.ledgers.editing import Edit
from plugins.workbench import visits
from plugins.workbench.app import render
from plugins.workbench.ledgers import units
from plugins.workbench.ledgers.desk import Desk, ForbiddenError, pk_of
from plugins.workbench.roles import Scope, Visitor
from plugins.workbench.visits import Visiting

TITLE = "检定到期"
PATH = "/due"
PAGE_SIZE = 100

STEPS = {
    "overdue": "已超期",
    "7": "7 天内",
    "30": "30 天内",
    "60": "60 天内",
    "unknown": "到期日未知",
    "later": "60 天以后",
}
"""Steps of marts.calibration_due, the most urgent first, as the page calls them."""

router = APIRouter()

Text = Annotated[str, Query(max_length=64)]
Typed = Annotated[str, Form(max_length=400)]

_DUE = """
select meter_code, name, location, org_code, calibration_org, calibrated_on, due_date, days_left, due_step,
    calibration_reason, uncalibrated_reason, count(*) over () as total
from marts.calibration_due
where site_code = %(site)s
    and (%(step)s = due_step or (%(step)s = '' and due_step <> 'later'))
    and (%(units)s::text[] is null or org_code = any(%(units)s))
    and (%(search)s = '' or concat_ws(' ', meter_code, name, location) ilike %(pattern)s)
order by array_position(array['overdue', '7', '30', '60', 'unknown', 'later'], due_step), due_date, meter_code
limit %(limit)s offset %(offset)s
"""


@router.get(PATH)
def page(
    visitor: Visiting,
    request: Request,
    site: Text = "",
    step: Text = "",
    q: Text = "",
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """The due list of a site, within the visitor's units."""
    site, open_ones = visits.chosen(visitor, site)
    if step not in ("", *STEPS):
        raise HTTPException(400, "没有这个到期范围。")
    rows = _rows(visitor, site, step, q.strip(), number)
    desk, meters = Desk(site, visitor), records.ledger("meters")
    versions: dict[str, int] = {}
    if rows and desk.may_write(meters):
        pks = [pk_of(meters, {"meter_code": row["meter_code"]}) for row in rows]
        versions = {str(one.values["meter_code"]): one.version for one in desk.own_entries(meters, pks)}
    total = rows[0]["total"] if rows else 0
    content = render(
        "due.html",
        PATH,
        visitor=visitor,
        site=site,
        sites=open_ones,
        step=step,
        steps=STEPS,
        q=q,
        page=number,
        pages=max(-(-total // PAGE_SIZE), 1),
        total=total,
        rows=rows,
        versions=versions,
        csrf_token=request.state.csrf_token,
    )
    return HTMLResponse(content)


@router.post(PATH + "/reason")
def explain(
    visitor: Visiting, site: Typed, meter_code: Typed, version: Annotated[int, Form()], reason: Typed = ""
) -> Response:
    """Say why a meter is not calibrated; an edit of the meter like any other."""
    site, _ = visits.chosen(visitor, site)
    desk, meters = Desk(site, visitor), records.ledger("meters")
    try:
        if not desk.entries(meters, [pk_of(meters, {"meter_code": meter_code})], is_changing=True):
            raise HTTPException(404, "台账中没有这个计量器具。")
        edit = Edit({"meter_code": meter_code}, {"uncalibrated_reason": reason}, version)
        outcome = desk.apply(meters, [edit], "检定到期页")
    except ForbiddenError as error:
        raise HTTPException(403, str(error)) from error
    if not outcome.is_applied:
        raise HTTPException(409, " ".join(one.text for one in outcome.refusals))
    return RedirectResponse(f"../due?site={site}", 303)


def _rows(visitor: Visitor, site: str, step: str, search: str, number: int) -> list[dict[str, Any]] | None:
    """The rows of a page; None while nothing has been computed yet."""
    with visits.connected("keep") as connection:
        codes = _codes(connection, site, visitor.reads(site))
    with visits.connected("bi") as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        try:
            return cursor.execute(
                _DUE,
                {
                    "site": site,
                    "step": step,
                    "units": codes,
                    "search": search,
                    "pattern": f"%{search.replace('%', '').replace('_', '')}%",
                    "limit": PAGE_SIZE,
                    "offset": (number - 1) * PAGE_SIZE,
                },
            ).fetchall()
        except psycopg.errors.UndefinedTable:
            return None


def _codes(connection: psycopg.Connection[Any], site: str, scope: Scope) -> list[str] | None:
    return None if scope.is_everything else sorted(units.below(connection, site, scope.org_codes))
