"""The Data Docs as a web site inside Airflow's API server, for whoever Airflow lets in.

Airflow does not protect the apps of plugins, so this one asks Airflow's auth manager itself: the cookie of the
login or a bearer token, and the right to see the web site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send


class QualitySite:
    """An ASGI app that is made at its first request: only the API server pays for it."""

    def __init__(self) -> None:
        self._app: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = make_app()
        await self._app(scope, receive, send)


def make_app() -> Starlette:
    """Static files only, read-only, inside one folder; links that lead out of it are not followed."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from ingestion import settings

    files = StaticFiles(directory=settings.load().data_docs, html=True, check_dir=False)
    return Starlette(routes=[Mount("/", app=files)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=_only_users)])


async def _only_users(request: Any, call_next: Any) -> Any:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import resolve_user_from_token
    from fastapi import HTTPException
    from starlette.responses import PlainTextResponse

    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN)
    try:
        user = await resolve_user_from_token(token)
    except HTTPException:
        return PlainTextResponse("请先登录 Airflow。", status_code=401)
    if not get_auth_manager().is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        return PlainTextResponse("没有查看权限。", status_code=403)
    if request.url.path.rsplit("/", 1)[-1].startswith("."):
        return PlainTextResponse("Not Found", status_code=404)
    response = await call_next(request)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self' 'unsafe-inline'"
    return response
