"""How many tokens suit a text and the model that will learn them."""

import math
from dataclasses import dataclass

from pydantic import PositiveInt

FEWEST, MOST = 512, 32768  # tokens of a vocabulary that is derived from the text


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """The model that will learn the vocabulary."""

    layers: PositiveInt
    hidden_size: PositiveInt


def vocab_size_for(size: int, carrier: Carrier | None) -> int:
    """The tokens of a vocabulary for so many bytes of text: the power of two next to what text and model ask for, within FEWEST and MOST.

    The text gives the square root of its bytes: so do its different words grow (Heaps 1978), and only a token that was met often is
    learned. The model carries as many as take a third of the weights inside its layers, 12 x layers x width^2 (Kaplan et al. 2020): beyond
    it the head costs more than shorter sequences save. Small models ask for small vocabularies: Tao et al. 2024; measured, log 2026-12-01.
    """
    carried = math.inf if carrier is None else 4 * carrier.layers * carrier.hidden_size
    return min(MOST, max(FEWEST, 1 << round(math.log2(min(max(1.0, size**0.5), carried)))))
