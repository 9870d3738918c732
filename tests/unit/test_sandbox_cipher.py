"""SM4 as the sandbox reads it, against texts that were encrypted by clients of real platforms."""

from __future__ import annotations

import pytest

from plugins.province.sandbox.cipher import DecryptionError, decrypt_texts, pin_of

KEY = "0123456789abcdeffedcba9876543210"
VECTORS = {
    "1": "b265308ec733dc5cd02ea745329dc5f9",
    "0": "45a937871858b7cd3a55b42f8cae65bf",
    "123.45": "8903e2e3f6b843f58fa45deaf1b6a32a",
    "00-00-0000-023300-11": "ef49d2a4d631f9fc3ae6db23a5998f23aafd0fd6242c37e636e90e8e5e5b967a",
}


def test_known_texts_are_read_together_and_alone() -> None:
    assert decrypt_texts(KEY, list(VECTORS.values())) == list(VECTORS)
    assert [decrypt_texts(KEY, [text]) for text in VECTORS.values()] == [[plain] for plain in VECTORS]


@pytest.mark.parametrize("text", ["", "zz", "b265", VECTORS["1"][:-2], VECTORS["1"][:-1] + "8", 1, None])
def test_what_this_key_cannot_have_made_is_refused(text: object) -> None:
    with pytest.raises(DecryptionError):
        decrypt_texts(KEY, [VECTORS["0"], text])  # type: ignore[list-item]


@pytest.mark.parametrize("block", ["", "zz", "00" * 15, "00" * 17, "00" * 16, None])
def test_what_is_no_password_block_is_refused(block: object) -> None:
    with pytest.raises(DecryptionError):
        pin_of(KEY, "91530181MA00000004", block)  # type: ignore[arg-type]
