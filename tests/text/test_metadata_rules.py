"""Documents are kept or dropped by address, date, author and license; and what they state goes on with them into the split."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.metadata import OTHERS, leading, with_metadata
from pipeline.core.artifact.split import TEXTS
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.shards import Piece
from pipeline.text.measure.quality import Rule, check_rules
from pipeline.text.measure.select import QualityFilter, select
from pipeline.text.measure.statistics import measure
from pipeline.text.measure.url_lists import coverings
from tests.text.split_corpus import document, written
from tests.text.test_dedup import WHOLE, deduped
from tests.text.test_select import Folder

COLUMNS = ["id", "language", "language_score", "words", "url", "date", "author", "license"]


def rule(**settings: Any) -> Rule:
    """A rule as conf/ states it."""
    return TypeAdapter(Rule).validate_json(json.dumps({"name": "asked", "keep": [], "drop": [], "missing": "keep"} | settings))


def day_rule(**settings: Any) -> Rule:
    return TypeAdapter(Rule).validate_json(
        json.dumps({"name": "old", "field": "date", "min": None, "max": None, "missing": "keep"} | settings)
    )


def corpus(folder: Path, rows: Sequence[dict[str, Any]], shards: int = 2) -> Corpus:
    """Documents with these metadata, cleaned."""
    names = [name for name in ("url", "date", "author", "license") if any(name in row for row in rows)]

    def piece(turn: int) -> Any:
        own = [{"id": f"d{place}", "source": "s", "origin": "o", "text": f"text {place}"} | row for place, row in enumerate(rows)][
            turn::shards
        ]
        documents = pa.Table.from_pylist(own, schema=with_metadata(DOCUMENTS, names))
        yield Piece(
            {"documents": documents, "statistics": measure(documents["id"], documents["text"], language_characters=100)},
            {"documents": len(own)},
        )

    work = Folder(folder / "made").shards("clean", piece, list(range(shards)))
    target = Corpus(folder / "clean")
    target.gather(work, tables=("documents", "statistics"), sides={}, texts={})
    return target


def dropped(folder: Path, rows: Sequence[dict[str, Any]], *rules: Rule, lists: dict[str, str] | None = None) -> list[str]:
    """The ids that the rules drop."""
    for name, text in (lists or {}).items():
        (folder / "lists" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "lists" / name).write_text(text)
    work = select(corpus(folder, rows), QualityFilter(tuple(rules), None, None, folder / "lists"), Folder(folder / "select").shards)
    return sorted(work.table("dropped")["id"].to_pylist())


URLS = [
    {"url": url}
    for url in (
        "https://bad.org/",
        "http://www.BAD.org:8080/page?x=1",
        "https://deep.sub.bad.org/page",
        "https://notbad.org/",
        "https://host.net/~ada/diary.html",
        "https://host.net/~adamant",
        "https://host.net/~ada?page=2",
        "https://other.host.net/~ada",
        "https://xn--bcher-kva.example/x",
        "no address at all",
        None,
    )
]


def test_a_list_covers_sub_domains_and_what_lies_below_an_address(tmp_path: Path) -> None:
    lists = {"adult/domains": "# comment\n\n.bad.org\nhttps://bücher.example\n", "adult/urls": "www.host.net/~ada/\n"}
    assert dropped(tmp_path, URLS, rule(field="url", drop=["adult"]), lists=lists) == ["d0", "d1", "d2", "d4", "d6", "d8"]


@pytest.mark.parametrize("entry", ["*.evil.org", "0.0.0.0 evil.org"])
def test_an_entry_that_could_never_match_is_an_error(tmp_path: Path, entry: str) -> None:
    with pytest.raises(InputError, match="has the entry"):
        dropped(tmp_path, URLS, rule(field="url", drop=["bad"]), lists={"bad": f"host.net  # with a comment\n{entry}\n"})


def test_a_list_may_say_what_is_kept_and_missing_addresses_go_as_told(tmp_path: Path) -> None:
    lists = {"good.txt": "host.net", "bad.txt": "host.net/~adamant\n"}
    kept = rule(field="url", keep=["good.txt"], drop=["bad.txt"], missing="drop")
    assert dropped(tmp_path, URLS, kept, lists=lists) == ["d0", "d1", "d10", "d2", "d3", "d5", "d8", "d9"]


def test_every_entry_that_covers_an_address_is_asked_for() -> None:
    assert list(coverings("https://u:p@www.a.B.org:80/x/y/?q=1#f")) == [
        "a.b.org",
        "b.org",
        "org",
        "a.b.org/x",
        "a.b.org/x/y",
        "a.b.org/x/y/",
        "a.b.org/x/y/?q=1",
    ]
    assert list(coverings("b.org")) == ["b.org", "org"]
    assert list(coverings("www.com")) == ["www.com", "com"], "a name of its own"
    assert list(coverings("http://[::1")) == []


def test_dates_are_kept_within_their_range_ends_included(tmp_path: Path) -> None:
    rows = [{"date": day} for day in (date(1999, 12, 31), date(2000, 1, 1), date(2000, 6, 1), date(2000, 12, 31), date(2001, 1, 1), None)]
    assert dropped(tmp_path, rows, day_rule(min="2000-01-01", max="2000-12-31")) == ["d0", "d4"]
    assert dropped(tmp_path / "b", rows, day_rule(min="2000-06-01", missing="drop")) == ["d0", "d1", "d5"]


def test_licenses_and_authors_are_named_whatever_the_case_and_several_count_each(tmp_path: Path) -> None:
    rows = [{"license": name} for name in ("MIT", "cc-by-4.0", "CC-BY-NC-4.0", "MIT; CC-BY-4.0", "MIT; GPL-3.0", "CCxBY", None)]
    kept = rule(field="license", keep=["mit", "CC-BY-*"], drop=["*-NC-*"], missing="drop")
    assert dropped(tmp_path, rows, kept) == ["d2", "d4", "d5", "d6"]
    rows = [{"author": name} for name in ("Ada", "Ada Lee", "Bo; ada", None)]
    assert dropped(tmp_path / "b", rows, rule(field="author", drop=["Ada"])) == ["d0", "d2"]


def test_the_first_broken_rule_of_any_kind_is_the_reason_and_what_is_known_stands_beside_it(tmp_path: Path) -> None:
    rows = [
        {"license": "GPL-3.0", "text": "one two three"},
        {"license": "GPL-3.0", "text": "one"},
        {"license": "MIT", "text": "one"},
        {"text": "a b c"},
    ]
    wordy = TypeAdapter(Rule).validate_json(json.dumps({"name": "short", "statistic": "words", "min": 2, "max": None}))
    rules = (wordy, rule(name="unlicensed", field="license", keep=["MIT"], missing="drop"))
    source = corpus(tmp_path, [{"license": None} | row for row in rows])
    with pytest.raises(PipelineError, match=r"all 4 documents are dropped"):
        select(source, QualityFilter(rules, None, None, tmp_path), Folder(tmp_path / "a").shards)
    rules = (wordy, rule(name="unlicensed", field="license", keep=["MIT"]))
    work = select(source, QualityFilter(rules, None, None, tmp_path), Folder(tmp_path / "b").shards)
    told = {row["id"]: (row["reason"], row["value"], row["license"]) for row in work.table("dropped").to_pylist()}
    assert told == {"d0": ("unlicensed", None, "GPL-3.0"), "d1": ("short", 1, "GPL-3.0"), "d2": ("short", 1, "MIT")}
    assert work.total["dropped"] == {"short": 2, "unlicensed": 1}
    assert work.table("documents").schema == with_metadata(DOCUMENTS, ["license"])


@pytest.mark.parametrize(
    "idle",
    [
        rule(field="license"),
        rule(field="url"),
        rule(field="author", drop=[""]),
        day_rule(),
        day_rule(min="2001-01-01", max="2000-01-01"),
    ],
)
def test_a_rule_without_effect_is_refused(idle: Rule) -> None:
    with pytest.raises(PipelineError, match="invalid rules"):
        check_rules((idle,), COLUMNS)


def test_a_rule_that_only_asks_for_something_known_is_one() -> None:
    check_rules((rule(field="license", missing="drop"), day_rule(missing="drop"), day_rule(max="2000-01-01")), COLUMNS)


def test_a_rule_on_what_no_source_states_names_the_setting() -> None:
    with pytest.raises(PipelineError, match="license, which no source states") as fault:
        check_rules((rule(field="license", keep=["MIT"]),), ["id", "words"])
    assert "corpus.source_defaults.metadata.license=COLUMN" in fault.value.mend
    with pytest.raises(PipelineError, match="unknown statistics license"):
        check_rules((TypeAdapter(Rule).validate_json('{"name": "a", "statistic": "license", "min": 1, "max": null}'),), COLUMNS)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"field": "date", "min": "yesterday", "max": None, "name": "a", "missing": "keep"}, "DateRule.min"),
        ({"field": "licence", "keep": [], "drop": ["x"], "name": "a", "missing": "keep"}, "NameRule.field"),
        ({"field": "url", "keep": [], "drop": ["x"], "name": "a", "missing": "maybe"}, "UrlRule.missing"),
        ({"statistic": "words", "mni": 1, "max": None, "name": "a"}, "StatisticRule.m"),
    ],
)
def test_a_fault_is_told_of_the_kind_of_rule_that_was_meant(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as fault:
        TypeAdapter(Rule).validate_json(json.dumps(settings))
    assert all(".".join(map(str, one["loc"])).startswith(told) for one in fault.value.errors())


@pytest.mark.parametrize("name", ["none", "../secret", "/etc/hosts"])
def test_a_list_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"names the list .*, but .* has adult/domains"):
        dropped(tmp_path, URLS, rule(field="url", drop=[name]), lists={"adult/domains": "a.org"})


def test_a_list_without_an_entry_or_that_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lists/a has no entry"):
        dropped(tmp_path, URLS, rule(field="url", drop=["a"]), lists={"a": "# nothing\n"})
    (tmp_path / "lists" / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"lists/b can't be read"):
        dropped(tmp_path, URLS, rule(field="url", drop=["b"]))


def test_what_is_known_goes_through_dedup_and_split_and_the_licenses_of_train_are_counted(tmp_path: Path) -> None:
    rows = [
        {"license": "MIT", "date": date(2020, 1, number + 1), "text": f"Text number {number} of a few.\n\nIt ends."} for number in range(4)
    ]
    rows += [{"license": "MIT", "date": date(2019, 1, 1), "text": rows[0]["text"]}, {"license": None, "date": None, "text": "Another one."}]
    kept = deduped(tmp_path, corpus(tmp_path, rows), WHOLE).work.table("documents")
    assert kept.schema == with_metadata(DOCUMENTS, ["license", "date"])
    assert kept.num_rows == 5
    documents = [
        document(row["id"], row["text"] * (20 if row["id"] == "d1" else 1)) | {key: row[key] for key in ("license", "date")}
        for row in kept.to_pylist()
    ]
    done = written(tmp_path / "split", {"train": documents[1:], "val": documents[:1]}, max_characters=200)
    assert done.work.table("train").schema == with_metadata(TEXTS, ["license", "date"])
    assert {row["book"]: (row["license"], row["date"]) for row in done.rows("train")} == {
        row["id"]: (row["license"], row["date"]) for row in documents[1:]
    }
    by = {name: [row["text"] for row in done.rows("train") if row["license"] == name] for name in ("MIT", None)}
    assert len(by["MIT"]) > 3  # a long one was split
    assert done.told["licenses"] == {
        name or "unknown": {"documents": len(texts), "bytes": sum(map(len, texts))} for name, texts in by.items()
    }


def test_without_metadata_nothing_of_it_is_written(tmp_path: Path) -> None:
    done = written(tmp_path, {"train": [document("a", "some text")], "val": [document("b", "other text")]})
    assert done.work.table("train").schema == TEXTS
    assert "licenses" not in done.told


def test_of_very_many_licenses_those_with_most_text_are_named() -> None:
    counts = {f"l{number:03d}": {"documents": 1, "bytes": number} for number in range(60)}
    found = leading(counts)
    assert list(found) == [*sorted(counts)[10:], OTHERS]
    assert found[OTHERS] == {"documents": 10, "bytes": sum(range(10))}
