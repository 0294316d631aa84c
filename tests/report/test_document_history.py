"""Every document's life can be told, to its end."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.core.artifact.split import PARTS, Split
from pipeline.core.artifact.tables import write_table
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError, InputError
from pipeline.report.document_history import STAGES, Asked, Chapter, Shown, history_of
from pipeline.report.figures import found_in
from pipeline.report.search import Found, find_document, near_matches, quarantined
from pipeline.report.stage_files import Disk, StageFiles
from pipeline.text.measure.metadata_rules import DateRule, NameRule
from pipeline.text.measure.quality import LanguageRule, StatisticRule
from pipeline.tokens.pack import Stream, lay
from pipeline.tokens.shards import save_shard
from tests.apps.tiny import RULES, write_chain

SHOWN = Shown(entries=10, excerpt=40)
IN_FORCE = [StatisticRule(**rule) for rule in RULES]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain, with the rows of the tokens: ada's second piece in rows 1 and 2."""
    data = write_chain(tmp_path_factory.mktemp("chain"))
    with Tokens(data / "tokenize").writing() as draft:
        for part in PARTS:
            stream = Stream.of([[7] * 8, [7] * 10], np.uint16)
            (draft.path / part).mkdir()
            save_shard(stream, lay(stream.starts, row=9, packing="best_fit"), draft.path / Tokens.shard(part, 0))
            draft.facts |= {"length": 9, part: {"shards": 1}}
    return data


def files(data: Path, stage: str) -> StageFiles:
    return StageFiles(Disk(), str(data / stage))


def life(data: Path, asked: str) -> dict[str, Chapter]:
    found = find_document(files(data, "corpus"), asked)
    assert found is not None
    folders = {stage: files(data, stage) for stage in STAGES}
    return {chapter.stage: chapter for chapter in history_of(Asked(folders=folders, found=found, rules=IN_FORCE, shown=SHOWN))}


def facts(chapter: Chapter) -> dict[str, tuple[str, str]]:
    return {line.what: (line.value, line.note) for line in chapter.lines}


def test_a_document_that_survives_is_followed_into_the_rows_of_tokens(data: Path) -> None:
    told = life(data, "ada-0001")
    assert tuple(told) == STAGES
    assert facts(told["corpus"])["origin"] == ("a.jsonl:1", "of the source books")
    assert facts(told["clean"])["ligatures"] == ("3", "times")
    assert facts(told["clean"])["quotes"] == ("1", "time")
    assert facts(told["split"])["cut of ada-0001"][1] == "is in test: “She told nobody.”"
    assert told["split"].verdict == "in train, 2 pieces"
    assert facts(told["tokenize"])["ada-0001#1"] == ("11 tokens", "document 1 of train, rows 1, 2")


def test_every_statistic_is_told_with_the_rule_that_it_meets_or_breaks(data: Path) -> None:
    kept, dropped = life(data, "ada-0001")["select"], life(data, "dee-0004")["select"]
    assert facts(kept)["mute"] == ("0.01", "gibberish: at most 0.2, met")
    assert facts(kept)["characters"][1] == "empty: at least 5, met"
    assert facts(dropped)["mute"] == ("0.9", "gibberish: at most 0.2, broken")


def test_a_dropped_document_ends_with_the_reason(data: Path) -> None:
    told = life(data, "dee-0004")
    assert list(told) == ["corpus", "clean", "select"]
    assert told["select"].verdict == "dropped as gibberish, measured 0.9"


def test_a_copy_tells_which_one_it_lost_to_and_the_kept_one_which_lost_to_it(data: Path) -> None:
    assert life(data, "cy-0003")["dedup"].verdict == "lost to bo-0002: near, similarity 0.875 to the one most like it"
    assert list(life(data, "cy-0003"))[-1] == "dedup"
    assert facts(life(data, "bo-0002")["dedup"])["lost to it"] == ("cy-0003", "near, similarity 0.875 to the one most like it")


