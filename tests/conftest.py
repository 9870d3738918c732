"""What all tests share: one PostgreSQL for the session, a fresh warehouse for each test.

The server is the bundled one, made by the same code as in production, in a home of its own.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import building, cluster
from plugins.operations import server as server_module

TEMPLATE = "warehouse_template"
BUILT_TEMPLATE = "warehouse_built_template"

# Names are used again, each time of a new database, for dbt keeps what it has parsed by name: 3 s a build, not 8 s. In
# turn, so that what a killed process of one test still does reaches nothing of the next.
NAMES = deque(f"test_{number}" for number in range(1, 6))

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
            yield server_module.ensure_database()
        finally:
            cluster.stop(configuration.load())
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def built_template(server: Settings) -> str:
    """A second template, in which the product itself has made every table and view of a plant without data."""
    with pytest.MonkeyPatch.context() as patch:
        with server_module.connect_admin(server) as connection:
            server_module.make_warehouse(connection, BUILT_TEMPLATE, template=TEMPLATE)
        patch.setenv("NENGDUAN_WAREHOUSE_DATABASE", BUILT_TEMPLATE)
        with building.warehouse_lock():
            building.run_dbt("template")
    return BUILT_TEMPLATE


@pytest.fixture
def warehouse(server: Settings, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A warehouse of one's own: settings.load() and everything below it point there.

    For what is marked ``built`` it has its marts already, empty; else its first build makes them.
    """
    with copied_warehouse(server, _template(request)) as settings:
        yield settings


@pytest.fixture(scope="module")
def module_warehouse(server: Settings, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """The same, shared by a module's tests: for what takes long to load and is then only read."""
    with copied_warehouse(server, _template(request)) as settings:
        yield settings


def _template(request: pytest.FixtureRequest) -> str:
    if request.node.get_closest_marker("built") is None:
        return TEMPLATE
    return str(request.getfixturevalue("built_template"))


@contextmanager
def copied_warehouse(source: Settings, template: str) -> Iterator[Settings]:
    """A new warehouse that begins as a copy, until it is left; nobody may be connected to the template."""
    name = NAMES.popleft()
    with server_module.connect_admin(source) as connection:
        # What this process keeps open to the template would hinder the copy.
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [template])
        server_module.make_warehouse(connection, name, template=template)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NENGDUAN_WAREHOUSE_DATABASE", name)
            yield configuration.load()
    finally:
        with server_module.connect_admin(source) as connection:
            server_module.drop_warehouse(connection, name)
        NAMES.append(name)
