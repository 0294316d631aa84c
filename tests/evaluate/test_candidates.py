"""Models of other people, with tokens and a chat format of their own."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact.candidate import Candidate
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError, InputError, PipelineError
from pipeline.core.files import read_json, write_json
from pipeline.core.intervals import Bootstrap
from pipeline.core.manifest import NAME
from pipeline.evaluate import contest
from pipeline.evaluate.differences import between
from pipeline.evaluate.examine import examine
from pipeline.evaluate.kinds.cloze import Cloze
from pipeline.evaluate.table import Row, write_scores
from pipeline.model.build import build
from pipeline.model.candidate import Theirs, load_candidate
from pipeline.model.disk import load, save, tokenizer_digest, tokenizer_of
from pipeline.model.reward import load_reward
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.tokens.codec import Own
from pipeline.tokens.kinds import bpe
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.evaluate.conftest import SHAPE, SIZE, TASKS

ASKED: Any = TASKS | {"last": Cloze(kind="cloze", items=12, choices=3, ngram=2)}
DRAWS = Bootstrap(100, 1)
OVERLAP = OverlapConfig(ngram=13, short_ngram=8, min_words=4)


@pytest.fixture(scope="module")
def asked(split: Split, tokens: Tokens, artifact: Tokenizer, dialogues: Dialogues, tmp_path_factory: pytest.TempPathFactory) -> Any:
    memory = tmp_path_factory.mktemp("repeats")

    def made(name: str, path: Path, **how: Any) -> tuple[list[Row], list[dict[str, Any]]]:
        data = (split, tokens, artifact, dialogues, (Path(), OVERLAP, memory))
        return examine(name, Candidate(path), ASKED | how, data=data, bootstrap=DRAWS, seed=1, batch_size=5, device="cpu")

    return made


@pytest.fixture(scope="module")
def own(models: dict[str, Model], asked: Any) -> tuple[list[Row], list[dict[str, Any]]]:
    return asked("sft", models["sft"].path)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def copied(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of ours without its manifest: a model of other people that happens to be the same."""
    folder = tmp_path_factory.mktemp("theirs") / "copied"
    shutil.copytree(models["sft"].path, folder)
    (folder / NAME).unlink()
    return folder


