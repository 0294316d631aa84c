"""What else was likely at a place: enough to draw the distribution at other temperatures and cuts without asking the model again.

vocabulary V
"""

from dataclasses import dataclass
from typing import Any

import tokenizers
import torch
from jaxtyping import Float
from torch import Tensor

LIKELIEST = 24  # tokens that are told one by one
TEMPERATURES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 21))  # of the page's slider: the rest's mass is exact at each


@dataclass(frozen=True)
class Outlook:
    """The likeliest tokens with their logits, and the others together: log-sum-exp of their logits over each of TEMPERATURES."""

    ids: list[int]
    logits: list[float]
    rest: list[float]  # -inf is None in JSON: there is no rest

    @property
    def log_total(self) -> float:
        """Log-sum-exp of all logits, so that a logit less this is a log-probability at temperature 1, in nats."""
        told = torch.tensor([*self.logits, self.rest[TEMPERATURES.index(1.0)]], dtype=torch.float64)
        return float(told.logsumexp(0))

    def as_json(self, tokenizer: tokenizers.Tokenizer) -> dict[str, Any]:
        """For the page; numbers to four digits behind the point."""
        texts = [shown(one, tokenizer) for one in self.ids]
        rest = [None if one == -torch.inf else round(one, 4) for one in self.rest]
        return {"ids": self.ids, "texts": texts, "logits": [round(one, 4) for one in self.logits], "rest": rest}


def outlook_of(logits: Float[Tensor, " V"], count: int = LIKELIEST) -> Outlook:
    """Of one place."""
    wide = logits.double()
    top = wide.topk(min(count, len(wide)))
    others = wide.index_fill(0, top.indices, -torch.inf)
    rest = (others / torch.tensor(TEMPERATURES, dtype=torch.float64)[:, None]).logsumexp(-1)
    return Outlook(top.indices.tolist(), top.values.tolist(), rest.tolist())


def shown(token: int, tokenizer: tokenizers.Tokenizer) -> str:
    """A token as a person reads it; one that is no whole character as tokenizer.json spells it."""
    text: str = tokenizer.decode([token], skip_special_tokens=False)
    return text if text and "\ufffd" not in text else str(tokenizer.id_to_token(token))
