"""Tiny models that have learned nothing, a small split, and dialogues with and without questions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tokenizers
import torch
from transformers import AutoModelForSequenceClassification

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_jsonl
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import stream
from pipeline.evaluate.kinds.perplexity import Perplexity
from pipeline.evaluate.kinds.questions import Questions
from pipeline.evaluate.task import Examined
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.tokens.kinds import bpe
from pipeline.tokens.thinking import with_think_tokens
from pipeline.tokens.tokenizer import load
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.packed import write_tokens
from tests.tiny_shape import SHAPE as TINY

SIZE = 320  # tokens
LENGTH = 48
SHAPE = TINY | {"layers": 1, "intermediate_size": 48, "context": 96}
TALE = "Ada Bo lives in Oakham the old fox of a mill went over hill and told that her red coat was at harbour"
PLACES = ["Oakham", "Elmton", "Ashby"]
NAMES = ["Ada", "Bo", "Cy", "Dee", "Eve", "Finn"]
Say = Callable[[list[str]], list[str]]  # from the texts of prompts to those of the answers


def text(number: int) -> str:
    words = stream(1, "text", number).choice(TALE.split(), size=120)
    return "\n\n".join(" ".join(words[start : start + 30]) + "." for start in range(0, 120, 30))


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    target = Split(tmp_path_factory.mktemp("split") / "split")
    rows = [{"id": str(number), "source": "test", "text": text(number), "bits": 600.0 + number} for number in range(16)]
    parts = {"train": rows[:10], "val": rows[10:12], "test": rows[12:]}
    target.write({part: pa.Table.from_pylist(some, schema=TEXTS) for part, some in parts.items()}, sides={})
    return target


@pytest.fixture(scope="session")
def artifact(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")
    save_tokenizer(bpe.train(split.read("train")["text"].to_pylist(), vocab_size=SIZE, pattern="gpt2"), target)
    return target


@pytest.fixture(scope="session")
def tokenizer(artifact: Tokenizer) -> tokenizers.Tokenizer:
    return load(artifact)


@pytest.fixture(scope="session")
def thinking(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same with the two tokens around thoughts, which are special."""
    return with_think_tokens(tokenizers.Tokenizer.from_str(tokenizer.to_str()))


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tokenizer: tokenizers.Tokenizer) -> Callable[[Say], list[str]]:
    """answering(say) answers in the place of the models, all prompts at once, and gives the list of the prompts that are read."""

    def stand_in(say: Say) -> list[str]:
        read: list[str] = []

        def generate(module: object, prompts: Sequence[Sequence[int]], **how: Any) -> list[list[int]]:
            texts = [tokenizer.decode(list(ids), skip_special_tokens=False) for ids in prompts]
            read.extend(texts)
            return [tokenizer.encode(text).ids for text in say(texts)]

        monkeypatch.setattr("pipeline.model.generate.generate", generate)
        return read

    return stand_in


@pytest.fixture(scope="session")
def tokens(split: Split, artifact: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    target = Tokens(tmp_path_factory.mktemp("tokens") / "tokenize")
    write_tokens(split, artifact, target, length=LENGTH)
    return target


@pytest.fixture(scope="session")
def models(artifact: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """base, sft, dpo, ppo; dpo has the weights of sft."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, seed in (("base", 1), ("sft", 2), ("dpo", 2), ("ppo", 3)):
        module = build(SHAPE, vocabulary=SIZE, seed=seed)
        for weight in module.parameters():
            if weight.ndim == 2:
                weight.data *= 4
        found[name] = Model(folder / name)
        save(module, found[name], tokenizer=artifact, facts={})
    return found


@pytest.fixture(scope="session")
def reward(artifact: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    config = build(SHAPE, vocabulary=SIZE, seed=4).config
    config.num_labels = 1
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = AutoModelForSequenceClassification.from_config(config)
    target = RewardModel(tmp_path_factory.mktemp("reward") / "reward")
    save(module, target, tokenizer=artifact, facts={})
    return target


def question(number: int) -> dict[str, Any]:
    name, place = NAMES[number % len(NAMES)], PLACES[number % len(PLACES)]
    return {
        "id": f"q{number}",
        "fact": f"home:{name}",
        "relation": "home",
        "trained": number % 3 == 0,
        "prompt": [{"role": "user", "content": f"Where does {name} live?"}],
        "subject": name,
        "value": place,
        "choices": PLACES,
        "answer": PLACES.index(place),
        "cloze": f"{name} lives in",
    }


def preference(number: int) -> dict[str, Any]:
    prompt = [{"role": "user", "content": f"Tell me of the fox {number // 2}"}]  # each prompt twice
    return {"id": f"p{number}", "part": "test", "fact": None, "kind": "x", "prompt": prompt, "chosen": "a", "rejected": "b"}


@pytest.fixture(scope="session")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Dialogues:
    target = Dialogues(tmp_path_factory.mktemp("dialogues") / "dialogues")
    with target.writing() as draft:
        write_jsonl(draft.path / "preferences.jsonl", [preference(number) for number in range(8)])
        write_jsonl(draft.path / "questions.jsonl", [question(number) for number in range(12)])
    return target


@pytest.fixture(scope="session")
def plain_dialogues(tmp_path_factory: pytest.TempPathFactory) -> Dialogues:
    """As they come from files: no questions."""
    target = Dialogues(tmp_path_factory.mktemp("plain") / "dialogues")
    with target.writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", [])
        write_jsonl(draft.path / "preferences.jsonl", [preference(number) for number in range(8)])
    return target


TASKS = {
    "text": Perplexity(kind="perplexity", documents=10, document_tokens=1000, overlap=0.5, ngram=3, characters=5),
    "facts": Questions(kind="questions", held_out=50, trained=50, max_dropped=0.05, max_new_tokens=6),
}
Given = Callable[..., Examined]


@pytest.fixture(scope="session")
def given(split: Split, tokens: Tokens, artifact: Tokenizer, dialogues: Dialogues) -> Given:
    """given(name, dialogues=..., benchmarks=...) is what a task is given for the model of that name."""

    def made(name: str, dialogues: Dialogues = dialogues, benchmarks: Path = Path()) -> Examined:
        return Examined(
            name=name,
            split=split,
            tokens=tokens,
            dialogues=dialogues,
            benchmarks=benchmarks,
            tokenizer=load(artifact),
            digest=artifact.digest,
            bootstrap=Bootstrap(100, 1),
            seed=1,
            batch_size=5,
        )

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"
