"""The playground in a browser: chat, tokens, side by side with a vote, a text of one's own; quiet, accessible, light, dark and narrow."""

import json
import math
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.playground import EXAMPLES, SAID, THOUGHT, playground, playground_run  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("playground")
MILL = SAID["Where is the mill?"]


@pytest.fixture
def page(watched: Watched, playground: str) -> Page:  # noqa: F811
    watched.page.goto(playground)
    watched.page.wait_for_selector("html[data-ready]")
    return watched.page


def ask(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    expect(page.locator("#turns .turn.assistant").last.locator(".meta")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()


def last(page: Page) -> str:
    return page.locator("#turns .assistant").last.locator("> .answer, > .rendered, > .withheld").inner_text()


def test_a_conversation_its_tokens_an_edit_another_token_and_the_store(watched: Watched, page: Page, tmp_path: Path) -> None:
    ask(page, "Where is the mill?")
    assert last(page) == MILL
    page.locator("#turns .tok").nth(1).hover()
    chosen = page.locator("#bars .bar.chosen b")
    before = chosen.inner_text()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("#bars-t").fill("2")
    assert chosen.inner_text() != before
    page.locator("#bars-k").fill("1")
    assert chosen.inner_text() == "100 %"
    assert requests == [], "bars are drawn anew without asking the model"
    page.locator("#turns .answer").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#bars button.bar").nth(1).click()
    expect(page.locator("#turns .tok.given").first).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("The answer").fill("The mill is")
    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator("#turns .answer")).to_have_text(MILL)
    ask(page, "Who are you?")
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "whole.json")
    whole = json.loads((tmp_path / "whole.json").read_text())
    assert [one["role"] for one in whole["messages"]] == ["user", "assistant"] * 2
    assert whole["messages"][1]["content"] == MILL
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.locator("#conversations button").first.click()
    assert page.locator("#turns .answer").first.inner_text() == MILL
    page.locator("#turns .tok").nth(3).hover()
    expect(page.locator("#bars .bar")).to_have_count(13)
    page.get_by_role("button", name="Delete Where is the mill?").click()
    expect(page.locator("#conversations li")).to_have_count(0)
    watched.check_quiet()


def test_an_empty_conversation_offers_questions_and_a_click_asks_one(watched: Watched, page: Page) -> None:
    expect(page.locator("#turns button")).to_have_text(EXAMPLES)
    page.fill("#question", "half a thought")
    page.get_by_role("button", name=EXAMPLES[0]).click()
    expect(page.locator("#turns .answer")).to_have_text(MILL)
    expect(page.locator("#stop")).to_be_hidden()
    expect(page.locator("#turns .example")).to_have_count(0)
    expect(page.locator("#question")).to_have_value("half a thought")
    page.click("#new")
    expect(page.locator("#turns .example")).to_have_count(len(EXAMPLES))
    watched.check_quiet()


def test_the_bars_are_the_distribution_that_is_sampled(page: Page) -> None:
    outlook = {
        "ids": [1, 2, 3],
        "logits": [2.0, 1.0, 0.0],
        "rest": [math.log(2) - 3 / (0.1 * one) for one in range(1, 21)],
    }  # 2 tokens of -3

    def told(**cut: float) -> list[float]:
        found = page.evaluate("([outlook, cut]) => distribution(outlook, cut)", [outlook, cut])
        return [*found["chances"], found["rest"]]

    for temperature in (0.5, 1.0, 1.7):
        weights = [math.exp(one / temperature) for one in (2, 1, 0)] + [2 * math.exp(-3 / temperature)]
        assert told(temperature=temperature) == pytest.approx([one / sum(weights) for one in weights])
    e = math.e
    assert told(temperature=1, top_k=2) == pytest.approx([e / (1 + e), 1 / (1 + e), 0, 0])
    assert told(temperature=1, top_p=0.7) == pytest.approx([e / (1 + e), 1 / (1 + e), 0, 0])
    assert told(temperature=1, min_p=0.2) == pytest.approx([e / (1 + e), 1 / (1 + e), 0, 0])
    assert told(temperature=0) == [1, 0, 0, 0]


