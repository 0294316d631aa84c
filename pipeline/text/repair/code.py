"""Find code that stands in a text without fences: modules, Makefiles, YAML, blocks in answers, whole files.

Evidence is counted by line: strong lines can hardly be prose (assignments, calls, definitions, brackets, tags), weak ones belong to code
if they stand beside such lines (comments, continuations). A block is code if at least two of its lines are strong, and no fewer than those
that could be prose. Blocks of comments, of deeper lines or within a string between two code blocks belong to them, and the blank lines too.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

_STRONG = re.compile(
    r"""
      \#!/ | \#\s*(?:include|define|ifn?def|if|endif|pragma|undef)\b | //|/\*|\*/ | <!-- | -->
    | (?:(?:public|private|protected|export|abstract|final|static|async|default|inline|extern|pub)\ )*
      (?: def\ \w+[(\[] | class\ \w+(?:[^.]*[:{(]|(?:[(\[].*)?:)$
    | (?:interface|struct|enum|trait|impl|namespace|module|union|typedef)\ \w+.*\{$
        | (?:function|func|fn|fun|sub)\ [\w.]*\s?\(? .*[{:)]$
    | (?:void|int|float|double|char|bool|auto|string|String|long|const|let|var|val)\ [*&]?\w+\s?[=(;\[:] )
    | from\ [\w.]+\ import\ \S | import\ [\w.]+(?:\ as\ \w+)?(?:,\ ?[\w.]+(?:\ as\ \w+)?)*;?$ | import\ .*\ from\ ["']
    | (?:package|using|use)\ [\w.:]+;$
    | (?:export|const|let|var)\ [\w{,\ }]+\s?= | @[A-Za-z_][\w.]*(?:\(.*\)?)?$
    | for\ [\w,\ ()]+\ in\ .*[:{]$ | (?:if|elif|while|for|switch|catch|foreach)\s?\(.*[){]$
    | (?:if|elif|while|with|except|case)\b.*[()\[\]=<>_."'].*:$
    | (?:else|try|finally|do|loop)\s?[:{]$ | \}\s?(?:else|catch|finally|while)\b | (?:if|while|for)\ .*;\ (?:then|do)$
    | (?:except|case)\ [\w.]+(?:\ as\ \w+)?:$
    | (?:return|raise|yield|throw|await|assert|del|print|echo|puts|new)\b.*(?:[()\[\]{};=_]|\w\.\w|["']$)
    | return(?:\ -?[\w.]+)?;?$ | (?:break|continue);?$ | pass$
    | [{}()\[\],;]{1,6}$ | .*[{}]$ | .*(?:\);|\};|\];|\(|\[|\\)$ | .*\(\)[:;,]?$
    | [-\w.$@*&\[\]"'{}/]+(?:,\ [\w.*]+)*(?::\ ?[\w\[\], .|"']+)?\s*(?:[-+*/%|&^?:.]|\*\*|//|<<|>>)?=(?!=)\s*\S | --?[\w-]+=\S
    | [\w.:$>]*[\w$]\([^)]*\)?.*[),;:{(\[]$ | [\w.]+\([\w"'].*\) .*
    | "[^"]+"\s*:\s*\S.*[,{\[}\]\d"el]$
    | </?(?!(?:i|b|em|strong|u|cite|sup|sub|a|s)\b)[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>(?:$|.*>$) | \{%
    | \$\ \S | (?:sudo|pip3?|npm|npx|apt-get|docker|kubectl|git|curl|wget|conda|cargo|brew|yarn)\ -{0,2}[a-z][\w.-]*(?:\ \S+)*$
    | (?:@@\ |\+\+\+\ |---\ \S|diff\ -)
    | (?:SELECT|INSERT\ INTO|UPDATE|DELETE\ FROM|(?:CREATE|ALTER|DROP)\ (?:TABLE|VIEW|INDEX)|FROM|WHERE|GROUP\ BY
        |ORDER\ BY|HAVING|(?:LEFT|RIGHT|INNER|OUTER)\ JOIN|JOIN|VALUES|SET|LIMIT)\b.*[a-z*(\d;,]
    | \((?:define|defun|defn?|let\*?|lambda|ns|setq|import|require|deftype|cond)\b
    | [\w.-]+\s?::?=\s | \.(?:PHONY|SUFFIXES)\b | \"\"\" | (?:FROM|RUN|COPY|WORKDIR|ENTRYPOINT|CMD|ENV|EXPOSE|ARG)\ [\w.\[/"=:$-]+
    | %\w+%? | \\(?:begin|end|documentclass|usepackage|section|newcommand)\{
    """,
    re.VERBOSE,
)
_OPERATOR = re.compile(
    r"\ (?:==|!=|===|<=|>=|&&|\|\||->|=>|\+=|-=|:=|<<|>>|<-)\ |\w::\w|\w->\w|\b[a-z]\w*\.[a-z_]\w*\(|[a-z]\w*_\w+\(|\$\{?\w+\}?|\$\("
)
_SIGN_OF_CODE = re.compile(  # a block of code has one of these
    r"[={}\\<$\t@/]|\([)\w]|\)[;:)]|_[a-z]|->|::|\"\"\"|\[\]|:\n|"
    r"\n *(?:[a-z][\w./-]*:|- |--|import |from |return|[A-Z]{3}|%|pip|npm|npx|git |sudo)"
)
_SIGNED = re.compile(  # every strong line has one of these
    r"[=(){}\[\]<>\\$#@/_|%*&;:\"]|^(?:import|from|package|using|use|return|break|continue|pass|yield|raise|print|echo|new|-|pip|npm|npx|git|"
    r"sudo|docker|apt-get|kubectl|curl|wget|conda|cargo|brew|yarn|SELECT|FROM|WHERE|SET|LIMIT|RUN|COPY|CMD|ENV|ARG|[A-Z]+ [A-Z])\b"
)
_WEAK = re.compile(
    r"\#|\*(?:\ |$)|--\ |;|%|\"\"\"|'''|[rbfu]?[\"'].*[\"'][,)\]:;]{0,3}$|[-+]?\d[\d._]*[,)\]]*$|[\w.*]+(?:=\S.*)?,$|\.{1,3}\w*\(?|"
    r"(?:return|raise|yield|del|global|nonlocal|end|fi|done|esac|then|else|endif|lambda)\b|[)\]}]|"
    r"[-\w.]+:(?:\ \S.*)?$|-\ \S|[\w.]+$|[&|+]\ |\[\[?[\w.:\"-]+\]?\]$"
)
_KEY = re.compile(r"(?:-\ )*(?:[a-z_.$\d][-\w./$]*|\"[^\"]+\"|'[^']+'|[A-Z][a-zA-Z]*[-_.][-\w.]*|[A-Z_]{2,}):(?:\s+\S.*)?$")
_YAML_ITEM = re.compile(r"-(?:\ \S.*)?$")
_YAML_VALUE = re.compile(r".*:\s*(?:[|>][-+]?|[\[{&*!\"'\d~-].*|true|false|null|[\w./-]+)?\s*(?:\#.*)?$")
_TARGET = re.compile(r"[\w./%$(){}-]+(?:\ [\w./%$(){}-]+)*\s*::?(?:\s|$)")
_COMMENT = re.compile(r"(?:\s{2}\#|\s//|\s\#\ noqa|\s\#\ type:)\s?.*$")
_STRING = re.compile(r"\"\"\"|'''")
_LEAST = 2  # strong lines of a block
_KEYS = 3  # lines `key: value` of a block without any other sign of code
_LONGEST = 400  # characters of a line that are examined
_LETTERS = 0.2  # share of the characters of a block
_DEEP = 2  # blanks that make a line indented
_STRINGS = 2000  # lines of a string, at most


def code_ranges(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the runs of lines that are code, blank lines between their blocks included."""
    blocks = list(_blocks(lines))
    signed = [(start, stop) for start, stop in blocks if _SIGN_OF_CODE.search("\n".join(lines[start:stop]))]
    if not any(_is_keyed(lines, *block) or _is_recipe(lines, *block) or "s" in _kinds(lines[slice(*block)]) for block in signed):
        return
    kinds = _kinds(lines)
    within = _within_strings(lines, kinds)
    whole = kinds.count("s") >= max(_LEAST, sum(kind == "p" and not inside for kind, inside in zip(kinds, within, strict=True)))
    found: list[tuple[int, int]] = []
    for start, stop in blocks:
        if whole and "s" in kinds[start:stop] and "p" not in kinds[start:stop] and _has_letters(lines[start:stop]):
            found.append((start, stop))
        elif core := _core(lines, kinds, within, start, stop):
            found.append(core)
    yield from _merged(lines, kinds, within, found)


def _kinds(lines: Sequence[str]) -> str:
    """One letter per line: strong, weak, prose, blank, of the kinds `s w p b`."""
    kinds = []
    for line in lines:
        short = line[:_LONGEST].strip()
        if not short:
            kinds.append("b")
            continue
        if not _SIGNED.search(short):
            kinds.append("w" if _WEAK.match(short) else "p")
            continue
        if "#" in short or "//" in short:
            short = _COMMENT.sub("", short)
        if _STRONG.match(short) or _OPERATOR.search(short):
            kinds.append("p" if _is_sentence(short) else "s")
        else:
            kinds.append("w" if _WEAK.match(short) else "p")
    return "".join(kinds)


def _is_sentence(short: str) -> bool:
    """Whether a line is a sentence in which code is mentioned."""
    words = short.split()
    plain = sum(word.strip("\"'(),.;:!?*_`-").isalpha() for word in words)
    return len(words) >= 6 and plain >= 0.8 * len(words) and short[0].isalpha() and short[0].isupper() and "=" not in short[:30]


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the runs of non-blank lines."""
    start = None
    for place, line in enumerate(lines):
        if line.strip():
            start = place if start is None else start
        elif start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(lines)


def _core(lines: Sequence[str], kinds: str, within: Sequence[bool], start: int, stop: int) -> tuple[int, int] | None:
    """The code of a block, without prose above and below it."""
    if _is_recipe(lines, start, stop) or _is_keyed(lines, start, stop):
        return start, stop
    if "s" not in kinds[start:stop]:
        return None
    margin = min(_depth(line) for line in lines[start:stop])
    first, last = start, stop
    while first < last and kinds[first] == "p" and not within[first] and _depth(lines[first]) == margin:
        first += 1
    while last > first and kinds[last - 1] == "p" and not within[last - 1] and _depth(lines[last - 1]) == margin:
        last -= 1
    strong = kinds.count("s", first, last)
    opened = any(
        kinds[place] == "s" and lines[place].rstrip()[-1:] in ":{([" and _depth(lines[place + 1]) > _depth(lines[place])
        for place in range(first, last - 1)
    )
    strong += opened  # a line that opens a deeper one is evidence twice
    deep = min((_depth(lines[place]) for place in range(first, last) if kinds[place] == "s"), default=0)
    prose = sum(kinds[place] == "p" and not within[place] and _depth(lines[place]) <= deep for place in range(first, last))
    other = sum(kinds[place] == "p" and not within[place] for place in range(first, last))
    if strong < _LEAST or strong < prose or 3 * strong < other or not _has_letters(lines[first:last]):
        return None
    if first - start > 0 and kinds[start:first].count("p") > strong:  # a paragraph of prose with some formulas at its end
        return None
    return first, last


def _has_letters(lines: Sequence[str]) -> bool:
    """Whether there are names among the signs."""
    signs = "".join(lines)
    return sum(map(str.isalpha, signs)) >= _LETTERS * (len(signs) - signs.count(" "))


def _depth(line: str) -> int:
    """The leading white space of a line; a tab is eight blanks."""
    white = line[: len(line) - len(line.lstrip())]
    return len(white) + 7 * white.count("\t")


def _is_recipe(lines: Sequence[str], start: int, stop: int) -> bool:
    """Whether a block is a rule of a Makefile: a target, then lines that begin with a tab."""
    heads = [place for place in range(start, stop - 1) if lines[place + 1].startswith("\t") and _TARGET.match(lines[place])]
    return bool(heads) and all(lines[place].startswith(("\t", "#", ".")) or _TARGET.match(lines[place]) for place in range(start, stop))


def _is_keyed(lines: Sequence[str], start: int, stop: int) -> bool:
    """Whether a block is YAML: keys in small letters, their values and items, some of them deeper than others or short.

    Half of the values may be prose; more of them in a list of mappings, whose keys stand below each other.
    """
    keys = deeper = plain = items = mappings = 0
    for place in range(start, stop):
        short = lines[place].strip()
        depth = _depth(lines[place])
        if short.startswith("#"):
            continue
        if _KEY.match(short):
            keys += 1
            mappings += short.startswith("- ")
            plain += not _YAML_VALUE.fullmatch(short)
        elif _YAML_ITEM.match(short):
            items += depth > 0 or keys > 0
        elif not (place > start and depth > _depth(lines[start])):
            return False
        deeper += place > start and depth != _depth(lines[start])
    listed = mappings >= _LEAST and deeper >= mappings
    return (listed or 2 * plain <= keys) and (keys >= _KEYS or (keys >= _LEAST and deeper > 0) or (keys >= 1 and items > 0 and deeper > 0))


def _within_strings(lines: Sequence[str], kinds: str) -> list[bool]:
    """Which lines are within, or begin or end, a string or comment of several lines that begins and ends in code."""
    within = [False] * len(lines)
    if "s" not in kinds:
        return within
    opened, sign = -1, ""
    for place, line in enumerate(lines):
        for found in _STRING.finditer(line) if '"""' in line or "'''" in line else ():
            if opened < 0:
                opened, sign = place, found.group()
            elif found.group() == sign:
                within[opened : place + 1] = [True] * (place + 1 - opened)
                opened = -1
        if opened >= 0 and place - opened > _STRINGS:
            opened = -1
    opened = -1
    for place, line in enumerate(lines):
        short = line.strip()
        if opened < 0 and short.startswith(("/*", "<!--")):
            opened = place
        if opened >= 0 and ("*/" in short or "-->" in short):
            within[opened : place + 1] = [True] * (place + 1 - opened)
            opened = -1
        if opened >= 0 and place - opened > _STRINGS:
            opened = -1
    return within


def _merged(lines: Sequence[str], kinds: str, within: Sequence[bool], found: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbouring blocks of code with what lies between them, if it belongs to the code."""
    if not found:
        return
    joined = [list(found[0])]
    for (_, before), (start, stop) in pairwise(found):
        if all(_belongs(lines, kinds, within, place) for place in range(before, start)):
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    ends = [0, *(edge for pair in joined for edge in pair), len(lines)]
    for place, (start, stop) in enumerate(joined):
        floor, ceiling = ends[2 * place], ends[2 * place + 3]
        while start > floor and _belongs(lines, kinds, within, start - 1):
            start -= 1
        while stop < ceiling and _belongs(lines, kinds, within, stop):
            stop += 1
        while kinds[start] == "b":
            start += 1
        while kinds[stop - 1] == "b":
            stop -= 1
        ends[2 * place + 1 : 2 * place + 3] = [start, stop]
        yield start, stop


def _belongs(lines: Sequence[str], kinds: str, within: Sequence[bool], place: int) -> bool:
    """Whether a line beside code is code too: blank, within a string, a comment, strong, or indented."""
    if kinds[place] in "bs" or within[place]:
        return True
    if kinds[place] == "w" and _KEY.match(lines[place]) and _YAML_VALUE.fullmatch(lines[place]):
        return True
    if lines[place].startswith(("#", "//", "}", ")", "]", ";", '"""', "@", "--")):
        return True
    near = place  # an indented block; only the first line of a paragraph of prose is indented
    while near >= 0 and kinds[near] != "b":
        if _depth(lines[near]) < _DEEP:
            return kinds[near] == "s"
        near -= 1
    near = place
    while near < len(lines) and kinds[near] != "b":
        if _depth(lines[near]) < _DEEP:
            return False
        near += 1
    return True
