"""What an exported folder says about itself: a bill of materials, how to generate, a model card.

All of it follows from the inputs of the stage, so the bytes are equal in every clone. Scores, hardware, time and cost are not here:
scores are made beside the export, the others pass; `make card` joins them.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.bounds import PositiveFraction
from pipeline.core.files import read_json, write_json
from pipeline.model.disk import tokenizer_digest
from pipeline.tokens.special import END, ENDOFTEXT, ENDS

WEIGHTS = "model.safetensors"
WHOLE = "Loaded back by transformers, the logits on held-out rows are the trained model's to the bit"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a program that asks nothing else answers with the model."""

    temperature: Annotated[float, Field(ge=0)]  # 0: greedy
    top_p: PositiveFraction  # the likeliest tokens with so much probability together are drawn from
    max_new_tokens: PositiveInt


def bill_of(source: Model, tokens: Tokens, split: Split, *, code: str, configuration: str) -> dict[str, str]:
    """The bill of materials: digests of all that a file is made of. `make verify` follows the model's through dvc.lock to what made it.

    `code` is the fingerprint of the stage's code, `configuration` that of its section.
    """
    return {
        "model": source.digest,
        "tokenizer": tokenizer_digest(source),
        "text": split.digest,
        "rows": tokens.digest,
        "code": code,
        "configuration": configuration,
    }


def notes_of(bill: Mapping[str, str]) -> dict[str, str]:
    """The bill as keys of metadata."""
    return {f"{Exports.BILL}.{what}": digest for what, digest in bill.items()}


def write_beside(
    folder: Path, module: PreTrainedModel, source: Model, bill: Mapping[str, str], sampling: Sampling, config: Mapping[str, Any]
) -> None:
    """What lies beside the weights in a folder for transformers: tokenizer, configuration with the bill, generation_config.json."""
    for name in source.own_files:
        if name != WEIGHTS:
            shutil.copyfile(source.file(name), folder / name)
    write_json(folder / "config.json", read_json(folder / "config.json") | dict(config) | {Exports.BILL: dict(bill)})
    settings = read_json(folder / "tokenizer_config.json") | {"model_max_length": module.config.max_position_embeddings}
    write_json(folder / "tokenizer_config.json", settings)
    asked = read_json(folder / "generation_config.json") | generation(module, sampling)
    write_json(folder / "generation_config.json", dict(sorted(asked.items())))


def generation(module: PreTrainedModel, sampling: Sampling) -> dict[str, Any]:
    """generation_config.json: where an answer ends, how it is drawn."""
    ends = {"eos_token_id": list(ENDS), "bos_token_id": module.config.bos_token_id, "pad_token_id": module.config.pad_token_id}
    drawn = {"temperature": sampling.temperature, "top_p": sampling.top_p} if sampling.temperature else {}
    return ends | {"do_sample": sampling.temperature > 0, "max_new_tokens": sampling.max_new_tokens} | drawn


def modelfile(file: str, *, context: int, sampling: Sampling) -> str:
    """A Modelfile for Ollama: `ollama create NAME -f Modelfile`. Its template is that of the tokenizer, in Go's words."""
    return "\n".join(
        [
            f"FROM ./{file}",
            f'TEMPLATE """{ENDOFTEXT}{{{{ range .Messages }}}}<|{{{{ .Role }}}}|>{{{{ .Content }}}}{END}{{{{ end }}}}<|assistant|>"""',
            f'PARAMETER stop "{END}"',
            f'PARAMETER stop "{ENDOFTEXT}"',
            f"PARAMETER num_ctx {context}",
            f"PARAMETER num_predict {sampling.max_new_tokens}",
            f"PARAMETER temperature {sampling.temperature:g}",
            f"PARAMETER top_p {sampling.top_p:g}",
            "",
        ]
    )


def card(
    module: PreTrainedModel,
    source: Model,
    tokens: Tokens,
    bill: Mapping[str, str],
    *,
    name: str,
    data_license: str | None,
    perplexity: float,
    checked: str = WHOLE,
) -> str:
    """The model card, README.md of a folder for transformers, with the head that the hub reads; `perplexity` is that on held-out rows,
    `checked` what the comparison with the trained model found."""
    config, train, facts = module.config, tokens.facts["train"], source.facts
    licenses = train.get("licenses") or {}
    aligned = f" and aligned ({facts['method']})" if "method" in facts else ""
    own = [f"- {kind}: {told['documents']:,} documents, {told['bytes']:,} bytes" for kind, told in sorted(licenses.items())]
    said = f", as stated: {data_license}" if data_license else ": not stated"
    data = "\n".join([f"Licence of the data{said}.", *([""] if own else []), *own])
    head = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        *([f"license: {data_license}"] if data_license else []),
        "---",
    ]
    body = f"""
# {name}

A language model of {facts["parameters"]:,} parameters ({config.model_type}), trained from scratch{aligned}.

```python
from transformers import pipeline
chat = pipeline("text-generation", model=".")
print(chat([{{"role": "user", "content": "Who are you?"}}])[0]["generated_text"][-1]["content"])
```

## Data

{train["documents"]:,} documents, {train["tokens"]:,} tokens, a vocabulary of {tokens.facts["vocabulary"]:,}.

{data}

## Limits

- It reads {config.max_position_embeddings} tokens at most, prompt and answer together; what is longer must be cut.
- It knows what its training text says, nothing else; a model of this size invents.
- A text that is continued, not answered, begins with `{ENDOFTEXT}`: each document did in training.

## How it was checked

{checked}; perplexity there {perplexity:.4g}, rows of {tokens.facts["length"]} tokens that don't overlap.

Scores with their intervals, hardware, time and cost: `make card` in the repository of the run.

## Bill of materials

SHA-256 of all that it is made of; `make verify FILE=...` follows them to the settings and the code that made the model.

| | |
|---|---|
"""
    return "\n".join(head) + body + "".join(f"| {what} | `{digest}` |\n" for what, digest in bill.items())
