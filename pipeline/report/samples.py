"""Questions with the answers of each model side by side, dialogues, and texts that the base model wrote while it learned."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import tokenizers
from markupsafe import Markup

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.report.blocks import Absent, Block, Quote, Quotes, excerpt
from pipeline.report.cleaning import Amount
from pipeline.report.figures import number
from pipeline.report.svg import element
from pipeline.tokens.chat import encode_chat

Row = Mapping[str, Any]
SEEN = 240  # tokens of a dialogue as sft sees it


def answer_blocks(answers: Sequence[Row], amount: Amount) -> Iterator[Block]:
    """Some questions, spread over all, with the greedy answer of every model."""
    if not answers:
        yield Absent("Answers side by side", "no question was asked")
        return
    for title, trained in (("A fact that no instruction told.", False), ("A fact of the instructions.", True)):
        for row in spread([row for row in answers if bool(row["trained"]) == trained], amount.examples):
            models = {
                name: said["greedy"] for name, said in row["answers"].items() if "sampled" in said
            }  # the others are files of one of them
            quotes = [Quote(_verdict(name, said), excerpt(said["text"], amount.excerpt), _mark(said)) for name, said in models.items()]
            known = f"{title} The right word is {row['value']}." if row["value"] is not None else "A held-out prompt."
            yield Quotes(excerpt(_asked(row["messages"]), amount.excerpt), quotes, known, aside=True)


def dialogue_blocks(dialogues: Dialogues, amount: Amount, tokenizer: tokenizers.Tokenizer | None) -> Iterator[Block]:
    """Some instructions, one of them as the tokens that are learned from, and a preference of each kind."""
    instructions = list(dialogues.rows("instructions"))
    for row in spread(instructions, 1):
        if tokenizer is not None:
            learned = [Quote("marked: what sft learns to write; the rest it reads", masked(row["messages"], tokenizer, SEEN))]
            yield Quotes("An instruction as sft sees it", learned)
        quotes = [Quote(message["role"], excerpt(message["content"], amount.excerpt)) for message in row["messages"]]
        yield Quotes(f"One of {number(len(instructions))} instructions", quotes, folded=True)
    by_kind: dict[str, list[Row]] = {}
    for row in dialogues.rows("preferences"):
        by_kind.setdefault(row["kind"], []).append(row)
    for kind, rows in sorted(by_kind.items()):
        row = rows[len(rows) // 2]
        quotes = [
            Quote("chosen", excerpt(row["chosen"], amount.excerpt), "good"),
            Quote("rejected", excerpt(row["rejected"], amount.excerpt), "bad"),
        ]
        title = f"One of {number(len(rows))} preferences of kind {kind.replace('_', ' ')}"
        yield Quotes(title, quotes, excerpt(_asked(row["prompt"]), amount.excerpt), folded=True, aside=True)
    bad = list(dialogues.rows_if_any("quarantine"))
    if bad:
        quotes = [Quote(f"{row['file']}, line {row['line']}", row["reason"], "bad") for row in bad[: amount.examples]]
        yield Quotes(f"Some of {number(len(bad))} rows in quarantine", quotes, folded=True)


def masked(messages: Sequence[Mapping[str, str]], tokenizer: tokenizers.Tokenizer, most: int) -> Markup:
    """A dialogue in its chat format, the tokens that are trained on marked; the first `most` tokens."""
    ids, mask = encode_chat(messages, tokenizer, add_generation_prompt=False)
    runs = groupby(zip(ids[:most], mask[:most], strict=True), key=itemgetter(1))
    texts = ((trained, tokenizer.decode([token for token, _ in run], skip_special_tokens=False)) for trained, run in runs)
    return Markup("").join(element("mark", text) if trained else text for trained, text in texts)


def learning_blocks(samples: Sequence[Row], amount: Amount) -> Iterator[Block]:
    """What the base model wrote at intervals: {step, texts}."""
    if not samples:
        yield Absent("Texts written during pretraining", "none was kept")
        return
    quotes = [
        Quote(f"after step {number(row['step'])}", excerpt(text, amount.excerpt)) for row in spread(samples, 5) for text in row["texts"][:1]
    ]
    yield Quotes("Written by the base model while it learned", quotes)


def chance_of(questions: Sequence[Row], answers: Sequence[Row]) -> float | None:
    """The share of right choices of one who guesses, over the questions that were asked."""
    asked = {row["id"] for row in answers}
    shares = [1 / len(row["choices"]) for row in questions if row["id"] in asked]
    return sum(shares) / len(shares) if shares else None


def spread(rows: Sequence[Row], count: int) -> list[Row]:
    """So many rows from the first to the last at even distances."""
    if len(rows) <= count:
        return list(rows)
    if count == 1:
        return [rows[len(rows) // 2]]
    return [rows[place * (len(rows) - 1) // (count - 1)] for place in range(count)]


def _asked(messages: Sequence[Row]) -> str:
    return " · ".join(message["content"] for message in messages if message["role"] == "user")


def _verdict(name: str, said: Row) -> str:
    judged = "" if "right" not in said else ", exact" if said["exact"] else ", right" if said["right"] else ", wrong"
    cut = "" if said["whole"] else ", cut off"
    return f"{name}{judged}{cut}, reward {number(said['reward'])}"


def _mark(said: Row) -> str:
    if "right" not in said:
        return ""
    return "good" if said["exact"] else "" if said["right"] else "bad"
