"""Talk to a model on the terminal: `python -m apps.chat [MODEL]`, a name of the run's (sft, dpo, dpo-Q8_0) or a folder.

/model NAME, /system TEXT, /temperature N, /seed N, /thinking N (tokens, or off) change how it goes on, /back takes the last question back,
/again answers it anew, /history shows what was said, /reset starts over, /quit (or the end of the input) leaves.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

from apps.sampling import add_sampling, checked, cut_of
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.seed import seed_of
from pipeline.model.beam import beam_search
from pipeline.model.sampling import Cut
from pipeline.model.speculative import speculate
from pipeline.serve.answers import Sampling, answer
from pipeline.serve.engines import CACHE, loaded, opened
from pipeline.serve.history import fitted
from pipeline.serve.places import PARAMS, Place, chosen, final_name, is_model, place_of, places_of, settings_of
from pipeline.serve.thoughts import Parts
from pipeline.tokens.codec import Codec
from pipeline.tokens.special import THINK
from pipeline.tokens.thinking import answer_in

HELP = "/model NAME, /system TEXT, /temperature N, /seed N, /thinking N (or off), /back, /again, /history, /reset, /quit"


class Writer(Protocol):
    """What goes on from a prompt."""

    codec: Codec
    context: int  # tokens

    def write(self, prompt: list[int], sampling: Sampling) -> Iterator[str]:
        """An answer, bit by bit or at once."""
        ...


class ByToken:
    """As the playground answers."""

    def __init__(self, place: Place) -> None:
        self._engine = opened(place, threads=1, cache=CACHE)
        self.codec, self.context = self._engine.codec, self._engine.context

    def write(self, prompt: list[int], sampling: Sampling) -> Iterator[str]:
        return (one.text for one in answer(self._engine, prompt, sampling))


class Whole:
    """The likeliest answer by beams, or tokens that a draft proposes."""

    def __init__(self, place: Place, *, beams: int, draft: Path | None) -> None:
        if place.is_gguf:
            raise InputError(f"{place.name} is a GGUF file, which takes neither --beams nor --draft", mend="a folder")
        self._module, self.codec = loaded(place.path)
        self.context = int(self._module.config.max_position_embeddings)
        self._beams, self._draft = beams, loaded(draft)[0] if draft else None

    def write(self, prompt: list[int], sampling: Sampling) -> Iterator[str]:
        if sampling.thinking_budget is not None:
            raise InputError("a thinking budget goes with neither --beams nor --draft", mend="/thinking off")
        if self._draft is None:
            ids = beam_search(self._module, prompt, beams=self._beams, max_new=sampling.max_new, length_penalty=1.0)[0].ids
        else:
            how: dict[str, Any] = {"max_new": sampling.max_new, "temperature": sampling.temperature, "seed": sampling.seed}
            ids = speculate(self._module, self._draft, prompt, ahead=4, **how).ids
        yield self.codec.tokenizer.decode(ids, skip_special_tokens=False)


@dataclass
class Talk:
    """A conversation with a model, and what may change while it goes on."""

    opened: Callable[[str], Writer]
    writer: Writer
    sampling: Sampling
    system: str
    turns: list[dict[str, str]] = field(default_factory=list)  # user and assistant
    answers: int = 0

    @property
    def messages(self) -> list[dict[str, str]]:
        """What the model is told."""
        return [*([{"role": "system", "content": self.system}] if self.system else []), *self.turns]

    def say(self, text: str) -> Iterator[str]:
        """The answer, bit by bit; what the model no longer reads is told on the standard error."""
        messages = [*self.messages, {"role": "user", "content": text}]
        prompt = fitted(messages, self.writer.codec, room=self.writer.context - self.sampling.max_new)
        if prompt.forgotten or prompt.cut:
            forgotten = f"the first {prompt.forgotten} messages" if prompt.forgotten else ""
            cut = f"the last {len(prompt.cut)} tokens of this one" if prompt.cut else ""
            lost = " and ".join(filter(None, (forgotten, cut)))
            print(f"(no longer read: {lost}; the model reads {self.writer.context} tokens)", file=sys.stderr)
        sampling = replace(self.sampling, seed=seed_of(self.sampling.seed, "chat", self.answers))
        self.answers += 1
        written = THINK if Parts(self.writer.codec, prompt.ids).inside else ""
        for one in self.writer.write(prompt.ids, sampling):
            written += one
            yield one
        self.turns += [messages[-1], {"role": "assistant", "content": answer_in(written)}]


def main() -> None:
    """Read messages line by line and print the answers; works in a pipe as on a terminal."""
    options = arguments()
    try:
        now = begun(options)
    except PipelineError as fault:
        sys.exit(f"chat: {fault}")
    with suppress(KeyboardInterrupt):
        talk(now)


def talk(now: Talk) -> None:
    """Until /quit, the end of the input, or Ctrl-C."""
    for line in lines(interactive=sys.stdin.isatty()):
        if line == "/quit":
            break
        try:
            said = commanded(line, now) if line.startswith("/") else line
            if said is not None:
                for text in now.say(said):
                    print(text, end="", flush=True)
                print(flush=True)
        except PipelineError as fault:
            print(f"chat: {fault}", file=sys.stderr)


def begun(options: argparse.Namespace) -> Talk:
    """A conversation as the command line wants it. PipelineError for options that don't go together, and where there is no model."""
    cut = cut_of(options)
    otherwise = options.beams > 1 or options.draft is not None
    if otherwise and cut != Cut():
        raise InputError("what may be drawn goes with neither --beams nor --draft", mend="one of them")
    if options.beams > 1 and (options.temperature or options.draft):
        raise InputError("--beams searches, it draws nothing and takes no draft", mend="--temperature 0, without --draft")
    asked = {"temperature": options.temperature, "cut": cut, "seed": options.seed, "max_new": options.max_new}
    asked["thinking_budget"] = options.thinking_budget
    sampling: Sampling = checked(Sampling, asked)
    found, name = found_models(options.model)

    def writer(model: str) -> Writer:
        place = place_of(model, Path(model)) if is_model(Path(model)) else chosen(model, found)
        return Whole(place, beams=options.beams, draft=options.draft) if otherwise else ByToken(place)

    return Talk(writer, writer(name), sampling, options.system)


