"""The clock: synchronised, warmed up, and beside a reference in alternation.

A GPU answers before it has worked. So the device is waited for inside the timed region, and afterwards it is
asked once more: if it was still at work when the clock had stopped, the number is fiction and the row fails.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from styletransfer.stylizer import synchronize as _synchronize_torch

#: Work left on the device after the clock stopped that is forgiven: a share of the round, and seconds.
_FORGIVEN_SHARE, _FORGIVEN_SECONDS = 0.05, 0.005


class NotSynchronisedError(AssertionError):
    """The clock stopped while the device was still working."""


def synchronize(device: Any) -> None:
    """Wait for `device`, a torch device or anything with a ``synchronize`` method, inside the timed region."""
    wait_for(device)


def wait_for(device: Any) -> None:
    """Do the waiting itself; the check after the clock uses this, whatever became of `synchronize`."""
    if hasattr(device, "synchronize"):
        device.synchronize()
    else:
        _synchronize_torch(device)


class Lap(NamedTuple):
    """What a piece of work took."""

    seconds: float
    #: Of processors, in this process and those that it has started and waited for.
    processor: float


def processor_seconds() -> float:
    """Return the processor time of this process and of its children so far."""
    try:
        import resource
    except ImportError:  # Windows, where children are not counted
        return time.process_time()
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class Rounds:
    """The rounds of one row: before each or after it, as a seeded coin falls, the reference takes its turn.

    pytest-benchmark calls `before`, then times `timed`, then calls `after`. What slows the machine for a while
    then slows both sides of a pair, and their ratio stays.

    Args:
        work: What is measured; its last result is kept by the caller.
        device: Where it works.
        reference: What it is compared with, or None; a `Lap` that it returns is what it took.
        scale: How many references' worth of work `work` does.
        seed: Of the coin.

    Attributes:
        pairs: ``(seconds, seconds of the reference times scale)`` for each round; empty without a reference.
        processor_pairs: The same of processor seconds, which other programs on the machine hardly change.
        processor: Processor seconds of each round.
    """

    def __init__(
        self,
        work: Callable[[], Any],
        device: Any,
        reference: Callable[[], Any] | None = None,
        *,
        scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.work = work
        self.device = device
        self.reference = reference
        self.scale = scale
        self.pairs: list[tuple[float, float]] = []
        self.processor_pairs: list[tuple[float, float]] = []
        self.processor: list[float] = []
        self._lap = Lap(0.0, 0.0)
        self._beside: Lap | None = None
        self._coin = random.Random(seed)

    def warm_up(self) -> float:
        """Run both sides once, uncounted; return the seconds that a round will take, both sides together."""
        wait_for(self.device)
        began = time.perf_counter()
        self.work()
        if self.reference is not None:
            self.reference()
        wait_for(self.device)
        return time.perf_counter() - began

    def before(self) -> None:
        """Set up a round, outside the clock."""
        self._beside = self._time_reference() if self._coin.random() < 0.5 else None
        wait_for(self.device)

    def timed(self) -> Any:
        """Do the work and wait for it: this is the timed region."""
        began, used = time.perf_counter(), processor_seconds()
        result = self.work()
        synchronize(self.device)
        self._lap = Lap(time.perf_counter() - began, processor_seconds() - used)
        return result

    def after(self) -> None:
        """Check that the device is idle, and give the reference its turn if it has not had it."""
        began = time.perf_counter()
        wait_for(self.device)
        left = time.perf_counter() - began
        if left > _FORGIVEN_SECONDS + _FORGIVEN_SHARE * self._lap.seconds:
            raise NotSynchronisedError(
                f"The clock stopped after {self._lap.seconds:.4f} s, but {self.device} worked on for {left:.4f} "
                "s. The timed region must wait for the device: benchmarks.timing.synchronize."
            )
        beside = self._time_reference() if self._beside is None else self._beside
        self.processor.append(self._lap.processor)
        if beside is not None:
            self.pairs.append((self._lap.seconds, beside.seconds))
            self.processor_pairs.append((self._lap.processor, beside.processor))

    def _time_reference(self) -> Lap | None:
        if self.reference is None:
            return None
        wait_for(self.device)
        began, used = time.perf_counter(), processor_seconds()
        told = self.reference()
        wait_for(self.device)
        seconds, processor = time.perf_counter() - began, processor_seconds() - used
        if isinstance(told, Lap):  # of another process, which took its time itself
            seconds, processor = told
        return Lap(seconds * self.scale, processor * self.scale)


def ratio(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return how many times faster than the reference: the median over pairs, and the spread."""
    # Processor time goes by ticks, of which very short work may see none.
    return spread([reference / max(own, 1e-9) for own, reference in pairs])


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, quartiles and range."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    first, third = (low, high) if len(ordered) < 3 else statistics.quantiles(ordered, n=4, method="inclusive")[::2]
    return {
        "median": statistics.median(ordered),
        "low": first,
        "high": third,
        "min": low,
        "max": high,
        "rounds": len(ordered),
    }


def how_many(seconds: float, budget: float, fewest: int, most: int) -> int:
    """Return how many rounds of `seconds` each are made: as the budget allows, within bounds.

    A round of more than ten seconds is long enough to average out what jitters; two of them will do.
    """
    if seconds > 10:
        fewest = min(fewest, 2)
    return max(fewest, min(most, int(budget / max(seconds, 1e-6))))
