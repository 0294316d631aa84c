"""Correct OCR errors, only where the text or common English shows what the word is."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import BASIS, PRIME
from pipeline.text.repair.prefilter import buffers

# Words that a misreading may be corrected to even if they do not occur elsewhere in the text
_COMMON_WORDS = """
about above after again against all almost along also always am among an and another any anything as asked at away back be because
been before began behind being best better between both brought but by called came can cannot child children come could day did do
done door down during each either enough even evening ever every everything eyes face far father felt few find first for found
friend from full gave give go gone good got great had half hand hands has have having he head heard heart held her here herself
high him himself his home house how however if in indeed into is it its itself just kind knew know last left let life light like
little long look looked lord love made make man many matter may me men might mind moment more morning most mother much must my
near nearly neither never new next night no nor not nothing now of off often old on once one only or other others our out over own
part passed people perhaps place poor put quite rather right room round said same saw say see seem seemed seen shall she should
side since small so some something son soon still stood such sure take taken than thank that the their them themselves then there
therefore these they thing things think this those though thought three through thus till time to together told too towards true
truth turned two under until up upon us very voice want was water way well went were what whatever when where whether which while
white who whole whom whose why wife wild will wind window winter wish with within without woman women won wonder wood word words
work world worse worth would write wrong years yet you young your
"""
COMMON = frozenset(_COMMON_WORDS.split())
# Real words that look like a misreading of another
_REAL_WORDS = """
ah ahem alarm ali alit arm balm bam barn bom born borne bum bums burn burns calm cam camel cams carn carnal clam clams clem com
comer comers corn corner corners dam dams darn darns dem dern eam earn earns elm em ern farm fem fern ferns film films firm form
gum gums ham hams hang har harm helm hem hen hens hern hest hie him hist hit home homes hon horn hornet horns hp hum hums lam lame
larn liar liars lie lien liens lies lion lions lip lips list lit lom lorn mama mar marm modem modems modern mom moms morn mum mums
nom norn palm pom porn realm rum rums shed shin slid slim stem stemmed stems stern sterner sterns storm sum sums tam tarn tarns tb
tbs tbsp tem term tern terns tom toms torn tum tums turn turns um urn urns wam warm warn whim worm yam yams yarn yarns
"""
_REAL = frozenset(_REAL_WORDS.split())
# Rare words, names and foreign words that are more often misreadings than themselves, in scanned texts only
_DOUBTFUL_WORDS = """
amour bornes burner camper carne carnet carnets carnie carny comely comet comets comice corne cornea corned cornel cornels cornet
cornets cornice corning damned darner gamer gamers gamete garner garners garnet garnets homer horne horner larner lian liana lianas lias
lier liere lithe sarne tamer terne ternes thern therns tumor turner
"""
_DOUBTFUL = frozenset(_DOUBTFUL_WORDS.split())
_WORD = re.compile(r"(?<![\w'-])[A-Za-z0-9]{2,40}(?![\w-])", re.ASCII)
_SWAPS = (("rn", "m"), ("m", "rn"), ("vv", "w"), ("li", "h"), ("h", "li"), ("tb", "th"), ("wb", "wh"), ("sb", "sh"))
_DIGITS: tuple[dict[str, str | int | None], ...] = ({"0": "o", "1": "l", "5": "s"}, {"0": "o", "1": "i", "5": "s"})
_FIGURED = re.compile(r"[A-Za-z]*[015][A-Za-z015]*")
_RUNS = bytes(byte if chr(byte).isalnum() and byte < 128 else 32 for byte in range(256))  # leaves the ASCII letters and digits
_CONFUSED = re.compile(r"rn|m|vv|li|h|[twsTWS]b|[015]", re.IGNORECASE)
_SURE = ("vv", "tb", "wb", "sb")  # in no English word where they are read as other letters
_SURE_BEGINS = (("rn", 0), ("li", 1))  # no English word begins with rn, tli or wli
_BEFORE_LI = ("t", "w")
_LEAST, _LEAST_SURE = 4, 3  # minimum letters of a misread word: many shorter ones are dialect words
_LONGEST = 40  # letters of a word
_LETTERS = 2  # minimum in a word with digits, and at least as many as digits
_OFTENER = 2  # occurrences of the right word for each misreading
_SIGNS = 3  # different words with a more frequent reading, from which a text counts as scanned
_ENGLISH = 0.2  # minimum share of common words in an English text: books have 0.55 to 0.65, other languages below 0.1
_BEGUN = re.compile(
    r"(?:\A|\n|[a-z]{4}[.!?][\"')]{0,2} {1,2}[\"'(]?|\n[\"'(])\Z"
)  # a short word and a period before a name is a title: Mrs.


class Correction(NamedTuple):
    """The corrected word; whether the letters alone prove it; whether it is clearly more frequent in the text."""

    right: str
    sure: bool
    often: bool


def ocr(text: str) -> tuple[str, int]:
    """Correct words with confused letters, or a digit for a letter, to words that occur elsewhere in the text or are common English.

    `rn` and `m`, `li` and `h`, `vv` for w, `tb` for th, `b0ok` and `w1th`. English words are never changed.
    Confusions that also occur in real words (carne, came) are corrected in English texts only: if the right word is clearly more frequent
    and common, or if the text was evidently scanned; capitalised words only at the start of a sentence.
    """
    # parts of words with hyphens or apostrophes count as seen, though they are never corrected
    words = {word.decode(): times for word, times in Counter(text.encode().translate(_RUNS).split()).items()}
    seen = Counter[str]()
    for word, times in words.items():
        seen[word.lower()] += times
    readings = {word: reading for word in words if _CONFUSED.search(word) and (reading := _right(word, seen))}
    right = _believed(readings, seen)
    if not right:
        return text, 0
    count = 0

    def mend(found: re.Match[str]) -> str:
        nonlocal count
        word, start = found.group(), found.start()
        mended = right.get(word)
        if mended and word[0].isupper() and not readings[word].sure and not _BEGUN.search(text, max(0, start - 10), start):
            return word
        count += mended is not None
        return mended or word

    mended = _WORD.sub(mend, text)
    return (mended, count) if count else (text, 0)


def find_misread(texts: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.bool_]:
    """Which texts of a column have a word that could be a misreading of another word in it, ignoring digits, [rows]."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    chunks = whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]
    found = [_misread(*buffers(chunk.cast(pa.large_string())), _SAFE, _KNOWN) for chunk in chunks]
    return np.concatenate(found) if found else np.zeros(0, np.bool_)


