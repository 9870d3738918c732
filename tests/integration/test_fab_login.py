"""The login of the production shape: Airflow's API server with FAB users, the workbench behind it, all over HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import requests

from ingestion import settings as configuration
from ingestion.settings import Settings
from tests.conftest import free_port
from tests.integration import own_airflow
from tests.integration.workbench_visits import GRANTS, PREFIX, SITE, plant

pytestmark = pytest.mark.slow

AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
START_SECONDS = 180
USERS = {
    "keeper": "User",
    "other_user": "User",
    "operator": "Op",
    "steward": "metering_manager",
    "nobody": "Public",
}
"""Users beside those of the installation, with their role in Airflow; those of ``workbench_visits`` have grants."""

MAKE_USERS = """
import sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

@providers_configuration_loaded
def make():
    with get_application_builder() as builder:
        manager = builder.sm
        # A role that is called as one of the workbench's: all it needs in Airflow is to see the web site.
        role = manager.add_role("metering_manager")
        manager.add_permission_to_role(role, manager.create_permission("can_read", "Website"))
        for user in sys.argv[2].split():
            name, role = user.split(":")
            assert manager.add_user(name, name, "test", f"{name}@localhost", manager.find_role(role), sys.argv[1])

make()
"""


@dataclass(frozen=True)
class Site:
    """A running API server, and a way to log in to it."""

    url: str
    password: str

    @property
    def workbench(self) -> str:
        return f"{self.url}{PREFIX}"

    def ledger(self, path: str) -> str:
        return f"{self.workbench}/ledgers/{SITE}/{path}"

    def login(self, name: str, password: str | None = None, path: str = "/auth/login/") -> Visit:
        """Log in; fails where the login does."""
        visit = self.try_login(name, password, path)
        assert "_token" in visit.cookies, visit.answer.text[:2000]
        return visit

    def try_login(self, name: str, password: str | None = None, path: str = "/auth/login/") -> Visit:
        """Fill in the form of the login page, as a person does."""
        visit = Visit()
        page = visit.get(self.url + path)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token is not None, page.text[:2000]
        form = {"username": name, "password": password or self.password, "csrf_token": token[1]}
        visit.answer = visit.post(page.url, form)
        return visit


class Visit(requests.Session):
    """A browser without scripts: it keeps cookies, follows redirections and says what it would like to have."""

    answer: requests.Response

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept"] = "text/html,application/xhtml+xml"

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        return super().request(*arguments, **{"timeout": 60, **options})

    def open(self, url: str, **params: str) -> requests.Response:
        """A page itself, not what it may send one to."""
        return self.get(url, params=params, allow_redirects=False)

    def send_form(self, url: str, data: dict[str, str], **params: str) -> requests.Response:
        """A form with the page's token against forged requests."""
        token = self.cookies.get("starlette_admin_csrftoken", path=PREFIX) or ""
        return self.post(url, {"csrftoken": token, **data}, params=params, allow_redirects=False)


