"""HTTP with an end: one exchange is over by its deadline, however slowly the other side drips.

A read timeout alone starts anew with every byte. Here each read of the socket, of headers and of the body alike, is
given what is left until the deadline of the exchange.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_running = threading.local()


class DeadlineError(TimeoutError):
    """The exchange took longer than it may."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Every read of this thread within ends by then; raises DeadlineError, which requests tells as a timeout."""
    _running.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _running.ends_at = None


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: Any) -> None:
        self._sock, self._raw, self._patience = sock, raw, sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        ends_at = getattr(_running, "ends_at", None)
        if ends_at is not None:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise DeadlineError("the exchange took too long")
            self._sock.settimeout(left if self._patience is None else min(left, self._patience))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Socket:
    """What http.client asks of a socket for a response: a file to read from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._sock.makefile("rb", buffering=0)))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_Socket(sock), *args, **options)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter over connections that know the deadline; a fingerprint pins the server's certificate."""

    def __init__(self, fingerprint: str | None = None) -> None:
        """``fingerprint`` is the SHA-256 of the certificate, in hex."""
        self._fingerprint = fingerprint
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of the connections above."""
        if self._fingerprint:
            options["assert_fingerprint"] = self._fingerprint
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
