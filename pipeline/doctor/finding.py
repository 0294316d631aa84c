"""What a look at one thing found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A line, and where it stands against the run the command or the edit that mends it."""

    what: str  # disk
    told: str
    mend: str | None = None
    stops: bool = True  # with a mend: whether the run fails or is in vain without it; else it is only worth knowing


def size(count: float) -> str:
    """Bytes as one reads them."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
