"""Stop a run in good order: a first SIGINT or SIGTERM is a wish, a second one ends at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Stopped(KeyboardInterrupt):
    """Raised at the line where a signal found work that may be left half done."""


class Wish:
    """Whether a signal asked for an end. No `threading.Event`: its lock may be held when a handler runs."""

    def __init__(self) -> None:
        self.stop = False
        self._may_leave = False

    @contextlib.contextmanager
    def leaving(self, allowed: bool) -> Iterator[None]:
        """Run work that a signal ends at once, by `Stopped`; unless it is not `allowed`."""
        if self.stop and allowed:
            raise Stopped
        self._may_leave = allowed
        try:
            yield
        finally:
            self._may_leave = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as a wish to stop; a second one has its usual effect."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

        def restore(kind: int) -> None:
            handler = before[signal.Signals(kind)]
            signal.signal(kind, signal.SIG_DFL if handler is None else handler)

        def hear(kind: int, frame: Any) -> None:
            self.stop = True
            restore(kind)
            if self._may_leave:
                self._may_leave = False
                raise Stopped

        for kind in before:
            signal.signal(kind, hear)
        try:
            yield
        finally:
            for kind in before:
                restore(kind)
