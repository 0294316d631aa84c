"""Read instructions, preferences and labelled answers from files in the usual formats, and from pinned data sets of the hub."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pipeline.core.bounds import Fraction, Name
from pipeline.core.errors import InputError
from pipeline.text.dialogues.duplicates import CONTRADICTION, contradictions, near_copies, without_copies
from pipeline.text.dialogues.formats import UNKNOWN, Instruction, Labelled, Preference, dialogues_in
from pipeline.text.dialogues.mends import mend_of
from pipeline.text.dialogues.parts import assign_parts, without_shared_prompts
from pipeline.text.dialogues.rankings import RankedPairs
from pipeline.text.dialogues.rows import SUFFIXES, HubData, hub_rows, rows_of
from pipeline.text.dialogues.turns import FormatError
from pipeline.text.dialogues.votes import Vote, decided
from pipeline.text.reading.find import FORMATS
from pipeline.text.reading.first_row import columns_of
from pipeline.text.reading.ignored import is_companion
from pipeline.text.reading.rows import BadRow, JsonRow, check_bad_fraction, files_under, find_files, format_suffix
from pipeline.text.shapes import holds_dialogues

LEADING = 5  # reasons that an error names

Rows = list[dict[str, Any]]
Duplicates = Literal["drop", "keep"]


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """What is taken and what is refused."""

    text_column: Name  # files of rows with it, and without columns of dialogues, are the corpus's
    required: bool  # whether a folder without dialogues is an error
    max_bad_fraction: Fraction
    duplicates: Duplicates
    ranked_pairs: RankedPairs  # which pairs a ranking of several answers becomes


@dataclass
class Reading:
    """The rows of each table in the order of the file names; the bad rows; and what the metrics tell besides."""

    tables: dict[str, Rows] = field(default_factory=lambda: {"instructions": [], "preferences": [], "labels": []})
    bad: list[BadRow] = field(default_factory=list)
    columns: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # by file: rows with a column that no rule knows
    named: set[str] = field(default_factory=set)  # columns of all rows
    done: Counter[str] = field(default_factory=Counter)  # to turns, by name
    origins: dict[str, BadRow] = field(default_factory=dict)  # where each row was read, by id
    votes: list[tuple[JsonRow, Vote]] = field(default_factory=list)
    ballot: dict[str, int] = field(default_factory=dict)  # counts of votes, of ties among them, and of what they decided
    copies: dict[str, int] = field(default_factory=dict)  # equal rows that were dropped, by table
    near: int = 0  # prompts that differ from another in case and punctuation only
    shared: dict[str, int] = field(default_factory=dict)  # rows by table, dropped from train for a prompt that is held out

    @property
    def good(self) -> int:
        """Dialogues of all tables."""
        return sum(map(len, self.tables.values()))

    @property
    def rows(self) -> int:
        """What was read, good or bad."""
        return self.good + len(self.bad) + len(self.votes)

    def counts(self) -> dict[str, Any]:
        """For the metrics."""
        columns = {file: dict(sorted(held.items())) for file, held in sorted(self.columns.items()) if held}
        return {
            "turns": dict(sorted(self.done.items())),
            "unknown_columns": columns,
            "votes": self.ballot,
            "copies": self.copies,
            "near_copies_of_prompts": self.near,
            "shares_held_out_prompt": self.shared,
        }

    def told(self) -> list[str]:
        """What a person should know: columns that no rule reads, once a file; and what was done to rows."""
        lines = []
        for file, held in sorted(self.columns.items()):
            named = ", ".join(f"{name} ({count} rows)" for name, count in sorted(held.items()))
            lines += [f"{file}: no rule knows {named}; what they say is not used"] if held else []
        lines += [f"{count} times {name.replace('_', ' ')}" for name, count in sorted(self.done.items())]
        if self.ballot:
            lines.append(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self.ballot.items()))
        lines += [f"{count} {name} were equal to another, and were dropped" for name, count in self.copies.items()]
        shares = "share a prompt with a held-out row, and were dropped from train"
        return lines + [f"{count} {name} {shares}" for name, count in self.shared.items()]

    def as_rows(self) -> dict[str, Rows]:
        """By table; labels only where there are some."""
        tables = {name: rows for name, rows in self.tables.items() if rows or name != "labels"}
        return {**tables, "quarantine": [row.as_dict() for row in self.bad]}

    def decide(self) -> None:
        """Preferences from the votes, after those that files state."""
        pairs, self.ballot = decided([vote for _, vote in self.votes]) if self.votes else ([], {})
        for pair in pairs:
            preference = Preference(prompt=pair.prompt, chosen=pair.chosen, rejected=pair.rejected, margin=None)
            self.append(self.votes[pair.first][0], preference, number=0)

    def append(self, row: JsonRow, dialogue: Instruction | Preference | Labelled, *, number: int) -> None:
        """A dialogue of a row, which may hold several."""
        source = f"{row.file}:{row.line}:{number}"
        identity = hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        name, content = _content(dialogue, Path(row.file).name.split(".")[0])
        self.tables[name].append({"id": identity, "part": "train", **content})
        self.origins[identity] = row.bad("")

    def settle(self, duplicates: Duplicates) -> None:
        """Rows that contradict each other to quarantine; copies dropped, unless they are to be kept."""
        wrong = contradictions(self.tables)
        self.bad += [replace(self.origins[row["id"]], reason=CONTRADICTION) for row in self._all() if row["id"] in wrong]
        self.tables = {name: [row for row in rows if row["id"] not in wrong] for name, rows in self.tables.items()}
        if duplicates == "drop":
            self.tables, self.copies = without_copies(self.tables)
        self.near = near_copies([turn["content"] for row in self._all() for turn in _asked(row)])

    def _all(self) -> Iterator[dict[str, Any]]:
        return chain.from_iterable(self.tables.values())


def read_dialogues(
    path: Path,
    hub: Sequence[HubData],
    rules: FileRules,
    *,
    also: Path | None = None,
    seed: int,
    tell: Callable[[str], object] = lambda line: None,
) -> Reading:
    """Instructions, preferences, labelled answers and quarantined rows, of all files below a folder, below a second one (`also`), whose
    files are named with it, then of data sets of the hub.

    The format of a row is recognised by its columns. Files of text that lie beside them are passed over. Rows that begin with the same
    question are in the same part: val for instructions and test for the others hold a tenth of the questions, at least one. The length
    of answers is not checked here, that needs a tokenizer.

    Raises InputError if the path is missing, nothing can be read, no row has a known format, or too many rows are bad; where there is
    no row of dialogues, only if they are required. `tell` is given what a person should know, line by line.
    """
    found = gathered(path, hub, rules, also=also, tell=tell)
    if not found.rows and not hub and not rules.required:
        tell(f"{path} has no dialogues: what needs some takes over the model before it")
        return found
    return judged(found, path, rules, seed=seed, tell=tell)


def gathered(path: Path, hub: Sequence[HubData], rules: FileRules, *, also: Path | None = None, tell: Callable[[str], object]) -> Reading:
    """All rows, before any is judged by the others. InputError as read_dialogues, for the files alone."""
    found = Reading()
    more, others = _files(also, rules, wanted=False, key="dialogues.preferences_path") if also else ([], [])
    files, texts = _files(path, rules, wanted=rules.required and not hub and not more)
    known = {file.resolve() for file, _ in files}  # the second folder may lie in the first
    files += [(file, f"{also}/{name}") for file, name in more if file.resolve() not in known]
    texts += [f"{also}/{name}" for name in others]
    if texts:
        tell(f"passed over, since they hold no dialogues: {', '.join(texts[:LEADING])}{' …' if len(texts) > LEADING else ''}")
    for row in chain(*(rows_of(file, name) for file, name in files), *(hub_rows(data, key="dialogues.hub") for data in hub)):
        if isinstance(row, BadRow):
            found.bad.append(row)
        else:
            found.named.update(row.value)
            _append(row, found, rules.ranked_pairs)
    found.decide()
    return found


def judged(found: Reading, path: Path, rules: FileRules, *, seed: int, tell: Callable[[str], object]) -> Reading:
    """The same without copies and contradictions, in parts. InputError as read_dialogues, for the rows."""
    if not found.good and found.votes and not found.bad:
        raise InputError(f"none of the {len(found.votes)} votes in {path} decides a pair", mend="make vote, and prefer one of two answers")
    if not found.good:
        raise _nothing(path, found.bad, found.named)
    found.settle(rules.duplicates)
    check_bad_fraction(found.good, found.bad, max_bad_fraction=rules.max_bad_fraction, key="dialogues.max_bad_fraction")
    assign_parts(found.tables, seed=seed)
    found.tables, found.shared = without_shared_prompts(found.tables)
    for line in found.told():
        tell(line)
    return found


def _files(path: Path, rules: FileRules, *, wanted: bool, key: str = "dialogues.path") -> tuple[list[tuple[Path, str]], list[str]]:
    """The files of dialogues, and the names of files of other rows. InputError where some are `wanted` and none is there."""
    if not wanted and path.exists() and not any(format_suffix(file) in SUFFIXES for file in files_under(path, path)[0]):
        return [], []
    found = [(file, name) for file, name in find_files(path, SUFFIXES, key=key) if not is_companion(Path(name).name)]
    texts = {name for file, name in found if _is_other(columns_of(str(file), FORMATS[format_suffix(file)]), rules)}
    if wanted and len(texts) == len(found):
        raise _nothing(path, [], set())
    return [(file, name) for file, name in found if name not in texts], sorted(texts)


def _is_other(columns: frozenset[str], rules: FileRules) -> bool:
    """Whether rows with these columns are text; where no dialogues are required, also whether they are anything else."""
    known = rules.text_column.partition(".")[0] in columns or (bool(columns) and not rules.required)
    return known and not holds_dialogues(columns)


def _append(row: JsonRow, found: Reading, ranked_pairs: RankedPairs) -> None:
    """Append the dialogues of a row; it may hold several (instances of one instruction, pairs of a ranking)."""
    read = dialogues_in(row.value, ranked_pairs=ranked_pairs)
    found.columns[row.file].update(read.unknown)
    found.done.update(read.done)
    for number, dialogue in enumerate(read.dialogues):
        if isinstance(dialogue, FormatError):
            found.bad.append(row.bad(dialogue.reason))
        elif isinstance(dialogue, Vote):
            found.votes.append((row, dialogue))
        else:
            found.append(row, dialogue, number=number)


def _asked(row: dict[str, Any]) -> list[dict[str, str]]:
    """The last turn of the user."""
    turns = row.get("messages") or row["prompt"]
    return [turn for turn in turns if turn["role"] == "user"][-1:]


def _content(dialogue: Instruction | Preference | Labelled, kind: str) -> tuple[str, dict[str, Any]]:
    """The table of a dialogue, and its columns there."""
    match dialogue:
        case Instruction(messages=messages):
            return "instructions", {"fact": None, "messages": messages}
        case Preference(prompt=prompt, chosen=chosen, rejected=rejected, margin=margin):
            told = {} if margin is None else {"margin": margin}
            return "preferences", {"fact": None, "kind": kind, "prompt": prompt, "chosen": chosen, "rejected": rejected, **told}
        case Labelled(prompt=prompt, completion=completion, label=label):
            return "labels", {"prompt": prompt, "completion": completion, "label": label}


def _nothing(path: Path, bad: Sequence[BadRow], columns: set[str]) -> InputError:
    """That no row is usable, and why."""
    if not bad:
        return InputError(f"{path} has no dialogues", mend="dialogues.path=FOLDER with instructions or preferences in it")
    reasons = Counter(row.reason for row in bad)
    leading = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:LEADING])
    first = bad[0]
    place = first.file if first.line is None else f"{first.file}:{first.line}"
    told = f"none of the {len(bad)} rows in {path} is a dialogue that can be used: {leading}; the first is {place}, {first.reason}"
    if columns:
        told += f"; the columns are {', '.join(sorted(columns))}"
    mend = f"correct {place} and what is like it: {mend_of(first.reason)}; or dialogues.path=FOLDER"
    return InputError(told, mend=mend_of(UNKNOWN) if UNKNOWN in reasons else mend)
