"""The syntax of a Python file as one hash: the same under every Python from 3.11 to 3.14.

Comments, docstrings, layout and the kind of quotes leave no trace. `ast.dump` won't do: 3.12 added fields, 3.13 leaves
out empty ones, some minors leave empty strings in f-strings. Only the standard library is imported, so that a test
can run this file alone under other interpreters.
"""

import ast
import hashlib
from collections.abc import Callable
from functools import cache

Put = Callable[[str], None]

UNTOLD = {"kind", "ctx", "type_comment"}  # the u of u"..."; what follows from the place of a name; a comment
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def syntax_hash(tree: ast.AST) -> str:
    """SHA-256 of the tree's canonical text."""
    return hashlib.sha256(canonical(tree).encode()).hexdigest()


def canonical(tree: ast.AST) -> str:
    """The tree as `(Kind field=value ...)`, without positions, docstrings and fields that hold nothing."""
    parts: list[str] = []
    _write(tree, parts.append)
    return "".join(parts)


def _write(value: object, put: Put) -> None:
    if isinstance(value, ast.Constant):
        put(_constant(value.value))
    elif isinstance(value, ast.AST):
        opening, fields = _form(type(value))  # type: ignore[arg-type]  # mypy thinks that a class of nodes has no hash
        put(opening)
        for name, label in fields:
            held = getattr(value, name, None)
            if name in ("body", "values", "format_spec"):
                held = _settled(value, name, held)
            if held is not None and held != []:
                put(label)
                _write(held, put)
        put(")")
    elif isinstance(value, list):
        put("[")
        for item in value:
            _write(item, put)
            put(" ")
        put("]")
    else:  # a name; or nothing in a list, as the key of {**more}, which is not the constant None
        put("-" if value is None else str(value))


@cache
def _form(kind: type[ast.AST]) -> tuple[str, list[tuple[str, str]]]:
    return f"({kind.__name__}", [(name, f" {name}=") for name in kind._fields if name not in UNTOLD]


def _settled(node: ast.AST, name: str, held: object) -> object:
    """A body without its docstring; the parts of an f-string joined where Python's minors cut them in different places."""
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        return node.body[1:]
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values)
    if name == "format_spec" and isinstance(held, ast.JoinedStr) and not _joined(held.values):
        return None  # f"{x:}"
    return held


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    joined: list[ast.expr] = []
    for value in values:
        if not isinstance(value, ast.Constant):
            joined.append(value)
        elif joined and isinstance(joined[-1], ast.Constant):
            joined[-1] = ast.Constant(str(joined[-1].value) + str(value.value))
        elif value.value:
            joined.append(value)
    return joined


def _constant(value: object) -> str:
    """A literal. Text in ASCII: which letters `repr` escapes depends on the minor. Integers in base 16, which has no limit of digits."""
    if isinstance(value, str):
        return ascii(value)
    return hex(value) if type(value) is int else repr(value)
