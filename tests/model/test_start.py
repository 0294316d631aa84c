"""Going on from a folder: a token keeps its vector whatever its id was, and what does not fit is told with the mend."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.model.build import Shape, blank, build, configure, planned
from pipeline.model.disk import save
from pipeline.model.fitting import refuse_unfit, unfit
from pipeline.model.shapes import checked, config_of
from pipeline.model.start import config_for, start
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.special import IDS, THINK_TOKENS
from pipeline.tokens.thinking import with_think_tokens
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.model.conftest import SIZE
from tests.model.every_kind import KINDS, shape_of
from tests.tiny_shape import SHAPE

IDS_OF_ROWS = torch.arange(len(IDS), len(IDS) + 40)[None]


def started(folder: Path, tokenizer: Tokenizer, **change: Any) -> PreTrainedModel:
    return start(checked(shape_of("qwen3", init_from=str(folder)) | change), tokenizer, seed=1)


def released(module: PreTrainedModel, tokenizer: Tokenizer, folder: Path) -> dict[str, int]:
    """A folder as others release it, and its vocabulary: none of our special tokens, the ids in the opposite order."""
    content = json.loads(tokenizer.file("tokenizer.json").read_text())
    tokens = [token for token in sorted(content["model"]["vocab"], key=content["model"]["vocab"].__getitem__) if token not in IDS]
    content["model"]["vocab"] = {token: len(tokens) - 1 - place for place, token in enumerate(tokens)}
    content |= {"added_tokens": [], "post_processor": None}
    module.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return dict(content["model"]["vocab"])


@pytest.fixture
def base(module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    save(module, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    return tmp_path / "base"


def test_an_empty_folder_gives_fresh_weights(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    fresh = build(shape_of("qwen3"), vocabulary=SIZE, seed=1).state_dict()
    for folder in (tmp_path, tmp_path / "absent"):
        assert all(torch.equal(weight, fresh[name]) for name, weight in started(folder, tokenizer).state_dict().items())


def test_an_own_model_goes_on_as_it_was_whatever_shape_is_set(base: Path, module: PreTrainedModel, tokenizer: Tokenizer) -> None:
    again = started(base, tokenizer, layers=7)
    assert torch.equal(again(input_ids=IDS_OF_ROWS).logits, module(input_ids=IDS_OF_ROWS).logits)
    assert again.config.to_dict() | {"dtype": None} == module.config.to_dict() | {"dtype": None}


@pytest.mark.parametrize("kind", ["qwen3", "gpt2", "mixtral"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_released_model_says_of_each_token_what_it_said_under_its_own_ids(
    kind: str, tied: bool, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    theirs = build(shape_of(kind, tie_embeddings=tied), vocabulary=SIZE + 10, seed=3)  # more rows than tokens, as is usual
    vocabulary = released(theirs, tokenizer, tmp_path / "released")
    ours = start(checked(shape_of(kind, init_from=str(tmp_path / "released"))), tokenizer, seed=1)
    tokens = tokenizers.Tokenizer.from_file(str(tokenizer.file("tokenizer.json"))).get_vocab()
    own = [number for number in range(SIZE) if number >= len(IDS)]
    name = {number: token for token, number in tokens.items()}
    place = torch.tensor([vocabulary[name[number]] for number in own])
    rows = place[IDS_OF_ROWS - len(IDS)]
    torch.testing.assert_close(ours(input_ids=IDS_OF_ROWS).logits[..., own], theirs(input_ids=rows).logits[..., place])
    assert ours.config.vocab_size == SIZE
    assert (ours.config.bos_token_id, ours.config.pad_token_id) == (0, 1)
    assert (ours.get_output_embeddings().weight is ours.get_input_embeddings().weight) == tied
    assert getattr(ours.config, "output_router_logits", False) == (kind == "mixtral")


@pytest.mark.parametrize(
    ("change", "mend"),
    [({"kind": "llama"}, "model=qwen3"), ({"context": 65}, "model.context=64")],
)
def test_a_model_that_is_not_the_one_of_the_settings_names_the_key(
    change: dict[str, Any], mend: str, base: Path, tokenizer: Tokenizer
) -> None:
    with pytest.raises(InputError) as fault:
        started(base, tokenizer, **change)
    assert fault.value.mend == mend


def test_another_tokenizer_than_the_text_s_is_refused_with_the_import_of_it(base: Path, tmp_path: Path) -> None:
    save_tokenizer(train(["another text altogether, " * 9], vocab_size=SIZE, pattern="gpt2"), other := Tokenizer(tmp_path / "other"))
    with pytest.raises(InputError, match="has another tokenizer than the text's") as fault:
        started(base, other)
    assert fault.value.mend == f"tokenizer=import tokenizer.path={base}"


def test_think_tokens_that_a_model_does_not_know_get_the_mean(base: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    own = tokenizers.Tokenizer.from_file(str(tokenizer.file("tokenizer.json")))
    save_tokenizer(with_think_tokens(own), thinking := Tokenizer(tmp_path / "thinking"))
    table = started(base, thinking).get_input_embeddings().weight
    torch.testing.assert_close(table[-len(THINK_TOKENS) :], table[:SIZE].mean(0).expand(len(THINK_TOKENS), -1))


@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_told(lost: str, module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    released(module, tokenizer, tmp_path / "released")
    (tmp_path / "released" / lost).unlink()
    with pytest.raises(InputError) as fault:
        started(tmp_path / "released", tokenizer)
    assert fault.value.mend.startswith("model.init_from=DIR, a folder with config.json")


def test_a_released_model_has_no_dropout_but_the_settings_own(tokenizer: Tokenizer, tmp_path: Path) -> None:
    theirs = build(shape_of("gpt2"), vocabulary=SIZE, seed=3)
    theirs.config.resid_pdrop = theirs.config.embd_pdrop = theirs.config.attn_pdrop = 0.1  # as gpt2 was released
    released(theirs, tokenizer, tmp_path / "released")
    ours = start(checked(shape_of("gpt2", init_from=str(tmp_path / "released"))), tokenizer, seed=1).train()
    assert torch.equal(ours(input_ids=IDS_OF_ROWS).logits, ours(input_ids=IDS_OF_ROWS).logits)


def without(weights: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {other: weight for other, weight in weights.items() if other != name}


@pytest.mark.parametrize(
    ("hurt", "told"),
    [
        (lambda weights, name: without(weights, name), "lacks 1 weights of its model"),
        (lambda weights, name: weights | {name: weights[name][1:].clone()}, r"not that of the weights beside it: .*\[31, 64\]"),
        (None, "no weights that can be read"),  # the file is cut short
    ],
)
def test_weights_that_are_not_whole_are_told(hurt: Any, told: str, module: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    released(module, tokenizer, tmp_path / "released")
    file = tmp_path / "released/model.safetensors"
    if hurt:
        weights = load_file(file)
        save_file(hurt(weights, next(name for name in weights if "down_proj" in name)), file, metadata={"format": "pt"})
    else:
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=told) as fault:
        started(tmp_path / "released", tokenizer)
    assert fault.value.mend.startswith("model.init_from=DIR")


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_of_kind_folder_is_the_one_that_the_folder_was_made_of(kind: str, tmp_path: Path) -> None:
    asked = checked(shape_of(kind, init_from=str(tmp_path)))
    configure(asked, vocabulary=SIZE).save_pretrained(tmp_path)
    others = {"kind": "folder", "layers": 9, "hidden_size": 96, "activation": "relu", "tie_embeddings": False}
    told = TypeAdapter(Shape).validate_json(json.dumps(SHAPE | {"init_from": str(tmp_path)} | others))
    assert configure(told, vocabulary=SIZE).to_dict() == configure(asked, vocabulary=SIZE).to_dict()


def test_a_folder_of_bamba_without_attention_is_told(tmp_path: Path) -> None:
    config = configure(checked(shape_of("bamba")), vocabulary=SIZE)
    config.attn_layer_indices = []
    config.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="attn_layer_indices is empty"):
        checked(SHAPE | {"kind": "folder", "init_from": str(tmp_path)})


def test_swish_is_silu(tmp_path: Path) -> None:
    asked = checked(shape_of("llama", init_from=str(tmp_path)))
    config = configure(asked, vocabulary=SIZE)
    config.hidden_act = "swish"
    config.save_pretrained(tmp_path)
    assert checked(shape_of("llama", init_from=str(tmp_path)) | {"kind": "folder"}) == asked
    assert planned(asked, vocabulary=SIZE).hidden_act == "silu", "what exports and reads it knows one name"


def test_an_empty_folder_is_no_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty") as fault:
        checked(SHAPE | {"kind": "folder", "init_from": str(tmp_path)})
    assert fault.value.mend.startswith("model.init_from=DIR, a folder with config.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    build(shape_of("qwen3"), vocabulary=SIZE, seed=1).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("change", "told", "mend"),
    [
        ({"hidden_size": 36}, "hidden_size is 36, and the weights beside it have {hidden_size}", '"hidden_size": {hidden_size} in {file}'),
        ({"head_dim": 64}, "head_dim is 64, and the weights beside it have {head_dim}", '"head_dim": {head_dim} in {file}'),
        ({"num_attention_heads": 3}, "num_attention_heads is 3, and", '"num_attention_heads": {num_attention_heads} in {file}'),
        (
            {"num_hidden_layers": 1, "layer_types": None},
            "num_hidden_layers is 1, and",
            '"num_hidden_layers": {num_hidden_layers} in {file}',
        ),
        ({"attention_bias": True}, "attention_bias is True, and the weights beside it have False", '"attention_bias": false in {file}'),
        ({"hidden_size": "36"}, 'hidden_size is "36"', "correct hidden_size in {file}"),
        ({"intermediate_size": -1}, "intermediate_size: Input should be greater than 0", "correct intermediate_size in {file}"),
        ({"hidden_act": "quick_gelu"}, "hidden_act: Input should be", "correct hidden_act in {file}"),
        ({"head_dim": 0}, "head_dim is 0", "correct head_dim in {file}"),
        ({"dtype": "float99"}, 'dtype is "float99"', "correct dtype in {file}"),
        ({"model_type": "qwen99"}, "model_type is qwen99", "model.init_from=DIR"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "has quantization_config", "the folder of the model before it"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_value_of_a_config_json_is_told_by_file_and_key_with_the_right_one_where_the_weights_tell_it(
    change: dict[str, Any], told: str, mend: str, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").symlink_to(whole / "model.safetensors")
    content, file = json.loads((whole / "config.json").read_text()), tmp_path / "config.json"
    changed = {key: value for key, value in (content | change).items() if value is not None}
    file.write_text(json.dumps(changed))
    with pytest.raises(InputError) as fault:
        config_for(tmp_path, checked(shape_of("qwen3", init_from=str(tmp_path)) | {"kind": "folder"}))
    assert fault.value.message.startswith(str(file))
    assert told.format(**content) in fault.value.message
    assert fault.value.mend.startswith(mend.format(**content, file=file))


def test_what_is_estimated_of_a_folder_has_the_heads_of_its_config_json(tmp_path: Path) -> None:
    config = configure(checked(shape_of("qwen3")), vocabulary=SIZE)
    config.head_dim *= 2
    config.save_pretrained(tmp_path)
    shape = shape_of("qwen3", init_from=str(tmp_path))
    assert blank(shape, vocabulary=SIZE).config.head_dim == config.head_dim


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [True, False])
def test_a_checkpoint_of_every_kind_fits_its_own_weights(kind: str, tied: bool, tmp_path: Path) -> None:
    build(shape_of(kind, tie_embeddings=tied), vocabulary=SIZE, seed=1).save_pretrained(tmp_path)
    refuse_unfit(tmp_path, config_of(tmp_path))
    assert not unfit(tmp_path, config_of(tmp_path)).total
