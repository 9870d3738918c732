"""What goes over the wire of one row: exact decimals, codes in both forms, stamps, the encodings of `valid`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from plugins.province import codes, profiles
from plugins.province.profiles import Row
from plugins.province.rows import RowError, Writer, decimal_text

ROW = Row("0000000002330011", 1, datetime(2026, 10, 8), Decimal("123.4500000000"), 4, 1, True)
SENT_AT = datetime(2026, 10, 8, 17, 38, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("123.4500000000", "123.45"),
        ("1E+3", "1000"),
        ("1E-10", "0.0000000001"),
        ("-0.0", "0"),
        ("0", "0"),
        ("100", "100"),
        ("0.12345678905", "0.1234567891"),
        ("-0.00000000001", "0"),
        ("9999999999999999999999.9999999999", "9999999999999999999999.9999999999"),
        ("0.1", "0.1"),
    ],
)
def test_values_are_exact_decimals_without_exponent(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e22"), 1.5, None])
def test_what_is_no_number_of_that_size_is_never_sent(value: Decimal) -> None:
    with pytest.raises(RowError):
        decimal_text(value)


def test_a_short_field_loses_decimals_and_never_digits_before_the_point() -> None:
    assert decimal_text(Decimal("123456789.0123456789"), 15) == "123456789.01235"
    assert decimal_text(Decimal(123456789012345), 15) == "123456789012345"
    assert decimal_text(Decimal("12345678901234.5"), 15) == "12345678901235"
    with pytest.raises(RowError):
        decimal_text(Decimal(1234567890123456), 15)


def test_the_eight_members_of_a_row_stamped_in_the_platforms_zone() -> None:
    writer = Writer(profiles.load("nhjc04").settings({}))
    assert writer.members(ROW, writer.upload_date(SENT_AT)) == {
        "dataCode": "00-00-0000-023300-11",
        "dataValue": "123.45",
        "inputType": "4",
        "statType": "1",
        "statDate": "2026-10-08 00:00:00",
        "uploadDate": "2026-10-09 01:38:00",
        "scope": "1",
        "valid": "0",
    }


@pytest.mark.parametrize(
    ("encoding", "valid", "invalid"), [("digit", "0", "1"), ("flipped", "1", "0"), ("boolean", "true", "false")]
)
def test_valid_is_encoded_as_the_profile_says(encoding: str, valid: str, invalid: str) -> None:
    writer = Writer(profiles.load("nhjc04").settings({"valid": encoding}))
    assert writer.members(ROW, "")["valid"] == valid
    assert writer.members(replace(ROW, is_valid=False), "")["valid"] == invalid


def test_rows_that_cannot_be_sent_are_named_by_their_place() -> None:
    writer = Writer(profiles.load("nhjc04").settings({}))
    bad = [ROW, replace(ROW, data_code="12"), replace(ROW, value=Decimal("NaN")), replace(ROW, stat_date=SENT_AT)]
    written, faults = writer.batch(bad, SENT_AT)
    assert len(written) == 1
    assert set(faults) == {1, 2, 3}


def test_codes_are_read_and_written_in_both_forms() -> None:
    assert codes.plain("00-00-0000-023300-11") == codes.plain("0000000002330011") == "0000000002330011"
    assert codes.hyphenated("0000000002330011") == "00-00-0000-023300-11"
    for wrong in ("", "00-00-0000-02330-11", "0000000002330O11", "00-00-0000-023300-111"):
        with pytest.raises(codes.ItemCodeError):
            codes.item_code(wrong)


def test_the_zeros_of_a_code_say_its_scope_and_contradictions_are_only_told() -> None:
    scopes = {"0000000002330011": 1, "0200000002330011": 2, "0201000002330011": 3, "0201310102330011": 4}
    for code, scope in scopes.items():
        assert codes.scope(code) == scope
        assert codes.warning(code, scope) is None
        for other in set(range(1, 5)) - {scope}:
            assert codes.hyphenated(code) in (codes.warning(code, other) or codes.hyphenated(code))
    assert codes.warning("0201310102330011", 2)
    assert codes.parts("0201310102330011") == {
        "processCode": "02", "processUnitCode": "01", "equipmentCode": "31", "equipmentUnitCode": "01",
        "energyClassCode": "02", "energyTypeCode": "3300", "dataUsageCode": "11",
    }  # fmt: skip
