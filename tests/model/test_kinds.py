"""Kinds: each builds, learns, comes back from disk, answers with a cache as without, and keeps documents of a row apart."""

import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedModel

from pipeline.align.scalar_head import with_scalar_head
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.evaluate.choices import continued
from pipeline.export.architectures import OWN as OURS
from pipeline.model.build import build
from pipeline.model.count import matrices
from pipeline.model.disk import load, save
from pipeline.model.generate import generate
from pipeline.model.own import OwnConfig
from pipeline.model.reward import rewards_by_head, rewards_of
from pipeline.model.score import answer_logprobs
from pipeline.model.shapes import KINDS as CLASSES
from pipeline.model.shapes import checked
from pipeline.tokens.special import ASSISTANT, END, IDS
from pipeline.train.optimizers.choice import Optimizers
from tests.model.conftest import SIZE
from tests.model.every_kind import KINDS, OWN, shape_of
from tests.train.conftest import fitting

ROWS = torch.randint(6, SIZE, (4, 24), generator=torch.Generator().manual_seed(3))
DOCUMENTS = ((0, 7), (7, 19), (19, 24))  # of each row
POSITIONS = torch.cat([torch.arange(last - first) for first, last in DOCUMENTS])[None].expand(4, -1)
PROMPTS = [[0, 3, 50, 60, 4], [0, 3, *range(80, 95), 4], [0]]


@pytest.fixture(scope="module", params=KINDS)
def loud(request: pytest.FixtureRequest) -> PreTrainedModel:
    """A module of each kind whose matrices are ten times as large as fresh ones: its words differ in likelihood.

    Not those from state to state: last bits would grow from token to token.
    """
    made = build(shape_of(request.param), vocabulary=SIZE, seed=1)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim >= 2 and not name.endswith("weight_hh_l0"):
                weight *= 10
    return made


