"""How the stages compute: without this two kinds of CPU, or two runs on one GPU, give different bits."""

import os
import platform

_ALWAYS = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads make a busy machine six times slower, and an idle one no faster
}
# STRICT: the same bits wherever a matrix lies in memory; COMPATIBLE would halve the speed
_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2,STRICT", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def in_avx2() -> bool:
    """Whether a CPU of this kind computes in AVX2, whatever else it has: that knows neither bf16 nor fp16."""
    return platform.machine() in {"x86_64", "AMD64"}


def fix_arithmetic() -> None:
    """Set it for this process and those that it starts, before torch computes; before it is imported where threads are not to spin."""
    os.environ.update(_ALWAYS | (_AVX2 if in_avx2() else {}))
