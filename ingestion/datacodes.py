"""Item codes of the provincial platform, PP-UU-EEMM-CCTTTT-YY, and the spellings that go with them.

Process 2 digits ("00" is the whole plant), process unit 2, equipment type 2 and number 2, class 2 and type 4,
usage 2. What classes, types and usages there are is a platform's dictionary to say, not ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ingestion.texts import clean, is_code, normalise

EVERY_DESTINATION = "*"
"""A row for every platform that has no row of its own."""

CLASSES = {f"{number:02d}" for number in range(1, 11)}

STAT_TYPES = {
    "0": ("实时", "realtime"),
    "1": ("日", "day"),
    "2": ("月", "month"),
    "3": ("年", "year"),
}
"""statType of the platform, with other words for it."""

REALTIME, DAY, MONTH, YEAR = "0", "1", "2", "3"

_DATA_CODE = re.compile(r"(\d{2})-?(\d{2})-?(\d{4})-?(\d{6})-?(\d{2})", re.ASCII)
_SEPARATORS = re.compile(r"[\s,，、;；/|+]+")
_STAT_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?)?月?(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True)
class DataCode:
    """An item code taken apart."""

    process: str
    unit: str
    equipment: str
    energy: str
    usage: str

    def __str__(self) -> str:
        return "-".join((self.process, self.unit, self.equipment, self.energy, self.usage))

    @property
    def is_whole_plant(self) -> bool:
        return self.process == "00"

    @property
    def energy_class(self) -> str:
        return self.energy[:2]

    @property
    def scope(self) -> int:
        """What its zeros say: 1 whole plant, 2 process, 3 process unit, 4 equipment."""
        if self.equipment != "0000":
            return 4
        if self.unit != "00":
            return 3
        return 1 if self.is_whole_plant else 2

    def contradicts(self, scope: int) -> str | None:
        """Where the zeros are not those of that scope: which part, and what it should be; None where they are."""
        if scope == 1 and (self.process, self.unit, self.equipment) != ("00", "00", "0000"):
            return "范围为全厂时，工序、工序单元和设备段应全为 0"
        if scope > 1 and self.is_whole_plant:
            return "范围不是全厂时，工序段不应为 00"
        if scope == 2 and (self.unit, self.equipment) != ("00", "0000"):
            return "范围为生产工序时，工序单元和设备段应全为 0"
        if scope == 3 and self.equipment != "0000":
            return "范围为工序单元时，设备段应为 0000"
        if scope == 4 and self.equipment == "0000":
            return "范围为重点耗能设备时，设备段不应为 0000"
        return None


def data_code(text: str) -> DataCode | None:
    """An item code, with or without its hyphens; None for what is none."""
    match = _DATA_CODE.fullmatch(normalise(text))
    return DataCode(*match.groups()) if match else None


def spelled_code(text: str) -> str | None:
    """The one spelling in which an item code is kept."""
    found = data_code(text)
    return str(found) if found else None


def spelled_destination(text: str) -> str | None:
    """A platform's name, or '*'."""
    plain = normalise(text)
    if plain in (EVERY_DESTINATION, "全部", "所有"):
        return EVERY_DESTINATION
    return plain if is_code(plain) else None


def spelled_stat_types(text: str) -> str | None:
    """Statistics as '0,1,2', in order, each once; None where a word is none of them."""
    words = [word for word in _SEPARATORS.split(normalise(text).casefold()) if word]
    if len(words) == 1 and set(words[0]) <= set("实时日月年"):
        words = re.findall("实时|日|月|年|实|时", words[0])  # 日月年
    names = {name: key for key, names in STAT_TYPES.items() for name in (key, f"{key}.0", *names)}
    names |= {"daily": DAY, "monthly": MONTH, "yearly": YEAR}
    found = {names.get(word) for word in words}
    if not found or None in found:
        return None
    return ",".join(sorted(key for key in found if key))


def spelled_stat_date(text: str) -> str | None:
    """The start of a period by the site's clock: 2026-10-08 00:00:00. A month may be written without its day."""
    match = _STAT_DATE.fullmatch(normalise(clean(text)))
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
    try:
        return str(datetime(year or 0, month or 0, day or 1, hour or 0, minute or 0, second or 0))  # noqa: DTZ001
    except ValueError:
        return None


def off_grid(stat_type: str, stat_date: str) -> str | None:
    """What the start of a period of that statistic has to be, where this one is not; in words."""
    at = datetime.fromisoformat(stat_date)
    if stat_type == REALTIME:
        return None if (at.minute % 15, at.second) == (0, 0) else "整 15、30 或 60 分钟"
    if (at.hour, at.minute, at.second) != (0, 0, 0):
        return "零点，例如 2026-10-08 00:00:00"
    if stat_type == MONTH and at.day != 1:
        return "当月 1 日"
    if stat_type == YEAR and (at.month, at.day) != (1, 1):
        return "当年 1 月 1 日"
    return None
