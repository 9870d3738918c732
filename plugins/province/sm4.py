"""SM4 as platforms use it: rows field by field (ECB), and Yunnan's password block (CBC)."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK = 16
LONGEST_PIN = BLOCK - 2
_PADDINGS = [bytes([count]) * count for count in range(BLOCK + 1)]


class CipherError(ValueError):
    """A key or a text that SM4 cannot be used with; the message says which, never its content."""


def key_of(secret_key: str) -> bytes:
    """The key behind 32 hexadecimal digits; raises CipherError."""
    try:
        key = bytes.fromhex(secret_key)
    except (TypeError, ValueError):
        key = b""
    if len(key) != BLOCK:
        raise CipherError("密钥不是 32 位十六进制数")
    return key


def encrypted_fields(secret_key: str, texts: Sequence[str]) -> list[str]:
    """Each text on its own as SM4/ECB/PKCS7 in lower-case hex.

    ECB blocks don't depend on each other, so a whole batch goes through the cipher at once: field by field it would
    take ten times as long.
    """
    pieces = []
    for text in texts:
        plain = text.encode()
        pieces.append(plain + _PADDINGS[BLOCK - len(plain) % BLOCK])
    whole = _through(_ecb(secret_key).encryptor(), b"".join(pieces)).hex()
    return _cut(whole, [2 * len(piece) for piece in pieces])


def decrypted_fields(secret_key: str, texts: Sequence[str]) -> list[str]:
    """The texts behind encrypted fields; raises CipherError where one cannot come from this key."""
    try:
        pieces = [bytes.fromhex(text) for text in texts]
    except (TypeError, ValueError):
        raise CipherError("密文不是十六进制数") from None
    if any(not piece or len(piece) % BLOCK for piece in pieces):
        raise CipherError("密文不是整块")
    plain = _through(_ecb(secret_key).decryptor(), b"".join(pieces))
    clear, start = [], 0
    for piece in pieces:
        part = plain[start : start + len(piece)]
        start += len(piece)
        count = part[-1]
        if not 1 <= count <= BLOCK or not part.endswith(_PADDINGS[count]):
            raise CipherError("密文与密钥不符")
        try:
            clear.append(part[:-count].decode())
        except UnicodeDecodeError:
            raise CipherError("密文与密钥不符") from None
    return clear


def password_block(secret_key: str, enterprise_code: str, pin: str) -> str:
    """A pin as Yunnan's platform takes it: two digits of length, the pin, F up to 16 characters, SM4/CBC in hex.

    The key is the text of the first 16 characters of the work key, the start those of the enterprise's code.
    """
    if not 1 <= len(pin) <= LONGEST_PIN or not (pin.isascii() and pin.isprintable()):
        raise CipherError(f"平台密码应为 1～{LONGEST_PIN} 个 ASCII 字符")
    key, start = secret_key[:BLOCK], enterprise_code[:BLOCK]
    if not (key.isascii() and start.isascii() and len(key) == len(start) == BLOCK):
        raise CipherError("工作密钥或统一社会信用代码不足 16 个 ASCII 字符")
    block = f"{len(pin):02d}{pin}".ljust(BLOCK, "F").encode()
    cipher = Cipher(SM4(key.encode()), modes.CBC(start.encode()))
    return _through(cipher.encryptor(), block).hex()


def _ecb(secret_key: str) -> Cipher[modes.ECB]:
    return Cipher(SM4(key_of(secret_key)), modes.ECB())  # noqa: S305 (the platforms' own choice)


def _through(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def _cut(text: str, lengths: Sequence[int]) -> list[str]:
    pieces, start = [], 0
    for length in lengths:
        pieces.append(text[start : start + length])
        start += length
    return pieces
