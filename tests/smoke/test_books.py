"""Real books in several editions, where they lie beside the checkout: from the files to the split by `dvc`."""

import json
import random
from collections import Counter

import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, Split
from tests.smoke.clone import Clone
from tests.text.test_real import DATA, DOCUMENTS, LICENCE, PAGE_NUMBER, pieces_of

pytestmark = [pytest.mark.smoke, pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")]


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> Clone:
    """A clone that has dealt the books, the files of a folder being editions of one; its dialogues are a few of its own."""
    own = Clone(tmp_path_factory.mktemp("books") / "scriptorium")
    talk = own.folder / "talk"
    talk.mkdir()
    rows = [{"prompt": f"What is {number} and {number}?", "response": f"{2 * number}."} for number in range(40)]
    pairs = [{"prompt": f"Say {number}.", "chosen": f"{number}.", "rejected": "No."} for number in range(40)]
    (talk / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows + pairs))
    sets = [
        "corpus=folder",
        f"corpus.path={DATA / 'books'}",
        "corpus.source_defaults.group=folder",
        "dialogues=files",
        "dialogues.path=talk",
    ]
    own.dvc("exp", "run", *(part for setting in sets for part in ("-S", setting)), "split")
    return own


def test_one_edition_of_a_book_is_left_and_none_is_on_both_sides(books) -> None:
    table = Corpus(books.folder / "data/corpus").table("documents", ["id", "group"])
    group_of = dict(zip(table["id"].to_pylist(), table["group"].to_pylist(), strict=True))
    split = Split(books.folder / "data/split")
    left = {part: {row["book"] for row in split.table(part, ["book"]).to_pylist()} for part in PARTS}
    editions = {part: Counter(group_of[book] for book in found) for part, found in left.items()}
    assert len(set(group_of.values())) > 20
    assert len(group_of) > 3 * sum(map(len, left.values())), "most files are editions of a book that is there already"
    assert all(count == 1 for found in editions.values() for count in found.values())
    assert max(Counter(book for found in editions.values() for book in found).values()) == 1


def test_no_licence_and_no_page_furniture_is_left_in_what_is_trained_on(books) -> None:
    texts = [row["text"] for part in PARTS for row in Split(books.folder / "data/split").table(part, ["text"]).to_pylist()]
    documents = random.Random(7).sample([piece for text in texts for piece in pieces_of(text)], DOCUMENTS)
    assert [found.group() for text in documents for found in LICENCE.finditer(text)] == []
    numbers = [paragraph for text in documents for paragraph in text.split("\n\n") if PAGE_NUMBER.fullmatch(paragraph)]
    assert [number for number in numbers if not number.strip("()").isdigit() or not number.strip("()").startswith("1")] == []
    assert not any("[Pg" in text or "\f" in text for text in documents)
