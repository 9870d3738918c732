"""An installation of the platform for the bench alone: a home, free ports, and the user's own commands."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import cluster
from plugins.operations.processes import LOG_PORT_OFFSET
from tests.bench.memory import MemoryWatch

MARK = "nengduan-bench"
"""A file that says that a folder is a bench's and may be removed."""

STAGE = re.compile(r"^\s+(\S.*?)：(?:通过|未通过)（([\d.]+) 秒）$", re.MULTILINE)
STATEMENTS_CONF = "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.max = 10000\n"
SHOWN_OUTPUT = 3000


class BenchError(RuntimeError):
    """The measurement itself has failed, or what was measured is wrong."""


@dataclass(frozen=True)
class Finished:
    """A command of ours that ended with 0: wall-clock seconds, output, peak memory in bytes by process."""

    seconds: float
    output: str
    peaks: dict[str, int]

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by stage, where the command was `nengduan load`."""
        return {name: float(seconds) for name, seconds in STAGE.findall(self.output)}


class Installation:
    """A home under ``folder``; nothing of the developer's own installation is touched."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NENGDUAN_")}
        ports = free_ports()
        self.environment = kept | {
            "NENGDUAN_HOME": str(self.home),
            "NENGDUAN_DATABASE_PORT": str(ports[0]),
            "NENGDUAN_AIRFLOW_PORT": str(ports[1]),
            "NENGDUAN_SUPERSET_PORT": str(ports[2]),
            "NENGDUAN_SANDBOX_PORT": str(ports[3]),
        }

    @property
    def settings(self) -> Settings:
        return configuration.load(self.environment)

    def use_warehouse(self, database: str) -> None:
        """Let all commands from now on work on that warehouse, which is made when it is not there."""
        self.environment["NENGDUAN_WAREHOUSE_DATABASE"] = database
        self.run("migrate")

    def drop_warehouse(self, database: str) -> None:
        """Remove a warehouse whose services are stopped."""
        with self.admin() as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))
        del self.environment["NENGDUAN_WAREHOUSE_DATABASE"]

    def stop_services(self) -> None:
        """Stop Airflow and Superset, and start PostgreSQL again, which `nengduan down` stops with them."""
        self.run("down")
        self.run("migrate")

    def start_database(self) -> None:
        """Make and start PostgreSQL, with the statistics of its statements switched on."""
        self.run("migrate")
        with self.admin() as connection:
            data = Path(str(_value(connection, "show data_directory")))
        (data / "local.conf").write_text(STATEMENTS_CONF, encoding="utf-8")
        (data / "local.conf").chmod(0o644)
        self.run("down")
        self.run("migrate")
        with self.admin() as connection:
            connection.execute("create extension if not exists pg_stat_statements")

    def remove(self) -> None:
        """Stop everything, and remove the database where root's stands outside the home."""
        if not self.home.exists():
            return
        self.run("down")
        data = cluster.locate(self.settings).data
        if not data.is_relative_to(self.home) and data.exists():
            shutil.rmtree(data.parent)

    def run(self, *words: str) -> Finished:
        """Type a command of ours; raises BenchError unless it ends with 0."""
        began = time.monotonic()
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("nengduan")), *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        with MemoryWatch(process.pid) as watch:
            output, _ = process.communicate()
        if process.returncode != 0:
            raise BenchError(f"`nengduan {' '.join(words)}` ended with {process.returncode}:\n{output[-SHOWN_OUTPUT:]}")
        return Finished(time.monotonic() - began, output, watch.peaks)

    def address(self, role: str) -> str:
        """Connection address of the warehouse for a role, as the user gets it."""
        return self.run("dsn", "--role", role).output.strip().splitlines()[-1]

    def admin(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection as the server's administrator, in autocommit."""
        return psycopg.connect(str(self.settings.admin_url), autocommit=True)


def prepare_folder(folder: Path) -> None:
    """An empty folder with our mark; one with other people's files in it is refused.

    What an earlier run left there, killed before it could stop its services, is stopped first.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise BenchError(f"{folder} holds files that are not the bench's. Name another folder with --folder.")
        Installation(folder).remove()
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def free_ports() -> tuple[int, int, int, int]:
    """Ports for PostgreSQL, Airflow (with its two log servers beside it), Superset and the sandbox platform."""
    for first in range(21000, 30000, 10):
        ports = (first, first + 1, first + 2, first + 3)
        if all(_is_free(port) for port in (*ports, ports[1] + LOG_PORT_OFFSET, ports[1] + LOG_PORT_OFFSET + 1)):
            return ports
    raise BenchError("no free ports between 21000 and 30000")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _value(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
