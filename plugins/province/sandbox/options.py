"""What can be set of the sandbox, at its start and while it runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

PROFILES = ("nhjc04", "yunnan")


@dataclass(frozen=True)
class Options:
    is_encrypted: bool = False
    """Whether nhjc04's data rows come SM4-encrypted, each member on its own."""
    valid_encoding: Literal["digit", "boolean"] = "digit"
    """How nhjc04 writes `valid`: "0" valid and "1" not, or true and false."""
    interval_minutes: int = 15
    """The grid of realtime values; with it 30 and 60 pass too."""
    upload_time: str = "01:30:00"
    """The daily slot that is assigned to everybody."""
    token_lifetime_s: int = 7200
    lists_errors: bool = True
    """Whether a refusal says which rows are at fault."""
    checks_versions: bool = True
    """Whether yunnan refuses what names another regVersion or dicVersion than today's."""
    public_url: str | None = None
    """Scheme and host that handed-out URLs begin with; by default those of the request."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "bool" and not isinstance(value, bool):
                raise ValueError(f"{field.name} is true or false, not {value!r}")
            if field.type == "int" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{field.name} is a whole number above 0, not {value!r}")
        if self.valid_encoding not in ("digit", "boolean"):
            raise ValueError(f"valid_encoding is digit or boolean, not {self.valid_encoding!r}")
        if 60 % self.interval_minutes:
            raise ValueError(f"interval_minutes divides 60, which {self.interval_minutes} does not")

    def changed(self, changes: dict[str, Any]) -> Options:
        """These options with some of them changed; ValueError where a name or a value is none of ours."""
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := sorted(set(changes) - known):
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)
