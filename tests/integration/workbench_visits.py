"""The workbench as tests visit it: a plant with two units, users of every role, and a client for each."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from ingestion import warehouse
from plugins.workbench.app import Workbench
from plugins.workbench.roles import Role
from tests.integration.landing_plant import LEDGERS, load, write

PREFIX = "/nengduan/workbench"
SITE = "S1"
PLANT = LEDGERS | {
    "org_units": "org_code,name,parent_code\nHQ,总厂,\nW1,一车间,HQ\nL1,一线,W1\nW2,二车间,HQ\n",
    "equipment": "equipment_code,name,org_code\nEQ1,电炉,W1\nEQ2,风机,W2\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,multiplier,org_code,equipment_code\n"
    "M1,进线1,electricity,register,kWh,100,W1,\nM2,进线2,electricity,register,kWh,100,W2,\n"
    "M3,电炉,electricity,interval,kWh,,,EQ1\nM4,备用,electricity,register,kWh,1,L1,\nM5,备用,electricity,register,kWh,1,W2,\n",
    "persons": "person_code,name,org_code\n001,王工,\nP1,李工,L1\nP2,赵工,W2\n",
    "trainings": "person_code,trained_on,content\n001,2026-01-05,总则\nP1,2026-01-05,现场\nP2,2026-01-05,二车间\n",
}
"""M1, M3 and M4 are W1's (M3 by its equipment, M4 by the line below it), M2 and M5 are W2's; so are P1 and P2, and 001 is
the whole site's."""

GRANTS: dict[str, list[tuple[str, str | None]]] = {
    "viewer": [("viewer", None)],
    "viewer_of_a_unit": [("viewer", "W1")],
    "keeper": [("keeper", "W1")],
    "metering_manager": [("metering_manager", None)],
    "energy_manager": [("energy_manager", None)],
    "auditor": [("auditor", None)],
    "admin": [("admin", None)],
    "nobody": [],
}
"""Users of the tests, named after their role at S1; nobody has Airflow's role User, which gives no unit."""

PDF = b"%PDF-1.4 certificate"


class AuthManager:
    """Knows the users of the tests: the token is the user's name."""

    async def get_user_from_token(self, token: str) -> SimpleNamespace:
        if token not in GRANTS:
            raise jwt.InvalidTokenError("no such token")
        return SimpleNamespace(get_name=lambda: token, role="user")

    def is_authorized_view(self, *, access_view: object, user: object) -> bool:
        return True


def let_in(patch: pytest.MonkeyPatch) -> None:
    """Airflow's login for the users of the tests."""
    from airflow.api_fastapi import app as airflow_app

    patch.setattr(airflow_app._AuthManagerState, "instance", AuthManager())


def plant(folder: Path) -> None:
    """Land the plant and grant its roles."""
    folder.mkdir(parents=True, exist_ok=True)
    reports = load(write(folder, PLANT))
    assert {report.status for report in reports.values()} == {"landed"}
    with warehouse.connect("keep") as connection:
        for user, grants in GRANTS.items():
            for role, org_code in grants:
                connection.execute(
                    "insert into ops.workbench_roles (site_code, user_name, role, org_code, granted_by)"
                    " values (%s, %s, %s, %s, 'test')",
                    [SITE, user, Role(role), org_code],
                )


@contextmanager
def visiting(user: str | None) -> Iterator[TestClient]:
    """A browser of this user (None: not logged in), at the workbench as Airflow mounts it."""
    host = Starlette(routes=[Mount(PREFIX, app=Workbench())])
    with TestClient(host, base_url="http://testserver", follow_redirects=False) as client:
        if user is not None:
            client.cookies.set("_token", user)
        yield client


def address(path: str) -> str:
    """A path of the workbench below S1's ledgers."""
    return f"{PREFIX}/ledgers/{SITE}/{path}"


def token(client: TestClient) -> str:
    """The visitor's token against forged requests, as a page gives it."""
    name = "starlette_admin_csrftoken"
    if name not in client.cookies:
        client.get(f"{PREFIX}/")
    return str(client.cookies[name])


def read(client: TestClient, path: str, **parameters: str) -> str:
    """A page below S1's ledgers without its scripts' nonces: in random letters any code turns up now and then."""
    answer = client.get(address(path), params=parameters)
    assert answer.status_code == 200, answer.text
    text, count = re.subn(r'nonce="[\w-]{22}"', "", answer.text)
    assert count > 0
    return text


def send(client: TestClient, url: str, data: dict[str, Any], **options: Any) -> Any:
    """Send a form as a page of the workbench does."""
    return client.post(url, data={"csrftoken": token(client), **data}, **options)


def ask(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(warehouse.settings.load().url("audit")) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def upload(content: bytes, name: str = "../../etc/certificate.pdf") -> tuple[str, io.BytesIO, str]:
    """A file whose name and type lie."""
    return (name, io.BytesIO(content), "application/pdf")
