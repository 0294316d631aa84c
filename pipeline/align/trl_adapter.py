"""The one adapter to TRL: our ids and masks in, a trained module and its history out.

A method that TRL trains names its trainer in its own file, as `class Trainer(Sealed, DPOTrainer)`, and calls train().
The trainers pad and compute the losses; everything else is ours. The rows come in our order (a seeded
permutation an epoch), read straight through, so the step number is the data position. Nothing is tokenized,
cut or dropped there. Their checkpoints lie in scratch, are sealed by a manifest written last, and only one
that verifies is resumed, so a run that was killed ends with the bits of one that was not. The figures that they
tell beside the loss are means over the micro-batches.

The trainers seed the global generators of torch, numpy and random: the stated exception to the house's rule.
"""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from transformers.utils import logging

from pipeline.align.adapters import WORDS
from pipeline.align.needs import fine_tuning
from pipeline.align.order import order_of_rows
from pipeline.align.recipe import FineTuning
from pipeline.core import manifest
from pipeline.core.errors import ArtifactError
from pipeline.core.files import read_json, sync, write_json
from pipeline.core.owned import remove_folder
from pipeline.core.seed import seed_of
from pipeline.model import memory
from pipeline.tokens.special import END, ENDOFTEXT, PAD
from pipeline.train.checkpoint import KEPT
from pipeline.train.duration import Pace
from pipeline.train.precision import LossScale, products
from pipeline.train.settle import settled
from pipeline.train.stop import Interrupted, Stop
from pipeline.train.workspace import Row, Trained, Workspace

_KIND, _SCALE, _LEARNED = "trainer checkpoint", "loss_scale.json", "learned.safetensors"


def train(
    trainer_class: Any,
    module: PreTrainedModel,
    tokenizer: Tokenizer,
    rows: Sequence[Mapping[str, list[int]]],
    recipe: FineTuning,
    workspace: Workspace,
    *,
    options: Mapping[str, Any],
    **more: Any,
) -> Trained:
    """Train the module in place on rows of ids; the history by step and its amount. Goes on from the newest checkpoint that verifies.

    `trainer_class` is a Sealed trainer; `options` are its own arguments beside those that all share; `more` goes to the trainer itself.
    Interrupted after SIGTERM or Ctrl-C.
    """
    lengths = [sum(len(ids) for ids in row.values()) for row in rows]
    pace = Pace(len(rows), recipe.batch_size, recipe.batch_size * sum(map(_tokens, rows)) / len(rows))

    def trial(short: FineTuning, place: Workspace) -> None:
        train(trainer_class, copy.deepcopy(module), tokenizer, rows, short, place, options=options, **more)

    recipe = settled(recipe, pace, workspace, trial)
    newest = _newest_checkpoint(workspace.scratch)
    order = order_of_rows(lengths, steps=recipe.steps, batch=recipe.batch_size, seed=seed_of(recipe.seed, trainer_class.method))
    ordered = Dataset.from_list(list(rows)).select(order)
    names = {"bos_token": ENDOFTEXT, "eos_token": END, "pad_token": PAD}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with Stop() as stop, _no_filling(), warnings.catch_warnings():
        # TRL 1.16 asks an old name of transformers 5.23 at each step of DPO
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        args = trainer_class.arguments(**_arguments(trainer_class, recipe, workspace), **options)
        given: dict[str, Any] = {"train_dataset": ordered, "processing_class": wrapped, "callbacks": [_Watch(recipe, workspace, stop)]}
        trainer: Any = trainer_class(model=module, args=args, optimizers=(_optimizer(module, recipe), None), **given, **more)
        trainer.recipe, trainer.scale = recipe, LossScale(recipe.precision == "fp16", workspace.section)
        if newest is not None:
            trainer.scale.load(read_json(newest / _SCALE))
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
    if trainer.state.global_step < recipe.steps:
        raise Interrupted(trainer.state.global_step)
    module.eval()  # type: ignore[no-untyped-call]
    return Trained([_clean(row) for row in trainer.state.log_history if "loss" in row], pace.told(recipe.steps))


def refuse_beyond_memory(
    module: PreTrainedModel, recipe: FineTuning, workspace: Workspace, *, sides: int, longest: int, tiled: bool = True
) -> None:
    """OutOfMemory when a step, or the scoring of held-out rows after the last, takes more than is free; sequences have `longest` tokens.

    `tiled`: the fused head of sft and dpo looks at the vocabulary tile by tile.
    """
    need = fine_tuning(module, batch=recipe.batch_size, at_once=recipe.at_once, sides=sides, longest=longest, tiled=tiled)
    need.refuse_beyond(memory.free(workspace.device), rows=recipe.at_once, key=f"{workspace.section}.micro_batch")


def _tokens(row: Mapping[str, list[int]]) -> int:
    """What a module reads of a row: labels are no tokens, and a prompt stands before both answers."""
    twice = len(row.get("prompt_ids", ())) if "rejected_ids" in row else 0
    return sum(len(ids) for name, ids in row.items() if name.endswith("ids")) + twice


def _arguments(trainer_class: Any, recipe: FineTuning, workspace: Workspace) -> dict[str, Any]:
    seed = seed_of(recipe.seed, trainer_class.method, "trainer") % 2**32  # numpy takes no more bits
    return {
        "output_dir": str(workspace.scratch),
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch_size,
        "train_sampling_strategy": "sequential",  # the rows come in our order
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": recipe.warmup_steps,
        "max_grad_norm": recipe.max_grad_norm,
        "seed": seed,
        "data_seed": seed,
        "bf16": False,
        "activation_checkpointing": False,
        "pad_to_multiple_of": None,
        "use_cpu": workspace.device == "cpu",
        "dataloader_pin_memory": workspace.device != "cpu",
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_every,
        "logging_steps": 1,  # so no running mean is in flight when a checkpoint is written
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,  # its bar prints every log; ours doesn't
        "log_level": "error",
    }


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


