"""What is said of one exchange with a platform: what came of it, what it means, what the log keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from plugins.province.settings import Settings

Problem = Literal["unknown", "blocked", "moved"]


@dataclass(frozen=True)
class Limits:
    """How long one exchange and how large an answer may be."""

    connect_s: float = 10
    read_s: float = 60
    total_s: float = 180
    response_bytes: int = 8 << 20

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """What a profile says of them."""
        timeouts = {name: float(value) for name, value in settings.table("timeouts").items()}
        return cls(**timeouts, response_bytes=settings.number("sizes.response_bytes"))


@dataclass(frozen=True)
class Verdict:
    """What the reader of an answer makes of it."""

    outcome: Literal["accepted", "refused", "unknown", "blocked"]
    code: str | None = None
    message: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Exchange:
    """What the log says of one request; fields are columns of ops.upload_exchanges."""

    kind: str
    method: str
    url: str
    started_at: datetime
    duration_ms: int
    http_status: int | None
    code: str | None
    message: str | None
    outcome: str
    reason: str | None
    row_count: int
    bytes_sent: int
    bytes_received: int
    clock_skew_s: int | None
    request: str
    response: str | None


@dataclass(frozen=True)
class Reply:
    """What came back. ``problem`` None: an object in JSON with status 200, which ``judge`` understood."""

    http_status: int | None
    json: dict[str, Any] | None
    problem: Problem | None
    text: str
    code: str | None = None
    message: str | None = None
    reason: str | None = None
    is_accepted: bool = False
    retry_after_s: int | None = None
