"""The page 消息: reminders of calibrations and certificates, for the visitor's roles and units."""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from plugins.workbench import visits
from plugins.workbench.app import render
from plugins.workbench.ledgers import units
from plugins.workbench.roles import Role, Visitor
from plugins.workbench.visits import Visiting

TITLE = "消息"
PATH = "/messages"
LIMIT = 200

READERS = {Role.ENERGY_MANAGER, Role.ADMIN, Role.AUDITOR}
"""Roles that read the messages of every role; others read their own role's."""

router = APIRouter()

Text = Annotated[str, Query(max_length=64)]

_MESSAGES = """
select message_id, title, message, due_on, due_step, created_at, read_at, read_by
from ops.messages
where site_code = %(site)s and (%(roles)s::text[] is null or role = any(%(roles)s))
    and (%(units)s::text[] is null or org_code = any(%(units)s))
order by read_at is not null, created_at desc, message_id desc
limit %(limit)s
"""

_READ = """
update ops.messages set read_at = now(), read_by = %(by)s
where site_code = %(site)s and message_id = any(%(ids)s) and read_at is null
    and (%(roles)s::text[] is null or role = any(%(roles)s))
    and (%(units)s::text[] is null or org_code = any(%(units)s))
"""


@router.get(PATH)
def page(visitor: Visiting, request: Request, site: Text = "") -> Response:
    """The newest messages, the unread first."""
    site, open_ones = visits.chosen(visitor, site)
    with visits.connected("keep") as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        reach = _reach(connection, visitor, site)
        rows: list[dict[str, Any]] = cursor.execute(_MESSAGES, reach | {"limit": LIMIT}).fetchall()
    content = render(
        "messages.html",
        PATH,
        visitor=visitor,
        site=site,
        sites=open_ones,
        rows=rows,
        may_read=_may_mark(visitor, site),
        csrf_token=request.state.csrf_token,
    )
    return HTMLResponse(content)


@router.post(PATH + "/read")
def mark(visitor: Visiting, site: Annotated[str, Form()], message_id: Annotated[list[int], Form()]) -> Response:
    """Mark messages as read, with the visitor's name; others' are left as they are."""
    site, _ = visits.chosen(visitor, site)
    if not _may_mark(visitor, site):
        raise HTTPException(403, "您的角色只能查看消息。")
    with visits.connected("keep") as connection:
        reach = _reach(connection, visitor, site)
        connection.execute(_READ, reach | {"ids": message_id, "by": visitor.name})
    return RedirectResponse(f"../messages?site={site}", 303)


def _may_mark(visitor: Visitor, site: str) -> bool:
    """Whoever only looks leaves no trace of having dealt with something."""
    return bool(visitor.roles(site) - {Role.VIEWER, Role.AUDITOR})


def _reach(connection: psycopg.Connection[Any], visitor: Visitor, site: str) -> dict[str, Any]:
    """Parameters that limit messages to the visitor's roles and units."""
    roles, scope = visitor.roles(site), visitor.reads(site)
    codes = None if scope.is_everything else sorted(units.below(connection, site, scope.org_codes))
    is_for_all = bool(roles & READERS) or codes is not None
    return {"site": site, "roles": None if is_for_all else sorted(roles), "units": codes}
