"""One POST to a platform: guarded before it leaves and after it comes, and logged exactly once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from plugins.province.addresses import Addresses, BlockedAddressError, is_loopback
from plugins.province.answers import WrongShapeError, masked, message_of, parsed
from plugins.province.deadlines import DeadlineAdapter, deadline
from plugins.province.exchange import Exchange, Limits, Problem, Reply, Verdict
from plugins.province.settings import Settings

__all__ = ["BlockedAddressError", "Exchange", "Limits", "Reply", "Verdict", "Wire", "is_loopback"]

LOGGED = 16 * 1024
"""Characters of a body that the log keeps."""
SHORTEST_SECRET = 6
"""Shorter ones are hidden by their member's name alone: else every digit of a log would be a secret."""
FILES = {"client_cert", "client_key", "ca_bundle"}
LONGEST_WAIT_S = 24 * 3600
CHUNK = 64 * 1024
MOVED = {404, 405}


@dataclass
class _Arrival:
    """What is known of an answer while it comes."""

    http_status: int | None = None
    body: bytes = b""
    size: int = 0
    skew_s: int | None = None
    retry_after_s: int | None = None
    charset: str | None = None


class _RefusedError(Exception):
    """Why an answer cannot be used."""

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(reason)
        self.problem: Problem = problem


Judge = Callable[[dict[str, Any]], Verdict]


