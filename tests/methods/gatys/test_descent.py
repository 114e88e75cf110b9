from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from styletransfer.errors import DivergenceError
from styletransfer.methods.gatys.descent import Descent, Minimum, minimize

TARGET = torch.tensor([[0.2, 0.8], [0.5, 0.4]])


def bowl(x: Tensor) -> dict[str, Tensor]:
    """A steep and a shallow valley with their minimum, 0, at TARGET."""
    scale = torch.tensor([[1.0, 10.0], [3.0, 0.5]])
    return {"near": (scale * (x - TARGET) ** 2).sum(), "tv": 0.0 * x.sum()}


class Watch:
    """Collects what `on_step` is told."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.totals: list[float] = []
        self.points: list[Tensor] = []

    def __call__(self, step: int, terms: Mapping[str, float], point: Tensor) -> None:
        self.steps.append(step)
        self.totals.append(sum(terms.values()))
        self.points.append(point)


class Failing:
    """`bowl`, but at the calls numbered in `bad` (from 1) a term is `value`."""

    def __init__(self, bad: Callable[[int], bool], value: float = math.nan) -> None:
        self.bad, self.value, self.calls = bad, value, 0

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        terms = bowl(x)
        return terms | {"tv": terms["tv"] + self.value} if self.bad(self.calls) else terms


def run(objective: Any = bowl, watch: Any = None, start: Tensor | None = None, **settings: Any) -> Minimum:
    chosen = {"optimizer": "lbfgs", "learning_rate": 0.05, "steps": 60} | settings
    start = torch.zeros(2, 2) if start is None else start
    return minimize(start, objective, Descent(**chosen), watch or Watch())


@pytest.mark.parametrize(("optimizer", "rate"), [("lbfgs", 1.0), ("adam", 0.05)])
def test_reaches_the_minimum(optimizer: str, rate: float) -> None:
    result = run(optimizer=optimizer, learning_rate=rate, steps=150, floor=1.0)
    torch.testing.assert_close(result.point, TARGET, atol=2e-3, rtol=0)
    assert result.stopped == "steps"


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_terms_are_those_of_the_point(optimizer: str) -> None:
    result = run(optimizer=optimizer, steps=3)
    assert result.terms["near"] == pytest.approx(bowl(result.point)["near"].item(), rel=1e-6)
    assert set(result.terms) == {"near", "tv"}


def test_the_best_point_is_kept_where_the_last_is_worse() -> None:
    # Adam with long steps jumps over the minimum and back.
    watch = Watch()
    result = run(watch=watch, optimizer="adam", learning_rate=0.3, steps=8)
    assert sum(result.terms.values()) <= min(watch.totals)


def test_every_step_is_told_with_the_point_at_which_it_began() -> None:
    watch = Watch()
    run(watch=watch, steps=7)
    assert watch.steps == [1, 2, 3, 4, 5, 6, 7]
    assert torch.equal(watch.points[0], torch.zeros(2, 2))
    for total, point in zip(watch.totals, watch.points, strict=True):
        assert total == pytest.approx(bowl(point)["near"].item(), rel=1e-6)
    assert watch.totals == sorted(watch.totals, reverse=True)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate() -> None:
    watch = Watch()
    run(watch=watch, optimizer="adam", learning_rate=0.125, steps=2)
    torch.testing.assert_close(watch.points[1], torch.full((2, 2), 0.125), rtol=1e-4, atol=0)


def test_the_learning_rate_decays() -> None:
    watch = Watch()
    far = lambda x: {"slope": x.sum() + 1000}  # noqa: E731 - Adam's step on a slope is the learning rate
    run(far, watch, optimizer="adam", learning_rate=1.0, decay=0.5, decay_every=2, steps=6)
    moves = [(a - b).abs().max().item() for a, b in zip(watch.points, watch.points[1:], strict=False)]
    assert moves == pytest.approx([1.0, 1.0, 0.5, 0.5, 0.25], rel=1e-4)


def test_the_start_is_left_as_it_is() -> None:
    start = torch.full((2, 2), 0.9)
    run(start=start)
    assert torch.equal(start, torch.full((2, 2), 0.9))
    assert start.grad is None


def test_the_result_is_free_of_the_graph() -> None:
    result = run(steps=2)
    assert not result.point.requires_grad


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_every_point_but_the_start_is_projected(optimizer: str) -> None:
    watch = Watch()
    result = run(watch=watch, optimizer=optimizer, project=lambda x: x.clamp(0.3, 0.6), steps=100)
    assert torch.equal(watch.points[0], torch.zeros(2, 2))
    for point in (*watch.points[1:], result.point):
        assert point.min() >= 0.3
        assert point.max() <= 0.6


class TestLevellingOff:
    def test_stops_once_the_loss_falls_no_more(self) -> None:
        watch = Watch()
        result = run(watch=watch, learning_rate=1.0, steps=500, tolerance=0.01, patience=5)
        assert result.stopped == "levelled off"
        assert len(watch.steps) < 100
        assert sum(result.terms.values()) == pytest.approx(min(watch.totals))

    def test_never_by_default(self) -> None:
        watch = Watch()
        assert run(lambda x: {"flat": 0 * x.sum() + 1}, watch, steps=40).stopped == "steps"
        assert len(watch.steps) == 40

    def test_waits_for_its_patience(self) -> None:
        watch = Watch()
        result = run(lambda x: {"flat": 0 * x.sum() + 1}, watch, steps=40, tolerance=0.01, patience=7)
        assert (result.stopped, len(watch.steps)) == ("levelled off", 8)

    def test_goes_on_while_the_loss_falls_by_more_than_the_tolerance(self) -> None:
        watch = Watch()
        slope = lambda x: {"slope": x.sum() + 1000}  # noqa: E731 - falls by 4 a step
        result = run(slope, watch, optimizer="adam", learning_rate=1.0, steps=30, tolerance=0.01, patience=5)
        assert (result.stopped, len(watch.steps)) == ("steps", 30)


class TestGuard:
    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_a_loss_that_stays_useless_ends_in_an_error_with_the_last_good_point(
        self, optimizer: str, value: float
    ) -> None:
        objective, watch = Failing(lambda call: call > 4, value), Watch()
        with pytest.raises(DivergenceError) as caught:
            run(objective, watch, optimizer=optimizer, retries=3)
        assert caught.value.term == "tv"
        assert "'tv' was not finite or exploded 4 time(s), last at step 5." in str(caught.value)
        assert "Lower its weight or the learning rate" in str(caught.value)
        assert objective.calls == 4 + 4  # four good ones, one bad one, three retries
        best = watch.points[watch.totals.index(min(watch.totals))]
        assert torch.equal(caught.value.image, best)

    def test_a_start_that_is_useless_ends_at_once_without_a_point(self) -> None:
        objective = Failing(lambda call: True)
        with pytest.raises(DivergenceError) as caught:
            run(objective)
        assert caught.value.image is None
        assert objective.calls == 1

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_a_passing_failure_is_survived_with_a_shorter_step(self, optimizer: str) -> None:
        watch, plain = Watch(), Watch()
        run(watch=plain, optimizer=optimizer, learning_rate=0.04, steps=12)
        result = run(Failing(lambda call: call == 5), watch, optimizer=optimizer, learning_rate=0.04, steps=12)
        assert len(watch.steps) == 12  # a failed step does not count
        assert all(math.isfinite(total) for total in watch.totals)
        assert sum(result.terms.values()) < watch.totals[0]
        # The step after the failure starts again from the best point, here the last one, and with Adam has
        # half the length; L-BFGS begins anew with a step along the gradient.
        assert torch.equal(watch.points[4], plain.points[3])
        if optimizer == "adam":
            moves = (watch.points[5] - watch.points[4]).abs()
            torch.testing.assert_close(moves, torch.full((2, 2), 0.02), rtol=1e-3, atol=0)

    def test_a_gradient_that_is_not_finite_counts_too(self) -> None:
        def root(x: Tensor) -> dict[str, Tensor]:
            return {"small": x.sum() * 0, "root of zero": (x * 0).sqrt().sum() + 1}

        with pytest.raises(DivergenceError) as caught:
            run(root)
        assert caught.value.term == "gradient of root of zero"

    def test_an_explosion_counts_too(self) -> None:
        watch = Watch()
        with pytest.raises(DivergenceError) as caught:
            run(watch=watch, optimizer="adam", learning_rate=1e6, retries=2)
        assert caught.value.term == "near"
        assert torch.equal(caught.value.image, torch.zeros(2, 2))

    def test_halving_often_enough_tames_a_step_that_is_too_long(self) -> None:
        watch = Watch()
        result = run(watch=watch, optimizer="adam", learning_rate=64.0, retries=10, steps=100, floor=1.0)
        assert sum(result.terms.values()) < 0.3 * watch.totals[0]

    def test_a_small_step_away_from_a_perfect_point_is_no_explosion_above_the_floor(self) -> None:
        start = TARGET + 1e-6
        with pytest.raises(DivergenceError):
            run(start=start, optimizer="adam", learning_rate=0.01)
        result = run(start=start, optimizer="adam", learning_rate=0.01, floor=1.0)
        assert torch.equal(result.point, start)

    def test_none_of_the_retries_are_made_if_none_are_allowed(self) -> None:
        objective = Failing(lambda call: call > 2)
        with pytest.raises(DivergenceError, match=r"1 time\(s\)"):
            run(objective, retries=0)
        assert objective.calls == 3

    def test_other_errors_pass(self) -> None:
        def broken(x: Tensor) -> dict[str, Tensor]:
            raise ZeroDivisionError("not ours")

        with pytest.raises(ZeroDivisionError, match="not ours"):
            run(broken)
