"""Ledgers as workbooks (.xlsx): written as the statutory tables, and taken back as edits.

A workbook that comes back is untrusted: its size is limited before it is opened, macros and embedded
programs refuse it, and a formula refuses its cell. Its rows become edits (``editing``), so that the dry run is
``editing.plan`` and the import ``editing.apply``. Rows that the workbook lacks stay as they are.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import openpyxl
import psycopg
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from ingestion.authorship import Author
from ingestion.declarations import Column, Extra, Table, find_table
from ingestion.ledgers import checking, editing, forms, reading, records, state
from ingestion.ledgers.editing import Edit, Outcome, Refusal
from ingestion.ledgers.enterprise import field_name
from ingestion.ledgers.landing import DEFAULT_TIMEZONE
from ingestion.ledgers.resources import ALL
from ingestion.reasons import FileRefused, Reason, text
from ingestion.sources import cells
from ingestion.sources.spreadsheet import Workbook, cell_text

Connection = psycopg.Connection[Any]

FILE_BYTES = 40 << 20
UNPACKED_BYTES = 400 << 20
MOST_ROWS = 200_000
MOST_COLUMNS = 200
"""Far more than the largest ledger is a mistake or an attack."""

MANY = 10**9
_PROGRAMS = ("vbaproject", "macrosheets/", "dialogsheets/", "activex/", "embeddings/", "externallinks/")


@dataclass(frozen=True)
class Incoming:
    """A workbook as edits of one ledger. ``letters`` name the sheet's columns, ``refusals`` its formulas."""

    table: str
    file: str
    edits: tuple[Edit, ...]
    letters: Mapping[str, str]
    refusals: tuple[Refusal, ...] = ()
    notices: tuple[str, ...] = ()

    def place(self, refusal: Refusal) -> str:
        """Where a refused cell stands, as a person finds it: 第 7 行 F 列."""
        if refusal.index == editing.WHOLE:
            return self.file
        letter = self.letters.get(refusal.column or "")
        return f"第 {self.edits[refusal.index].line} 行" + (f" {letter} 列" if letter else "")


def export(
    connection: Connection,
    site: str,
    table: str,
    target: Path | IO[bytes],
    *,
    as_of: date | datetime | None = None,
    org_codes: Collection[str] | None = None,
    include_retired: bool = True,
) -> int:
    """Write a ledger as a workbook; how many rows. Raises UnknownLedgerError, WorkbookError."""
    declared = records.ledger(table)
    page = reading.query(
        connection,
        site,
        table,
        page_size=MANY,
        as_of=as_of,
        org_codes=org_codes,
        include_retired=include_retired,
    )
    title, first, others = forms.layout(declared, reading.columns(connection, site, table))
    columns = [*first, *others]
    body = [
        [*(forms.cell(column, record.values.get(column.name)) for column in columns), record.version]
        for record in page.records
    ]
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(declared.label)
    has_groups = bool(first)
    head = 3 if has_groups else 2
    sheet.freeze_panes = f"A{head + 1}"
    version_letter = get_column_letter(len(columns) + 1)
    sheet.column_dimensions[version_letter].hidden = True
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = max(12, 2.2 * len(forms.header(declared, column)))
        _offer(sheet, column, get_column_letter(place), head + 1)
    shown_title = f"{title}（{site}{f'，{as_of:%Y-%m-%d}' if as_of else ''}）"
    sheet.append([_bold(sheet, forms.escape(shown_title), size=14)])
    if has_groups:
        sheet.append([_bold(sheet, "规范栏目"), *[None] * (len(first) - 1), _bold(sheet, "平台栏目")])
    titles = [*(forms.escape(forms.header(declared, column)) for column in columns), forms.VERSION_TITLE]
    sheet.append([_bold(sheet, one, fill="DDEBF7") for one in titles])
    for row in body:
        sheet.append(row)
    book.save(target)
    return len(body)


