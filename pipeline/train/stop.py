"""A kind stop: SIGTERM and Ctrl-C are noted, and the loop ends at the next step, after a checkpoint."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from pipeline.core.errors import PipelineError


class Interrupted(PipelineError):
    """The work was stopped from outside; what was done is kept."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped after step {step}; a checkpoint is kept", mend="start it again: it goes on where it was")


class InterruptedTrial(PipelineError):
    """The work was stopped from outside before its first step, while a duration in time was measured."""

    def __init__(self, duration: object) -> None:
        message = f"stopped while it was measured how many steps {duration} are; nothing was learned yet, and nothing is kept"
        super().__init__(message, mend="start it again: it measures anew")


class Stop:
    """While it is entered, `asked` tells whether someone asked to stop. A second request acts at once, as without it."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
