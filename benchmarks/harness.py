"""What every row goes through: warm-up, interleaved rounds, then untimed memory, judge and record."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks import floor, memory, pictures
from benchmarks.case import Case
from benchmarks.judge import judged
from benchmarks.plan import Plan
from benchmarks.targets import TARGETS
from benchmarks.timing import Rounds, how_many, ratio
from styletransfer.features.vgg import VGG19Features
from styletransfer.memory import available

#: Bytes of activations that a picture's pixel costs, per channel of the network's first block, with gradients
#: and copies: a forecast, so that a row too large for the machine is skipped instead of stopping it.
_BYTES_PER_PIXEL_AND_CHANNEL = 100


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a row is compared with.

    Attributes:
        work: The reference's work.
        name: What it is, for the reader.
        same_work: Whether it computes the same numbers; otherwise it is only the machine's yardstick.
        scale: How many of the reference's works the row's work amounts to.
    """

    work: Callable[[], Any]
    name: str
    same_work: bool = True
    scale: float = 1.0


class Bench:
    """The fixture that benchmarks use: `pytest_benchmark`'s clock, and this project's contract around it.

    Args:
        benchmark: pytest-benchmark's fixture.
        plan: What was asked for.
        case: The row.
    """

    def __init__(self, benchmark: BenchmarkFixture, plan: Plan, case: Case) -> None:
        self.benchmark = benchmark
        self.plan = plan
        self.case = case
        self.device = torch.device(case.device)
        self.size = pictures.shape(case.size)
        benchmark.group = case.group
        # Without a request to measure, pytest-benchmark runs the work once and takes no time.
        benchmark.disabled = benchmark.disabled or not plan.measuring

    def run(
        self,
        work: Callable[[], Any],
        *,
        weights: str,
        beside: Beside | None = None,
        operations: int | None = None,
        picture: Callable[[Any], Tensor] | None = None,
        rounds: int | None = None,
        warm_up: Callable[[], Any] | None = None,
        weigh: bool = True,
        one_thread: bool = False,
        **info: Any,
    ) -> Any:
        """Measure `work`, and fill the row's record.

        Args:
            work: What is timed; called with nothing.
            weights: ``"trained"``, ``"random"`` or ``"none"``; only what trained ones made is judged.
            beside: The reference.
            operations: Counted for the floor, or None where nobody counted.
            picture: Gets the judged picture out of what `work` returned; None where it makes none.
            rounds: A fixed number, for work that takes minutes; by default as the profile's budget allows.
            warm_up: Something shorter to warm up with.
            weigh: Whether a memory pass is made: it runs the work once more.
            one_thread: Whether torch has one thread; the floor is then compared with processor seconds.
            info: More for the record.

        Returns:
            What `work` returned in its last round.
        """
        clock = Rounds(work, self.device, beside.work if beside else None, scale=beside.scale if beside else 1.0)
        measuring = not self.benchmark.disabled
        with self._kept_if_finished():
            if measuring:
                taken = clock.warm_up() if warm_up is None else warm_up() or 0.0
                profile = self.plan.profile
                count = self.plan.rounds or rounds
                count = count or how_many(taken, profile.seconds, profile.fewest, profile.most)
                result = self.benchmark.pedantic(
                    clock.timed, setup=clock.before, teardown=clock.after, rounds=count
                )
            else:
                result = self.benchmark.pedantic(clock.timed)
                clock.after()
            peak = memory.peak(work, self.device) if measuring and weigh else {"absent": "no memory pass was made"}
        self.benchmark.extra_info.update(
            case=self.case.to_dict(),
            weights=weights,
            threads=torch.get_num_threads(),
            shape=list(self.size),
            ratio=_ratio(clock, beside),
            processor={"seconds": statistics.median(clock.processor), "ratio": _processor_ratio(clock)},
            floor=self._floor(operations, measuring, statistics.median(clock.processor) if one_thread else None),
            memory=peak,
            **judged(None if picture is None else picture(result), weights, self.case, self.plan.judge),
            **info,
        )
        return result

    @contextlib.contextmanager
    def _kept_if_finished(self) -> Iterator[None]:
        """Drop a row that Ctrl-C ends; pytest-benchmark does so for errors only."""
        try:
            yield
        except BaseException:
            self.benchmark.has_error = True
            if self.benchmark.stats is not None:
                self.benchmark.stats.stats.data.clear()
            raise

    def _floor(self, operations: int | None, measuring: bool, one_thread: float | None) -> dict[str, Any] | None:
        """Return the floor beside the row's seconds, or the processor seconds of one thread."""
        if operations is None or not measuring:
            return None
        threads = one_thread is not None
        least = floor.seconds(operations, self.case.device, self.case.precision, one_thread=threads)
        taken = self.benchmark.stats.stats.median if one_thread is None else one_thread
        return {"operations": operations, "seconds": least, "share": least / taken}

    def meet(self, **reached: float) -> None:
        """Keep what the row has reached of `TARGETS`; underscores in names stand for blanks."""
        self.benchmark.extra_info["targets"] = [
            TARGETS[name.replace("_", " ")].record(value, self.case.size) for name, value in reached.items()
        ]

    @property
    def times_as_fast(self) -> float:
        """By how much the row's reference took longer, in processor seconds, or in seconds on a GPU."""
        info = self.benchmark.extra_info
        chosen = info["processor"]["ratio"] if self.case.device == "cpu" else info["ratio"]
        return float(chosen["median"])

    def skip_if_too_large(self, extractor: VGG19Features) -> None:
        """Skip a row that would need more memory than is free."""
        free = available(self.device)
        needed = self.size[0] * self.size[1] * extractor.widths[0] * _BYTES_PER_PIXEL_AND_CHANNEL
        if self.case.device == "cpu" and free is not None and needed > free:
            pytest.skip(f"needs about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free")


def _processor_ratio(clock: Rounds) -> dict[str, Any] | None:
    return ratio(clock.processor_pairs) if clock.processor_pairs else None


def _ratio(clock: Rounds, beside: Beside | None) -> dict[str, Any] | None:
    if beside is None or not clock.pairs:
        return None
    return {
        "reference": beside.name,
        "same_work": beside.same_work,
        **ratio(clock.pairs),
        "pairs": [list(pair) for pair in clock.pairs],
    }