def read(connection: Connection, site: str, path: Path, file: str, table: str | None = None) -> Incoming:
    """A workbook as edits of the ledger that ``table`` or its sheet names; raises FileRefused.

    ``file`` is the name that people know it by, and never a path. Rows that the ledger has become edits of the
    version the workbook was written from, or, where it does not say, of the one that is there now.
    """
    check(path, file)
    declared, rows = _open(path, file, table)
    found = cells.under_header([(line, [one for one, _ in row]) for line, row in rows], declared, file)
    titles = [forms.unescape(title).strip() for title in found.header]
    versions = titles.index(forms.VERSION_TITLE) if forms.VERSION_TITLE in titles else None
    if versions is not None:
        titles[versions] = ""
    places, unknown = declared.match(titles, file)
    beside, notices = _beside(declared, titles, unknown, set(places.values()))
    columns = {**places, **beside}
    formulas = {line: {place for place, (_, is_formula) in enumerate(row) if is_formula} for line, row in rows}
    edits: list[Edit] = []
    refusals: list[Refusal] = []
    for line, row in found.rows:
        values = {name: _at(row, place) for name, place in columns.items()}
        version = _at(row, versions) if versions is not None else ""
        for name, place in columns.items():
            if place in formulas[line]:
                sentence = text(Reason.FORMULA, column=name, value=_at(row, place))
                refusals.append(Refusal(len(edits), name, Reason.FORMULA.value, sentence))
        edits.append(Edit(None, values, int(version) if version.isdecimal() else None, line))
    letters = {name: get_column_letter(place + 1) for name, place in columns.items()}
    known = _known(connection, site, declared, edits)
    return Incoming(declared.name, file, tuple(known), letters, tuple(refusals), tuple(notices))


def plan(connection: Connection, site: str, incoming: Incoming, now: datetime) -> Outcome:
    """What the import of a workbook would do: new, changed, unchanged, and refused cells with their reasons."""
    outcome = editing.plan(connection, site, incoming.table, incoming.edits, now)
    return _with_formulas(incoming, outcome)


def apply(connection: Connection, site: str, incoming: Incoming, author: Author, now: datetime) -> Outcome:
    """Import a workbook in one transaction; nothing of it when a cell is refused."""
    if incoming.refusals:
        return plan(connection, site, incoming, now)
    return editing.apply(connection, site, incoming.table, incoming.edits, author, now)


def check(path: Path, file: str) -> None:
    """Refuse what is no workbook, is too large, or brings programs along."""
    Workbook(path, file).check(FILE_BYTES, UNPACKED_BYTES)
    with zipfile.ZipFile(path) as archive:
        names = [name.lower() for name in archive.namelist()]
        found = next((name for name in names if any(part in name for part in _PROGRAMS)), None)
        if "[content_types].xml" in names:
            original = archive.namelist()[names.index("[content_types].xml")]
            if b"macroenabled" in archive.read(original).lower():
                found = found or "macroEnabled"
    if found or file.lower().endswith((".xlsm", ".xltm", ".xlsb")):
        raise FileRefused(Reason.FILE_ACTIVE, file, detail=found or Path(file).suffix)


def _with_formulas(incoming: Incoming, outcome: Outcome) -> Outcome:
    """The dry run with the formulas, which stand before what else is said of their cells."""
    cells_of = {(one.index, one.column) for one in incoming.refusals}
    others = [one for one in outcome.refusals if (one.index, one.column) not in cells_of]
    refusals = sorted([*incoming.refusals, *others], key=lambda one: one.index)
    refused = {one.index for one in refusals}
    changes = tuple(change for change in outcome.changes if change.index not in refused)
    notices = (*incoming.notices, *outcome.notices)
    return replace(outcome, changes=changes, refusals=tuple(refusals), notices=notices)


def _open(path: Path, file: str, name: str | None) -> tuple[Table, list[tuple[int, list[tuple[str, bool]]]]]:
    """The ledger a workbook holds, and its sheet's rows: line and cells, each with whether it is a formula."""
    try:
        book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
        try:
            table, title = _sheet_of(book.sheetnames, file, name)
            return table, list(_rows(book[title], file))
        finally:
            book.close()
    except FileRefused:
        raise
    except Exception as error:
        raise FileRefused(Reason.FILE_CORRUPT, file, detail=f"{type(error).__name__}: {error}") from error


