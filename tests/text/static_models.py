"""Small static embedding models, whose words are in pairs that mean the same."""

import json
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

MEANINGS = 400
DIMENSIONS = 64
WORDS = [(f"w{number}", f"v{number}") for number in range(MEANINGS)]  # w3 and v3 mean the same


def vectors_of(seed: int = 1, *, noise: float = 0.1) -> np.ndarray:
    """Of [UNK] and of all words, [1 + 2 x MEANINGS, DIMENSIONS]."""
    draw = np.random.default_rng(seed)
    meaning = draw.normal(size=(MEANINGS, DIMENSIONS))
    words = np.stack([meaning, meaning + noise * draw.normal(size=meaning.shape)], axis=1).reshape(-1, DIMENSIONS)
    return np.concatenate([100 * draw.normal(size=(1, DIMENSIONS)), words]).astype(np.float32)


def tokenizer() -> Tokenizer:
    """Words in any case."""
    vocabulary = {"[UNK]": 0} | {word: place for place, word in enumerate((word for pair in WORDS for word in pair), start=1)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    return made


def static_model(folder: Path, **tensors: np.ndarray) -> Path:
    """A folder as model2vec writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors or {"embeddings": vectors_of()}, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True}))
    return folder


def story(seed: int, words: int = 120) -> list[str]:
    """A text about a few of the meanings."""
    draw = Random(seed)
    about = draw.sample(range(MEANINGS), 30)
    return [f"w{draw.choice(about)}" for _ in range(words)]


def paraphrase(words: list[str], seed: int, *, share: float = 0.5, replaced: float = 0.0) -> list[str]:
    """The same in other words, in another order, and a share of them replaced by any."""
    draw = Random(seed)
    other = [f"v{word[1:]}" if draw.random() < share else word for word in words]
    other = [f"w{draw.randrange(MEANINGS)}" if draw.random() < replaced else word for word in other]
    draw.shuffle(other)
    return other
