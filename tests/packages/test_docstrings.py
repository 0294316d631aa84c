"""Docstrings with what they document, read from source that is never run."""

import pytest

from pipeline.packages.docstrings import UnparsedError, dedented, docstrings
from tests.packages.site import MODULE


def test_every_docstring_has_the_name_and_the_signature_of_what_it_documents():
    found = [(one.name, one.signature, one.is_function, one.parameters) for one in docstrings(MODULE.encode())]
    assert found == [
        ("", "", False, ()),
        ("area", "area(width: float, height: float=1.0) -> float", True, ("width", "height")),
        ("Shape", "class Shape(object)", False, ()),
        ("Shape.move", "Shape.move(self, right, up=0)", True, ("right", "up")),
        ("Shape.outline", "Shape.outline(self)", False, ()),
        ("Shape._hidden", "Shape._hidden(self)", True, ()),
    ]


def test_definitions_below_if_and_try_are_found_and_those_within_functions_are_not():
    source = b'''
try:
    import fast
except ImportError:
    def slow():
        """Slow."""
        def inner():
            """Inner."""
if True:
    class Way:
        """A way."""
else:
    async def other(*args, key, **more):
        """Another."""
'''
    assert [(one.name, one.parameters) for one in docstrings(source)] == [("slow", ()), ("Way", ()), ("other", ("key",))]


def test_indentation_that_the_lines_share_is_taken_off_and_the_rest_stays():
    assert dedented("  First.\n\n        x : int\n            A number.\n\ty\n    ") == "First.\n\nx : int\n    A number.\ny"
    assert dedented("\n    One.\r\n    Two.\n") == "One.\nTwo."


def test_a_line_of_blanks_does_not_say_how_far_the_others_are_indented():
    assert dedented("A.\n  \n    B.\n") == "A.\n\nB."


def test_a_module_in_another_encoding_is_read_as_it_says():
    (one,) = docstrings('# -*- coding: latin-1 -*-\n"""Größe."""\n'.encode("latin-1"))
    assert one.text == "Größe."


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\0'\n", b"def f[T](x: T): ...\n", b"type X = int\n", b'# coding: no-such\n""""""'])
def test_what_is_no_module_for_the_oldest_python_is_told(source):
    with pytest.raises(UnparsedError):
        docstrings(source)


def test_a_doubtful_escape_is_no_warning():
    assert docstrings(b'"""A \\d."""\n')[0].text == "A \\d."  # warnings are errors here
