"""The sandbox's web application: the profiles, and for the operator what it holds and how it shall behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request

from plugins.province.sandbox import nhjc04, yunnan
from plugins.province.sandbox.misbehaviour import CHANGES, OPTIONS, Deed, read_fault
from plugins.province.sandbox.options import PROFILES
from plugins.province.sandbox.platform import Platform

KEY = ("profile", "enterprise_code", "data_code", "stat_type", "stat_date")


def require_loopback(request: Request) -> None:
    """Only from this machine, and not through a page of another site that a browser here has open."""
    client = request.client
    if client is None or not ip_address(client.host).is_loopback:
        raise HTTPException(403, "only from this machine")
    if request.method != "GET" and not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "application/json")


async def _object(request: Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise HTTPException(422, "not an object")
    return body


def _try(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (ValueError, TypeError) as error:
        raise HTTPException(422, str(error)) from None


def control(platform: Platform) -> APIRouter:
    """Steering: faults, changes, options, the clock, dictionaries."""
    router = APIRouter(prefix="/sandbox/control", dependencies=[Depends(require_loopback)])

    @router.get("")
    async def shown() -> dict[str, Any]:
        return {
            "now": platform.now().isoformat(),
            "faults": [fault.told() for fault in platform.misbehaviour.faults],
            "options": asdict(platform.options),
            "states": {name: asdict(state) for name, state in platform.states.items()},
            "frozen": platform.frozen,
            "tokens": len(platform.tokens),
            "deeds": {deed.value: OPTIONS.get(deed, {}) for deed in Deed},
        }

    @router.post("/faults")
    async def add_fault(request: Request) -> dict[str, Any]:
        fault = _try_with(read_fault, await _object(request))
        platform.misbehaviour.add(fault)
        return dict(fault.told())

    @router.delete("/faults")
    async def clear_faults() -> dict[str, Any]:
        platform.misbehaviour.clear()
        return {"faults": []}

    @router.post("/seed")
    async def seed(request: Request) -> dict[str, Any]:
        number = (await _object(request)).get("seed")
        platform.misbehaviour.seed(_try_with(int, number))
        return {"seed": number}

    @router.post("/change")
    async def change(request: Request) -> dict[str, Any]:
        body = await _object(request)
        deed, profile = _try_with(Deed, body.get("deed")), body.get("profile")
        if deed not in CHANGES or profile not in (None, *PROFILES):
            raise HTTPException(422, f"deed is one of {', '.join(sorted(CHANGES))}, profile of {', '.join(PROFILES)}")
        days = {**OPTIONS[Deed.FREEZE], **{name: body[name] for name in ("first", "last") if name in body}}
        _try(lambda: platform.change(deed, profile, **days))
        return {"deed": deed.value}

    @router.put("/options")
    async def options(request: Request) -> dict[str, Any]:
        platform.options = _try_with(platform.options.changed, await _object(request))
        return asdict(platform.options)

    @router.put("/clock")
    async def clock(request: Request) -> dict[str, Any]:
        body = await _object(request)
        now = None if body.get("now") is None else _try_with(datetime.fromisoformat, body["now"])
        if now is not None and now.tzinfo is None:
            raise HTTPException(422, "now has an offset")
        platform.set_clock(now, bool(body.get("is_stopped")))
        return {"now": platform.now().isoformat()}

    @router.post("/dictionaries/{name}")
    async def add_codes(name: str, request: Request) -> dict[str, Any]:
        entries = (await _object(request)).get("entries", [])
        _try(lambda: platform.add_codes(name, entries))
        return {"added": len(entries)}

    return router


def _try_with(read: Callable[[Any], Any], given: Any) -> Any:
    return _try(lambda: read(given))


def shown(platform: Platform) -> APIRouter:
    """What the platform holds and what came to it, as JSON."""
    router = APIRouter(prefix="/sandbox", dependencies=[Depends(require_loopback)])

    @router.get("/store")
    async def store(profile: str | None = None, enterprise: str | None = None) -> dict[str, Any]:
        return {"counts": platform.store.counts(), "values": list(platform.store.values(profile, enterprise))}

    @router.get("/store/history")
    async def history(request: Request) -> dict[str, Any]:
        wanted = {name: text for name in KEY if (text := request.query_params.get(name)) is not None}
        return {"versions": platform.store.history(**wanted)}

    @router.get("/enterprises")
    async def enterprises() -> list[dict[str, Any]]:
        secret = {"secret_key", "former_keys", "pin"}
        return [
            {"profile": profile, "items": sorted(enterprise.items), "records": enterprise.records}
            | {key: value for key, value in enterprise.told().items() if key not in secret}
            for profile, enterprise in platform.enterprises()
        ]

    @router.get("/log")
    async def log(last: int = 1000) -> list[dict[str, Any]]:
        return list(platform.log)[-max(last, 0) :] if last else []

    return router


def make_app(platform: Platform) -> FastAPI:
    """The application over one platform; nothing in it comes from elsewhere, so it has no pages of documentation."""
    app = FastAPI(title="能端沙箱平台", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(nhjc04.router(platform))
    app.include_router(yunnan.router(platform))
    app.include_router(control(platform))
    app.include_router(shown(platform))
    return app
