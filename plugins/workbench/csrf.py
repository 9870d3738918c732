"""No page of another site can have a visitor's browser change anything here.

The token of starlette-admin (double submit, signed) with the visitor's name in it: a token that was made for one
user is worth nothing in the session of another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette_admin.security.csrf import CSRFMiddleware

if TYPE_CHECKING:
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.responses import Response

UPLOAD_LIMIT_BYTES = 24 * 1024 * 1024
"""Largest body of any request: a workbook or a certificate with its form."""


class CsrfMiddleware(CSRFMiddleware):
    """Runs behind the guard, which has put the user into ``request.state.user_name``."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """403 for a change without the visitor's own token, 413 for a body that is too large."""
        owner = self._owner(request.state.user_name)
        signed = request.cookies.get(self.cookie_name)
        token = self._read(signed, owner)
        if request.method not in self.safe_methods and (problem := await self._problem(request, token)):
            return problem
        is_new = token is None
        if is_new:
            signed = self._signer.dumps(f"{owner}.{secrets.token_hex(32)}")
            _replace_cookie(request, self.cookie_name, str(signed))
        request.state.csrf_token = signed
        response = await call_next(request)
        if is_new:
            response.set_cookie(
                self.cookie_name,
                str(signed),
                httponly=False,  # the library's JavaScript sends it as a header
                samesite="strict",
                secure=request.url.scheme == "https",
                path=request.state.workbench_path,
            )
        return response

    async def _problem(self, request: Request, token: str | None) -> Response | None:
        """Why a request that changes something is refused, or None."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > UPLOAD_LIMIT_BYTES:
            return PlainTextResponse(f"请求过大（上限 {UPLOAD_LIMIT_BYTES // 1024**2} MB）。", status_code=413)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return PlainTextResponse("请求不是从本页面发出的。", status_code=403)
        submitted = self._read(await self._get_submitted_token(request), self._owner(request.state.user_name))
        if token is None or submitted is None or not hmac.compare_digest(submitted, token):
            return PlainTextResponse("页面已过期，请刷新后重试。", status_code=403)
        return None

    def _owner(self, name: str) -> str:
        return hashlib.sha256(name.encode()).hexdigest()

    def _read(self, signed: str | None, owner: str) -> str | None:
        """The token in a signed text, if it was signed here and for this user."""
        from itsdangerous import BadSignature

        if not signed:
            return None
        try:
            token: Any = self._signer.loads(signed)
        except BadSignature:
            return None
        is_own = isinstance(token, str) and hmac.compare_digest(token.partition(".")[0], owner)
        return token if is_own else None


def _replace_cookie(request: Request, name: str, value: str) -> None:
    """Let what runs behind see the new cookie: the library signs its own otherwise."""
    others = [f"{key}={held}" for key, held in request.cookies.items() if key != name]
    MutableHeaders(scope=request.scope)["cookie"] = "; ".join([*others, f"{name}={value}"])
    request.__dict__.pop("_cookies", None)
