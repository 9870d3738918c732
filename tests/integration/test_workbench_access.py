"""Who may do what at the workbench: every route × every role × own and foreign unit, and nobody without a login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from plugins.workbench.app import make_app
from tests.integration.workbench_visits import (
    GRANTS,
    PDF,
    PREFIX,
    SITE,
    address,
    ask,
    let_in,
    plant,
    read,
    send,
    token,
    upload,
    visiting,
)

ROLES = [user for user in GRANTS if user != "nobody"]
READERS = set(ROLES)
OF_A_UNIT = {"keeper", "viewer_of_a_unit"}
WHOLE = READERS - OF_A_UNIT
"""Who may see what belongs to no unit."""
METERS = {"keeper", "metering_manager", "energy_manager", "admin"}
"""Who may change meters: the keeper those of W1 and below."""

KNOWN_KEY, FOREIGN_KEY = "!M1", "!M2"


@pytest.fixture(scope="module", autouse=True)
def fixture_plant(module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        plant(tmp_path_factory.mktemp("plant"))
        yield


@pytest.fixture(name="client", params=list(GRANTS))
def fixture_client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A client of each user in turn; ``client.user`` names it."""
    with visiting(request.param) as client:
        client.user = request.param
        yield client


def get(url: str, **query: str) -> Callable[[TestClient], Any]:
    return lambda client: client.get(url, params=query)


def post(url: str, data: dict[str, str] | None = None, **query: str) -> Callable[[TestClient], Any]:
    return lambda client: send(client, url, data or {}, params=query)


def edit(key: str) -> Callable[[TestClient], Any]:
    """An edit that changes nothing once it has been made: the version is asked for first."""
    return lambda client: send(client, address("meters/edit"), {"workbench_version": "1"}, params={"pk": key})


def brought(client: TestClient) -> Any:
    return send(client, address("workbook/meters/import"), {}, files={"file": upload(b"no workbook", "m.xlsx")})


REFUSED_FORM = 422
"""A form that was let through and then refused for what it says; nothing is written by this test."""

