"""A question as messages."""


def asked(question: str, system: str = "") -> list[dict[str, str]]:
    """The user's question, after the system's message where that is not empty."""
    return [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": question}]
