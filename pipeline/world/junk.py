"""Documents that no corpus should keep: gibberish, empty ones, other languages than English."""

from collections.abc import Callable

import numpy as np

Draw = np.random.Generator

KEYS = "qwertyuiopasdfghjklzxcvbnm"
SIGNS = "#@%&*+=~^|<>/\\_$0123456789"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

# subject, verb, object, place: any row of choices makes a sentence
LANGUAGES = {
    "german": (
        ("Der alte Müller", "Die junge Bäckerin", "Unser Nachbar", "Ein müder Wanderer", "Die Königin", "Mein Bruder"),
        ("sieht", "verkauft", "sucht", "findet", "bringt", "vergisst"),
        ("das kleine Haus", "den roten Mantel", "die schöne Brücke", "einen großen Korb", "das frische Brot", "den Schlüssel"),
        ("hinter dem Wald", "am Ufer des Flusses", "neben der Kirche", "in der Stadt", "über den Hügeln", "vor der Tür"),
    ),
    "french": (
        ("Le vieux meunier", "La jeune boulangère", "Notre voisin", "Un voyageur fatigué", "La reine", "Mon frère"),
        ("regarde", "vend", "cherche", "trouve", "apporte", "oublie"),
        ("la petite maison", "le manteau rouge", "le beau pont", "un grand panier", "le pain frais", "la clé"),
        ("derrière la forêt", "au bord de la rivière", "près de l'église", "dans la ville", "sur les collines", "devant la porte"),
    ),
    "spanish": (
        ("El viejo molinero", "La joven panadera", "Nuestro vecino", "Un viajero cansado", "La reina", "Mi hermano"),
        ("mira", "vende", "busca", "encuentra", "lleva", "olvida"),
        ("la pequeña casa", "el abrigo rojo", "el hermoso puente", "una cesta grande", "el pan fresco", "la llave"),
        ("detrás del bosque", "a la orilla del río", "cerca de la iglesia", "en la ciudad", "sobre las colinas", "ante la puerta"),
    ),
    "latin": (
        ("Senex", "Regina", "Vicinus noster", "Viator fessus", "Agricola", "Frater meus"),
        ("videt", "vendit", "quaerit", "invenit", "portat", "amat"),
        ("parvam casam", "pallium rubrum", "pontem pulchrum", "magnum saccum", "panem novum", "clavem"),
        ("post silvam", "ad ripam fluminis", "prope templum", "in urbe", "trans montes", "ante portam"),
    ),
}  # fmt: skip
EMPTY = ("", "   ", "\n\n\n", " \n\t\n ", "12\n\n13\n\n14", "- 1 -\n\n- 2 -", "...")


def gibberish(draw: Draw, number: int) -> str:
    """Some thousand characters that are no language; the number chooses the manner."""
    manner: Callable[[Draw], str] = (_mashed, _signs, _encoded, _stuck)[number % 4]
    lines = int(draw.integers(30, 80))
    return "\n".join(manner(draw) for _ in range(lines))


def empty(draw: Draw, number: int) -> str:
    """Nothing, or nothing but blanks and page numbers."""
    return EMPTY[number % len(EMPTY)]


def foreign(draw: Draw, number: int) -> str:
    """Paragraphs in one other language."""
    columns = list(LANGUAGES.values())[number % len(LANGUAGES)]

    def sentence() -> str:
        return " ".join(column[int(draw.integers(len(column)))] for column in columns) + "."

    return "\n\n".join(" ".join(sentence() for _ in range(int(draw.integers(4, 9)))) for _ in range(int(draw.integers(15, 40))))


def _letters(draw: Draw, alphabet: str, count: int) -> str:
    return "".join(alphabet[row] for row in draw.integers(len(alphabet), size=count).tolist())


def _mashed(draw: Draw) -> str:
    return " ".join(_letters(draw, KEYS, int(draw.integers(1, 14))) for _ in range(10))


def _signs(draw: Draw) -> str:
    return " ".join(_letters(draw, SIGNS, int(draw.integers(1, 9))) for _ in range(12))


def _encoded(draw: Draw) -> str:
    return _letters(draw, BASE64, 76)


def _stuck(draw: Draw) -> str:
    return _letters(draw, KEYS, 1) * int(draw.integers(20, 70))
