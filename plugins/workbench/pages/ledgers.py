"""The page 台账: which site's ledgers; straight on where there is only one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from plugins.workbench import visits
from plugins.workbench.app import render
from plugins.workbench.visits import Visiting

TITLE = "台账"
PATH = "/ledgers"
FIRST_LEDGER = "meters"

router = APIRouter()


@router.get(PATH)
def page(visitor: Visiting, request: Request) -> Response:
    """The sites that the visitor has a role at."""
    _, open_ones = visits.chosen(visitor, "")
    if len(open_ones) == 1:
        return RedirectResponse(str(request.url_for("ledgers", site=next(iter(open_ones)), path=_first())))
    addresses = {site: str(request.url_for("ledgers", site=site, path=_first())) for site in open_ones}
    return HTMLResponse(render("sites.html", PATH, visitor=visitor, sites=open_ones, addresses=addresses))


def _first() -> str:
    return f"/{FIRST_LEDGER}/list"
