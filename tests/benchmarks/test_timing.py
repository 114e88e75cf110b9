"""The clock: it notices a device that was not waited for, and a method that became slower."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import timing
from benchmarks.timing import NotSynchronisedError, Rounds, how_many, ratio, spread
from styletransfer import samples
from styletransfer.methods import create_stylizer


class FakeTime:
    """Passes only where somebody sleeps, so that a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeGPU:
    """Takes work at once and does it later, as a GPU does."""

    def __init__(self, passing: FakeTime) -> None:
        self.passing = passing
        self.busy_until = 0.0

    def launch(self, seconds: float) -> None:
        self.busy_until = max(self.busy_until, self.passing.now) + seconds

    def synchronize(self) -> None:
        self.passing.sleep(max(0.0, self.busy_until - self.passing.now))


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The time that the clock reads."""
    fake = FakeTime()
    monkeypatch.setattr(timing, "time", fake)
    return fake


def measure(clock: Rounds, rounds: int = 9) -> Rounds:
    """What pytest-benchmark does with a clock."""
    clock.warm_up()
    for _ in range(rounds):
        clock.before()
        clock.timed()
        clock.after()
    return clock


def test_work_on_a_device_is_waited_for_inside_the_timed_region(passing: FakeTime) -> None:
    gpu = FakeGPU(passing)
    clock = measure(Rounds(lambda: gpu.launch(0.05), gpu, lambda: gpu.launch(0.1)), rounds=3)
    assert len(clock.pairs) == 3
    for pair in clock.pairs:
        assert pair == pytest.approx((0.05, 0.1))


def test_without_synchronisation_the_harness_objects(passing: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGPU(passing)
    clock = Rounds(lambda: gpu.launch(0.05), gpu)
    monkeypatch.setattr(timing, "synchronize", lambda device: None)
    with pytest.raises(NotSynchronisedError, match=r"worked on for 0\.05"):
        measure(clock, rounds=1)


def test_work_from_before_the_round_is_not_charged_to_it(passing: FakeTime) -> None:
    gpu = FakeGPU(passing)
    clock = Rounds(lambda: gpu.launch(0.01), gpu)
    gpu.launch(0.2)
    clock.before()
    began = passing.now
    clock.timed()
    assert passing.now - began == pytest.approx(0.01)


def test_a_method_slowed_by_a_known_factor_moves_the_ratio_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread's own clock stands still while other programs have the processor.
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=time.thread_time))
    content, style = samples.draw("valley", long_edge=64), samples.draw("mosaic", long_edge=64)
    stylizer = create_stylizer("adain", device="cpu", measure=False)
    encoded = stylizer.encode_style(style)  # type: ignore[attr-defined]

    def once() -> Any:
        return stylizer.stylize(content, encoded)

    def three_times() -> Any:
        return [once() for _ in range(3)]

    def speed(work: Callable[[], Any]) -> float:
        return float(ratio(measure(Rounds(work, torch.device("cpu"), once)).pairs)["median"])

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        usual, slowed = speed(once), speed(three_times)
    finally:
        torch.set_num_threads(threads)
    assert usual == pytest.approx(1.0, rel=0.35)
    assert usual / slowed == pytest.approx(3.0, rel=0.4)


def test_the_reference_takes_its_turn_before_and_after() -> None:
    order: list[str] = []
    clock = Rounds(lambda: order.append("own"), torch.device("cpu"), lambda: order.append("reference"))
    measure(clock, rounds=20)
    pairs = {tuple(order[i : i + 2]) for i in range(2, len(order), 2)}
    assert pairs == {("own", "reference"), ("reference", "own")}
    assert len(clock.pairs) == 20


def test_a_reference_that_does_a_part_of_the_work_is_scaled(passing: FakeTime) -> None:
    clock = Rounds(lambda: passing.sleep(0.04), torch.device("cpu"), lambda: passing.sleep(0.01), scale=4)
    assert ratio(measure(clock, rounds=3).pairs)["median"] == pytest.approx(1.0)


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0, 5.0, 4.0]) == {
        "median": 3.0,
        "low": 2.0,
        "high": 4.0,
        "min": 1.0,
        "max": 5.0,
        "rounds": 5,
    }
    assert spread([2.0])["low"] == spread([2.0])["high"] == 2.0


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0.001, 9), (0.5, 6), (2.0, 3), (20.0, 2)],
    ids=["at most", "as the budget allows", "at least", "slow"],
)
def test_rounds_by_budget(seconds: float, wanted: int) -> None:
    assert how_many(seconds, budget=3.0, fewest=3, most=9) == wanted


def test_a_reference_in_another_process_says_what_it_took(passing: FakeTime) -> None:
    clock = Rounds(lambda: passing.sleep(0.5), torch.device("cpu"), lambda: timing.Lap(2.0, 1.0), scale=2)
    measure(clock, rounds=2)
    assert [beside for _, beside in clock.pairs] == [4.0, 4.0]
    assert [beside for _, beside in clock.processor_pairs] == [2.0, 2.0]