class Wire:
    """Speaks to one destination; may be used by several threads at once."""

    def __init__(
        self,
        base_url: str,
        allowed_hosts: Iterable[str] = (),
        is_loopback_http_allowed: bool = False,
        *,
        log: Callable[[Exchange], None],
        secrets: Mapping[str, str],
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        """``log`` is called by one thread at a time.

        Of ``secrets`` client_cert, client_key and ca_bundle are files; the others are kept out of the log. The
        setting certificate_sha256 pins the server's certificate, for platforms whose certificate names no host or
        has no authority above it; without it certificates are verified as usual.
        """
        self.addresses = Addresses(base_url, allowed_hosts, is_loopback_http_allowed)
        self.limits = Limits.of(settings)
        self._log, self._clock = log, clock
        self._secrets: frozenset[str] = frozenset()
        cert, key = secrets.get("client_cert"), secrets.get("client_key")
        self._cert = (cert, key) if cert and key else cert or None
        self._fingerprint = settings.text("certificate_sha256") or None
        self._verify: bool | str = False if self._fingerprint else (secrets.get("ca_bundle") or True)
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []
        for name, secret in secrets.items():
            if name not in FILES:
                self.hide(secret)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hide(self, secret: str | None) -> None:
        """Keep a secret out of the log from now on."""
        if secret and len(secret) >= SHORTEST_SECRET:
            with self._lock:
                self._secrets |= {secret}

    def checked(self, url: str) -> str:
        """The absolute form of an address handed to us; raises BlockedAddressError."""
        return self.addresses.checked(url)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._mine = threading.local()

    def post(
        self,
        kind: str,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        row_count: int = 0,
        judge: Judge | None = None,
        response_bytes: int | None = None,
    ) -> Reply:
        """Post a body as JSON. Whatever comes back, or does not, is a Reply and one Exchange in the log.

        ``judge`` reads the object that came and may raise WrongShapeError or BlockedAddressError; it must not have
        done anything by then.
        """
        payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        started_at, started = self._clock(), time.monotonic()
        arrival, verdict, found = _Arrival(), Verdict("unknown"), None
        problem: Problem | None = None
        try:
            address = self.addresses.checked(url)
            self._fetch(address, payload, headers or {}, arrival, response_bytes or self.limits.response_bytes)
            self._refuse_status(arrival)
            found, _ = parsed(arrival.body, arrival.charset)
            verdict = judge(found) if judge else Verdict("accepted")
            if verdict.outcome == "unknown" or verdict.outcome == "blocked":
                problem = verdict.outcome
        except _RefusedError as error:
            problem, verdict = error.problem, Verdict("unknown", reason=str(error))
        except BlockedAddressError as error:
            problem, verdict = "blocked", Verdict("blocked", reason=str(error))
        except WrongShapeError as error:
            problem, verdict = "unknown", Verdict("unknown", reason=str(error))
        if problem == "blocked":
            verdict = Verdict("blocked", verdict.code, verdict.message, verdict.reason)
        elif problem == "moved":
            verdict = Verdict("refused", reason=verdict.reason)
        text = arrival.body.decode("utf-8", "replace")
        secrets = self._secrets
        self._tell(
            Exchange(
                kind,
                "POST",
                masked(str(url), secrets, 2000),
                started_at,
                round((time.monotonic() - started) * 1000),
                arrival.http_status,
                message_of(verdict.code),
                masked(verdict.message, secrets, 500) if verdict.message else None,
                verdict.outcome,
                masked(verdict.reason, secrets, 500) if verdict.reason else None,
                row_count,
                len(payload),
                arrival.size,
                arrival.skew_s,
                masked(payload[: LOGGED * 4].decode("utf-8", "replace"), secrets, LOGGED),
                masked(text[: LOGGED * 2], secrets, LOGGED) if arrival.http_status is not None else None,
            )
        )
        return Reply(
            arrival.http_status,
            found,
            problem,
            text,
            verdict.code,
            message_of(verdict.message),
            verdict.reason,
            verdict.outcome == "accepted",
            arrival.retry_after_s,
        )

    def _tell(self, exchange: Exchange) -> None:
        with self._lock:
            self._log(exchange)

    def _fetch(self, url: str, payload: bytes, headers: Mapping[str, str], arrival: _Arrival, most: int) -> None:
        """Post and read until the end, the deadline or the limit; fills ``arrival`` on the way."""
        try:
            with (
                deadline(self.limits.total_s),
                self._session().post(
                    url,
                    data=payload,
                    headers={"Content-Type": "application/json;charset=UTF-8", **headers},
                    timeout=(self.limits.connect_s, self.limits.read_s),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                self._read(response, arrival, most)
        except requests.exceptions.SSLError as error:
            raise _RefusedError("unknown", f"TLS 连接失败：{_cause(error)}") from error
        except requests.exceptions.Timeout as error:
            raise _RefusedError("unknown", "等待应答超时") from error
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            reason = "等待应答超时" if "took too long" in str(error) or "timed out" in str(error) else "连接中断"
            raise _RefusedError("unknown", f"{reason}：{_cause(error)}") from error

    def _read(self, response: requests.Response, arrival: _Arrival, most: int) -> None:
        arrival.http_status = response.status_code
        arrival.skew_s = self._skew(response.headers.get("Date"))
        arrival.retry_after_s = self._wait(response.headers.get("Retry-After"))
        arrival.charset = requests.utils.get_encoding_from_headers(response.headers)
        pieces: list[bytes] = []
        for piece in response.iter_content(CHUNK):
            pieces.append(piece)
            arrival.size += len(piece)
            if arrival.size > most:
                arrival.body = b"".join(pieces)[: LOGGED * 4]
                raise _RefusedError("unknown", f"应答超过 {most} 字节")
        arrival.body = b"".join(pieces)

    @staticmethod
    def _refuse_status(arrival: _Arrival) -> None:
        status = arrival.http_status or 0
        if 300 <= status < 400:
            raise _RefusedError("blocked", f"平台要求转向（HTTP {status}），不予跟随")
        if status in MOVED:
            raise _RefusedError("moved", f"地址已不存在（HTTP {status}）")
        if status != 200:
            raise _RefusedError("unknown", f"HTTP {status}")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # a proxy in the environment would see what is meant for the platform alone
            session.verify, session.cert = self._verify, self._cert
            session.headers["Accept-Encoding"] = "identity"
            adapter = DeadlineAdapter(self._fingerprint)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._mine.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _skew(self, header: str | None) -> int | None:
        """The platform's clock less ours, in seconds."""
        at = _instant(header)
        return None if at is None else round((at - self._clock()).total_seconds())

    def _wait(self, header: str | None) -> int | None:
        if header and header.strip().isdecimal() and len(header.strip()) < 10:
            return min(int(header), LONGEST_WAIT_S)
        at = _instant(header)
        return None if at is None else max(0, min(round((at - self._clock()).total_seconds()), LONGEST_WAIT_S))


def _instant(header: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(header) if header else None
        return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    """The innermost reason, without the addresses of objects that Python's own texts carry."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__} {error}"[:200]
