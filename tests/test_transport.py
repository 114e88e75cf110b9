"""The optimal transport between normal distributions: known answers, invariances, gradients, failures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import align, channel_stats
from styletransfer.transport import covariance_stats, mix_covariances, transport


def features(channels: int = 4, height: int = 9, width: int = 7, seed: int = 0, batch: int = 1) -> Tensor:
    """Channels that go together, with different means and deviations."""
    generator = torch.Generator().manual_seed(seed)
    plain = torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)
    mixing = 2 * torch.eye(channels) + 0.3 * torch.randn(
        channels, channels, generator=generator, dtype=torch.float64
    )
    return torch.einsum("oc,bchw->bohw", mixing, plain) + torch.arange(channels).view(-1, 1, 1)


def moved(content: Tensor, style: Tensor) -> Tensor:
    (mean, _, own), (wanted_mean, _, wanted) = covariance_stats(content), covariance_stats(style)
    return transport(content, mean, own, wanted_mean, wanted)


class TestStatistics:
    @settings(max_examples=20)
    @given(channels=st.integers(1, 6), height=st.integers(1, 6), width=st.integers(2, 6), seed=st.integers(0, 99))
    def test_are_torchs(self, channels: int, height: int, width: int, seed: int) -> None:
        x = features(channels, height, width, seed, batch=2)
        mean, std, covariance = covariance_stats(x)
        torch.testing.assert_close((mean, std), channel_stats(x))
        wanted = torch.stack([torch.cov(each.flatten(1)).view(channels, channels) for each in x])
        torch.testing.assert_close(covariance, wanted)

    def test_weights_of_zero_and_one_choose_positions(self) -> None:
        x, mask = features(), torch.zeros(1, 1, 9, 7)
        mask[..., :4] = 1
        torch.testing.assert_close(covariance_stats(x, mask), covariance_stats(x[..., :4]))
        torch.testing.assert_close(covariance_stats(x, torch.ones(1, 1, 9, 7)), covariance_stats(x))

    def test_weighted_mean_and_deviation_are_channel_stats(self) -> None:
        x, weights = features(), torch.rand(1, 1, 9, 7, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(covariance_stats(x, weights)[:2], channel_stats(x, weights=weights))

    def test_of_one_position(self) -> None:
        mean, std, covariance = covariance_stats(torch.full((1, 2, 1, 1), 7.0))
        assert (mean == 7).all()
        assert (covariance == 0).all()
        assert std.max() < 0.01

    def test_half_precision_is_summed_in_float32(self) -> None:
        x = torch.full((1, 2, 64, 64), 300.0, dtype=torch.float16)
        assert covariance_stats(x)[0].dtype == torch.float32
        assert torch.isfinite(covariance_stats(x)[2]).all()


class TestTransport:
    @settings(max_examples=20)
    @given(channels=st.integers(1, 6), seed=st.integers(0, 99))
    def test_gives_the_wanted_mean_and_covariance(self, channels: int, seed: int) -> None:
        content, style = features(channels, 12, 9, seed), features(channels, 8, 11, seed + 1000)
        mean, _, covariance = covariance_stats(moved(content, style))
        wanted_mean, _, wanted = covariance_stats(style)
        torch.testing.assert_close(mean, wanted_mean)
        # The ridge, a thousandth of the mean variance, is all that may differ.
        assert (covariance - wanted).abs().max() < 0.01 * (wanted.abs().max() + channels)

    def test_to_itself_changes_nothing(self) -> None:
        torch.testing.assert_close(moved(features(), features()), features())

    def test_of_one_channel_is_adain(self) -> None:
        content, style = features(1), features(1, seed=5)
        torch.testing.assert_close(
            moved(content, style), align(content, *channel_stats(style)), rtol=2e-3, atol=2e-3
        )

    def test_of_independent_channels_is_adain(self) -> None:
        content = torch.tensor([[1.0, -1, 1, -1], [1, 1, -1, -1]], dtype=torch.float64).view(1, 2, 2, 2)
        style = 3 * content[:, :, :, [1, 0]] * torch.tensor([1.0, 2.0]).view(2, 1, 1) + 5
        wanted = align(content, *channel_stats(style))
        torch.testing.assert_close(moved(content, style), wanted, rtol=2e-3, atol=2e-3)

    def test_moves_features_no_further_than_whitening_and_colouring_do(self) -> None:
        content, style = features(), features(seed=7)
        (mean, _, own), (wanted_mean, _, wanted) = covariance_stats(content), covariance_stats(style)
        whitened = torch.linalg.solve(torch.linalg.cholesky(own), (content - mean).flatten(2))
        colored = (torch.linalg.cholesky(wanted) @ whitened).view(content.shape) + wanted_mean
        assert (moved(content, style) - content).square().sum() < (colored - content).square().sum()

    def test_a_style_for_all_or_one_for_each(self) -> None:
        contents, styles = features(batch=3), features(seed=1, batch=3)
        each = torch.cat([moved(contents[n : n + 1], styles[n : n + 1]) for n in range(3)])
        torch.testing.assert_close(moved(contents, styles), each)
        common = torch.cat([moved(contents[n : n + 1], styles[:1]) for n in range(3)])
        torch.testing.assert_close(moved(contents, styles[:1]), common)

    def test_keeps_dtype_layout_and_its_arguments(self) -> None:
        content, style = features(channels=8).float(), features(channels=8, seed=1).float()
        kept = content.clone()
        wanted = moved(content, style)
        last = moved(content.contiguous(memory_format=torch.channels_last), style)
        assert last.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(last, wanted, rtol=1e-4, atol=1e-4)
        assert torch.equal(content, kept)
        assert moved(content.bfloat16(), style).dtype == torch.bfloat16

    @pytest.mark.parametrize("content", [torch.zeros(1, 4, 5, 5), torch.full((1, 4, 1, 1), 2.0)])
    def test_flat_content_becomes_the_styles_mean(self, content: Tensor) -> None:
        style = features().float()
        torch.testing.assert_close(moved(content, style), channel_stats(style)[0].expand_as(content))

    def test_a_flat_style_makes_flat(self) -> None:
        content, style = features().float(), torch.full((1, 4, 5, 5), 2.0)
        result = moved(content, style)
        assert torch.isfinite(result).all()
        assert (result - 2).abs().max() < 0.05

    def test_gradients_are_those_of_the_linear_map(self) -> None:
        content, style = features().requires_grad_(True), features(seed=1)
        mean, _, own = covariance_stats(content.detach())
        wanted_mean, _, wanted = covariance_stats(style)

        def fixed(x: Tensor) -> Tensor:
            return transport(x, mean, own, wanted_mean, wanted)

        assert torch.autograd.gradcheck(fixed, (content,))
        moved(content, style).square().sum().backward()
        assert content.grad is not None
        assert torch.isfinite(content.grad).all()

    def test_other_channels_or_numbers_are_refused(self) -> None:
        content = features(batch=2)
        mean, _, own = covariance_stats(content)
        for other in (features(3), features(4, batch=3)):
            wanted_mean, _, wanted = covariance_stats(other)
            with pytest.raises(OptionError, match="cannot take covariances of shape"):
                transport(content, mean, own, wanted_mean, wanted)


class TestMixtures:
    def test_of_one_style_is_that_style(self) -> None:
        covariance = covariance_stats(features())[2]
        torch.testing.assert_close(mix_covariances([covariance], [1.0]), covariance)
        torch.testing.assert_close(mix_covariances([covariance, covariance], [0.3, 0.7]), covariance)

    def test_of_independent_channels_are_means_of_deviations(self) -> None:
        first, second = torch.diag(torch.tensor([1.0, 4.0]))[None], torch.diag(torch.tensor([9.0, 16.0]))[None]
        mixed = mix_covariances([first, second], [0.25, 0.75])
        torch.testing.assert_close(mixed, torch.diag(torch.tensor([2.5**2, 3.5**2]))[None])

    def test_one_for_all_goes_with_one_for_each(self) -> None:
        common, own = covariance_stats(features())[2], covariance_stats(features(batch=3, seed=2))[2]
        mixed = mix_covariances([common, own], [0.5, 0.5])
        torch.testing.assert_close(mixed[2:], mix_covariances([common, own[2:]], [0.5, 0.5]))
