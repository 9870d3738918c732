"""Talks to Superset's REST API, and to nothing else.

Superset wants three things on every write: the bearer token, the CSRF token and the session
cookie that came with it. Without one of them it answers a redirect to its login page, which
an ordinary client follows to a page of HTML with status 200. So redirects are not followed,
and whatever is not JSON is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import requests

PAGE_SIZE = 100
"""Rows per page of a listing; Superset gives no more."""


class SupersetError(RuntimeError):
    """Superset refused or did not answer as an API; the message says what was asked."""


class SupersetClient:
    """A logged-in session. Use as a context manager."""

    def __init__(self, url: str, username: str, password: str, timeout_s: float = 120) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "Referer": f"{self._url}/"})
        login = {"username": username, "password": password, "provider": "db", "refresh": True}
        try:
            self._authorize(self.request("POST", "/api/v1/security/login", json=login)["access_token"])
        except SupersetError as error:
            self._session.close()
            raise SupersetError(f"Cannot log in to Superset at {self._url} as {username}: {error}") from error

    def _authorize(self, token: str) -> None:
        self._session.headers["Authorization"] = f"Bearer {token}"
        # the same session, so that the cookie the token belongs to comes back with it
        self._session.headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/")["result"]

    def __enter__(self) -> SupersetClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def request(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        """One call; the answer's JSON object, or a SupersetError that says what went wrong."""
        asked = f"{method} {path}"
        try:
            response = self._session.request(
                method, self._url + path, timeout=self._timeout_s, allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise SupersetError(f"{asked}: no answer from {self._url}: {error}") from error
        if response.is_redirect:
            raise SupersetError(
                f"{asked}: redirected to {response.headers.get('Location')}; session or CSRF token not accepted"
            )
        try:
            answer = response.json()
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            raise SupersetError(f"{asked}: answered {response.status_code} with {kind}, not JSON") from error
        if not response.ok or not isinstance(answer, dict):
            raise SupersetError(f"{asked}: answered {response.status_code}: {_reason(answer)}")
        return answer

    def get(self, path: str, query: str | None = None) -> dict[str, Any]:
        """GET; ``query`` is Superset's own query language (rison)."""
        return self.request("GET", path, params={"q": query} if query else None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.request("POST", path, json=body)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.request("PUT", path, json=body)

    def rows(self, path: str, order: str = "id") -> Iterator[dict[str, Any]]:
        """All rows of a listing, page by page; without an order a row may be on two pages or on none."""
        page = 0
        while True:
            query = f"(order_column:{order},order_direction:asc,page:{page},page_size:{PAGE_SIZE})"
            rows = self.get(path, query)["result"]
            yield from rows
            if len(rows) < PAGE_SIZE:
                return
            page += 1

    def import_assets(self, bundle: bytes, passwords: dict[str, str]) -> None:
        """Import a bundle; what has the same uuid is overwritten."""
        self.request(
            "POST",
            "/api/v1/assets/import/",
            files={"bundle": ("assets.zip", bundle, "application/zip")},
            data={"passwords": json.dumps(passwords)},
        )


def _reason(answer: Any) -> str:
    """The human part of Superset's several shapes of error."""
    if isinstance(answer, dict):
        if errors := answer.get("errors"):
            return "; ".join(str(error.get("message", error)) for error in errors)
        if message := answer.get("message"):
            return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return json.dumps(answer, ensure_ascii=False)[:500]
