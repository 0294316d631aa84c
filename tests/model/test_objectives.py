"""Every objective: it is taught in the same loop, draws the same noise however a step is cut or resumed, keeps documents apart."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import TypeAdapter
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model import count
from pipeline.model.disk import load, save
from pipeline.model.distillation import Distillation
from pipeline.model.held_out import Evaluation, SlidingWindow
from pipeline.model.objective import NextToken
from pipeline.model.objectives.base import Data, Noised, ObjectiveKind, Terms
from pipeline.model.objectives.choice import Objective
from pipeline.model.objectives.readers import READERS
from pipeline.model.shapes import KINDS, checked
from pipeline.tokens.rows import Rows
from pipeline.tokens.tokenizer import load as load_tokenizer
from pipeline.train.fit import fit
from pipeline.train.objective import Drawing, Phased
from tests.model.conftest import SIZE
from tests.model.every_kind import shape_of
from tests.packed import packed
from tests.train.conftest import RECIPE, workspace

CONF = Path(__file__).parents[2] / "conf/objective"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))
NOISED = sorted({*NAMES} - {"causal", "multi_token"})
CHANGES: dict[str, dict[str, Any]] = {
    "contrastive": {"group": 4, "min_tokens": 3, "temperature": 0.3},
    "span": {"noise_density": 0.3, "mean_span": 2.0},
}
EVALUATION = Evaluation(rows=3, batch_size=2, samples=1, prompt_tokens=4, max_new_tokens=5, temperature=0.7)
WINDOW = SlidingWindow(window=16, stride=8, batch_size=4)
STEPS = 6


def kind_of(name: str, **changes: Any) -> ObjectiveKind:
    """As conf/ has it, with these values."""
    told = yaml.safe_load((CONF / f"{name}.yaml").read_text()) | CHANGES.get(name, {}) | changes
    found: ObjectiveKind = TypeAdapter(Objective).validate_json(json.dumps(told))
    return found


def shape(**changes: Any) -> Any:
    """Heads with keys and values each, as an encoder-decoder wants them."""
    return checked(shape_of("qwen3", kv_heads=2, **changes))


def documents(many: int, *, seed: int = 1) -> Rows:
    """Documents that each repeat words of their own, in rows of 24 tokens."""
    draw = np.random.default_rng(seed)
    texts = [np.tile(draw.integers(8, SIZE, 4), 6)[: draw.integers(9, 23)].tolist() for _ in range(many)]
    return packed(texts, row=24, facts={"bytes": 1000 * (many > 0), "bits": None})


ROWS = documents(40)


@pytest.fixture(params=NAMES)
def own(request: pytest.FixtureRequest) -> ObjectiveKind:
    return kind_of(request.param)


def taught(own: ObjectiveKind, tokenizer: Tokenizer, folder: Path, *, track: Any = lambda *_: None, **changes: Any) -> PreTrainedModel:
    """A module after some steps of eight rows."""
    module = own.start(shape(), tokenizer, seed=1)
    objective = own.over(ROWS, context=64, seed=5)
    told = {"batch_tokens": 8 * ROWS.length, "log_every": 1, "eval_every": STEPS, "checkpoint_every": 2} | changes
    recipe = replace(RECIPE.lasting(STEPS), **told)
    fit(module, objective, recipe, workspace(folder, track), matrices=count.matrices(module), evaluate=lambda _: ({}, []), seed=3)
    return module


def flat(figures: dict[str, Any], at: str = "") -> dict[str, float]:
    """Those that are known, as metrics/ keeps them, by dotted names."""
    found: dict[str, float] = {}
    for name, value in json.loads(json.dumps(figures)).items():
        parts = dict(enumerate(value)) if isinstance(value, list) else value
        found |= flat(parts, f"{at}{name}.") if isinstance(parts, dict) else {} if value is None else {f"{at}{name}": value}
    return found


def weights(module: PreTrainedModel) -> list[torch.Tensor]:
    return [weight.detach() for weight in module.parameters()]


def test_every_objective_is_a_file_and_a_file_of_conf() -> None:
    files = Path("pipeline/model/objectives").glob("*.py")
    assert sorted({path.stem for path in files} - {"__init__", "base", "choice", "readers", "runs"}) == NAMES
    assert [kind_of(name).kind for name in NAMES] == NAMES


def test_its_loss_falls_by_a_fifth_on_what_it_sees(own: ObjectiveKind, tokenizer: Tokenizer, tmp_path: Path) -> None:
    objective, numbers = own.over(ROWS, context=64, seed=5), np.arange(len(ROWS))
    fresh, after = own.start(shape(), tokenizer, seed=1), taught(own, tokenizer, tmp_path, duration=RECIPE.lasting(40).duration)
    before, now = (objective.mean(module, numbers, "cpu", batch=8) for module in (fresh, after))
    assert now < 0.8 * before


def test_killed_and_started_again_it_ends_with_the_same_bits(own: ObjectiveKind, tokenizer: Tokenizer, tmp_path: Path) -> None:
    def kill(step: int, _: Any) -> None:
        if step == 5:
            raise KeyboardInterrupt

    straight = taught(own, tokenizer, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        taught(own, tokenizer, tmp_path / "killed", track=kill)
    assert all(map(torch.equal, weights(straight), weights(taught(own, tokenizer, tmp_path / "killed"))))


def test_micro_batches_lose_what_the_whole_loses(own: ObjectiveKind, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Of contrastive those that are whole groups."""
    found = []
    for size in (8, 4):
        losses: list[float] = []
        taught(own, tokenizer, tmp_path / str(size), track=lambda step, row, into=losses: into.append(row["loss"]), micro_batch=size)
        found.append(losses)
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_row_is_hidden_anew_in_each_step_and_alike_while_a_module_is_read(tokenizer: Tokenizer) -> None:
    for own in map(kind_of, NOISED):
        module, objective = own.start(shape(), tokenizer, seed=1), own.over(ROWS, context=64, seed=5)
        assert isinstance(objective, Noised)
        assert isinstance(objective, Drawing)

        def draws(learning: bool, step: int, module: Any = module, objective: Any = objective) -> list[float]:
            objective.draw(step)
            return [stream.random() for stream in objective.noise(module.train(learning), np.array([3, 7]))]

        assert draws(True, 1) == draws(True, 1)
        assert len({*draws(True, 1), *draws(True, 2), *draws(False, 1)}) == 6
        assert draws(False, 1) == draws(False, 2)


