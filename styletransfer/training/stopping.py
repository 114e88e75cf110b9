"""Stop a run in good order: a first SIGINT or SIGTERM is a wish, a second one ends at once."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class Wish:
    """Whether a signal asked for an end. No `threading.Event`: its lock may be held when a handler runs."""

    stop: bool = False


@contextlib.contextmanager
def heard(wish: Wish) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a wish to stop after the step; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def hear(kind: int, frame: Any) -> None:
        wish.stop = True
        restore(signal.Signals(kind))

    def restore(kind: signal.Signals) -> None:
        signal.signal(kind, before[kind] if before[kind] is not None else signal.SIG_DFL)

    for kind in kinds:
        signal.signal(kind, hear)
    try:
        yield
    finally:
        for kind in kinds:
            restore(kind)
