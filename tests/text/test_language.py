"""The language is read off the inside of a text, whatever stands in front."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.text.measure.language import detect_languages, passage
from pipeline.text.ngrams import texts_of

SENTENCES = {
    "en": "The old miller looks at the little house behind the wood, and his sister sells the bread in the town.",
    "de": "Der alte Müller sieht das kleine Haus hinter dem Wald, und seine Schwester verkauft das Brot in der Stadt.",
    "fr": "Le vieux meunier regarde la petite maison derrière la forêt, et sa sœur vend le pain dans la ville.",
    "es": "El viejo molinero mira la pequeña casa detrás del bosque, y su hermana vende el pan en la ciudad.",
    "ru": "Старый мельник смотрит на маленький дом за лесом, а его сестра продаёт хлеб в городе.",
    "el": "Ο γέρος μυλωνάς κοιτάζει το μικρό σπίτι πίσω από το δάσος, και η αδελφή του πουλάει ψωμί στην πόλη.",
    "zh": "老磨坊主看着树林后面的小房子，他的妹妹在城里卖面包。",
    "ja": "年老いた粉屋は森の後ろの小さな家を見て、妹は町でパンを売っています。",
}


def found(texts: list[str], characters: int = 400) -> tuple[list[str], list[float]]:
    names, scores = detect_languages(texts_of(pa.array(texts, pa.string())), characters=characters)
    return names, scores.tolist()


def test_a_sentence_tells_its_language() -> None:
    names, scores = found(list(SENTENCES.values()))
    assert names == list(SENTENCES)
    assert min(scores) > 0.5


def test_the_front_matter_does_not_count() -> None:
    front = SENTENCES["en"] * 3
    assert found([front + SENTENCES["de"] * 20])[0] == ["de"]


@pytest.mark.parametrize("text", ["", "\n\n", "12 34 # 56", "..."])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    assert found([text]) == ([""], [0.0])


def test_a_passage_never_cuts_a_character_and_lies_on_one_line() -> None:
    for text in SENTENCES.values():
        raw = np.frombuffer((text + "\n\n" + text).encode(), np.uint8)
        for characters in range(1, 40):
            piece = passage(raw, characters)
            assert len(piece) <= characters
            assert piece in f"{text} {text}"
    assert passage(np.frombuffer(b"short text", np.uint8), 400) == "short text"