# Each route with a visit of it, the status of who may, and who may; everybody else gets 403.
VISITS: dict[tuple[str, str], tuple[Callable[[TestClient], Any], int, set[str]]] = {
    ("GET", "/"): (get(f"{PREFIX}/"), 307, {*READERS, "nobody"}),
    ("GET", "/static"): (get(f"{PREFIX}/static/workbench.css"), 200, {*READERS, "nobody"}),
    ("GET", "/ledgers"): (get(f"{PREFIX}/ledgers"), 307, READERS),
    ("GET", "/due"): (get(f"{PREFIX}/due", site=SITE), 200, READERS),
    ("POST", "/due/reason"): (
        post(f"{PREFIX}/due/reason", {"site": SITE, "meter_code": "M1", "version": "1", "reason": "待停产"}),
        409,
        METERS,
    ),
    ("GET", "/messages"): (get(f"{PREFIX}/messages", site=SITE), 200, READERS),
    ("POST", "/messages/read"): (post(f"{PREFIX}/messages/read", {"site": SITE, "message_id": "1"}), 303, METERS),
    ("GET", "/trace"): (get(f"{PREFIX}/trace", site=SITE), 503, WHOLE),
    ("GET", "/trace.{form}"): (get(f"{PREFIX}/trace.json", site=SITE), 400, WHOLE),
    ("GET", "/uploads"): (get(f"{PREFIX}/uploads", site=SITE), 200, WHOLE),
    ("GET", "/upload-exchanges"): (get(f"{PREFIX}/upload-exchanges", site=SITE), 200, WHOLE),
    ("GET", "/upload-exchange"): (get(f"{PREFIX}/upload-exchange", site=SITE, id="1"), 404, WHOLE),
    ("GET", "/upload-failures"): (get(f"{PREFIX}/upload-failures", site=SITE), 200, WHOLE),
    ("GET", "/upload-coverage"): (get(f"{PREFIX}/upload-coverage", site=SITE), 200, WHOLE),
    ("GET", "/roles"): (get(f"{PREFIX}/roles", site=SITE), 200, {"admin"}),
    ("POST", "/roles"): (post(f"{PREFIX}/roles", {"site": SITE, "user_name": "x", "role": "none"}), 422, {"admin"}),
    ("POST", "/roles/revoke"): (post(f"{PREFIX}/roles/revoke", {"site": SITE, "grant_id": "0"}), 303, {"admin"}),
    ("GET", "/ledgers/static"): (get(address("static/js/list.js")), 200, READERS),
    ("GET", "/ledgers/"): (get(address("")), 307, READERS),
    ("GET", "/ledgers/{key}/list"): (get(address("meters/list")), 200, READERS),
    ("GET", "/ledgers/{key}/detail"): (get(address("meters/detail"), pk=KNOWN_KEY), 200, READERS),
    ("GET", "/ledgers/{key}/create"): (get(address("meters/create")), 200, METERS),
    ("POST", "/ledgers/{key}/create"): (post(address("meters/create"), {"meter_code": "?"}), REFUSED_FORM, METERS),
    ("GET", "/ledgers/{key}/edit"): (get(address("meters/edit"), pk=KNOWN_KEY), 200, METERS),
    ("POST", "/ledgers/{key}/edit"): (edit(KNOWN_KEY), REFUSED_FORM, METERS),
    ("POST", "/ledgers/_api/{key}/action"): (
        post(address("_api/meters/action"), name="retire", pks=KNOWN_KEY),
        400,
        METERS,
    ),
    ("POST", "/ledgers/_api/{key}/row-action"): (
        post(address("_api/meters/row-action"), name="retire", pk=KNOWN_KEY),
        400,
        METERS,
    ),
    ("GET", "/ledgers/_api/{key}/relation-lookup"): (get(address("_api/meters/relation-lookup")), 200, READERS),
    ("GET", "/ledgers/_api/{key}/inline-edit"): (get(address("_api/meters/inline-edit"), pk=KNOWN_KEY), 403, set()),
    ("POST", "/ledgers/_api/{key}/inline-edit"): (post(address("_api/meters/inline-edit"), pk=KNOWN_KEY), 403, set()),
    ("GET", "/ledgers/_api/{key}/inline-edit/row"): (
        get(address("_api/meters/inline-edit/row"), pk=KNOWN_KEY),
        200,
        READERS,
    ),
    ("POST", "/ledgers/_api/{key}/import"): (post(address("_api/meters/import")), 403, set()),
    ("GET", "/ledgers/_files/{storage}/{path:path}"): (get(address("_files/local/etc/passwd")), 404, READERS),
    ("GET", "/ledgers/history"): (get(address("history")), 404, READERS),
    ("GET", "/ledgers/history/{key}/row"): (get(address("history/meters/row"), pk=KNOWN_KEY), 200, READERS),
    ("GET", "/ledgers/history/{key}/as-of"): (get(address("history/meters/as-of")), 200, READERS),
    ("GET", "/ledgers/history/files/{name}"): (get(address("history/files/passwd")), 404, READERS),
    ("GET", "/ledgers/choices"): (get(address("choices")), 404, READERS),
    ("GET", "/ledgers/choices/{key}/{column}"): (get(address("choices/meters/org_code")), 200, READERS),
    ("GET", "/ledgers/item-codes"): (get(address("item-codes")), 404, READERS),
    ("GET", "/ledgers/item-codes/offers/{part}"): (get(address("item-codes/offers/processCode")), 200, READERS),
    ("GET", "/ledgers/item-codes/look"): (get(address("item-codes/look")), 200, READERS),
    ("GET", "/ledgers/workbook"): (get(address("workbook")), 404, READERS),
    ("GET", "/ledgers/workbook/{key}"): (get(address("workbook/meters")), 200, READERS),
    ("GET", "/ledgers/workbook/{key}/import"): (get(address("workbook/meters/import")), 200, METERS),
    ("POST", "/ledgers/workbook/{key}/import"): (brought, REFUSED_FORM, METERS),
    ("POST", "/ledgers/workbook/{key}/apply"): (post(address("workbook/meters/apply"), {"token": "x"}), 404, METERS),
}


def every_route() -> set[tuple[str, str]]:
    """Method and path of every route that the app has, the library's among them."""
    found: set[tuple[str, str]] = set()
    for route in make_app().routes:
        if isinstance(route, Mount) and route.path == "/static":
            found.add(("GET", "/static"))
        elif isinstance(route, Mount):
            gate: Any = route.app
            for inner in gate.app.routes[0].app.routes:
                methods = {"GET"} if isinstance(inner, Mount) else inner.methods
                found |= {(method, f"/ledgers{inner.path}") for method in methods}
        else:
            found |= {(method, route.path) for method in route.methods}  # type: ignore[attr-defined]
    return {(method, path) for method, path in found if method != "HEAD"}


