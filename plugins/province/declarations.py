"""What a site declares of itself to a platform: enterprise, processes, units, items, instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """Something that could not be declared, or that the platform did not take: what, why, and what cures it."""

    subject: str
    message: str
    cure: str


@dataclass(frozen=True)
class Declaration:
    """The site in the words of upload-contract §2.4 and §2.5. What the ledgers lack is absent, never made up."""

    enterprise: Mapping[str, str]
    group: Mapping[str, str]
    process: tuple[Mapping[str, str], ...] = ()
    process_unit: tuple[Mapping[str, str], ...] = ()
    collect_item_config: tuple[Mapping[str, str], ...] = ()
    metering: tuple[Mapping[str, str], ...] = ()
    problems: tuple[Problem, ...] = field(default=())
