"""A run, and a server over it, for all of them."""

from tests.playground import playground, playground_run  # noqa: F401 - fixtures
