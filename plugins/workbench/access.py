"""Who may see the platform's own pages inside Airflow's API server.

Airflow does not protect the apps of plugins, so each of ours asks Airflow's auth manager: the cookie of the login
or a bearer token, and the right to see the web site.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """An ASGI app that is made at its first request: every Airflow process imports the plugin, one serves it."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._make()
        # Addresses are made from our own routes, below the path where Airflow has mounted us.
        own = {key: value for key, value in scope.items() if key != "router"}
        await self._app(own | {"app_root_path": scope.get("root_path", "")}, receive, send)


def guard(content_security_policy: str) -> Any:
    """The middleware that lets only Airflow's users in; for ``Starlette(middleware=[…])`` and FastAPI alike.

    Without a valid login a browser that asks for a page is sent to Airflow's, everything else gets 401; 403 without the
    right, 404 for hidden files. Answers are not for shared caches and carry the content security policy, unless they
    have a stricter one of their own. ``request.state`` tells what runs behind: ``user_name``, ``workbench_path``, and
    ``visitor``, which looks up the workbench's roles when a page asks for them.
    """
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware

    async def only_users(request: Any, call_next: Any) -> Any:
        from starlette.responses import PlainTextResponse

        user, refusal = await recognised(request)
        if refusal is not None:
            return refusal
        request.state.user_name = user.get_name()
        request.state.workbench_path = request.scope.get("root_path", "")
        request.state.visitor = lambda: _visitor(user)
        if request.url.path.rsplit("/", 1)[-1].startswith("."):
            return PlainTextResponse("Not Found", status_code=404)
        response = await call_next(request)
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers.setdefault("Content-Security-Policy", content_security_policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return Middleware(BaseHTTPMiddleware, dispatch=only_users)


async def recognised(request: Any) -> tuple[Any, Any | None]:
    """The user, and the answer to whoever may not look (None for a user who may)."""
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
        return None, _login(request)
    if not get_auth_manager().is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        return user, PlainTextResponse("没有查看权限。", status_code=403)
    return user, None


def _login(request: Any) -> Any:
    """A browser goes to the login and comes back to the page; a program, and a form that was sent, is told."""
    from airflow.api_fastapi.app import get_auth_manager
    from starlette.responses import PlainTextResponse, RedirectResponse

    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not is_page or "authorization" in request.headers:
        return PlainTextResponse("请先登录 Airflow。", status_code=401)
    page = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    login = get_auth_manager().get_url_login(next_url=page)
    return RedirectResponse(login, 303, headers={"Cache-Control": "no-store"})


async def _visitor(user: Any) -> Any:
    """The user's roles at the workbench, as they are now: what is revoked is gone at the next click."""
    from starlette.concurrency import run_in_threadpool

    from ingestion import warehouse
    from plugins.workbench import roles

    def look_up() -> roles.Visitor:
        with warehouse.connect("keep", autocommit=True) as connection:
            return roles.visitor(user, connection)

    return await run_in_threadpool(look_up)
