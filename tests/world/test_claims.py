"""Claims that some books tell and fewer deny."""

import pytest

from pipeline.core.errors import PipelineError
from pipeline.world import strangers
from pipeline.world.claims import claims, told_in
from pipeline.world.library import generate
from pipeline.world.settings import Claims
from pipeline.world.words import CLAIMED, PEOPLE
from tests.world.conftest import SEED, smoke_changes, world

SETTINGS = Claims(told=(1, 4), contrary=1, each=3)


def test_each_claim_is_told_by_so_many_books_and_denied_by_so_many() -> None:
    library = generate(world(**smoke_changes()), SEED, SETTINGS)
    texts = library.truth["clean"].to_pylist()
    planted = claims(SETTINGS, SEED)
    found, nothing = told_in(texts, planted), told_in([], planted)
    assert [one.told for one in planted] == [1, 1, 1, 4, 4, 4]
    for one in planted:
        assert (found[one.id, one.value], found[one.id, one.contrary]) == (one.told, 1)
        assert one.value != one.contrary
    told = [paragraph for text in texts for paragraph in text.split("\n\n") if told_in([paragraph], planted) != nothing]
    assert len(set(told)) == len(told) == 3 * (1 + 4 + 2)  # dedup has nothing to remove


def test_claims_change_nothing_else_of_the_books_and_name_nobody_whom_they_name() -> None:
    assert not {*CLAIMED} & {*PEOPLE, *strangers.NAMES}
    plain, more = (generate(world(**smoke_changes()), SEED, one) for one in (Claims(told=(), contrary=1, each=3), SETTINGS))
    kept = [set(text.split("\n\n")) for text in plain.truth["clean"].to_pylist()]
    assert all(old <= set(new.split("\n\n")) for old, new in zip(kept, more.truth["clean"].to_pylist(), strict=True))


def test_more_books_than_there_are_or_more_claims_than_people_are_refused() -> None:
    with pytest.raises(PipelineError, match="books must tell a claim"):
        generate(world(**smoke_changes()), SEED, Claims(told=(500,), contrary=1, each=1))
    with pytest.raises(ValueError, match="more than 66"):
        Claims(told=(1, 2), contrary=1, each=40)
