"""Which addresses we may speak to: a platform hands us URLs, and not every one of them is its own.

Only https, and only hosts of the destination. Plain http passes to loopback alone, and only where the destination
allows it (the sandbox, tests).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

LONGEST = 2000
PORTS = {"https": 443, "http": 80}


class BlockedAddressError(ValueError):
    """An address that we refuse to speak to; the message says why, in Chinese."""


class Addresses:
    """The addresses of one destination."""

    def __init__(
        self, base_url: str, allowed_hosts: Iterable[str] = (), is_loopback_http_allowed: bool = False
    ) -> None:
        """``allowed_hosts`` are `host` (any port) or `host:port`; the host of ``base_url`` needs no entry."""
        self._base = base_url.rstrip("/") + "/"
        self._is_loopback_http_allowed = is_loopback_http_allowed
        parts = urlsplit(base_url)
        self._allowed: set[tuple[str, int | None]] = {((parts.hostname or "").rstrip("."), None)}
        self._allowed.update(_entry(host) for host in allowed_hosts)
        self.checked(base_url)

    def checked(self, url: str) -> str:
        """The absolute form of an address that may be used; raises BlockedAddressError."""
        if not isinstance(url, str) or not url.strip():
            raise BlockedAddressError("地址为空")
        if (
            len(url) > LONGEST
            or not url.isprintable()
            or any(character.isspace() or character == "\\" for character in url)
        ):
            raise BlockedAddressError(f"地址中有不允许的字符或过长：{url[:200]!r}")
        try:
            absolute = urljoin(self._base, url)
            parts = urlsplit(absolute)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise BlockedAddressError(f"地址无法解析：{url[:200]}") from error
        if not host or parts.username is not None or parts.password is not None:
            raise BlockedAddressError(f"地址中没有主机名或含有用户名：{url[:200]}")
        if parts.scheme not in PORTS:
            raise BlockedAddressError(f"只允许 https 地址：{url[:200]}")
        if parts.scheme == "http" and not (self._is_loopback_http_allowed and is_loopback(host)):
            raise BlockedAddressError(f"不允许明文 http 地址：{url[:200]}")
        if not {(host, None), (host, port or PORTS[parts.scheme])} & self._allowed:
            raise BlockedAddressError(f"主机不在允许名单中：{host}。确属平台时用 --allow-host 添加")
        return absolute


def _entry(text: str) -> tuple[str, int | None]:
    parts = urlsplit(f"//{text.strip()}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"允许的主机应写作 host 或 host:port：{text!r}")
    return host.rstrip("."), port


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
