"""The Data Docs as a web site inside Airflow's API server, for whoever Airflow lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.workbench.access import LazyApp, guard

if TYPE_CHECKING:
    from starlette.applications import Starlette

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'"


class QualitySite(LazyApp):
    """The site, made at its first request."""

    def __init__(self) -> None:
        super().__init__(make_app)


def make_app() -> Starlette:
    """Static files only, read-only, inside one folder; links that lead out of it are not followed."""
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from ingestion import settings

    files = StaticFiles(directory=settings.load().data_docs, html=True, check_dir=False)
    return Starlette(routes=[Mount("/", app=files)], middleware=[guard(CONTENT_SECURITY_POLICY)])
