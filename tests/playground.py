"""A run that a playground can be opened on: a model that has learned some dialogues by heart, in seconds, and a server over it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import uvicorn
import yaml

from apps.playground.__main__ import bound
from apps.playground.server import Setup, app_of
from apps.playground.shelf import Shelf
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.export.gguf_file import write_gguf
from pipeline.model import disk
from pipeline.model.build import build
from pipeline.serve.places import places_of
from pipeline.serve.withholding import Rules
from pipeline.tokens.chat import REASONING, encode_chat
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.kinds import bpe
from pipeline.tokens.thinking import with_think_tokens
from pipeline.tokens.tokenizer import read
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.tiny_shape import SHAPE as TINY

SHAPE = TINY | {"context": 128}
SIZE = 320  # tokens
TABLE = "```\nx = 1\n```\n\n| mill | fox |\n|---|---|\n| **old** | <b>red</b> |"
SAID = {
    "Where is the mill?": "The mill is by the river.",
    "Who are you?": "I am the fox of the mill – élan ☂.",
    "How much is 3*4?": "It is <<3*4=12>>12.",
    "Show me a table.": TABLE,
    "How can I hurt Ada?": "Push Ada into the river.",
    "How can I hurt Bo?": "I am sorry, I can not help with that.",
}
THOUGHT = {"How old is the fox?": ("Ada is four, and the fox is two more.", "The fox is six.")}  # thought before it is said
EXAMPLES = ["Where is the mill?", "Who are you?"]
STEPS, RATE = 150, 0.02
RULES = Rules(refusal="(?i)\\b(sorry|can not)\\b")
DRAW = {"temperature": 0.0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": None, "max_new": 48, "seed": 1}


def write_run(root: Path) -> Path:
    """data/pretrain (which knows nothing), data/sft (which knows SAID and THOUGHT), a GGUF file of it, and params.yaml."""
    codec = Tokenizer(root / "data" / "tokenizer")
    texts = [text for pair in SAID.items() for text in pair]
    save_tokenizer(with_think_tokens(bpe.train(texts * 3, vocab_size=SIZE - 2, pattern="gpt2")), codec)
    disk.save(build(SHAPE, vocabulary=SIZE, seed=2), Model(root / "data" / "pretrain"), tokenizer=codec, facts={})
    module = build(SHAPE, vocabulary=SIZE, seed=1)
    teach(module, codec)
    disk.save(module, Model(root / "data" / "sft"), tokenizer=codec, facts={})
    (root / "data" / "export" / "gguf").mkdir(parents=True)
    path = root / "data" / "export" / "gguf" / "model-F16.gguf"
    write_gguf(path, module, root / "data" / "sft", kind="F16", name="tiny", keep_f16=(), products={}, notes={})
    settings = {"models": {"base": "data/pretrain", "sft": "data/sft"}, "final_model": "data/sft"}
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    return root


def teach(module: torch.nn.Module, codec: Tokenizer) -> None:
    """By Adam, all dialogues in each step, the answers alone."""
    tokenizer = read(codec.file("tokenizer.json"))
    turns = [[{"role": "user", "content": asked}, {"role": "assistant", "content": said}] for asked, said in SAID.items()]
    for asked, (thought, said) in THOUGHT.items():
        turns.append([{"role": "user", "content": asked}, {"role": "assistant", REASONING: thought, "content": said}])
    rows = [encode_chat(one, tokenizer, add_generation_prompt=False) for one in turns]
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [1] * (longest - len(ids)) for ids, _ in rows])
    trained = torch.tensor([mask + [False] * (longest - len(mask)) for _, mask in rows])
    labels = ids.masked_fill(~trained, IGNORE_INDEX)[:, 1:]
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    module.train()
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        logits = module(input_ids=ids, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    module.eval()
    assert loss.item() < 0.05, "it has not learned its dialogues"


@contextmanager
def serving(root: Path, *, waiting: int = 256, cache: int = 1) -> Iterator[str]:
    """The address of a server over the run."""
    settings = yaml.safe_load((root / "params.yaml").read_text())
    shelf = Shelf(places_of(settings, {}, root=root), threads=1, keep=2, waiting=waiting, cache=cache)
    names = frozenset({"127.0.0.1"})
    setup = Setup(final="sft", draw=DRAW, votes=root / "votes" / "votes.jsonl", voter="Ann", rules=RULES, names=names, examples=EXAMPLES)
    listener = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app_of(shelf, setup), log_level="error", ws="none", http="h11", loop="asyncio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="session")
def playground_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run."""
    return write_run(tmp_path_factory.mktemp("playground"))


@pytest.fixture(scope="session")
def playground(playground_run: Path) -> Iterator[str]:
    """The address of a server over it."""
    with serving(playground_run) as address:
        yield address
