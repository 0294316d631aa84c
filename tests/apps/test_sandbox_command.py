"""`make sandbox`: the model, the tokenizer and the picture are those of the run where there is one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps import sandbox as app
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import ArtifactError, InputError
from pipeline.core.files import write_json
from pipeline.model.build import blank, build
from pipeline.model.disk import save
from pipeline.report.sandbox.page import architecture_of_folder
from pipeline.tokens.kinds import bpe
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.tiny_shape import SHAPE
from tests.web_model import LESSONS, TEXT, web_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing has run, with the example."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/sandbox").symlink_to(ROOT / "examples/sandbox")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_fresh_checkout_gets_a_page_with_the_example(here: Path) -> None:
    command = [sys.executable, "-m", "apps.sandbox", "--target", str(here / "page.html")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    html = (here / "page.html").read_text()
    assert len(html.encode()) < 300_000
    assert "59,568 weights" in html
    shown = given(app.sandbox(None))
    assert shown["architecture"]["of"] == "the model of this page"
    assert shown["tokenizer"]["of"] == "a vocabulary learned from the text of this page's model"
    assert [stage["name"] for stage in shown["stages"]][:2] == ["corpus", "clean"]


def test_after_a_run_the_page_shows_its_model_its_merges_and_its_numbers(here: Path) -> None:
    tokenizer = bpe.train([TEXT * 40], vocab_size=270, pattern="gpt4")
    save_tokenizer(tokenizer, Tokenizer(app.TOKENIZER))
    save(build(SHAPE, vocabulary=270, seed=1), Model(app.BASE), tokenizer=Tokenizer(app.TOKENIZER), facts={})
    write_json(app.SETTINGS, {"stages": [{"name": "corpus", "settings": {}}, {"name": "align/dpo", "settings": {}}]})
    write_json(app.METRICS / "corpus.json", {"documents": 3, "bytes": 1000})
    exported = web_model(kind="llama")[1]
    with Exports(app.EXPORTED).writing() as draft:
        write_json(draft.path / "model.json", exported)
        write_json(draft.path / "lessons.json", LESSONS)
    shown = given(app.sandbox(None))
    assert shown["model"]["vocabulary"] == exported["vocabulary"]
    assert len(shown["tokenizer"]["merges"]) == 270 - 262
    assert shown["tokenizer"]["of"] == "the tokenizer of the run"
    assert (shown["architecture"]["kind"], shown["architecture"]["width"], shown["architecture"]["vocabulary"]) == ("qwen3", 32, 270)
    assert shown["stages"][0]["told"] == [["documents", "3"], ["text", "1 kB"]]
    (app.EXPORTED / "model.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"model\.json"):
        app.sandbox(None)


def test_a_folder_without_a_model_is_named_with_the_command_that_makes_one(here: Path) -> None:
    with pytest.raises(InputError, match="nowhere holds no model") as fault:
        app.sandbox(Path("nowhere"))
    assert fault.value.mend == "dvc exp run -S experiment=sandbox export@web"


@pytest.mark.parametrize("kind", ["gpt2", "bloom", "gru", "mamba2"])  # each names its parts in a way of its own
def test_there_is_a_picture_of_other_kinds_of_model(kind: str) -> None:
    values = [yaml.safe_load((ROOT / f"conf/model/{name}.yaml").read_text()) for name in ("qwen3", kind)]
    shape = values[0] | values[1] | {"layers": 1, "hidden_size": 64}
    module = blank({key: value for key, value in shape.items() if key != "defaults"}, vocabulary=300)
    shapes = {name: tuple(weight.shape) for name, weight in module.named_parameters()}
    found = architecture_of_folder(module.config.to_dict(), shapes, of="a test")
    assert (found.width, found.vocabulary) == (64, 300)
    assert len(found.tensors) == len(shapes)
    assert found.context > 0


def test_text_that_would_end_the_script_does_not() -> None:
    from pipeline.report.sandbox.page import Merges, architecture_of_file, page

    model = web_model(kind="llama")[1]
    told = {"tokenizer": Merges(merges=[], pattern="x", of="a test"), "architecture": architecture_of_file(model), "stages": []}
    html = page(model, LESSONS | {"excerpt": "<!--<script>alert(1)</script>"}, **told, origin="<b>")
    assert html.count("</script>") == 2
    assert "<!--" not in html
    assert given(html)["lessons"]["excerpt"] == "<!--<script>alert(1)</script>"
    assert "<b></p>" not in html
