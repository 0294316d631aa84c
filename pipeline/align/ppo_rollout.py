"""What a step of PPO or GRPO looks at: answers that the policy gave, and what the other models say of them.

Legend: answers B, longest sequence L, time T = L - 1: position t stands for the token that is written at
t + 1 of the sequence, and for what was known before it. Padding stands on the right, where a causal model does not see it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from pydantic import PositiveFloat
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedModel

from pipeline.align.ppo_losses import entropy
from pipeline.core.errors import PipelineError
from pipeline.model.batches import right_padded
from pipeline.model.generate import draw
from pipeline.model.plain import is_plain
from pipeline.model.reading import hidden_at
from pipeline.model.reward import fine, numbers_of, rewards_of, without_likelihood
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.special import END, IDS, PAD

ScoreClip = PositiveFloat  # deviations of the reward: a model far outside what it was trained on is not to be believed
SCALE_PAIRS = 128  # preferences from which mean and deviation of the reward are taken


@dataclass(frozen=True)
class Answers:
    """Sampled dialogues, right-padded. `mask` is true at what the policy wrote, its `<|end|>` included."""

    ids: Int[Tensor, "B L"]
    real: Bool[Tensor, "B L"]
    mask: Bool[Tensor, "B T"]
    ended: Bool[Tensor, " B"]  # the policy stopped by itself within max_new_tokens

    @property
    def begins(self) -> Int[Tensor, " B"]:
        """Where what the policy wrote begins, in ids."""
        return self.real.sum(dim=1) - self.mask.sum(dim=1)

    def take(self, at: Int[Tensor, " N"]) -> "Answers":
        """Some of the dialogues, no longer than the longest of them."""
        longest = int(self.real[at].sum(dim=1).max())
        return Answers(self.ids[at, :longest], self.real[at, :longest], self.mask[at, : longest - 1], self.ended[at])


@dataclass(frozen=True)
class Scale:
    """Turns the reward model's numbers into rewards of mean 0 and deviation 1 over the answers of the preferences, bounded."""

    mean: float
    deviation: float
    bound: float
    expected: float  # mean of the heads alone: where a critic, a copy of them, begins

    def __call__(self, numbers: Tensor) -> Tensor:
        return ((numbers - self.mean) / self.deviation).clamp(-self.bound, self.bound)


def scale_of(reward: PreTrainedModel, pairs: Sequence[Pair], *, clip: float, batch: int) -> Scale:
    """Mean and deviation of the reward over both answers of the first preferences; `clip` is the most that is earned or lost."""
    some = [(pair.prompt, answer) for pair in pairs[:SCALE_PAIRS] for answer in (pair.chosen, pair.rejected)]
    sequences, begins = [[*prompt, *answer] for prompt, answer in some], [len(prompt) for prompt, _ in some]
    rewards = rewards_of(reward, sequences, batch=batch, begins=begins).double()
    deviation = rewards.std(correction=0).item()
    if not deviation > 0:
        raise PipelineError(
            "the reward model gives every answer the same score: there is nothing to learn from it", mend="a longer reward.duration"
        )
    heads = rewards_of(without_likelihood(reward), sequences, batch=batch)
    return Scale(rewards.mean().item(), deviation, clip, heads.double().mean().item())


def sample_answers(
    policy: PreTrainedModel, prompts: Sequence[list[int]], *, max_new_tokens: int, seed: int, batch: int
) -> tuple[Answers, Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """One answer a prompt, drawn from the policy's own distribution (temperature 1, or the gradient would be another's), with the policy's
    log-probabilities and entropies as `read_by` gives them.

    These are the sampler's own where it is known to compute as the policy that learns does, up to float sums: on a CPU in fp32, by the
    decoder of ours. In half precision its sums are rounded at other places, a mixture of experts may choose others, and a GPU was not
    measured: there the answers are read once more.
    """
    ids, told = draw(policy, list(prompts), max_new=max_new_tokens, seed=seed, batch=batch)
    answers = pack_answers(prompts, ids, max_new_tokens=max_new_tokens, device=str(policy.device))
    if policy.device.type != "cpu" or not is_plain(policy) or torch.is_autocast_enabled("cpu"):
        logprobs, entropies = in_parts(lambda some: torch.stack(read_by(policy, some)), answers, batch=batch)
        return answers, logprobs, entropies
    written = torch.arange(max_new_tokens, device=policy.device) < answers.mask.sum(dim=1, keepdim=True)
    blank = torch.zeros_like(answers.mask, dtype=told.logprobs.dtype)
    logprobs, entropies = (blank.masked_scatter(answers.mask, one[written]) for one in (told.logprobs, told.entropies))
    return answers, logprobs, entropies


def pack_answers(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, max_new_tokens: int, device: str) -> Answers:
    """Prompts and answers as tensors. An answer that filled its space did not end; the others get their `<|end|>` back."""
    ended = [len(answer) < max_new_tokens for answer in answers]
    return given(prompts, [[*answer, *[IDS[END]] * stop] for answer, stop in zip(answers, ended, strict=True)], ended, device=device)


def given(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], ended: Sequence[bool], *, device: str) -> Answers:
    """Prompts and answers, whose ends stand in them, as tensors."""
    ids, real = right_padded([[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)], fill=IDS[PAD], device=device)
    first = torch.tensor([len(prompt) for prompt in prompts], device=device).unsqueeze(1)
    mask = real & (torch.arange(ids.shape[1], device=device) >= first)
    return Answers(ids, real, mask[:, 1:], torch.tensor(list(ended), device=device))


