"""Certificates and photos: kept in the platform's home under names made here, never under a visitor's.

A ledger holds the made name (a hash of the content and the ending of its type), so the same file twice is one
file, and a name that was not made here is no file at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from ingestion import settings

COLUMNS = (("verifications", "certificate_file"), ("inspections", "photo_file"))
"""Ledger and column that hold such names."""

LIMIT_BYTES = 10 * 1024 * 1024
TYPES = {
    ".pdf": ("application/pdf", b"%PDF-"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".png": ("image/png", b"\x89PNG\r\n\x1a\n"),
}
"""Ending, media type, and the bytes a file of that type begins with."""

ACCEPTED = ".pdf,.jpg,.jpeg,.png"
NAME = re.compile(r"^[0-9a-f]{64}\.(pdf|jpg|png)$")


class FileError(ValueError):
    """The upload cannot be kept; the message says why, in Chinese."""


def folder() -> Path:
    """Where they are kept; made when it is not there."""
    path = settings.load().home / "workbench" / "files"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep(upload: BinaryIO) -> str:
    """Keep an upload whose type shows in its own bytes; returns its name. Raises FileError."""
    content = upload.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise FileError(f"文件超过 {LIMIT_BYTES // 1024**2} MB")
    ending = next((ending for ending, (_, head) in TYPES.items() if content.startswith(head)), None)
    if ending is None:
        raise FileError("只接受 PDF、JPG、PNG 文件（按内容判断，不看扩展名）")
    name = hashlib.sha256(content).hexdigest() + ending
    target = folder() / name
    if not target.exists():
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(target)
    return name


def find(name: str) -> tuple[Path, str] | None:
    """Path and media type of a kept file; None for any name that was not made here."""
    if not NAME.fullmatch(name):
        return None
    path = folder() / name
    return (path, TYPES[path.suffix][0]) if path.is_file() else None
