"""The workbench: pages of our own inside Airflow, behind Airflow's login.

A page is a module in ``plugins/workbench/pages`` with a ``TITLE``, a ``PATH`` and a ``router``; listing it in PAGES
puts it into the navigation. Pages are made on the server and work without JavaScript.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.workbench.access import LazyApp, guard

if TYPE_CHECKING:
    from fastapi import FastAPI
    from jinja2 import Environment

    from plugins.workbench.roles import Visitor

FOLDER = Path(__file__).parent
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


class Workbench(LazyApp):
    """The app, made at its first request."""

    def __init__(self) -> None:
        super().__init__(make_app)


def pages() -> list[Any]:
    """The modules of the pages, in the order of the navigation."""
    from plugins.workbench.pages import due, grants, ledgers, messages, tracing, uploads

    return [ledgers, due, messages, tracing, uploads, grants]


def make_app() -> FastAPI:
    """Every page, the style sheet, and the guard before all of them; no page that describes the API."""
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.responses import RedirectResponse
    from starlette.staticfiles import StaticFiles

    from plugins.workbench.csrf import CsrfMiddleware
    from plugins.workbench.ledgers.site import make_site

    app = FastAPI(
        title="工作台",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[guard(CONTENT_SECURITY_POLICY), Middleware(CsrfMiddleware, secret_key=secret_key())],
    )
    app.add_exception_handler(HTTPException, _refusal)
    modules = pages()
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.mount("/ledgers/{site}", make_site(secret_key()), name="ledgers")
    for module in modules:
        app.include_router(module.router)
    first = modules[0].PATH.lstrip("/")

    @app.get("/")
    def home() -> RedirectResponse:
        return RedirectResponse(first)

    return app


def _refusal(_: Any, error: Any) -> Any:
    """A refusal as a sentence, which is what a person can read."""
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(str(error.detail), error.status_code, headers=error.headers)


def secret_key() -> str:
    """Signs the workbench's cookies; made of Airflow's own key, so that it is the same in all its processes."""
    import hashlib

    from airflow.configuration import conf

    return hashlib.sha256(b"workbench:" + conf.get("api", "secret_key").encode()).hexdigest()


def render(template: str, path: str, *, visitor: Visitor, **values: Any) -> str:
    """A page in the layout; ``path`` is the page's own, so that the navigation shows where one is."""
    navigation = [
        (module.TITLE, module.PATH.lstrip("/"), path == module.PATH)
        for module in pages()
        if visitor.is_admin or not getattr(module, "IS_FOR_ADMINS", False)
    ]
    return environment().get_template(template).render(navigation=navigation, **values)


@cache
def environment() -> Environment:
    """Jinja with everything escaped that is not marked as safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
