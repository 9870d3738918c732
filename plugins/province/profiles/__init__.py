"""Profiles: how one kind of platform wants to be spoken to. A folder here is a profile.

``profile.toml`` says what differs between platforms (paths, codes, encodings, limits); ``adapter.py`` is what speaks.
``extends`` in profile.toml takes both from another profile, so a province that differs in settings needs no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from plugins.province.context import Context
from plugins.province.declarations import Declaration, Problem
from plugins.province.settings import ProfileError, Settings, flattened
from plugins.province.wire import Wire

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One row of the outbox."""

    data_code: str
    stat_type: int
    stat_date: datetime
    value: Decimal
    input_type: int
    scope: int
    is_valid: bool
    convert_ratio: Decimal | None = None


class Outcome(StrEnum):
    """What an answer means for the rows that were sent (upload-contract §5)."""

    ACCEPTED = "accepted"
    """Explicit success: the whole batch is stored."""
    REJECTED = "rejected"
    """The platform says no and stored nothing; ``Answer.faults`` may say which rows."""
    FROZEN = "frozen"
    """The period is frozen there: asking again is of no use."""
    KEY_STALE = "key_stale"
    """The platform cannot decrypt: register once, send again."""
    IDENTITY = "identity"
    """The platform does not know this device for this enterprise: register once; the same again needs people."""
    MOVED = "moved"
    """Nothing at this address: register for the new ones, send again."""
    UNKNOWN = "unknown"
    """Nobody knows what the platform stored: send the same rows later."""
    BLOCKED = "blocked"
    """We refused: a foreign host, plain http, a redirect."""


@dataclass(frozen=True)
class Answer:
    """What became of one question to the platform."""

    outcome: Outcome
    code: str | None = None
    message: str | None = None
    faults: Mapping[int, str] = field(default_factory=dict)
    """Index in the batch and the reason, where the platform (or we, before sending) named rows."""
    retry_after_s: int | None = None
    """Of a 429 or 503."""

    @property
    def is_accepted(self) -> bool:
        """Whether it was an explicit success."""
        return self.outcome is Outcome.ACCEPTED


@dataclass(frozen=True)
class Held:
    """One figure that the platform holds."""

    data_code: str
    stat_type: int
    stat_date: datetime
    value: Decimal


class DownloadError(RuntimeError):
    """The platform's figures could not be read whole; what was read of them proves nothing."""

    def __init__(self, answer: Answer) -> None:
        """Keep the answer that was no answer."""
        super().__init__(answer.message or answer.outcome.value)
        self.answer = answer


class Adapter(Protocol):
    """Speaks to one destination for one run. Only ``send`` may be called by several threads at once."""

    batch_max: int
    concurrency: int

    @property
    def slot(self) -> time | None:
        """The time of day that the platform assigned to us."""

    def register(self) -> Answer:
        """(Re)register: obtain device, keys, token and addresses, and keep them."""

    def check_versions(self) -> Answer:
        """Compare the platform's versions with those kept; registers where never done or where they ask for it."""

    def sync(self, declaration: Declaration) -> list[Problem]:
        """Fetch dictionaries and declare the site, where either has changed since it was last accepted."""

    def send(self, rows: Sequence[Row], uploaded_at: datetime) -> Answer:
        """Send at most ``batch_max`` rows, all or none; ``uploaded_at`` is aware."""

    def download(self, first: date, after: date) -> Iterator[Held] | None:
        """What the platform holds of [first, after); None where it cannot be asked. Raises DownloadError on the way."""


@dataclass(frozen=True)
class Profile:
    """One kind of platform."""

    name: str
    title: str
    document: Mapping[str, Any]
    """profile.toml, with that of the profile it extends below it."""
    defaults: Settings
    speaker: str
    """The profile whose adapter.py speaks for it."""

    def settings(self, options: Mapping[str, str]) -> Settings:
        """The settings with a destination's options over them; raises ProfileError."""
        return self.defaults.over(options)

    def check_options(self, options: Mapping[str, str]) -> None:
        """Raise ProfileError for an option that is unknown or has a value it cannot have."""
        self.settings(options)

    def missing_secrets(self, secrets: Mapping[str, str]) -> list[str]:
        """Which secrets this kind of platform needs and nobody has given."""
        return [name for name in self.document.get("secrets", []) if not secrets.get(name)]

    def adapter(self, wire: Wire, context: Context) -> Adapter:
        """What speaks to the destination of ``context``; raises ProfileError for options that cannot be."""
        module = import_module(f"{__name__}.{self.speaker}.adapter")
        return cast("Adapter", module.Adapter(wire, context, self.settings(context.options), self.document))


def names() -> list[str]:
    """Every profile there is."""
    return sorted(path.parent.name for path in HERE.glob("*/profile.toml"))


@lru_cache
def load(name: str) -> Profile:
    """The profile of that name; raises ProfileError, which says which there are."""
    if name not in names():
        raise ProfileError(f"没有名为 {name} 的平台类型。可用的有：{'、'.join(names())}")
    document = tomllib.loads((HERE / name / "profile.toml").read_text(encoding="utf-8"))
    speaker = name
    if base := document.get("extends"):
        below = load(str(base))
        document = _over(below.document, document)
        if not (HERE / name / "adapter.py").is_file():
            speaker = below.speaker
    defaults = Settings(flattened(document["settings"]), document.get("choices", {}), frozenset({"messages"}))
    defaults.check()
    return Profile(name, str(document["title"]), document, defaults, speaker)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = _over(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return merged
