"""Names of figures: short enough to type, exact enough to quote."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NONE = "@none"
"""Stands for no organisational unit or no equipment; '@' occurs in no code (contract §1)."""

KINDS = {
    "comprehensive": "comprehensive（综合能耗，月、季、年）",
    "type": "type:能源（分类）",
    "level": "level:级:能源[:部门[:设备]]（分级）",
    "item": "item:分项:能源（分项）",
    "flow": "flow:能源流",
    "meter": "meter:计量器具",
}
SHOWN_NAMES = 8


class FigureError(ValueError):
    """The text names no figure of this site; the message says which there are, in Chinese."""


class SiteError(ValueError):
    """No such site; the message says which there are, in Chinese."""


class MeterError(ValueError):
    """The meter that was asked for is in none of the figure's flows; the message says which are, in Chinese."""


@dataclass(frozen=True)
class Figure:
    """What is traced. Which of the codes are set follows from ``kind``, a key of KINDS."""

    name: str
    kind: str
    label: str = ""
    energy_code: str | None = None
    level: int | None = None
    item: str | None = None
    has_org: bool = False
    org_code: str | None = None
    has_equipment: bool = False
    equipment_code: str | None = None
    flow_code: str | None = None
    meter_code: str | None = None

    def parameters(self) -> dict[str, Any]:
        """As the queries want it."""
        return {
            "energy_code": self.energy_code,
            "level": self.level,
            "item": self.item,
            "has_org": self.has_org,
            "org_code": self.org_code,
            "has_equipment": self.has_equipment,
            "equipment_code": self.equipment_code,
            "flow_code": self.flow_code,
            "meter_code": self.meter_code,
        }


def parse(text: str, known: Mapping[str, str]) -> Figure:
    """The figure that a text names. ``known``: name to label of every figure of the site.

    Raises FigureError with the nearest names when there is none.
    """
    name = text.strip()
    if name not in known:
        raise FigureError(_unknown(name, known))
    kind, *codes = name.split(":")
    label = known[name]
    if kind == "type":
        return Figure(name, kind, label, energy_code=codes[0])
    if kind == "level":
        places = [None if code == NONE else code for code in codes[2:]]
        return Figure(
            name,
            kind,
            label,
            level=int(codes[0]),
            energy_code=codes[1],
            has_org=len(places) > 0,
            org_code=places[0] if places else None,
            has_equipment=len(places) > 1,
            equipment_code=places[1] if len(places) > 1 else None,
        )
    if kind == "item":
        return Figure(name, kind, label, item=codes[0], energy_code=codes[1])
    if kind == "flow":
        return Figure(name, kind, label, flow_code=codes[0])
    if kind == "meter":
        return Figure(name, kind, label, meter_code=codes[0])
    return Figure(name, kind, label)


def nearest(name: str, known: Mapping[str, str] | list[str]) -> list[str]:
    """Names most like the one that was asked for, best first."""
    wanted = name.casefold()
    kind = wanted.partition(":")[0]
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(wanted, folded, SHOWN_NAMES, 0.6)
    same_code = [one for one in folded if wanted and wanted in re.split(r"[:]", one)]
    same_kind = [one for one in folded if one.startswith(f"{kind}:")]
    found = list(dict.fromkeys([*close, *same_code, *same_kind]))
    return [folded[one] for one in found[:SHOWN_NAMES]]


def _unknown(name: str, known: Mapping[str, str]) -> str:
    lines = [f"没有这个数据：{name}"]
    if close := nearest(name, known):
        lines.append("相近的有：" + "、".join(close))
    lines.append("写法：" + "；".join(KINDS.values()))
    lines.append(
        f"没有部门或设备写作 {NONE}。本企业共有 {len(known)} 个可追溯的数据，nengduan trace 企业 --list 列出全部。"
    )
    return "\n".join(lines)
