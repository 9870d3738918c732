"""The sandbox as a server: alone, or for a test in a thread or a process of its own."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import uvicorn

from plugins.province.sandbox.app import make_app
from plugins.province.sandbox.deeds import Protocol
from plugins.province.sandbox.options import Options
from plugins.province.sandbox.platform import Platform

START_S = 30
Key = tuple[str, str, int, datetime]
"""Enterprise, hyphenated code, statistic, start of the period in local time."""


class SandboxError(RuntimeError):
    """The sandbox did not start, or refused an order."""


def make_server(
    platform: Platform,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    client_authority: Path | None = None,
) -> uvicorn.Server:
    """A server over a platform; with a certificate it speaks TLS, with an authority it asks clients for theirs."""
    config = uvicorn.Config(
        make_app(platform),
        http=Protocol,
        log_level="error",
        access_log=False,
        date_header=False,  # the platform's clock writes it
        server_header=False,
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_ca_certs=None if client_authority is None else str(client_authority),
        ssl_cert_reqs=2 if client_authority is not None else 0,  # ssl.CERT_REQUIRED, CERT_NONE
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that connections can already queue on; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise SandboxError(f"{host}:{port}: {error.strerror}") from error
    made.listen(1024)
    return made


class Sandbox:
    """A running sandbox, steered through its control API."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        self.url = url
        self.nhjc04_url = f"{url}/nhjc04"
        self.yunnan_url = url
        """Its paths begin with /YNEnergy."""
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = True if authority is None else str(authority)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/sandbox/{path}", json=body or {}, params=query, timeout=30)
        if answer.status_code != 200:
            raise SandboxError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def close(self) -> None:
        self._session.close()

    # ------------------------------------------------------------ behaviour
    def misbehave(
        self,
        deed: str,
        *messages: str,
        profile: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        probability: float = 1.0,
        is_stored: bool = False,
        **options: Any,
    ) -> None:
        """Order a fault for coming messages (of data, unless named); see misbehaviour.Deed."""
        order: dict[str, Any] = {
            "deed": deed,
            "messages": list(messages or ("data",)),
            "profile": profile,
            "times": times,
        }
        order |= {"skip": skip, "probability": probability, "is_stored": is_stored}
        self._ask("POST", "control/faults", order | options)

    def behave(self) -> None:
        """Forget all faults that wait."""
        self._ask("DELETE", "control/faults")

    def change(self, deed: str, profile: str | None = None, **days: str) -> None:
        """Move URLs, bump versions, rotate keys, expire tokens, freeze or thaw, now."""
        self._ask("POST", "control/change", {"deed": deed, "profile": profile, **days})

    def freeze(self, first: str, last: str) -> None:
        """Freeze the periods that begin on these days or between them."""
        self.change("freeze", first=first, last=last)

    def seed(self, seed: int) -> None:
        self._ask("POST", "control/seed", {"seed": seed})

    def set_options(self, **options: Any) -> None:
        self._ask("PUT", "control/options", options)

    def set_clock(self, now: datetime | None, is_stopped: bool = True) -> None:
        """Let the platform's clock stand at, or run from, an instant; None: today's time."""
        self._ask("PUT", "control/clock", {"now": now and now.isoformat(), "is_stopped": is_stopped})

    def add_codes(self, dictionary: str, *entries: dict[str, str]) -> None:
        self._ask("POST", f"control/dictionaries/{dictionary}", {"entries": list(entries)})

    # ------------------------------------------------------------ what it holds
    def control(self) -> dict[str, Any]:
        return dict(self._ask("GET", "control"))

    def rows(self, profile: str | None = None) -> list[dict[str, Any]]:
        """The values that stand, with all that came along with them."""
        return list(self._ask("GET", "store", **_given(profile=profile))["values"])

    def values(self, profile: str | None = None) -> dict[Key, Decimal]:
        """The values that stand; of both profiles, where these don't contradict each other."""
        found: dict[Key, Decimal] = {}
        for row in self.rows(profile):
            key, value = _key(row), Decimal(row["value"])
            if found.setdefault(key, value) != value:
                raise SandboxError(f"the profiles hold different values of {key}; name one")
        return found

    def history(
        self, enterprise: str, code: str, stat_type: int, stat_date: datetime, profile: str | None = None
    ) -> list[Decimal]:
        """All values that one figure has had, oldest first; the last one stands."""
        versions = self._ask(
            "GET",
            "store/history",
            enterprise_code=enterprise,
            data_code=code,
            stat_type=stat_type,
            stat_date=f"{stat_date:%Y-%m-%d %H:%M:%S}",
            **_given(profile=profile),
        )["versions"]
        return [Decimal(row["value"]) for row in versions]

    def versions(self, profile: str | None = None) -> list[dict[str, Any]]:
        """All versions of all values."""
        return list(self._ask("GET", "store/history", **_given(profile=profile))["versions"])

    def enterprises(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "enterprises"))

    def log(self, message: str | None = None) -> list[dict[str, Any]]:
        """The messages that came, oldest first."""
        entries = self._ask("GET", "log", last=1_000_000)
        return [entry for entry in entries if message in (None, entry["message"])]


def _given(**query: Any) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _key(row: dict[str, Any]) -> Key:
    return (
        row["enterprise_code"],
        row["data_code"],
        row["stat_type"],
        datetime.fromisoformat(row["stat_date"]),
    )


@contextmanager
def running(
    *,
    port: int = 0,
    store: Path | None = None,
    options: Options | None = None,
    clock: Callable[[], datetime] | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    client_authority: Path | None = None,
) -> Iterator[Sandbox]:
    """A sandbox in a thread, ready when the block begins and gone when it ends."""
    platform = Platform(options, store, clock)
    server = make_server(platform, certificate=certificate, key=key, client_authority=client_authority)
    bound = listen("127.0.0.1", port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="sandbox", daemon=True)
    thread.start()
    _await_start(lambda: server.started, thread.is_alive)
    scheme = "http" if certificate is None else "https"
    sandbox = Sandbox(f"{scheme}://127.0.0.1:{bound.getsockname()[1]}", certificate)
    try:
        yield sandbox
    finally:
        sandbox.close()
        server.should_exit = True
        thread.join(START_S)
        bound.close()
        platform.store.close()


def _await_start(is_started: Callable[[], bool], is_alive: Callable[[], bool]) -> None:
    limit = time.monotonic() + START_S
    while not is_started():
        if not is_alive() or time.monotonic() > limit:
            raise SandboxError("the sandbox did not start")
        time.sleep(0.005)


@contextmanager
def isolated(*arguments: str, store: Path | None = None) -> Iterator[Sandbox]:
    """A sandbox in a process of its own, with arguments of `nengduan sandbox`; for measuring beside it."""
    command = [sys.executable, "-c", "from plugins.operations.cli import main; main()", "sandbox", "--port", "0"]
    command += ["--store", str(store)] if store is not None else []
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield Sandbox(_first_line(process))
    finally:
        process.terminate()
        process.wait(START_S)
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if ready else ""
    if not line.startswith("http"):
        process.kill()
        raise SandboxError("the sandbox did not start")
    return line.strip()
