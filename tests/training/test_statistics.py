"""Means and Gram matrices in one pass: against the plain formulas, and their gradient against autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from styletransfer.functional import EPSILON, channel_stats, gram_matrix
from styletransfer.training.statistics import Statistics, _directions, color_quantiles, statistics_of


def features(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.rand(*shape).add(0.2).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(2, 5, 6, 7), (1, 3, 1, 1), (3, 16, 12, 4)])
def test_are_those_of_the_functions(shape: tuple[int, ...]) -> None:
    x = features(*shape)
    found = statistics_of(x)
    mean, std = channel_stats(x)
    torch.testing.assert_close(found.mean, mean.flatten(1))
    torch.testing.assert_close(found.std, std.flatten(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.gram, gram_matrix(x) * shape[1])


def test_large_activations_keep_their_deviation() -> None:
    """The Oxford network's reach hundreds; the variance is the difference of two large numbers then."""
    x = features(1, 4, 16, 16, scale=500.0)
    torch.testing.assert_close(statistics_of(x).std, channel_stats(x)[1].flatten(1), rtol=1e-4, atol=0)


def plain(x: Tensor) -> Statistics:
    """The same from autograd's own operations, in double precision."""
    rows = x.double().flatten(2)  # (B, C, h * w)
    std = (rows.var(2, unbiased=True) + EPSILON).sqrt()
    return Statistics(rows.mean(2), std, rows @ rows.transpose(1, 2) / rows.shape[2])


@pytest.mark.parametrize("kind", ["moment_gap", "gram_gap"])
def test_gradients_are_autograds(kind: str) -> None:
    x, other = features(2, 5, 6, 7).double(), features(2, 5, 4, 4)
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    getattr(statistics_of(ours), kind)(statistics_of(other)).sum().backward()
    getattr(plain(theirs), kind)(plain(other)).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert (ours.grad - theirs.grad).norm() < 1e-5 * theirs.grad.norm()


def test_both_gradients_at_once() -> None:
    x = features(1, 3, 4, 5).double()
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    for made, leaf in ((statistics_of(ours), ours), (plain(theirs), theirs)):
        (made.mean.sum() + 2 * made.std.square().sum() + made.gram.pow(3).sum()).backward()
        assert leaf.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


def test_bfloat16_features_have_float32_statistics() -> None:
    x = features(2, 8, 16, 16).bfloat16().requires_grad_()
    found = statistics_of(x)
    assert {part.dtype for part in found} == {torch.float32}
    torch.testing.assert_close(found.gram, statistics_of(x.detach().float()).gram)
    found.gram.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert x.grad.isfinite().all()


def test_autocast_does_not_reach_them() -> None:
    x = features(1, 8, 16, 16).requires_grad_()
    (expected,) = torch.autograd.grad(statistics_of(x).gram.square().sum(), x)
    with torch.autocast("cpu", torch.bfloat16):
        found = statistics_of(x)
        (gradient,) = torch.autograd.grad(found.gram.square().sum(), x)
    assert found.gram.dtype == torch.float32
    torch.testing.assert_close(found.gram, statistics_of(x).gram)
    torch.testing.assert_close(gradient, expected)


def test_gaps_are_sums_over_channels_and_entries() -> None:
    zero = Statistics(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2, 2))
    other = Statistics(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]]), torch.full((1, 2, 2), 2.0))
    assert zero.moment_gap(other).tolist() == [14.0]
    assert zero.gram_gap(other).tolist() == [16.0]


class TestColors:
    def test_equal_pictures_at_any_size(self) -> None:
        small = torch.rand(1, 3, 16, 16)
        large = small.repeat_interleave(3, 2).repeat_interleave(3, 3)
        assert color_quantiles(small).shape == (1, 256, 32)
        torch.testing.assert_close(color_quantiles(large), color_quantiles(small), atol=0.03, rtol=0)

    def test_a_shift_is_its_length_along_each_direction(self) -> None:
        picture, shift = torch.rand(2, 3, 20, 20), torch.tensor([0.1, 0.0, 0.0]).view(1, 3, 1, 1)
        apart = color_quantiles(picture + shift) - color_quantiles(picture)
        torch.testing.assert_close(apart, (0.1 * _directions()[0]).expand_as(apart), atol=1e-6, rtol=0)
        assert torch.allclose(_directions().norm(dim=0), torch.ones(32))