def written(answers: Answers) -> list[list[int]]:
    """The ids that the policy wrote, each with its `<|end|>`."""
    return [row[1:][mask].tolist() for row, mask in zip(answers.ids, answers.mask, strict=True)]


def texts_of(answers: Answers, tokenizer: Tokenizer) -> list[str]:
    """The words that it wrote."""
    return [tokenizer.decode([token for token in ids if token != IDS[END]], skip_special_tokens=False) for ids in written(answers)]


def in_parts(look: Callable[[Answers], Float[Tensor, "K B T"]], answers: Answers, *, batch: int) -> Float[Tensor, "K B T"]:
    """What `look` says of each token, asked for `batch` answers at a time; 0 where a part ends before the longest."""
    time = answers.mask.shape[1]
    parts = [look(answers.take(at)) for at in torch.split(torch.arange(len(answers.ids)), batch)]
    return torch.cat([pad(part, (0, time - part.shape[2])) for part in parts], dim=1)


def logprobs_of(module: PreTrainedModel, answers: Answers) -> Float[Tensor, "B T"]:
    """The log-probability (nats) that the module gives to each token of the answers; 0 elsewhere.

    Only where an answer stands is the vocabulary looked at: that is a third of the positions.
    """
    return _at_answers(answers, _taken(_choices(module, answers), answers))


@torch.no_grad()
def read_by(module: PreTrainedModel, answers: Answers) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """logprobs_of, and the entropy before each token."""
    choices = _choices(module, answers)
    return _at_answers(answers, _taken(choices, answers)), _at_answers(answers, entropy(choices))


def _choices(module: PreTrainedModel, answers: Answers) -> Float[Tensor, "N V"]:
    """Log-probabilities of all tokens at each place of the answers."""
    hidden = hidden_at(module, answers.ids, answers.real, pad(answers.mask, (0, 1)))
    logits: Tensor = fine(module.get_output_embeddings()(hidden))  # type: ignore[no-untyped-call]
    return logits.log_softmax(dim=-1)


def _taken(choices: Float[Tensor, "N V"], answers: Answers) -> Float[Tensor, " N"]:
    return choices.gather(1, answers.ids[:, 1:][answers.mask].unsqueeze(1)).squeeze(1)


def _at_answers(answers: Answers, numbers: Float[Tensor, " N"]) -> Float[Tensor, "B T"]:
    return torch.zeros_like(answers.mask, dtype=numbers.dtype).masked_scatter(answers.mask, numbers)


def values_of(critic: PreTrainedModel, answers: Answers, scale: Scale) -> Float[Tensor, "B T"]:
    """What the critic expects at the end, before each token is written; 0 elsewhere. It has the reward model's heads, and its scale.

    Of several heads it is their mean.
    """
    values = _said(critic, answers, pad(answers.mask, (0, 1)))
    return _at_answers(answers, (values - scale.expected) / scale.deviation)


@torch.no_grad()
def scores_of(reward: PreTrainedModel, answers: Answers, scale: Scale, *, missing_eos_penalty: float, batch: int) -> Float[Tensor, " B"]:
    """The reward for each whole answer, less the penalty where `<|end|>` is missing."""
    parts = [answers.take(at) for at in torch.split(torch.arange(len(answers.ids)), batch)]
    numbers = torch.cat([numbers_of(reward, part.ids, part.real, part.begins).mean(dim=1) for part in parts])
    return scale(numbers) - missing_eos_penalty * (~answers.ended).float()


def _said(judge: PreTrainedModel, answers: Answers, wanted: Bool[Tensor, "B L"]) -> Float[Tensor, " N"]:
    """The mean of the judge's heads at each wanted position."""
    numbers: Tensor = fine(judge.get_submodule("score")(hidden_at(judge, answers.ids, answers.real, wanted))).mean(dim=1)
    return numbers
