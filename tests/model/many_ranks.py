"""Two examples on four ranks under gloo: data and tensor parallel together, and a pipeline. `python -m tests.model.many_ranks FOLDER`.

The product itself trains data parallel or with its weights in parts (pipeline/train); these show what torch does to the same modules
beyond that.

batch B, time T, width D
"""

import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module

from pipeline.model.build import build
from pipeline.train.sharding import whole
from tests.tiny_shape import SHAPE

RANKS, STEPS, RATE = 4, 3, 0.5
VOCABULARY, ROWS, LENGTH = 64, 4, 16


def model() -> Any:
    """Four layers; two heads for two ranks."""
    return build(SHAPE | {"kind": "llama", "layers": 4, "kv_heads": 2}, vocabulary=VOCABULARY, seed=1).train()


def batch() -> tuple[Tensor, Tensor]:
    """Rows by lot, and what follows each token."""
    drawn = torch.randint(0, VOCABULARY, (ROWS, LENGTH + 1), generator=torch.Generator().manual_seed(1))
    return drawn[:, :-1], drawn[:, 1:]


def nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed over the rows, as shares of the batch's mean."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / (ROWS * LENGTH)


def learned(module: Any, rows: slice) -> list[Tensor]:
    """The loss of each step of plain descent on these rows of the batch."""
    (ids, targets), losses = batch(), list[Tensor]()
    for _ in range(STEPS):
        loss = nats(module(input_ids=ids[rows], use_cache=False).logits, targets[rows])
        loss.backward()
        with torch.no_grad():
            for weight in module.parameters():
                weight -= RATE * weight.grad
                weight.grad = None
        losses.append(loss.detach())
    return losses


def data_and_tensor() -> dict[str, Any]:
    """Two groups read half of the rows each; within a group two ranks have half of every matrix of the layers."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    module = model()
    columns, rows = (
        ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"),
        ("self_attn.o_proj", "mlp.down_proj"),
    )
    plan: dict[str, ParallelStyle] = {name: ColwiseParallel() for name in columns} | {name: RowwiseParallel() for name in rows}
    for layer in module.model.layers:
        parallelize_module(layer, mesh["tensor"], plan)
        fully_shard(layer, mesh=mesh["data"])
    fully_shard(module, mesh=mesh["data"])
    for part in (module, *module.model.layers):
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)
    group = mesh["data"].get_local_rank()
    losses = torch.stack(learned(module, slice(2 * group, 2 * group + 2)))
    dist.all_reduce(losses, group=mesh["data"].get_group())
    held = sum(weight.to_local().numel() for weight in module.parameters())
    return {"losses": losses.tolist(), "sums": [float(whole(one.detach()).sum()) for one in module.parameters()], "held": held}


class Part(nn.Module):
    """A layer of the model; the first one with the embedding, the last one with the head."""

    def __init__(self, module: Any, number: int) -> None:
        super().__init__()
        self.embed = module.model.embed_tokens if number == 0 else None
        self.layer, self.rotary = module.model.layers[number], module.model.rotary_emb
        self.norm, self.head = (module.model.norm, module.lm_head) if number == RANKS - 1 else (None, None)

    def forward(self, given: Tensor) -> Tensor:
        """Ids [B T] or hidden [B T D] -> hidden, or logits."""
        hidden: Tensor = self.embed(given) if self.embed is not None else given
        places = torch.arange(hidden.shape[1])[None]
        hidden = self.layer(hidden, attention_mask=None, position_ids=places, position_embeddings=self.rotary(hidden, places))
        return hidden if self.norm is None or self.head is None else self.head(self.norm(hidden))


def pipeline(rank: int) -> dict[str, Any]:
    """A layer a rank; four micro-batches of a row each go through one after the other. The slopes of this rank's layer."""
    part = Part(model(), rank)
    schedule = ScheduleGPipe(PipelineStage(part, rank, RANKS, torch.device("cpu")), n_microbatches=ROWS, loss_fn=nats, scale_grads=False)
    ids, targets = batch()
    losses: list[Tensor] = []
    if rank == 0:
        schedule.step(ids)
    elif rank == RANKS - 1:
        schedule.step(target=targets, losses=losses)
    else:
        schedule.step()
    slopes = [weight.grad.sum().item() for weight in part.layer.parameters() if weight.grad is not None]
    return {"loss": sum(float(one.detach()) for one in losses), "slopes": slopes}


def run(rank: int, folder: Path) -> None:
    """What one rank finds."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    found = {"data_and_tensor": data_and_tensor(), "pipeline": pipeline(rank)}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")  # torch is imported once
    ranks = [fork.Process(target=run, args=(rank, Path(sys.argv[1]))) for rank in range(RANKS)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(100)
    sys.exit(any(process.exitcode for process in ranks))
