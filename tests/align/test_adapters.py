"""Few parameters learn, the weights are held, and what was learned is merged into them and lies beside them."""

import ast
import importlib.util
import json
import os
import signal
from pathlib import Path
from typing import Any

import peft
import pytest
import tokenizers
import torch
from pydantic import TypeAdapter
from transformers import PreTrainedModel

from pipeline.align.adapters import TURN_TOKENS, Adapter, attach, attach_policy, load
from pipeline.align.handed_on import hand_on
from pipeline.align.sft import train_sft
from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.model import disk
from pipeline.model.build import build
from pipeline.tokens.special import IDS, ROLES
from pipeline.train.stop import Interrupted
from tests.align.methods import RECIPE, SAMPLING, How
from tests.align.tiny import VOCABULARY, examples, ordered, same, tiny, weights, workspace
from tests.align.written import written
from tests.model.every_kind import shape_of

LORA = {"method": "lora", "r": 4, "alpha": 8.0, "dropout": 0.0, "target_modules": "all-linear", "turn_tokens": True}
KINDS: dict[str, dict[str, Any]] = {
    "lora": LORA,
    "dora": LORA | {"method": "dora", "target_modules": ["q_proj", "v_proj"], "turn_tokens": False},
    "ia3": {"method": "ia3", "target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    "tokens": {"method": "tokens"},
}
IN = torch.tensor([[0, 3, 40, 41, 42, 4, 50, 51, 5, 60]])


def adapter(kind: str, **change: Any) -> Any:
    return TypeAdapter(Adapter).validate_python(KINDS[kind] | change)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokenizers.Tokenizer) -> Model:
    """A model on disk."""
    return written(tiny(1), tmp_path_factory.mktemp("source"), tokenizer)


