"""A dialogue as sft sees it: what is learned is marked, and nothing else."""

import re

from pipeline.report.samples import masked
from pipeline.tokens.kinds.bpe import train

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is 1 < 2?"},
    {"role": "assistant", "content": "Yes, né <b>."},
    {"role": "user", "content": "And 3?"},
    {"role": "assistant", "content": "No."},
]


def test_answers_and_their_ends_are_marked_and_nothing_is_markup() -> None:
    codec = train(["is it yes or no be brief and " * 9], vocab_size=280, pattern="gpt2")
    page = masked(MESSAGES, codec, 1000)
    assert re.findall("<mark>(.*?)</mark>", page) == ["Yes, né &lt;b&gt;.&lt;|end|&gt;", "No.&lt;|end|&gt;"]
    plain = re.sub("</?mark>", "", page)
    assert plain.startswith("&lt;|endoftext|&gt;&lt;|system|&gt;Be brief.&lt;|end|&gt;&lt;|user|&gt;Is 1 &lt; 2?")
    assert len(masked(MESSAGES, codec, 6)) < len(page)
