"""What a table of a plant package is: its columns, their types, keys and references, as data.

The tables themselves are declared in ``ingestion.ledgers.resources.ALL``, ``ingestion.erp.tables`` and
``ingestion.readings``; every check is driven from there, none is written for one table alone
where a declaration can say it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum

from ingestion.reasons import FileRefused, Reason


class Kind(StrEnum):
    """Type of a column."""

    CODE = "code"
    CODES = "codes"
    """Several codes in one cell, with commas between them."""
    TEXT = "text"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    CHOICE = "choice"
    BOOLEAN = "boolean"


class Extra(Enum):
    """What happens to columns a table does not know."""

    NOTICE = "ignored, and said so"
    ENTERPRISE = "those of the enterprise record are kept in one jsonb, others ignored, and said so"
    BESIDE = "those no column is declared for are kept in one jsonb beside the others"


@dataclass(frozen=True)
class Column:
    """One column: ``aliases`` are other headers for it, ``choices`` other spellings of a value."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    aliases: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: str | None = None
    """Value of an empty cell, as the database reads it; None leaves it null."""
    target: str | None = None
    """Column in the database, where it is called differently there."""
    above: Decimal | None = None
    """Exclusive lower bound."""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    spelling: Callable[[str], str | None] | None = None
    """The one spelling in which a text is kept; None for a text that can't be one. With ``misspelled``."""
    misspelled: Reason | None = None

    @property
    def stored(self) -> str:
        """Name in the database."""
        return self.target or self.name

    @property
    def label(self) -> str:
        """The column's name in Chinese, as a form or a workbook shows it."""
        return self.aliases[0] if self.aliases else self.name

    @property
    def allowed(self) -> str:
        """The bounds or choices in words, for refusals."""
        if self.choices:
            return "、".join(f"{name} {names[0]}" if names else name for name, names in self.choices.items())
        parts = [
            f"{sign} {bound}"
            for sign, bound in ((">", self.above), ("≥", self.minimum), ("≤", self.maximum))
            if bound is not None
        ]
        return "，".join(parts)

    def choose(self, value: str) -> str | None:
        """The contract's word for a spelling of a choice, or None."""
        wanted = _fold(value)
        for name, names in self.choices.items():
            if wanted in (_fold(name), *map(_fold, names)):
                return name
        return None


@dataclass(frozen=True)
class Reference:
    """``column`` holds the key of a row of another table of the same site."""

    column: str
    table: str
    holds: bool = True
    """Whether the row keeps what it refers to in use. A record of what was done to a thing (a verification, a
    training) does not: the thing may be retired and keeps its records."""
    when: tuple[str, str] | None = None
    """Column and value that make ``column`` a key of that table: what a rule watches is told by two columns."""


@dataclass(frozen=True)
class Table:
    """One table of a package: a file or a sheet of that name."""

    name: str
    label: str
    kind: str
    """'ledger', 'erp' or 'readings': the pipeline's path and the batch's kind."""
    columns: tuple[Column, ...] = ()
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    validity: tuple[str, ...] = ()
    """Columns within which valid_from … valid_to must not overlap."""
    ascending: tuple[str, ...] = ()
    """Columns whose values, where known, must not descend in this order."""
    escalating: tuple[str, str, str] | None = None
    """Columns: how a figure is compared, the milder bound, the stricter one that must not be met before it."""
    numbered: str | None = None
    """Column of the key that is made of the row's content where a file leaves it empty."""
    named: str | None = None
    """Column that takes the key's first value where a row has no name of its own."""
    aliases: tuple[str, ...] = ()
    extra: Extra = Extra.NOTICE
    stored: str | None = None
    """Table in schema ledger or raw, where it is called differently there."""

    @property
    def target(self) -> str:
        """Name in the database, without schema."""
        return self.stored or self.name

    @property
    def extra_target(self) -> str | None:
        """The jsonb in the database that holds undeclared columns, None where there is none."""
        return {Extra.ENTERPRISE: "enterprise", Extra.BESIDE: "more"}.get(self.extra)

    @property
    def retirement(self) -> str | None:
        """The column that says from which day on a row is out of use: status_since (with status = stopped),
        retired_on or valid_to; None for what is never out of use (the site)."""
        names = {column.name for column in self.columns}
        if "status_since" in names:
            return "status_since"
        if "retired_on" in names:
            return "retired_on"
        return "valid_to" if self.validity else None

    def column(self, name: str) -> Column:
        """The column of that contract name."""
        return next(column for column in self.columns if column.name == name)

    def match(self, header: Sequence[str], file: str) -> tuple[dict[str, int], list[str]]:
        """Map contract names to positions in ``header``; also the headers nobody knows.

        Raises FileRefused when a required column is missing or two headers mean the same.
        """
        found: dict[str, list[int]] = {}
        unknown: list[str] = []
        names = _headers(self.columns)
        for position, title in enumerate(header):
            name = names.get(_fold(title)) or names.get(_fold(_without_unit(title)))
            if name:
                found.setdefault(name, []).append(position)
            elif title.strip():
                unknown.append(title.strip())
        positions: dict[str, int] = {}
        for name, places in found.items():
            exact = [place for place in places if _fold(header[place]) == _fold(name)]
            if len(places) > 1 and len(exact) != 1:
                titles = "”“".join(header[place].strip() for place in places)
                raise FileRefused(Reason.DUPLICATE_COLUMN, file, column=name, value=titles)
            positions[name] = exact[0] if exact else places[0]
        for column in self.columns:
            if column.required and column.name not in positions:
                shown = "、".join(title.strip() for title in header if title.strip())
                raise FileRefused(Reason.MISSING_COLUMN, file, column=_title(column), value=shown)
        return positions, unknown

    def recognised(self, header: Iterable[str]) -> int:
        """How many columns of this table the cells of a line name; finds header and delimiter."""
        names = _headers(self.columns)
        titles = {names.get(_fold(title)) or names.get(_fold(_without_unit(title))) for title in header}
        return len(titles - {None})

    def suggest(self, header: str) -> str | None:
        """The known column a strange header probably means."""
        close = difflib.get_close_matches(_fold(header), list(_headers(self.columns)), n=1, cutoff=0.8)
        return _headers(self.columns)[close[0]] if close else None


def find_table(tables: Iterable[Table], name: str) -> Table | None:
    """The table a file's stem or a sheet's title names, in English or Chinese."""
    wanted = {_fold(name), _fold(_without_unit(name))}
    for table in tables:
        if wanted & {_fold(spelling) for spelling in (table.name, table.label, *table.aliases)}:
            return table
    return None


def _title(column: Column) -> str:
    return f"{column.name}（{column.aliases[0]}）" if column.aliases else column.name


def _headers(columns: Iterable[Column]) -> dict[str, str]:
    names: dict[str, str] = {}
    for column in columns:
        for spelling in (column.name, *column.aliases):
            names.setdefault(_fold(spelling), column.name)
    return names


def _fold(text: str) -> str:
    """Header or choice without case, width, spaces, underscores, asterisks and byte-order marks."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_*:\-\ufeff\"']+", "", plain)


def _without_unit(text: str) -> str:
    """'额定功率(kW)' → '额定功率'; '名称（必填）' → '名称'."""
    return re.sub(r"[(\[（【].*?[)\]）】]", "", text)