def _optimizer(module: PreTrainedModel, recipe: FineTuning) -> torch.optim.Optimizer:
    """AdamW of what learns; the words move at a rate of their own. The trainer's schedule multiplies both."""
    embedding = module.get_input_embeddings().weight  # type: ignore[no-untyped-call]
    rest, words = list[Tensor](), list[Tensor]()
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            (words if weight is embedding or WORDS in name else rest).append(weight)
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": words, "lr": recipe.embedding_lr_scale * recipe.learning_rate}]
    return torch.optim.AdamW([one for one in groups if one["params"]], lr=recipe.learning_rate, weight_decay=0.0, fused=True)


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
            remove_folder(path)
    return None


def _step_of(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


class Sealed:
    """To stand before a trainer of TRL in a method's own class: checkpoints that are whole or absent, and silence towards the outside."""

    method: ClassVar[str]  # names the random streams
    arguments: ClassVar[type[Any]]  # the trainer's class of arguments
    sides: ClassVar[int] = 1  # sequences a row; 2: a batch holds all chosen ones, then all rejected ones
    no_tokens: ClassVar[tuple[str, ...]] = ()  # columns of a batch that have a width of their own
    recipe: Any  # a FineTuning
    scale: LossScale
    whole: dict[str, Tensor]  # the batch of the step
    model: Any
    args: Any
    state: Any

    def training_step(self, model: Any, inputs: dict[str, Tensor], num_items_in_batch: Any = None) -> Tensor:
        """The loss of the batch, and in the weights its gradient, found `recipe.at_once` rows at a time.

        A method's compute_loss gives a part the weight that it has in the whole. The trainers' own accumulation does so for a
        mean over tokens at best: means over rows and over tokens in one loss (dpo) would weigh wrong.
        """
        self.whole, losses = inputs, []
        rows = torch.arange(len(inputs["input_ids"])).view(self.sides, -1)
        for part in torch.split(rows, self.recipe.at_once, dim=1):
            at = part.flatten()
            longest = int(inputs["attention_mask"][at].sum(dim=1).max())
            some = {name: value[at] if name in self.no_tokens else value[at, :longest] for name, value in inputs.items()}
            losses.append(super().training_step(model, some, num_items_in_batch))  # type: ignore[misc]
        total = torch.stack(losses).sum()
        return self._unscaled(model, total) if self.scale.on else total

    def compute_loss(self, *given: Any, **named: Any) -> Any:
        """The trainer's, as large as fp16 needs it."""
        loss = super().compute_loss(*given, **named)  # type: ignore[misc]
        return loss * self.scale.factor(1) if self.scale.on else loss

    def _unscaled(self, model: Any, total: Tensor) -> Tensor:
        """The true loss and gradient. A step whose gradient overflows has none: the optimizer leaves weights and moments as they are."""
        factor = self.scale.factor(1)
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        torch._foreach_div_([weight.grad for weight in weights], factor)
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in weights])
        if self.scale.overflowed(self.state.global_step + 1, float(norm)):
            for weight in weights:
                weight.grad = None
        return total / factor

    def compute_loss_context_manager(self) -> AbstractContextManager[Any]:
        """All that a step computes in one precision, the reference too: a ratio of two precisions is no ratio of policies.

        Not the trainers' own: they would leave the module in it for good.
        """
        return products(self.recipe.precision, str(self.args.device))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # type: ignore[misc]
        folder = Path(self.args.output_dir)
        written = folder / f"checkpoint-{self.state.global_step}"
        write_json(written / _SCALE, self.scale.state())
        for path in [*written.rglob("*"), written, folder]:
            sync(path)
        manifest.seal(written, _KIND, {"step": self.state.global_step})
        sync(written)
        for old in sorted(folder.glob("checkpoint-*"), key=_step_of)[:-KEPT]:
            remove_folder(old)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The module as transformers does; of one whose weights are held, what learns alone."""
        learned = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        if output_dir is None or len(learned) == len(list(self.model.parameters())):
            super()._save(output_dir, state_dict)  # type: ignore[misc]
        else:
            Path(output_dir).mkdir(parents=True, exist_ok=True)
            save_file({name: weight.detach().cpu() for name, weight in learned.items()}, Path(output_dir) / _LEARNED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Put back what _save wrote."""
        if not (file := Path(resume_from_checkpoint) / _LEARNED).is_file():
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        kept, weights = load_file(file), dict(self.model.named_parameters())
        with torch.no_grad():
            for name, value in kept.items():
                weights[name].copy_(value)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """TRL writes one into the output folder at each checkpoint; ours come from the report."""

    def _send_telemetry(self) -> None:
        """TRL reports each start to its makers; nothing leaves this machine."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset  # ids already, filtered already


class _Watch(TrainerCallback):
    """Draws the bar, passes the numbers on, and turns a request to stop into a checkpoint and a stop."""

    def __init__(self, recipe: FineTuning, workspace: Workspace, stop: Stop) -> None:
        self._steps = recipe.steps
        self._workspace = workspace
        self._stop = stop
        self._bar: Iterator[int] = iter(())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar = self._workspace.steps(state.global_step, self._steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        next(self._bar, None)
        if self._stop.asked:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if "loss" in more["logs"]:
            self._workspace.refuse_nan(state.global_step, loss=more["logs"]["loss"])
            self._workspace.track(state.global_step, _clean(more["logs"]))
