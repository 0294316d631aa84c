"""What a site puts around its text: navigation, sharing, subscription, cookies, notices."""

import re

_LENGTH = 160  # characters of a line
_PLACES = (
    r"home|about(?:\ us)?|contact(?:\ us)?|login|log\ in|sign\ in|register|search|menu|help|faq|sitemap|shop|blog|news|"
    r"privacy(?:\ policy)?|terms(?:\ of\ (?:use|service))?"
)
_SITE = re.compile(
    rf"""^\W*(?:
      (?:{_PLACES}) (?:\s*[|>»/·•]\s*[\w' &-]{{2,24}}){{1,12}}
    | (?:please\ )?(?:share|follow|like|find|join)\ (?:this|us|it|our|me)\b.*\b
        (?:facebook|twitter|instagram|pinterest|friends|e-?mail|newsletter|social|media|page|article|story|book)
    | (?:subscribe|sign\ up|register)\b.*\b(?:newsletter|updates|e-?mails?|list|free|today|now|more|channel|feed)
    | (?:this|our|the)\ (?:web)?(?:site|page)\ uses\ cookies
    | (?:we|by\ (?:using|continuing))\b.*\bcookies?\b
    | (?:accept|manage|reject)\ (?:all\ )?cookies
    | (?:click|tap)\ here\b
    | (?:please\ )?(?:enable|turn\ on)\ javascript\b
    | (?:skip|jump|back|return|go)\ to\ (?:main\ |the\ )?(?:content|top|navigation|menu|home(?:\ ?page)?|index|contents|start)
    | (?:previous|prev|next)(?:\ (?:page|chapter|article|post))?\s*[|<>«»/·•←→-]+\s*
        (?:contents|home|index|up|next|previous|prev|chapter|page)
    | (?:«|<<?|←)\s*(?:previous|prev|back)\b
    | (?:read|see|load|show)\ more(?:(?:\ \w+){{0,3}}\W*$|:)
    | (?:advertisement|sponsored(?:\ content)?|related\ (?:articles|posts|stories|books)|recommended\ for\ you|
        you\ (?:may|might)\ also\ like|leave\ a\ (?:comment|reply)|print\ this\ page|all\ rights\ reserved)\b.{{0,40}}$
    | (?:copyright|©|\(c\))\s*(?:©|\(c\))?\s*\d{{4}}\b.*
    | (?:posted|filed)\ (?:in|under|by|on)\b.*
    | (?:tags?|categories|category):\s
    | \d+\ (?:comments|shares|likes|views)\b
    | (?:download|get)\ (?:the|our|your)\b.*\b(?:app|pdf|ebook|e-book)\b
    | powered\ by\ \w+
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def boilerplate(text: str) -> tuple[str, int]:
    """Without lines of navigation, sharing, subscription, cookies and the like that stand alone."""
    lines = text.split("\n")
    count = 0
    for place, line in enumerate(lines):
        if 3 < len(line) <= _LENGTH and _SITE.match(line) and _stands_alone(lines, place):
            lines[place] = ""
            count += 1
    return ("\n".join(lines), count) if count else (text, 0)


def _stands_alone(lines: list[str], place: int) -> bool:
    """Whether a line has blank ones, page marks, others of its kind or the rim of the text on both sides."""
    neighbours = [lines[near] for near in (place - 1, place + 1) if 0 <= near < len(lines)]
    return all(not line.strip(" \f") or bool(_SITE.match(line)) for line in neighbours)
