"""A platform for tests: a real HTTP(S) server on 127.0.0.1 whose answers are what the test says, bytes and all."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from plugins.province import profiles
from plugins.province.context import Context
from plugins.province.wire import Exchange, Wire

CREDIT_CODE = "91530181MA00000004"
KEY = "0123456789abcdeffedcba9876543210"
NOW = datetime(2026, 10, 8, 17, 38, tzinfo=UTC)


@dataclass
class Asked:
    """One request as it came."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    connection: tuple[str, int]


Answerer = Callable[[Asked, BaseHTTPRequestHandler], Any]


@dataclass
class FakePlatform:
    """Answers by path: a dict goes out as JSON, bytes as they are, None when the answerer wrote by itself."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [one.body for one in self.asked if one.path == path]

    def answer(self, asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(asked)
        found = self.answers.get(asked.path)
        if callable(found):
            found = found(asked, handler)
            if found is None:
                return
        if found is None:
            respond(handler, b"not here", status=404)
            return
        respond(handler, found if isinstance(found, bytes) else json.dumps(found).encode())


def respond(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """A whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def end(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection at once, whatever else still holds its socket."""
    handler.wfile.flush()
    os.close(handler.connection.detach())


def reset(handler: BaseHTTPRequestHandler) -> None:
    """End the connection by RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end(handler)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakePlatform]:
    platform = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                platform.answer(Asked(self.path, json.loads(raw), dict(self.headers), self.client_address), self)
            except OSError:  # the client has gone, as it should
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    platform.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Client:
    """An adapter with all that it needs, and what it left behind."""

    adapter: Any
    context: Context
    wire: Wire
    log: list[Exchange]
    saves: list[dict[str, Any]]
    dictionaries: dict[tuple[str, str], list[Any]]
    time: list[datetime]

    def stored(self) -> tuple[str, str]:
        """All that is kept, to compare."""
        return json.dumps(self.context.state, sort_keys=True), json.dumps(self.context.sealed, sort_keys=True)


@contextmanager
def client(
    profile: str,
    url: str,
    options: dict[str, str] | None = None,
    secrets: dict[str, str] | None = None,
    allowed_hosts: tuple[str, ...] = (),
    is_loopback_http_allowed: bool = True,
    state: dict[str, Any] | None = None,
    sealed: dict[str, str] | None = None,
) -> Iterator[Client]:
    log: list[Exchange] = []
    saves: list[dict[str, Any]] = []
    dictionaries: dict[tuple[str, str], list[Any]] = {}
    time = [NOW]
    given = secrets or {}
    chosen = profiles.load(profile)
    kept, sealed_kept = state if state is not None else {}, sealed if sealed is not None else {}
    context = Context(
        site_code="KM", destination="province", enterprise_code=CREDIT_CODE, region_code="530181", base_url=url,
        options=options or {}, secrets=given, state=kept, sealed=sealed_kept,
        save=lambda: saves.append(json.loads(json.dumps(kept))),
        save_dictionary=lambda name, version, rows: dictionaries.__setitem__((name, version), list(rows)),
        clock=lambda: time[0],
    )  # fmt: skip
    with Wire(
        url, allowed_hosts, is_loopback_http_allowed,
        log=log.append, secrets=given, settings=chosen.settings(options or {}), clock=lambda: time[0],
    ) as wire:  # fmt: skip
        yield Client(chosen.adapter(wire, context), context, wire, log, saves, dictionaries, time)