def test_a_document_of_which_every_paragraph_stands_elsewhere_is_told_paragraph_by_paragraph(tmp_path: Path) -> None:
    data = write_chain(tmp_path)
    path = data / "dedup" / "clusters" / "00001.parquet"
    clusters = pq.read_table(path).to_pylist()
    write_table(pa.Table.from_pylist([row | {"kept": False, "kind": "emptied"} for row in clusters]), path)
    told = life(data, "eve")["dedup"]
    assert told.end
    assert "nothing is left" in told.verdict
    assert facts(told)["cut, paragraph"][0] == "paragraph 1"


def test_a_cut_passage_is_told_on_both_sides(data: Path) -> None:
    assert facts(life(data, "eve-0005")["dedup"])["cut, paragraph"] == ("paragraph 1", "stands in ada-0001: “The mill is old.”")
    assert facts(life(data, "ada-0001")["dedup"])["stays here"][0] == "1"


@pytest.mark.parametrize(("asked", "meant"), [("ada", "ada-0001"), ("b.jsonl:2", "bo-0002"), ("dee-0004", "dee-0004")])
def test_a_document_is_found_by_the_beginning_of_its_id_and_by_its_origin(data: Path, asked: str, meant: str) -> None:
    assert find_document(files(data, "corpus"), asked) == Found(meant, None)


def test_a_piece_is_found_by_its_number_and_told_alone(data: Path) -> None:
    assert find_document(files(data, "corpus"), "ada-0001#1") == Found("ada-0001", "ada-0001#1")
    assert [line.what for line in life(data, "ada#1")["tokenize"].lines] == ["ada-0001#1"]
    assert life(data, "ada#7")["split"].verdict == "it has no piece ada-0001#7, but 2 others"


def test_a_text_that_is_taken_twice_is_told_twice(data: Path, tmp_path: Path) -> None:
    twice = shutil.copytree(data, tmp_path / "data")
    split = Split(twice / "split")
    train = split.read("train")
    again = train.set_column(0, train.schema.field("id"), pc.binary_join_element_wise(train["id"], "*2", ""))
    split.write(
        {"train": pa.concat_tables([train, again]), "val": split.read("val"), "test": split.read("test")}, sides={"cut": split.table("cut")}
    )
    assert [line.what for line in life(twice, "ada-0001#1")["split"].lines[:2]] == ["ada-0001#1", "ada-0001#1*2"]
    assert [line.what for line in life(twice, "ada-0001#1*2")["split"].lines[:1]] == ["ada-0001#1*2"]


def test_a_document_that_its_source_s_weight_left_out_says_so(data: Path, tmp_path: Path) -> None:
    light = shutil.copytree(data, tmp_path / "data")
    (light / "corpus" / "sources.json").write_text('{"books": {"weight": 0.25}}')
    split = Split(light / "split")
    split.write({part: split.read(part).slice(0, 0) for part in PARTS}, sides={"cut": split.table("cut").slice(0, 0)})
    assert life(light, "ada")["split"].verdict == "left out of train: its source weighs 0.25"


def test_what_nothing_is_called_has_near_matches(data: Path) -> None:
    assert find_document(files(data, "corpus"), "ada-0009") is None
    assert near_matches(files(data, "corpus"), "ada-0009")[0] == "ada-0001"
    assert "eve-0005" in near_matches(files(data, "corpus"), "VE-0")


def test_an_ambiguous_name_is_an_error_that_lists_the_documents(tmp_path: Path) -> None:
    data = write_chain(tmp_path, {"ada-0001": "a", "ada-0002": "b", "bo-0002": "c", "dee-0004": "", "fin-0006": "", "eve-0005": ""})
    with pytest.raises(InputError, match="beginning of 2 documents: ada-0001, ada-0002"):
        find_document(files(data, "corpus"), "ada")


def test_a_row_in_quarantine_is_found_by_its_file_and_line(data: Path) -> None:
    assert [row["reason"] for row in quarantined(files(data, "corpus"), "a.jsonl:9")] == ["no_text"]
    assert quarantined(files(data, "corpus"), "a.jsonl:8") == []


