"""Real books and benchmarks, where they lie beside the checkout."""

from pathlib import Path

import pytest

from pipeline.text.headings import is_heading
from pipeline.text.splitting.benchmarks import read_benchmarks
from tests.text.split_corpus import corpus, document, parts_of, written

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SEEDS = (0, 1, 2, 5)  # that leave no part of these books empty
NAMELESS = "236/"  # a book whose chapters bear titles alone
PARTS = ("train", "val", "test")
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")]


@pytest.fixture(scope="module")
def editions() -> list[dict]:
    """The texts of all editions of the shortest books, read plainly: their groups are the books."""
    folders = sorted((DATA / "books").glob("*/"), key=lambda path: sum(file.stat().st_size for file in path.glob("*.txt")))
    return [
        document(f"{path.parent.name}/{path.name}", plainly(path.read_bytes()), group=path.parent.name)
        for folder in folders[:8]
        for path in sorted(folder.glob("*.txt"))
    ]


def plainly(raw: bytes) -> str:
    text = raw.decode("utf-8-sig" if b"\xe2\x80" in raw else "latin-1").replace("\r\n", "\n").replace("\r", "\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())


def test_no_edition_of_a_book_is_on_both_sides(editions: list[dict], tmp_path) -> None:
    for seed in SEEDS:
        found = parts_of(corpus(tmp_path / str(seed), editions, shards=3), val=0.35, test=0.35, seed=seed)
        sides = {row["group"]: {found[other["id"]] for other in editions if other["group"] == row["group"]} for row in editions}
        assert all(len(side) == 1 for side in sides.values())


def test_benchmarks_stand_in_no_book_and_a_book_is_cut_at_its_chapters(editions: list[dict], tmp_path) -> None:
    found = parts_of(corpus(tmp_path / "dedup", editions), val=0.35, test=0.35, seed=SEEDS[0])
    rows = {part: [row for row in editions if found[row["id"]] == number] for number, part in enumerate(PARTS)}
    pairs = {path.stem: ["sentence_good", "sentence_bad"] for path in (DATA / "blimp").glob("*.jsonl")}
    items = read_benchmarks(DATA / "gsm8k", {}) | read_benchmarks(DATA / "blimp", pairs)
    done = written(tmp_path, rows, items=items, max_characters=60_000)
    assert not any(told["found"] for told in done.told["benchmarks"].values())
    assert sum(told["unchecked"] for told in done.told["benchmarks"].values()) < 0.1 * sum(map(len, items.values()))
    assert set(done.told["leaks_left"].values()) == {0}
    cut = [row for part in PARTS for row in done.rows(part) if row["position"] and not row["book"].startswith(NAMELESS)]
    assert len(cut) > 80
    assert all(is_heading(row["text"].split("\n\n")[0]) for row in cut)
