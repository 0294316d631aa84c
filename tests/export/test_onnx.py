"""ONNX files say in ONNX Runtime what the model says, with a cache and without, or they are not released."""

import copy
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.export import onnx_folder
from pipeline.export.answers import answers_of_files
from pipeline.export.architectures import GRAPHS
from pipeline.export.onnx_folder import Bounds, Onnx
from pipeline.export.onnx_graph import _FORMS, Held, graph_of
from pipeline.export.onnx_session import Session
from pipeline.export.openvino_reader import OpenVino
from pipeline.model.disk import load
from pipeline.model.generate import generate
from pipeline.tokens.special import ENDS
from tests.export.conftest import BILL, SAMPLING

Make = Callable[..., Model]
Export = Callable[..., dict[str, Any]]
SETTINGS = Onnx(
    types=("fp32", "q8", "q4"),
    calibration_rows=8,
    threads=1,
    openvino=False,
    strings=100,
    rows=4,
    sampling=SAMPLING,
    bounds=Bounds(mean_logit=5, kl=3),  # as in conf/
    on_failure="drop",
    seed=1,
)
KINDS: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {"tie_embeddings": False, "activation": "gelu"},
    "mistral": {"window": 8},
    "gpt2": {"kv_heads": 4, "activation": "gelu"},
    "mixtral": {"experts": 4, "experts_per_token": 2, "balance_loss": 0.0},
}


@pytest.fixture
def export(tokens: Tokens, split: Split, target: Path) -> Export:
    """export(source, types=...) -> what is told of the files, which lie in `target`."""

    def run(source: Model, **changed: Any) -> dict[str, Any]:
        own = replace(SETTINGS, **changed)
        return onnx_folder.export(source, Exports(target), tokens=tokens, split=split, settings=own, section="export.onnx", bill=BILL)

    return run


@pytest.fixture(scope="module")
def opened(model: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Any]:
    """An fp32 file of a qwen3 with a window of nothing, and its module."""
    module = load(model("qwen3"), device="cpu")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    path.write_bytes(graph_of(module, {}, notes={}).SerializeToString())
    return Session(path, threads=1), module


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_says_what_the_model_says(kind: str, model: Make, export: Export, target: Path) -> None:
    report = export(model(kind, **KINDS[kind]))
    assert report["dropped"] == {}
    assert report["onnx fp32"]["kl"] < 1e-9
    assert report["onnx q8"]["kl"] < report["onnx q4"]["kl"] < 3 * report["onnx q4"]["rounding"]["kl"]
    assert report["onnx fp32"]["bytes"] > report["onnx q8"]["bytes"] > report["onnx q4"]["bytes"]
    for file in (target / "onnx").iterdir():
        onnx.checker.check_model(onnx.load(file))


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is installed by hand")
@pytest.mark.parametrize("kind", KINDS)
def test_openvino_says_of_every_file_what_its_weights_say(kind: str, model: Make, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    source = model(kind, **KINDS[kind])
    report = export(source, openvino=True)
    assert report["dropped"] == {}
    for name in ("onnx fp32", "onnx q8", "onnx q4"):
        assert 0 < report[name]["openvino_mean_logit"] < 5 * report[name]["rounding"]["mean_logit"]
    monkeypatch.setattr(OpenVino, "logits", lambda self, row, read=OpenVino.logits: 1.01 * read(self, row))
    with pytest.raises(PipelineError, match="openvino_mean_logit") as fault:
        export(source, openvino=True, on_failure="fail")
    assert fault.value.mend.startswith("export.onnx.openvino=false, or ")


def test_each_kind_that_may_be_asked_for_has_a_form() -> None:
    assert set(GRAPHS) == set(_FORMS)


def test_a_dead_model_is_released(model: Make, export: Export) -> None:
    assert export(model("qwen3", scale=0))["dropped"] == {}


def test_reading_on_from_a_cache_gives_the_greedy_answers_of_the_model(opened: tuple[Session, Any]) -> None:
    session, module = opened
    prompts = [[0, 3, 20 + number, 40, 5, 4] for number in range(4)]
    wanted = generate(module, prompts, max_new=8, temperature=0, seed=1, batch=4, ends=ENDS)
    assert [session.generate(prompt, max_new=8, ends=ENDS) for prompt in prompts] == wanted


def test_the_contest_asks_each_file(model: Make, export: Export, target: Path) -> None:
    source = model("qwen3")
    export(source, types=("fp32", "q8"))
    prompts, limits = [[0, 3, 20, 40, 5, 4], [0, 3, 21, 5, 4]], [6, 3]
    found = {kind: answers for kind, _, answers in answers_of_files({"onnx": Exports(target)}, prompts, limits, threads=1)}
    module = load(source, device="cpu")
    for prompt, most, answer in zip(prompts, limits, found["fp32"], strict=True):
        assert [answer] == generate(module, [prompt], max_new=most, temperature=0, seed=1, batch=1)
    assert set(found) == {"fp32", "q8"}


def test_padding_on_the_left_changes_nothing(opened: tuple[Session, Any]) -> None:
    session, _ = opened
    row = np.arange(20, 40)
    ids, mask = np.concatenate([[1, 1, 1], row])[None], np.array([[0] * 3 + [1] * 20])
    padded, _ = session.read(ids, session.empty(1), mask)
    assert np.allclose(padded[0, 3:], session.logits(row), atol=1e-5)


def test_the_same_model_gives_the_same_bytes_and_no_word_of_its_place(model: Make, export: Export, target: Path) -> None:
    source = model("llama")
    export(source)
    digest = Exports(target).digest
    export(source)
    assert Exports(target).digest == digest
    for file in (target / "onnx").iterdir():
        assert not any(word in file.read_bytes() for word in (b"/tmp", b".py", str(target).encode()))


HARMS: dict[str, Callable[[dict[str, Held]], None]] = {
    "two scales exchanged": lambda held: _exchange(held["model.layers.1.mlp.up_proj.weight"].codes.scales[3]),
    "a code shifted": lambda held: held["model.layers.0.mlp.gate_proj.weight"].codes.codes[5].__setitem__(7, 6),
}


def _exchange(row: np.ndarray[Any, Any]) -> None:
    low, high = np.abs(row).argmin(), np.abs(row).argmax()
    row[[low, high]] = row[[high, low]]


@pytest.mark.parametrize("what", HARMS)
def test_a_damaged_file_is_dropped_alone(what: str, model: Make, export: Export, target: Path, monkeypatch: Any) -> None:
    def write(module: Any, held: dict[str, Held], **words: Any) -> onnx.ModelProto:
        if held and {one.bits for one in held.values()} == {4, 8}:
            held = copy.deepcopy(held)
            HARMS[what](held)
        return graph_of(module, held, **words)

    monkeypatch.setattr(onnx_folder, "graph_of", write)
    report = export(model("qwen3"))
    assert list(report["dropped"]) == ["q4"]
    assert report["dropped"]["q4"]["faults"][0].startswith("model_q4.onnx: mean_logit is ")
    assert sorted(path.name for path in (target / "onnx").iterdir()) == ["model.onnx", "model_quantized.onnx"]


def test_a_kind_without_a_graph_is_refused_by_name(model: Make, export: Export) -> None:
    with pytest.raises(PipelineError, match="kind bloom has no ONNX graph here; gpt2, llama, mistral, mixtral, qwen3 have"):
        export(model("bloom", kv_heads=4, activation="gelu", intermediate_size="auto"))
