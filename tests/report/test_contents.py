"""The page of a whole run: nothing invented, nothing forgotten, nothing from the data taken for markup."""

import math
from collections.abc import Callable
from dataclasses import replace

from pipeline.core.artifact.scores import Scores
from pipeline.report.blocks import Absent, Table
from pipeline.report.cleaning import first_difference
from pipeline.report.contents import Data, entropy_of, leak_blocks, page_of, score_blocks
from pipeline.report.files import dropped_of, export_blocks, parity_of
from pipeline.report.headlines import Telling, tellings
from pipeline.report.record import RunRecord
from pipeline.report.samples import spread
from pipeline.report.score_table import ScoreTable
from tests.report.conftest import EVIL, NO_FACTS, SHOWN, baselines, compared, scores

Finished = Callable[..., tuple[Data, list[Scores], RunRecord]]


def test_a_script_in_a_sample_is_shown_as_text(run: Finished) -> None:
    html, _, _ = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert EVIL not in html
    assert html.count("&lt;script&gt;alert(1)") > 20
    assert html.count("<script") == 1


def test_two_pages_of_one_run_are_the_same_bytes(run: Finished) -> None:
    finished = run(facts=True)
    assert page_of("Scriptorium", *finished, SHOWN) == page_of("Scriptorium", *finished, SHOWN)


def test_the_page_holds_no_path_of_the_machine(run: Finished, tmp_path: object) -> None:
    html, _, _ = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert str(tmp_path) not in html


def test_without_facts_there_are_no_tables_of_facts_and_what_is_missing_is_said_once(run: Finished) -> None:
    html, _, numbers = page_of("Scriptorium", *run(facts=False), SHOWN)
    assert "Facts that" not in html
    assert f"Ratings and wins by rules: {NO_FACTS}." in html
    assert html.count(">The entropy of the source:") == 1
    assert "<th>wins by rules" not in html
    assert "Last words of paragraphs that the base model gets right" in html
    with_facts, _, fewer = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert NO_FACTS not in with_facts
    assert fewer["absent"] < numbers["absent"]


def test_tasks_without_a_world_stand_beside_counting_and_chance_and_name_what_is_missing(run: Finished) -> None:
    page = page_of("Scriptorium", *run(facts=False), SHOWN)[0]
    table = page[page.index("Questions about held-out text") :]
    table = table[: table.index("</table>")]
    assert all(f">{name}<" in table for name in ("base", "ppo", "4-gram", "chance"))
    assert "last word, chosen" in table
    assert "names exchanged" not in table
    assert page.count(f"swapped names: {NO_FACTS}") == 1


def test_what_the_rules_dropped_is_compared_with_the_truth_where_it_is_known(run: Finished) -> None:
    pages = {facts: page_of("Scriptorium", *run(facts=facts), SHOWN)[0] for facts in (True, False)}
    tables = {facts: page[page.index("Dropped by rules") :][:1500] for facts, page in pages.items()}
    assert "Precision and recall are over documents" in tables[True]
    assert "0.500" in tables[True]
    assert "<th>recall" not in tables[False]
    assert [page.count("what is right is not known") for page in pages.values()] == [0, 1]


def test_a_stage_that_has_not_run_says_so(run: Finished) -> None:
    html, _, _ = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert "Curves of sft: not run." in html


def test_the_metrics_count_what_is_on_the_page(run: Finished) -> None:
    html, _, numbers = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert numbers["bytes"] == len(html.encode())
    assert numbers["figures"] == html.count("<figure ")
    assert numbers["absent"] == html.count('<p class="absent">') - html.count("Numbers: not run.")


def test_every_score_is_somewhere_on_the_page(run: Finished) -> None:
    *_, told = run(facts=True)
    board = ScoreTable([*baselines(facts=True), *scores(facts=True), *compared(facts=True)])
    text = "".join(str(block) for block in score_blocks(board, told, 0.25))
    assert EVIL in text  # the metric that has no table of its own
    assert not [block for block in score_blocks(board, told, 0.25) if isinstance(block, Absent)]


def test_the_entropy_is_that_of_a_fair_coin_where_every_token_is_a_bit() -> None:
    assert entropy_of({"val": {"bits": 100.0, "tokens": 103, "documents": 3}}) == math.log(2)
    assert entropy_of({"val": {"bits": None, "tokens": 103, "documents": 3}}) is None
    assert entropy_of(None) is None


