"""Layers that no gradient reaches any more are named, once."""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.training.engine.silence import SilenceWatch

NAMES = ["deep.weight", "deep.bias", "last.weight"]


def gradients(*values: float) -> list[Tensor]:
    return [torch.full((2, 2), value) for value in values]


def told(watch: SilenceWatch, steps: range, made: list[Tensor]) -> list[str]:
    return [text for step in steps if (text := watch.look(step, made))]


def test_a_silent_layer_is_named_after_a_hundred_steps_and_once() -> None:
    watch = SilenceWatch(NAMES)
    assert told(watch, range(1, 100), gradients(0, 0, 1)) == []
    (text,) = told(watch, range(100, 1000), gradients(0, 0, 1))
    assert "has reached deep for 100 steps" in text
    assert "last" not in text


def test_a_layer_with_any_gradient_is_not_silent() -> None:
    assert told(SilenceWatch(NAMES), range(1, 1000), gradients(0, 1e-30, 1)) == []


def test_what_is_not_finite_is_no_silence() -> None:
    assert told(SilenceWatch(NAMES), range(1, 1000), gradients(float("nan"), 0, float("inf"))) == []


def test_a_layer_that_wakes_is_named_anew() -> None:
    watch = SilenceWatch(NAMES)
    for _ in range(2):
        assert len(told(watch, range(1, 101), gradients(0, 0, 1))) == 1
        assert told(watch, range(101, 111), gradients(1, 0, 1)) == []


def test_dead_relus_are_found_in_a_network() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1))
    torch.nn.init.constant_(network[0].bias, -100.0)  # type: ignore[arg-type]
    watch = SilenceWatch([name for name, _ in network.named_parameters()])
    network(torch.rand(1, 3, 8, 8)).sum().backward()
    (text,) = told(watch, range(1, 101), [p.grad for p in network.parameters() if p.grad is not None])
    assert "has reached 0 for" in text