def commanded(line: str, now: Talk) -> str | None:
    """Do what a line with a slash says; what is to be asked after it, if anything. InputError for an unknown one."""
    name, _, value = line[1:].partition(" ")
    match name:
        case "reset":
            now.turns.clear()
        case "back" | "again" if now.turns:
            *now.turns, question, _ = now.turns
            return question["content"] if name == "again" else None
        case "back" | "again":
            raise InputError("nothing was asked yet", mend="a question")
        case "history":
            for turn in now.messages:
                print(f"{turn['role']}: {turn['content']}")
        case "system":
            now.system = value
        case "model":
            now.writer = now.opened(value)
        case "temperature" | "seed" | "thinking":
            given = None if (name, value) == ("thinking", "off") else value
            changed = {one.name: getattr(now.sampling, one.name) for one in fields(Sampling)}
            now.sampling = checked(Sampling, changed | {"thinking_budget" if name == "thinking" else name: given})
        case _:
            raise InputError(f"there is no /{name}", mend=HELP)
    return None


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.chat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a model of the run by name, or its folder (default: final_model of params.yaml)")
    parser.add_argument("--system", default="", help="a system prompt")
    add_sampling(parser, temperature=0.0, top_p=None, max_new=48)
    parser.add_argument("--thinking-budget", type=int, help="open a thought before each answer, of so many tokens at most")
    parser.add_argument("--beams", type=int, default=1, help="search the likeliest answer with so many beams (default: 1, none)")
    parser.add_argument("--draft", type=Path, help="a small model of the same tokenizer that proposes tokens: the same answers, sooner")
    return parser.parse_args()


def found_models(asked: str | None) -> tuple[dict[str, Place], str]:
    """The models that there are, and the name of the one that is asked for: a folder is one, too."""
    named = {asked: Path(asked)} if asked and ("/" in asked or is_model(Path(asked))) else {}
    settings = settings_of() if not named or PARAMS.is_file() else {}
    found = places_of(settings, named)
    return found, asked or final_name(settings, found)


def lines(*, interactive: bool) -> Iterator[str]:
    """The lines of the standard input that say something, with a prompt sign where a person types."""
    if interactive:
        print(HELP, file=sys.stderr)
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