def _sheet_of(titles: list[str], file: str, name: str | None) -> tuple[Table, str]:
    wanted = records.ledger(name) if name else None
    found = [(table, title) for title in titles if (table := find_table(ALL, title))]
    if wanted is not None:
        fitting = [title for table, title in found if table is wanted] or (titles if len(titles) == 1 else [])
        if not fitting or (len(titles) == 1 and found and found[0][0] is not wanted):
            detail = f"没有名为“{wanted.label}”的工作表（现有：{'、'.join(titles)}）"
            raise FileRefused(Reason.FILE_FOREIGN, file, detail=detail)
        return wanted, fitting[0]
    if len(found) != 1:
        detail = f"无法判断是哪一个台账（工作表：{'、'.join(titles)}）"
        raise FileRefused(Reason.FILE_FOREIGN, file, detail=detail)
    return found[0]


def _rows(sheet: Any, file: str) -> Iterator[tuple[int, list[tuple[str, bool]]]]:
    sheet.reset_dimensions()  # what a file says of its own size is not to be believed
    for line, row in enumerate(sheet.iter_rows(), start=1):
        if line > MOST_ROWS:
            raise FileRefused(Reason.FILE_TOO_LARGE, file, detail=f"超过 {MOST_ROWS} 行")
        taken = [(_cell_text(one), one.data_type in ("f", "e")) for one in islice(row, MOST_COLUMNS)]
        if any(one.value is not None for one in islice(row, MOST_COLUMNS, None)):
            raise FileRefused(Reason.FILE_TOO_LARGE, file, detail=f"超过 {MOST_COLUMNS} 列")
        if any(one for one, _ in taken):
            yield line, taken


def _cell_text(one: Any) -> str:
    return "" if one.value is None else cell_text(one.value)


def _at(row: list[str], place: int) -> str:
    return forms.unescape(row[place]) if place < len(row) else ""


def _beside(table: Table, titles: list[str], unknown: list[str], taken: set[int]) -> tuple[dict[str, int], list[str]]:
    """Columns that stand beside the declared ones, where the ledger has such; notices of those it has not."""
    if table.extra is Extra.BESIDE:
        return {title: place for place, title in enumerate(titles) if title and place not in taken}, []
    kept: dict[str, int] = {}
    notices: list[str] = []
    for title in unknown:
        name = field_name(title) if table.extra is Extra.ENTERPRISE else None
        if name:
            kept.setdefault(name, titles.index(title))
        else:
            notices.append(f"不认识的列“{title}”，已忽略")
    return kept, notices


def _known(connection: Connection, site: str, table: Table, edits: list[Edit]) -> list[Edit]:
    """The same edits, those of rows that the ledger has with their key and version."""
    keys = [{name: edit.values.get(name, "") for name in table.key} for edit in edits]
    with connection.transaction():
        records.use_utc(connection)
        timezone = ZoneInfo(state.timezone(connection, site) or DEFAULT_TIMEZONE)
        rows, _ = checking.find_rows(connection, site, table, keys)
    return [
        edit
        if row is None
        else replace(edit, key=records.shown_key(table, row.raw, timezone), version=edit.version or row.version)
        for edit, row in zip(edits, rows, strict=True)
    ]


def _bold(sheet: Any, value: str, size: int = 11, fill: str | None = None) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value)
    cell.font = Font(bold=True, size=size)
    if fill:
        cell.fill = PatternFill("solid", fgColor=fill)
        cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell


def _offer(sheet: Any, column: Column, letter: str, first: int) -> None:
    """Let the program offer the words of a choice; what is typed otherwise is judged when it comes back."""
    listed = ",".join(forms.words(column).values())
    if not listed or len(listed) > 250:
        return
    offer = DataValidation(type="list", formula1=f'"{listed}"', allow_blank=True, showErrorMessage=False)
    offer.add(f"{letter}{first}:{letter}{first + MOST_ROWS}")
    sheet.data_validations.append(offer)