def test_what_is_held_out_is_measured_the_same_each_time_and_padding_and_batches_change_nothing(
    own: ObjectiveKind, tokenizer: Tokenizer
) -> None:
    module, held_out = own.start(shape(), tokenizer, seed=1), documents(7, seed=2)
    data = Data(ROWS, held_out, load_tokenizer(tokenizer))
    curve, again = (own.evaluate(module, data, EVALUATION, seed=1) for _ in range(2))
    assert curve == again
    assert curve[0]["val_loss"] > 0
    small, large = (own.figures(module, data, replace(WINDOW, batch_size=size), seed=1) for size in (1, 4))
    assert flat(small) == pytest.approx(flat(large), rel=1e-4)
    nothing = Data(ROWS, documents(0), data.codec)
    assert own.evaluate(module, nothing, EVALUATION, seed=1) == ({}, [])
    assert flat(own.figures(module, nothing, WINDOW, seed=1)) == {}


def test_a_row_may_be_read_in_other_ways_for_phases(own: ObjectiveKind) -> None:
    objective = own.over(ROWS, context=64, seed=5)
    assert isinstance(objective, Phased)
    longer = objective.view(1.0, 48)
    assert type(longer) is type(objective)
    assert (longer.tokens, objective.tokens) == (48, 24)


