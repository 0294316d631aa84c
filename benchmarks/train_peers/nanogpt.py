"""nanoGPT's recipe for a CPU, as its README gives it for the character-level Shakespeare, in plain torch and on its own.

Facts of the recipe: https://github.com/karpathy/nanoGPT (README, "I only have a macbook"; config/train_shakespeare_char.py). 4 layers,
4 heads, width 128, rows of 64 characters, 12 a step, no dropout; 2,000 steps of AdamW at 1e-3, falling by a cosine to 1e-4 after 100 steps
of warm-up, betas .9 and .99, weight decay .1 on matrices, gradients clipped to 1; pre-norm GPT-2 without biases, head and embedding tied,
weights drawn with deviation .02, those that end in the residual stream by sqrt(2 x layers) smaller. The code is ours.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS, HEADS, WIDTH, ROW, BATCH = 4, 4, 128, 64, 12
RATE, LEAST, WARMUP, DECAY, CLIP = 1e-3, 1e-4, 100, 0.1, 1.0
STRIDE = 32  # characters: how far a window of the evaluation moves on


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.look, self.back = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in self.look(self.first(x)).split(WIDTH, dim=2))
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.back(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(ROW, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * LAYERS) if name.endswith(("back.weight", "down.weight")) else 1))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.tokens.weight)


def rate_of(step: int, steps: int) -> float:
    """The learning rate of a step."""
    if step < WARMUP:
        return RATE * (step + 1) / (WARMUP + 1)
    return LEAST + (RATE - LEAST) * (1 + math.cos(math.pi * (step - WARMUP) / (steps - WARMUP))) / 2


@torch.no_grad()
def bits_per_byte(model: Gpt, ids: Tensor, size: int) -> float:
    """Windows of ROW characters that move on by STRIDE; each character after the first counts once."""
    nats, counted = 0.0, 1
    while counted < len(ids):
        last = min(len(ids), ROW + 1 if counted == 1 else counted + STRIDE)
        first = max(0, last - ROW - 1)
        logits = model(ids[None, first : last - 1])[0]
        costs = F.cross_entropy(logits, ids[first + 1 : last], reduction="none")
        nats += float(costs[counted - first - 1 :].sum())
        counted = last
    return nats / math.log(2) / size


def main() -> None:
    """Train on the first 90 % of the characters, and print bits a byte of the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1337)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    text = options.text.read_text()
    letters = sorted(set(text))
    ids = torch.from_numpy(np.searchsorted(letters, list(text)))
    cut = int(0.9 * len(ids))
    train, model = ids[:cut], Gpt(len(letters))
    decayed = [weight for weight in model.parameters() if weight.ndim == 2]
    rest = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step, options.steps)
        starts = torch.randint(len(train) - ROW, (BATCH,)).tolist()
        rows = torch.stack([train[start : start + ROW + 1] for start in starts])
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
    weights = sum(weight.numel() for weight in model.parameters())
    print(json.dumps({"bits_per_byte": bits_per_byte(model.eval(), ids[cut:], len(text[cut:].encode())), "parameters": weights}))


if __name__ == "__main__":
    main()
