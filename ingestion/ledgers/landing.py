"""The ledgers of a package, checked against each other and written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from ingestion import authorship, batches
from ingestion.batches import Batch, BatchReport
from ingestion.ledgers import flows, references, state, upload_checks, upsert
from ingestion.ledgers.rows import Rows, parse
from ingestion.ledgers.state import Known
from ingestion.package import Package, PackageFile
from ingestion.reasons import FileRefused, Reason
from ingestion.sites import checksum

DEFAULT_TIMEZONE = "Asia/Shanghai"

Connection = psycopg.Connection[Any]


def land(package: Package, connection: Connection, site: str, load_id: UUID, now: datetime) -> list[BatchReport]:
    """Land every ledger of a package for its site."""
    reports = []
    with connection.transaction():
        lock(connection, site)
        known = state.load(connection, site)
        tables: dict[str, Rows] = {}
        checksums: dict[str, str] = {}
        refused: dict[str, FileRefused] = {}
        files = {file.table.name: file for file in package.of_kind("ledger")}
        timezone = ZoneInfo(state.timezone(connection, site) or DEFAULT_TIMEZONE)
        for name, file in files.items():
            try:
                cells, checksums[name] = file.read_cells()
                tables[name] = parse(file.table, cells, file.name, timezone)
            except FileRefused as error:
                refused[name] = error
                continue
            if name == "site":
                timezone = check_site(tables["site"], timezone)
        if not (known.is_registered or ("site" in tables and tables["site"].good)):
            for name in [name for name in tables if name != "site"]:
                refused[name] = FileRefused(Reason.SITE_UNKNOWN, files[name].name, value=site)
                del tables[name]
        references.check(tables, known)
        if "meters" in tables:
            flows.warn_units(tables["meters"], tables.get("energies"), known)
        for name, file in files.items():
            batch = Batch(load_id, site, "ledger", file.source, file.name, checksums.get(name, ""), now)
            if name in refused:
                reports.append(_refuse(connection, batch, file, refused[name]))
            else:
                reports.append(_write(connection, batch, tables[name], tables, known))
    return reports


def lock(connection: Connection, site: str) -> None:
    """One load or edit at a time per site, until the end of the transaction: rows are compared with what is there."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('ledger ' || %s, 0))", [site])


def check_site(rows: Rows, timezone: ZoneInfo) -> ZoneInfo:
    """Exactly one row, in a timezone that exists; returns the timezone that holds from now on."""
    if rows.total != 1:
        for row in rows.good:
            rows.refuse(row, "site_code", Reason.SITE_NOT_SINGLE, value=rows.total)
    for row in rows.good:
        name = str(row.values["timezone"])
        if "timezone" not in rows.present:
            continue
        try:
            timezone = ZoneInfo(name)
        except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
            rows.refuse(row, "timezone", Reason.UNKNOWN_TIMEZONE, value=name)
        except KeyError:
            rows.refuse(row, "timezone", Reason.UNKNOWN_TIMEZONE, value=name)
    return timezone


def write_terms(connection: Connection, rows: Rows, site: str, tables: Mapping[str, Rows], known: Known) -> None:
    """The expressions of rows that were written, taken apart."""
    meters = upload_checks.codes("meters", tables, known)
    if rows.table.name == "flows":
        upsert.replace_terms(connection, rows, site, meters)
    if rows.table.name == "upload_items":
        upsert.replace_upload_terms(connection, rows, site, upload_checks.codes("flows", tables, known), meters)


def _refuse(connection: Connection, batch: Batch, file: PackageFile, error: FileRefused) -> BatchReport:
    batch = Batch(
        batch.load_id,
        batch.site_code,
        batch.kind,
        batch.source,
        batch.file,
        batch.sha256 or checksum(file.path),
        batch.received_at,
        status="refused",
        status_reason=str(error),
    )
    return batches.refuse(connection, batch)


def _write(connection: Connection, batch: Batch, rows: Rows, tables: Mapping[str, Rows], known: Known) -> BatchReport:
    """One table: its batch (the last one again when the file is the same), refused rows, rows."""
    lines = {rejection.line for rejection in rows.rejections}
    batch = Batch(
        batch.load_id,
        batch.site_code,
        batch.kind,
        batch.source,
        batch.file,
        batch.sha256,
        batch.received_at,
        rows_total=rows.total,
        rows_landed=rows.landed,
        rows_rejected=len(lines),
    )
    last = batches.newest(connection, batch.site_code, "ledger", batch.file)
    if last and last[1] == batch.sha256 and last[0].status != "refused":
        report = last[0]
        if batches.replace_rejected(connection, batch, report.batch_id, rows.rejections):
            batches.update(connection, batch, report.batch_id)
            report = batch.report(report.batch_id, notices=rows.notices)
        else:
            report = BatchReport(**(report.__dict__ | {"notices": tuple(rows.notices)}))
    else:
        report = batch.report(batches.insert(connection, batch), notices=rows.notices)
        batches.reject(connection, batch, report.batch_id, rows.rejections)
    authorship.name_batch(connection, report.batch_id)
    upsert.upsert(connection, rows, batch.site_code, report.batch_id, batch.received_at)
    write_terms(connection, rows, batch.site_code, tables, known)
    return report
