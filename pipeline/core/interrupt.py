"""A Ctrl-C that is never lost, and never looks like a fault."""

import signal
import sys
import threading
from types import TracebackType

_AGAIN_S = 0.05


def keep_interrupts() -> None:
    """Let a Ctrl-C that arrives where Python can't raise it (a `__del__`, say of a library that is being imported) arrive once more.

    Python would print "Exception ignored in …" and go on as if nothing had been asked. One that nobody catches, since the stage is still
    importing, ends it with a line instead of a traceback.
    """
    told, failed = sys.unraisablehook, sys.excepthook

    def again(fault: "sys.UnraisableHookArgs") -> None:
        if fault.exc_type is not KeyboardInterrupt:
            told(fault)
            return
        timer = threading.Timer(_AGAIN_S, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
        timer.daemon = True
        timer.start()

    def uncaught(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("interrupted before it began", file=sys.stderr)
        else:
            failed(kind, fault, trace)

    sys.unraisablehook, sys.excepthook = again, uncaught
