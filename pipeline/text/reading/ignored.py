"""Files that are no documents: known companions of data, and kinds that are not read, each with how to turn it into text."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

WIKI_DUMP = "MediaWiki dump"
OTHER_ROWS = "rows without a column of text"
DIALOGUES = "dialogues"  # rows with columns of instructions or preferences
_COMPANION = re.compile(
    r"(?:readme|licen[cs]e|copying|notice|citation|changelog|contributing|code_of_conduct)(?:[._-][\w-]{1,16})*"
    r"|dataset_infos?\.json|dataset_dict\.json|state\.json|croissant\.json|(?:sha\d*sums?|md5sums?|checksums?)(?:\.txt)?|requirements\.txt",
    re.IGNORECASE,
)
_WORDS = ".doc .docx .odt .rtf .fb2 .tex .rst .org .ipynb"
_PROGRAMS = ".py .js .ts .jsx .tsx .java .kt .c .h .cc .cpp .hpp .cs .go .rs .rb .php .pl .lua .r .jl .scala .swift .sh .bat .sql .css"
_TEXTS = ".xml .yaml .yml .toml .ini .cfg .log .srt .vtt .markdown .text .adoc"
_AS_TEXT = 'as it is: a source with {{name: NAME, path: "**/*{kind}", format: txt}}'
_HINTS = {
    **dict.fromkeys(f"{_PROGRAMS} {_TEXTS}".split(), _AS_TEXT),
    **dict.fromkeys(_WORDS.split(), "pandoc -t plain FILE -o FILE.txt"),
    ".doc": "soffice --headless --convert-to txt FILE",
    ".pdf": "pdftotext FILE",
    ".ps": "ps2ascii FILE FILE.txt",
    ".djvu": "djvutxt FILE FILE.txt",
    **dict.fromkeys((".mobi", ".azw", ".azw3"), "ebook-convert FILE FILE.epub"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".xz"), "unpack it"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save each sheet as .csv"),
    ".arrow": "datasets.load_from_disk(FOLDER).to_parquet(FILE)",
    **dict.fromkeys((".npy", ".npz", ".bin", ".safetensors", ".pt", ".pkl"), "no text"),
    **dict.fromkeys(
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".tif", ".tiff"), "a picture: text recognition, or leave it out"
    ),
    **dict.fromkeys((".mp3", ".wav", ".flac", ".mp4", ".webm"), "a recording: a transcript, or leave it out"),
    WIKI_DUMP: "python -m wikiextractor.WikiExtractor --json -o FOLDER FILE, then path: FOLDER/**/wiki_* with format: jsonl;"
    " or path: hub:wikimedia/wikipedia with its revision",
    OTHER_ROWS: "corpus.source_defaults.column=COLUMN, or a source of its own with its column",
    DIALOGUES: "they are for the stage dialogues (data=own, or dialogues=files); or, as text, a source with {{name: NAME, column: COLUMN}}",
    "broken link": "it leads nowhere: restore what it leads to, or remove it",
}


def is_companion(name: str) -> bool:
    """Whether a file of this name accompanies data: its card, licence, table of contents."""
    return _COMPANION.fullmatch(name) is not None and not name.lower().endswith(tuple(_PROGRAMS.split()))


def how_to_read(kind: str) -> str:
    """What turns files of a kind that was passed over into something that is read."""
    if is_companion(kind):
        return f"describes the data; to read it all the same, name it: path: **/{kind}"
    return _HINTS.get(kind, _HINTS.get(kind.lower(), _AS_TEXT)).format(kind=kind if kind.startswith(".") else f"/{kind}")


def told(ignored: Mapping[str, int]) -> str:
    """How many of what, most first; at most eight kinds."""
    most = sorted(ignored.items(), key=lambda one: (-one[1], one[0]))
    more = f" and {len(most) - 8} kinds more" if len(most) > 8 else ""
    return ", ".join(f"{kind} ({count})" for kind, count in most[:8]) + more


def mends(ignored: Mapping[str, int]) -> str:
    """How to read the most frequent kinds."""
    ways: dict[str, list[str]] = {}
    for kind, _ in Counter(ignored).most_common(8):
        if kind != DIALOGUES and not is_companion(kind):  # those are read by another stage
            ways.setdefault(how_to_read(kind), []).append(kind)
    return "; ".join(f"{' '.join(kinds)}: {way}" for way, kinds in ways.items())


def notices(metrics: Mapping[str, Any]) -> Iterator[str]:
    """What the metrics of reading tell that a person may have expected otherwise."""
    if ignored := metrics["ignored_files"]:
        ways = mends(ignored) or ("" if set(ignored) == {DIALOGUES} else "name them in the path of a source")
        yield f"passed over: {told(ignored)}" + (f"; to read them: {ways}" if ways else "")
    if tokens := metrics["special_tokens"]:
        yield f"texts hold special tokens: {told(tokens)}; if one parts documents: corpus.source_defaults.separator=TOKEN"
    if cuts := metrics["cuts"]:
        parts = "if something parts documents: corpus.source_defaults.separator=TEXT"
        yield f"long texts were cut {sum(cuts.values())} times, by the place: {told(cuts)}; {parts}"
