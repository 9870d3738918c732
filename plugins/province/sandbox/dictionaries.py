"""The platform's dictionaries: the codes of its interface, and where none is known, codes of the sandbox's own.

Column `remark` of each file tells them apart: 沙箱自定 is made up here, 205-1 follows the observed pattern (0104, 3300)
with the numbers of the statistical form.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dictionaries"
NAMES = (
    "region",
    "industry",
    "process",
    "equipment",
    "energyClass",
    "energyType",
    "dataUsage",
    "inputType",
    "meteringType",
    "enterpriseType",
)
COMPOSITE = "0000"
"""综合能耗: a type of every class."""
OF_COEFFICIENT = {"05": "01", "06": "02", "07": "03"}
"""Classes of coefficients, and the class whose types they have."""


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The entries of one dictionary as its file has them; empty cells are left out."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple({column: text for column, text in row.items() if text} for row in csv.DictReader(file))


class Dictionaries:
    """What the platform knows: the files, and whatever was added while it ran."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, str]]] = {name: [dict(row) for row in rows(name)] for name in NAMES}
        self._index()

    def _index(self) -> None:
        codes = {name: {row["code"] for row in entries} for name, entries in self._rows.items()}
        self.codes = codes
        self.types = {(row.get("classCode"), row["code"]) for row in self._rows["energyType"]}
        self.processes: dict[str, set[str]] = {}
        for row in self._rows["process"]:
            self.processes.setdefault(row.get("industryCode", ""), set()).add(row["code"])

    def add(self, name: str, entries: list[dict[str, Any]]) -> None:
        """Add entries, or replace those of the same code (and class, and industry)."""
        if name not in NAMES:
            raise ValueError(f"no dictionary {name!r}; there are {', '.join(NAMES)}")
        for entry in entries:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("code", "name")):
                raise ValueError("an entry has a code and a name")
            row = {str(key): str(value) for key, value in entry.items()}
            key = _identity(row)
            self._rows[name] = [*(known for known in self._rows[name] if _identity(known) != key), row]
        self._index()

    def entries(self, name: str) -> list[dict[str, str]]:
        """All entries of a dictionary, by code."""
        return sorted(self._rows[name], key=lambda row: (row.get("classCode", ""), row["code"]))

    def knows_type(self, class_code: str, type_code: str) -> bool:
        """Whether a class has a type; a class of coefficients has those of its energies."""
        return type_code == COMPOSITE or (OF_COEFFICIENT.get(class_code, class_code), type_code) in self.types

    def knows_process(self, industry_code: str, process_code: str) -> bool | None:
        """Whether an industry has a process; None where the industry's processes aren't in the dictionary."""
        if process_code == "00":
            return True
        known = self.processes.get(industry_code[:3])
        return None if known is None else process_code in known

    def knows_region(self, code: str) -> bool:
        """Whether a region exists: Yunnan's by the dictionary, elsewhere by the province."""
        return code in self.codes["region"] or (
            len(code) == 6 and code.isdigit() and code[:2] != "53" and f"{code[:2]}0000" in self.codes["region"]
        )


def _identity(row: dict[str, str]) -> tuple[str, str, str]:
    return row["code"], row.get("classCode", ""), row.get("industryCode", "")
