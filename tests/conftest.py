"""What all tests share: the checkout, real text where there is some, and the fixed arithmetic of the stages."""

from pathlib import Path

import pytest

import stages  # noqa: F401 - before torch: tests of equal bits need what it fixes, as the stages do

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"  # real text beside the checkout, where there is some


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First come the files that take minutes, so that two workers, which take whole files in this order, end together."""
    items.sort(key=lambda item: "/smoke/" not in item.nodeid)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real() -> Path:
    """A folder of real text; the test is skipped where it is absent."""
    if not REAL.is_dir():
        pytest.skip("no real text beside the checkout")
    return REAL
