"""What a reward model says of whole dialogues: the number of a head at the last token and, where it has a weight, how likely the answer is.

batch B, longest sequence L, heads H, dialogues N
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutputWithPast

from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.progress import progress
from pipeline.model import disk, memory
from pipeline.model.batches import right_padded
from pipeline.model.reading import hidden_at
from pipeline.tokens.special import ASSISTANT, IDS, PAD


class _WithLikelihood:
    """Stands before a sequence classifier of transformers, whose configuration has a weight `likelihood`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        self.lm_head = None if config.tie_word_embeddings else nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **unused: Any) -> SequenceClassifierOutputWithPast:
        """The numbers of sequences that are padded on the right."""
        return SequenceClassifierOutputWithPast(logits=numbers_of(self, input_ids, attention_mask.bool()))  # type: ignore[arg-type]


def load_reward(artifact: RewardModel, *, device: str) -> PreTrainedModel:
    """The reward model, fp32, ready to read (eval mode)."""
    return disk.load_as(judge_class(AutoConfig.from_pretrained(artifact.path, local_files_only=True)), artifact, device)


def judge_class(config: PreTrainedConfig) -> Any:
    """The class of a reward model of this configuration: transformers' sequence classifier, and what `config.likelihood` asks for."""
    plain = AutoModelForSequenceClassification._model_mapping[type(config)]
    return _likely(plain) if likelihood_of(config) else plain


@cache
def _likely(plain: type) -> type:
    return type(plain.__name__, (_WithLikelihood, plain), {})


def likelihood_of(config: PreTrainedConfig) -> float:
    """The weight of an answer's mean log-probability in the reward; 0: the head alone."""
    return float(getattr(config, "likelihood", 0.0))


def without_likelihood(judge: PreTrainedModel) -> PreTrainedModel:
    """The same weights, read by the heads alone."""
    heads = copy.copy(judge)
    heads.config = copy.copy(judge.config)
    heads.config.likelihood = 0.0
    return heads


def numbers_of(
    judge: PreTrainedModel, ids: Int[Tensor, "B L"], real: Bool[Tensor, "B L"], begins: Int[Tensor, " B"] | None = None
) -> Float[Tensor, "B H"]:
    """The heads' numbers at the last token and, with a weight, that times the mean log-probability (nats a token) of the answer.

    The latter is SimPO's reward (Meng et al. 2024, eq. 4). The answer stands from `begins` on; None: behind the last `<|assistant|>`, which
    a policy may write itself. Sequences are padded on the right. Gradients flow.
    """
    last = real & ~pad(real[:, 1:], (0, 1))
    weight, score = likelihood_of(judge.config), judge.get_submodule("score")
    if not weight:
        numbers: Tensor = fine(score(hidden_at(judge, ids, real, last)))
        return numbers
    behind = _behind_last_header(ids) if begins is None else torch.arange(ids.shape[1], device=ids.device) >= begins.unsqueeze(1)
    said = (real & behind)[:, 1:]
    foretelling = pad(said, (0, 1))
    hidden = hidden_at(judge, ids, real, foretelling | last)
    at_end = last[foretelling | last]
    logits = fine(F.linear(hidden[~at_end], _head_of(judge)))
    logprobs = -F.cross_entropy(logits, ids[:, 1:][said], reduction="none")
    sums = logprobs.new_zeros(len(ids)).index_add(0, foretelling.nonzero()[:, 0], logprobs)
    likely = sums / said.sum(dim=1).clamp(min=1)
    return fine(score(hidden[at_end])) + weight * likely.unsqueeze(1)


def fine(numbers: Tensor) -> Tensor:
    """What a module computed in half precision, for sums and exponentials in fp32."""
    return numbers.float() if numbers.dtype in (torch.bfloat16, torch.float16) else numbers


def _head_of(judge: PreTrainedModel) -> Float[Tensor, "V D"]:
    """What turns its last hidden states into logits."""
    own: nn.Module | None = judge.lm_head
    embedding: nn.Module = judge.get_input_embeddings()  # type: ignore[no-untyped-call]
    return (embedding if own is None else own).get_parameter("weight")


def _behind_last_header(ids: Int[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
    headers = ids == IDS[ASSISTANT]
    return (headers.flip(1).cumsum(1).flip(1) == 0) & headers.any(dim=1, keepdim=True)


def rewards_of(
    judge: PreTrainedModel, sequences: Sequence[Sequence[int]], *, batch: int, begins: Sequence[int] | None = None
) -> Float[Tensor, " N"]:
    """The judge's number for each dialogue, `batch` at a time; no unit, only differences mean something.

    Of a judge with several heads it is their mean. `begins` says where the answers begin, as in `numbers_of`.
    """
    return rewards_by_head(judge, sequences, batch=batch, begins=begins).mean(dim=1)


@torch.no_grad()
def rewards_by_head(
    judge: PreTrainedModel, sequences: Sequence[Sequence[int]], *, batch: int, begins: Sequence[int] | None = None
) -> Float[Tensor, "N H"]:
    """The number of each head of the judge for each dialogue."""
    judge.eval()  # type: ignore[no-untyped-call]
    rewards = torch.empty(len(sequences), int(judge.config.num_labels or 1), device=judge.device)
    looked = memory.scoring if likelihood_of(judge.config) else memory.passing
    need = memory.Need(0, looked(judge, tokens=max(map(len, sequences), default=0)))
    need.refuse_beyond(memory.free(str(judge.device)), rows=min(batch, len(sequences)), key=None)
    order = sorted(range(len(sequences)), key=lambda number: len(sequences[number]))  # batches of like length waste little padding
    for start in progress(range(0, len(order), batch), "rewards"):
        numbers = order[start : start + batch]
        ids, real = right_padded([sequences[number] for number in numbers], fill=IDS[PAD], device=str(judge.device))
        first = None if begins is None else torch.tensor([begins[number] for number in numbers], device=judge.device)
        rewards[numbers] = numbers_of(judge, ids, real, first).float()
    return rewards
