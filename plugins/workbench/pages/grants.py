"""The page 角色: who has which role, at which site and unit; only for administrators."""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from plugins.workbench import visits
from plugins.workbench.app import render
from plugins.workbench.roles import LABELS, WHOLE_SITE_ROLES, Role, Visitor
from plugins.workbench.visits import Visiting

TITLE = "角色"
PATH = "/roles"
IS_FOR_ADMINS = True

router = APIRouter()

Text = Annotated[str, Query(max_length=64)]
Typed = Annotated[str, Form(max_length=128)]

_GRANTS = """
select grants.*, units.name as org_name
from ops.workbench_roles as grants
left join ledger.org_units as units on grants.site_code = units.site_code and grants.org_code = units.org_code
where grants.site_code = %s
order by grants.revoked_at is not null, grants.user_name, grants.grant_id desc
limit 500
"""


@router.get(PATH)
def page(visitor: Visiting, request: Request, site: Text = "") -> Response:
    """The grants of a site, and the form for a new one."""
    site, open_ones = _administered(visitor, site)
    return HTMLResponse(_render(visitor, request, site, open_ones))


@router.post(PATH)
def grant(
    visitor: Visiting, request: Request, site: Typed, user_name: Typed, role: Typed, org_code: Typed = ""
) -> Response:
    """Grant a role; what is wrong is said above the form."""
    site, open_ones = _administered(visitor, site)
    problem = _problem(site, user_name.strip(), role, org_code.strip())
    if problem is None:
        try:
            with visits.connected("keep") as connection:
                connection.execute(
                    "insert into ops.workbench_roles (site_code, user_name, role, org_code, granted_by)"
                    " values (%s, %s, %s, %s, %s)",
                    [site, user_name.strip(), role, org_code.strip() or None, visitor.name],
                )
        except psycopg.errors.UniqueViolation:
            problem = "此人已有这个角色。"
    if problem is not None:
        return HTMLResponse(_render(visitor, request, site, open_ones, problem), 422)
    return RedirectResponse(f"roles?site={site}", 303)


@router.post(PATH + "/revoke")
def revoke(visitor: Visiting, site: Typed, grant_id: Annotated[int, Form()]) -> Response:
    """Take a grant back; it stays in the list as history."""
    site, _ = _administered(visitor, site)
    with visits.connected("keep") as connection:
        connection.execute(
            "update ops.workbench_roles set revoked_by = %s, revoked_at = now()"
            " where site_code = %s and grant_id = %s and revoked_at is null",
            [visitor.name, site, grant_id],
        )
    return RedirectResponse(f"../roles?site={site}", 303)


def _administered(visitor: Visitor, asked: str) -> tuple[str, dict[str, str]]:
    """The site asked for and all that the visitor administers; 403 for everything else."""
    open_ones = {code: name for code, name in visits.sites(visitor).items() if visitor.administers(code)}
    if asked and not visitor.administers(asked):
        raise HTTPException(403, "只有系统管理员能分配角色。")
    if asked and asked not in open_ones:
        raise HTTPException(404, "没有这个企业。")
    if not open_ones:
        raise HTTPException(403, "只有系统管理员能分配角色。")
    return asked or next(iter(open_ones)), open_ones


def _problem(site: str, user_name: str, role: str, org_code: str) -> str | None:
    """Why a grant can't be, or None."""
    if not user_name:
        return "请填写用户名（登录 Airflow 用的名字）。"
    if role not in {one.value for one in Role}:
        return "请选择角色。"
    if role == Role.KEEPER and not org_code:
        return "台账管理员必须指定单位。"
    if role in WHOLE_SITE_ROLES and org_code:
        return f"{LABELS[Role(role)]}不限于单位，请把单位留空。"
    if org_code and org_code not in _units(site):
        return f"没有编码为 {org_code} 的单位。"
    return None


def _units(site: str) -> dict[str, str]:
    with visits.connected("keep") as connection:
        return dict(
            connection.execute(
                "select org_code, name from ledger.org_units where site_code = %s order by 1", [site]
            ).fetchall()
        )


def _render(
    visitor: Visitor, request: Request, site: str, open_ones: dict[str, str], problem: str | None = None
) -> str:
    with visits.connected("keep") as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        rows: list[dict[str, Any]] = cursor.execute(_GRANTS, [site]).fetchall()
    return render(
        "grants.html",
        PATH,
        visitor=visitor,
        site=site,
        sites=open_ones,
        units=_units(site),
        labels=LABELS,
        rows=rows,
        problem=problem,
        csrf_token=request.state.csrf_token,
    )
