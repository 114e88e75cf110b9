"""Regression from sums: what a direct solution gives, whatever the order and the parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from styletransfer.training.extractor.regression import Regression


def maps(pictures: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(pictures, 3, 6, 5, generator=generator)
    wanted = torch.einsum("bchw,dc->bdhw", features, torch.randn(2, 3, generator=generator)) + 7
    return features, wanted + 0.3 * torch.randn(wanted.shape, generator=generator)


def of(features: Tensor, wanted: Tensor) -> Regression:
    sums = Regression(features.shape[1], wanted.shape[1])
    sums.add(features, wanted)
    return sums


def rows(x: Tensor) -> np.ndarray:
    return x.movedim(1, -1).flatten(0, 2).double().numpy()


def test_is_the_least_squares_solution() -> None:
    features, wanted = maps()
    known = np.c_[rows(features), np.ones(len(rows(features)))]
    expected, *_ = np.linalg.lstsq(known, rows(wanted), rcond=None)
    weight, bias = of(features, wanted).solve()
    np.testing.assert_allclose(weight.numpy(), expected[:-1].T, atol=2e-3)
    np.testing.assert_allclose(bias.numpy(), expected[-1], atol=2e-3)


def test_unexplained_is_the_error_on_the_positions_over_their_variance() -> None:
    features, wanted = maps()
    weight, bias = of(*maps(2)).solve()
    error = rows(wanted) - rows(features) @ weight.numpy().T - bias.numpy()
    centred = rows(wanted) - rows(wanted).mean(0)
    expected = (error**2).sum() / (centred**2).sum()
    assert of(features, wanted).unexplained(weight, bias) == pytest.approx(expected, rel=1e-9)


def test_the_mean_explains_nothing() -> None:
    features, wanted = maps()
    nothing = torch.zeros(2, 3, dtype=torch.float64)
    assert of(features, wanted).unexplained(nothing, wanted.double().mean(dim=(0, 2, 3))) == pytest.approx(1.0)


def test_parts_add_up() -> None:
    features, wanted = maps()
    parts = Regression(3, 2)
    for i in (2, 0, 3, 1):
        parts.add(features[i : i + 1], wanted[i : i + 1])
    torch.testing.assert_close(parts.solve(), of(features, wanted).solve())


def test_silent_channels_stay_finite() -> None:
    _, wanted = maps()
    weight, bias = of(torch.zeros(4, 3, 6, 5), wanted).solve()
    assert not weight.any()
    torch.testing.assert_close(bias, wanted.double().mean(dim=(0, 2, 3)))
