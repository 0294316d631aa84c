"""A calculator that a model may call: behind `<<3*4=` stands `12>>`, which it need not know (Cobbe et al. 2021, arXiv 2110.14168)."""

import ast
import math
import operator
import re
from collections.abc import Callable

CALL = re.compile(r"<<([-+*/%().\d\s]{1,80})=$")
LARGEST = 1e15  # from where on floats skip integers
_SIGNS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def called(text: str) -> str | None:
    """What the calculator writes behind this text: the result and `>>`; None where it is not called, or has no result."""
    found = CALL.search(text)
    value = None if found is None else calculated(found[1])
    return None if value is None else f"{value}>>"


def calculated(expression: str) -> str | None:
    """The value of numbers, + - * / // % and parentheses; None for anything else, for x / 0, and beyond 10^15."""
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None
    if not math.isfinite(value) or abs(value) > LARGEST:
        return None
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and abs(value) <= LARGEST:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
            return _SIGNS[type(sign)](_value(left), _value(right))
    raise ValueError("no arithmetic")
