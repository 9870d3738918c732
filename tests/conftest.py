"""What all tests share: one PostgreSQL for the session, a fresh warehouse for each test.

The server is the bundled one, made by the same code as in production, in a home of its own.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import cluster, processes, server

TEMPLATE = "warehouse_template"
BUILT_TEMPLATE = "warehouse_built_template"

# Below the range from which the system serves outgoing connections (32768 and up), and from another place for every
# worker: a port that was free when asked for is still free when its server starts.
PORTS = itertools.count(10_000 + os.getpid() * 50 % 20_000)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    for port in PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the ports are without end")


class ByModule(LoadScopeScheduling):
    """Side by side go whole modules, whose tests share a warehouse; those of the running platform stay together.

    In the order of ``testpaths``. (A mark on each test would do, had xdist 3.8's groups not stopped working with pytest
    9.2, which keeps a test's name elsewhere.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return "tests/e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByModule:
    """Called with ``pytest -n``, as by `make test`."""
    return ByModule(config, log)


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