def learned(source: Model, kind: str, tokenizer: tokenizers.Tokenizer, folder: Path) -> tuple[PreTrainedModel, Any]:
    module = disk.load(source, device="cpu")
    tuned = attach(module, adapter(kind), seed=1, section="sft")
    train_sft(module, tokenizer, examples(10), RECIPE, workspace(folder))
    return module, tuned


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks an old name, here as it is
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_is_in_the_weights_and_beside_them_as_peft_reads_it(
    kind: str, source: Model, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    before = disk.load(source, device="cpu")
    module, tuned = learned(source, kind, tokenizer, tmp_path / "scratch")
    with torch.no_grad():
        adapted = module(input_ids=IN).logits
    tuned.save(target := Model(tmp_path / "sft"), source=source, facts={})
    merged = disk.load(target, device="cpu")
    assert type(merged) is type(before)
    assert weights(merged).keys() == weights(before).keys()
    assert target.facts["parameters"] == source.facts["parameters"]
    with torch.no_grad():
        assert (adapted - before(input_ids=IN).logits).abs().max() > 1e-3
        torch.testing.assert_close(merged(input_ids=IN).logits, adapted, rtol=0, atol=2e-5)
        alone = peft.PeftModel.from_pretrained(disk.load(source, device="cpu"), target.path / Model.ADAPTER)
        torch.testing.assert_close(alone(input_ids=IN).logits, adapted, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of peft and bitsandbytes
@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is installed by hand")
def test_what_was_learned_beside_rounded_weights_is_merged_into_whole_ones(
    source: Model, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    chosen = TypeAdapter(Adapter).validate_python(LORA | {"method": "qlora", "quant_type": "nf4", "double_quant": True})
    module, before = load(source, chosen, device="cpu"), disk.load(source, device="cpu")
    tuned = attach(module, chosen, seed=1, section="sft")
    assert tuned.rounded
    history = train_sft(module, tokenizer, examples(10), RECIPE, workspace(tmp_path / "scratch")).history
    assert history[-1]["loss"] < history[0]["loss"]
    module.train()  # to read, bitsandbytes packs anew for a CPU's kernel, which takes no narrow matrices
    adapted = module(input_ids=IN).logits.detach()
    tuned.save(target := Model(tmp_path / "sft"), source=source, facts={})
    with torch.no_grad():
        alone = peft.PeftModel.from_pretrained(disk.load(source, device="cpu"), target.path / Model.ADAPTER)
        merged = disk.load(target, device="cpu")(input_ids=IN).logits
        torch.testing.assert_close(merged, alone(input_ids=IN).logits, rtol=0, atol=2e-5)
        assert (merged - adapted).abs().max() < 0.5 * (adapted - before(input_ids=IN).logits).abs().max()


def test_a_model_is_loaded_whole_where_nothing_is_rounded(source: Model) -> None:
    assert same(weights(load(source, adapter("lora"), device="cpu")), weights(disk.load(source, device="cpu")))


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_was_added_learns_and_the_model_answers_as_before_until_it_has(kind: str) -> None:
    module, before = tiny(1), tiny(1)
    tuned = attach(module, adapter(kind), seed=1, section="sft")
    learning = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    assert tuned.counts["trained_parameters"] == sum(weight.numel() for weight in learning.values())
    assert tuned.counts["trained_share"] < 0.3
    assert torch.equal(module(input_ids=IN).logits, before(input_ids=IN).logits)
    held = {name.replace(".base_layer", ""): weight for name, weight in module.named_parameters() if name not in learning}
    assert len(held) == len(list(before.parameters()))


def test_all_weights_learn_where_nothing_is_added_and_nothing_is_told_of_it() -> None:
    module = tiny(1)
    tuned = attach(module, TypeAdapter(Adapter).validate_python({"method": "full"}), seed=1, section="sft")
    assert tuned.counts == {}
    assert tuned.merge() is module
    assert same(weights(module), weights(tiny(1)))


def test_turn_tokens_alone_move_their_rows_and_no_other() -> None:
    module = tiny(1)
    tuned = attach(module, adapter("tokens"), seed=1, section="sft")
    before = weights(tiny(1))["model.embed_tokens.weight"]
    (delta,) = [weight for weight in module.parameters() if weight.requires_grad]
    torch.nn.init.ones_(delta)
    after = weights(tuned.merge())["model.embed_tokens.weight"]
    moved = (after != before).any(dim=1).nonzero()[:, 0].tolist()
    assert moved == TURN_TOKENS == sorted({*ROLES.values(), IDS["<|end|>"]})


@pytest.mark.parametrize("kind", ["lora", "tokens"])
def test_a_tied_head_whose_vectors_learn_gives_the_fused_loss_its_gradient(
    kind: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    """The first step of the trainer against plain autograd."""
    (row,) = examples(1)
    module, plain = tiny(1), tiny(1)
    for one in (module, plain):
        attach(one, adapter(kind), seed=1, section="sft")
    history = train_sft(module, tokenizer, [row], RECIPE, workspace(tmp_path)).history
    logits = plain(input_ids=torch.tensor([row.ids])).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits, torch.tensor(row.labels[1:])).backward()
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in plain.parameters() if weight.grad is not None])
    assert history[0]["grad_norm"] == pytest.approx(norm.item(), rel=1e-4)


def test_a_stopped_run_goes_on_to_the_same_bits_with_a_dropout_too(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    def run(folder: Path, stop: int | None = None) -> tuple[dict[str, torch.Tensor], Any]:
        module = tiny(1)
        attach(module, adapter("lora", dropout=0.2), seed=1, section="sft")
        place = workspace(folder, lambda step, _: os.kill(os.getpid(), signal.SIGTERM) if step == stop else None)
        history = train_sft(module, tokenizer, examples(10), RECIPE, place).history
        return weights(module), history

    whole, history = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "stopped", stop=4)
    again, same_history = run(tmp_path / "stopped")
    assert same(whole, again)
    assert ordered(history) == ordered(same_history)


def test_two_models_on_disk_have_the_same_bytes(source: Model, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    found = []
    for name in ("one", "two"):
        _, tuned = learned(source, "dora", tokenizer, tmp_path / name)
        tuned.save(target := Model(tmp_path / f"{name}-sft"), source=source, facts={})
        found.append(target)
    assert found[0].digest == found[1].digest
    config = json.loads((found[0].path / Model.ADAPTER / "adapter_config.json").read_text())
    assert config["target_modules"] == ["q_proj", "v_proj"]
    assert config["base_model_name_or_path"] == source.path.as_posix()


def test_a_model_that_is_handed_on_leaves_behind_how_it_was_trained(source: Model, tmp_path: Path) -> None:
    tuned = attach(disk.load(source, device="cpu"), adapter("tokens"), seed=1, section="sft")
    tuned.save(trained := Model(tmp_path / "sft"), source=source, facts={})
    hand_on(trained, target := Model(tmp_path / "dpo"), "preferences to learn from")
    assert trained.has("adapter/adapter_config.json")
    assert sorted(target.manifest.files) == sorted(trained.own_files)
    assert same(weights(disk.load(target, device="cpu")), weights(disk.load(trained, device="cpu")))


def test_a_policy_that_is_compared_has_no_dropout() -> None:
    with pytest.raises(PipelineError, match=r"align\.dpo\.adapter\.dropout is 0\.1") as fault:
        attach_policy(tiny(1), adapter("lora", dropout=0.1), seed=1, section="align.dpo")
    assert fault.value.mend == "adapter.dropout=0"


def test_modules_that_a_model_lacks_are_named_with_those_it_has() -> None:
    module = build(shape_of("mamba2"), vocabulary=VOCABULARY, seed=1)
    with pytest.raises(PipelineError, match="ia3 can't be added to a model of type mamba2") as fault:
        attach(module, adapter("ia3"), seed=1, section="sft")
    assert fault.value.mend.startswith("adapter.target_modules=[in_proj,out_proj] ")


@pytest.mark.parametrize("kind", ["gpt2", "mamba2", "lstm", "mixtral", "transformer"])
def test_lora_finds_the_matrices_of_any_kind_of_model(kind: str) -> None:
    module, before = (build(shape_of(kind), vocabulary=VOCABULARY, seed=1).eval() for _ in range(2))
    names = ["in_proj"] if kind == "mamba2" else "all-linear"  # peft refuses out_proj, which a kernel may read without asking the module
    tuned = attach(module, adapter("lora", target_modules=names), seed=1, section="sft")
    with torch.no_grad():
        for weight in module.parameters():
            if weight.requires_grad:
                weight.add_(0.05)
        adapted = module(input_ids=IN).logits
        assert not torch.allclose(adapted, before(input_ids=IN).logits)
        torch.testing.assert_close(tuned.merge()(input_ids=IN).logits, adapted, rtol=1e-4, atol=1e-5)
    assert weights(module).keys() == weights(before).keys()


def test_peft_is_imported_only_when_a_module_is_to_be_adapted(root: Path) -> None:
    top = ast.parse((root / "pipeline/align/adapters.py").read_text()).body
    imports = [ast.unparse(node) for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
    assert any("transformers" in line for line in imports)
    assert not any("peft" in line for line in imports)


@pytest.mark.parametrize("method", ["ppo", "grpo"])
def test_a_policy_that_samples_learns_what_was_added_alone_and_goes_on_to_the_same_bits(method: str, tmp_path: Path) -> None:
    """Its reference is the model with nothing added: the first answers are no distance away."""
    how = How(adapter=adapter("lora"))
    whole = SAMPLING[method](None, workspace(tmp_path / "whole"), how=how)
    assert abs(whole.history[0]["kl"]) < 1e-5
    policy = {name.removeprefix("policy/"): weight for name, weight in whole.weights.items() if not name.startswith("critic/")}
    plain = {name.replace(".base_layer", "").replace(".token_adapter", ""): weight for name, weight in policy.items()}
    assert same({name: plain[name] for name in weights(tiny(1))}, weights(tiny(1)))
    assert all(weight.any() for name, weight in policy.items() if "lora_B" in name)

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        SAMPLING[method](None, workspace(tmp_path / "stopped", stop_at), how=how)
    again = SAMPLING[method](None, workspace(tmp_path / "stopped"), how=how)
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)
