"""Parts that stay, and a train that repeats nothing of what is held out."""

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import PipelineError
from pipeline.text.decontaminate import decontaminate
from pipeline.text.split import counts, part_of, split

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"


def table(**texts: str) -> pa.Table:
    rows = [{"id": name, "source": name, "text": text, "bits": 1.5} for name, text in texts.items()]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


def test_adding_a_document_moves_no_other_between_splits() -> None:
    few = table(**{f"d{number}": "x" for number in range(100)})
    many = table(**{f"d{number}": "x" for number in range(150)})
    before, after = (
        {identity: part for part, rows in split(documents, val=0.1, test=0.1, seed=1).items() for identity in rows["id"].to_pylist()}
        for documents in (few, many)
    )
    assert before.items() <= after.items()


def test_the_shares_are_met() -> None:
    parts = [part_of(f"d{number}", val=0.05, test=0.1, seed=3) for number in range(20_000)]
    assert parts.count("val") / 20_000 == pytest.approx(0.05, abs=0.006)
    assert parts.count("test") / 20_000 == pytest.approx(0.1, abs=0.009)


def test_an_empty_part_is_an_error_whose_mend_works() -> None:
    documents = table(a="x", b="x", c="x", d="x")
    with pytest.raises(PipelineError, match="fell into") as fault:
        split(documents, val=0.01, test=0.01, seed=1)
    seed = int(fault.value.mend.split("split.seed=")[1].split(",")[0])
    assert all(part.num_rows for part in split(documents, val=0.01, test=0.01, seed=seed).values())


def test_two_documents_can_not_be_split() -> None:
    with pytest.raises(PipelineError, match="fell into") as fault:
        split(table(a="x", b="x"), val=0.3, test=0.3, seed=1)
    assert "add documents" in fault.value.mend


def test_a_paragraph_that_shares_thirteen_words_is_cut_and_its_neighbours_stay() -> None:
    parts = {
        "train": table(a=f"Title\n\n* * *\n\nBefore, {LONG.upper()}! and after.\n\nThe rest stays.", b=LONG.replace("seven", "7")),
        "val": table(c=f"It says: {LONG}."),
        "test": table(d="Nothing to see here."),
    }
    clean, cut, told = decontaminate(parts, ngram=13)
    assert clean["train"]["text"].to_pylist() == ["Title\n\n* * *\n\nThe rest stays.", LONG.replace("seven", "7")]
    assert cut.to_pylist() == [{"id": "a", "paragraph": 2, "text": f"Before, {LONG.upper()}! and after.", "part": "val"}]
    assert told == {"paragraphs_cut": 1, "documents_cut": 0, "leaks": {"val": 1, "test": 0}, "leaks_left": {"val": 0, "test": 0}}
    assert clean["train"]["bits"].to_pylist() == [1.5, 1.5]


def test_a_run_over_the_border_of_two_paragraphs_is_no_leak() -> None:
    halves = LONG.replace(" six ", " six\n\n")
    parts = {"train": table(a=halves), "val": table(b=LONG), "test": table(c=halves)}
    assert decontaminate(parts, ngram=13)[2]["paragraphs_cut"] == 0


def test_a_document_of_which_nothing_is_left_is_gone() -> None:
    parts = {"train": table(a=LONG, b="Something else."), "val": table(c="x"), "test": table(d=LONG)}
    clean, _, told = decontaminate(parts, ngram=13)
    assert clean["train"]["id"].to_pylist() == ["b"]
    assert told["documents_cut"] == 1


def test_a_train_that_is_all_held_out_text_is_an_error() -> None:
    parts = {"train": table(a=LONG), "val": table(b=LONG), "test": table(c=LONG)}
    with pytest.raises(PipelineError, match="every training paragraph"):
        decontaminate(parts, ngram=13)


def test_bits_of_a_part_are_unknown_when_one_documents_are() -> None:
    known = table(a="é", b="x")
    unknown = known.set_column(3, DOCUMENTS.field("bits"), pa.array([1.0, None], pa.float64()))
    told = counts({"train": known, "val": unknown, "test": known})
    assert told["train"] == {"documents": 2, "bytes": 3, "source_bits": None}, "a training document may have lost paragraphs"
    assert told["test"]["source_bits"] == 3.0
    assert told["val"]["source_bits"] is None
