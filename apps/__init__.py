"""What a person opens: the table, the chat, the drawing. Thin; they know the library, nothing knows them."""

from pathlib import Path

from pipeline.core.compiled import keep_compiled

keep_compiled(Path(".run/numba"))
