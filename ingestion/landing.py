"""Landing: a package's files into the warehouse, one batch per file, all of a file or nothing.

``now`` is the clock of the landing (an aware datetime), so that tests and replays are exact. ``author`` says
who brings the files and why; without one they are the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from queue import SimpleQueue
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from ingestion import batches
from ingestion.authorship import Author, signed
from ingestion.batches import Batch, BatchReport
from ingestion.erp import landing as erp_landing
from ingestion.ledgers import landing as ledger_landing
from ingestion.ledgers import state
from ingestion.package import Package, PackageFile
from ingestion.readings_landing import land_file
from ingestion.reasons import FileRefused, Reason
from ingestion.sites import checksum, site_of

__all__ = ["BatchReport", "land_erp", "land_ledgers", "land_readings", "own_transactions"]

Connection = psycopg.Connection[Any]


def land_ledgers(
    package: Package, connection: Connection, load_id: UUID, now: datetime, author: Author | None = None
) -> list[BatchReport]:
    """Bring the site's ledgers up to date from a package, all files in one transaction.

    Loading the same files again changes nothing, though rows refused before are tried again:
    what they refer to may have been registered since.
    """
    if not package.of_kind("ledger") and not package.refused:
        return []
    with own_transactions(connection, author):
        site = site_of(package, connection)
        reports = [
            batches.refuse(
                connection,
                Batch(
                    load_id,
                    site,
                    "ledger",
                    "spreadsheet",
                    error.file,
                    checksum(package.path / error.file),
                    now,
                    status="refused",
                    status_reason=str(error),
                ),
            )
            for error in package.refused
        ]
        return reports + ledger_landing.land(package, connection, site, load_id, now)


def land_erp(
    package: Package, connection: Connection, load_id: UUID, now: datetime, author: Author | None = None
) -> list[BatchReport]:
    """Land production, purchases and stocks; a file equal to the last one of its name is a no-op."""
    return _land_each(package, connection, load_id, now, author, "erp", erp_landing.land_file)


def land_readings(
    package: Package,
    connection: Connection,
    load_id: UUID,
    now: datetime,
    author: Author | None = None,
    beside: Sequence[Connection] = (),
) -> list[BatchReport]:
    """Land the readings files; content that this site has landed before is a no-op.

    A COPY uses one core of the server: further connections (``beside``) let as many files land at once.
    """
    return _land_each(package, connection, load_id, now, author, "readings", land_file, beside)


Lander = Callable[[PackageFile, Connection, str, str, UUID, datetime], BatchReport]


def _land_each(
    package: Package,
    connection: Connection,
    load_id: UUID,
    now: datetime,
    author: Author | None,
    kind: str,
    land_one: Lander,
    beside: Sequence[Connection] = (),
) -> list[BatchReport]:
    files = package.of_kind(kind)
    if not files:
        return []
    with ExitStack() as held:
        for each in (connection, *beside):
            held.enter_context(own_transactions(each, author))
        site = site_of(package, connection)
        timezone = state.timezone(connection, site)

        def land(file: PackageFile, on: Connection) -> BatchReport:
            try:
                if timezone is None:
                    raise FileRefused(Reason.SITE_UNKNOWN, file.name, value=site)
                return land_one(file, on, site, timezone, load_id, now)
            except FileRefused as error:
                refused = Batch(
                    load_id,
                    site,
                    kind,
                    file.source,
                    file.name,
                    checksum(file.path),
                    now,
                    status="refused",
                    status_reason=str(error),
                )
                return batches.refuse(on, refused)

        return _side_by_side(files, (connection, *beside), land)


def _side_by_side(
    files: Sequence[PackageFile],
    connections: Sequence[Connection],
    land: Callable[[PackageFile, Connection], BatchReport],
) -> list[BatchReport]:
    """Reports in the order of the files. After a failure what has begun ends, and nothing more begins."""
    if len(connections) == 1:
        return [land(file, connections[0]) for file in files]
    idle: SimpleQueue[Connection] = SimpleQueue()
    for connection in connections:
        idle.put(connection)
    has_failed = Event()

    def land_next(file: PackageFile) -> BatchReport:
        connection = idle.get()
        try:
            if has_failed.is_set():
                raise CancelledError
            return land(file, connection)
        except BaseException:
            has_failed.set()
            raise
        finally:
            idle.put(connection)

    with ThreadPoolExecutor(len(connections)) as pool:
        # Files begin in their order, so the first that has no report is one that failed and not one that never began.
        return [one.result() for one in [pool.submit(land_next, file) for file in files]]


@contextmanager
def own_transactions(connection: Connection, author: Author | None) -> Iterator[None]:
    """Let each batch be a transaction of its own, whatever the caller's connection is set to, and the author's."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("landing needs a connection outside any transaction: each batch is one of its own")
    before = connection.autocommit
    connection.autocommit = True
    try:
        with signed(connection, author):
            yield
    finally:
        if not connection.closed:
            connection.autocommit = before
