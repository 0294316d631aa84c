"""How fast answers become lessons, beside TRL: `python -m benchmarks.align [--rounds 3] [--steps 4] [--chain FOLDER]` (`make bench-align`).

PPO and GRPO of ours and TRL's GRPOTrainer (TRL took its PPO out) learn from the same model, prompts, lengths, reward model and numbers of
answers, in one process and by turns, since a busy machine slows all. Answers a CPU second on one thread, or a second on a GPU, without the
making of a trainer. PPO has a critic to train besides; ours has the guards that watch a reward. Wants a finished chain: `make repro`, or
`--chain` names a clone with one. Prints a table, and adds a dated file to results/.
"""

import argparse
import datetime
import statistics
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages._settings import compose, plain, typed  # isort: skip - the stages' fixed arithmetic comes before torch

import torch
from datasets import Dataset
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from benchmarks.generation import clock_of
from benchmarks.text import RESULTS
from pipeline.align import grpo, guards, ppo, rules
from pipeline.align.ppo_rollout import scale_of
from pipeline.align.rows import Part, read_pairs, room_for, with_room
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.files import write_json
from pipeline.model import disk
from pipeline.model.reward import load_reward
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.special import END, ENDOFTEXT, PAD
from pipeline.train.workspace import Workspace
from stages._run import FOR_DVC
from stages.align.grpo import Config as GrpoConfig
from stages.align.ppo import Config as PpoConfig

TARGET = 1.5  # answers a second of PPO over those of TRL's GRPO
TRL = "grpo, TRL"


@dataclass(frozen=True)
class Scene:
    """What all of them are given."""

    chain: Path
    settings: dict[str, Any]
    steps: int
    device: str
    tokenizer: Tokenizer
    pairs: Part[Pair]
    prompts: list[list[int]]
    test: Part[Pair]
    new: int  # tokens of an answer, at most

    @property
    def answers(self) -> int:
        """Of one run."""
        return self.steps * int(self.settings["align"]["ppo"]["rollout_batch"])

    def section(self, entry: str) -> dict[str, Any]:
        """An entry of `align` whose paths lie in the chain."""
        own = {key: value for key, value in self.settings["align"][entry].items() if key not in FOR_DVC}
        paths = {key: str(self.chain / own[key]) for key in ("source", "dialogues", "reward_model", "target")}
        return own | paths | {"duration": f"{self.steps} steps", "max_new_tokens": self.new, "max_kl": None}

    def policy(self) -> Any:
        """A fresh copy of the model that all start from."""
        return disk.load(Model(self.chain / "data/sft"), device=self.device)

    def reward(self) -> Any:
        """The reward model."""
        return load_reward(RewardModel(self.chain / "data/reward"), device=self.device)

    def guards(self) -> guards.Guards:
        """What looks on in a stage."""
        dialogues = Dialogues(self.chain / "data/dialogues")
        return guards.read_guards(dialogues, (self.pairs.rows, self.test.rows), self.prompts, self.tokenizer)

    def place(self, scratch: str) -> Workspace:
        """Where checkpoints go."""
        return Workspace(scratch=Path(scratch), device=self.device, track=lambda step, values: None, section="align")


def scene_of(chain: Path, steps: int) -> Scene:
    """Read once what every run needs."""
    settings = plain(compose(["align=[ppo,grpo]"]))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    source = Model(chain / "data/sft")
    tokenizer, policy = disk.tokenizer_of(source), disk.load(source, device="cpu")
    cfg = typed(PpoConfig, {key: value for key, value in settings["align"]["ppo"].items() if key not in FOR_DVC}, at="align.ppo")
    room = room_for(cfg, policy, section="align.ppo")
    pairs, test = read_pairs(Dialogues(chain / "data/dialogues"), ("train", "test"), tokenizer, room)
    recipe = cfg.settled(pairs.rows, context=room.context)
    prompts = with_room(pairs.rows, room, max_new_tokens=recipe.new_tokens).rows
    return Scene(chain, settings, steps, device, tokenizer, pairs, prompts, test, recipe.new_tokens)


def ours_ppo(scene: Scene, scratch: str) -> Callable[[], None]:
    """PPO as the stage runs it."""
    cfg, policy, reward = typed(PpoConfig, scene.section("ppo"), at="align.ppo"), scene.policy(), scene.reward()
    scale = scale_of(reward, scene.pairs.rows, clip=cfg.score_clip, batch=cfg.mini_batch_size)
    players = ppo.Players(policy=policy, critic=scene.reward(), reference=scene.policy(), reward=reward, guards=scene.guards())
    return lambda: ppo.improve(players, scene.prompts, scale, cfg, scene.place(scratch)) and None


