"""Workbooks between the dry run and the import: kept under a made name, for the one who brought them, for an hour."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ingestion import settings

KEPT_FOR = timedelta(hours=1)
TOKEN = re.compile(r"^[0-9a-f]{32}$")
FILE_NAME_LENGTH = 120
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Pending:
    """A workbook that waits: whose, for which ledger, since when (ISO 8601), and what its bringer calls it."""

    user_name: str
    site_code: str
    ledger: str
    file: str
    brought_at: str


def folder() -> Path:
    path = settings.load().home / "workbench" / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep(upload: BinaryIO, user_name: str, site_code: str, ledger: str, file: str, now: datetime) -> str:
    """Keep a workbook; returns the token that finds it again. Older ones are cleared away."""
    clear(now)
    token = secrets.token_hex(16)
    with _content(token).open("xb") as target:
        while chunk := upload.read(CHUNK_BYTES):
            target.write(chunk)
    pending = Pending(user_name, site_code, ledger, file[-FILE_NAME_LENGTH:], now.isoformat())
    _note(token).write_text(json.dumps(asdict(pending), ensure_ascii=False), encoding="utf-8")
    return token


def find(token: str, user_name: str, site_code: str, ledger: str, now: datetime) -> tuple[Path, str] | None:
    """Path and name of what this user brought for this ledger; None for anything else."""
    if not TOKEN.fullmatch(token) or not _note(token).exists():
        return None
    pending = Pending(**json.loads(_note(token).read_text(encoding="utf-8")))
    is_own = (pending.user_name, pending.site_code, pending.ledger) == (user_name, site_code, ledger)
    if not is_own or now - datetime.fromisoformat(pending.brought_at) > KEPT_FOR:
        return None
    return _content(token), pending.file


def drop(token: str) -> None:
    """Forget a workbook."""
    for path in (_note(token), _content(token)):
        path.unlink(missing_ok=True)


def clear(now: datetime) -> None:
    """Forget what nobody has come back for."""
    limit = (now - KEPT_FOR).timestamp()
    for path in folder().iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)


def _content(token: str) -> Path:
    return folder() / f"{token}.xlsx"


def _note(token: str) -> Path:
    return folder() / f"{token}.json"
