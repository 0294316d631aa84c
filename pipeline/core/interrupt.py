"""A Ctrl-C that is never lost."""

import signal
import sys
import threading

_AGAIN_S = 0.05


def keep_interrupts() -> None:
    """Let a Ctrl-C that arrives where Python can't raise it (a `__del__`, say of a library that is being imported) arrive once more.

    Python would print "Exception ignored in …" and go on as if nothing had been asked.
    """
    told = sys.unraisablehook

    def hook(fault: "sys.UnraisableHookArgs") -> None:
        if fault.exc_type is not KeyboardInterrupt:
            told(fault)
            return
        again = threading.Timer(_AGAIN_S, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
