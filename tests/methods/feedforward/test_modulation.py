"""Descriptions of what an alignment changes, and scales and shifts made from them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.methods.feedforward.decoder_parts import Modulation
from styletransfer.methods.feedforward.statistics import describe_change


def pair(mean: list[float], std: list[float]) -> tuple[Tensor, Tensor]:
    return torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(std).view(1, -1, 1, 1)


def test_known_numbers() -> None:
    described = describe_change(
        {"relu1_1": pair([1.0, 0.0], [2.0, 1.0]), "relu2_1": pair([1.0], [1.0])},
        {"relu1_1": pair([3.0, 0.0], [2.0, 0.0]), "relu2_1": pair([1.0], [3.0])},
    )
    logarithm = math.log
    expected = [
        *(0.5, 0, logarithm(4), 0),  # means of relu1_1: relative change, then what is wanted
        *(0, -1, logarithm(3), 0),  # its deviations
        *(0, logarithm(2)),
        *(0.5, logarithm(4)),
    ]
    torch.testing.assert_close(described, torch.tensor([expected]), atol=1e-3, rtol=0)


def test_one_style_for_all_contents() -> None:
    many = {"relu1_1": (torch.rand(3, 4, 1, 1), torch.rand(3, 4, 1, 1))}
    one = {"relu1_1": (torch.rand(1, 4, 1, 1), torch.rand(1, 4, 1, 1))}
    described = describe_change(many, one)
    assert described.shape == (3, 16)
    for n in range(3):
        alone = {k: (mean[n : n + 1], std[n : n + 1]) for k, (mean, std) in many.items()}
        assert torch.equal(described[n : n + 1], describe_change(alone, one))


@given(st.floats(1e-1, 1e4), st.integers(0, 1000))
def test_the_change_does_not_depend_on_a_channels_scale(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    before, wanted = ({"relu1_1": (torch.rand(1, 5, 1, 1, generator=generator) + 0.1,) * 2} for _ in range(2))
    scaled = [{k: tuple(part * scale for part in pair) for k, pair in s.items()} for s in (before, wanted)]
    plain, other = describe_change(before, wanted), describe_change(*scaled)  # type: ignore[arg-type]
    torch.testing.assert_close(other[:, :5], plain[:, :5], atol=0.06, rtol=0)
    assert other[:, :5].abs().max() <= 1


def test_silent_channels_are_finite() -> None:
    silent = {"relu1_1": pair([0.0], [0.0])}
    assert describe_change(silent, silent).tolist() == [[0.0] * 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scales_and_shifts(dtype: torch.dtype) -> None:
    modulation = Modulation(6, (2, 3), hidden=4).to(dtype)
    torch.nn.init.zeros_(modulation.out.weight)
    torch.nn.init.constant_(modulation.out.bias, 0.5)
    (scale, shift), (second, _) = modulation(torch.rand(7, 6))
    assert (scale.shape, shift.shape, second.shape) == ((7, 2, 1, 1), (7, 2, 1, 1), (7, 3, 1, 1))
    torch.testing.assert_close(scale, torch.full_like(scale, 1 + math.tanh(0.5)))
    assert (shift == 0.5).all()
