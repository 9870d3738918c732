"""Codes of upload items, composed of parts that the platforms' dictionaries name.

What a code is, what its zeros have to be and what the dictionaries know is asked of the server at every step; a page
holds none of it. A code that no dictionary knows is told and taken: platforms add codes before they hand them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette_admin.fields import StringField
from starlette_admin.helpers import static_url
from starlette_admin.routing import route
from starlette_admin.views import CustomView
from typing_extensions import override

from ingestion import datacodes
from ingestion.declarations import Table
from ingestion.ledgers.uploads import SCOPES
from plugins.province import codes, glossary
from plugins.province.glossary import Glossary
from plugins.workbench import visits
from plugins.workbench.ledgers.desk import Desk

COLUMN = ("upload_items", "data_code")
LONGEST = 64


@dataclass
class ItemCodeField(StringField):
    """A code as a whole, and below it its parts to choose."""

    form_template: str = "fields/form/item_code.html"
    parts = codes.PARTS
    """What the template makes a control of each."""

    def additional_css_links(self, request: Request) -> list[str]:
        return [static_url(request, "css/vendor/select2.min.css", v="4.1.0")] if request.state.action.is_form() else []

    def additional_js_links(self, request: Request) -> list[str]:
        if not request.state.action.is_form():
            return []
        own = f"{request.state.workbench_path}/static/item_code.js"
        return [static_url(request, "js/vendor/select2.min.js", v="4.1.0"), own]


class ItemCodeView(CustomView):
    """What the page of a form asks while a code is composed."""

    path = "/item-codes"
    add_to_menu = False

    @override
    @route("")
    async def index(self, request: Request) -> Response:
        raise HTTPException(404)

    @route("/offers/{part}", name="item-code-offers")
    async def offers(self, request: Request) -> Response:
        """Codes and names of one part, as select2 asks for them."""
        part = request.path_params["part"]
        if part not in codes.PARTS:
            raise HTTPException(404, "编码没有这一段。")
        query = _query(request)
        known = await run_in_threadpool(_glossary, request.state.desk)
        words = query.get("q", "").casefold().split()
        offered = known.offered(part, _destination(query), query.get("energyClassCode", ""))
        named = {code: f"{code} {name}".strip() for code, name in offered.items()}
        results = [
            {"id": code, "text": text} for code, text in named.items() if all(word in text.casefold() for word in words)
        ]
        return JSONResponse({"results": results})

    @route("/look", name="item-code-look")
    async def look(self, request: Request) -> Response:
        """A code in its parts, or parts as a code, and what is to be said of them."""
        known = await run_in_threadpool(_glossary, request.state.desk)
        return JSONResponse(looked_at(_query(request), known))


def looked_at(query: Mapping[str, str], known: Glossary) -> dict[str, Any]:
    """What a code or its parts come to.

    ``code`` is None while it is none; a note is a problem (it would be refused), a warning, or a hint.
    """
    destination = _destination(query)
    parts = {part: query.get(part, "").strip() for part in codes.PARTS}
    text = query["code"] if "code" in query else "".join(parts.values())
    found = datacodes.data_code(text) if "code" in query or _is_whole(parts) else None
    notes: list[dict[str, str]] = []
    if found is not None:
        parts = codes.parts(str(found))
        scope = _scope(query) or found.scope
        notes.append(
            _note("hint", f"数据范围：{SCOPES[str(scope)][0]}{'' if _scope(query) else '（按编码中的 0 判断）'}")
        )
        if contradiction := found.contradicts(scope):
            notes.append(_note("warning", f"{contradiction}，请核对"))
        notes += [_note("warning", sentence) for sentence in known.unknown(str(found), destination)]
    elif text:
        notes.append(_note("problem", _why_none(query, parts)))
    notes += [_note("hint", sentence) for sentence in _silences(known, destination)]
    return {
        "code": str(found) if found else None,
        "parts": {
            part: {"value": digits, "text": _named(known, part, digits, destination, parts["energyClassCode"])}
            for part, digits in parts.items()
        },
        "notes": notes,
    }


def warnings(desk: Desk, table: Table, values: Mapping[str, str | None]) -> list[str]:
    """What is said of an item that has been kept: parts that dictionaries do not know."""
    if table.name != COLUMN[0]:
        return []
    destination = values.get("destination") or datacodes.EVERY_DESTINATION
    return _glossary(desk).unknown(str(values[COLUMN[1]]), destination)


def _glossary(desk: Desk) -> Glossary:
    with visits.connected("audit") as connection:
        return glossary.read(connection, desk.site_code)


def _query(request: Request) -> dict[str, str]:
    return {name: value[:LONGEST] for name, value in request.query_params.items()}


def _destination(query: Mapping[str, str]) -> str:
    return datacodes.spelled_destination(query.get("destination", "")) or datacodes.EVERY_DESTINATION


def _scope(query: Mapping[str, str]) -> int | None:
    return int(query["scope"]) if query.get("scope") in SCOPES else None


def _is_whole(parts: Mapping[str, str]) -> bool:
    """Whether each part has its digits: parts of other lengths may add up to sixteen too."""
    return all(len(digits) == codes.PARTS[part][1] for part, digits in parts.items())


def _why_none(query: Mapping[str, str], parts: Mapping[str, str]) -> str:
    if "code" not in query:
        missing = [
            f"{label}（{digits} 位数字）"
            for part, (label, digits) in codes.PARTS.items()
            if not _has(parts[part], digits)
        ]
        return f"还缺：{'、'.join(missing)}"
    try:
        codes.item_code(query["code"])
    except codes.ItemCodeError as error:
        return str(error)
    return ""


def _has(text: str, digits: int) -> bool:
    return len(text) == digits and text.isascii() and text.isdecimal()


def _silences(known: Glossary, destination: str) -> list[str]:
    """Which parts may be filled in freely, since a platform has handed out no dictionary of them."""
    platforms = known.platforms(destination)
    if not platforms:
        return ["还没有上报平台的字典，各段可直接填写数字"]
    sentences = []
    for platform in platforms:
        free = [
            label
            for part, (label, _) in codes.PARTS.items()
            if part != "equipmentUnitCode" and platform in known.silent(part, destination)
        ]
        if free:
            sentences.append(f"平台 {platform} 没有下发字典、可直接填写数字的：{'、'.join(free)}")
    return sentences


def _named(known: Glossary, part: str, digits: str, destination: str, energy_class: str) -> str:
    return f"{digits} {known.offered(part, destination, energy_class).get(digits, '')}".strip()


def _note(level: str, text: str) -> dict[str, str]:
    return {"level": level, "text": text}
