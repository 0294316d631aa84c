"""The one door to TRL: our ids and masks in, a trained module and its history out.

TRL's trainers pad and compute the losses; everything else is ours. The rows come in our order (a seeded
permutation an epoch), read straight through, so the step number is the data position. Nothing is tokenized,
cut or dropped there. Their checkpoints lie in scratch, are sealed by a manifest written last, and only one
that verifies is resumed, so a run that was killed ends with the bits of one that was not.

The trainers seed the global generators of torch, numpy and random: the stated exception to the house's rule.
"""

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from transformers.utils import logging
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

from pipeline.align.order import order_of_rows
from pipeline.align.place import History, Place, Row, refuse_nan
from pipeline.core import manifest
from pipeline.core.errors import ArtifactError
from pipeline.core.files import sync
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of
from pipeline.tokens.dialogues import Example, Pair
from pipeline.tokens.special import END, ENDOFTEXT, PAD
from pipeline.train.stop import Interrupted, Stop

_KIND = "trainer checkpoint"
_KEPT = 2  # checkpoints: the newest, and one to fall back on when it is damaged


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a module learns, whichever the loss. Linear warm-up, then linear decay to zero; AdamW without weight decay."""

    steps: int
    batch: int  # examples or pairs a step
    learning_rate: float
    words_rate: float  # times the learning rate, for the embeddings and the head that is tied to them
    warmup: int  # steps
    clip: float  # norm of the gradient
    checkpoint_steps: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Preferring(Recipe):
    """What direct preferences add."""

    beta: float  # 1/nat
    anchor: float  # weight of -log p of the chosen answers, nats a token: Pang et al. 2024, "Iterative Reasoning Preference Optimization"


def train_sft(module: PreTrainedModel, tokenizer: Tokenizer, examples: Sequence[Example], recipe: Recipe, place: Place) -> History:
    """Next-token loss where `labels` is not -100, a mean over the tokens of the step. Trains the module in place."""
    rows = [{"input_ids": list(example.ids), "labels": list(example.labels)} for example in examples]
    args = SFTConfig(**_arguments(_Sft, recipe, place), max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    return _train(_Sft, module, tokenizer, args, rows, recipe, place)


def train_reward(module: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[Pair], recipe: Recipe, place: Place) -> History:
    """Bradley-Terry loss -log sigmoid(r(chosen) - r(rejected)) of a module with one output. Trains the module in place."""
    rows = [{"chosen_ids": [*pair.prompt, *pair.chosen], "rejected_ids": [*pair.prompt, *pair.rejected]} for pair in pairs]
    args = RewardConfig(**_arguments(_Reward, recipe, place), max_length=None)
    return _train(_Reward, module, tokenizer, args, rows, recipe, place)


def train_dpo(
    module: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Tokenizer,
    pairs: Sequence[Pair],
    recipe: Preferring,
    place: Place,
) -> History:
    """-log sigmoid(beta x (log-ratio of chosen - log-ratio of rejected)), Rafailov et al. 2023, eq. 7, and the anchor.

    Trains the module in place; its log-ratios are against the reference.
    """
    rows = [{"prompt_ids": list(pair.prompt), "chosen_ids": list(pair.chosen), "rejected_ids": list(pair.rejected)} for pair in pairs]
    losses = {"beta": recipe.beta, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, recipe.anchor]}
    args = DPOConfig(**_arguments(_Dpo, recipe, place), max_length=None, **losses)
    return _train(_Dpo, module, tokenizer, args, rows, recipe, place, ref_model=reference)


def _arguments(trainer_class: type["_Sealed"], recipe: Recipe, place: Place) -> dict[str, Any]:
    seed = seed_of(recipe.seed, trainer_class.method, "trainer") % 2**32  # numpy takes no more bits
    return {
        "output_dir": str(place.scratch),
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch,
        "train_sampling_strategy": "sequential",  # the rows come in our order
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": recipe.warmup,
        "max_grad_norm": recipe.clip,
        "seed": seed,
        "data_seed": seed,
        "bf16": False,
        "activation_checkpointing": False,
        "pad_to_multiple_of": None,
        "use_cpu": place.device == "cpu",
        "dataloader_pin_memory": place.device != "cpu",
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_steps,
        "logging_steps": 1,  # so no running mean is in flight when a checkpoint is written
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,  # its bar prints every log; ours doesn't
        "log_level": "error",
    }


def _train(
    trainer_class: type[Any],
    module: PreTrainedModel,
    tokenizer: Tokenizer,
    args: Any,
    rows: Sequence[Mapping[str, list[int]]],
    recipe: Recipe,
    place: Place,
    **more: Any,
) -> History:
    """Train from the newest checkpoint that verifies, or from the start. Interrupted after SIGTERM or Ctrl-C."""
    newest = _newest_checkpoint(place.scratch)
    lengths = [sum(len(ids) for ids in row.values()) for row in rows]
    order = order_of_rows(lengths, steps=recipe.steps, batch=recipe.batch, seed=seed_of(recipe.seed, trainer_class.method))
    ordered = Dataset.from_list(list(rows)).select(order)
    names = {"bos_token": ENDOFTEXT, "eos_token": END, "pad_token": PAD}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with Stop() as stop, _no_filling(), warnings.catch_warnings():
        # TRL 1.16 asks an old name of transformers 5.23 at each step of DPO
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        watch = _Watch(recipe, place, stop, section=trainer_class.method)
        callbacks, data = [watch], {"train_dataset": ordered, "processing_class": wrapped}
        trainer = trainer_class(model=module, args=args, callbacks=callbacks, optimizers=(_optimizer(module, recipe), None), **data, **more)
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
    if trainer.state.global_step < recipe.steps:
        raise Interrupted(trainer.state.global_step)
    module.eval()  # type: ignore[no-untyped-call]
    return [_clean(row) for row in trainer.state.log_history if "loss" in row]


@contextmanager
def _no_filling() -> Iterator[None]:
    """Deterministic torch fills each new tensor with NaN, TRL's large buffers too: a quarter of SFT's time. Nobody reads them unwritten."""
    deterministic: Any = torch.utils.deterministic  # its switch is a property of the module, which mypy does not see
    before = deterministic.fill_uninitialized_memory
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        deterministic.fill_uninitialized_memory = before


def _optimizer(module: PreTrainedModel, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; the words move at a rate of their own. The trainer's schedule multiplies both."""
    words = module.get_input_embeddings().weight  # type: ignore[no-untyped-call]
    rest = [weight for weight in module.parameters() if weight is not words]
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": [words], "lr": recipe.words_rate * recipe.learning_rate}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=0.0, fused=True)


