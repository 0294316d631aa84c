"""The statistics once more, in plain Python that follows their definitions word by word: slow, and the judge of the kernels."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from pipeline.text.measure.lexicon import GOPHER, STOPWORDS
from pipeline.text.measure.toxicity import toxic_words

_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def plain_statistics(text: str) -> dict[str, float]:
    """By name, as in NAMES."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    paragraphs = _paragraphs(text)
    tokens = text.split()
    return {
        **_of_tokens(text, tokens, lines),
        **_of_words(words_of(text)),
        **_of_lines(text, lines),
        **_of_repeats(text, tokens, lines, paragraphs),
    }


def is_letter(character: str) -> bool:
    return character.isalpha() or unicodedata.category(character)[0] == "M"


def words_of(text: str) -> list[str]:
    spaced = "".join(character if is_letter(character) else " " for character in text)
    return ["".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in word) for word in spaced.split(" ") if word]


def _paragraphs(text: str) -> list[str]:
    lines = [line.strip() for line in text.split("\n")]
    groups, inside = [], False
    for line in lines:
        if line and inside:
            groups[-1].append(line)
        elif line:
            groups.append([line])
        inside = bool(line)
    return ["\n".join(group) for group in groups]


def _of_tokens(text: str, tokens: Sequence[str], lines: Sequence[str]) -> dict[str, float]:
    bare = [re.sub(r"^\s+|\s+$", "", "".join(c if is_letter(c) or c.isnumeric() else " " for c in token)) for token in tokens]
    plain = [one for one in bare if one]
    ink = "".join(tokens)
    letters = sum(map(is_letter, ink))
    ends = sum(map(_sentences, lines))
    digits = sum(c.isnumeric() and not is_letter(c) for c in ink)
    return {
        "characters": len(ink),
        "words": len(plain),
        "mean_word_length": share(sum(map(len, plain)), len(plain)),
        "mean_token_length": share(len(ink), len(tokens)),
        "lix": share(len(plain), ends) + 100 * share(sum(len(one) > 6 for one in plain), len(plain)),
        "longest_token": max(map(len, tokens), default=0),
        "words_per_line": share(len(plain), len(lines)),
        "words_per_sentence": share(len(plain), ends),
        "letters": share(letters, len(ink)),
        "digits": share(digits, len(ink)),
        "capitals": share(sum(is_letter(c) and c.isupper() for c in ink), letters),
        "symbols": share(len(ink) - letters - digits, len(text)),
        "alphabetic_words": share(sum(2 * sum(map(is_letter, token)) > len(token) for token in tokens), len(tokens)),
        "lettered_words": share(sum(any(map(is_letter, token)) for token in tokens), len(tokens)),
        "distinct_words": share(len(set(tokens)), len(tokens)),
        "hashes_per_word": share(text.count("#"), len(tokens)),
        "ellipses_per_word": share(text.count("...") + text.count("…"), len(tokens)),
        "curly_brackets": text.count("{"),
        "newlines_per_word": share(text.count("\n"), len(tokens)),
    }


def _of_words(words: Sequence[str]) -> dict[str, float]:
    latin = [word for word in words if len(word) > 1 and re.fullmatch("[a-z]+", word)]
    return {
        "stopwords": share(sum(word in STOPWORDS for word in words), len(words)),
        "gopher_stopwords": len(set(words) & set(GOPHER)),
        "toxic_words": share(sum(word in toxic_words() for word in words), len(words)),
        "mean_latin_word_length": share(sum(map(len, latin)), len(latin)),
        "unpronounceable_words": share(sum(bool(re.fullmatch(r"[^aeiouy]+|.*[^aeiouy]{6}.*", word)) for word in latin), len(latin)),
    }


def _of_lines(text: str, lines: Sequence[str]) -> dict[str, float]:
    def of_c4(line: str) -> bool:
        said = f" {' '.join(words_of(line))} "
        clean = not any(f" {phrase} " in said for phrase in (*_POLICIES, "javascript"))
        return bool(clean and _ended(line) and not _trails(line) and len(line.split()) > 2 and max(map(len, line.split())) <= 1000)

    spoken = [f" {' '.join(words_of(line))} " for line in lines]
    kept = [line for line in lines if of_c4(line)]
    return {
        "lines": len(lines),
        "sentences": sum(map(_sentences, lines)),
        "mean_line_length": share(sum(map(len, lines)), len(lines)),
        "lorem_ipsum": sum(line.count(" lorem ipsum ") for line in spoken),
        "javascript_lines": share(sum(" javascript " in line for line in spoken), len(lines)),
        "c4_lines": share(len(kept), len(lines)),
        "c4_sentences": sum(map(_sentences, kept)),
        "terminal_lines": share(sum(map(_ended, lines)), len(lines)),
        "short_lines": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "bulleted_lines": share(sum(line[0] in "•-" for line in lines), len(lines)),
        "ellipsis_lines": share(sum(map(_trails, lines)), len(lines)),
    }


def _of_repeats(text: str, tokens: Sequence[str], lines: Sequence[str], paragraphs: Sequence[str]) -> dict[str, float]:
    twice = [line for place, line in enumerate(lines) if line.split() in [other.split() for other in lines[:place]]]
    split = [[line.split() for line in paragraph.split("\n")] for paragraph in paragraphs]
    again = [paragraph for place, paragraph in enumerate(paragraphs) if split[place] in split[:place]]
    return {
        "paragraphs": len(paragraphs),
        "duplicate_lines": share(len(twice), len(lines)),
        "duplicate_line_characters": share(sum(map(len, twice)), len(text)),
        "duplicate_line_text": share(sum(map(len, twice)), len(text.replace("\n", ""))),
        "duplicate_paragraphs": share(len(again), len(paragraphs)),
        "duplicate_paragraph_characters": share(sum(map(len, again)), len(text)),
        **{f"top_{n}_gram": share(_commonest(tokens, n), len(text)) for n in (2, 3, 4)},
        **{f"duplicate_{n}_grams": share(_again(tokens, n), len(text)) for n in range(5, 11)},
    }


def _sentences(line: str) -> int:
    ends = [bool(re.fullmatch(r".*[.!?…。！？][\"'’”)\]»]*", token)) for token in line.split()]
    return sum(ends) + (not ends[-1])


def _ended(line: str) -> bool:
    return line.endswith((".", "!", "?", "…", "。", "！", "？", '"', "'", "’", "”"))


def _trails(line: str) -> bool:
    return line.endswith(("...", "…"))


def _commonest(tokens: Sequence[str], n: int) -> int:
    counted = Counter(tuple(tokens[place : place + n]) for place in range(len(tokens) - n + 1))
    return max((len(" ".join(run)) * count for run, count in counted.most_common(1)), default=0)


def _again(tokens: Sequence[str], n: int) -> int:
    seen, place, characters = set(), 0, 0
    while place < len(tokens) - n + 1:
        run = tuple(tokens[place : place + n])
        characters, place = (characters + len("".join(run)), place + n) if run in seen else (characters, place + 1)
        seen.add(run)
    return characters


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