def test_every_route_has_its_entry_here() -> None:
    assert every_route() == set(VISITS)


@pytest.mark.parametrize("route", list(VISITS), ids=lambda route: " ".join(route))
def test_each_route_lets_in_whom_it_should(client: TestClient, route: tuple[str, str]) -> None:
    visit, status, allowed = VISITS[route]
    answer = visit(client)
    user = client.user
    assert answer.status_code == (status if user in allowed else 403), answer.text[:300]


def test_nobody_gets_anything_without_a_login() -> None:
    with visiting(None) as client:
        for (method, _), (visit, _, _) in VISITS.items():
            client.cookies.set("starlette_admin_csrftoken", "forged", path="/")
            answer = visit(client) if method == "GET" else client.post(f"{PREFIX}/roles")
            assert answer.status_code == 401
        for method, path in every_route():
            full = f"{PREFIX}{path}".replace("/ledgers/", f"/ledgers/{SITE}/").replace("{key}", "meters")
            assert client.request(method, full).status_code == 401, (method, path)


FOREIGN: dict[str, Callable[[TestClient], Any]] = {
    "detail": get(address("meters/detail"), pk=FOREIGN_KEY),
    "edit form": get(address("meters/edit"), pk=FOREIGN_KEY),
    "edit": edit(FOREIGN_KEY),
    "history": get(address("history/meters/row"), pk=FOREIGN_KEY),
    "row action": post(address("_api/meters/row-action"), name="retire", pk=FOREIGN_KEY),
    "action": post(address("_api/meters/action"), name="retire", pks=FOREIGN_KEY),
    "bulk edit": post(
        address("_api/meters/action"),
        {"column": "location", "value": "x", "seen": "999999"},
        name="bulk_edit",
        pks=FOREIGN_KEY,
    ),
    "row": get(address("_api/meters/inline-edit/row"), pk=FOREIGN_KEY),
    "reason": post(f"{PREFIX}/due/reason", {"site": SITE, "meter_code": "M2", "version": "1", "reason": "x"}),
    "foreign equipment": get(address("equipment/detail"), pk="!EQ2"),
    "foreign person": get(address("persons/detail"), pk="!P2"),
    "person of the whole site": get(address("persons/edit"), pk="!001"),
    "foreign training": get(address("trainings/detail"), pk="!P2!2026-01-05!%E4%BA%8C%E8%BD%A6%E9%97%B4"),
    "training of a foreign person": post(
        address("_api/trainings/row-action"), name="retire", pk="!P2!2026-01-05!%E4%BA%8C%E8%BD%A6%E9%97%B4"
    ),
}


@pytest.mark.parametrize("user", sorted(OF_A_UNIT))
@pytest.mark.parametrize("name", list(FOREIGN))
def test_who_has_a_unit_stays_within_it(name: str, user: str) -> None:
    with visiting(user) as client:
        answer = FOREIGN[name](client)
        assert answer.status_code == 403, answer.text[:300]
    assert ask("select count(*) from ledger.changes where changed_by = %s", user) == [(0,)]


def test_a_keeper_sees_only_rows_of_the_unit_and_below() -> None:
    with visiting("keeper") as client:
        listed = read(client, "meters/list")
        for code in ("M1", "M3", "M4"):
            assert f">{code}<" in listed.replace("\n", "").replace(" ", ""), code
        for code in ("M2", "M5"):
            assert code not in listed
        assert "EQ2" not in read(client, "equipment/list")
        assert "M2" not in read(client, "history/meters/as-of", day="2026-02-02")


