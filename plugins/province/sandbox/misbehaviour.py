"""How the platform can be told to misbehave: which deed, at which messages, how often."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from plugins.province.sandbox.options import PROFILES

MESSAGES = frozenset(
    {"register", "key", "token", "version", "urls", "dictionary", "config", "metering", "data", "download"}
)
"""The kinds of messages: of nhjc04 those without key, token and urls; of yunnan those without metering."""


class Deed(StrEnum):
    # Instead of an answer, or with one that says nothing. With `is_stored` the message is dealt with first.
    CLOSE = "close"  # the connection ends without an answer
    RESET = "reset"  # the same, by RST
    CUT = "cut"  # the connection ends within the body
    HANG = "hang"  # nothing for `seconds`, then the end of the connection
    DRIP = "drip"  # the body byte by byte, `seconds` apart
    STATUS = "status"  # `status`, with Retry-After `retry_after`
    GARBAGE = "garbage"  # bytes that are no text
    HTML = "html"  # a page with status 200
    TRUNCATED = "truncated"  # half of the JSON, of honest length
    WRONG_TYPES = "wrong_types"  # JSON of another shape
    HUGE_NUMBERS = "huge_numbers"  # a code of a hundred thousand digits
    DEEP = "deep"  # JSON nested a hundred thousand times
    BIG = "big"  # a right answer, then `megabytes` of blanks
    REDIRECT = "redirect"  # `status` to `location`
    BODY = "body"  # `text`, as JSON
    # Answers of the platform's own.
    REJECT = "reject"  # the rows `data_codes` and `rows` (none named: all); `message`; `lists_errors`
    DECRYPTION = "decryption"  # 解密失败！
    IDENTITY = "identity"  # 序列号与企业统一社会信用代码不符
    URLS = "urls"  # handed-out URLs begin with `origin`
    # Changes that hold on; the message itself is then dealt with as usual.
    MOVE_URLS = "move_urls"
    BUMP_REGISTRATION = "bump_registration"
    BUMP_DICTIONARIES = "bump_dictionaries"
    ROTATE_KEYS = "rotate_keys"
    EXPIRE_TOKENS = "expire_tokens"
    FREEZE = "freeze"  # statDates from the day `first` to the day `last`
    THAW = "thaw"


CHANGES = frozenset(
    {
        Deed.MOVE_URLS,
        Deed.BUMP_REGISTRATION,
        Deed.BUMP_DICTIONARIES,
        Deed.ROTATE_KEYS,
        Deed.EXPIRE_TOKENS,
        Deed.FREEZE,
        Deed.THAW,
    }
)
ANSWERS = frozenset({Deed.REJECT, Deed.DECRYPTION, Deed.IDENTITY, Deed.URLS})
OPTIONS: dict[Deed, dict[str, Any]] = {
    Deed.HANG: {"seconds": 30.0},
    Deed.DRIP: {"seconds": 0.1},
    Deed.STATUS: {"status": 500, "retry_after": None},
    Deed.BIG: {"megabytes": 10},
    Deed.REDIRECT: {"status": 307, "location": "https://elsewhere.invalid/"},
    Deed.BODY: {"text": "null"},
    Deed.REJECT: {"data_codes": [], "rows": [], "message": "数据校验不通过", "lists_errors": True},
    Deed.URLS: {"origin": "http://elsewhere.invalid"},
    Deed.FREEZE: {"first": "0001-01-01", "last": "9999-12-31"},
}
"""What else a deed can be told, with what holds otherwise."""


@dataclass
class Fault:
    deed: Deed
    messages: frozenset[str] = frozenset({"data"})
    profile: str | None = None
    times: int | None = 1
    """How many messages it befalls; None without end."""
    skip: int = 0
    """How many messages it lets pass before."""
    probability: float = 1.0
    is_stored: bool = False
    """Whether the message is dealt with before what is done to its answer."""
    options: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "deed": self.deed.value,
            "messages": sorted(self.messages),
            "profile": self.profile,
            "times": self.times,
            "skip": self.skip,
            "probability": self.probability,
            "is_stored": self.is_stored,
            **self.options,
        }


def read_fault(given: dict[str, Any]) -> Fault:
    """A fault from JSON (or a command line, where all is text); ValueError says what is wrong."""
    rest = dict(given)
    try:
        deed = Deed(rest.pop("deed", None))
    except ValueError:
        raise ValueError(f"deed is one of {', '.join(Deed)}") from None
    messages = rest.pop("messages", ["data"])
    chosen = frozenset(messages.split("+") if isinstance(messages, str) else messages)
    if "any" in chosen:
        chosen = MESSAGES
    if not chosen or chosen - MESSAGES:
        raise ValueError(f"messages are among {', '.join(sorted(MESSAGES))}, or any")
    times = rest.pop("times", 1)
    fault = Fault(
        deed,
        chosen,
        rest.pop("profile", None),
        None if times in (None, "always") else int(times),
        int(rest.pop("skip", 0)),
        float(rest.pop("probability", 1.0)),
        rest.pop("is_stored", False) in (True, "true", "yes", "1"),
    )
    if fault.profile not in (None, *PROFILES):
        raise ValueError(f"profile is one of {', '.join(PROFILES)}")
    if not 0 < fault.probability <= 1 or fault.skip < 0 or (fault.times is not None and fault.times < 1):
        raise ValueError("probability is above 0 and at most 1, times at least 1, skip at least 0")
    known = OPTIONS.get(deed, {})
    if unknown := sorted(set(rest) - set(known)):
        raise ValueError(f"{deed} knows no {', '.join(unknown)}" + (f", but {', '.join(known)}" if known else ""))
    fault.options = {name: _like(default, rest.get(name, default)) for name, default in known.items()}
    if deed is Deed.FREEZE:
        for day in fault.options.values():
            date.fromisoformat(day)
    return fault


def _like(default: Any, value: Any) -> Any:
    """A text from a command line as what its default is."""
    if not isinstance(value, str) or isinstance(default, str):
        return value
    if isinstance(default, list):
        return [int(part) if part.isdigit() and len(part) < 16 else part for part in value.split("+")]
    if isinstance(default, bool):
        return value in ("true", "yes", "1")
    return float(value) if isinstance(default, float) else int(value)


class Misbehaviour:
    """The faults that wait for their messages; with a seed the same messages meet the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self.faults: list[Fault] = []
        self.seed(seed)

    def seed(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (faults, not secrets)

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)

    def clear(self) -> None:
        self.faults.clear()

    def draw(self, profile: str, message: str) -> list[Fault]:
        """The faults that befall a message: all that fit, but only the first of those that spoil its answer."""
        drawn: list[Fault] = []
        is_spoilt = False
        for fault in list(self.faults):
            if message not in fault.messages or fault.profile not in (None, profile):
                continue
            spoils = fault.deed not in CHANGES and fault.deed not in ANSWERS
            if spoils and is_spoilt:
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
            is_spoilt = is_spoilt or spoils
            drawn.append(fault)
        return drawn
