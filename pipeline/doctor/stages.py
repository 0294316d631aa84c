"""Each stage: how long it takes here and how much memory, by its last run, by a dry step, or by an estimate."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.blocks import Block
from pipeline.core.memory import OutOfMemory
from pipeline.core.remaining import told_key, took
from pipeline.doctor.finding import Finding, size
from pipeline.train.duration import Duration

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pipeline.model.memory import Need
    from pipeline.model.objectives.base import ObjectiveKind
    from pipeline.pretraining.dry_step import Measured

LAST, OTHER, DRY = "last run", "last run, with other settings", "dry step"
HELD = {"dpo": 2, "kto": 2}  # models: the one that learns and the one that it is compared with
LEARN, PLAYERS = {"ppo": 2, "grpo": 1}, {"ppo": 4, "grpo": 3}  # models that learn; that are held


@dataclass(frozen=True)
class Look:
    """What is known of a stage."""

    name: str  # align/dpo
    seconds: float | None = None
    by: str = ""  # what says so
    memory: int | None = None  # bytes
    measured: bool = False  # the memory, not estimated
    mend: str | None = None  # where it is more than there is


def times(blocks: Sequence[Block], settings: Mapping[str, Any], log: Path, *, dry: float | None = None) -> list[Look]:
    """How long each of the blocks takes. `dry`: seconds that pretraining takes by a dry step."""
    looks = []
    for block in blocks:
        last = took(block, log)
        if last and last.told == told_key(block, settings):
            looks.append(Look(block.folder, last.seconds, LAST, _peak(block, log), measured=True))
        elif block.name == "pretrain" and dry is not None:
            looks.append(Look(block.folder, dry, DRY))
        elif last:
            looks.append(Look(block.folder, last.seconds, OTHER))
        else:
            looks.append(Look(block.folder))
    return looks


def pretraining_seconds(settings: Mapping[str, Any], found: "Measured", *, tokens: int | None) -> float | None:
    """Of all steps, without evaluations and checkpoints; `tokens` of the training text, where epochs ask for them and they are known."""
    duration = Duration.read(settings["pretrain"]["duration"])
    if duration.seconds is not None:
        return duration.seconds
    read = tokens_read(duration, batch=settings["pretrain"]["batch_tokens"], tokens=tokens)
    return None if read is None else read * found.flops / found.speed


def tokens_read(duration: Duration, *, batch: int, tokens: int | None) -> float | None:
    """Tokens that pretraining reads; None where the machine or unknown data decide it."""
    if duration.unit == "steps":
        return float(duration.amount * batch)
    if duration.unit == "tokens":
        return float(duration.amount)
    return None if tokens is None or duration.unit != "epochs" else duration.amount * tokens


def need_of(block: Block, settings: Mapping[str, Any], module: "PreTrainedModel") -> "tuple[Need, int, int, str] | None":
    """(what a step takes beyond the models, rows at once, models that are held, key of the rows); None where nothing is estimated."""
    from pydantic import TypeAdapter

    from pipeline.align import needs
    from pipeline.model.objectives.choice import Objective
    from pipeline.pretraining.dry_step import device_of, ranks_of
    from pipeline.tokens.rows import rows_by_lot

    group, _, entry = block.folder.partition("/")
    if block.name == "pretrain":
        own = settings["pretrain"]
        full = rows_by_lot(own["micro_batch"], length=settings["tokenize"]["sequence_length"], vocabulary=int(module.config.vocab_size))
        objective: ObjectiveKind = TypeAdapter(Objective).validate_json(json.dumps(own["objective"]))
        if objective.kind == "span":
            return None  # an encoder and a decoder, whose module this is not
        need = objective.over(full, context=settings["model"]["context"], seed=1).need(module)
        ranks = ranks_of(settings) if device_of(settings) == "cpu" else 1  # that share the memory
        held = ranks * (1 + own["distillation"]["teachers"])
        return replace(need, once=ranks * need.once, row=ranks * need.row), own["micro_batch"], held, "pretrain.micro_batch"
    section = settings.get(group, {}) if not entry else settings.get(group, {}).get(entry, {})
    method, at = section.get("method", group), ".".join(block.folder.split("/"))
    if group not in ("sft", "reward", "align") or (section.get("adapter") or {"method": "full"})["method"] != "full":
        return None
    context = settings["model"]["context"]
    longest = section["max_length"] if isinstance(section.get("max_length"), int) else context
    if method in LEARN:
        new = section["max_new_tokens"] if isinstance(section["max_new_tokens"], int) else context // 2
        steps = needs.exploring([module] * LEARN[method], longest=longest, new=new)
        rows = [min(section["micro_batch"] or size, size) for size in (section["rollout_batch"], section["mini_batch_size"])]
        need, at_once = max(zip(steps, rows, strict=True), key=lambda one: one[0].once + one[0].row * one[1])
        return need, at_once, PLAYERS[method], f"{at}.micro_batch"
    if method in needs.SIDES:
        batch = section["batch_size"]
        at_once, sides = section["micro_batch"] or batch, needs.SIDES[method]
        need = needs.fine_tuning(module, batch=batch, at_once=at_once, sides=sides, longest=longest, tiled=True)
        return need, at_once, HELD.get(method, 1), f"{at}.micro_batch"
    return None


def with_memory(look: Look, block: Block, settings: Mapping[str, Any], module: "PreTrainedModel", *, free: int | None) -> Look:
    """The look with what the stage takes of memory, `free` bytes of which there are."""
    from pipeline.model import count

    if (told := need_of(block, settings, module)) is None:
        return look
    need, rows, held, key = told
    models, mend = held * count.FP32 * count.parameters(module), None
    try:
        need.refuse_beyond(None if free is None else max(0, free - models), rows=rows, key=key)
    except OutOfMemory as fault:
        mend = fault.mend
    if look.measured:
        return Look(look.name, look.seconds, look.by, look.memory, measured=True, mend=mend)
    return Look(look.name, look.seconds, look.by, models + need.once + rows * need.row, mend=mend)


def lacks(looks: Sequence[Look]) -> list[Finding]:
    """The stages that take more memory than there is."""
    return [Finding("memory", f"{look.name} takes {size(look.memory or 0)}, more than is free", look.mend) for look in looks if look.mend]


def _peak(block: Block, log: Path) -> int | None:
    content = json.loads((log / f"{block.folder}.json").read_text(encoding="utf-8"))
    return int(content["peak_megabytes"]) << 20 if "peak_megabytes" in content else None
