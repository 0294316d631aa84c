"""Offensive words: the list in the package better-profanity, read as a file.

A few of them say nothing about a text, a share of them does. Entries of several words or with signs and digits (`4r5e`) are left out, and
so are words that are mostly harmless.
"""

import re
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+")

# who people are, bodies and medicine, animals and the farm, drink and herbs, faith, everyday things and acts
HARMLESS = frozenset(
    [
        "gay", "gays", "lesbians", "queer", "queers", "transsexual", "unwed", "virgin", "negro", "slave", "leper", "prostitute",
        "anal", "anus", "breasts", "clitoris", "crotch", "erect", "erection", "facial", "foreskin", "glans", "gonad", "gonads", "herpes",
        "hiv", "hymen", "labia", "loin", "loins", "menses", "menstruate", "menstruation", "naked", "nipple", "nipples", "nude", "oral",
        "orally", "organ", "ovary", "ovum", "penile", "penis", "phallic", "pms", "pubic", "pubis", "rectal", "rectum", "rectus", "rump",
        "scrotum", "semen", "sex", "sexual", "sperm", "tampon", "testes", "testicle", "testis", "urinal", "urine", "uterus", "vagina",
        "valium", "viagra", "vomit", "vulva", "womb", "areole", "penetrate", "penetration", "enlargement",
        "ass", "asses", "cock", "cocks", "teat", "vixen", "coon", "woody", "weed", "hump", "humped", "hemp", "pawn",
        "drunk", "heroin", "hooch", "hookah", "meth", "opiate", "opium", "peyote", "rum", "vodka", "stoned", "souse", "soused",
        "god", "hitler", "nazi", "nazism", "reich", "klan", "aryan", "arian", "sodom", "nimrod", "hebe",
        "bondage", "fat", "flange", "fondle", "dong", "dummy", "dopey", "cowgirl", "cowgirls", "kill", "murder", "napalm", "sniper", "uzi",
        "knob", "len", "lust", "lusty", "maxi", "muff", "nappy", "paddy", "pasty", "pot", "potty", "prude", "prig", "racy", "revue",
        "sandbar", "screw", "screwed", "screwing", "seaman", "seamen", "seduce", "slope", "snatch", "snuff", "steamy", "strip", "stroke",
        "suck", "sucked", "sucking", "thrust", "tinkle", "toots", "tramp", "tush", "undies", "wad", "whiz", "willy", "xx",
        "homey", "hoar", "hoare", "hoer", "pollock", "guido", "gringo", "lech", "massa", "niggle", "tawdry",
        "voyeur", "yury", "dink", "dinks", "fanny", "fisted", "inbred", "junky", "lube", "pee", "poop",
        "rape", "raped", "incest", "molest", "orgies", "orgy", "playboy", "wazoo", "willies",
    ]
)  # fmt: skip


@cache
def toxic_words() -> tuple[str, ...]:
    """The words of the lexicon, in lower case, sorted."""
    lines = (files("better_profanity") / "profanity_wordlist.txt").read_text(encoding="utf-8").lower().split("\n")
    return tuple(sorted({line for line in lines if line.isascii() and line.isalpha()} - HARMLESS))


def offends(text: str, *, ended: bool) -> bool:
    """Whether a text holds an offensive word. One that goes on is judged by its whole words alone."""
    words = _WORD.findall(text.lower())
    if not ended and text[-1:].isalpha():
        words = words[:-1]
    return not _offensive().isdisjoint(words)


@cache
def _offensive() -> frozenset[str]:
    return frozenset(toxic_words())