def logits_of(module: PreTrainedModel, rows: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = module(input_ids=rows, attention_mask=torch.ones_like(rows), use_cache=False).logits
    return found


def loss_of(module: PreTrainedModel, rows: Tensor) -> Tensor:
    logits = module(input_ids=rows, attention_mask=torch.ones_like(rows), use_cache=False).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def gradients_of(module: PreTrainedModel) -> dict[str, Tensor]:
    module.zero_grad()
    loss_of(module, ROWS).backward()
    return {name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None}


def test_every_kind_is_listed() -> None:
    assert sorted(kind.__name__.lower() for kind in CLASSES) == KINDS
    assert sorted(path.stem for path in Path("pipeline/model/kinds").glob("[!_]*.py")) == KINDS
    assert sorted(path.stem for path in Path("conf/model").glob("*.yaml")) == sorted([*KINDS, "folder"])


def test_what_no_format_can_hold_are_the_modules_of_our_own() -> None:
    ours = {kind.model_type for kind in CLASSES if issubclass(CONFIG_MAPPING[kind.model_type], OwnConfig)}
    assert ours == set(OURS)


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_weights_depend_on_the_seed_and_know_nothing(kind: str) -> None:
    first, second, other = (build(shape_of(kind), vocabulary=SIZE, seed=seed) for seed in (1, 1, 2))
    weights = second.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in first.state_dict().items())
    name = matrices(first)[0]
    assert not torch.equal(weights[name], other.state_dict()[name])
    assert float(loss_of(first, ROWS).detach()) == pytest.approx(math.log(SIZE), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_steps_lower_the_loss_of_what_is_seen_by_a_fifth(kind: str) -> None:
    module = build(shape_of(kind), vocabulary=SIZE, seed=1).train()
    optimizers = Optimizers(module, matrices(module), fitting(seed=1), section="pretrain")
    losses = []
    for _ in range(12):
        module.zero_grad()
        loss = loss_of(module, ROWS)
        loss.backward()
        optimizers.step(1.0)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_checkpointing_gives_the_same_gradients(kind: str) -> None:
    module = build(shape_of(kind), vocabulary=SIZE, seed=1).train()
    plain = gradients_of(module)
    module.activation_checkpointing_enable()
    again = gradients_of(module)
    assert all(torch.equal(plain[name], again[name]) for name in plain)


@pytest.mark.parametrize("kind", KINDS)
def test_products_in_bf16_give_about_the_same_loss(kind: str) -> None:
    module = build(shape_of(kind), vocabulary=SIZE, seed=1).train()
    plain = float(loss_of(module, ROWS).detach())
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(module, ROWS)
        module(input_ids=ROWS, position_ids=POSITIONS, use_cache=False)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(plain, rel=0.01)
    assert all(bool(weight.grad.isfinite().all()) for weight in module.parameters() if weight.grad is not None)


def test_a_saved_module_comes_back_to_the_bit(loud: PreTrainedModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(loud, Model(tmp_path / "base"), tokenizer=tokenizer, facts={})
    again = load(Model(tmp_path / "base"), device="cpu")
    assert torch.equal(logits_of(again, ROWS), logits_of(loud, ROWS))
    assert again.config.max_position_embeddings == 64


def test_greedy_answers_with_a_cache_are_those_without(loud: PreTrainedModel) -> None:
    answers = generate(loud, PROMPTS, max_new=12, temperature=0, seed=1, batch=3)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        plain: list[int] = []
        while len(plain) < 12 and IDS[END] not in plain:
            plain.append(int(logits_of(loud, torch.tensor([prompt + plain]))[0, -1].argmax()))
        assert answer == [token for token in plain if token != IDS[END]]


def test_what_a_recurrence_can_not_read_on_from_is_refused() -> None:
    module = build(shape_of("gru"), vocabulary=SIZE, seed=1)
    cache = module(input_ids=ROWS, use_cache=True).past_key_values
    with pytest.raises(ValueError, match="positions or a mask of all tokens"):
        module(input_ids=ROWS, past_key_values=cache)
    mask = torch.ones(4, 48, dtype=torch.long)
    mask[0, 30:] = 0
    with pytest.raises(ValueError, match="padding among the tokens"):
        module(input_ids=ROWS, attention_mask=mask, past_key_values=cache)


def test_choices_after_a_cached_context_cost_what_they_cost_in_one_piece(loud: PreTrainedModel) -> None:
    asked = [(PROMPTS[1], [[70, 71, 72], [90]]), (PROMPTS[0], [[80, 81]])]
    found = [one.nats for some in continued(loud, asked, batch=4) for one in some]
    expected = answer_logprobs(loud, [(context, choice) for context, choices in asked for choice in choices], batch=1)
    assert found == pytest.approx(expected.tolist(), rel=1e-4)


def test_documents_of_a_packed_row_do_not_see_each_other(loud: PreTrainedModel) -> None:
    with torch.no_grad():
        packed = loud(input_ids=ROWS, position_ids=POSITIONS, attention_mask=None, use_cache=False).logits
    alone = torch.cat([logits_of(loud, ROWS[:, first:last]) for first, last in DOCUMENTS], 1)
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-4 * float(alone.std()))
    assert not torch.allclose(logits_of(loud, ROWS), alone, rtol=1e-2, atol=1e-2 * float(alone.std()))  # they do see each other without


def test_rows_of_documents_of_every_length_teach_what_each_teaches_alone(loud: PreTrainedModel) -> None:
    sizes = [1, 1, 2, 3, 7, 8, 9, 16, 1]  # around the chunks of a scan
    positions = torch.cat([torch.arange(size) for size in sizes])[None]
    row = torch.randint(6, SIZE, positions.shape, generator=torch.Generator().manual_seed(4))
    sums = []
    for whole in (True, False):
        loud.zero_grad()
        pieces = [(row, positions)] if whole else [(part, torch.arange(part.shape[1])[None]) for part in row.split(sizes, 1)]
        sum(loud(input_ids=ids, position_ids=at, use_cache=False).logits.logsumexp(-1).sum() for ids, at in pieces).backward()
        sums.append({name: weight.grad.clone() for name, weight in loud.named_parameters() if weight.grad is not None})
    for name, gradient in sums[0].items():
        torch.testing.assert_close(gradient, sums[1][name], rtol=1e-3, atol=1e-4 * float(gradient.abs().max()), msg=name)


def test_a_reward_model_stands_on_every_kind(loud: PreTrainedModel) -> None:
    judge = with_scalar_head(loud, heads=1, seed=1)
    [short, long] = [ROWS[0, :9].tolist(), ROWS[1].tolist()]
    together, [alone] = rewards_of(judge, [short, long], batch=2), rewards_of(judge, [short], batch=1)
    assert together[0] == pytest.approx(float(alone), rel=1e-4, abs=1e-5)
    assert isinstance(judge, tuple(AutoModelForSequenceClassification._model_mapping.values()))


def test_a_reward_of_every_kind_can_add_how_likely_the_last_answer_is(loud: PreTrainedModel) -> None:
    head, both = (with_scalar_head(loud, heads=2, seed=1, likelihood=weight) for weight in (0.0, 3.0))
    prompt = [*ROWS[0, :4].tolist(), IDS[ASSISTANT], 9, IDS[END], 8, IDS[ASSISTANT]]
    asked = [(prompt, [7, 9, IDS[END]]), (prompt, [8, 8, 10, 6, IDS[END]])]
    whole = [[*begin, *answer] for begin, answer in asked]
    likely = answer_logprobs(loud, asked, batch=1) / torch.tensor([3, 5])
    expected = rewards_by_head(head, whole, batch=1) + 3.0 * likely.unsqueeze(1)
    torch.testing.assert_close(rewards_by_head(both, whole, batch=2), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_there_while_it_learns_and_only_then(kind: str) -> None:
    plain, dropping = (build(shape_of(kind, dropout=dropout), vocabulary=SIZE, seed=1) for dropout in (0.0, 0.5))
    assert torch.equal(logits_of(plain, ROWS), logits_of(dropping, ROWS))
    first, second = (logits_of(dropping.train(), ROWS) for _ in range(2))
    assert not torch.equal(first, second)
    assert plain.config.to_dict() == dropping.config.to_dict()


def test_a_window_hides_what_lies_before_it() -> None:
    other = ROWS.clone()
    other[:, 0] = 7  # two layers of 4 see 7 tokens
    near, all_seen = (build(shape_of("mistral", window=window), vocabulary=SIZE, seed=1) for window in (4, None))
    assert torch.equal(logits_of(near, ROWS)[:, 7:], logits_of(near, other)[:, 7:])
    assert not torch.equal(logits_of(all_seen, ROWS)[:, 7:], logits_of(all_seen, other)[:, 7:])


@pytest.mark.parametrize(("balance_loss", "told"), [(0.02, True), (0.0, False)])
def test_the_balance_of_experts_is_told_where_the_loss_counts_it(balance_loss: float, told: bool) -> None:
    module = build(shape_of("mixtral", balance_loss=balance_loss), vocabulary=SIZE, seed=1)
    output = module(input_ids=ROWS, use_cache=False)
    assert module.config.router_aux_loss_coef == balance_loss
    assert (output.aux_loss is not None) == told
    if told:
        assert float(output.aux_loss.detach()) == pytest.approx(2, rel=0.2)  # experts a token, where all are chosen alike


@pytest.mark.parametrize(
    ("kind", "change", "mend"),
    [
        ("bloom", {"intermediate_size": 64}, "model.intermediate_size=auto"),
        ("bloom", {"activation": "silu"}, "model.activation: Input should be 'gelu'"),
        ("bloom", {"kv_heads": 1}, "model.kv_heads=2"),
        ("mixtral", {"experts_per_token": 5}, "model.experts_per_token=4"),
        ("mixtral", {"balance_loss": -0.1}, "model.balance_loss: Input should be greater than or equal to 0"),
        ("mistral", {"window": 0}, "model.window: Input should be greater than 0"),
        ("deepseek", {"hidden_size": 20}, "model.hidden_size=64"),
        ("mamba2", {"intermediate_size": 48}, "model.intermediate_size=auto"),
        ("bamba", {"attention_every": 1}, "model.attention_every=2"),
        ("lstm", {"activation": "relu"}, "model.activation: Input should be 'tanh'"),
        ("cnn", {"conv_size": 1}, "model.conv_size: Input should be greater than or equal to 2"),
        ("cnn", {"conv_size": 17, "dilation": 4}, "model.dilation=1"),
        ("cnn", {"conv_size": 65, "dilation": 1}, "model.conv_size=2"),
        ("transformer", {"pattern": "full"}, "model.window=null"),
        ("transformer", {"window": None}, "model.window=16"),
        ("transformer", {"window": 64}, "model.pattern=full; model.window=null"),
        ("transformer", {"positions": "rotary"}, "model.positions: Input should be 'learned'"),
        ("qwen3", {"dropout": 1.0}, "model.dropout: Input should be less than 1"),
        ("qwen3", {"experts": 2}, "model.experts: Unexpected keyword argument"),
    ],
)
def test_what_a_kind_can_not_be_names_the_key(kind: str, change: dict[str, object], mend: str) -> None:
    with pytest.raises(PipelineError, match=mend):
        build(shape_of(kind, **change), vocabulary=SIZE, seed=1)


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_the_guide_names_every_kind_and_every_key_of_its_own(page: str) -> None:
    text = Path(page).read_text()
    own = {key for kind in KINDS for key in OWN[kind]} - {"kv_heads"} if page.startswith("docs") else set()
    assert [name for name in [*KINDS, *own] if not re.search(rf"`(model=)?{name}\b", text)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_whose_documents_are_read_one_by_one_is_not_compiled(kind: str) -> None:
    shape = checked(shape_of(kind))
    shape.refuse_compile(False)
    if kind in ("mamba2", "bamba", "rnn", "lstm", "gru"):
        with pytest.raises(PipelineError, match=r"pretrain\.compile=false"):
            shape.refuse_compile(True)
    else:
        shape.refuse_compile(True)
