"""What `make hurt` does at length: files that are damaged on purpose are found, named and healed, and all is equal afterwards."""

import random

import pytest

from benchmarks.hurts import Outcome, Site, artifact, both, cached

pytestmark = pytest.mark.smoke


@pytest.fixture
def site(clone) -> Site:
    return Site(clone.folder, clone.environment)


@pytest.mark.parametrize(("name", "how"), [("tokenizer", "flip"), ("export/gguf", "halve"), ("pretrain", "empty"), ("report", "delete")])
def test_a_damaged_artifact_is_named_and_made_whole_by_the_next_run(site: Site, name: str, how: str) -> None:
    assert artifact(site, site.folder / "data" / name, how, random.Random(0)) == Outcome(tried=1, named=1, healed=1, equal=1)


def test_damaged_objects_of_the_cache_are_named_and_come_back(site: Site) -> None:
    assert cached(site, "flip", random.Random(0), most=20) == Outcome(tried=20, named=20, healed=20, equal=20)


def test_an_object_and_its_copy_are_made_again_by_their_stage(site: Site) -> None:
    assert both(site, "tokenizer", "flip", random.Random(0)) == Outcome(tried=1, named=1, healed=1, equal=1)
