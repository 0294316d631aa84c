"""What all tests share: the checkout, real text where there is some, and the fixed arithmetic of the stages."""

from pathlib import Path

import pytest

import stages  # noqa: F401 - before torch: tests of equal bits need what it fixes, as the stages do

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"  # real text beside the checkout, where there is some


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
