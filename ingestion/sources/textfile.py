"""Text files of any encoding plants use, made plain UTF-8 without a BOM, with a checksum.

The whole file is read once before anything else happens: what is truncated, corrupt, binary or
still being written is noticed here, before a single row could land.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ingestion.reasons import FileRefused, Reason

CHUNK = 4 << 20
MAXIMUM_BYTES = 4 << 30
"""Size of a text file after decompression; 4 GiB are some 100 million readings."""


class TextFile:
    """A UTF-8 view of a file; use as a context manager, it may keep a temporary copy.

    ``sha256`` is the checksum of the file as it came, ``path`` the UTF-8 text to read,
    ``ends_with_newline`` whether its last byte ends a line.
    """

    def __init__(self, source: Path, name: str, maximum_bytes: int = MAXIMUM_BYTES) -> None:
        self.source = source
        self.name = name
        self.maximum_bytes = maximum_bytes
        self.start = 0
        self._stack = ExitStack()
        self._stamp = self._stat()
        try:
            self.sha256 = self._checksum()
            self.path = self._plain()
            self.ends_with_newline = self._last_byte() == b"\n"
            self.check_unchanged()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> TextFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self) -> BinaryIO:
        """The UTF-8 bytes, after the byte-order mark."""
        file = self.path.open("rb")
        file.seek(self.start)
        return file

    def check_unchanged(self) -> None:
        """Refuse the file when somebody wrote to it since we began."""
        if self._stat() != self._stamp:
            raise FileRefused(Reason.FILE_CHANGING, self.name)

    def _stat(self) -> tuple[int, int]:
        try:
            stat = self.source.stat()
        except OSError as error:
            raise FileRefused(Reason.FILE_UNREADABLE, self.name, detail=error.strerror) from error
        return stat.st_size, stat.st_mtime_ns

    def _checksum(self) -> str:
        try:
            with self.source.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FileRefused(Reason.FILE_UNREADABLE, self.name, detail=error.strerror) from error

    def _plain(self) -> Path:
        is_compressed = self.source.name.lower().endswith(".gz")
        encoding = self._encoding()
        if not is_compressed and encoding in ("utf-8", "utf-8-sig"):
            self.start = 3 if encoding == "utf-8-sig" else 0
            return self.source
        decoder = codecs.getincrementaldecoder(encoding)()
        descriptor, name = tempfile.mkstemp(prefix="nengduan-", suffix=".csv")
        self._stack.callback(os.unlink, name)
        with os.fdopen(descriptor, "wb") as target:
            for chunk in self._chunks():
                text = decoder.decode(chunk)
                target.write(text.encode())
            target.write(decoder.decode(b"", final=True).encode())
        return Path(name)

    def _chunks(self) -> Iterator[bytes]:
        """The file's bytes, decompressed; a broken gzip stream is refused by name."""
        is_compressed = self.source.name.lower().endswith(".gz")
        size = 0
        try:
            with gzip.open(self.source) if is_compressed else self.source.open("rb") as file:
                while chunk := file.read(CHUNK):
                    size += len(chunk)
                    if size > self.maximum_bytes:
                        detail = (
                            f"解压后超过 {self.maximum_bytes >> 20} MiB"
                            if is_compressed
                            else f"超过 {self.maximum_bytes >> 20} MiB"
                        )
                        raise FileRefused(Reason.FILE_TOO_LARGE, self.name, detail=detail)
                    yield chunk
        except EOFError as error:
            raise FileRefused(Reason.FILE_TRUNCATED, self.name, detail="gzip 压缩流中断") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileRefused(Reason.FILE_CORRUPT, self.name, detail="gzip 校验不符") from error
        except OSError as error:
            raise FileRefused(Reason.FILE_UNREADABLE, self.name, detail=error.strerror) from error

    def _encoding(self) -> str:
        """UTF-8 where the whole file is that, UTF-16 by its mark or its zeros, else GB18030."""
        head = next(self._chunks(), b"")
        if head.startswith(codecs.BOM_UTF8):
            candidates = ["utf-8-sig"]
        elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            candidates = ["utf-16"]
        elif head[1:2] == b"\0" and head[:1] != b"\0":
            candidates = ["utf-16-le"]
        else:
            candidates = ["utf-8", "gb18030"]
        for encoding in candidates:
            if self._decodes(encoding):
                return encoding
        raise FileRefused(Reason.FILE_NOT_TEXT, self.name, detail="编码无法识别")

    def _decodes(self, encoding: str) -> bool:
        decoder = codecs.getincrementaldecoder(encoding)()
        is_wide = encoding.startswith("utf-16")
        has_text = False
        try:
            for chunk in self._chunks():
                if not is_wide and b"\0" in chunk:
                    raise FileRefused(Reason.FILE_NOT_TEXT, self.name, detail="含有二进制零字节")
                text = decoder.decode(chunk)
                has_text = has_text or not text.isascii()
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                if encoding == "gb18030" or has_text or is_wide:
                    raise FileRefused(Reason.FILE_TRUNCATED, self.name, detail="最后一个字符只有一半") from error
                return False
        except UnicodeDecodeError:
            return False
        return True

    def _last_byte(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() <= self.start:
                return b""
            file.seek(-1, os.SEEK_END)
            return file.read(1)
