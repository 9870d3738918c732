"""What a spoilt answer looks like on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plugins.province.sandbox.misbehaviour import Deed, Fault

TRANSPORT = "sandbox.transport"
MANY = 100_000
AT_ONCE_S = 5.0
PAGE = "<!DOCTYPE html><html><head><title>502</title></head><body><h1>系统维护中</h1></body></html>"


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which lets the application end the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]


class Spoilt(Response):
    """An answer that does something to the connection: closes, resets, cuts, hangs or drips."""

    def __init__(self, fault: Fault, answer: Response) -> None:
        super().__init__(bytes(answer.body), answer.status_code, media_type="application/json")
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope[TRANSPORT]
        deed = self._fault.deed
        if deed is Deed.HANG:
            await _gone(receive, self._fault.options["seconds"])
        elif deed in (Deed.CUT, Deed.DRIP):
            body = bytes(self.body)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if deed is Deed.DRIP:
                await _drip(body, self._fault.options["seconds"], receive, send)
                return
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        if deed is Deed.RESET:
            reset(transport)
        else:
            transport.close()
        await _gone(receive, AT_ONCE_S)  # else the server would answer 500 for an application without an answer


async def _drip(body: bytes, seconds: float, receive: Receive, send: Send) -> None:
    for position in range(len(body)):
        if await _gone(receive, seconds):
            return
        is_last = position == len(body) - 1
        await send({"type": "http.response.body", "body": body[position : position + 1], "more_body": not is_last})


async def _gone(receive: Receive, seconds: float) -> bool:
    """Wait, but no longer than the other side does; whether it went away."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    return False


def reset(transport: Any) -> None:
    """End a connection by RST: no lingering, then abort."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _json(body: bytes | str, status: int = 200, **headers: str) -> Response:
    return Response(body, status, headers, "application/json;charset=UTF-8")


def _status(fault: Fault, _answer: Response) -> Response:
    status, retry_after = fault.options["status"], fault.options["retry_after"]
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Response(f"{status}", status, headers, "text/plain")


REPLACED: dict[Deed, Callable[[Fault, Response], Response]] = {
    Deed.STATUS: _status,
    Deed.GARBAGE: lambda _fault, _answer: _json(bytes(range(128, 256)) * 4),
    Deed.HTML: lambda _fault, _answer: Response(PAGE, media_type="text/html"),
    Deed.TRUNCATED: lambda _fault, answer: _json(bytes(answer.body)[: len(answer.body) // 2]),
    Deed.WRONG_TYPES: lambda _fault, _answer: _json('[{"responseCode": ["0", 200], "data": "none"}]'),
    Deed.HUGE_NUMBERS: lambda _fault, _answer: _json(f'{{"responseCode": {"9" * MANY}, "data": 1e{"9" * 20}}}'),
    Deed.DEEP: lambda _fault, _answer: _json("[" * MANY + "]" * MANY),
    Deed.BIG: lambda fault, answer: _json(bytes(answer.body) + b" " * (fault.options["megabytes"] << 20)),
    Deed.REDIRECT: lambda fault, _answer: Response(
        None, fault.options["status"], {"location": fault.options["location"]}
    ),
    Deed.BODY: lambda fault, _answer: _json(fault.options["text"]),
}


def spoil(fault: Fault, answer: Response) -> Response:
    """The answer as the fault leaves it."""
    replace = REPLACED.get(fault.deed)
    return replace(fault, answer) if replace else Spoilt(fault, answer)
