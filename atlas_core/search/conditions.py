"""`--where "fast < slow"`: which combinations are tried, in an expression that can do nothing but compare."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any

from attrs import frozen

from atlas_core.errors import UsageError
from atlas_core.options.problems import closest, did_you_mean
from atlas_core.search.space import Setting, as_number

LONGEST = 500
_WORD = r"[A-Za-z_][\w.]*"
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false", "True", "False"})
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.In: lambda value, values: value in values, ast.NotIn: lambda value, values: value not in values,
}  # fmt: skip
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}  # fmt: skip
_SIGNS: Mapping[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}


@frozen
class Condition:
    """One condition on the values of a combination; numbers are exact, other values are texts."""

    text: str
    _tree: ast.expr
    _keys: Mapping[str, str]

    def holds(self, settings: Sequence[Setting]) -> bool:
        """Tell whether a combination is to be tried; raises UsageError where the values cannot be compared."""
        values = dict(settings)
        known = {name: _value(values[key]) for name, key in self._keys.items()}
        try:
            return bool(_evaluated(self._tree, known))
        except (TypeError, DecimalException, ZeroDivisionError) as fault:
            said = ", ".join(f"{key} = {value}" for key, value in settings)
            raise UsageError(f"--where {self.text!r}: cannot be told for {said} ({type(fault).__name__})") from None


def read_condition(text: str, keys: Sequence[str]) -> Condition:
    """Return the condition that a text is.

    A value is named by its key, or by the end of it that no other key has: `fast` for `scanner.sma-cross.fast`. Raises
    UsageError for a name that is none and for anything but comparisons, arithmetic, `and`, `or`, `not` and `in`.
    """
    if len(text) > LONGEST:
        raise UsageError(f"--where: expected at most {LONGEST} characters, was {len(text)}")
    names = _names_of(keys)
    named: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        word = match.group()
        if word in _KEYWORDS:
            return word.capitalize() if word in ("true", "false") else word
        if word not in names:
            known = ", ".join(sorted(names, key=lambda name: (len(name), name)))
            raise UsageError(
                f"--where {text!r}: expected a name of what is searched ({known}), was {word}"
                f"{'; ' + hint if (hint := did_you_mean(closest(word, list(names)))) else ''}"
            )
        return named.setdefault(word, f"value_{len(named)}")

    known_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    words = re.compile(rf"(?<![\w.])(?:(?:{known_first})(?![\w.])|{_WORD})")
    tree = _parsed(_outside_quotes(text, words, placeholder), text)
    _refuse_others(tree, text)
    return Condition(text, tree, {name: names[word] for word, name in named.items()})


def _names_of(keys: Sequence[str]) -> dict[str, str]:
    """Return every key under its own name and under each end of it that belongs to it alone."""
    ends: dict[str, list[str]] = {}
    for key in keys:
        parts = key.split(".")
        for first in range(len(parts)):
            ends.setdefault(".".join(parts[first:]), []).append(key)
    return {end: owners[0] for end, owners in ends.items() if len(owners) == 1 and _NAME.fullmatch(end)} | {
        key: key for key in keys
    }


def _outside_quotes(text: str, words: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> str:
    parts = re.split(r"(\"[^\"]*\"|'[^']*')", text)
    return "".join(part if index % 2 else words.sub(replace, part) for index, part in enumerate(parts))


def _parsed(source: str, text: str) -> ast.expr:
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f'--where {text!r}: expected a condition such as "fast < slow", was none') from None


def _refuse_others(tree: ast.expr, text: str) -> None:
    allowed = (
        ast.Compare, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.BinOp, ast.Constant, ast.Name, ast.Load, ast.Tuple,
        ast.List, *_COMPARISONS, *_ARITHMETIC, *_SIGNS,
    )  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, allowed):
            raise UsageError(
                f"--where {text!r}: expected comparisons, + - * / %, and, or, not, in; was {type(node).__name__}"
            )


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    number = as_number(text)
    return text.strip("\"'") if number is None else number


def _number(value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        raise TypeError("expected a number")
    return value


def _evaluated(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            value = known[name]
        case ast.Constant(value=value):
            value = Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            value = [_evaluated(item, known) for item in items]
        case ast.BoolOp(op=ast.And(), values=parts):
            value = all(_evaluated(part, known) for part in parts)
        case ast.BoolOp(values=parts):
            value = any(_evaluated(part, known) for part in parts)
        case ast.UnaryOp(op=sign, operand=operand):
            value = _SIGNS[type(sign)](_evaluated(operand, known))
        case ast.BinOp(left=left, op=sign, right=right):
            value = _ARITHMETIC[type(sign)](_number(_evaluated(left, known)), _number(_evaluated(right, known)))
        case _:
            assert isinstance(node, ast.Compare)
            value = _compared(node, known)
    return value


def _compared(node: ast.Compare, known: Mapping[str, Any]) -> bool:
    left = _evaluated(node.left, known)
    for sign, right_node in zip(node.ops, node.comparators, strict=True):
        right = _evaluated(right_node, known)
        if not _COMPARISONS[type(sign)](left, right):
            return False
        left = right
    return True
