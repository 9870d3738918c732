"""What the platforms' dictionaries call the parts of an item code, and which of a code's parts they do not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingestion.datacodes import EVERY_DESTINATION
from plugins.province import codes
from plugins.province.state import OTHERS

ZERO_IS_NONE = ("processCode", "processUnitCode", "equipmentCode")
"""Parts whose zeros say that there is none."""


@dataclass(frozen=True)
class Entry:
    """One code of a dictionary that a platform has handed out."""

    destination: str
    dictionary: str
    code: str
    name: str | None
    industry: str | None = None
    """The industry whose processes it belongs to; None: everybody's."""
    classes: frozenset[str] = frozenset()
    """The classes whose types it belongs to; none: every class."""

    def is_of(self, industry: str) -> bool:
        """Whether a plant of that industry may use it."""
        return not self.industry or bool(industry and industry.startswith(self.industry))

    def is_type_of(self, energy_class: str) -> bool:
        """Whether it is a type of that class, where a class is given."""
        if not self.classes or not energy_class or self.code == codes.COMPOSITE:
            return True
        return codes.CLASS_OF_COEFFICIENTS.get(energy_class, energy_class) in self.classes


@dataclass(frozen=True)
class Glossary:
    """What each platform of a site has said of each part of an item code; a part of which it has said nothing is not
    there, and free.
    """

    parts: Mapping[str, Mapping[str, Sequence[Entry]]] = field(default_factory=dict)
    """By platform and part (``codes.PARTS``)."""

    def platforms(self, destination: str) -> list[str]:
        """The platforms that an item of this destination goes to."""
        if destination == EVERY_DESTINATION:
            return list(self.parts)
        return [destination] if destination in self.parts else []

    def offered(self, part: str, destination: str, energy_class: str = "") -> dict[str, str]:
        """Code to name; what platforms call differently has all its names."""
        found: dict[str, list[str]] = {}
        for platform in self.platforms(destination):
            for entry in self.parts[platform].get(part, ()):
                if entry.is_type_of(energy_class):
                    names = found.setdefault(entry.code, [])
                    if entry.name and entry.name not in names:
                        names.append(entry.name)
        return {code: "／".join(names) for code, names in sorted(found.items())}

    def silent(self, part: str, destination: str) -> list[str]:
        """Platforms that have handed out no dictionary of this part."""
        return [platform for platform in self.platforms(destination) if part not in self.parts[platform]]

    def unknown(self, code: str, destination: str) -> list[str]:
        """Sentences on the parts of a code that a platform's dictionary does not have; to be told, never refused."""
        parts = codes.parts(code)
        energy_class = parts["energyClassCode"]
        sentences = []
        for part, digits in parts.items():
            if part in ZERO_IS_NONE and not int(digits):
                continue
            strangers = [
                platform
                for platform in self.platforms(destination)
                if part in self.parts[platform] and not self._knows(platform, part, digits, energy_class)
            ]
            if strangers:
                label = codes.PARTS[part][0]
                sentences.append(f"{label} {digits} 不在平台 {'、'.join(strangers)} 的字典中，请核对")
        return sentences

    def _knows(self, platform: str, part: str, digits: str, energy_class: str) -> bool:
        return any(one.code == digits and one.is_type_of(energy_class) for one in self.parts[platform][part])


def read(connection: psycopg.Connection[Any], site_code: str) -> Glossary:
    """What the platforms of a site have handed out."""
    site = connection.execute("select industry_code from ledger.sites where site_code = %s", [site_code]).fetchone()
    industry = str(site[0] or "") if site else ""
    of_platform: dict[str, list[Entry]] = {}
    for entry in entries(connection, site_code):
        of_platform.setdefault(entry.destination, []).append(entry)
    platforms = connection.execute(
        "select destination, profile from ops.upload_destinations where site_code = %s order by 1", [site_code]
    ).fetchall()
    return Glossary(
        {name: _by_part(_document(profile), of_platform.get(name, []), industry) for name, profile in platforms}
    )


def entries(connection: psycopg.Connection[Any], site_code: str) -> Iterator[Entry]:
    """Every code that the platforms of a site have handed out, under each of its names."""
    query = """select destination, dictionary, code, name, details from ops.upload_dictionaries
        where site_code = %s order by destination, dictionary, code"""
    for destination, dictionary, code, name, details in connection.execute(query, [site_code]):
        others = details.get(OTHERS)
        for said in (details | {"name": name}, *(others if isinstance(others, list) else ())):
            industry = said.get("industryCode") or said.get("industry")
            energy_class = said.get("classCode")
            yield Entry(
                destination,
                dictionary,
                code,
                str(said["name"]) if said.get("name") else None,
                str(industry) if industry else None,
                frozenset({str(energy_class)} if energy_class else ()),
            )


def _document(profile: str) -> Mapping[str, Any]:
    """What the profile says; nothing, where its folder is gone."""
    from plugins.province import (
        profiles,
    )  # which declare what plugins.province.ledger reads, names of processes among it

    return profiles.load(profile).document if profile in profiles.names() else {}


def _by_part(document: Mapping[str, Any], found: Iterable[Entry], industry: str) -> dict[str, list[Entry]]:
    """The entries by the part that they name; a part that nobody of the industry finds anything in is left out."""
    part_of = {name: part for part, names in document.get("item_code", {}).items() for name in names}
    classes = document.get("item_code_classes", {})
    parts: dict[str, list[Entry]] = {}
    for entry in found:
        part = part_of.get(entry.dictionary)
        if part is None or not _fits(entry.code, codes.PARTS[part][1]):
            continue
        if not entry.classes and entry.dictionary in classes:
            entry = Entry(**(vars(entry) | {"classes": frozenset(classes[entry.dictionary])}))
        parts.setdefault(part, []).append(entry)
    return {part: own for part, of_part in parts.items() if (own := _of_industry(of_part, industry))}


def _of_industry(found: Sequence[Entry], industry: str) -> list[Entry]:
    """Those that a plant of the industry may use; none, where the dictionary has other industries' only."""
    own = [entry for entry in found if entry.is_of(industry)]
    is_split = any(entry.industry for entry in found)
    return own if not is_split or any(entry.industry for entry in own) else []


def _fits(code: str, digits: int) -> bool:
    return len(code) == digits and code.isascii() and code.isdecimal()