def test_what_can_not_go_on_from_a_text_is_refused_where_a_language_model_is_asked_for(
    own: ObjectiveKind, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    module = own.start(shape(), tokenizer, seed=1)
    target = Model(tmp_path / "model")
    save(own.kept(module), target, tokenizer=tokenizer, facts={"steps": 0, **own.facts})
    assert (own.kind in READERS) == bool(own.facts)
    if own.kind not in READERS:
        assert isinstance(load(target, device="cpu"), PreTrainedModel)
        return
    with pytest.raises(PipelineError, match=f"objective={own.kind}: it can't go on from a text") as fault:
        load(target, device="cpu")
    assert fault.value.mend == "objective=causal, or end with `.venv/bin/dvc repro pretrain`"


@pytest.mark.parametrize("name", NOISED)
@pytest.mark.parametrize("kind", sorted(one.__name__.lower() for one in KINDS))
def test_a_kind_that_can_not_be_told_which_tokens_see_which_is_refused(name: str, kind: str) -> None:
    made = checked(shape_of(kind, **({"kv_heads": 2} if "heads" in shape_of(kind) else {})))
    told = Section(shape=made)
    if made.any_mask and (name != "span" or kind in ("llama", "qwen3")):
        kind_of(name).agree(told)
        return
    with pytest.raises(PipelineError) as fault:
        kind_of(name).agree(told)
    assert fault.value.mend in ("model=qwen3", "model=llama")


class Section:
    """What an objective must agree with."""

    def __init__(self, **changes: Any) -> None:
        told = {"shape": shape(), "micro_batch": 12, "compile": False, "z_loss": 0.0, "loss_mean": "token"} | changes
        told = {"distillation": Distillation(teachers=0, weight=0.5, temperature=1.0)} | told
        self.__dict__.update(told)


@pytest.mark.parametrize(
    ("name", "changes", "mend"),
    [
        ("masked", {"z_loss": 1e-4}, "pretrain.z_loss=0.0"),
        ("prefix", {"loss_mean": "sentence"}, "pretrain.loss_mean=token"),
        ("span", {"distillation": Distillation(teachers=2, weight=0.5, temperature=1.0)}, "pretrain.distillation.teachers=0"),
        ("contrastive", {"micro_batch": 6}, "objective.group=6"),
        ("multi_token", {"compile": True}, "pretrain.compile=false"),
        ("span", {"compile": True}, "pretrain.compile=false"),
        ("span", {"shape": checked(shape_of("qwen3", kv_heads=1))}, "model.kv_heads=2"),
        ("span", {"shape": shape(tie_embeddings=False)}, "model.tie_embeddings=true"),
    ],
)
def test_what_would_have_no_effect_or_can_not_be_is_refused_with_the_mend(name: str, changes: dict[str, Any], mend: str) -> None:
    kind_of(name).agree(Section())
    with pytest.raises(PipelineError) as fault:
        kind_of(name).agree(Section(**changes))
    assert fault.value.mend == mend


def test_masks_can_not_be_more_than_all_that_is_hidden() -> None:
    with pytest.raises(PipelineError) as fault:
        kind_of("masked", random_ratio=0.6, keep_ratio=0.6).agree(Section())
    assert fault.value.mend == "objective.keep_ratio=0.4"


def test_the_default_is_the_next_token_with_the_weights_of_before(tokenizer: Tokenizer) -> None:
    causal = kind_of("causal")
    objective = causal.over(ROWS, context=64, seed=5, terms=Terms(0.1, "sentence"))
    module = causal.start(shape(), tokenizer, seed=1)
    plain = NextToken(ROWS, context=64, z_loss=0.1, loss_mean="sentence")
    numbers = np.arange(3)
    ours, theirs = (one.loss(copy.deepcopy(module).train(), numbers, "cpu") for one in (objective, plain))
    assert type(objective) is NextToken
    assert float(ours[0].detach()) == float(theirs[0].detach())
    assert causal.kept(module) is module
    assert not causal.facts