def may_be_misread(text: str) -> bool:
    """The same for one text."""
    return bool(find_misread(pa.array([text], pa.large_string()))[0])


def _believed(readings: dict[str, Correction], seen: Counter[str]) -> dict[str, str]:
    """The readings with enough evidence, by word in the text."""
    unsure = [word for word, reading in readings.items() if not reading.sure]
    if not unsure:
        return {word: reading.right for word, reading in readings.items()}
    said = sum(times for word, times in seen.items() if word.isalpha())
    english = sum(seen[word] for word in COMMON) >= _ENGLISH * said
    scanned = len(unsure) < len(readings) or sum(readings[word].often and word not in _DOUBTFUL for word in unsure) >= _SIGNS

    def is_believed(word: str, reading: Correction) -> bool:
        evident = word.islower() and reading.often
        if word.lower() in _DOUBTFUL:
            return english and scanned and evident
        return reading.sure or (english and (scanned or (evident and reading.right in COMMON)))

    return {word: reading.right for word, reading in readings.items() if is_believed(word, reading)}


def _right(word: str, seen: Counter[str]) -> Correction | None:
    """The most likely reading of a word."""
    lower = word.lower()
    if len(word) > _LONGEST or word not in (lower, lower.capitalize()) or lower in COMMON or lower in _REAL:
        return None
    if not lower.isalpha():
        right = _without_digits(word, seen)
        return Correction(right, sure=True, often=False) if right else None
    others = [(other, sure) for other, sure in _variants(lower) if other in COMMON or other in seen]
    best, sure = max(others, key=lambda other: (other[0] in COMMON, seen[other[0]]), default=("", False))
    often = word == lower and seen[best] >= _OFTENER * seen[lower]
    return Correction(_cased(best, word), sure, often) if best and (best in COMMON or often) else None


def _without_digits(word: str, seen: Counter[str]) -> str | None:
    letters = sum(map(str.isalpha, word))
    if not _FIGURED.fullmatch(word) or letters < max(_LETTERS, len(word) - letters):
        return None
    others = [word.translate(str.maketrans(table)).lower() for table in _DIGITS]
    best = max(others, key=lambda other: (other in COMMON, seen[other]))
    return _cased(best, word) if best in COMMON or seen[best] else None


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def _variants(word: str) -> Iterator[tuple[str, bool]]:
    """The word with one confused pair of letters replaced, and whether no English word has that pair there."""
    for wrong, right in _SWAPS:
        if len(word) < (_LEAST_SURE if wrong in _SURE else _LEAST):
            continue
        place = word.find(wrong)
        while place >= 0:
            begins = (wrong, place) in _SURE_BEGINS and (place == 0 or word[0] in _BEFORE_LI)
            yield word[:place] + right + word[place + len(wrong) :], wrong in _SURE or begins
            place = word.find(wrong, place + 1)


