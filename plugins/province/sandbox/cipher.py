"""SM4 as platforms use it: rows member by member (ECB), and the password block (CBC)."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK = 16


class DecryptionError(ValueError):
    """What came cannot have been encrypted with this key."""


def decrypt_texts(key_hex: str, texts: Sequence[str]) -> list[str]:
    """The UTF-8 texts behind hex texts, each encrypted on its own by SM4/ECB/PKCS7.

    ECB lets a whole batch pass through the cipher at once: its blocks don't depend on each other.
    """
    try:
        pieces = [bytes.fromhex(text) for text in texts]
    except (TypeError, ValueError):
        raise DecryptionError("not hexadecimal") from None
    if any(not piece or len(piece) % BLOCK for piece in pieces):
        raise DecryptionError("not whole blocks")
    decryptor = Cipher(SM4(bytes.fromhex(key_hex)), modes.ECB()).decryptor()  # noqa: S305 (the platforms' own choice)
    plain = decryptor.update(b"".join(pieces)) + decryptor.finalize()
    clear, start = [], 0
    for piece in pieces:
        clear.append(_unpadded(plain[start : start + len(piece)]))
        start += len(piece)
    return clear


def _unpadded(plain: bytes) -> str:
    padding = plain[-1]
    if not 1 <= padding <= BLOCK or not plain.endswith(bytes([padding]) * padding):
        raise DecryptionError("wrong padding")
    try:
        return plain[:-padding].decode("utf-8")
    except UnicodeDecodeError:
        raise DecryptionError("not UTF-8") from None


def pin_of(secret_key: str, enterprise_code: str, block_hex: str) -> str:
    """The pin within a password block: two digits of length, the pin, F up to 16 characters."""
    try:
        block = bytes.fromhex(block_hex)
    except (TypeError, ValueError):
        raise DecryptionError("not hexadecimal") from None
    if len(block) != BLOCK:
        raise DecryptionError("not one block")
    key, start = secret_key[:BLOCK].encode("ascii"), enterprise_code[:BLOCK].encode("ascii")
    decryptor = Cipher(SM4(key), modes.CBC(start)).decryptor()
    plain = decryptor.update(block) + decryptor.finalize()
    try:
        text = plain.decode("ascii")
    except UnicodeDecodeError:
        raise DecryptionError("not ASCII") from None
    length = int(text[:2]) if text[:2].isdigit() else 0
    if not 1 <= length <= BLOCK - 2 or text[2 + length :].strip("F"):
        raise DecryptionError("no password block")
    return text[2 : 2 + length]
