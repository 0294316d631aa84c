"""Talk to a model on the terminal: `python -m apps.chat [FOLDER]`. /reset starts over, /quit (or the end of the input) leaves."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import tokenizers
import torch
import yaml
from pydantic import TypeAdapter, ValidationError
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from pipeline.core import manifest
from pipeline.core.artifact.model import Model
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.seed import seed_of
from pipeline.model import disk
from pipeline.model.beam import beam_search
from pipeline.model.generate import generate
from pipeline.model.sampling import Cut
from pipeline.model.speculative import speculate
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.tokenizer import read

PARAMS = Path("params.yaml")


def main() -> None:
    """Read messages line by line and print the answers; works in a pipe as on a terminal."""
    options = arguments()
    try:
        cut = cut_of(options)
        module, tokenizer = opened(options.folder or final_model())
        draft = opened(options.draft)[0] if options.draft else None
    except PipelineError as fault:
        sys.exit(f"chat: {fault}")
    beginning = [{"role": "system", "content": options.system}] if options.system else []
    messages = list(beginning)
    for number, line in enumerate(lines(interactive=sys.stdin.isatty())):
        if line == "/quit":
            break
        if line == "/reset":
            messages = list(beginning)
            continue
        messages.append({"role": "user", "content": line})
        prompt = fitting(messages, tokenizer, room=module.config.max_position_embeddings - options.max_new)
        seed = seed_of(options.seed, "chat", number)
        ids = answered(module, draft, prompt, options, cut, seed)
        answer = tokenizer.decode(ids, skip_special_tokens=False)
        messages.append({"role": "assistant", "content": answer})
        print(answer, flush=True)


def answered(
    module: PreTrainedModel, draft: PreTrainedModel | None, prompt: list[int], options: argparse.Namespace, cut: Cut, seed: int
) -> list[int]:
    """The ids of an answer, in the way that was asked for."""
    if options.beams > 1:
        return beam_search(module, prompt, beams=options.beams, max_new=options.max_new, length_penalty=1.0)[0].ids
    how = {"max_new": options.max_new, "temperature": options.temperature, "seed": seed}
    if draft is not None:
        return speculate(module, draft, prompt, ahead=4, **how).ids
    return generate(module, [prompt], batch=1, cut=cut, **how)[0]


def cut_of(options: argparse.Namespace) -> Cut:
    """What may be drawn. InputError for what is out of its bounds, or would have no effect."""
    asked = {name: getattr(options, name) for name in ("top_k", "top_p", "min_p", "repetition_penalty")}
    drawn = [f"--{name.replace('_', '-')}" for name in ("top_k", "top_p", "min_p") if asked[name] is not None]
    if drawn and options.temperature == 0:
        raise InputError(f"{' and '.join(drawn)} would have no effect: at temperature 0 nothing is drawn", mend="--temperature 0.8")
    if (options.beams > 1 or options.draft) and (drawn or asked["repetition_penalty"] is not None):
        raise InputError("what may be drawn goes with neither --beams nor --draft", mend="one of them")
    if options.beams > 1 and (options.temperature or options.draft):
        raise InputError("--beams searches, it draws nothing and takes no draft", mend="--temperature 0, without --draft")
    try:
        return TypeAdapter(Cut).validate_python(asked)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise InputError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}", mend="a value within its bounds") from fault


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.chat", description="Talk to a model. /reset starts over, /quit leaves.")
    parser.add_argument("folder", nargs="?", type=Path, help="a model's folder (default: final_model of params.yaml)")
    parser.add_argument("--system", default="", help="a system prompt")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 is greedy (default)")
    parser.add_argument("--top-k", type=int, help="draw from so many likeliest tokens")
    parser.add_argument("--top-p", type=float, help="draw from the fewest likeliest tokens that hold so much together: 0.9")
    parser.add_argument("--min-p", type=float, help="draw from tokens that are so likely in parts of the likeliest: 0.05")
    parser.add_argument("--repetition-penalty", type=float, help="makes tokens that were there less likely: 1.1")
    parser.add_argument("--beams", type=int, default=1, help="search the likeliest answer with so many beams (default: 1, none)")
    parser.add_argument("--draft", type=Path, help="a small model of the same tokenizer that proposes tokens: the same answers, sooner")
    parser.add_argument("--max-new", type=int, default=48, help="tokens an answer (default: 48)")
    parser.add_argument("--seed", type=int, default=1, help="of the sampling (default: 1)")
    return parser.parse_args()


def final_model() -> Path:
    """The model that the settings name as the last one."""
    if not PARAMS.is_file():
        raise PipelineError("there is no params.yaml, so no model to talk to", mend="make repro, or python -m apps.chat FOLDER")
    return Path(yaml.safe_load(PARAMS.read_text(encoding="utf-8"))["final_model"])


def opened(folder: Path) -> tuple[PreTrainedModel, tokenizers.Tokenizer]:
    """The model and tokenizer in a folder that transformers can read: a stage's, or an exported one."""
    missing = [name for name in ("config.json", "model.safetensors", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise PipelineError(f"{folder} is no model: it has no {', '.join(missing)}", mend="make repro, or python -m apps.chat FOLDER")
    if (folder / manifest.NAME).is_file():  # a stage's: its bytes are compared with its manifest
        return disk.load(Model(folder), device="cpu"), read(folder / "tokenizer.json")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    module: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return module, read(folder / "tokenizer.json")


def fitting(messages: list[dict[str, str]], tokenizer: tokenizers.Tokenizer, *, room: int) -> list[int]:
    """The prompt's ids; the oldest turns after a system prompt are forgotten, in `messages` too, until it fits."""
    first = int(messages[0]["role"] == "system")
    while len(ids := encode_chat(messages, tokenizer, add_generation_prompt=True)[0]) > room and len(messages) > first + 1:
        del messages[first : first + 2]
    return ids[: max(1, room - 1)] + ids[-1:] if len(ids) > room else ids


def lines(*, interactive: bool) -> Iterator[str]:
    """The lines of the standard input that say something, with a prompt sign where a person types."""
    if interactive:
        print("/reset starts over, /quit leaves", file=sys.stderr)
    while True:
        if interactive:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


if __name__ == "__main__":
    main()
