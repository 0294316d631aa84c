"""On disk: what was saved comes back, as the same bytes each time, and transformers reads it."""

import copy
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.model.build import build
from pipeline.model.disk import load, same_tokenizer, save, tokenizer_of
from pipeline.model.reward import load_reward
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.model.conftest import SHAPE, SIZE


def test_the_saved_model_is_the_same_to_the_bit(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    again = load(Model(tmp_path / "base"), device="cpu")
    ids = torch.arange(20)[None]
    assert torch.equal(module(input_ids=ids).logits, again(input_ids=ids).logits)


def test_saving_twice_in_other_folders_gives_the_same_bytes(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    first, second = Model(tmp_path / "a" / "base"), Model(tmp_path / "b" / "elsewhere")
    save(module, first, tokenizer=tokenizer, facts={"steps": 3}, sides={"samples.json": ["x"]})
    save(load(first, device="cpu"), second, tokenizer=first, facts={"steps": 3}, sides={"samples.json": ["x"]})
    assert first.digest == second.digest
    assert not any(str(tmp_path) in path.read_text() for path in second.path.glob("*.json"))


@pytest.mark.parametrize("tied", [True, False])
def test_transformers_loads_the_folder_as_it_is(tied: bool, tokenizer: Tokenizer, tmp_path: Path) -> None:
    target = Model(tmp_path / "base")
    save(build(SHAPE | {"tie_embeddings": tied}, vocabulary=SIZE, seed=1), target, tokenizer=tokenizer, facts={})
    theirs = AutoModelForCausalLM.from_pretrained(target.path)
    assert (theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight) == tied
    assert theirs.config.eos_token_id == AutoTokenizer.from_pretrained(target.path).eos_token_id == 5


def test_a_reward_model_comes_back(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    config = copy.deepcopy(module.config)
    config.num_labels = 1
    judge = AutoModelForSequenceClassification.from_config(config).eval()
    save(judge, RewardModel(tmp_path / "reward"), tokenizer=Model(tmp_path / "base"), facts={})
    again = load_reward(RewardModel(tmp_path / "reward"), device="cpu")
    with pytest.raises(ArtifactError, match="is a reward model; a model is asked for"):
        load(Model(tmp_path / "reward"), device="cpu")
    ids = torch.arange(6, 20)[None]
    assert torch.equal(judge(input_ids=ids).logits, again(input_ids=ids).logits)


def test_the_folder_holds_no_pickle_and_knows_its_tokenizer(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    target = Model(tmp_path / "base")
    save(module, target, tokenizer=tokenizer, facts={"steps": 3})
    assert {path.suffix for path in target.path.iterdir()} == {".json", ".jinja", ".safetensors"}
    assert target.facts["tokenizer"] == tokenizer.digest
    assert target.facts["steps"] == 3
    assert tokenizer_of(target).encode("the <|end|>").ids[-1] != 5


def test_models_of_different_tokenizers_are_told_apart(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    other = Tokenizer(tmp_path / "other")
    save_tokenizer(train(["another text altogether, " * 9], vocab_size=SIZE, pattern="gpt2"), other)
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    same_tokenizer(Model(tmp_path / "base"), tokenizer)
    with pytest.raises(ArtifactError, match="dvc repro"):
        same_tokenizer(Model(tmp_path / "base"), other)


def test_a_flipped_byte_is_found_before_anything_is_loaded(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    target = Model(tmp_path / "base")
    save(module, target, tokenizer=tokenizer, facts={})
    weights = bytearray((target.path / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (target.path / "model.safetensors").write_bytes(weights)
    with pytest.raises(ArtifactError, match="damaged"):
        load(Model(target.path), device="cpu")


def test_the_configuration_states_no_path(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    assert "_name_or_path" not in json.loads((tmp_path / "base" / "config.json").read_text())


def test_weights_that_are_not_finite_are_never_saved(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    broken = build(SHAPE, vocabulary=SIZE, seed=1)
    with torch.no_grad():
        next(broken.parameters())[3] = torch.nan
    with pytest.raises(PipelineError, match="weights are not finite"):
        save(broken, Model(tmp_path / "broken"), tokenizer=tokenizer, facts={})
    assert not (tmp_path / "broken").exists()


def test_models_of_fewer_steps_lie_below_and_are_models_themselves(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    other = build(SHAPE, vocabulary=SIZE, seed=2)
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={"steps": 20}, earlier=[(10, other)])
    then, ids = Model(tmp_path / "base" / "kept" / "1"), torch.arange(20)[None]
    assert then.facts["steps"] == 10
    assert torch.equal(load(then, device="cpu")(input_ids=ids).logits, other(input_ids=ids).logits)
    assert "kept/1/model.safetensors" in Model(tmp_path / "base").manifest.files
    assert tokenizer_of(then).to_str() == tokenizer_of(Model(tmp_path / "base")).to_str()
