"""What can be counted about a text: the statistics of Gopher, C4, FineWeb and of this project, for a whole shard at once.

Gopher   Rae et al. 2021, Scaling Language Models, appendix A1.1 and table A1
C4       Raffel et al. 2020, Exploring the Limits of Transfer Learning, section 2.2
FineWeb  Penedo et al. 2024, The FineWeb Datasets, section 3.6

The definitions follow those of datatrove, which made FineWeb, but for these: words come from white space, not from a language model, and
punctuation at both ends of a word is no part of its length; a line of nothing but white space is no line; lines are equal if their tokens
are; C4's lines are counted, not cut out, and its sentences end at . ! ? … and at the end of a line, abbreviations too; `javascript` is
looked for as a word; … 。 ！ ？ and curly quotes end a line as . ! ? and straight ones do; each of Gopher's stop words counts
once, in any case.

A token is a run without white space; a plain one has a letter or digit; a word is a run of letters. Shares and ratios of nothing are 0.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.measure.language import languages
from pipeline.text.measure.letters import Bytes
from pipeline.text.measure.repetition import lines, paragraphs, runs
from pipeline.text.measure.scan import read, tokens, words
from pipeline.text.measure.tallies import AT, TALLIES, Desk, Numbers, Tables, desk, tables
from pipeline.text.ngrams import Texts, texts_of

# name: (tally, tally that it is a share or a mean of); None: the count itself
STATISTICS: dict[str, tuple[str, str | None]] = {
    "characters": ("ink", None),  # without white space
    "words": ("plain", None),
    "lines": ("lines", None),
    "paragraphs": ("paragraphs", None),
    "sentences": ("sentences", None),
    "mean_word_length": ("bare", "plain"),  # characters, from the first letter or digit of a token to the last
    "mean_token_length": ("ink", "tokens"),  # characters
    "mean_latin_word_length": ("latin_letters", "latin"),  # letters, of the words of two or more Latin letters without accents
    "longest_token": ("longest", None),  # characters
    "mean_line_length": ("line_characters", "lines"),  # characters
    "words_per_line": ("plain", "lines"),
    "words_per_sentence": ("plain", "sentences"),
    "letters": ("letters", "ink"),  # share of the characters
    "digits": ("digits", "ink"),  # share of the characters
    "capitals": ("upper", "letters"),  # share of the letters
    "symbols": ("symbols", "all"),  # share of the characters, white space among them, that are neither letter, digit nor space
    "alphabetic_words": ("alphabetic", "tokens"),  # share of the tokens in which letters are more than half
    "lettered_words": ("lettered", "tokens"),  # share of the tokens with a letter (Gopher)
    "distinct_words": ("distinct", "tokens"),  # share of the tokens that stand for the first time
    "stopwords": ("stopwords", "words"),  # share of the words among the forty commonest of English
    "gopher_stopwords": ("gopher", None),  # how many of Gopher's eight occur
    "toxic_words": ("toxic", "words"),  # share of the words
    "unpronounceable_words": ("mute", "latin"),  # share of the same words: no vowel, or six consonants in a row
    "hashes_per_word": ("hashes", "tokens"),  # Gopher
    "ellipses_per_word": ("ellipses", "tokens"),  # Gopher
    "curly_brackets": ("curly", None),  # C4
    "lorem_ipsum": ("lorem", None),  # C4
    "javascript_lines": ("javascript", "lines"),  # share of the lines
    "c4_lines": ("c4_lines", "lines"),  # share of the lines that C4 keeps: an end, three words, no cookies, no overlong word
    "c4_sentences": ("c4_sentences", None),  # in these lines
    "terminal_lines": ("terminal", "lines"),  # share of the lines that end with . ! ? or a quote (FineWeb)
    "short_lines": ("short", "lines"),  # share of the lines of at most 30 characters (FineWeb)
    "newlines_per_word": ("newlines", "tokens"),  # FineWeb
    "bulleted_lines": ("bullets", "lines"),  # share of the lines (Gopher)
    "ellipsis_lines": ("trailing", "lines"),  # share of the lines that end with one (Gopher)
    "duplicate_lines": ("twice_lines", "lines"),  # share of the lines that stand earlier in the text (Gopher)
    "duplicate_line_characters": ("twice_line_characters", "all"),  # share of the characters (Gopher)
    "duplicate_line_text": ("twice_line_characters", "without_newlines"),  # the same, newlines apart (FineWeb)
    "duplicate_paragraphs": ("twice_paragraphs", "paragraphs"),  # share of the paragraphs (Gopher)
    "duplicate_paragraph_characters": ("twice_paragraph_characters", "all"),  # share of the characters (Gopher)
    **{f"top_{n}_gram": (f"top_{n}", "all") for n in (2, 3, 4)},  # share of the characters in the commonest run of n tokens (Gopher)
    **{f"duplicate_{n}_grams": (f"again_{n}", "all") for n in range(5, 11)},  # share of the characters in runs that stand earlier (Gopher)
}
NAMES = tuple(STATISTICS)  # all are float64
# These are counts and means; all others are shares, or ratios that seldom reach 1
COUNTED = frozenset(name for name, (_, whole) in STATISTICS.items() if whole is None or name.startswith(("mean_", "words_per_")))


def measure(ids: pa.Array | pa.ChunkedArray, texts: pa.Array | pa.ChunkedArray, *, language_characters: int) -> pa.Table:
    """A row a document: id, the STATISTICS, and language with its probability, read off so many characters from within the text."""
    column = texts_of(texts)
    numbers = dict(zip(NAMES, statistics(column), strict=True))
    language, score = languages(column, characters=language_characters)
    return pa.table({"id": ids, **numbers, "language": language, "language_score": score})


def statistics(texts: Texts) -> list[npt.NDArray[np.float64]]:
    """The STATISTICS, each [documents]."""
    tallies = np.zeros((texts.starts.size - 1, len(TALLIES)), np.int64)
    most = int(np.diff(texts.starts).max(initial=0))
    _tally(texts.data, texts.starts, tables(), desk(most), tallies)
    columns = {name: tallies[:, place].astype(np.float64) for name, place in AT.items()}
    columns["symbols"] = columns["ink"] - columns["letters"] - columns["digits"]
    columns["without_newlines"] = columns["all"] - columns["newlines"]
    return [_ratio(columns[part], None if whole is None else columns[whole]) for part, whole in STATISTICS.values()]


def _ratio(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    if whole is None:
        return part
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@kernel
def _tally(raw: Bytes, offsets: Numbers, tables: Tables, desk: Desk, out: Numbers) -> None:
    """All tallies of each document, [documents, tallies]."""
    for row in range(offsets.size - 1):
        text = raw[offsets[row] : offsets[row + 1]]
        count, spelled = read(text, tables, desk, out[row])
        if count:
            tokens(count, desk, out[row])
            words(text, spelled, tables, desk, out[row])
            lines(count, desk, out[row])
            paragraphs(count, desk, out[row])
            runs(count, desk, out[row])
