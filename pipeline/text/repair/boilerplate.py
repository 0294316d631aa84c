"""Remove site boilerplate: navigation, sharing, subscription, cookies, notices."""

import re
from collections.abc import Iterator
from itertools import takewhile

_LENGTH = 160  # characters of a line
_LINES = 12  # of a block, at most
_PLACES = (
    r"home|about(?:\ us)?|contact(?:\ us)?|login|log\ in|sign\ in|register|search|menu|help|faq|sitemap|shop|blog|news|"
    r"privacy(?:\ policy)?|terms(?:\ of\ (?:use|service))?"
)
_NETWORKS = "facebook|twitter|instagram|pinterest|linkedin|whatsapp|reddit|youtube|tiktok|mastodon|e-?mail"
_END = r"(?:[^\w,]+\w+){0,2}\W*$"  # a sentence that continues is prose
_CONSENT = r"\b(?:(?:web)?(?:site|page)s?|browsers?|we\ use|stores?\ (?:\w+\ )?cookies|accept)\b"
_SITE = re.compile(
    rf"""^[^\w"'`]*(?:
      (?:{_PLACES}) (?:\s*[|>»/·•]\s*[^|>»/·•\n]{{2,60}}){{1,12}}
    | (?:please\ )?share\ (?:this|us|it|on|with|via)\b.*\b(?:{_NETWORKS}|friends|media|page|article|story|book|post)\b{_END}
    | (?:please\ )?(?:follow|like|find|join)\ (?:this|us|our|me)\b.*\b(?:{_NETWORKS}|newsletter|social\ media|mailing\ list)\b
    | (?:subscribe|sign\ up|register)\b.*\b(?:newsletter|updates|e-?mails?|mailing\ list|channel|feed)\b
    | (?:subscribe|sign\ up|register)(?:[^\w,]+\w+){{0,4}}?[^\w,]+(?:for\ free|today|now)\b(?:{_END}|\ for\ (?:just\ |only\ )?[$€£\d])
    | (?:we|this|our|by|your|the)\b(?=.*{_CONSENT}).*\b(?:uses?|using|stores?|sets?|of|accept)\ (?:\w+\ )?cookies\b
    | (?:accept|manage|reject|allow)\ (?:all\ )?cookies
    | (?:cookie|privacy)\ (?:settings|policy|preferences|notice)\b
    | (?:click|tap)\ here\b(?:{_END}|\ (?:to|for|if)\b)
    | (?:please\ )?(?:enable|turn\ on)\ javascript\b
    | (?:skip|jump|back|return|go)\ to\ (?:main\ |the\ )?(?:content|top|navigation|menu|home(?:\ ?page)?|index|contents|start)
        \W*(?:[|>»·].*)?$
    | (?:previous|prev|next)(?:\ (?:page|chapter|article|post|story))?\s*[|<>«»/·•←→-]+\s*
        (?:contents|home|index|up|next|previous|prev|chapter|page|top)
    | (?:«|<<?|←)\s*(?:previous|prev|back)\b
    | (?:read|see|load|show)\ more(?:\ (?:posts|articles|stories|comments|results|books|like\ this))?(?:\W*$|:)
    | loading(?:\ more\b.{{0,40}})?\W*$
    | advertisement(?:\W+(?:continue|scroll|close|skip)\b.*)?\W*$
    | (?:sponsored(?:\ content|\ links?)?|recommended\ for\ you|you\ (?:may|might)\ also\ (?:like|enjoy)|print\ this\ page)\W*$
    | (?:related\ (?:articles|posts|stories|books|reading)|(?:leave|post|add|write)\ a\ (?:comment|reply|review)|
        all\ rights\ reserved|(?:most\ )?(?:popular|recent|latest)\ (?:posts|articles|stories|comments))\b.{{0,40}}$
    | your\ e-?mail\ address\ will\ not\ be
    | required\ fields\ are
    | (?:copyright\s*)?(?:©|\(c\))\s*\d{{4}}\b.*
    | copyright\s*\d{{4}}\b(?:(?:\W+\w+){{0,5}}\W*$|.*\ball\ rights\ reserved\b)
    | (?:posted|published|updated)\ on\ (?:\w+day,?\ )?\w{{3,9}}\ \d{{1,2}}\b.*
    | (?:posted|filed|published)\ by\ .{{1,60}}\ (?:on|at|in)\ .*\d.*
    | (?:posted|filed)\ (?:in|under|by)\b[^.!?]{{1,60}}$
    | (?:tags?|categor(?:ies|y)|filed\ under|labels):\s
    | \d+\ (?:comments?|shares?|likes?|views?|repl(?:y|ies))(?:\ on\ .{{1,60}})?\W*(?:[|·].*)?$
    | (?:download|get)\ (?:the|our|your)\b.*\b(?:app|pdf|ebook|e-book)\b(?:\W*$|\W+(?:here|now|today|to|for|from|on|in)\b)
    | (?:proudly\ )?powered\ by\ \w+(?:\ \w+){{0,2}}\W*$
    )""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
# a menu item: too little evidence alone
_ITEM = re.compile(
    rf"[^\w\"'`]*(?:{_PLACES}|next|previous|prev|archives?|share|tweet|print|top|more)[^\w\"'`!?.]*", re.IGNORECASE | re.ASCII
)
# also found in prose: as little evidence as a menu item
_WEAK = re.compile(
    r"""^[^\w"'`]*(?:(?:please\ )?share\ (?:this|it|on|with|via)\b | (?:subscribe|sign\ up|register)\ (?:now|today|for)\b
      | (?:click|tap)\ here\b      | copyright\s*\d{4}\b | (?:download|get)\ (?:the|our|your)\ (?:\w+\ ){0,2}(?:app|pdf|ebook|e-book)\b)""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_ITEMS = 3  # minimum lines of a menu of items only


def boilerplate(text: str) -> tuple[str, int]:
    """Remove blocks whose every line is navigation, sharing, subscription, cookies and the like; counts lines.

    Menu items (Home, About us) and phrases that also occur in prose (Click here and there) count only next to such lines, or three and more
    together, in one block or one per block.
    """
    lines = text.split("\n")
    gone: list[int] = []
    menu: list[int] = []  # lines of site blocks since the last block of text
    known = 0  # of them, those that are sufficient alone
    for start, stop in [*_blocks(lines), (0, 0)]:
        kinds = list(takewhile(bool, map(_kind, lines[start : min(stop, start + _LINES)])))
        if kinds and len(kinds) == stop - start:
            menu += range(start, stop)
            known += kinds.count("site")
        elif menu:
            gone += menu if known or len(menu) >= _ITEMS else []
            menu, known = [], 0
    for place in gone:
        lines[place] = ""
    return ("\n".join(lines), len(gone)) if gone else (text, 0)


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the runs of non-blank lines."""
    place = 0
    while place < len(lines):
        start = place
        while place < len(lines) and lines[place].strip(" \f"):
            place += 1
        if place > start:
            yield start, place
        place += 1


def _kind(line: str) -> str:
    """`site`, `item` (of a menu), or ""."""
    short = line.strip(" \f")
    if len(short) > _LENGTH:
        return ""
    return "site" if _SITE.match(short) else "item" if _ITEM.fullmatch(short) or _WEAK.match(short) else ""
