"""Quality statistics: those of Gopher, C4, FineWeb and of this project, for a whole shard at once.

Gopher   Rae et al. 2021, Scaling Language Models, appendix A1.1 and table A1
C4       Raffel et al. 2020, Exploring the Limits of Transfer Learning, section 2.2
FineWeb  Penedo et al. 2024, The FineWeb Datasets, section 3.6
LIX      Björnsson 1968, Läsbarhet: words a sentence + percent of the words that have more than six letters; for any language

The definitions follow datatrove, which made FineWeb, with these differences: words are split at white space, not by a tokenizer, and
punctuation at both ends of a word does not count towards its length; blank lines are not lines; lines are equal if their tokens are; C4's
lines are counted, not removed, and its sentences end at . ! ? … and at line ends, after abbreviations too; `javascript` must be a
word; … 。 ！ ？ and curly quotes end a line like . ! ? and straight quotes; each of Gopher's stop words counts once, in any case.

A token is a run without white space; a plain one has a letter or digit; a word is a run of letters. Ratios to zero are 0.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.measure.character_classes import Bytes
from pipeline.text.measure.counters import COUNTER_INDEX, COUNTERS, Int64Array, LookupTables, Workspace, lookup_tables, workspace
from pipeline.text.measure.language import detect_languages
from pipeline.text.measure.repetition import count_lines, count_ngrams, count_paragraphs
from pipeline.text.measure.scan import count_tokens, count_words, scan_text
from pipeline.text.ngrams import Texts, texts_of

# name: (counter, the counter that it is divided by); None: the count itself
STATISTICS: dict[str, tuple[str, str | None]] = {
    "characters": ("nonspace", None),  # without white space
    "words": ("plain", None),
    "lines": ("lines", None),
    "paragraphs": ("paragraphs", None),
    "sentences": ("sentences", None),
    "mean_word_length": ("bare", "plain"),  # characters, from the first letter or digit of a token to the last
    "mean_token_length": ("nonspace", "tokens"),  # characters
    "mean_latin_word_length": ("latin_letters", "latin"),  # letters, of the words of two or more Latin letters without accents
    "longest_token": ("longest", None),  # characters
    "mean_line_length": ("line_characters", "lines"),  # characters
    "words_per_line": ("plain", "lines"),
    "words_per_sentence": ("plain", "sentences"),
    "letters": ("letters", "nonspace"),  # share of the characters
    "digits": ("digits", "nonspace"),  # share of the characters
    "capitals": ("upper", "letters"),  # share of the letters
    "symbols": ("symbols", "all"),  # share of all characters, white space included, that are neither letter, digit nor space
    "alphabetic_words": ("alphabetic", "tokens"),  # share of the tokens in which letters are more than half
    "lettered_words": ("lettered", "tokens"),  # share of the tokens with a letter (Gopher)
    "distinct_words": ("distinct", "tokens"),  # share of the tokens that occur for the first time
    "stopwords": ("stopwords", "words"),  # share of the words among the forty most common of English
    "gopher_stopwords": ("gopher", None),  # how many of Gopher's eight occur
    "toxic_words": ("toxic", "words"),  # share of the words
    "unpronounceable_words": ("unpronounceable", "latin"),  # share of the same words: no vowel, or six consonants in a row
    "hashes_per_word": ("hashes", "tokens"),  # Gopher
    "ellipses_per_word": ("ellipses", "tokens"),  # Gopher
    "curly_brackets": ("curly", None),  # C4
    "lorem_ipsum": ("lorem", None),  # C4
    "javascript_lines": ("javascript", "lines"),  # share of the lines
    "c4_lines": (
        "c4_lines",
        "lines",
    ),  # share of the lines that C4 keeps: terminal punctuation, three words, no cookie notice, no overlong word
    "c4_sentences": ("c4_sentences", None),  # in these lines
    "terminal_lines": ("terminal", "lines"),  # share of the lines that end with . ! ? or a quote (FineWeb)
    "short_lines": ("short", "lines"),  # share of the lines of at most 30 characters (FineWeb)
    "newlines_per_word": ("newlines", "tokens"),  # FineWeb
    "bulleted_lines": ("bullets", "lines"),  # share of the lines (Gopher)
    "ellipsis_lines": ("trailing", "lines"),  # share of the lines that end with one (Gopher)
    "duplicate_lines": ("duplicate_lines", "lines"),  # share of the lines that occur earlier in the text (Gopher)
    "duplicate_line_characters": ("duplicate_line_characters", "all"),  # share of the characters (Gopher)
    "duplicate_line_text": ("duplicate_line_characters", "without_newlines"),  # the same, without newlines (FineWeb)
    "duplicate_paragraphs": ("duplicate_paragraphs", "paragraphs"),  # share of the paragraphs (Gopher)
    "duplicate_paragraph_characters": ("duplicate_paragraph_characters", "all"),  # share of the characters (Gopher)
    **{f"top_{n}_gram": (f"top_{n}", "all") for n in (2, 3, 4)},  # share of the characters in the most common n-gram (Gopher)
    **{f"duplicate_{n}_grams": (f"repeated_{n}", "all") for n in range(5, 11)},  # share of the characters in repeated n-grams (Gopher)
}
READABILITY = "lix"  # 25: children's books; 60: dissertations
NAMES = (*STATISTICS, READABILITY)  # all are float64
# Counts and means; all others are shares, or ratios that rarely reach 1
COUNTED = frozenset(
    [*(name for name, (_, whole) in STATISTICS.items() if whole is None or name.startswith(("mean_", "words_per_"))), READABILITY]
)


def measure(ids: pa.Array | pa.ChunkedArray, texts: pa.Array | pa.ChunkedArray, *, language_characters: int) -> pa.Table:
    """One row per document: id, NAMES, and the language with its probability, from `language_characters` within the text."""
    column = texts_of(texts)
    numbers = dict(zip(NAMES, statistics(column), strict=True))
    language, score = detect_languages(column, characters=language_characters)
    return pa.table({"id": ids, **numbers, "language": language, "language_score": score})


def statistics(texts: Texts) -> list[npt.NDArray[np.float64]]:
    """The statistics in the order of NAMES, each [documents]."""
    counters = np.zeros((texts.starts.size - 1, len(COUNTERS)), np.int64)
    most = int(np.diff(texts.starts).max(initial=0))
    _count(texts.data, texts.starts, lookup_tables(), workspace(most), counters)
    columns = {name: counters[:, place].astype(np.float64) for name, place in COUNTER_INDEX.items()}
    columns["symbols"] = columns["nonspace"] - columns["letters"] - columns["digits"]
    columns["without_newlines"] = columns["all"] - columns["newlines"]
    ratios = {name: _ratio(columns[part], None if whole is None else columns[whole]) for name, (part, whole) in STATISTICS.items()}
    long_words = _ratio(columns["long_words"], columns["plain"])
    return [*ratios.values(), ratios["words_per_sentence"] + 100 * long_words]


def _ratio(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    if whole is None:
        return part
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@kernel
def _count(raw: Bytes, offsets: Int64Array, lookup_tables: LookupTables, workspace: Workspace, out: Int64Array) -> None:
    """All counters of each document, [documents, counters]."""
    for row in range(offsets.size - 1):
        text = raw[offsets[row] : offsets[row + 1]]
        count, spelled = scan_text(text, lookup_tables, workspace, out[row])
        if count:
            count_tokens(count, workspace, out[row])
            count_words(text, spelled, lookup_tables, workspace, out[row])
            count_lines(count, workspace, out[row])
            count_paragraphs(count, workspace, out[row])
            count_ngrams(count, workspace, out[row])
