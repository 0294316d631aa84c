"""The page of the sandbox in a browser: its numbers are torch's, its buttons do what they say, and it needs nobody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from apps.sandbox import EXAMPLE
from pipeline.core.files import read_json
from pipeline.export.web_file import merges_of
from pipeline.report.sandbox.page import Merges, StageTold, architecture_of_file, page
from pipeline.tokens.kinds import bpe
from pipeline.tokens.patterns import PATTERNS
from tests.browser.conftest import Watched
from tests.web_model import LESSONS, TEXT, web_model

STAGES = [StageTold(name="corpus", makes="raw text", told=[("documents", "148")]), StageTold(name="pretrain", makes="a model", told=[])]
Open = Callable[..., Page]


@pytest.fixture
def opened(watched: Watched, tmp_path: Path) -> Open:
    """opened(model, lessons) -> the page with them, started; without a model that of the example."""

    def run(model: Any = None, lessons: Any = None, merges: Any = None) -> Page:
        model = model or read_json(EXAMPLE / "model.json")
        lessons = lessons or read_json(EXAMPLE / "lessons.json")
        tokenizer = Merges(merges=merges or lessons["merges"], pattern=PATTERNS["gpt2"], of="a test")
        path = tmp_path / "sandbox.html"
        told = {"tokenizer": tokenizer, "architecture": architecture_of_file(model), "stages": STAGES, "origin": "A test."}
        path.write_text(page(model, lessons, **told), encoding="utf-8")
        watched.page.goto(path.as_uri())
        watched.page.wait_for_selector("html[data-ready=yes]")
        return watched.page

    return run


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, dict[str, Any]]:
    """A model whose every character fits into twenty bars."""
    return web_model(kind="llama")


def bars(opened: Page) -> list[tuple[str, str]]:
    """(name, figure) of the bars of Forward."""
    rows = opened.locator("#play-result .bars li")
    return [(row.locator(".name").inner_text(), row.locator(".figure").inner_text()) for row in rows.all()]


def test_the_page_is_quiet_accessible_and_as_wide_as_its_window_in_light_dark_and_on_a_phone(opened: Open, watched: Watched) -> None:
    shown = opened()
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        shown.emulate_media(color_scheme=scheme)
        shown.set_viewport_size({"width": width, "height": 900})
        watched.check_accessible()
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
    watched.check_quiet()


def test_the_model_of_the_example_is_small_and_the_page_finds_torchs_numbers_in_it(opened: Open) -> None:
    assert (EXAMPLE / "model.json").stat().st_size <= 100_000
    assert opened().locator("#same").inner_text().startswith("Checked when this page opened")


def test_weights_that_are_not_those_that_torch_had_are_told(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    content = tiny[1]
    other = web_model(kind="llama", layers=1)[1]
    shown = opened(other | {"check": content["check"]}, LESSONS)
    assert "Don't trust what you see" in shown.locator("#same").inner_text()


@pytest.mark.parametrize(
    "shape", [{"kind": "llama"}, {"kind": "qwen3", "heads": 4, "kv_heads": 2, "tie_embeddings": False}], ids=["llama", "qwen3"]
)
def test_every_logit_is_torchs(opened: Open, shape: dict[str, Any]) -> None:
    module, content = web_model(**shape)
    text = (TEXT * 3)[:63]  # with STOP all that the model reads
    shown = opened(content, LESSONS)
    ids, found = shown.evaluate(
        "text => { const ids = sandbox.model.ids(text); return [ids, sandbox.model.forward(ids).logits.map((row) => [...row])]; }", text
    )
    with torch.inference_mode():
        wanted = module(input_ids=torch.tensor([ids])).logits[0]
    assert len(ids) == 64
    assert wanted.std() > 1
    assert (torch.tensor(found) - wanted).abs().max() <= 1e-4


def test_forward_draws_the_likeliest_and_the_rest_as_other(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    module, content = tiny
    shown = opened(content, LESSONS)
    shown.get_by_label("Ten characters").fill("the cat")
    shown.get_by_label("Bars").fill("3")
    shown.get_by_role("button", name="Forward").click()
    with torch.inference_mode():
        ids = torch.tensor([shown.evaluate("sandbox.model.ids('the cat')")])
        likely, which = module(input_ids=ids).logits[0, -1].softmax(-1).topk(3)
    names = {" ": "␣", "\n": "↵", "<|endoftext|>": "STOP", "<|unk|>": "unknown"}
    wanted = [names.get(token := content["vocabulary"][place], token) for place in which.tolist()]
    figures = [float(figure.strip("<%")) / 100 for _, figure in bars(shown)]
    assert [name for name, _ in bars(shown)] == [*wanted, "other"]
    assert figures == pytest.approx([*likely.tolist(), 1 - float(likely.sum())], abs=1e-3)


def test_loss_marks_each_character_and_gives_the_mean_of_minus_log_p(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    module, content = tiny
    shown = opened(content, LESSONS)
    shown.get_by_role("button", name="Preset: the cat sa").click()
    shown.get_by_role("button", name="Loss").click()
    ids = torch.tensor([shown.evaluate("sandbox.model.ids('the cat sa')")])
    with torch.inference_mode():
        logits = module(input_ids=ids).logits[0, :-1]
    right = (logits.argmax(-1) == ids[0, 1:]).tolist()
    marks = [mark.inner_text()[0] for mark in shown.locator(".places span:not(.unseen)").all()]
    assert marks == ["✓" if one else "✗" for one in right]
    mean = float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))
    assert float(shown.locator("#mean-loss").inner_text()) == pytest.approx(mean, abs=1e-4)


def written(shown: Page, *, seed: int) -> str:
    """Five characters after "It was ", whose sentence is far from its end."""
    shown.get_by_label("Ten characters").fill("It was ")
    shown.get_by_label("Seed").fill(str(seed))
    for _ in range(5):
        shown.get_by_role("button", name="Sample").click(timeout=2000)
    return shown.get_by_label("Ten characters").input_value()


def test_sample_appends_by_lot_and_the_same_seed_writes_the_same(opened: Open) -> None:
    shown = opened()
    texts = [written(shown, seed=seed) for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert all(text.startswith("It was ") and len(text) == 12 for text in texts)


def test_draws_come_as_often_as_their_probabilities_say(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    counts = opened(tiny[1], LESSONS).evaluate(
        "() => { const counts = new Array(20).fill(0);"
        " const p = counts.map((_, id) => (id === 0 ? 0.5 : id === 8 ? 0.3 : id === 9 ? 0.2 : 0));"
        " for (let i = 0; i < 4000; i++) counts[sandbox.model.draw(Float64Array.from(p), 5, i)]++; return counts; }"
    )
    assert [counts[0] / 4000, counts[8] / 4000, counts[9] / 4000] == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_other_appends_a_hidden_character_and_stop_ends(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    shown = opened(tiny[1], LESSONS)
    shown.get_by_label("Bars").fill("1")
    ((first, _), _) = bars(shown)
    shown.get_by_role("button", name="other").click()
    text = shown.get_by_label("Ten characters").input_value()
    assert text[:-1] == "the cat sa"
    assert text[-1] != first
    shown.get_by_label("Bars").fill("20")
    shown.get_by_role("button", name="STOP").click()
    assert "STOP: the text has ended" in shown.locator("#play-said").inner_text()
    assert shown.get_by_role("button", name="Sample").is_disabled()
    shown.get_by_label("Seed").fill("2")
    assert shown.get_by_role("button", name="Sample").is_enabled()


def test_the_tokens_at_the_last_merge_are_those_of_the_tokenizer(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    tokenizer = bpe.train([TEXT * 40], vocab_size=300, pattern="gpt2", fewer=True)
    merges = merges_of(tokenizer)
    shown = opened(tiny[1], LESSONS, merges)
    for text in (TEXT, "the cats  sat\n\n on 12 mats, don't é☂", ""):
        found = shown.evaluate("text => sandbox.cut(text, sandbox.given.tokenizer.merges, 1e9, sandbox.given.tokenizer.pattern)", text)
        assert found == tokenizer.encode(text).tokens
    shown.get_by_label("Text", exact=True).fill("the é")
    shown.get_by_label("Merges").fill("0")
    assert [chip.inner_text() for chip in shown.locator(".chip").all()] == ["t", "h", "e", "␣", "<c3>", "<a9>"]


def test_the_gradients_are_those_of_torch_and_finite_differences_come_near(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    weights = torch.tensor([0.8, -0.4, 0.3, 0.9, 1.1, -0.7], dtype=torch.float64, requires_grad=True)
    inputs = torch.tensor([1.3, -0.5], dtype=torch.float64)
    loss = 0.5 * (weights[4:] @ torch.tanh(weights[:4].view(2, 2) @ inputs) - 0.25) ** 2
    loss.backward()
    shown = opened(tiny[1], LESSONS)
    given = [weights.tolist(), inputs.tolist(), 0.25]
    found = shown.evaluate("([w, x, y]) => [sandbox.network(w, x, y).gradient, sandbox.differences(w, x, y, 1e-4)]", given)
    assert found[0] == pytest.approx(weights.grad.tolist(), abs=1e-12)
    assert found[1] == pytest.approx(found[0], abs=1e-7)


def test_the_loop_is_torchs_adam_and_moves_the_rows_of_the_sentence(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    characters = sorted(set(".the cat sat"))
    shown = opened(tiny[1], LESSONS)
    before, losses, after, moved = shown.evaluate(
        "characters => { const state = sandbox.fresh(characters); const copy = structuredClone(state); const losses = []; let last;"
        " for (let i = 0; i < 20; i++) losses.push((last = sandbox.step(state, 'the', 0.05)).loss);"
        " return [copy, losses, state, last.moved]; }",
        characters,
    )
    weights = [torch.tensor(before[name]["weight"], dtype=torch.float64, requires_grad=True) for name in ("embedding", "head")]
    adam = torch.optim.Adam(weights, lr=0.05)
    ids = torch.tensor([characters.index(one) for one in ".the."])
    for found in losses:
        loss = torch.nn.functional.cross_entropy(weights[0][ids[:-1]] @ weights[1].T, ids[1:])
        assert found == pytest.approx(loss.item(), abs=1e-9)
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert torch.allclose(torch.tensor(after["embedding"]["weight"], dtype=torch.float64), weights[0], atol=1e-6)
    assert {characters[row] for row, by in enumerate(moved) if by > 0} == set(".the")


def test_every_lesson_has_something_to_move_and_it_changes_what_is_shown(opened: Open) -> None:
    shown = opened()
    shown.get_by_role("button", name="One step").click()
    desks = shown.locator(".desk")
    assert desks.count() == 11
    for desk in desks.all():
        moved = desk.locator("input[type=range]")
        assert moved.count() >= 1
        for place in range(moved.count()):
            slider = moved.nth(place)
            before = desk.inner_html()
            slider.focus()
            slider.press("ArrowLeft" if slider.input_value() == slider.get_attribute("max") else "ArrowRight")
            assert desk.inner_html() != before


def test_the_picture_counts_the_weights_of_the_model(opened: Open, tiny: tuple[Any, dict[str, Any]]) -> None:
    module, content = tiny
    shown = opened(content, LESSONS)
    count = sum(weight.numel() for weight in module.parameters())
    assert f"llama, the model of this page: {count:,} weights" in shown.locator("#architecture-told").inner_text()
    shown.get_by_label("Tokens in the row").fill("5")
    assert "[5, 32]" in shown.locator("#architecture-box svg").text_content()