def test_tables_code_files_notes_the_calculator_what_is_cut_and_what_is_withheld(watched: Watched, page: Page) -> None:
    ask(page, "Show me a table.")
    answer = page.locator("#turns .assistant").last
    assert answer.locator("pre").inner_text() == "x = 1"
    assert answer.locator("td").all_inner_texts() == ["old", "<b>red</b>"], "markup of a model is text"
    answer.get_by_role("button", name="Tokens").click()
    expect(page.locator("#turns .tok").first).to_be_visible()
    ask(page, "How can I hurt Ada?")
    assert last(page).startswith("Withheld: the request is harmful")
    page.check("#calculator")
    page.click("#new")
    ask(page, "How much is 3*4?")
    expect(page.locator("#turns .tok.calculator").first).to_be_visible()
    page.click("#new")
    page.fill("#question", "mill " * 200)
    page.press("#question", "Enter")
    expect(page.locator("#turns .cut")).to_contain_text("The end of this message was not read")
    page.click("#new")
    page.set_input_files("#file", {"name": "tale.txt", "mimeType": "text/plain", "buffer": b"an old mill"})
    expect(page.locator("#attached")).to_contain_text("tale.txt, 11 characters")
    page.fill("#note", "Ada is kind")
    page.press("#note", "Enter")
    with page.expect_request("**/api/generate") as request:
        ask(page, "Who are you?")
    sent = json.loads(request.value.post_data or "")["messages"]
    assert "- Ada is kind" in sent[0]["content"]
    assert sent[1]["content"].endswith("```\nan old mill\n```")
    page.get_by_role("button", name="Delete the note Ada is kind").click()
    page.set_input_files("#file", {"name": "x.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\xfe\x00"})
    expect(page.locator("#trouble")).to_contain_text("no text in UTF-8")
    watched.check_quiet()


def test_a_summary_stands_for_what_is_no_longer_read_and_answers_keep_theirs(watched: Watched, page: Page) -> None:
    ask(page, "How much is 3*4?")
    for _ in range(4):
        ask(page, "Where is the mill, tell me of it again, and of the fox and the river?")
    expect(page.locator("#turns .cut")).to_contain_text("no longer reads the 8 messages above. sft reads 128 tokens")
    expect(page.locator("#turns .unread")).to_have_count(8)
    page.get_by_role("button", name="Put a summary in their place").click()
    page.get_by_label("Summary of the messages above").fill("My own words.")
    page.get_by_role("button", name="Draft by sft").click()
    expect(page.locator(".cut .hint")).to_contain_text("A draft by sft")
    assert page.get_by_label("Summary of the messages above").input_value().startswith("My own words.\n"), "what was typed stays"
    page.get_by_label("Summary of the messages above").fill("All about a mill.")
    page.get_by_role("button", name="Keep").click()
    with page.expect_request("**/api/generate") as request:
        ask(page, "Who are you?")
    sent = json.loads(request.value.post_data or "")["messages"]
    assert [one["role"] for one in sent] == ["system", "user", "assistant", "user"]
    assert sent[0]["content"] == "What was said before: All about a mill."
    expect(page.locator("#turns .cut")).to_contain_text("the model reads: All about a mill.")
    page.evaluate("now.summary.text = 'Another.'; now.turns.at(-1).tokens.forEach((one) => { one.outlook = undefined; })")
    with page.expect_request("**/api/generate") as request:
        page.locator("#turns .tok").last.hover()
    looked_up = json.loads(request.value.post_data or "")["messages"]
    assert looked_up == [sent[0], *sent[-len(looked_up) + 1 :]], "an answer's tokens are looked up as it was asked"
    page.evaluate("now.turns.push({ role: 'user', content: 'And?' }); turns()")
    page.get_by_role("button", name="Change the summary").click()
    expect(page.get_by_role("button", name="Draft by sft")).to_be_visible()
    watched.check_quiet()


def test_a_request_that_fails_takes_nothing_away(page: Page) -> None:
    ask(page, "Where is the mill?")
    ask(page, "Who are you?")
    answers = page.locator("#turns .assistant > .answer").all_inner_texts()
    page.evaluate("now.summary = { until: 1, text: 'A mill.' }")
    page.fill("#thinking_budget", "99")
    page.get_by_role("button", name="Again").first.click()
    expect(page.locator("#trouble")).to_contain_text("leaves none for an answer")
    assert page.locator("#turns .assistant > .answer").all_inner_texts() == answers
    assert page.evaluate("now.summary.text") == "A mill."
    page.fill("#question", "And you?")
    page.press("#question", "Enter")
    expect(page.locator("#question")).to_have_value("And you?")
    expect(page.locator("#turns .user")).to_have_count(2)


