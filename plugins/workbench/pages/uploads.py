"""The page 数据上传: each platform with its last run, its backlog and its alarms.

Behind it the log of exchanges, what failed and why, and which items have no source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
from fastapi import APIRouter, HTTPException, Query
from starlette.responses import HTMLResponse, Response

from ingestion.ledgers import records
from ingestion.ledgers.uploads import FIGURES
from plugins.province import schedule
from plugins.workbench import visits
from plugins.workbench.app import render
from plugins.workbench.ledgers.desk import pk_of
from plugins.workbench.uploads import queries, words
from plugins.workbench.visits import Visiting

TITLE = "数据上传"
PATH = "/uploads"
PAGE_SIZE = 50
MOST_PAGES = 2_000

router = APIRouter()

Text = Annotated[str, Query(max_length=64)]
Number = Annotated[int, Query(alias="page", ge=1, le=MOST_PAGES)]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Backlog:
    """What of a destination's outbox is not acknowledged, and since when it should be."""

    counts: Mapping[int, int]
    waiting: int
    unsettled: int
    """Sent, and nobody knows whether the platform has them."""
    oldest: tuple[str, datetime] | None
    days_overdue: int

    @classmethod
    def of(cls, rows: Sequence[Row], today: date) -> Backlog:
        counts: dict[int, int] = {1: 0, 2: 0, 3: 0}
        for row in rows:
            counts[row["status"]] += row["row_count"]
        unsent = sorted(
            (row for row in rows if row["status"] == 1), key=lambda row: (row["due_from"], row["stat_type"])
        )
        oldest = (words.STAT_TYPES[unsent[0]["stat_type"]], unsent[0]["oldest"]) if unsent else None
        return cls(
            counts,
            sum(row["waiting_count"] for row in unsent),
            sum(row["sent_count"] for row in unsent),
            oldest,
            max((today - unsent[0]["due_from"]).days, 0) if unsent else 0,
        )


@router.get(PATH)
def page(visitor: Visiting, site: Text = "") -> Response:
    """Every destination of the sites that the visitor may see, or of one of them."""
    open_ones = visits.whole(visitor, site)
    asked = [site] if site else list(open_ones)
    with queries.reading() as cursor:
        found = queries.rows(cursor, queries.DESTINATIONS, sites=asked)
        backlog = queries.grouped(queries.rows(cursor, queries.BACKLOG, sites=asked))
        alarms = queries.rows(cursor, queries.ALARMS, sites=asked, limit=queries.ALARMS_SHOWN)
        differences = queries.grouped(
            queries.rows(cursor, queries.DIFFERENCES, sites=asked, limit=queries.DIFFERENCES_SHOWN)
        )
    now = datetime.now(UTC)
    content = _render(
        "uploads.html",
        visitor,
        site=site,
        sites=open_ones,
        destinations=[
            {
                **row,
                "slot": schedule.slot(row["state"], row["options"]),
                "slot_source": _slot_source(row),
                "backlog": Backlog.of(
                    backlog.get((row["site_code"], row["destination"]), []),
                    now.astimezone(ZoneInfo(row["timezone"])).date(),
                ),
                "alarms": [one for one in alarms if _is_of(one, row)],
                "differences": differences.get((row["site_code"], row["destination"]), []),
            }
            for row in found
        ],
    )
    return HTMLResponse(content)


@router.get("/upload-exchanges")
def exchanges(
    visitor: Visiting,
    site: Text = "",
    destination: Text = "",
    kind: Text = "",
    outcome: Text = "",
    first: Text = "",
    last: Text = "",
    number: Number = 1,
) -> Response:
    """The log, newest first."""
    site, open_ones = _one(visitor, site)
    asked = {"site": site, "destination": destination, "kind": kind, "outcome": outcome, "first": first, "last": last}
    days = {"first": _day(first), "last": _day(last)}
    with queries.reading() as cursor:
        names = queries.destinations(cursor, site)
        found = queries.rows(cursor, queries.EXCHANGES, **(asked | days), **_window(number))
    content = _render(
        "upload_exchanges.html",
        visitor,
        asked=asked,
        sites=open_ones,
        destinations=names,
        timezone=_timezone(site),
        rows=found[:PAGE_SIZE],
        page=number,
        is_more=len(found) > PAGE_SIZE and number < MOST_PAGES,
    )
    return HTMLResponse(content)


