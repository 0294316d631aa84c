"""Which tokens see which: documents of a row are read as alone, in both directions or after a prefix, by every kind that can be told."""

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.model.build import build
from pipeline.model.shapes import KINDS
from pipeline.model.sight import both_ways, read_both_ways, with_prefix
from tests.model.conftest import SIZE
from tests.model.every_kind import shape_of

TOLD = sorted(kind.__name__.lower() for kind in KINDS if kind.any_mask)
IDS = torch.randint(6, SIZE, (1, 12), generator=torch.Generator().manual_seed(3))
POSITIONS = torch.tensor([[*range(7), *range(3), 0, 0]])  # two documents, and padding
PREFIX = torch.tensor([[True] * 4 + [False] * 3 + [True] + [False] * 4])


@pytest.fixture(scope="module", params=TOLD)
def loud(request: pytest.FixtureRequest) -> PreTrainedModel:
    """Its words differ in likelihood."""
    made = build(shape_of(request.param, **({"window": None} if request.param == "mistral" else {})), vocabulary=SIZE, seed=1)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim >= 2:
                weight *= 10
    return made


@torch.no_grad()
def logits(module: PreTrainedModel, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
    found: Tensor = module(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits[0]
    return found


def test_both_ways_is_all_of_the_own_document() -> None:
    seen = both_ways(torch.tensor([[0, 1, 2, 0, 1, 0, 0]]))[0, 0]
    documents = [0, 0, 0, 1, 1, 2, 3]  # padding is a document each
    assert seen.tolist() == [[left == right for right in documents] for left in documents]


def test_after_a_prefix_each_token_sees_it_and_what_stands_before() -> None:
    seen = with_prefix(torch.tensor([[0, 1, 2, 3, 0, 1]]), torch.tensor([[True, True, False, False, True, False]]))[0, 0]
    assert seen.int().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1, 1],
    ]


def test_a_document_is_read_as_alone_whatever_stands_beside_it(loud: PreTrainedModel) -> None:
    packed = logits(loud, IDS, POSITIONS, both_ways(POSITIONS))
    alone = logits(loud, IDS[:, 7:10], POSITIONS[:, 7:10], both_ways(POSITIONS[:, 7:10]))
    torch.testing.assert_close(packed[7:10], alone, rtol=1e-4, atol=1e-4)
    other = IDS.clone()
    other[0, 7:] = 99
    torch.testing.assert_close(logits(loud, other, POSITIONS, both_ways(POSITIONS))[:7], packed[:7], rtol=1e-4, atol=1e-4)


def test_the_first_token_sees_the_last_of_its_document_and_of_a_prefix_but_not_what_follows_that(loud: PreTrainedModel) -> None:
    plain = {"both": both_ways(POSITIONS), "prefix": with_prefix(POSITIONS, PREFIX)}
    before = {name: logits(loud, IDS, POSITIONS, mask) for name, mask in plain.items()}

    def moved(name: str, place: int) -> bool:
        other = IDS.clone()
        other[0, place] = (other[0, place] + 1 - 6) % (SIZE - 6) + 6
        return not torch.allclose(logits(loud, other, POSITIONS, plain[name])[0], before[name][0], rtol=1e-4, atol=1e-4)

    assert [moved("both", 6), moved("prefix", 3), moved("prefix", 4), moved("both", 7)] == [True, True, False, False]


def test_a_prefix_of_one_token_is_a_causal_reading(loud: PreTrainedModel) -> None:
    plain = logits(loud, IDS[:, :7], POSITIONS[:, :7], torch.ones(1, 7, dtype=torch.long))
    told = logits(loud, IDS[:, :7], POSITIONS[:, :7], with_prefix(POSITIONS[:, :7], torch.zeros(1, 7, dtype=torch.bool)))
    torch.testing.assert_close(plain, told, rtol=1e-4, atol=1e-4)


def test_transformers_reads_it_in_both_directions_from_then_on(loud: PreTrainedModel) -> None:
    """Last: the module stays so."""
    own = IDS[:, :7]
    told = logits(loud, own, POSITIONS[:, :7], both_ways(POSITIONS[:, :7]))
    read_both_ways(loud.config)
    with torch.no_grad():
        torch.testing.assert_close(loud(input_ids=own, use_cache=False).logits[0], told, rtol=1e-4, atol=1e-4)
        padded = torch.cat([own, torch.ones(1, 3, dtype=torch.long)], 1)
        mask = torch.tensor([[1] * 7 + [0] * 3])
        torch.testing.assert_close(loud(input_ids=padded, attention_mask=mask, use_cache=False).logits[0, :7], told, rtol=1e-4, atol=1e-4)
