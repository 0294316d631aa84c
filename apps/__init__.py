"""What a person opens: the table, the chat, the drawing. Thin; they know the library, nothing knows them."""

from pathlib import Path

from pipeline.core.compiled import keep_compiled
from pipeline.core.heap import leave_at_end

keep_compiled(Path(".run/numba"))
leave_at_end()