def test_what_was_cut_from_train_is_judged_by_name_where_it_is_known_what_was_planted() -> None:
    leaks, judged = {"val": 3, "test": 0, EVIL: 5}, {"val": {"planted": 4, "recall": 0.75, "precision": 1.0}}
    (known,) = leak_blocks({"leaks": leaks, "truth": judged | {"test": {"planted": 0, "recall": None, "precision": None}}})
    assert isinstance(known, Table)
    assert known.rows == [(EVIL, "5", "–", "–", "–"), ("val", "3", "4", "1.000", "0.750"), ("test", "0", "0", "–", "–")]
    (unknown,) = leak_blocks({"leaks": leaks})
    assert isinstance(unknown, Table)
    assert unknown.rows[1] == ("val", "3")
    assert unknown.note != known.note
    assert list(leak_blocks({})) == []


def test_the_first_difference_is_a_paragraph_of_each() -> None:
    assert first_difference("a\n\nb\n\nc", "a\n\nx\n\nc") == ("b", "x")
    assert first_difference("a", "a\n\nb") == ("", "b")
    assert first_difference("a", "a") == ("", "")


def test_samples_are_spread_from_the_first_to_the_last() -> None:
    rows = [{"n": number} for number in range(10)]
    assert [row["n"] for row in spread(rows, 4)] == [0, 3, 6, 9]
    assert [row["n"] for row in spread(rows, 1)] == [5]
    assert len(spread(rows, 99)) == 10


def test_files_that_were_passed_over_stand_in_the_table_and_on_the_page_with_how_to_read_them(run: Finished) -> None:
    data, judged, told = run(facts=True)
    corpus = {"documents": 3, "bytes": 9, "ignored_files": {".py": 3, ".pdf": 1, "README.md": 1}}
    assert Telling("passed over", ".py (3), .pdf (1), README.md (1)") in tellings("corpus", corpus)
    html, _, _ = page_of("Scriptorium", data, judged, replace(told, metrics={**told.metrics, "corpus": corpus}), SHOWN)
    assert "Files passed over" in html
    assert "pdftotext FILE" in html
    for without in ({"documents": 3, "bytes": 9}, {**corpus, "ignored_files": {}}):
        assert [telling.name for telling in tellings("corpus", without)] == ["documents", "text"]


FILE = {"bytes": 2_000, "mean_logit": 0.02, "mean_logit_share": 0.004, "kl": 0.0027, "rounding": {"mean_logit": 0.016, "kl": 0.0054}}


def test_the_kl_of_a_file_stands_beside_that_of_plain_rounding(run: Finished) -> None:
    (table,) = (block for block in export_blocks({"Q4_0": FILE}, {"kl": 2.0}) if isinstance(block, Table))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["KL, nats a token"], row["KL to nearest"]) == ("0.0027", "0.0054")
    assert (row["mean |Δlogit| / sd"], row["times rounding"]) == ("0.004", "1.250")
    data, judged, told = run(facts=True)
    html, _, _ = page_of("Scriptorium", data, judged, replace(told, metrics={**told.metrics, "export/gguf": {"Q4_0": FILE}}), SHOWN)
    assert "0.0027 nats a token from the fp32 model (rounded to nearest 0.0054)" in html


def test_a_file_that_was_not_released_is_told_with_its_fault_and_the_ways_out_and_counts_nowhere(run: Finished) -> None:
    data, judged, told = run(facts=True)
    dropped = {"Q4_0": {"faults": ["model-Q4_0.gguf: kl is 7"], "mend": "export.gguf.types=[F16]"}}
    metrics = {**told.metrics, "export/gguf": {**(told.metrics["export/gguf"] or {}), "dropped": dropped}}
    html, _, numbers = page_of("Scriptorium", data, judged, replace(told, metrics=metrics), SHOWN)
    assert "File Q4_0: not released, it is not the model: model-Q4_0.gguf: kl is 7. Ways out: export.gguf.types=[F16]." in html
    assert "a checked file of" in html
    assert numbers["absent"] == page_of("Scriptorium", data, judged, told, SHOWN)[2]["absent"] + 1
    assert Telling("not released", "Q4_0") in tellings("export/gguf", metrics["export/gguf"])
    assert all(telling.name != "not released" for telling in tellings("export/gguf", {**FILE, "dropped": {}}))
    assert list(dropped_of(parity_of({"a": {"dropped": dropped}, "b": {"dropped": dropped}}))) == ["Q4_0", "b: Q4_0"]
