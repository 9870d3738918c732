"""Settings of a profile: what profile.toml says, with the options of a destination over it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

_TRUE, _FALSE = {"true", "yes", "on", "1", "是"}, {"false", "no", "off", "0", "否"}
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


class ProfileError(ValueError):
    """A profile or an option that cannot be used; the message says which are known."""


@dataclass(frozen=True)
class Settings:
    """Values by dotted name, e.g. `paths.register`; they keep the type that profile.toml gives them."""

    values: Mapping[str, Any]
    choices: Mapping[str, list[str]]
    """What a setting may be, where that is a short list; `messages` stands for every key below it."""
    open_tables: frozenset[str]
    """Tables that an option may add keys to."""

    def text(self, name: str) -> str:
        """A text; raises KeyError for a name that profile.toml lacks."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """A whole number."""
        return int(self.values[name])

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self.values[name])

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        return [str(value) for value in self.values[name]]

    def table(self, name: str) -> dict[str, Any]:
        """Every value below a name, by what follows it."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): value for key, value in self.values.items() if key.startswith(prefix)}

    def offset(self, name: str) -> timezone:
        """A zone given as +08:00."""
        match = _OFFSET.fullmatch(self.text(name))
        if match is None:
            raise ProfileError(f"{name} 应写作 +08:00：{self.text(name)!r}")
        sign, hours, minutes = match.groups()
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(shift if sign == "+" else -shift)

    def over(self, options: Mapping[str, str]) -> Settings:
        """These settings with a destination's options over them; raises ProfileError."""
        values = dict(self.values)
        for name, text in options.items():
            if name not in values and name.partition(".")[0] not in self.open_tables:
                raise ProfileError(f"没有设置项 {name}。可用的设置项：{'、'.join(sorted(self.values))}")
            values[name] = _of_type(name, text, values.get(name, ""))
        merged = Settings(values, self.choices, self.open_tables)
        merged.check()
        return merged

    def check(self) -> None:
        """Raise ProfileError where a value is none of those it may be."""
        for name, value in self.values.items():
            allowed = self.choices.get(name) or self.choices.get(name.partition(".")[0])
            if allowed and value not in allowed:
                raise ProfileError(f"设置项 {name} 只能是 {'、'.join(allowed)}，不能是 {value!r}")
            if isinstance(value, int) and not isinstance(value, bool) and value < 0:
                raise ProfileError(f"设置项 {name} 不能为负数")
        self.offset("utc_offset")


def _of_type(name: str, text: str, like: Any) -> Any:
    plain = str(text).strip()
    if isinstance(like, bool):
        if plain.lower() in _TRUE | _FALSE:
            return plain.lower() in _TRUE
        raise ProfileError(f"设置项 {name} 只能是 true 或 false，不能是 {text!r}")
    if isinstance(like, int):
        if plain.isascii() and plain.isdecimal() and len(plain) < 10:
            return int(plain)
        raise ProfileError(f"设置项 {name} 应为整数，不能是 {text!r}")
    if isinstance(like, list):
        return [part.strip() for part in plain.split(",") if part.strip()]
    return plain


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names; lists stay whole."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            values |= flattened(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values