def ours_grpo(scene: Scene, scratch: str) -> Callable[[], None]:
    """GRPO as the stage runs it, judged by the reward model."""
    cfg = typed(GrpoConfig, scene.section("grpo"), at="align.grpo")
    judges = {"model": grpo.as_learned(scene.reward(), scene.pairs.rows, clip=cfg.score_clip, batch=cfg.mini_batch_size)}
    asked = [rules.Asked(prompt, None) for prompt in scene.prompts]
    contest = grpo.Contest(scene.policy(), scene.policy(), judges, asked, scene.guards())
    return lambda: grpo.improve(contest, cfg, scene.place(scratch)) and None


def theirs(scene: Scene, scratch: str) -> Callable[[], None]:
    """TRL's GRPO with the same numbers: loss, KL from a reference, groups, answers a step and an update."""
    own = scene.settings["align"]["grpo"]
    special = {"bos_token": ENDOFTEXT, "eos_token": END, "pad_token": PAD}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=scene.tokenizer, padding_side="left", **special)  # type: ignore[no-untyped-call]
    judge = PreTrainedTokenizerFast(tokenizer_object=scene.tokenizer, padding_side="right", **special)  # type: ignore[no-untyped-call]
    updates = own["rollout_batch"] // own["mini_batch_size"]
    policy, reward = scene.policy(), scene.reward()
    arguments = GRPOConfig(
        output_dir=scratch,
        use_cpu=scene.device == "cpu",
        per_device_train_batch_size=own["mini_batch_size"],
        steps_per_generation=updates,
        max_steps=scene.steps * updates,
        num_generations=own["group_size"],
        max_completion_length=scene.new,
        learning_rate=own["learning_rate"],
        max_grad_norm=own["max_grad_norm"],
        beta=own["kl_coef"],
        loss_type="grpo",
        gradient_checkpointing=False,
        bf16=False,
        report_to="none",
        save_strategy="no",
        logging_steps=scene.steps * updates,
        disable_tqdm=True,
    )
    prompts = [scene.tokenizer.decode(prompt, skip_special_tokens=False) for prompt in scene.prompts]
    told = {"train_dataset": Dataset.from_dict({"prompt": prompts}), "processing_class": tokenizer}
    trainer = GRPOTrainer(model=policy, reward_funcs=reward, reward_processing_classes=judge, args=arguments, **told)
    trainer.remove_callback(PrinterCallback)
    return lambda: trainer.train() and None


RUNS: dict[str, Callable[[Scene, str], Callable[[], None]]] = {TRL: theirs, "grpo, ours": ours_grpo, "ppo, ours": ours_ppo}


def rate(make: Callable[[Scene, str], Callable[[], None]], scene: Scene) -> float:
    """Answers a second."""
    with tempfile.TemporaryDirectory() as scratch:
        work = make(scene, scratch)
        clock = clock_of(scene.device)
        began = clock()
        work()
        return scene.answers / (clock() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Some rounds of all, the first not counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="rounds of sampling and learning of each run")
    parser.add_argument("--chain", type=Path, default=Path(), help="a checkout whose chain has run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the dated file")
    options = parser.parse_args(arguments)
    if not (options.chain / "data/reward").is_dir():
        parser.error(f"no finished chain in {options.chain.resolve()}: make repro, or --chain FOLDER")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # TRL 1.16 uses old names
    scene = scene_of(options.chain, options.steps)
    rounds = [{name: rate(make, scene) for name, make in RUNS.items()} for _ in range(options.rounds + 1)][1:]
    table = Table("method", "answers/s", "of TRL's", "lowest", "highest", "target", title=f"{scene.device}, {scene.answers} answers a run")
    for name in RUNS:
        ratios = [one[name] / one[TRL] for one in rounds]
        figures = [f"{figure:.2f}" for figure in (statistics.median(ratios), min(ratios), max(ratios))]
        table.add_row(name, f"{statistics.median(one[name] for one in rounds):.1f}", *figures, f"{TARGET}" if name == "ppo, ours" else "")
    Console().print(table)
    write_json(options.out / f"align-{datetime.date.today()}.json", {"device": scene.device, "steps": scene.steps, "rounds": rounds})


if __name__ == "__main__":
    main()
