"""Lab 6: a fair comparison."""

from __future__ import annotations

import math
import time
from numbers import Real

from styletransfer.labs.exercise import Answer, Exercise, LabError, ask

#: Seconds of the made-up device: a call queued, its work, and what the first call sets up.
_WORK, _SET_UP = 0.02, 0.2
_ROUNDS = 5


class _Device:
    """Queues work, as a GPU does: a call returns at once, and the work is done later."""

    def __init__(self, queued: float = 0.0, work: float = _WORK) -> None:
        self.calls, self.waits = 0, 0
        self._work = work
        self._busy_until = time.perf_counter() + queued

    def work(self) -> None:
        """Queue a piece of work."""
        taken = self._work + (_SET_UP if self.calls == 0 else 0.0)
        self.calls += 1
        self._busy_until = max(self._busy_until, time.perf_counter()) + taken

    def synchronize(self) -> None:
        """Wait until the work is done."""
        self.waits += 1
        time.sleep(max(0.0, self._busy_until - time.perf_counter()))


def _measured(answer: Answer, device: _Device) -> float:
    got = ask(answer, device.work, device.synchronize, _ROUNDS)
    if not isinstance(got, Real):
        raise LabError(f"it is to return seconds as a number, got a {type(got).__name__}.")
    if not math.isfinite(got):
        raise LabError(f"it gives {got}, wanted seconds.")
    return float(got)


def _waits(answer: Answer) -> None:
    device = _Device()
    got = _measured(answer, device)
    if device.waits == 0:
        raise LabError(
            f"it says {got:.5f} s for work of {_WORK} s: it measured how fast work is queued. Call "
            "synchronize before "
            "the clock is stopped."
        )
    if got < 0.8 * _WORK:
        raise LabError(
            f"it says {got:.4f} s for work of {_WORK} s. Synchronize before the clock is stopped, each time."
        )


def _warms_up(answer: Answer) -> None:
    device = _Device()
    got = _measured(answer, device)
    if got > 3 * _WORK:
        raise LabError(
            f"it says {got:.3f} s for work of {_WORK} s: the first call sets things up, and was counted. "
            "Do it once, "
            "and synchronize, before any clock is started; and give the median, or the mean of one call."
        )
    if device.calls < _ROUNDS + 1:
        raise LabError(
            f"work was called {device.calls} times; once to warm up and {_ROUNDS} times measured is wanted."
        )


def _starts_idle(answer: Answer) -> None:
    got = _measured(answer, _Device(queued=0.3))
    if got > 3 * _WORK:
        raise LabError(
            f"it says {got:.3f} s where the device still had 0.3 s of other work to do. Synchronize "
            "before the clock "
            "is started, too."
        )


def _follows_the_work(answer: Answer) -> None:
    got = _measured(answer, _Device(work=4 * _WORK))
    if got < 0.8 * 4 * _WORK:
        raise LabError(f"it says {got:.3f} s for work of {4 * _WORK} s. Measure the work that is given.")


EXERCISES = (
    Exercise(
        "seconds_of",
        6,
        "return the seconds of one call: seconds_of(work, synchronize, rounds), warm, and the device waited for.",
        (_waits, _warms_up, _starts_idle, _follows_the_work),
    ),
)
