"""Contract §2, "Which readings count", by hand."""

from fractions import Fraction

import pytest

from tests.reference.model import Reading
from tests.reference.readings import judge_rows

KNOWN = frozenset({"M1"})


def judge(*rows: Reading) -> tuple[dict[int, Fraction], dict[tuple[int, int, int], str]]:
    winners, verdicts = judge_rows(rows, KNOWN)
    values = {int(at): reading.value for at, reading in winners.get("M1", {}).items() if reading.value is not None}
    return values, {(int(at), revision, int(value or 0)): code for (_, at, revision, value), code in verdicts.items()}


def row(value: int, revision: int = 0, quality: str = "good", at: int = 0, received_at: int = 10**6) -> Reading:
    return Reading("M1", at, Fraction(value), quality, revision, received_at)


def test_highest_revision_wins() -> None:
    assert judge(row(5), row(7, 2), row(6, 1)) == ({0: 7}, {})


def test_two_values_of_one_revision_dispute_each_other() -> None:
    assert judge(row(5), row(6)) == ({}, {(0, 0, 5): "disputed", (0, 0, 6): "disputed"})


def test_a_disputed_highest_revision_leaves_no_reading() -> None:
    values, verdicts = judge(row(5), row(6, 1), row(7, 1))
    assert values == {}
    assert set(verdicts) == {(0, 1, 6), (0, 1, 7)}


def test_a_dispute_below_the_winner_is_still_quarantined() -> None:
    values, verdicts = judge(row(5), row(6), row(7, 1))
    assert values == {0: 7}
    assert set(verdicts) == {(0, 0, 5), (0, 0, 6)}


def test_same_value_again_is_dropped_silently() -> None:
    assert judge(row(5), row(5), row(5, quality="manual")) == ({0: 5}, {})


def test_bad_row_does_not_hide_a_lower_revision() -> None:
    assert judge(row(5), row(9, 3, "bad")) == ({0: 5}, {(0, 3, 9): "bad_quality"})


@pytest.mark.parametrize(("ahead", "counts"), [(300, True), (301, False)])
def test_five_minutes_of_clock_are_forgiven(ahead: int, counts: bool) -> None:
    values, verdicts = judge(row(5, at=1000 + ahead, received_at=1000))
    assert bool(values) is counts
    assert list(verdicts.values()) == ([] if counts else ["future_stamp"])


def test_unknown_meter() -> None:
    winners, verdicts = judge_rows([Reading("M9", 0, Fraction(1))], KNOWN)
    assert winners == {}
    assert list(verdicts.values()) == ["unknown_meter"]
