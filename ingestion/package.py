"""A plant package: a folder of CSV files (readings also .csv.gz and parquet), or a workbook.

Opening one only looks at names; nothing is parsed and no database is needed. Links that lead out
of the folder are not followed: a drop folder may be writable by people who must not read ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.declarations import Table, find_table
from ingestion.erp import tables as erp_tables
from ingestion.ledgers import resources
from ingestion.readings import READINGS
from ingestion.reasons import FileRefused
from ingestion.sources import csv
from ingestion.sources.cells import Cells
from ingestion.sources.csv import ReadingsCsv
from ingestion.sources.parquet import ReadingsParquet
from ingestion.sources.rows import ReadingsRows
from ingestion.sources.spreadsheet import ReadingsSheet, Workbook

TABLES: tuple[Table, ...] = (*resources.ALL, *erp_tables.ALL, READINGS)
"""Every table a package may hold."""

TEXT_SUFFIXES = (".csv", ".csv.gz", ".txt")
READING_SUFFIXES = (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet")
UNFINISHED_SUFFIXES = (".part", ".filepart", ".tmp", ".crdownload", ".partial")
READINGS_FOLDERS = ("readings", "读数")
OTHER_WORKBOOKS = (".xls", ".xlsm", ".xlsb", ".ods", ".et")

ReadingsSource = ReadingsCsv | ReadingsSheet | ReadingsParquet | ReadingsRows


class PackageError(Exception):
    """A package cannot be opened at all; the message is one Chinese line: what, why, what to do."""


@dataclass(frozen=True)
class PackageFile:
    """One file or sheet of a package. ``name`` is what people see: relative to the package."""

    name: str
    table: Table
    path: Path
    workbook: Workbook | None = None
    sheet: str | None = None

    @property
    def source(self) -> str:
        """The form it comes in: csv, spreadsheet or parquet."""
        if self.workbook:
            return "spreadsheet"
        return "parquet" if self.path.suffix.lower() == ".parquet" else "csv"

    def read_cells(self) -> tuple[Cells, str]:
        """Cells and checksum of a ledger or ERP table; raises FileRefused."""
        if self.workbook:
            return self.workbook.read_cells(str(self.sheet), self.table, self.name)
        return csv.read_cells(self.path, self.table, self.name)

    def open_readings(self) -> ReadingsSource:
        """A readings file, checked to its end, ready to be read in blocks; raises FileRefused."""
        if self.workbook:
            return ReadingsSheet(self.workbook, str(self.sheet), self.table, self.name)
        if self.source == "parquet":
            return ReadingsParquet(self.path, self.table, self.name)
        return ReadingsCsv(self.path, self.table, self.name)


@dataclass(frozen=True)
class Package:
    """An opened package; ``notices`` name what was found and not used."""

    path: Path
    files: tuple[PackageFile, ...]
    notices: tuple[str, ...] = ()
    refused: tuple[FileRefused, ...] = field(default=())
    """Workbooks inside a folder that could not be opened; the rest of the package is usable."""

    @property
    def name(self) -> str:
        """Folder name or workbook name without suffix; may name the site."""
        return self.path.name if self.path.is_dir() else self.path.stem

    def of_kind(self, kind: str) -> list[PackageFile]:
        """Files of 'ledger', 'erp' or 'readings', in the order they are to be landed."""
        order = {table.name: place for place, table in enumerate(TABLES)}
        files = [file for file in self.files if file.table.kind == kind]
        return sorted(files, key=lambda file: (order[file.table.name], file.name))

    def table(self, name: str) -> PackageFile | None:
        """The file of that contract name, if the package has one."""
        return next((file for file in self.files if file.table.name == name), None)


def open_package(path: str | Path) -> Package:
    """Open a folder or workbook; raises PackageError with one Chinese line."""
    path = Path(path)
    notices: list[str] = []
    refused: list[FileRefused] = []
    if not path.exists():
        raise PackageError(f"{path}：路径不存在。请检查数据包的文件夹或工作簿路径。")
    if path.is_dir():
        files = list(_folder_files(path, notices, refused))
    elif path.suffix.lower() == ".xlsx":
        try:
            files = list(_workbook_files(path, path.name, notices))
        except FileRefused as error:
            raise PackageError(str(error)) from error
    elif path.suffix.lower() in OTHER_WORKBOOKS:
        raise PackageError(f"{path.name}：不支持 {path.suffix} 格式。请在表格软件中另存为 .xlsx 后再导入。")
    else:
        raise PackageError(f"{path.name}：不是文件夹，也不是 .xlsx 工作簿。请把 CSV 文件放进一个文件夹后导入该文件夹。")
    _refuse_twice(path, files)
    if not files and not refused:
        found = f"（{'；'.join(notices)}）" if notices else ""
        raise PackageError(f"{path.name}：没有找到可导入的表{found}。文件或工作表应命名为 site、meters、readings 等。")
    return Package(path, tuple(files), tuple(notices), tuple(refused))


def _folder_files(folder: Path, notices: list[str], refused: list[FileRefused]) -> Iterator[PackageFile]:
    for path in _entries(folder, folder, notices):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            if path.name.lower() in READINGS_FOLDERS:
                yield from _readings_files(folder, path, notices)
            else:
                notices.append(f"{name}：不认识的文件夹，未导入")
        elif path.suffix.lower() == ".xlsx":
            try:
                yield from _workbook_files(path, name, notices)
            except FileRefused as error:
                refused.append(error)
        elif path.suffix.lower() in OTHER_WORKBOOKS:
            notices.append(f"{name}：不支持的格式，未导入，请另存为 .xlsx")
        elif table := _table_of(path, notices):
            yield PackageFile(name, table, path)


def _readings_files(folder: Path, subfolder: Path, notices: list[str]) -> Iterator[PackageFile]:
    for path in _entries(folder, subfolder, notices):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            yield from _readings_files(folder, path, notices)
        elif path.name.lower().endswith(READING_SUFFIXES):
            yield PackageFile(name, READINGS, path)
        else:
            notices.append(f"{name}：不是 .csv、.csv.gz 或 .parquet，未导入")


def _workbook_files(path: Path, name: str, notices: list[str]) -> Iterator[PackageFile]:
    workbook = Workbook(path, name)
    sheets = workbook.sheets()
    for sheet in sheets:
        table = find_table(TABLES, sheet)
        if table is None and len(sheets) == 1:
            table = find_table(TABLES, path.stem)
        if table is None and sheet.lower().startswith("readings"):
            table = READINGS  # a sheet ends at 1,048,576 rows; the rest is in readings2 …
        if table:
            yield PackageFile(f"{name}#{sheet}", table, path, workbook, sheet)
        else:
            notices.append(f"{name}#{sheet}：不认识的工作表，未导入")


def _table_of(path: Path, notices: list[str]) -> Table | None:
    lower = path.name.lower()
    stem = next(
        (path.name[: -len(end)] for end in sorted(READING_SUFFIXES, key=len, reverse=True) if lower.endswith(end)),
        None,
    )
    table = find_table(TABLES, stem) if stem else None
    if table and table is not READINGS and not lower.endswith(TEXT_SUFFIXES):
        table = None
    if table is None:
        notices.append(f"{path.name}：不认识的文件，未导入")
    return table


def _entries(folder: Path, parent: Path, notices: list[str]) -> Iterator[Path]:
    """A folder's entries in a fixed order, without hidden, unfinished and outside ones."""
    root = folder.resolve()
    for path in sorted(parent.iterdir()):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith((".", "~$", "__")) or path.name.lower() in ("thumbs.db", "desktop.ini"):
            continue
        if path.name.lower().endswith(UNFINISHED_SUFFIXES):
            notices.append(f"{name}：仍在传送，未导入")
        elif not path.resolve().is_relative_to(root):
            notices.append(f"{name}：链接指向数据包之外，未导入")
        elif path.is_dir() or path.is_file():
            yield path


def _refuse_twice(path: Path, files: list[PackageFile]) -> None:
    """A ledger or ERP table may be in a package once; which of two would win is anybody's guess."""
    seen: dict[str, str] = {}
    for file in files:
        if file.table is READINGS:
            continue
        other = seen.setdefault(file.table.name, file.name)
        if other != file.name:
            raise PackageError(
                f"{path.name}：{other} 和 {file.name} 都是 {file.table.name}（{file.table.label}）表，"
                "无法判断用哪一个。请只保留一个。"
            )