def test_a_chain_that_has_not_run_to_its_end_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    data = write_chain(tmp_path)
    for stage in ("dedup", "split"):
        shutil.rmtree(data / stage)
    told = life(data, "ada")
    assert list(told) == ["corpus", "clean", "select", "dedup"]
    assert told["dedup"].verdict.startswith("not known:")
    assert "dvc repro dedup" in told["dedup"].verdict


def test_a_stage_that_was_made_of_another_corpus_says_so(tmp_path: Path) -> None:
    data = write_chain(tmp_path)
    other = write_chain(tmp_path / "other", {"bo-0002": "c", "dee-0004": "", "fin-0006": "", "eve-0005": ""})
    shutil.rmtree(data / "clean")
    (other / "clean").rename(data / "clean")
    assert "does not know it" in life(data, "ada")["clean"].verdict


def test_no_corpus_at_all_is_an_error_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="dvc repro corpus"):
        find_document(files(tmp_path, "corpus"), "ada")


def test_a_flipped_byte_in_a_page_is_an_error_and_not_another_life(tmp_path: Path) -> None:
    data = write_chain(tmp_path)
    path = data / "corpus" / "documents" / "00000.parquet"
    raw = bytearray(path.read_bytes())
    raw[20] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArtifactError, match=r"00000\.parquet can't be read"):
        life(data, "ada")


def test_a_language_rule_is_judged_with_how_sure_the_finding_is(tmp_path: Path) -> None:
    data = write_chain(tmp_path)
    foreign, plain = (
        LanguageRule(name="foreign", languages=("en", "fr"), min_probability=0.5),
        StatisticRule(name="long", statistic="characters", min=2, max=900),
    )
    found = find_document(files(data, "corpus"), "ada")
    assert found is not None
    asked = Asked(folders={stage: files(data, stage) for stage in STAGES}, found=found, rules=[foreign, plain], shown=SHOWN)
    for language, score, verdict in (("en", 0.9, "met"), ("de", 0.4, "met"), ("de", 0.9, "broken")):
        row = {"id": "ada-0001", "characters": 61.0, "language": language, "language_score": score}
        write_table(pa.Table.from_pylist([row]), data / "clean" / "statistics" / "00000.parquet")
        told = facts(next(chapter for chapter in history_of(asked) if chapter.stage == "select"))
        assert told["language"] == (language, f"foreign: en, fr, unless less than 0.5 sure, {verdict}")
        assert told["characters"][1] == "long: 2 to 900, met"


def test_a_rule_about_what_was_not_measured_says_so(data: Path) -> None:
    found = find_document(files(data, "corpus"), "ada")
    assert found is not None
    rules = [StatisticRule(name="score", statistic="score", min=0.5, max=None)]
    chapters = history_of(Asked(folders={stage: files(data, stage) for stage in STAGES}, found=found, rules=rules, shown=SHOWN))
    told = next(chapter for chapter in chapters if chapter.stage == "select")
    assert facts(told)["score"] == ("not measured", "score: at least 0.5")


def test_a_rule_on_metadata_is_told_with_what_it_asks_for(data: Path) -> None:
    found = find_document(files(data, "corpus"), "ada")
    assert found is not None
    rules = [
        NameRule(name="unlicensed", field="license", keep=("MIT", "CC0-1.0"), drop=("GPL-*",), missing="drop"),
        DateRule(name="old", field="date", min=date(2000, 1, 1), max=None, missing="keep"),
    ]
    chapters = history_of(Asked(folders={stage: files(data, stage) for stage in STAGES}, found=found, rules=rules, shown=SHOWN))
    told = facts(next(chapter for chapter in chapters if chapter.stage == "select"))
    assert told["license"] == ("asked for", "unlicensed: only MIT, CC0-1.0, not GPL-*, known")
    assert told["date"] == ("asked for", "old: from 2000-01-01")


def test_a_dropped_document_is_told_with_what_was_measured_or_is_known() -> None:
    assert found_in({"value": 0.25, "license": "MIT"}) == "measured 0.25"
    assert found_in({"value": None, "date": date(2000, 1, 1), "license": "MIT", "author": None}) == "date 2000-01-01, license MIT"
    assert found_in({"value": None, "license": None}) == "of which nothing is known"
