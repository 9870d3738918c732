"""measured_by taken apart: any linear expression equals the sum of its terms, everything else is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.expressions import ExpressionError, cycle, terms
from ingestion.reasons import Reason

METERS = ("M1", "M2", "M3", "E-001.A", "1001", "2", "A-B", "x_9")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("M1", {"M1": "1"}),
        ("M1 + M2 - 0.5 * M3", {"M1": "1", "M2": "1", "M3": "-0.5"}),
        ("-M1", {"M1": "-1"}),
        ("- M1 + M2", {"M1": "-1", "M2": "1"}),
        ("M1 - -0.5 * M2", {"M1": "1", "M2": "0.5"}),
        ("(M1 + E-001.A) * 2.5 / 4", {"M1": "0.625", "E-001.A": "0.625"}),
        ("M1 + M1 - 2 * M1 + A-B", {"A-B": "1"}),
        ("M1 / 3", {"M1": "0.3333333333333333333333333333"}),
        ("0.5 * 1001", {"1001": "0.5"}),
        ("1001 + 2", {"1001": "1", "2": "1"}),
        ("2 * M1", {"M1": "2"}),
        ("2.0 * 1001", {"1001": "2"}),
        ("M1－M2", {"M1": "1", "M2": "-1"}),
        ("M1 × 2 ÷ 4", {"M1": "0.5"}),
        ("（M1＋M2）＊0.5", {"M1": "0.5", "M2": "0.5"}),
    ],
)
def test_linear_expressions(expression: str, expected: dict[str, str]) -> None:
    assert terms(expression, METERS) == {meter: Decimal(value) for meter, value in expected.items()}


@pytest.mark.parametrize(
    ("expression", "reason", "shown"),
    [
        ("M1 + M9", Reason.EXPRESSION_UNKNOWN_METER, "M9"),
        ("M1-M2", Reason.EXPRESSION_UNKNOWN_METER, "M1-M2"),
        ("M1 * M2", Reason.EXPRESSION_NONLINEAR, "M1 * M2"),
        ("M1 / M2", Reason.EXPRESSION_NONLINEAR, "M1 / M2"),
        ("M1 / 0", Reason.EXPRESSION_NONLINEAR, "M1 / 0"),
        ("M1 + 5", Reason.EXPRESSION_CONSTANT, "5"),
        ("5", Reason.EXPRESSION_CONSTANT, "5"),
        ("2 * 1001", Reason.EXPRESSION_AMBIGUOUS, "2 * 1001"),
        ("M1 - M1", Reason.EXPRESSION_EMPTY, "M1 - M1"),
        ("0 * M1", Reason.EXPRESSION_EMPTY, "0 * M1"),
        ("M1 +", Reason.EXPRESSION_SYNTAX, "没有写完"),
        ("M1 M2", Reason.EXPRESSION_SYNTAX, "M2"),
        ("M1 -M2", Reason.EXPRESSION_SYNTAX, "-M2"),
        ("sum(M1)", Reason.EXPRESSION_SYNTAX, "(M1)"),
        ("(" * 200 + "M1" + ")" * 200, Reason.EXPRESSION_SYNTAX, "括号"),
        ("M1 + F1", Reason.EXPRESSION_FLOW, "F1"),
    ],
)
def test_everything_else_is_refused_and_named(expression: str, reason: Reason, shown: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        terms(expression, METERS, {"F1": None})
    assert caught.value.reason is reason
    assert shown in str(caught.value)


def test_flows_that_refer_to_each_other_are_named_in_a_circle() -> None:
    flows = {"F1": "F2 + M1", "F2": "F3", "F3": "M2 - F1", "F4": "F4", "F5": "F1"}
    assert cycle("F1", flows, METERS) == ["F1", "F2", "F3", "F1"]
    assert cycle("F4", flows, METERS) == ["F4", "F4"]
    assert cycle("F5", flows, METERS) is None


def test_a_code_that_is_both_meter_and_flow_is_the_meter() -> None:
    assert terms("M1 + M2", METERS, {"M1": "M1"}) == {"M1": 1, "M2": 1}


Meaning = tuple[str, dict[str, Fraction]]

numbers = st.decimals(-999, 999, places=3).map(lambda value: format(value, "f"))
factors = numbers.filter(lambda text: Decimal(text) != 0)
leaves = st.sampled_from(["M1", "M2", "M3", "E-001.A", "A-B"]).map(lambda code: (code, {code: Fraction(1)}))


def _combine(children: st.SearchStrategy[Meaning]) -> st.SearchStrategy[Meaning]:
    def add(parts: tuple[Meaning, str, Meaning]) -> Meaning:
        (left, mine), sign, (right, other) = parts
        total = {
            code: mine.get(code, Fraction(0)) + (1 if sign == "+" else -1) * other.get(code, Fraction(0))
            for code in mine.keys() | other.keys()
        }
        return f"({left} {sign} {right})", total

    def scale(parts: tuple[str, Meaning, bool]) -> Meaning:
        factor, (text, mine), is_before = parts
        total = {code: value * Fraction(factor) for code, value in mine.items()}
        return (f"{factor} * ({text})" if is_before else f"({text}) * {factor}"), total

    def divide(parts: tuple[Meaning, str]) -> Meaning:
        (text, mine), divisor = parts
        return f"({text}) / {divisor}", {code: value / Fraction(divisor) for code, value in mine.items()}

    return st.one_of(
        st.tuples(children, st.sampled_from("+-"), children).map(add),
        st.tuples(numbers, children, st.booleans()).map(scale),
        st.tuples(children, factors).map(divide),
        children.map(lambda part: (f"-({part[0]})", {code: -value for code, value in part[1].items()})),
    )


@given(st.recursive(leaves, _combine, max_leaves=12))
def test_any_linear_expression_equals_its_terms(meaning: Meaning) -> None:
    expression, expected = meaning
    expected = {code: value for code, value in expected.items() if value}
    if not expected:
        with pytest.raises(ExpressionError) as caught:
            terms(expression, METERS)
        assert caught.value.reason is Reason.EXPRESSION_EMPTY
        return
    found = terms(expression, METERS)
    assert found.keys() == expected.keys()
    for code, value in expected.items():
        assert abs(Fraction(found[code]) - value) <= abs(value) / 10**27


@given(st.text(alphabet="M12 +-*/().F9e", max_size=40))
def test_any_text_gives_terms_or_a_reason(expression: str) -> None:
    try:
        result = terms(expression, METERS, {"F9": "M1"})
    except ExpressionError as error:
        assert str(error)
    else:
        assert result
        assert all(result.values())
        assert set(result) <= set(METERS)
