"""One clone that has run the whole chain, for all tests of this folder."""

import pytest

from tests.smoke.clone import Clone


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Clone:
    """The chain at size=smoke, from a fresh clone, by `dvc repro`."""
    fresh = Clone(tmp_path_factory.mktemp("first") / "scriptorium")
    fresh.dvc("repro")
    fresh.commit("a finished run")
    return fresh
