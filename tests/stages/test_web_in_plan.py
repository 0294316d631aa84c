"""A model that the page of the sandbox can't run is refused before anything is trained."""

import pytest

from stages._checks import faults_between, faults_of_kinds
from stages._settings import compose, plain


def refused(*words: str) -> list[tuple[str, str]]:
    settings = plain(compose(list(words)))
    return [(fault.message, fault.mend) for fault in (*faults_of_kinds(settings), *faults_between(settings))]


def test_the_experiment_fits() -> None:
    assert refused("experiment=sandbox") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export=[web]"], "tokenizer is of kind bpe"),
        (["experiment=sandbox", "model=gru"], "not of kind gru"),
        (["experiment=sandbox", "model.activation=relu"], "knows the activation silu"),
        (["experiment=sandbox", "model.layers=4"], "export.web.max_bytes allows 100,000"),
    ],
)
def test_what_does_not_fit_is_named_with_a_mend(words: list[str], said: str) -> None:
    ((message, mend),) = refused(*words)
    assert said in message
    assert "experiment=sandbox" in mend
