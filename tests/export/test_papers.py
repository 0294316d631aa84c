"""What lies beside the weights: an answer ends where it should, the card is filled in, and the bill stands in every file."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import onnx
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.export import gguf_files, onnx_folder, transformers_folder
from pipeline.export.gguf_files import Gguf
from pipeline.export.papers import Sampling, bill_of, modelfile
from pipeline.model.disk import tokenizer_of
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import ENDS
from tests.export.conftest import AT, FOLDER, LENGTH, SAMPLING
from tests.export.test_onnx import SETTINGS as ONNX

Make = Callable[..., Model]


@pytest.fixture
def bill(model: Make, tokens: Tokens, split: Split) -> dict[str, str]:
    return bill_of(model("qwen3"), tokens, split, code="c", configuration="d")


def test_every_file_carries_the_bill(model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path, bill: dict[str, str]) -> None:
    source = model("qwen3")
    data: dict[str, Any] = {"tokens": tokens, "split": split, "bill": bill}
    transformers_folder.export(source, Exports(target / "a"), settings=FOLDER, section=AT, **data)
    gguf_files.export(source, Exports(target / "b"), settings=replace(settings, types=("F16",)), section="export.gguf", **data)
    onnx_folder.export(source, Exports(target / "c"), settings=replace(ONNX, types=("fp32",)), section="export.onnx", **data)
    config = json.loads((target / "a/safetensors/config.json").read_text())
    assert config["scriptorium"] == bill == json.loads((target / "c/config.json").read_text())["scriptorium"]
    assert set(bill) == {"model", "tokenizer", "text", "rows", "code", "configuration"}
    fields = gguf.GGUFReader(target / "b/model-F16.gguf").fields
    assert {what: fields[f"scriptorium.{what}"].contents() for what in bill} == bill
    props = {one.key: one.value for one in onnx.load(target / "c/onnx/model.onnx").metadata_props}
    assert props == {f"scriptorium.{what}": digest for what, digest in bill.items()}


def test_the_folder_tells_how_to_generate_and_how_much_it_reads(
    model: Make, tokens: Tokens, split: Split, target: Path, bill: dict[str, str]
) -> None:
    source = model("llama")
    own = replace(FOLDER, data_license="cc-by-4.0")
    transformers_folder.export(source, Exports(target), tokens=tokens, split=split, settings=own, section=AT, bill=bill)
    folder = target / "safetensors"
    generation = AutoModelForCausalLM.from_pretrained(folder).generation_config
    assert (generation.eos_token_id, generation.do_sample, generation.max_new_tokens) == (list(ENDS), True, 16)
    assert (generation.temperature, generation.top_p) == (0.7, 0.95)
    assert AutoTokenizer.from_pretrained(folder).model_max_length == LENGTH
    card = (folder / "README.md").read_text()
    assert (
        card.startswith("---\nlibrary_name: transformers\npipeline_tag: text-generation\nlicense: cc-by-4.0\n---\n# tiny")
        or "# tiny" in card
    )
    for told in (f"{source.facts['parameters']:,} parameters (llama)", f"{tokens.facts['train']['tokens']:,} tokens", bill["model"]):
        assert told in card
    assert not re.search(r"None|nan|/tmp", card)


def test_the_three_lines_of_the_card_give_an_answer(model: Make, tokens: Tokens, split: Split, target: Path, bill: dict[str, str]) -> None:
    transformers_folder.export(model("qwen3"), Exports(target), tokens=tokens, split=split, settings=FOLDER, section=AT, bill=bill)
    folder = target / "safetensors"
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    said: list[str] = []
    exec(code.replace('"."', repr(str(folder))), {"print": said.append})
    assert len(said) == 1
    assert isinstance(said[0], str)


def test_greedy_generation_names_no_temperature(model: Make, tokens: Tokens, split: Split, target: Path, bill: dict[str, str]) -> None:
    own = replace(FOLDER, sampling=Sampling(temperature=0, top_p=1.0, max_new_tokens=5))
    transformers_folder.export(model("qwen3"), Exports(target), tokens=tokens, split=split, settings=own, section=AT, bill=bill)
    generation = json.loads((target / "safetensors/generation_config.json").read_text())
    assert (generation["do_sample"], "temperature" in generation, generation["max_new_tokens"]) == (False, False, 5)


def test_an_end_that_generation_would_not_stop_at_is_noticed(
    model: Make, tokens: Tokens, split: Split, target: Path, bill: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.export.papers.ENDS", (ENDS[0],))
    with pytest.raises(PipelineError, match="safetensors: ends_missed is 1, allowed is 0"):
        transformers_folder.export(model("qwen3"), Exports(target), tokens=tokens, split=split, settings=FOLDER, section=AT, bill=bill)


def test_the_template_for_ollama_writes_a_dialogue_as_the_tokenizer_does(model: Make) -> None:
    told = modelfile("model-Q8_0.gguf", context=64, sampling=SAMPLING)
    (template,) = re.findall(r'TEMPLATE """(.*?)"""', told)
    before, turn, after = re.fullmatch(r"(.*)\{\{ range \.Messages \}\}(.*)\{\{ end \}\}(.*)", template).groups()  # type: ignore[union-attr]
    messages = [{"role": "user", "content": "the old fox"}, {"role": "assistant", "content": "red"}, {"role": "user", "content": "Ada"}]
    turns = (turn.replace("{{ .Role }}", one["role"]).replace("{{ .Content }}", one["content"]) for one in messages)
    text = before + "".join(turns) + after
    tokenizer = tokenizer_of(model("qwen3"))
    tokenizer.encode_special_tokens = False
    assert tokenizer.encode(text, add_special_tokens=False).ids == list(encode_chat(messages, tokenizer, add_generation_prompt=True)[0])
    assert told.splitlines()[0] == "FROM ./model-Q8_0.gguf"
    assert 'PARAMETER stop "<|end|>"' in told
