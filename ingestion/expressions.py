"""measured_by: a linear expression over meters, taken apart into one coefficient per meter.

Codes may hold '-' and '.' and may look like numbers, so a word is read as a meter, as a number, or
as both until the arithmetic round it decides: `0.5 * 1001` is half of meter 1001 where such a meter
exists. Coefficients are exact (fractions inside, decimals outside).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

import lark

from ingestion.reasons import Reason, text

LONGEST = 4000
"""Characters of an expression; a plant's longest sum has a few hundred meters."""

DIGITS = Context(prec=28)
"""A coefficient such as 1/3 has no last digit; it is kept to 28."""

GRAMMAR = r"""
?start: sum
?sum: product | sum "+" product -> add | sum MINUS product -> subtract
?product: unary | product "*" unary -> multiply | product "/" unary -> divide
?unary: atom | MINUS unary -> negate | "+" unary -> same
?atom: WORD -> word | "(" sum ")"
MINUS.0: "-"
WORD.1: /-*[A-Za-z0-9_.][A-Za-z0-9_.\-]*/
%import common.WS
%ignore WS
"""

_NUMBER = re.compile(r"-?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})")
_SYMBOLS = str.maketrans({"×": "*", "·": "*", "÷": "/", "\u3000": " "})
_WIDE_MINUS = re.compile("[－−–—]")


class ExpressionError(Exception):
    """An expression that cannot be used; ``reason`` is the code, the message the Chinese sentence."""

    def __init__(self, reason: Reason, expression: str, detail: str = "", column: str = "measured_by") -> None:
        self.reason = reason
        self.expression = expression
        self.detail = detail
        super().__init__(text(reason, column=column, value=expression, detail=detail))

    def of(self, column: str) -> ExpressionError:
        """The same of another column's expression."""
        return ExpressionError(self.reason, self.expression, self.detail, column)


@dataclass(frozen=True)
class Meaning:
    """What a part of an expression can mean: a number, a sum over meters, or (a word) either."""

    written: str
    number: Fraction | None
    terms: Mapping[str, Fraction] | None


def terms(
    expression: str,
    meters: Collection[str],
    flows: Mapping[str, str | None] | None = None,
    column: str = "measured_by",
) -> dict[str, Decimal]:
    """Coefficient of every meter, like terms summed, zeros dropped.

    ``meters`` are the known codes (of whatever the expression of ``column`` may be over); ``flows`` the known flows
    with their own expressions, to say so when an expression refers to a flow. Raises ExpressionError.
    """
    try:
        return _terms(expression, meters, flows or {})
    except ExpressionError as error:
        raise error.of(column) from error


def _terms(expression: str, meters: Collection[str], flows: Mapping[str, str | None]) -> dict[str, Decimal]:
    plain = _plain(expression)
    try:
        tree = _parser().parse(plain)
    except lark.exceptions.LarkError as error:
        raise ExpressionError(Reason.EXPRESSION_SYNTAX, expression, _place(error, plain)) from error
    try:
        meaning = _Evaluation(expression, meters, flows).transform(tree)
    except lark.exceptions.VisitError as error:
        raise error.orig_exc from error
    if meaning.terms is None:
        raise ExpressionError(Reason.EXPRESSION_CONSTANT, expression, meaning.written)
    result = {meter: _decimal(value) for meter, value in meaning.terms.items() if value}
    if not result:
        raise ExpressionError(Reason.EXPRESSION_EMPTY, expression)
    return result


def words(expression: str) -> list[str]:
    """Every word of an expression: codes and numbers, in order; [] where it cannot be parsed."""
    try:
        tree = _parser().parse(_plain(expression))
    except (lark.exceptions.LarkError, ExpressionError):
        return []
    return (
        [str(token) for token in tree.scan_values(lambda value: isinstance(value, lark.Token) and value.type == "WORD")]
        if isinstance(tree, lark.Tree)
        else []
    )


@lru_cache(maxsize=1)
def _parser() -> lark.Lark:
    return lark.Lark(GRAMMAR, parser="lalr", lexer="basic")


def _plain(expression: str) -> str:
    if len(expression) > LONGEST:
        raise ExpressionError(Reason.EXPRESSION_SYNTAX, expression, f"超过 {LONGEST} 个字符")
    # A full-width minus cannot be part of a code, so it needs no spaces of its own.
    spaced = _WIDE_MINUS.sub(" - ", expression)
    plain = unicodedata.normalize("NFKC", spaced).translate(_SYMBOLS).strip()
    if not plain:
        raise ExpressionError(Reason.EXPRESSION_EMPTY, expression)
    if plain.count("(") > 100:
        raise ExpressionError(Reason.EXPRESSION_SYNTAX, expression, "括号超过 100 对")
    return plain