@pytest.fixture(scope="module")
def other(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fewer tokens, which end otherwise, and no chat template."""
    root = tmp_path_factory.mktemp("other")
    codes = Tokenizer(root / "tokenizer")
    save_tokenizer(bpe.train(split.read("train")["text"].to_pylist(), vocab_size=SIZE - 40, pattern="gpt2"), codes)
    save(build(SHAPE, vocabulary=SIZE - 40, seed=9), Model(root / "other"), tokenizer=codes, facts={})
    folder = root / "other"
    for name in (NAME, "chat_template.jinja", "special_tokens_map.json"):
        (folder / name).unlink()
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"})
    return folder


def facts_of(path: Path) -> dict[str, Any]:
    """As the stage states them."""
    model = Candidate(path)
    return {"model": model.digest, "tokenizer": tokenizer_digest(model), "ours": model.ours}


def values(rows: list[Row]) -> dict[tuple[str, str], Any]:
    return {(one.task, one.metric): None if one.estimate is None else one.estimate.value for one in rows}


def test_ours_without_a_manifest_scores_what_it_scores_with_one(own: Any, copied: Path, asked: Any) -> None:
    rows, records = asked("copied", copied)
    assert not Candidate(copied).ours
    ours, theirs = values(own[0]), values(rows)
    assert ours.keys() == theirs.keys()
    assert theirs.pop(("text/plain", "overfit")) is None  # what it was trained on is not known
    assert {theirs.pop(key) for key in ours if key[1] == "perplexity"} == {None}  # of other tokens
    assert theirs == pytest.approx({key: value for key, value in ours.items() if key in theirs}, rel=1e-5)
    (text_apart, *_) = between({"ours": own[1], "theirs": records}, DRAWS)
    assert (text_apart.metric, text_apart.value) == ("bits_per_byte", pytest.approx(0, abs=1e-5))


def test_one_with_other_tokens_is_compared_by_the_byte_and_enters_the_contest(
    own: Any, other: Path, asked: Any, models: dict[str, Model], reward: RewardModel, tmp_path: Path
) -> None:
    rows, records = asked("other", other)
    found = values(rows)
    assert found["text", "perplexity"] is None
    assert 0 < found["text", "bits_per_byte"] < 20
    assert found["last", "choice"] is not None
    scores = {"sft": Scores(tmp_path / "sft"), "other": Scores(tmp_path / "other")}
    write_scores(scores["sft"], *own, facts=facts_of(models["sft"].path))
    write_scores(scores["other"], rows, records, facts=facts_of(other))
    lines = contest.lines_of(scores, reward)
    words = tokenizer_of(reward)
    contest.add_rewards(lines, load_reward(reward, device="cpu"), words, batch=4)
    duelled = contest.against("sft", load(models["sft"], device="cpu"), lines, words, batch=5, bootstrap=DRAWS)
    by = {one.metric: one for one in duelled if one.model == "other"}
    assert by["reward_win"].estimate is not None
    assert "tokens" in str(by["kl"].reason)
    assert {one.model for one in contest.ratings(lines, sources={}, prior=1.0, bootstrap=DRAWS)} == {"sft", "other"}


def test_the_bytes_of_a_document_are_the_same_in_other_tokens(asked: Any, own: Any, other: Path) -> None:
    short = {"text": replace(TASKS["text"], document_tokens=20)}  # type: ignore[type-var]
    rows, _ = asked("other", other, **short)
    (bits,) = [one.estimate for one in rows if (one.task, one.metric) == ("text", "bits_per_byte")]
    assert bits is not None
    assert 0 < bits.value < 20  # of all its bytes it would be a fifth


def test_their_chat_template_and_ends_are_used(copied: Path, other: Path, models: dict[str, Model]) -> None:
    said = [{"role": "user", "content": "Where does Ada live? <|end|>"}]
    ours = Own(tokenizer_of(models["sft"]))
    assert len(Theirs(copied).chat(said)) <= len(ours.chat(said))  # a template's own text may hold special tokens
    assert Theirs(copied).start == ours.start
    assert set(Theirs(copied).turn_ends) >= set(ours.turn_ends)
    plain = Theirs(other)
    assert plain.start == [plain.tokenizer.token_to_id("<|endoftext|>")] == [plain.turn_ends[0]]
    assert plain.tokenizer.decode(plain.chat(said)[1:], skip_special_tokens=False) == "Where does Ada live? <|end|>\n"


def test_a_folder_that_lacks_something_is_refused_with_the_mend(other: Path, asked: Any, tmp_path: Path) -> None:
    for name, match in (("tokenizer.json", r"no tokenizer\.json"), ("model.safetensors", "no weights")):
        folder = tmp_path / name
        shutil.copytree(other, folder)
        (folder / name).unlink()
        with pytest.raises(InputError, match=match):
            load_candidate(folder, device="cpu")
    folder = tmp_path / "strange"
    shutil.copytree(other, folder)
    write_json(folder / "config.json", read_json(folder / "config.json") | {"max_position_embeddings": 16})
    with pytest.raises(PipelineError, match=r"reads 16 tokens, tokenize\.sequence_length is 48"):
        asked("strange", folder)


def test_a_model_that_changes_is_another_and_one_of_ours_keeps_its_manifest(copied: Path, models: dict[str, Model], tmp_path: Path) -> None:
    assert Candidate(models["sft"].path).digest == models["sft"].digest
    folder = tmp_path / "copied"
    shutil.copytree(copied, folder)
    assert Candidate(folder).digest == Candidate(copied).digest
    write_json(folder / "generation_config.json", {"eos_token_id": 3})
    assert Candidate(folder).digest != Candidate(copied).digest
    with pytest.raises(ArtifactError, match="is not there"):
        _ = Candidate(tmp_path / "gone").digest