def _hashes(words: Iterable[str]) -> npt.NDArray[np.uint64]:
    """A sparse hash table with open addressing, of FNV-1a hashes of words; 0 is free."""
    table = np.zeros(4096, np.uint64)
    for word in sorted(words):
        value = int(BASIS)
        for byte in word.encode():
            value = (value ^ byte) * int(PRIME) % 2**64
        slot = (value ^ (value >> 29)) & (table.size - 1)
        while table[slot]:
            slot = (slot + 1) & (table.size - 1)
        table[slot] = value
    return table


_SAFE, _KNOWN = _hashes(COMMON | _REAL), _hashes(COMMON)
_PAIRS = np.array([[ord(letter) for letter in (wrong + "\0")[:2] + (right + "\0")[:2]] for wrong, right in _SWAPS], np.uint8)
_FIRST = np.zeros(256, np.bool_)
_FIRST[_PAIRS[:, 0]] = True


@kernel(allocates=True)
def _misread(raw, rows, safe, known):  # type: ignore[no-untyped-def]
    """Whether each text has a word that is not safe and has a variant that is common or in the text, [rows]."""
    found = np.zeros(rows.size - 1, np.bool_)
    longest = 0
    for row in range(rows.size - 1):
        longest = max(longest, rows[row + 1] - rows[row])
    starts, lengths, values = (
        np.empty(longest // 2 + 1, np.int64),
        np.empty(longest // 2 + 1, np.int64),
        np.empty(longest // 2 + 1, np.uint64),
    )
    size = 16
    while size < longest:  # a word takes two bytes or more
        size *= 2
    table = np.zeros(size, np.uint64)
    for row in range(rows.size - 1):
        count = _split(raw, rows[row], rows[row + 1], starts, lengths, values)
        small = 16
        while small < 2 * count:
            small *= 2
        local = table[:small]
        local[:] = np.uint64(0)
        rare = 0
        for word in range(count):
            _put(local, values[word])
            if lengths[word] <= _LONGEST and not _has(safe, values[word]):
                starts[rare], lengths[rare] = starts[word], lengths[word]
                rare += 1
        for word in range(rare):
            if _could_be(raw, starts[word], starts[word] + lengths[word], local, known):
                found[row] = True
                break
    return found


@kernel
def _split(raw, start, stop, starts, lengths, values):  # type: ignore[no-untyped-def]
    """Fill in the runs of letters and digits of two bytes or more, and their lower-case hashes; returns their number."""
    count, begin, value = 0, -1, BASIS
    for place in range(start, stop + 1):
        byte = raw[place] if place < stop else np.uint8(32)
        if 97 <= (byte | 32) <= 122 or 48 <= byte <= 57:
            if begin < 0:
                begin, value = place, BASIS
            value = (value ^ np.uint64(byte | 32 if byte > 57 else byte)) * PRIME
        elif begin >= 0:
            if place - begin > 1:
                starts[count], lengths[count], values[count] = begin, place - begin, value
                count += 1
            begin = -1
    return count


@kernel
def _could_be(raw, start, stop, local, known):  # type: ignore[no-untyped-def]
    """Whether a variant of the word with one pair of letters replaced is known."""
    for place in range(start, stop):
        first = raw[place] | 32
        if not _FIRST[first]:
            continue
        second = raw[place + 1] | 32 if place + 1 < stop else np.uint8(0)
        for pair in range(_PAIRS.shape[0]):
            if first != _PAIRS[pair, 0] or (_PAIRS[pair, 1] and second != _PAIRS[pair, 1]):
                continue
            after = place + (2 if _PAIRS[pair, 1] else 1)
            value = BASIS
            for letter in range(start, place):
                value = (value ^ np.uint64(raw[letter] | 32 if raw[letter] > 57 else raw[letter])) * PRIME
            value = (value ^ np.uint64(_PAIRS[pair, 2])) * PRIME
            if _PAIRS[pair, 3]:
                value = (value ^ np.uint64(_PAIRS[pair, 3])) * PRIME
            for letter in range(after, stop):
                value = (value ^ np.uint64(raw[letter] | 32 if raw[letter] > 57 else raw[letter])) * PRIME
            if _has(known, value) or _has(local, value):
                return True
    return False


@kernel
def _put(table, value):  # type: ignore[no-untyped-def]
    slot = (value ^ (value >> np.uint64(29))) & np.uint64(table.size - 1)
    while table[slot] != np.uint64(0) and table[slot] != value:
        slot = (slot + np.uint64(1)) & np.uint64(table.size - 1)
    table[slot] = value


@kernel
def _has(table, value):  # type: ignore[no-untyped-def]
    slot = (value ^ (value >> np.uint64(29))) & np.uint64(table.size - 1)
    while table[slot] != np.uint64(0):
        if table[slot] == value:
            return True
        slot = (slot + np.uint64(1)) & np.uint64(table.size - 1)
    return False
