"""Moments of parts, merged: those of the whole."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import channel_stats
from styletransfer.moments import Moments, merged, moments
from styletransfer.transport import covariance_stats


def features(seed: int = 0, height: int = 12, batch: int = 2, channels: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 + torch.randn(batch, channels, height, 7, generator=generator)


def assert_equal(got: Moments, wanted: Moments) -> None:
    for own, expected in zip(got, wanted, strict=True):
        torch.testing.assert_close(own.expand_as(expected), expected, rtol=1e-5, atol=1e-4)


@given(
    cuts=st.sets(st.integers(1, 11), max_size=5),
    covariance=st.booleans(),
    weighted=st.booleans(),
    channels=st.integers(1, 6),
)
def test_parts_merge_to_the_whole(cuts: set[int], covariance: bool, weighted: bool, channels: int) -> None:
    x = features(channels=channels)
    weights = torch.rand(1, 1, 12, 7, generator=torch.Generator().manual_seed(1)) if weighted else None
    rows = [0, *sorted(cuts), 12]
    parts = [
        moments(x[:, :, top:bottom], None if weights is None else weights[:, :, top:bottom], covariance=covariance)
        for top, bottom in itertools.pairwise(rows)
    ]
    assert_equal(merged(parts), moments(x, weights, covariance=covariance))


def test_parts_in_which_nothing_counts_change_nothing() -> None:
    x, weights = features(), torch.zeros(1, 1, 12, 7)
    weights[:, :, 6:] = 0.3
    parts = [moments(x[:, :, a:b], weights[:, :, a:b], covariance=True) for a, b in ((0, 6), (6, 12))]
    assert_equal(merged(parts), moments(x[:, :, 6:], weights[:, :, 6:], covariance=True))


def test_a_small_spread_around_a_large_mean_survives() -> None:
    x = features().double()
    far = (x + 1e4).float()
    parts = [moments(far[:, :, a:b], covariance=False) for a, b in ((0, 5), (5, 12))]
    expected = (x + 1e4).float().double().var(dim=(2, 3))
    torch.testing.assert_close(merged(parts).unbiased[:, 0].double(), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("covariance", [False, True])
def test_they_are_the_channels_statistics(covariance: bool) -> None:
    x = features()
    for got, wanted in zip(moments(x, covariance=covariance).channel_stats(), channel_stats(x), strict=True):
        torch.testing.assert_close(got, wanted)


def test_the_covariance_is_that_of_torch() -> None:
    x = features()
    wanted = torch.stack([torch.cov(each.flatten(1)) for each in x])
    torch.testing.assert_close(covariance_stats(x)[2], wanted)


def test_half_precision_is_summed_in_float32() -> None:
    assert moments(features().bfloat16(), covariance=True).scatter.dtype is torch.float32


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OptionError, match="do not fit features with 84 positions"):
        moments(features(), torch.ones(1, 1, 3, 3), covariance=False)
