"""How well a machine is used: figures for the tracker, which pass."""

import resource

import torch

PEAKS = {  # FLOP/s of dense products in bf16, by the data sheets; the first name that is part of the card's
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
}


def peak_of(card: str) -> float | None:
    """FLOP/s that the card can do in bf16; None for one that is not known."""
    return next((peak for name, peak in PEAKS.items() if name in card), None)


def mfu(flops_per_second: float, peak: float) -> float:
    """Model FLOP utilisation: the share of the peak that the model's own arithmetic takes (Chowdhery et al. 2022)."""
    return flops_per_second / peak


def use_of(device: str, flops_per_second: float | None, *, ranks: int) -> dict[str, float]:
    """The peak of memory so far and, on a known GPU, the MFU against bf16 whatever the precision; operations are those of all ranks."""
    if torch.device(device).type != "cuda":
        return {"peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}  # Linux tells kB
    memory = {"peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9}
    peak = peak_of(torch.cuda.get_device_name())
    return memory if flops_per_second is None or peak is None else memory | {"mfu": mfu(flops_per_second, peak * ranks)}