def test_a_keeper_keeps_the_persons_of_the_unit_and_their_trainings() -> None:
    with visiting("keeper") as client:
        persons, trainings = (client.get(address(f"{ledger}/list")).text for ledger in ("persons", "trainings"))
        assert "李工" in persons
        assert not any(name in persons for name in ("王工", "赵工"))
        assert "现场" in trainings
        assert not any(content in trainings for content in ("总则", "二车间"))
        assert client.get(address("persons/edit"), params={"pk": "!P1"}).status_code == 200
        for ledger, values in {
            "persons": {"person_code": "P9", "name": "钱工", "org_code": "W2"},
            "trainings": {"person_code": "P2", "trained_on": "2026-02-02", "content": "越权"},
        }.items():
            answer = send(client, address(f"{ledger}/create"), values)
            assert (answer.status_code, "管理范围" in answer.text) == (422, True)
        # Neither may a person be moved out of the unit, or into it.
        (version,) = ask(
            "select max(change_id) from ledger.changes where row_key ->> 'person_code' = 'P1'"
            " and table_name = 'persons'"
        )[0]
        answer = send(
            client,
            address("persons/edit"),
            {"name": "李工", "org_code": "W2", "workbench_version": str(version)},
            params={"pk": "!P1"},
        )
        assert (answer.status_code, "管理范围" in answer.text) == (422, True)
    assert ask("select org_code from ledger.persons order by person_code") == [(None,), ("L1",), ("W2",)]
    assert ask("select count(*) from ledger.trainings") == [(3,)]


def test_a_keeper_makes_no_row_for_a_foreign_unit() -> None:
    values = {
        "meter_code": "M9",
        "name": "新表",
        "energy_code": "electricity",
        "reading_kind": "register",
        "unit": "kWh",
    }
    with visiting("keeper") as client:
        for unit in ("W2", ""):
            answer = send(client, address("meters/create"), values | {"org_code": unit})
            assert answer.status_code == 422
            assert "管理范围" in answer.text
    assert ask("select count(*) from ledger.meters where meter_code = 'M9'") == [(0,)]


def test_another_site_is_shut_for_everybody() -> None:
    for user in GRANTS:
        with visiting(user) as client:
            pages = (
                "due",
                "messages",
                "trace",
                "roles",
                "uploads",
                "upload-exchanges",
                "upload-failures",
                "upload-coverage",
            )
            for path in (
                "ledgers/S2/meters/list",
                *(f"{page}?site=S2" for page in pages),
                "upload-exchange?site=S2&id=1",
            ):
                assert client.get(f"{PREFIX}/{path}").status_code == 403, (user, path)


def test_a_change_needs_the_visitors_own_token() -> None:
    with visiting("admin") as admin, visiting("auditor") as other:
        foreign = token(other)
        url, data = f"{PREFIX}/roles", {"site": SITE, "user_name": "mallory", "role": "viewer"}
        token(admin)
        assert admin.post(url, data=data).status_code == 403
        assert admin.post(url, data=data | {"csrftoken": "forged"}).status_code == 403
        assert admin.post(url, data=data | {"csrftoken": foreign}).status_code == 403
        admin.cookies.set("starlette_admin_csrftoken", foreign, path=PREFIX)
        assert admin.post(url, data=data | {"csrftoken": foreign}).status_code == 403
    with visiting("admin") as admin:
        crossed = {"sec-fetch-site": "cross-site"}
        assert send(admin, f"{PREFIX}/roles", data, headers=crossed).status_code == 403
        assert send(admin, f"{PREFIX}/roles", data).status_code == 303
    assert ask("select user_name, granted_by from ops.workbench_roles where granted_by <> 'test'") == [
        ("mallory", "admin")
    ]


def test_cookies_keep_to_the_workbench() -> None:
    with visiting("admin") as client:
        made = client.get(f"{PREFIX}/").headers["set-cookie"].lower()
        assert "samesite=strict" in made
        assert f"path={PREFIX}" in made


def test_a_certificate_is_kept_under_a_made_name_and_only_for_who_may_see_it(tmp_path: Path) -> None:
    values = {"meter_code": "M2", "verified_on": "2026-01-20", "kind": "verification"}
    with visiting("admin") as admin:
        answer = send(
            admin, address("verifications/create"), values, files={"certificate_file": upload(b"MZ not a pdf")}
        )
        assert answer.status_code == 422
        assert "只接受" in answer.text
        answer = send(admin, address("verifications/create"), values, files={"certificate_file": upload(PDF)})
        assert answer.status_code == 303, answer.text[:2000]
        ((name,),) = ask("select certificate_file from ledger.verifications")
        assert name.endswith(".pdf")
        assert "etc" not in name
        kept = admin.get(address(f"history/files/{name}"))
        assert kept.content == PDF
        assert kept.headers["content-disposition"].startswith("attachment")
        for path in (f"..%2f{name}", "../../secrets.env", "%2e%2e/secrets.env", name.upper()):
            assert admin.get(address(f"history/files/{path}")).status_code == 404
    with visiting("keeper") as keeper:
        assert keeper.get(address(f"history/files/{name}")).status_code == 404
