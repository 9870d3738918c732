"""The drop folder: each sub-folder or workbook in it is a plant package; files stay where they are.

Nothing is remembered but ops.batches. A file is new when no batch of its site has its content; a
refused one is remembered too, so that a broken file is reported once and not at every look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from ingestion import settings, warehouse
from ingestion.package import Package, PackageError, PackageFile, open_package
from ingestion.reasons import FileRefused
from ingestion.sites import checksum, site_of

QUIET_SECONDS = 20.0
"""A file that was touched less than this ago may still be on its way."""

KINDS = {"ledgers": "ledger", "ledger": "ledger", "erp": "erp", "readings": "readings"}

Connection = psycopg.Connection[Any]


def waiting_packages(kind: str, now: float | None = None, quiet_seconds: float = QUIET_SECONDS) -> list[str]:
    """Names of the packages in the drop folder with files of a kind that are new and fully written.

    ``kind`` is 'ledgers', 'erp' or 'readings'; ``now`` is the clock (seconds since the epoch).
    """
    folder = settings.load().drop_folder
    with warehouse.connect("ingest", autocommit=True) as connection:
        return waiting(folder, KINDS[kind], connection, time.time() if now is None else now, quiet_seconds)


def waiting(folder: Path, kind: str, connection: Connection, now: float, quiet_seconds: float) -> list[str]:
    """The same for any folder and connection."""
    found = []
    for path in packages(folder):
        if any(now - _touched(file) < quiet_seconds for file in _all_files(path)):
            continue
        try:
            package = open_package(path)
        except PackageError as error:
            # What cannot be opened is reported once, by the DAG that looks at every package.
            if kind == "ledger" and not _is_told(path, error, connection):
                found.append(path.name)
            continue
        files = package.of_kind(kind)
        if kind != "ledger" and not _is_registered(package, connection):
            continue  # its ledgers come first; this is looked at again
        if (files or (kind == "ledger" and package.refused)) and _has_new(package, files, connection):
            found.append(path.name)
    return found


def _is_registered(package: Package, connection: Connection) -> bool:
    try:
        site = site_of(package, connection)
    except PackageError:
        return True  # to be reported, not waited for
    known = connection.execute("select 1 from ledger.sites where site_code = %s", [site]).fetchone()
    return known is not None


def packages(folder: Path) -> Iterator[Path]:
    """Sub-folders and workbooks of the drop folder, in a fixed order."""
    if not folder.is_dir():
        return
    root = folder.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "~$")) or not path.resolve().is_relative_to(root):
            continue
        if path.is_dir() or path.suffix.lower() == ".xlsx":
            yield path


def _has_new(package: Package, files: list[PackageFile], connection: Connection) -> bool:
    try:
        site = site_of(package, connection)
    except PackageError as error:
        return not _is_told(package.path, error, connection)
    for refused in package.refused:
        path = package.path / refused.file
        if not _is_known(connection, site, refused.file, checksum(path), _touched(path), "ledger"):
            return True
    return any(
        not _is_known(connection, site, file.name, _sha256(file), _touched(file.path), file.table.kind)
        for file in files
    )


def _sha256(file: PackageFile) -> str:
    """The checksum under which landing records a file: of a sheet's cells, of any other file's bytes."""
    try:
        if file.workbook and file.table.kind == "readings":
            return file.open_readings().sha256
        if file.workbook:
            return file.read_cells()[1]
    except FileRefused:
        pass
    return checksum(file.path)


def _is_known(connection: Connection, site: str, file: str, sha256: str, arrived: float, kind: str) -> bool:
    """True when the content was dealt with. Readings never expire; a ledger or ERP file may go back to
    what it said before, so its batch must be the newest of that name or younger than the file."""
    row = connection.execute(
        """select
            count(*) filter (where sha256 = %(sha256)s) > 0,
            count(*) filter (where sha256 = %(sha256)s and file = %(file)s and received_at >= to_timestamp(%(arrived)s))
            > 0,
            (array_agg(sha256 order by batch_id desc) filter (where file = %(file)s))[1] = %(sha256)s
        from ops.batches where site_code = %(site)s and kind = %(kind)s""",
        {"site": site, "kind": kind, "file": file, "sha256": sha256, "arrived": arrived},
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return bool(row[0]) if kind == "readings" else bool(row[1] or row[2])


def _is_told(path: Path, error: PackageError, connection: Connection) -> bool:
    """True when a package that cannot be opened was reported with this content; else it is now."""
    shown = fingerprint(path)
    told = connection.execute(
        "select 1 from ops.events where kind = 'package_refused' and payload ->> 'sha256' = %s limit 1",
        [shown],
    ).fetchone()
    if told:
        return True
    connection.execute(
        """insert into ops.events (occurred_at, kind, severity, subject, message, payload)
        values (now(), 'package_refused', 'critical', %s, %s, jsonb_build_object('sha256', %s::text))""",
        [path.name, str(error), shown],
    )
    return False


def fingerprint(path: Path) -> str:
    """One checksum for a package that cannot be opened: the workbook's, or of names and sizes."""
    if path.is_file():
        return checksum(path)
    return "names " + " ".join(
        f"{file.relative_to(path).as_posix()}:{file.stat().st_size}" for file in _all_files(path)
    )


def _all_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink()]


def _touched(path: Path) -> float:
    """When a file last changed or arrived; a copy may keep the original's modification time."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0.0
    return max(stat.st_mtime, stat.st_ctime)
