"""One program, one hash: under every Python from 3.11 to 3.14, however it is written down."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.closure import STDLIB
from pipeline.core.syntax import syntax_hash

# Whichever minor runs these tests proves that it agrees with all others. The values came from 3.11, 3.12, 3.13 and 3.14.
PINNED = {
    "": "b5999633d806a442",
    "pass": "4c9c3fdfe8b1de0b",
    "x = -1, 1_000, 0xff, 1.5, 1e999, 2j, -0.0, 10**40, 123456789012345678901234567890": "e5594c5e3b838e5d",
    "x = True, None, ..., b'\\x00\\xff', 'é\\U0001fae8\\ud800', u'u', r'\\d', 'two' \" parts\"": "5c3043ac9cfe4286",
    "x = f''": "b0a055e82406c250",
    "x = f'only text'": "757fc66410e7a2ac",
    "x = f'a{y}b' 'c' f'{z}' \"d\" f''": "f00d997517c8a6dd",
    "x = 'before' f\"{d['key']}\" u'after'": "89af651c03019d88",
    "x = f'{y!r:>{width}}', f'{y:{width}.{digits}f}', f'{y:}', f'{y!s:}', f'{t:%H:%M}'": "6578d16f5093489b",
    "x = f'{y=}', f'{ y = }', f'{y=!s}', f'{y=:.2f}', f'''{\ny\n=\n}'''": "c3051674b2d19760",
    "x = f'{{}}{f\"{y}\"}{ {1: 2}[1] }{(lambda a: a)(1)}{[*y]}{y if y else z}'": "462aa7cb2ac62a8d",
    "x = rf'\\d{y}\\n' f'\\t\\N{EM DASH}{y}'": "677d2edcd83b7dbc",
    "x = f'{y,}{*y,}{(yield)}'": "d9d32feaa6b2eb13",
    "@decorator\n@other(1, *a, key=2, **k)\nclass A(B, metaclass=C):\n    x: int\n    y: 'int' = 1\n    (z): int = 2\n": "aade54bf1f9be2e7",
    "@a.b[0]\ndef f(a, b=1, /, c: int = 2, *args: int, d, e=None, **more) -> None:\n    return\n": "40c2f34d04f3202a",
    "def f(*, a):\n    '''Told, not done.'''\n    return None\n": "574d406436ace2fe",
    "def f():\n    'told'\n    'not told'\n": "dea8b5edfdb89b59",
    "async def f():\n    'told'\n    async with a as b, c: await d\n    async for x in y: yield x\n"
    "    return [z async for z in y if z if not z]": "d8393425593a934d",
    "with (open(a) as b, open(c)): pass": "bcac15b07e683f9b",
    "match x:\n    case 1 | -1.5 | 'a': pass\n    case None | True: pass\n    case [a, *_]: pass\n    case {'k': v, **rest}: pass\n"
    "    case P(1, k=q) as r if r: pass\n    case A.B: pass\n    case []: pass\n    case _: pass": "068255be05cb99f2",
    "if (n := len(a)) > 1 < 2 is not None not in b: pass\nelif a: pass\nelse: pass": "831e503175ffd816",
    "try: a\nexcept* (A, B) as e: raise e from None\nelse: pass\nfinally: pass": "40b992e2bca5133e",
    "try: a\nexcept A: raise\nexcept: pass": "5fff77a76771f0c3",
    "def f():\n    global a, b\n    def g():\n        nonlocal c\n        yield from d\n": "75cf9a0c30a14c89",
    "f(*a, b, **c, d=e)\n{**a, 'b': 1, None: 2}\n{1, *a}\n[*a, b]\n()\n{}\na[1:2, ::3, ..., *b]": "01cbe3630337bcde",
    "{x: y for x, y in z}, {x for x in y}, (x for x in y)": "f18a9639961097eb",
    "lambda: 0\nlambda a, /, *b, c=1, **d: (a, b)": "507a0476e4cfebe6",
    "from . import a\nfrom ..b import (c as d, e)\nimport f.g as h, i\nfrom j import *": "13b846e42b9c37f9",
    "a = b, *c = d\na += 1\na @= b\na //= 2 ** -1 % 3 << 1 & 2 | 3 ^ ~4\ndel a[0], b.c\nassert a, 'text'": "c0915f1f441b6322",
    "while a and b or not c:\n    break\nelse:\n    for x, y in z: continue\n    else: pass": "5fd0960737c5e738",
    "x: list[int] = []  # type: ignore\nfor i in x:  # type: int\n    pass": "24e799eb7becf7e0",
}


def hashed(source: str) -> str:
    return syntax_hash(ast.parse(source))


@pytest.mark.parametrize("source", PINNED)
def test_every_minor_gives_the_pinned_hash(source: str) -> None:
    assert hashed(source)[:16] == PINNED[source]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a'  # why\n", "x   =  (\n  'a'\n)"),
        ("x = 'it is'", 'x = "it " u"is"'),
        ("x = f'a{y}b'", 'x = "a" f"""{y}""" "" "b"'),
        ("x = f'{y:}'", "x = f'{y}'"),
        ("x = 1000, 255", "x = 1_000, 0xFF"),
        (
            "'''What for.'''\nclass A:\n    '''B'''\n    def f(self):\n        '''C'''\n        return 1",
            "class A:\n    def f(self): return 1",
        ),
    ],
)
def test_how_it_is_written_counts_for_nothing(one: str, other: str) -> None:
    assert hashed(one) == hashed(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = {None: a}", "x = {**a}"),
        ("def f(*, a): pass", "def f(*, a=None): pass"),
        ("def f(): return", "def f(): return None"),
        ("x = 1", "x = True"),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'a'", "x = a"),
        ("x = '(Name id=a)'", "x = a"),
        ("x = 0.0", "x = -0.0"),
        ("x = f'{y}a'", "x = f'a{y}'"),
        ("x = f'{y}'", "x = f'{y!s}'"),
        ("x = f'{y}'", "x = f'{y:1}'"),
        ("x = a, b", "x = [a, b]"),
        ("x: int", "(x): int"),
        ("match x:\n    case None: pass", "match x:\n    case True: pass"),
        ("def f():\n    'one'\n    'two'", "def f():\n    'one'\n    'three'"),
        ("import a.b", "from a import b"),
        ("from . import a", "from .. import a"),
    ],
)
def test_what_it_does_counts(one: str, other: str) -> None:
    assert hashed(one) != hashed(other)


HASHES = """
import ast, json, pathlib, runpy, sys
syntax_hash = runpy.run_path("pipeline/core/syntax.py")["syntax_hash"]
files = sorted(path for folder in ("pipeline", "stages", "apps") for path in pathlib.Path(folder).rglob("*.py"))
print(json.dumps([{str(path): syntax_hash(ast.parse(path.read_bytes())) for path in files}, sorted(sys.stdlib_module_names)]))
"""


def interpreters() -> Iterator[str]:
    """Other minors on this machine: on PATH, and among pyenv's."""
    for minor in range(11, 15):
        known = [shutil.which(f"python3.{minor}"), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")]
        for path in filter(None, known):
            if minor != sys.version_info.minor and runs(path):
                yield str(path)
                break


def runs(python: str | Path) -> bool:
    """Whether it starts: a shim of pyenv may stand for an interpreter that this folder does not use."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def test_other_interpreters_on_this_machine_give_the_files_the_same_hashes(root: Path) -> None:
    def told(python: str) -> list[object]:
        done = subprocess.run([python, "-I", "-c", HASHES], cwd=root, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    others = list(interpreters())
    if not others:
        pytest.skip("no other Python from 3.11 to 3.14 on this machine")
    ours, _ = told(sys.executable)
    for python in others:
        theirs, modules = told(python)
        assert theirs == ours, python
        assert {name for name in modules if not name.startswith("_")} <= STDLIB, python
