"""What a site declares of itself to a platform: enterprise, processes, units, items, instruments.

Everything comes from the ledgers. What they lack is left out and told as a problem with its cure; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """Something that could not be declared, or that the platform did not take: what, why, and what cures it."""

    subject: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.subject}：{self.message}（{self.cure}）"


@dataclass(frozen=True)
class Declaration:
    """The site in the words of upload-contract §2.4 and §2.5, and in those of §3 where only Yunnan asks for more.

    What the ledgers lack is absent, never made up.
    """

    enterprise: Texts
    group: Texts
    process: tuple[Texts, ...] = ()
    process_unit: tuple[Texts, ...] = ()
    collect_item_config: tuple[Texts, ...] = ()
    """One for each item and statistic; `dataCode` beside its parts, hyphenated."""
    metering: tuple[Texts, ...] = ()
    """One for each instrument and item that it counts for; one without `dataCode` where it counts for none."""
    devices: tuple[Texts, ...] = ()
    calibrations: tuple[Texts, ...] = ()
    contacts: tuple[Texts, ...] = ()
    energy_managers: tuple[Texts, ...] = ()
    energy_system: tuple[Texts, ...] = ()
    products: tuple[Texts, ...] = ()
    materials: tuple[Texts, ...] = ()
    problems: tuple[Problem, ...] = ()


def read(
    connection: psycopg.Connection[Any], site_code: str, destination: str | None = None, today: date | None = None
) -> Declaration:
    """The declaration of a site, of the items for one destination (None: for any). Reads only, as role upload."""
    from plugins.province import declaring

    return declaring.declared(connection, site_code, destination, today)
