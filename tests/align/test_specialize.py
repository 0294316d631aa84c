"""One source is learned once more: how far it and all else have moved is told on held-out text."""

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers

from pipeline.align.adapters import Full
from pipeline.align.sft import val_loss
from pipeline.align.specialize import Specialization, dialogue_nats, mixed, teach
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import PARTS, TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_jsonl
from pipeline.model import disk
from pipeline.model.score import document_nats
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.sourced import Sourced
from pipeline.train.duration import Duration
from tests.align.methods import RECIPE
from tests.align.tiny import examples, ordered, same, tiny, weights, workspace
from tests.align.written import written
from tests.packed import write_tokens

WORDS = {"letters": "the cat sat on the log. ", "sermons": "and the dog and the mat "}
LENGTH = 16
SECTION = "align.specialize"
HOW = Specialization(
    **{**vars(RECIPE), "duration": Duration(8, "steps")},
    adapter=Full(method="full"),
    by="source",
    of=["letters"],
    rows=1000,
    other_text=0.0,
    instructions=0.0,
    documents=10,
    resamples=200,
)


@dataclasses.dataclass(frozen=True)
class Chain:
    """What the stage reads."""

    source: Model
    split: Split
    tokens: Tokens
    dialogues: Dialogues

    def taught(self, folder: Path, recipe: Specialization = HOW, track: Callable[..., None] = lambda step, values: None) -> Any:
        target = Model(folder / "target")
        place = workspace(folder / "scratch", track, SECTION)
        metrics, history = teach(self.source, self.split, self.tokens, self.dialogues, target, recipe, place)
        return metrics, history, weights(disk.load(target, device="cpu"))

    def sourced(self, part: Any = "train") -> Sourced:
        return Sourced.of(self.split, self.tokens, part, disk.tokenizer_digest(self.source))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer) -> Chain:
    folder = tmp_path_factory.mktemp("specialize")
    source = written(tiny(1), folder, tokenizer)
    split, tokens, dialogues = Split(folder / "split"), Tokens(folder / "tokenize"), Dialogues(folder / "dialogues")

    def rows(part: str) -> list[dict[str, object]]:
        return [
            {"id": f"{part}-{name}-{n}", "source": name, "text": text * (4 + n), "book": f"{part}-{name}-{n // 2}"}
            for n in range(6)
            for name, text in WORDS.items()
        ]

    split.write({part: pa.Table.from_pylist(rows(part), schema=TEXTS) for part in PARTS}, sides={})
    write_tokens(split, Tokenizer(folder / "tokenizer"), tokens, length=LENGTH)
    with dialogues.writing() as draft:
        said = [{"role": "user", "content": "who sat"}, {"role": "assistant", "content": "the cat"}]
        instructions = [{"id": str(n), "part": ("train", "val")[n % 2], "messages": said} for n in range(8)]
        write_jsonl(draft.path / "instructions.jsonl", instructions)
        for name in ("preferences", "quarantine"):
            write_jsonl(draft.path / f"{name}.jsonl", [])
    return Chain(source, split, tokens, dialogues)


