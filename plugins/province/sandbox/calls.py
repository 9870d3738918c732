"""One message and its answer: read, befallen by faults, dealt with, logged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plugins.province.sandbox.deeds import spoil
from plugins.province.sandbox.misbehaviour import ANSWERS, CHANGES, Deed, Fault
from plugins.province.sandbox.platform import Enterprise, Platform, State

LARGEST_BODY = 16 << 20
FIRST = "v1"
JSON = "application/json;charset=UTF-8"


@dataclass
class Call:
    """A message on its way through the platform."""

    platform: Platform
    profile: str
    message: str
    request: Request
    body: dict[str, Any]
    faults: list[Fault]
    enterprise_code: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    """What the log shall say of it beside the usual."""

    @property
    def state(self) -> State:
        return self.platform.states[self.profile]

    @property
    def origin(self) -> str:
        """What handed-out URLs begin with."""
        for fault in self.faults:
            if fault.deed is Deed.URLS:
                return str(fault.options["origin"])
        return self.platform.options.public_url or str(self.request.base_url).rstrip("/")

    def fault(self, deed: Deed) -> Fault | None:
        return next((fault for fault in self.faults if fault.deed is deed), None)

    def chosen(self, codes: Sequence[str]) -> tuple[Fault, dict[int, str]] | None:
        """A refusal that was ordered for some of these rows, and which of them."""
        for fault in self.faults:
            if fault.deed is not Deed.REJECT:
                continue
            named, places = set(fault.options["data_codes"]), set(fault.options["rows"])
            hit = [
                index
                for index, code in enumerate(codes)
                if not (named or places) or code in named or code.replace("-", "") in named or index in places
            ]
            if hit:
                return fault, dict.fromkeys(hit, fault.options["message"])
        return None

    def note_enterprise(self, enterprise: Enterprise) -> None:
        self.enterprise_code = enterprise.code


Answer = dict[str, Any] | Response
Handler = Callable[[Call], Answer]


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """An answer that ends the dealing with a message."""

    def __init__(self, answer: dict[str, Any], status: int = 200) -> None:
        super().__init__(answer)
        self.answer, self.status = answer, status


def route(
    router: APIRouter,
    platform: Platform,
    profile: str,
    message: str,
    path: str,
    handler: Handler,
    is_movable: bool = False,
) -> None:
    """Let a handler deal with the messages at a path, with all that may befall them.

    A movable path without a generation in it is gone once the URLs have moved.
    """

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        raw = await request.body()
        faults = platform.misbehaviour.draw(profile, message) if platform.misbehaviour.faults else []
        changes = [fault for fault in faults if fault.deed in CHANGES]
        platform.suffer(profile, changes)
        spoiler = next((f for f in faults if f.deed not in CHANGES and f.deed not in ANSWERS), None)
        call = Call(platform, profile, message, request, {}, faults)
        answer = Response(b"{}", 200, media_type=JSON)
        if spoiler is None or spoiler.is_stored or spoiler.deed in NEEDS_ANSWER:
            answer = _answer(call, raw, handler, is_movable)
        platform.log.append(_entry(call, raw, answer, spoiler, time.perf_counter() - started))
        answer.headers["date"] = format_datetime(platform.now(), usegmt=True)
        if spoiler is None:
            return answer
        spoilt = spoil(spoiler, answer)
        spoilt.headers["date"] = answer.headers["date"]
        return spoilt

    router.add_api_route(path, endpoint, methods=["POST"], response_model=None, name=f"{profile} {message} {path}")


NEEDS_ANSWER = frozenset({Deed.BIG, Deed.TRUNCATED, Deed.CUT, Deed.DRIP})
"""Deeds that spoil a right answer: the message has been dealt with by then."""


def _answer(call: Call, raw: bytes, handler: Handler, is_movable: bool) -> Response:
    generation = call.request.path_params.get("generation", FIRST if is_movable else None)
    try:
        if generation is not None and generation != f"v{call.state.generation}":
            raise HTTPException(405 if call.state.generation % 2 else 404)
        call.body = _parsed(raw)
        answer = handler(call)
        status = 200
    except Refusal as refusal:
        answer, status = refusal.answer, refusal.status
    except HTTPException as error:
        return Response(f"{error.detail}", error.status_code, media_type="text/plain")
    if isinstance(answer, Response):
        return answer
    call.notes.setdefault("code", answer.get("responseCode"))
    call.notes.setdefault("text", answer.get("responseMessage"))
    return Response(json.dumps(answer, ensure_ascii=False, separators=(",", ":")), status, media_type=JSON)


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST_BODY:
        raise HTTPException(413)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise HTTPException(400, "not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "not an object")
    return body


def _entry(call: Call, raw: bytes, answer: Response, spoiler: Fault | None, seconds: float) -> dict[str, Any]:
    return {
        "at": call.platform.now().isoformat(),
        "profile": call.profile,
        "message": call.message,
        "path": call.request.url.path,
        "enterprise_code": call.enterprise_code,
        "bytes": len(raw),
        "status": answer.status_code,
        "faults": [fault.deed.value for fault in call.faults],
        "is_answered": spoiler is None,
        "milliseconds": round(seconds * 1000, 3),
        **call.notes,
    }
