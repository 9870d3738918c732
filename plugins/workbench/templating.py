"""The library's templates under our content security policy: no script runs that does not carry the page's nonce.

The text of the templates is changed as they are loaded, never the finished page: what comes from the ledgers
can't get a nonce that way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader

FOLDER = Path(__file__).parent / "ledgers" / "templates"
CORE = "@core/"
HANDLERS = {
    'onclick="applyColumnVisibility()"': 'data-workbench="apply-columns"',
    'onchange="window.location = this.value"': 'data-workbench="go-to-value"',
}
"""Attributes with code in them, and what workbench.js listens to in their place."""

INLINE_SCRIPT = re.compile(r"<script(?=>)")


class LibraryTemplates(PackageLoader):
    """starlette-admin's own templates, also as ``@core/…`` for those of ours that extend them."""

    def __init__(self) -> None:
        super().__init__("starlette_admin", "templates")

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, path, is_current = super().get_source(environment, template.removeprefix(CORE))
        return with_nonce(source), path, is_current


def with_nonce(source: str) -> str:
    """A template whose scripts carry the nonce of the request, and whose tags carry no code."""
    for code, mark in HANDLERS.items():
        source = source.replace(code, mark)
    return INLINE_SCRIPT.sub('<script nonce="{{ request.state.csp_nonce }}"', source)