@pytest.fixture(scope="module", name="site")
def fixture_site(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The small plant with its grants; Airflow with a home and a metadata database of its own."""
    plant(tmp_path_factory.mktemp("plant"))
    home, port, password = tmp_path_factory.mktemp("airflow"), free_port(), uuid.uuid4().hex
    options = {
        "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
        "AIRFLOW__FAB__AUTH_RATE_LIMIT": "1000 per 1 minute",  # a person has fewer users than this test
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
    }
    log_file = home / "api-server.log"
    with own_airflow.installed(module_warehouse, home, **options) as environment:
        own_airflow.run([sys.executable, "docker/airflow_users.py"], environment | ADMINISTRATORS)
        users = " ".join(f"{name}:{role}" for name, role in USERS.items())
        own_airflow.run([sys.executable, "-c", MAKE_USERS, password, users], environment)
        with log_file.open("w") as log:
            process = subprocess.Popen([own_airflow.AIRFLOW, "api-server"], env=environment, stdout=log, stderr=log)
            try:
                site = Site(f"http://127.0.0.1:{port}", password)
                wait_for(site, process, log_file)
                yield site
            finally:
                process.terminate()
                process.wait(60)
    assert "Failed to import plugin" not in log_file.read_text()


ADMINISTRATORS = {
    "NENGDUAN_AIRFLOW_ADMIN_PASSWORD": "the-administrators",
    "NENGDUAN_AIRFLOW_VIEWER_PASSWORD": "the-viewers",
}


def wait_for(site: Site, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers, within a limit."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{site.url}/api/v2/monitor/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-5000:])


def ask(query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(configuration.load().url("audit")) as connection:
        return connection.execute(query.encode()).fetchall()


def edit(visit: Visit, site: Site, meter: str, location: str) -> requests.Response:
    """Open a meter's form and send it with another location."""
    form = visit.open(site.ledger("meters/edit"), pk=f"!{meter}")
    if form.status_code != 200:
        return form
    version = re.search(r'name="workbench_version"[^>]*?value="(\d+)"', form.text, re.DOTALL)
    assert version is not None
    unit = re.search(r'<select id="org_code".*?<option value="(\w*)" selected', form.text, re.DOTALL)
    values = {"name": meter, "energy_code": "electricity", "reading_kind": "register", "unit": "kWh",
              "multiplier": "100", "interval_minutes": "15", "interval_label": "start", "location": location,
              "org_code": unit[1] if unit else "", "workbench_version": version[1]}  # fmt: skip
    return visit.send_form(site.ledger("meters/edit"), values, pk=f"!{meter}")


def test_whoever_is_not_logged_in_is_sent_to_the_login_and_then_to_the_page(site: Site) -> None:
    page = site.ledger("meters/list?q=进线")
    answer = Visit().get(page, allow_redirects=False)
    assert answer.status_code == 303
    login = urlsplit(answer.headers["location"])
    assert login.path == "/auth/login/"
    assert unescape(parse_qs(login.query)["next"][0]).startswith(f"{PREFIX}/ledgers/{SITE}/meters/list?q=")
    visit = site.login("keeper", path=f"{login.path}?{login.query}")
    assert urlsplit(visit.answer.url).path == f"{PREFIX}/ledgers/{SITE}/meters/list"
    assert "M1" in visit.answer.text
    # A program is told instead, and so is who sends a form.
    assert requests.get(page, timeout=60).status_code == 401
    assert Visit().post(site.ledger("meters/create"), {}, allow_redirects=False).status_code == 401
    assert Visit().get(page, cookies={"_token": "forged"}, allow_redirects=False).status_code == 303


def test_a_wrong_password_opens_nothing(site: Site) -> None:
    visit = site.try_login("keeper", "wrong")
    assert "_token" not in visit.cookies
    assert visit.open(site.ledger("meters/list")).status_code == 303


def test_a_viewer_looks_and_changes_nothing(site: Site) -> None:
    visit = site.login("viewer", ADMINISTRATORS["NENGDUAN_AIRFLOW_VIEWER_PASSWORD"])
    listed = visit.open(site.ledger("meters/list")).text
    assert all(meter in listed for meter in ("M1", "M2", "M3"))
    assert "新增计量器具" not in listed
    assert visit.open(site.ledger("meters/detail"), pk="!M1").status_code == 200
    assert visit.open(site.ledger("meters/create")).status_code == 403
    assert edit(visit, site, "M1", "别处").status_code == 403
    assert visit.send_form(site.ledger("meters/create"), {"meter_code": "M9"}).status_code == 403
    assert visit.open(f"{site.workbench}/roles").status_code == 403
    assert ask("select count(*) from ledger.changes where changed_by = 'viewer'") == [(0,)]


def test_a_keeper_of_a_unit_changes_that_unit_and_no_other(site: Site) -> None:
    assert GRANTS["keeper"] == [("keeper", "W1")]
    visit = site.login("keeper")
    listed = visit.open(site.ledger("meters/list")).text
    assert "!M1" in listed
    assert "!M2" not in listed
    changed = edit(visit, site, "M1", "一车间配电室")
    assert changed.status_code == 303, changed.text[:2000]
    assert edit(visit, site, "M2", "别处").status_code == 403
    forged = {"name": "x", "workbench_version": "1"}
    assert visit.send_form(site.ledger("meters/edit"), forged, pk="!M2").status_code == 403
    assert ask("select row_key ->> 'meter_code' from ledger.changes where changed_by = 'keeper'") == [("M1",)]
    assert ask("select location from ledger.meters where meter_code = 'M1'") == [("一车间配电室",)]


def test_airflows_own_roles_are_understood_and_a_role_named_as_ours_is_that(site: Site) -> None:
    administrator = site.login("admin", ADMINISTRATORS["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"])
    assert administrator.open(f"{site.workbench}/roles", site=SITE).status_code == 200
    operator = site.login("operator")
    assert operator.open(site.ledger("flows/create")).status_code == 200
    assert operator.open(f"{site.workbench}/roles", site=SITE).status_code == 403
    steward = site.login("steward")
    assert steward.open(site.ledger("verifications/create")).status_code == 200
    assert steward.open(site.ledger("flows/create")).status_code == 403
    # Airflow's role User keeps nothing until somebody gives it a unit.
    other = site.login("other_user")
    assert other.open(site.ledger("meters/list")).status_code == 403
    grant = {"site": SITE, "user_name": "other_user", "role": "keeper", "org_code": "W2"}
    assert administrator.send_form(f"{site.workbench}/roles", grant).status_code == 303
    assert "!M2" in other.open(site.ledger("meters/list")).text
    # Who may not even see Airflow's web site sees nothing of ours.
    nobody = site.login("nobody")
    assert nobody.open(site.ledger("meters/list")).status_code == 403


def test_who_logs_out_is_out(site: Site) -> None:
    visit = site.login("keeper")
    assert visit.open(site.ledger("meters/list")).status_code == 200
    visit.get(f"{site.url}/api/v2/auth/logout")
    assert visit.open(site.ledger("meters/list")).status_code == 303