def _place(error: lark.exceptions.LarkError, plain: str) -> str:
    if isinstance(error, lark.exceptions.UnexpectedToken) and error.token.type == "$END":
        return "表达式没有写完"
    column = getattr(error, "column", None)
    if isinstance(column, int) and column > 0:
        return f"第 {column} 个字符“{plain[column - 1 : column + 11]}”处无法理解"
    return "无法理解"


def _decimal(value: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))


def _add(left: Mapping[str, Fraction], right: Mapping[str, Fraction], sign: int) -> dict[str, Fraction]:
    result = dict(left)
    for meter, value in right.items():
        result[meter] = result.get(meter, Fraction(0)) + sign * value
    return result


def _scale(values: Mapping[str, Fraction], factor: Fraction) -> dict[str, Fraction]:
    return {meter: value * factor for meter, value in values.items()}


class _Evaluation(lark.Transformer[lark.Token, Meaning]):
    """Works an expression out from its leaves; every rule keeps both meanings while both stand."""

    def __init__(self, expression: str, meters: Collection[str], flows: Mapping[str, str | None]) -> None:
        super().__init__()
        self.expression = expression
        self.meters = meters
        self.flows = flows

    def word(self, children: list[lark.Token]) -> Meaning:
        code = str(children[0])
        number = Fraction(code) if _NUMBER.fullmatch(code) else None
        known = {code: Fraction(1)} if code in self.meters else None
        if number is None and known is None:
            bare = code.lstrip("-")
            if bare != code and bare in self.meters:  # '-M1' at the start of a sum
                return Meaning(code, None, {bare: Fraction((-1) ** (len(code) - len(bare)))})
            if code in self.flows:
                raise ExpressionError(Reason.EXPRESSION_FLOW, self.expression, code)
            raise ExpressionError(Reason.EXPRESSION_UNKNOWN_METER, self.expression, code)
        return Meaning(code, number, known)

    def add(self, children: list[Meaning]) -> Meaning:
        return self._sum(children[0], children[1], 1)

    def subtract(self, children: list[Meaning]) -> Meaning:
        return self._sum(children[0], children[2], -1)

    def same(self, children: list[Meaning]) -> Meaning:
        return children[0]

    def negate(self, children: list[Meaning]) -> Meaning:
        inner = children[1]
        return Meaning(
            f"-{inner.written}",
            None if inner.number is None else -inner.number,
            None if inner.terms is None else _scale(inner.terms, Fraction(-1)),
        )

    def multiply(self, children: list[Meaning]) -> Meaning:
        left, right = children
        written = f"{left.written} * {right.written}"
        number = left.number * right.number if None not in (left.number, right.number) else None  # type: ignore[operator]
        readings = [
            _scale(some.terms, factor.number)
            for factor, some in ((left, right), (right, left))
            if factor.number is not None and some.terms is not None
        ]
        if len(readings) == 2 and readings[0] != readings[1]:
            raise ExpressionError(Reason.EXPRESSION_AMBIGUOUS, self.expression, written)
        if not readings and number is None:
            raise ExpressionError(Reason.EXPRESSION_NONLINEAR, self.expression, written)
        return Meaning(written, number, readings[0] if readings else None)

    def divide(self, children: list[Meaning]) -> Meaning:
        left, right = children
        written = f"{left.written} / {right.written}"
        if not right.number:
            raise ExpressionError(Reason.EXPRESSION_NONLINEAR, self.expression, written)
        return Meaning(
            written,
            None if left.number is None else left.number / right.number,
            None if left.terms is None else _scale(left.terms, 1 / right.number),
        )

    def _sum(self, left: Meaning, right: Meaning, sign: int) -> Meaning:
        written = f"{left.written} {'+' if sign > 0 else '-'} {right.written}"
        number = None
        if left.number is not None and right.number is not None:
            number = left.number + sign * right.number
        both = left.terms is not None and right.terms is not None
        total = _add(left.terms or {}, right.terms or {}, sign) if both else None
        if number is None and total is None:
            constant = left if left.terms is None else right
            raise ExpressionError(Reason.EXPRESSION_CONSTANT, self.expression, constant.written)
        return Meaning(written, number, total)


def cycle(flow: str, flows: Mapping[str, str | None], meters: Collection[str]) -> list[str] | None:
    """The chain of flows by which ``flow`` refers to itself, or None; a meter's code is a meter."""

    def references(code: str) -> list[str]:
        return [word for word in words(flows.get(code) or "") if word in flows and word not in meters]

    paths = [[flow]]
    seen = {flow}
    while paths:
        path = paths.pop()
        for code in references(path[-1]):
            if code == flow:
                return [*path, flow]
            if code not in seen:
                seen.add(code)
                paths.append([*path, code])
    return None