@router.get("/upload-exchange")
def exchange(visitor: Visiting, site: Text, number: Annotated[int, Query(alias="id", ge=1, le=2**63 - 1)]) -> Response:
    """One exchange, with what was said on both sides; secrets were masked when it was written down."""
    site, _ = _one(visitor, site)
    with queries.reading() as cursor:
        found = queries.rows(cursor, queries.EXCHANGE, site=site, id=number)
    if not found:
        raise HTTPException(404, "没有这次交互的记录。")
    return HTMLResponse(_render("upload_exchange.html", visitor, site=site, row=found[0], timezone=_timezone(site)))


@router.get("/upload-failures")
def failures(visitor: Visiting, site: Text = "", destination: Text = "", q: Text = "", number: Number = 1) -> Response:
    """What a platform has refused for good (status 3), and its words."""
    site, open_ones = _one(visitor, site)
    search = q.strip()
    pattern = f"%{search.replace('%', '').replace('_', '')}%"
    with queries.reading() as cursor:
        names = queries.destinations(cursor, site)
        found = queries.rows(
            cursor,
            queries.FAILURES,
            site=site,
            destination=destination,
            search=search,
            pattern=pattern,
            **_window(number),
        )
    items = records.ledger("upload_items")
    content = _render(
        "upload_failures.html",
        visitor,
        asked={"site": site, "destination": destination, "q": q},
        sites=open_ones,
        destinations=names,
        timezone=_timezone(site),
        rows=[row | {"item_pk": _item_pk(items, row, row["item_destination"])} for row in found[:PAGE_SIZE]],
        page=number,
        is_more=len(found) > PAGE_SIZE and number < MOST_PAGES,
    )
    return HTMLResponse(content)


@router.get("/upload-coverage")
def coverage(visitor: Visiting, site: Text = "", show: Text = "") -> Response:
    """Which items have no source and why; what is required first."""
    if show not in ("", "all"):
        raise HTTPException(400, "没有这个范围。")
    site, open_ones = _one(visitor, site)
    with queries.reading() as cursor:
        try:
            found = queries.rows(cursor, queries.COVERAGE, site=site)
        except psycopg.errors.UndefinedTable:
            found = None
    items = records.ledger("upload_items")
    bare = [row for row in found or [] if not row["is_covered"]]
    content = _render(
        "upload_coverage.html",
        visitor,
        site=site,
        sites=open_ones,
        show=show,
        is_computed=found is not None,
        total=len(found or []),
        bare_count=len(bare),
        required_count=sum(bool(row["is_required"]) for row in bare),
        rows=[
            row | {"item_pk": _item_pk(items, row, row["destination"]), "figure_name": _figure(row["figure"])}
            for row in (found or [] if show else bare)
        ],
    )
    return HTMLResponse(content)


def _one(visitor: visits.Visitor, asked: str) -> tuple[str, dict[str, str]]:
    """The site that is asked for, or the first one, and all that could be."""
    open_ones = visits.whole(visitor, asked)
    return asked or next(iter(open_ones)), open_ones


def _render(template: str, visitor: visits.Visitor, **values: Any) -> str:
    return render(template, PATH, visitor=visitor, words=words, moment=_moment, stat_types=words.STAT_TYPES, **values)


def _window(number: int) -> dict[str, int]:
    """One row more than a page has tells whether there is another."""
    return {"limit": PAGE_SIZE + 1, "offset": (number - 1) * PAGE_SIZE}


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(400, "日期应写作 2026-10-08。") from error


def _timezone(site: str) -> str:
    with visits.connected("audit") as connection:
        row = connection.execute("select timezone from ledger.sites where site_code = %s", [site]).fetchone()
    return str(row[0]) if row else "UTC"


def _moment(at: datetime | None, timezone: str) -> str:
    """A time by the site's clock."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}" if at else ""


def _slot_source(row: Row) -> str:
    if row["state"].get("slot"):
        return "平台指定"
    return "本方设置" if row["options"].get("slot") else "默认"


def _is_of(alarm: Row, destination: Row) -> bool:
    return (alarm["site_code"], alarm["destination"]) == (destination["site_code"], destination["destination"])


def _item_pk(table: Any, row: Row, destination: str | None) -> str | None:
    """The item's key at the ledger's pages; None for one that is no longer there."""
    return pk_of(table, {"data_code": row["data_code"], "destination": destination}) if destination else None


def _figure(name: str) -> str:
    return FIGURES.get(name, (name,))[0]
