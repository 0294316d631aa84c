"""Work by shards gives the same bytes from every engine, and goes on where it was stopped."""

from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.errors import PipelineError
from pipeline.core.parallel import Engine, Jobs, parallel_map
from pipeline.core.shards import Piece, Work, added, map_shards

JOBS = Jobs(cluster="local", partition=None, minutes=5, memory_gb=1, items=2)
BUSY = partial(pytest.param, marks=pytest.mark.filterwarnings("ignore"))  # what the engines warn of is theirs


def double(item: int, *, log: Path | None = None):
    """Two pieces an item: a document and its copy. Where there is a log, each call is told there; -1 fails."""
    if log is not None:
        with log.open("a") as file:
            file.write(f"{item}\n")
    for turn in range(2):
        if item < 0:
            raise RuntimeError("power cut")
        text = f"{item} the {turn}th"
        documents = pa.table({"id": [f"{item}-{turn}"], "source": ["s"], "origin": ["o"], "text": [text]})
        yield Piece({"documents": documents}, {"documents": 1, "bytes": {"all": len(text)}})


def plain_map(function, items):
    return [function(item) for item in items]


def gathered(work: Work, path: Path) -> Corpus:
    corpus = Corpus(path)
    corpus.gather(work, tables=("documents",), sides={}, texts={"sources.json": "{}"})
    return corpus


def test_pieces_become_shards_in_the_order_of_the_items(tmp_path):
    work = map_shards(double, [3, 1, 2], folder=tmp_path / "work", run_map=plain_map)
    assert work.table("documents")["id"].to_pylist() == ["3-0", "3-1", "1-0", "1-1", "2-0", "2-1"]
    assert work.total == {"documents": 6, "bytes": {"all": 54}}
    corpus = gathered(work, tmp_path / "corpus")
    assert [shard.table("documents", ["id"]).column(0).to_pylist() for shard in corpus.shards][2:4] == [["1-0"], ["1-1"]]
    assert corpus.facts == {"shards": 6, "documents": 6}
    assert corpus.table("documents", ["id"])["id"].to_pylist() == work.table("documents")["id"].to_pylist()


def test_what_was_done_before_a_stop_is_not_done_again(tmp_path):
    log = tmp_path / "log"
    one = partial(double, log=log)
    with pytest.raises(RuntimeError, match="power cut"):
        map_shards(one, [1, 2, -1, 3], folder=tmp_path / "work", run_map=plain_map)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["000000", "000001"], "nothing half-written is left"
    log.write_text("")
    again = map_shards(one, [1, 2, 4, 3], folder=tmp_path / "work", run_map=plain_map)
    assert log.read_text().split() == ["4", "3"]
    fresh = map_shards(double, [1, 2, 4, 3], folder=tmp_path / "fresh", run_map=plain_map)
    assert gathered(again, tmp_path / "a").digest == gathered(fresh, tmp_path / "b").digest


@pytest.mark.parametrize("engine", ["threading", "loky", BUSY("dask"), BUSY("submitit"), BUSY("ray", id="ray")])
def test_every_engine_gives_the_same_bytes(engine: Engine, tmp_path, monkeypatch):
    pytest.importorskip({"dask": "distributed"}.get(engine, engine) if engine in ("ray", "dask", "submitit") else "joblib")
    monkeypatch.chdir(tmp_path)
    here = gathered(map_shards(double, range(5), folder=tmp_path / "here", run_map=plain_map), tmp_path / "a")
    run_map = partial(parallel_map, engine=engine, workers=2, jobs=JOBS)
    there = gathered(map_shards(double, range(5), folder=tmp_path / "there", run_map=run_map), tmp_path / "b")
    assert there.digest == here.digest


def test_an_engine_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(PipelineError, match=r"needs the package ray\n  mend: pip install"):
        parallel_map(str, [1], engine="ray", workers=1)


def test_counts_add_up_name_by_name():
    assert added({"a": 1, "b": {"c": 2}}, {"b": {"c": 3, "d": 4}, "e": 5}) == {"a": 1, "b": {"c": 5, "d": 4}, "e": 5}
