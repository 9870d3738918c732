"""The ledgers' pages under ``/ledgers/<site>/``: starlette-admin behind a gate that knows site and visitor."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette_admin.base import BaseAdmin
from starlette_admin.i18n import I18nConfig
from starlette_admin.routing import route
from starlette_admin.views import CustomView, DropDown

from ingestion.ledgers.resources import ALL
from plugins.workbench import templating
from plugins.workbench.ledgers.desk import Desk
from plugins.workbench.ledgers.history import HistoryView
from plugins.workbench.ledgers.item_codes import ItemCodeView
from plugins.workbench.ledgers.pickers import PickView
from plugins.workbench.ledgers.views import LedgerView
from plugins.workbench.ledgers.workbooks import WorkbookView

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

GROUPS = {
    "计量管理": (
        "fa-solid fa-gauge",
        ("meters", "verifications", "meter_events", "jjf1051_codes", "metering_requirements"),
    ),
    "计量人员": ("fa-solid fa-user-gear", ("persons", "trainings")),
    "用能设备": ("fa-solid fa-industry", ("equipment", "motors", "equipment_rules", "inspections")),
    "能源与能流": (
        "fa-solid fa-diagram-project",
        ("org_units", "nodes", "flows", "energies", "calorific_values", "tariffs"),
    ),
    "生产": ("fa-solid fa-calendar-days", ("products", "shifts", "calendars")),
    "规则与上报": (
        "fa-solid fa-sliders",
        ("alarm_rules", "limits_custom", "upload_items", "upload_values", "quality_weights", "site"),
    ),
}
"""The navigation: every ledger, by what a plant's user does with it."""


class IndexView(CustomView):
    """The first page is the first ledger."""

    path = "/"
    add_to_menu = False

    @route("", name="index")
    async def index(self, request: Request) -> Response:
        return RedirectResponse(str(request.url_for("admin:list", key="meters")))


def content_security_policy(nonce: str) -> str:
    """Scripts are files of ours or carry the nonce. The library writes styles into its tags."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    )


class SiteGate:
    """Lets a visitor to a site's ledgers and tells the pages who, where, and what day it is there.

    403 for who has no role at the site, 404 for a site that is not there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        site_code = scope["path_params"]["site"]
        desk = Desk(site_code, await request.state.visitor())
        if not desk.visitor.reads(site_code):
            await PlainTextResponse("您在这个企业没有角色，请联系系统管理员。", 403)(scope, receive, send)
            return
        around = await run_in_threadpool(desk.surroundings)
        if around.site_name is None:
            await PlainTextResponse("没有这个企业。", 404)(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        state = request.state
        state.desk, state.csp_nonce, state.site_code = desk, nonce, site_code
        state.timezone, state.site_name, state.today = around.timezone, around.site_name, around.today
        state.newest_change = around.newest_change
        # The pages' addresses are made by their own router, below this one's path.
        inner = {key: value for key, value in scope.items() if key not in ("router", "app")}
        inner["app_root_path"] = scope["root_path"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = content_security_policy(nonce)
            await send(message)

        await self.app(inner, receive, send_guarded)


def make_site(secret_key: str) -> SiteGate:
    """Every ledger's pages; ``secret_key`` signs cookies."""
    logging.getLogger("starlette_admin").setLevel(logging.WARNING)  # it tells of every page it renders
    admin = BaseAdmin(
        title="能端 台账",
        base_url="",
        route_name="admin",
        templates_dir=str(templating.FOLDER),
        additional_loaders=[templating.LibraryTemplates()],
        i18n_config=I18nConfig(default_locale="zh"),
        timezone_config=None,
        secret_key=secret_key,
        index_view=IndexView(),
    )
    tables = {table.name: table for table in ALL}
    for label, (icon, names) in GROUPS.items():
        admin.add_view(DropDown(label, [LedgerView(tables.pop(name)) for name in names], icon, always_open=False))
    if tables:
        admin.add_view(DropDown("其他", [LedgerView(table) for table in tables.values()], "fa-solid fa-table-list"))
    admin.add_view(HistoryView())
    admin.add_view(WorkbookView())
    admin.add_view(PickView())
    admin.add_view(ItemCodeView())
    host = Starlette()
    admin.mount_to(host)
    return SiteGate(host)


def routes(gate: SiteGate) -> list[Any]:
    """Every route of the pages, for the test of who may use which."""
    host: Any = gate.app
    return list(host.routes[0].app.routes)
