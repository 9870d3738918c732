"""What all tests share: one PostgreSQL for the session, a fresh warehouse for each test.

The server is the bundled one, made by the same code as in production, in a home of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import cluster, processes, server

TEMPLATE = "warehouse_template"
BUILT_TEMPLATE = "warehouse_built_template"


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Cut the process off from the developer's installation: our variables point to ``home`` only."""
    for name in [name for name in os.environ if name.startswith("NENGDUAN_")]:
        patch.delenv(name)
    patch.setenv("NENGDUAN_HOME", str(home))
    patch.setenv("NENGDUAN_DATABASE_PORT", str(free_port()))


@pytest.fixture(scope="session", name="server")
def fixture_server() -> Iterator[Settings]:
    """Bundled PostgreSQL, started once, with a migrated and seeded template of the warehouse."""
    home = Path(tempfile.mkdtemp(prefix="nengduan-test-"))
    with pytest.MonkeyPatch.context() as patch:
        clean_environment(patch, home)
        patch.setenv("NENGDUAN_WAREHOUSE_DATABASE", TEMPLATE)
        try:
            yield server.ensure_database()
        finally:
            cluster.stop(configuration.load())
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def built_server(server: Settings) -> Settings:
    """The same server with a second template, in which dbt has made every table and view of a plant without data."""
    with pytest.MonkeyPatch.context() as patch:
        _copy_template(server, BUILT_TEMPLATE, TEMPLATE)
        patch.setenv("NENGDUAN_WAREHOUSE_DATABASE", BUILT_TEMPLATE)
        settings = configuration.load()
        built = subprocess.run(
            [str(processes.programs("dbt")), "run", "--quiet"],
            env=settings.dbt_environment(),
            cwd=settings.dbt_project,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert built.returncode == 0, built.stdout + built.stderr
    return server


@pytest.fixture
def built_warehouse(built_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A warehouse of one's own that has its marts already, empty."""
    yield from _fresh_warehouse(built_server, monkeypatch, BUILT_TEMPLATE)


@pytest.fixture(scope="module")
def module_built_warehouse(built_server: Settings) -> Iterator[Settings]:
    """The same, shared by a module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        yield from _fresh_warehouse(built_server, patch, BUILT_TEMPLATE)


@pytest.fixture
def warehouse(server: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A warehouse of one's own: settings.load() and everything below it point there."""
    yield from _fresh_warehouse(server, monkeypatch)


@pytest.fixture(scope="module")
def module_warehouse(server: Settings) -> Iterator[Settings]:
    """The same, shared by a module's tests: for what takes long to load and is then only read."""
    with pytest.MonkeyPatch.context() as patch:
        yield from _fresh_warehouse(server, patch)


def _copy_template(settings: Settings, name: str, template: str) -> None:
    with server.connect_admin(settings) as connection:
        server.make_warehouse(connection, name, template=template)


def _fresh_warehouse(settings: Settings, patch: pytest.MonkeyPatch, template: str = TEMPLATE) -> Iterator[Settings]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _copy_template(settings, name, template)
    patch.setenv("NENGDUAN_WAREHOUSE_DATABASE", name)
    try:
        yield configuration.load()
    finally:
        with server.connect_admin(settings) as connection:
            server.drop_warehouse(connection, name)
