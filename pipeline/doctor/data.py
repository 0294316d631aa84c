"""The settings against the data: how often a training reads it; and one dialogue as a model is taught it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json
from pipeline.doctor.finding import Finding
from pipeline.doctor.stages import tokens_read
from pipeline.model.size import PASSES
from pipeline.tokens.chat import TEMPLATE, encode_chat
from pipeline.tokens.kinds import byte
from pipeline.tokens.kinds.parts import ALPHABET
from pipeline.tokens.special import END, ENDOFTEXT, IDS
from pipeline.tokens.tokenizer import load
from pipeline.train.duration import Duration

SPOKEN = [{"role": "user", "content": "What is this?"}, {"role": "assistant", "content": "An example."}]
MANY = 20  # passes over dialogues: from there a fine-tuning learns them by heart


def text_tokens(metrics: Path) -> int | None:
    """Tokens of the last run's training text."""
    file = metrics / "tokenize.json"
    return int(read_json(file)["train"]["tokens"]) if file.is_file() else None


def passes(settings: Mapping[str, Any], metrics: Path) -> list[Finding]:
    """How often pretraining reads the text and sft the dialogues of the last run; None of them is known before there was one."""
    found, tokens, own = [], text_tokens(metrics), settings["pretrain"]
    duration = Duration.read(own["duration"])
    read = tokens_read(duration, batch=own["batch_tokens"], tokens=tokens)
    if tokens is None or read is None:
        found.append(Finding("schedule", f"pretraining for {duration}; how often that reads the text is known after `tokenize`"))
    else:
        told = f"pretraining reads {read / 1e6:,.2f} M tokens, the text of the last run {read / tokens:.1f} times"
        fits = f"make repro SET=pretrain.duration={PASSES}epochs, or more text"
        found.append(Finding("schedule", told, fits if read > PASSES * tokens else None, stops=False))
    file = metrics / "dialogues.json"
    rows = read_json(file).get("instructions_by_part", {}).get("train") if file.is_file() else None
    asked = Duration.read(settings["sft"]["duration"])
    if rows and asked.unit in ("steps", "epochs"):
        times = asked.amount if asked.unit == "epochs" else asked.amount * settings["sft"]["batch_size"] / rows
        fits = f"make repro SET=sft.duration={MANY}epochs, or more dialogues"
        found.append(Finding("schedule", f"sft reads {rows:,} dialogues {times:.1f} times", fits if times > MANY else None, stops=False))
    return found


@dataclass(frozen=True)
class Shown:
    """A dialogue in pieces: each a run of tokens as text, and whether it is trained on."""

    pieces: tuple[tuple[str, bool], ...]
    by: str  # whose words and whose tokens
    finding: Finding


def dialogue(data: Path) -> Shown:
    """The first dialogue of `data`/dialogues under the tokenizer of `data`/tokenizer, through template and mask.

    Before these are there an exchange of our own, or bytes as tokens, stand for them.
    """
    try:
        messages = next(row["messages"] for row in Dialogues(data / "dialogues").rows("instructions") if row["part"] == "train")
        whose = "the first dialogue of training"
    except (PipelineError, StopIteration):
        messages, whose = SPOKEN, "an example, since `dialogues` has not run"
    try:
        artifact = Tokenizer(data / "tokenizer")
        tokenizer, template = load(artifact), artifact.file("chat_template.jinja").read_text(encoding="utf-8")
    except PipelineError:
        tokenizer, template = byte.train((), vocab_size=len(IDS) + ALPHABET), TEMPLATE
        whose += "; bytes as tokens, since `tokenizer` has not run"
    ids, mask = encode_chat(messages, tokenizer, add_generation_prompt=False)
    runs: list[tuple[list[int], bool]] = []
    for one, trained in zip(ids, mask, strict=True):
        if not runs or runs[-1][1] != trained:
            runs.append(([], trained))
        runs[-1][0].append(one)
    pieces = tuple((tokenizer.decode(run, skip_special_tokens=False), trained) for run, trained in runs)
    rendered = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    text = rendered.render(messages=messages, bos_token=ENDOFTEXT, add_generation_prompt=False)
    tokenizer.encode_special_tokens = False  # other programs read them in a text that a template renders
    return Shown(pieces, whose, _judged(ids, mask, tokenizer.encode(text, add_special_tokens=False).ids))


def _judged(ids: list[int], mask: list[bool], rendered: list[int]) -> Finding:
    if rendered != ids:
        message = "the chat template in data/tokenizer renders other tokens than a model is taught"
        return Finding("chat", message, "rm -r data/tokenizer, then make repro: it was changed by hand")
    trained = [one for one, taught in zip(ids, mask, strict=True) if taught]
    if not trained or trained[-1] != IDS[END]:
        return Finding("chat", "no turn of an assistant is trained on", "dialogues with an assistant's answer: see docs/alignment.md")
    return Finding("chat", f"{len(trained)} of {len(ids)} tokens are trained on, an answer's end among them; the template renders the same")
