"""The bundled PostgreSQL: starts once, survives a kill, names what is in its way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import cluster
from tests.conftest import clean_environment


@pytest.fixture(scope="module", name="home")
def fixture_home() -> Iterator[Settings]:
    """A home of its own whose PostgreSQL has been started."""
    folder = Path(tempfile.mkdtemp(prefix="nengduan-cluster-"))
    with pytest.MonkeyPatch.context() as patch:
        clean_environment(patch, folder)
        settings = configuration.load()
        try:
            cluster.start(settings)
            yield settings
        finally:
            cluster.stop(settings)
            shutil.rmtree(folder, ignore_errors=True)


def postmaster(settings: Settings) -> psutil.Process:
    process = cluster.running_process(cluster.locate(settings))
    assert process is not None
    return process


def answer(settings: Settings) -> object:
    with psycopg.connect(settings.admin_url or "") as connection:
        return connection.execute("select 1").fetchone()


def test_starting_twice_keeps_the_same_server(home: Settings) -> None:
    before = postmaster(home).pid
    cluster.start(home)
    assert postmaster(home).pid == before


def test_it_never_runs_as_root_and_listens_on_this_machine_only(home: Settings) -> None:
    process = postmaster(home)
    assert process.uids().effective != 0
    with psycopg.connect(home.admin_url or "") as connection:
        shown = [connection.execute(f"show {name}".encode()).fetchone() for name in
                 ("listen_addresses", "unix_socket_directories", "password_encryption")]  # fmt: skip
    assert shown == [("127.0.0.1",), ("",), ("scram-sha-256",)]


def test_it_comes_back_after_kill_9(home: Settings) -> None:
    killed = postmaster(home)
    with psycopg.connect(home.admin_url or "", autocommit=True) as connection:
        connection.execute("create table kept as select 7 as number")
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    assert (cluster.locate(home).data / "postmaster.pid").exists()  # what a kill leaves behind
    cluster.start(home)
    assert postmaster(home).pid != killed.pid
    with psycopg.connect(home.admin_url or "") as connection:
        assert connection.execute("select number from kept").fetchone() == (7,)


def test_a_stopped_one_starts_again_and_stopping_twice_is_harmless(home: Settings) -> None:
    assert cluster.stop(home)
    assert not cluster.stop(home)
    cluster.start(home)
    assert answer(home) == (1,)


def test_a_taken_port_is_named_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nengduan-taken-"))
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        clean_environment(monkeypatch, folder)
        monkeypatch.setenv("NENGDUAN_DATABASE_PORT", str(port))
        with pytest.raises(cluster.ClusterError, match=f"Port {port} .* process {os.getpid()}"):
            cluster.start(configuration.load())
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs PostgreSQL itself and reaches its own folders")
def test_below_a_closed_folder_root_keeps_the_data_where_the_system_user_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = Path(tempfile.mkdtemp(prefix="nengduan-closed-"))  # mode 0700
    clean_environment(monkeypatch, closed / "home")
    settings = configuration.load()
    place = cluster.locate(settings).data
    assert place.is_relative_to(cluster.SYSTEM_STATE)
    try:
        cluster.start(settings)
        assert answer(settings) == (1,)
    finally:
        cluster.stop(settings)
        shutil.rmtree(place.parent, ignore_errors=True)
        shutil.rmtree(closed)
