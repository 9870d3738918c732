"""SM4 as platforms use it: the vectors of the wire contract, and what must be refused."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from plugins.province import sm4

KEY = "0123456789abcdeffedcba9876543210"
VECTORS = {
    "1": "b265308ec733dc5cd02ea745329dc5f9",
    "0": "45a937871858b7cd3a55b42f8cae65bf",
    "123.45": "8903e2e3f6b843f58fa45deaf1b6a32a",
    "00-00-0000-023300-11": "ef49d2a4d631f9fc3ae6db23a5998f23aafd0fd6242c37e636e90e8e5e5b967a",
}


def test_fields_are_the_contracts_vectors() -> None:
    assert sm4.encrypted_fields(KEY, list(VECTORS)) == list(VECTORS.values())


def test_fields_of_every_length_come_back() -> None:
    texts = ["", "x" * 15, "x" * 16, "x" * 17, "全厂用电", "2026-10-08 00:00:00"]
    assert sm4.decrypted_fields(KEY, sm4.encrypted_fields(KEY, texts)) == texts


@pytest.mark.parametrize("text", ["", "zz", "b265", "b265308ec733dc5cd02ea745329dc5f8", None])
def test_what_does_not_come_from_the_key_is_refused(text: str) -> None:
    with pytest.raises(sm4.CipherError):
        sm4.decrypted_fields(KEY, [text])


@pytest.mark.parametrize("key", ["", "0123", "xyz" * 11, KEY + "00"])
def test_keys_that_are_none_are_refused_without_being_told(key: str) -> None:
    with pytest.raises(sm4.CipherError) as refusal:
        sm4.encrypted_fields(key, ["1"])
    assert not key or key not in str(refusal.value)


def test_password_block_is_two_digits_the_pin_and_f_under_cbc() -> None:
    code = "91530181MA00000004"
    block = bytes.fromhex(sm4.password_block(KEY, code, "pin4567"))
    cipher = Cipher(SM4(KEY[:16].encode()), modes.CBC(code[:16].encode())).decryptor()
    assert cipher.update(block) + cipher.finalize() == b"07pin4567FFFFFFF"
    assert len(sm4.password_block(KEY, code, "p" * 14)) == 32


@pytest.mark.parametrize("pin", ["", "p" * 15, "密码"])
def test_pins_that_fit_no_block_are_refused(pin: str) -> None:
    with pytest.raises(sm4.CipherError):
        sm4.password_block(KEY, "91530181MA00000004", pin)


def test_a_batch_is_encrypted_at_well_over_ten_thousand_rows_a_second() -> None:
    row = [*VECTORS, "4", "2026-10-08 00:00:00", "2026-10-09 01:38:00", "1"]
    started = time.process_time()
    for _ in range(20):
        sm4.encrypted_fields(KEY, row * 500)
    assert 10_000 / (time.process_time() - started) > 20_000
