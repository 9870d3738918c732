"""What an adapter is given of the destination it speaks for, and where it keeps what the platform tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SaveDictionary = Callable[[str, str, Sequence[Mapping[str, Any]]], None]
"""(dictionary, version, rows): the rows carry ``code``, ``name`` and whatever else the platform says of the code."""


@dataclass
class Context:
    """One destination of one site. ``state`` and ``sealed`` hold answers that were understood whole, nothing else."""

    site_code: str
    destination: str
    enterprise_code: str
    region_code: str
    base_url: str
    options: Mapping[str, str]
    secrets: Mapping[str, str]
    state: dict[str, Any]
    sealed: dict[str, str]
    save: Callable[[], None]
    save_dictionary: SaveDictionary
    clock: Callable[[], datetime]
