"""What the pages outside the ledgers' own share: who visits, which sites are open, which one is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
from fastapi import Depends, HTTPException, Request

from ingestion import warehouse
from plugins.workbench.roles import Visitor

TIMEOUT_SECONDS = 30


async def _visitor(request: Request) -> Visitor:
    found: Visitor = await request.state.visitor()
    return found


Visiting = Annotated[Visitor, Depends(_visitor)]
"""The visitor with the roles of this moment."""


@contextmanager
def connected(role: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection for one page."""
    with warehouse.connect(role, autocommit=True) as connection:
        connection.execute("select set_config('statement_timeout', %s, false)", [f"{TIMEOUT_SECONDS}s"])
        yield connection


def sites(visitor: Visitor) -> dict[str, str]:
    """Code to name of the sites that the visitor has a role at."""
    with connected("keep") as connection:
        known = dict(connection.execute("select site_code, name from ledger.sites order by 1").fetchall())
    return {code: known[code] for code in visitor.sites(known)}


def chosen(visitor: Visitor, asked: str) -> tuple[str, dict[str, str]]:
    """The site that is asked for (the first one, where none is) and all that could be.

    403 for a site where the visitor has no role, and for who has none anywhere; 404 for a site that is not there.
    """
    open_ones = sites(visitor)
    if asked and not visitor.reads(asked):
        raise HTTPException(403, "您在这个企业没有角色，请联系系统管理员。")
    if asked and asked not in open_ones:
        raise HTTPException(404, "没有这个企业。")
    if not open_ones:
        if visitor.grants and any(grant.counts and grant.site_code is None for grant in visitor.grants):
            raise HTTPException(404, "系统中还没有企业：先用 nengduan load 导入数据。")
        raise HTTPException(403, "还没有给您分配角色，请联系系统管理员。")
    return asked or next(iter(open_ones)), open_ones


def whole(visitor: Visitor, asked: str) -> dict[str, str]:
    """Code to name of the sites over the whole of which the visitor has a role, for what belongs to no unit.

    403 and 404 as ``chosen``, for a role that is only a unit's too.
    """
    _, open_ones = chosen(visitor, asked)
    found = {code: name for code, name in open_ones.items() if visitor.reads(code).is_everything}
    if not found or (asked and asked not in found):
        raise HTTPException(403, "这里是全企业的数据，您的角色只限于部分单位。")
    return found
