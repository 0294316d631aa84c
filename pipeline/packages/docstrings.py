"""The docstrings of a module, with the name and the signature of what each documents. Nothing is imported: the source is parsed.

The same source gives the same under every Python from 3.11 to 3.14: what newer ones alone can parse is refused everywhere, as far as
`ast` tells; indentation is taken off here, since `inspect.cleandoc` is not the same in all of them.
"""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

OLDEST = (3, 11)  # the grammar
DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_TAB = 8
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Docstring:
    """What is said of a module (its name is empty), a class or a function."""

    name: str  # within the module: Class.method
    is_function: bool  # something to call: no class, no property
    signature: str  # name(parameters) -> result; of a class its name and bases; of a module empty
    parameters: tuple[str, ...]  # of a function, without self and cls, *args and **kwargs
    text: str


class UnparsedError(ValueError):
    """The source is no module for the oldest Python, or not for this one."""


def docstrings(source: bytes) -> list[Docstring]:
    """All docstrings of modules, classes and functions in their order, but for functions within functions. UnparsedError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python warns of
            tree = ast.parse(source, feature_version=OLDEST)
        return list(_docstrings(tree.body, ""))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise UnparsedError(str(fault)) from fault


def dedented(text: str) -> str:
    """A docstring without the indentation that its lines share, without blank ends (PEP 257)."""
    first, *rest = [line.expandtabs(_TAB).rstrip(" ") for line in text.replace("\r\n", "\n").split("\n")]
    margin = min((len(line) - len(line.lstrip(" ")) for line in rest if line), default=0)
    return "\n".join([first.lstrip(" "), *(line[margin:] for line in rest)]).strip("\n")


def _docstrings(body: list[ast.stmt], within: str, *, of: ast.ClassDef | Function | None = None) -> Iterator[Docstring]:
    """That of the body, then those below it."""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
        yield _docstring(body[0].value.value, within, of)
    if not isinstance(of, Function):
        for node in _defined(body):
            yield from _docstrings(node.body, f"{within}.{node.name}" if within else node.name, of=node)


def _defined(body: list[ast.stmt]) -> Iterator[ast.ClassDef | Function]:
    """Classes and functions of a body, also below `if`, `try` and `with`."""
    for node in body:
        if isinstance(node, DOCUMENTED):
            yield node
        else:
            inner = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            inner += [handler.body for handler in getattr(node, "handlers", [])]
            for statements in inner:
                yield from _defined(statements)


def _docstring(text: str, name: str, of: ast.ClassDef | Function | None) -> Docstring:
    if not isinstance(of, Function):
        bases = ", ".join(map(ast.unparse, of.bases)) if of else ""
        signature = f"class {name}({bases})" if bases else f"class {name}" if of else ""
        return Docstring(name=name, is_function=False, signature=signature, parameters=(), text=dedented(text))
    own = [parameter.arg for parameter in (*of.args.posonlyargs, *of.args.args, *of.args.kwonlyargs)]
    result = f" -> {ast.unparse(of.returns)}" if of.returns else ""
    return Docstring(
        name=name,
        is_function=not any(map(_is_property, of.decorator_list)),
        signature=f"{name}({ast.unparse(of.args)}){result}",
        parameters=tuple(own[1:] if own[:1] in (["self"], ["cls"]) else own),
        text=dedented(text),
    )


def _is_property(decorator: ast.expr) -> bool:
    """@property, @cached_property, @name.setter and the like."""
    name = str(getattr(decorator, "id", getattr(decorator, "attr", "")))
    return name.endswith("property") or name in ("setter", "getter", "deleter")
