"""Item codes and the spellings beside them: what stands, in which one form, and what is told of their zeros."""

from __future__ import annotations

import pytest

from ingestion import datacodes


@pytest.mark.parametrize("text", ["00-00-0000-023300-11", "0000000002330011", " ００-00-0000-023300-11 "])
def test_a_code_has_one_spelling(text: str) -> None:
    assert datacodes.spelled_code(text) == "00-00-0000-023300-11"


@pytest.mark.parametrize("text", ["", "00-00-0000-023300-1", "00-00-0000-023300-1a", "000-0-0000-023300-11", "1e15"])
def test_what_is_no_code_is_refused(text: str) -> None:
    assert datacodes.spelled_code(text) is None


@pytest.mark.parametrize(
    ("code", "scope", "is_contradiction"),
    [
        ("00-00-0000-023300-11", 1, False),
        ("04-00-0000-023300-11", 2, False),
        ("04-02-0000-023300-11", 3, False),
        ("04-02-0101-023300-11", 4, False),
        ("00-01-0000-023300-11", 3, True),
    ],
)
def test_zeros_say_the_scope(code: str, scope: int, is_contradiction: bool) -> None:
    found = datacodes.data_code(code)
    assert found is not None
    assert found.scope == scope
    assert (found.contradicts(scope) is not None) is is_contradiction
    if not is_contradiction:
        assert found.contradicts(1 if scope > 1 else 2)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1", "1"),
        ("0，1、2", "0,1,2"),
        ("月 日 日", "1,2"),
        ("日月年", "1,2,3"),
        ("实时/日", "0,1"),
        ("realtime;Year", "0,3"),
        ("1.0", "1"),
        ("4", None),
        ("周", None),
        ("", None),
    ],
)
def test_statistics_by_number_or_word(text: str, spelled: str | None) -> None:
    assert datacodes.spelled_stat_types(text) == spelled


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("2026-10-08", "2026-10-08 00:00:00"),
        ("2026/10/8 7:15", "2026-10-08 07:15:00"),
        ("2026年10月", "2026-10-01 00:00:00"),
        ("2026-10", "2026-10-01 00:00:00"),
        ("2026-02-30", None),
        ("昨天", None),
    ],
)
def test_the_start_of_a_period(text: str, spelled: str | None) -> None:
    assert datacodes.spelled_stat_date(text) == spelled


@pytest.mark.parametrize(
    ("stat_type", "stat_date", "is_on_grid"),
    [
        ("0", "2026-10-08 07:45:00", True),
        ("0", "2026-10-08 07:20:00", False),
        ("1", "2026-10-08 00:00:00", True),
        ("1", "2026-10-08 08:00:00", False),
        ("2", "2026-10-01 00:00:00", True),
        ("2", "2026-10-02 00:00:00", False),
        ("3", "2026-01-01 00:00:00", True),
        ("3", "2026-10-01 00:00:00", False),
    ],
)
def test_periods_begin_on_their_grid(stat_type: str, stat_date: str, is_on_grid: bool) -> None:
    assert (datacodes.off_grid(stat_type, stat_date) is None) is is_on_grid
