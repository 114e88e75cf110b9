"""A descent that can be taken one step at a time, so that a step can be timed as it really is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from benchmarks.timing import synchronize
from styletransfer.stylizer import Step, Stylizer


class _ClosedError(Exception):
    """Ends the run from within."""


class Stepper:
    """Runs a stylizer in a thread of its own, which is held at the end of every step.

    So the step that is timed is the package's own, with its guard, its records and the copy of the picture
    that `on_step` gets, and not a second loop that could drift apart from it. The first call also prepares
    the run; use it as the warm-up.

    Args:
        stylizer: An iterative one, told to take far more steps than will be asked for.
        content: (1, 3, H, W).
        style: The same.

    Attributes:
        picture: The picture that the last step began with.
        losses: The method's own losses of it.
    """

    def __init__(self, stylizer: Stylizer, content: Tensor, style: Tensor) -> None:
        self.picture = content
        self.losses: Mapping[str, float] = {}
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._closing = False
        self._error: BaseException | None = None
        self._arguments = (stylizer, content, style)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *_: Any) -> None:
        self._closing = True
        self._go.release()
        self._thread.join()

    def step(self) -> None:
        """Take one step; returns when the device has done it."""
        self._go.release()
        # In slices, since on Windows Ctrl-C cannot break into a wait without an end.
        while not self._done.acquire(timeout=0.5):
            pass
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        stylizer, content, style = self._arguments
        self._go.acquire()
        try:
            if not self._closing:
                stylizer.stylize(content, style, on_step=self._hold)
                raise RuntimeError("The descent ended before the benchmark did; give it more steps.")
        except _ClosedError:
            return
        except BaseException as error:  # it belongs to the thread that waits
            self._error = error
        self._done.release()

    def _hold(self, step: Step) -> None:
        self.losses = step.losses
        if step.image is not None:
            self.picture = step.image
            synchronize(step.image.device)
        self._done.release()
        self._go.acquire()
        if self._closing:
            raise _ClosedError
