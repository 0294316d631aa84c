"""Keys and tokens that open something, in the forms by which their issuers make them known."""

import re

_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:
      (?:AKIA|ASIA)[A-Z2-7]{16}                                    # Amazon
    | (?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})\w{0,200}     # GitHub
    | glpat-[\w-]{20,64}                                           # GitLab
    | xox[abeoprs]-[A-Za-z0-9-]{20,200}                            # Slack
    | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,200}                  # Stripe
    | sk-(?:[a-z]{2,10}[0-9]{0,2}-){0,3}[\w-]{32,200}              # OpenAI, Anthropic
    | AIza[\w-]{35}                                                # Google
    | ya29\.[\w-]{40,200}
    | hf_[A-Za-z0-9]{34}                                           # Hugging Face
    | npm_[A-Za-z0-9]{36}
    | pypi-AgEI[\w-]{50,250}
    | dop_v1_[0-9a-f]{64}                                          # DigitalOcean
    | SG\.[\w-]{22}\.[\w-]{43}                                     # SendGrid
    | eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000}           # JSON web tokens
    )(?![A-Za-z0-9_-])""",
    re.VERBOSE | re.ASCII,
)
_MIXED = re.compile(r"[A-Za-z]\d|\d[A-Za-z]")  # a token drawn at random has it; words in its place, and rows of one sign, have not
_BEGIN = re.compile(r"-----BEGIN (?P<what>[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----")
_BODY = re.compile(r"(?:\s|\\n|\\r|[\w.-]{1,40}: [^\n]{1,200}\n)*(?P<code>[A-Za-z0-9+/=](?:[A-Za-z0-9+/=]|\s|\\n|\\r){7,20000})")
_OPEN = 64  # characters of a key without an end, at least


def secrets_in(text: str) -> list[tuple[int, int]]:
    """The spans of keys and tokens, in their order."""
    tokens = [found.span() for found in _TOKEN.finditer(text) if _is_random(found.group())]
    keys = [span for found in _BEGIN.finditer(text) if (span := _key(text, found))]
    return sorted([*(span for span in tokens if not any(start <= span[0] < stop for start, stop in keys)), *keys])


def _is_random(token: str) -> bool:
    own = token.split("_")[-1] if token.startswith("hf_") else token
    mixed = _MIXED.search(own) if not token.startswith("hf_") else own != own.lower() and own != own.upper()
    return bool(mixed) and len(set(own)) > 7


def _key(text: str, begin: re.Match[str]) -> tuple[int, int] | None:
    """The span of a private key that begins there; None where the words stand alone, or something is left out of it."""
    body, end = _BODY.match(text, begin.end()), f"-----END {begin['what']}-----"
    if not body:
        return None
    if text.startswith(end, body.end()):
        return begin.start(), body.end() + len(end)
    code = body["code"].rstrip()
    return (begin.start(), body.start("code") + len(code)) if len("".join(code.split())) >= _OPEN and " " not in code[:_OPEN] else None
