"""The stages of the pipeline: one recipe a file.

What follows must be set before torch is imported: without it two kinds of CPU, or two
runs on one GPU, give different bits.
"""

import gc
import os
import time
from pathlib import Path

from pipeline.core.arithmetic import fix_arithmetic
from pipeline.core.compiled import keep_compiled
from pipeline.core.heap import ENVIRONMENT, keep_freed, leave_at_end
from pipeline.core.interrupt import keep_interrupts

STARTED = time.perf_counter()  # imports count as time of the stage
FIXED = ENVIRONMENT | {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # malloc, which keeps what is freed (below); its own one clears two megabytes where it needs few
    "HF_HUB_OFFLINE": "1",
    "OPENBLAS_THREAD_TIMEOUT": "4",  # 2^4 ticks: numpy's idle threads would spin for a tenth of a second
    "TOKENIZERS_PARALLELISM": "false",
}
HUB_OFFLINE = os.environ.get("HF_HUB_OFFLINE", "0")  # what the user says; stages that may read from a hub go by it
os.environ.update(FIXED)
fix_arithmetic()
gc.set_threshold(50_000, 20)  # what imports make stays: to look for garbage in it again and again takes a tenth of a start
keep_interrupts()
keep_freed()
leave_at_end()
keep_compiled(Path(os.environ.get("DVC_ROOT", ".")) / ".run" / "numba")