@pytest.fixture(scope="module")
def found(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return chain.taught(tmp_path_factory.mktemp("found"))


def test_the_source_is_learned_and_what_moved_is_told_with_intervals(found: Any) -> None:
    metrics, _, _ = found
    there, elsewhere = metrics["specialized"], metrics["elsewhere"]
    assert there["change_high"] < 0
    assert there["change"] < elsewhere["change"]
    assert there["change"] == pytest.approx(there["after"] - there["before"])
    assert there["change_low"] <= there["change"] <= there["change_high"]
    assert metrics["sources"] == {"letters": there, "sermons": elsewhere}
    assert metrics["rows"] == {"text": metrics["rows"]["text"], "other_text": 0, "instructions": 0}


def test_what_stood_before_is_the_source_s_own_bits_a_byte(chain: Chain, found: Any) -> None:
    val = chain.sourced("val")
    table = chain.split.read("val").to_pylist()
    at = val.documents("sermons")
    module = disk.load(chain.source, device="cpu")
    nats = document_nats(module, [val.rows.document(int(number)) for number in at], window=LENGTH, stride=LENGTH // 2, batch=3)
    size = sum(len(table[number]["text"]) for number in at)
    assert found[0]["elsewhere"]["before"] == pytest.approx(float(nats.sum()) / math.log(2) / size, rel=1e-5)
    assert found[0]["elsewhere"]["n"] == len(at)


def test_other_text_among_the_rows_keeps_what_it_was(chain: Chain, found: Any, tmp_path: Path) -> None:
    metrics, _, _ = chain.taught(tmp_path, dataclasses.replace(HOW, other_text=0.5))
    assert metrics["rows"]["other_text"] == metrics["rows"]["text"]
    assert metrics["elsewhere"]["after"] < found[0]["elsewhere"]["after"]


def test_a_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not(chain: Chain, found: Any, tmp_path: Path) -> None:
    def die(step: int, values: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chain.taught(tmp_path, track=die)
    steps: list[int] = []
    metrics, history, learned = chain.taught(tmp_path, track=lambda step, values: steps.append(step))
    assert steps[0] == HOW.checkpoint_every + 1
    assert same(learned, found[2])
    assert ordered(history) == ordered(found[1])
    assert metrics == found[0]


def test_rows_are_of_the_source_alone_and_the_others_make_up_their_shares(chain: Chain, tokenizer: tokenizers.Tokenizer) -> None:
    dialogues = examples(30)
    rows, counts = mixed(chain.sourced(), dialogues, dataclasses.replace(HOW, rows=5, other_text=0.25, instructions=0.25))
    assert counts == {"text": 5, "other_text": 2, "instructions": 2}
    said = [tokenizer.decode(row.ids) for row in rows]
    assert all("and" not in text for text in said[:5])
    assert all("cat" not in text and "dog" in text for text in said[5:7])
    assert all(any(row.ids[: len(one.ids)] == one.ids for one in dialogues) for row in rows[7:])


def test_shares_of_what_is_not_there_are_the_others(chain: Chain) -> None:
    rows, counts = mixed(chain.sourced(), [], dataclasses.replace(HOW, of=list(WORDS), rows=4, other_text=0.5, instructions=0.4))
    assert counts == {"text": len(rows), "other_text": 0, "instructions": 0}


def test_a_text_row_foretells_what_pretraining_s_did(chain: Chain) -> None:
    train = chain.sourced()
    whole = train.laid(["letters"])
    rows, _ = mixed(train, [], HOW)
    read = {tuple(ids): (targets, positions) for ids, targets, positions in zip(*_columns(whole), strict=True)}
    checked = 0
    for row in rows:
        if len(row.ids) == LENGTH:
            targets, positions = read[tuple(row.ids)]
            assert row.labels == [IGNORE_INDEX, *targets[:-1]]
            assert row.positions == positions
            checked += 1
    assert checked > 5


def _columns(rows: Any) -> Any:
    batch = rows.read(np.arange(len(rows)))
    return [column.tolist() for column in (batch.ids, batch.targets, batch.positions)]


def test_the_cost_of_dialogues_is_that_of_sft() -> None:
    some, module = examples(7), tiny(1)
    tokens = sum(len(one.labels) - one.labels.count(IGNORE_INDEX) for one in some)
    assert sum(dialogue_nats(module, some, batch=3)) / tokens == pytest.approx(val_loss(module, some, batch=2), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"of": ["letters", "psalms"]}, r"no text of source psalms.*align\.specialize\.of=\[one or more of letters,sermons\]"),
        ({"by": "author"}, r"tells of no document its author, only its source.*align\.specialize\.by=source"),
    ],
)
def test_a_source_that_is_not_there_is_refused_by_name(chain: Chain, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(PipelineError) as fault:
        chain.taught(tmp_path, dataclasses.replace(HOW, **change))
    assert re.search(words, f"{fault.value} {fault.value.mend}", re.DOTALL)


def test_shares_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match=r"other_text 0\.5 and instructions 0\.5 leave no rows of letters"):
        dataclasses.replace(HOW, other_text=0.5, instructions=0.5)
