"""Which site a package belongs to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg

from ingestion.package import Package, PackageError
from ingestion.reasons import FileRefused
from ingestion.texts import is_code, normalise


def site_of(package: Package, connection: psycopg.Connection[Any]) -> str:
    """The site_code of a package; raises PackageError when it cannot be known.

    It stands in the package's site file; without one the package's name is the code of a
    registered site, or there is only one registered site.
    """
    code = declared_site(package)
    if code:
        return code
    known = [row[0] for row in connection.execute("select site_code from ledger.sites order by site_code")]
    if package.name in known:
        return package.name
    if len(known) == 1 and package.table("site") is None:
        return str(known[0])
    cause = "没有 site 表" if package.table("site") is None else "site 表读不出 site_code"
    raise PackageError(
        f"{package.path.name}：{cause}，无法判断属于哪个用能单位。请补上 site.csv（site_code、name），"
        "或把文件夹命名为已登记的 site_code。"
    )


def declared_site(package: Package) -> str | None:
    """The first valid site_code of the package's site file, or None."""
    file = package.table("site")
    if file is None:
        return None
    try:
        cells, _ = file.read_cells()
        positions, _ = file.table.match(cells.header, file.name)
    except FileRefused as error:
        raise PackageError(str(error)) from error
    place = positions["site_code"]
    codes = (normalise(row[place]) for _, row in cells.rows if place < len(row))
    return next((code for code in codes if is_code(code)), None)


def checksum(path: Path) -> str:
    """sha256 of a file as it lies there; empty when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