def _clean(row: Mapping[str, int | float]) -> Row:
    """What reproduces: no epoch (there is one), no count that starts anew after a resume.

    The order is ours, since a Trainer's checkpoint sorts the names: step and loss first, the others by name.
    """
    names = sorted(row.keys() - {"epoch", "num_tokens"}, key=lambda name: (name != "step", name != "loss", name))
    return {name: row[name] for name in names}


def _newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; what is torn or damaged is removed."""
    for path in sorted(folder.glob("checkpoint-*"), key=_step_of, reverse=True):
        try:
            manifest.check(path, _KIND, mend="none: an older checkpoint is taken")
            return path
        except ArtifactError:
            shutil.rmtree(path)
    return None


def _step_of(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


class _Sealed:
    """What our trainers share: checkpoints that are whole or absent, and silence towards the outside."""

    method: ClassVar[str]  # names the random streams and the section of conf
    args: Any
    state: Any

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # type: ignore[misc]
        folder = Path(self.args.output_dir)
        written = folder / f"checkpoint-{self.state.global_step}"
        for path in [*written.rglob("*"), written, folder]:
            sync(path)
        manifest.seal(written, _KIND, {"step": self.state.global_step})
        sync(written)
        for old in sorted(folder.glob("checkpoint-*"), key=_step_of)[:-_KEPT]:
            shutil.rmtree(old)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """TRL writes one into the output folder at each checkpoint; ours come from the report."""

    def _send_telemetry(self) -> None:
        """TRL reports each start to its makers; nothing leaves this machine."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset  # ids already, filtered already


class _Sft(_Sealed, SFTTrainer):
    """Next-token loss."""

    method = "sft"


class _Reward(_Sealed, RewardTrainer):
    """Bradley-Terry loss."""

    method = "reward"


class _Dpo(_Sealed, DPOTrainer):
    """Direct preference loss."""

    method = "dpo"


class _Watch(TrainerCallback):
    """Draws the bar, passes the numbers on, and turns a request to stop into a checkpoint and a stop."""

    def __init__(self, recipe: Recipe, place: Place, stop: Stop, *, section: str) -> None:
        self._steps = recipe.steps
        self._track = place.track
        self._section = section
        self._stop = stop
        self._bar: Iterator[int] = iter(())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar = progress(range(state.global_step, self._steps), "train", total=self._steps, start=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        next(self._bar, None)
        if self._stop.asked:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if "loss" in more["logs"]:
            refuse_nan(more["logs"]["loss"], step=state.global_step, section=self._section)
            self._track(state.global_step, _clean(more["logs"]))
