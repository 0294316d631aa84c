"""The settings against the data: how often a training reads it; and one dialogue as a model is taught it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tokenizers
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json
from pipeline.doctor.finding import Finding
from pipeline.doctor.stages import tokens_read
from pipeline.model.objectives.readers import READERS
from pipeline.model.size import PASSES
from pipeline.tokens.chat import TEMPLATE, encode_chat
from pipeline.tokens.importing import import_from
from pipeline.tokens.kinds import byte
from pipeline.tokens.kinds.parts import ALPHABET
from pipeline.tokens.special import END, ENDOFTEXT, IDS
from pipeline.tokens.tokenizer import load
from pipeline.train.duration import Duration

SPOKEN = [{"role": "user", "content": "What is this?"}, {"role": "assistant", "content": "An example."}]
T = TypeVar("T")
MANY = 20  # passes over dialogues: from there a fine-tuning learns them by heart


def text_tokens(metrics: Path) -> int | None:
    """Tokens of the last run's training text; None where it did not tell."""
    return _told(metrics / "tokenize.json", "train", "tokens")


def _told(file: Path, *keys: str) -> int | None:
    """A number of a file of metrics; None where that is not there, or not as we write it: its stage writes it anew."""
    try:
        found = read_json(file)
        for key in keys:
            found = found[key]
        return int(found)
    except (PipelineError, KeyError, TypeError, ValueError):
        return None


def passes(settings: Mapping[str, Any], metrics: Path) -> list[Finding]:
    """How often pretraining reads the text and sft the dialogues of the last run; None of them is known before there was one."""
    found, tokens, own = [], text_tokens(metrics), settings["pretrain"]
    duration = Duration.read(own["duration"])
    read = tokens_read(duration, batch=own["batch_tokens"], tokens=tokens)
    if tokens is None or read is None:
        found.append(Finding("schedule", f"pretraining for {duration}; how often that reads the text is known after `tokenize`"))
    else:
        told = f"pretraining reads {read / 1e6:,.2f} M tokens, the text of the last run {_times(read / tokens)}"
        fits = f"make repro SET=pretrain.duration={PASSES}epochs, or more text"
        found.append(Finding("schedule", told, fits if read > PASSES * tokens else None, stops=False))
    rows = _told(metrics / "dialogues.json", "instructions_by_part", "train")
    asked = Duration.read(settings["sft"]["duration"])
    if rows and asked.unit in ("steps", "epochs"):
        times = asked.amount if asked.unit == "epochs" else asked.amount * settings["sft"]["batch_size"] / rows
        fits = f"make repro SET=sft.duration={MANY}epochs, or more dialogues"
        found.append(Finding("schedule", f"sft reads {rows:,} dialogues {_times(times)}", fits if times > MANY else None, stops=False))
    return found


def _times(share: float) -> str:
    return f"{share:.1f} times" if share >= 1 else f"to {share:.0%}"


def ending(settings: Mapping[str, Any]) -> list[Finding]:
    """Whether the chain can't go on behind `pretrain`, since what is pretrained can't write."""
    objective = settings["objective"]["kind"]
    if objective not in READERS:
        return []
    told = f"a model of objective={objective} reads and can't write: all that comes after `pretrain` refuses it"
    return [Finding("objective", told, f"objective=causal, or .venv/bin/dvc exp run -S objective={objective} pretrain, which ends there")]


@dataclass(frozen=True)
class Shown:
    """A dialogue in pieces: each a run of tokens as text, and whether it is trained on."""

    pieces: tuple[tuple[str, bool], ...]
    by: str  # whose words and whose tokens
    finding: Finding


def dialogue(data: Path, imported: Path | None = None) -> Shown:
    """The first dialogue of `data`/dialogues under the tokenizer of `data`/tokenizer, or one that is `imported`, through template and mask.

    Before these are there an exchange of our own, or bytes as tokens, stand for them.
    """
    faults = list[PipelineError]()
    messages = _if_there(data / "dialogues", lambda folder: _first(Dialogues(folder)), faults)
    whose = "an example, since `dialogues` has not run" if messages is None else "the first dialogue of training"
    messages = messages or SPOKEN
    if imported is not None:
        tokenizer, template, whose = import_from(imported), TEMPLATE, f"{whose}; tokens of {imported}"
    elif (found := _if_there(data / "tokenizer", lambda folder: _ours(Tokenizer(folder)), faults)) is not None:
        tokenizer, template = found
    else:
        tokenizer, template = byte.train((), vocab_size=len(IDS) + ALPHABET), TEMPLATE
        whose += "; bytes as tokens, since `tokenizer` has not run"
    ids, mask = encode_chat(messages, tokenizer, add_generation_prompt=False)
    runs: list[tuple[list[int], bool]] = []
    for one, trained in zip(ids, mask, strict=True):
        if not runs or runs[-1][1] != trained:
            runs.append(([], trained))
        runs[-1][0].append(one)
    pieces = tuple((tokenizer.decode(run, skip_special_tokens=False), trained) for run, trained in runs)
    if faults:
        return Shown(pieces, whose, Finding("chat", faults[0].message, faults[0].mend, stops=False))
    return Shown(pieces, whose, _judged(messages, ids, mask, tokenizer, template, imported))


def _if_there(folder: Path, read: Callable[[Path], T | None], faults: list[PipelineError]) -> T | None:
    """What is read of an artifact; None where it is not there, or is damaged: then it is made anew, which is worth knowing."""
    try:
        return read(folder) if folder.is_dir() else None
    except PipelineError as fault:
        faults.append(fault)
        return None


def _first(dialogues: Dialogues) -> list[dict[str, str]] | None:
    return next((row["messages"] for row in dialogues.rows("instructions") if row["part"] == "train"), None)


def _ours(artifact: Tokenizer) -> tuple[tokenizers.Tokenizer, str]:
    return load(artifact), artifact.file("chat_template.jinja").read_text(encoding="utf-8")


def _judged(
    messages: list[dict[str, str]], ids: list[int], mask: list[bool], tokenizer: tokenizers.Tokenizer, template: str, imported: Path | None
) -> Finding:
    rendered = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    text = rendered.render(messages=messages, bos_token=ENDOFTEXT, add_generation_prompt=False)
    tokenizer.encode_special_tokens = False  # other programs read them in a text that a template renders
    if tokenizer.encode(text, add_special_tokens=False).ids != ids:
        mend = "make repro SET=tokenizer=bpe, or another tokenizer.path" if imported else "rm -r data/tokenizer, then make repro"
        return Finding("chat", f"the chat template renders other tokens by {imported or 'data/tokenizer'} than a model is taught", mend)
    trained = [one for one, taught in zip(ids, mask, strict=True) if taught]
    if not trained or trained[-1] != IDS[END]:
        mend = "make doctor DATA=DIR, of dialogues with an assistant's answer: see docs/alignment.md"
        return Finding("chat", "no turn of an assistant is trained on", mend)
    return Finding("chat", f"{len(trained)} of {len(ids)} tokens are trained on, an answer's end among them; the template renders the same")