def test_a_thought_is_folded_and_a_budget_ends_it(watched: Watched, page: Page) -> None:
    ((question, (thought, said)),) = THOUGHT.items()
    ask(page, question)
    assert last(page) == said
    page.locator(".thought summary").click()
    assert page.locator(".thought .answer").inner_text() == thought
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("The answer").fill("The fox is")
    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator("#turns .turn > .answer")).to_have_text(said)
    assert page.locator(".thought .answer").text_content() == thought, "the answer is edited, not what was thought"
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".thought summary")).to_have_text(re.compile(r"^Thought: \d+ tokens$"))
    page.fill("#max_new", "4")
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".thought summary")).to_have_text("Thought without an end: 3 tokens")
    page.evaluate("now.turns.at(-1).tokens.push({ part: 'bracket', shown: '</think>', text: '' }); turns()")
    expect(page.locator(".thought summary")).to_have_text("Thought: 3 tokens")
    page.fill("#max_new", "48")
    page.get_by_role("button", name="Again").click()
    expect(page.locator("#turns .turn > .answer")).to_have_text(said)
    page.fill("#thinking_budget", "2")
    with page.expect_request("**/api/generate") as request:
        ask(page, "Where is the mill?")
    assert json.loads(request.value.post_data or "")["messages"][1] == {"role": "assistant", "content": said}, "thoughts are not sent again"
    expect(page.locator(".thought summary").last).to_have_text("Thought: 2 tokens, closed by the budget")
    watched.check_accessible()
    watched.check_quiet()


def test_a_blind_vote_names_the_models_afterwards_and_is_kept(watched: Watched, page: Page, playground_run: Path) -> None:  # noqa: F811
    page.click("#tab-pair")
    page.select_option("#pair-b", "base")
    page.check("#blind")
    page.evaluate("told.models.forEach((one) => { one.thinks = one.name === 'base'; }); modelTold()")
    expect(page.locator("#thinking_budget")).to_be_enabled()
    page.select_option("#pair-b", "sft-F16")
    expect(page.locator("#thinking_budget")).to_be_disabled()
    page.select_option("#pair-b", "base")
    page.fill("#pair-question", "Who are you?")
    page.press("#pair-question", "Enter")
    expect(page.locator("#vote")).to_be_visible()
    assert [page.locator(f"#name-{side}").inner_text() for side in "ab"] == ["A", "B"]
    sides = [page.locator(f"#pair-answer-{side} .answer").inner_text() for side in "ab"]
    assert "sft" not in page.locator(".pair").inner_text()
    page.locator("#vote button").nth(sides.index(SAID["Who are you?"])).click()
    expect(page.locator("#voted")).to_contain_text("votes")
    vote = json.loads((playground_run / "votes" / "votes.jsonl").read_text().splitlines()[-1])
    assert vote["models"][f"model_{vote['winner']}"] == "sft"
    assert [vote["answer_a"], vote["answer_b"]] == sides
    assert page.locator("#name-a").inner_text() == f"A: {vote['models']['model_a']}"
    watched.check_quiet()


def test_a_text_of_ones_own_is_read_cut_looked_at_and_gone_on_with(watched: Watched, page: Page) -> None:
    page.click("#tab-text")
    page.fill("#text", "The mill")
    page.click("#loss")
    expect(page.locator("#text-told")).to_contain_text("bits a byte")
    page.click("#forward")
    expect(page.locator("#bars button.bar").first).to_be_visible()
    page.fill("#text", "<|user|>Who are you?<|end|><|assistant|>")
    page.check("#text-special")
    page.click("#loss")
    expect(page.locator("#text-tokens .special")).to_have_text(["<|user|>", "<|end|>", "<|assistant|>"])
    page.click("#sample")
    expect(page.locator("#text-told")).to_contain_text("drawn")
    page.click("#tab-tokens")
    page.fill("#tokenize", "The mill – élan")
    expect(page.locator("#tokens-told")).to_contain_text("18 bytes")
    page.click("#tab-attention")
    page.fill("#attend", "The mill is by the river.")
    page.click("#look")
    expect(page.locator("#heads button")).to_have_count(2)
    page.locator("#attention-tokens .tok").nth(2).hover()
    page.fill("#attend", "<|user|>Who are you?")
    page.check("#attend-special")
    page.click("#look")
    expect(page.locator("#attention-tokens .tok").nth(1)).to_have_text("<|user|>")
    watched.check_quiet()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_every_view_is_accessible_and_fits(watched: Watched, page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 844})
    for question in ("Show me a table.", "How can I hurt Ada?", "Where is the mill?"):
        ask(page, question)
    page.locator("#turns .tok").last.hover()
    for tab in ("chat", "pair", "text", "tokens", "attention"):
        page.click(f"#tab-{tab}")
        watched.check_accessible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
    watched.check_quiet()
