from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import adain, align, channel_stats, gram_matrix, total_variation


def features(batch: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)


shapes = st.tuples(*[st.integers(1, n) for n in (3, 5, 6, 7)])
seeds = st.integers(0, 2**16)


# Slow implementations from the definitions, one number at a time.


def slow_gram(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    gram = torch.zeros(batch, channels, channels, dtype=torch.float64)
    for b in range(batch):
        for i in range(channels):
            for j in range(channels):
                products = [
                    float(x[b, i, r, c]) * float(x[b, j, r, c]) for r in range(height) for c in range(width)
                ]
                gram[b, i, j] = math.fsum(products) / (channels * height * width)
    return gram


def slow_stats(x: Tensor) -> tuple[Tensor, Tensor]:
    batch, channels = x.shape[:2]
    means, stds = torch.zeros(2, batch, channels, 1, 1, dtype=torch.float64)
    for b in range(batch):
        for i in range(channels):
            values = [float(v) for v in x[b, i].flatten()]
            mean = math.fsum(values) / len(values)
            squares = math.fsum((v - mean) ** 2 for v in values)
            variance = squares / (len(values) - 1) if len(values) > 1 else 0.0
            means[b, i], stds[b, i] = mean, math.sqrt(variance + 1e-5)
    return means, stds


def slow_adain(content: Tensor, style: Tensor) -> Tensor:
    (c_mean, c_std), (s_mean, s_std) = slow_stats(content), slow_stats(style)
    result = torch.zeros_like(content)
    for b, i, r, c in torch.cartesian_prod(*[torch.arange(n) for n in content.shape]).tolist():
        s = b if style.shape[0] > 1 else 0
        plain = (float(content[b, i, r, c]) - float(c_mean[b, i])) / float(c_std[b, i])
        result[b, i, r, c] = plain * float(s_std[s, i]) + float(s_mean[s, i])
    return result


def slow_total_variation(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    result = torch.zeros(batch, dtype=torch.float64)
    for b in range(batch):
        vertical, horizontal = [], []
        for i in range(channels):
            for r in range(height):
                for c in range(width):
                    if r + 1 < height:
                        vertical.append(abs(float(x[b, i, r + 1, c]) - float(x[b, i, r, c])))
                    if c + 1 < width:
                        horizontal.append(abs(float(x[b, i, r, c + 1]) - float(x[b, i, r, c])))
        parts = [math.fsum(part) / len(part) if part else 0.0 for part in (vertical, horizontal)]
        result[b] = sum(parts) / 2
    return result


class TestAgainstLoops:
    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_gram_matrix(self, shape: tuple[int, int, int, int], seed: int) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(gram_matrix(x), slow_gram(x), rtol=1e-12, atol=1e-14)

    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_channel_stats(self, shape: tuple[int, int, int, int], seed: int) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(channel_stats(x), slow_stats(x), rtol=1e-12, atol=1e-14)

    @given(shapes, st.tuples(st.integers(1, 4), st.integers(1, 4)), seeds, st.booleans())
    @settings(max_examples=25)
    def test_adain(
        self, shape: tuple[int, int, int, int], size: tuple[int, int], seed: int, one_style: bool
    ) -> None:
        content = features(*shape, seed=seed)
        style = 3 * features(1 if one_style else shape[0], shape[1], *size, seed=seed + 1) + 2
        torch.testing.assert_close(adain(content, style), slow_adain(content, style), rtol=1e-10, atol=1e-11)

    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_total_variation(self, shape: tuple[int, int, int, int], seed: int) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(total_variation(x), slow_total_variation(x), rtol=1e-12, atol=1e-14)


class TestByHand:
    def test_gram_matrix(self) -> None:
        x = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # two channels, two positions
        expected = torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4
        torch.testing.assert_close(gram_matrix(x), expected)

    def test_channel_stats_are_unbiased_with_epsilon_inside_the_root(self) -> None:
        mean, std = channel_stats(torch.tensor([[[[1.0, 2.0, 6.0]]]]))
        assert mean.item() == pytest.approx(3.0)
        assert std.item() == pytest.approx(math.sqrt(7.0 + 1e-5))

    def test_epsilon_can_be_chosen(self) -> None:
        assert channel_stats(torch.zeros(1, 1, 2, 2), epsilon=0.25)[1].item() == 0.5

    def test_a_single_position_has_no_variance(self) -> None:
        mean, std = channel_stats(torch.full((1, 1, 1, 1), 7.0))
        assert (mean.item(), std.item()) == (7.0, pytest.approx(math.sqrt(1e-5)))

    def test_total_variation(self) -> None:
        ramp = torch.tensor([[[[0.0, 0.5], [1.0, 0.5]]]])
        # Vertical differences 1 and 0, horizontal 0.5 and 0.5.
        assert total_variation(ramp).tolist() == [0.5]

    def test_total_variation_is_one_number_a_picture(self) -> None:
        pair = torch.stack([torch.zeros(3, 4, 4), torch.eye(4).expand(3, 4, 4)])
        assert total_variation(pair).tolist() == [0.0, 0.5]

    def test_total_variation_of_a_single_row(self) -> None:
        assert total_variation(torch.tensor([[[[0.0, 1.0, 0.0]]]])).tolist() == [0.5]


class TestGradients:
    @pytest.mark.parametrize(
        "function",
        [
            gram_matrix,
            channel_stats,
            lambda x: adain(x, x.flip(0) * 2 + 1),
            lambda x: align(x, x[:, :, :1, :1], x[:, :, 1:2, 1:2]),
            total_variation,
        ],
        ids=["gram_matrix", "channel_stats", "adain", "align", "total_variation"],
    )
    def test_agree_with_differences(self, function: Callable[[Tensor], Tensor]) -> None:
        x = features(2, 3, 3, 4).requires_grad_()
        assert torch.autograd.gradcheck(function, (x,))

    def test_gram_matrix_can_be_differentiated_twice(self) -> None:
        assert torch.autograd.gradgradcheck(gram_matrix, (features(2, 3, 3, 4).requires_grad_(),))

    def test_gram_matrix_by_formula(self) -> None:
        x = features(1, 3, 4, 5).requires_grad_()
        weights = features(1, 1, 3, 3, seed=1)[0]
        (gram_matrix(x) * weights).sum().backward()
        # d/dF of sum(W * F F' / n) is (W + W') F / n.
        flat = x.detach().reshape(3, 20)
        expected = (weights[0] + weights[0].T) @ flat / 60
        torch.testing.assert_close(x.grad, expected.reshape(1, 3, 4, 5))

    def test_adain_reaches_the_style_too(self) -> None:
        content, style = features(1, 2, 3, 3), features(1, 2, 2, 4, seed=1)
        assert torch.autograd.gradcheck(adain, (content.requires_grad_(), style.requires_grad_()))

    @pytest.mark.parametrize(
        "function", [gram_matrix, lambda x: channel_stats(x)[1], lambda x: adain(x, x), total_variation]
    )
    def test_finite_on_a_flat_picture(self, function: Callable[[Tensor], Tensor]) -> None:
        flat = torch.full((1, 3, 16, 16), 0.25, requires_grad=True)
        function(flat).sum().backward()
        assert flat.grad is not None
        assert flat.grad.isfinite().all()

    def test_a_flat_style_gives_a_flat_result(self) -> None:
        content = torch.rand(1, 2, 8, 8, requires_grad=True)
        result = adain(content, torch.full((1, 2, 4, 4), 3.0))
        result.sum().backward()
        assert content.grad is not None
        assert content.grad.isfinite().all()
        assert (result - 3).abs().max() < 0.02  # the epsilon leaves a trace of the content


class TestInvariance:
    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_gram_and_statistics_ignore_where_pixels_are(
        self, shape: tuple[int, int, int, int], seed: int
    ) -> None:
        x = features(*shape, seed=seed)
        order = torch.randperm(shape[2] * shape[3], generator=torch.Generator().manual_seed(seed))
        shuffled = x.flatten(2)[:, :, order].reshape(x.shape)
        torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(x))
        torch.testing.assert_close(channel_stats(shuffled), channel_stats(x))

    @given(shapes, seeds, st.floats(-8, 8))
    @settings(max_examples=25)
    def test_scaling(self, shape: tuple[int, int, int, int], seed: int, factor: float) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(gram_matrix(factor * x), factor**2 * gram_matrix(x))
        torch.testing.assert_close(total_variation(factor * x), abs(factor) * total_variation(x))
        (mean, std), (scaled_mean, scaled_std) = channel_stats(x, 0.0), channel_stats(factor * x, 0.0)
        torch.testing.assert_close(scaled_mean, factor * mean)
        torch.testing.assert_close(scaled_std, abs(factor) * std)

    @given(shapes, seeds, st.floats(-5, 5))
    @settings(max_examples=25)
    def test_adding_a_constant(self, shape: tuple[int, int, int, int], seed: int, shift: float) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(total_variation(x + shift), total_variation(x))
        torch.testing.assert_close(channel_stats(x + shift)[1], channel_stats(x)[1])
        torch.testing.assert_close(channel_stats(x + shift)[0], channel_stats(x)[0] + shift)

    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_gram_is_symmetric_and_positive_semidefinite(
        self, shape: tuple[int, int, int, int], seed: int
    ) -> None:
        gram = gram_matrix(features(*shape, seed=seed))
        torch.testing.assert_close(gram, gram.transpose(1, 2), rtol=1e-12, atol=1e-14)
        assert torch.linalg.eigvalsh(gram).min() >= -1e-12

    def test_gram_does_not_depend_on_size(self) -> None:
        x = features(1, 3, 4, 5)
        torch.testing.assert_close(gram_matrix(x.repeat(1, 1, 3, 2)), gram_matrix(x))

    def test_total_variation_is_that_of_the_mirrored_and_turned_picture(self) -> None:
        x = features(2, 3, 6, 6)
        for other in (x.flip(2), x.flip(3), x.transpose(2, 3)):
            torch.testing.assert_close(total_variation(other), total_variation(x))

    @given(shapes, seeds)
    @settings(max_examples=25)
    def test_adain_of_a_picture_with_itself_is_the_picture(
        self, shape: tuple[int, int, int, int], seed: int
    ) -> None:
        x = features(*shape, seed=seed)
        torch.testing.assert_close(adain(x, x), x)

    def test_adain_takes_the_statistics_of_the_style(self) -> None:
        content, style = features(2, 4, 9, 9), 5 * features(2, 4, 6, 3, seed=1) - 2
        result, wanted = channel_stats(adain(content, style)), channel_stats(style)
        torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-4)

    def test_batches_equal_singles(self) -> None:
        x, y = features(3, 4, 5, 6), features(3, 4, 4, 4, seed=1)
        for i in range(3):
            torch.testing.assert_close(gram_matrix(x)[i], gram_matrix(x[i : i + 1])[0])
            torch.testing.assert_close(total_variation(x)[i], total_variation(x[i : i + 1])[0])
            torch.testing.assert_close(adain(x, y)[i], adain(x[i : i + 1], y[i : i + 1])[0])

    def test_memory_format_makes_no_difference(self) -> None:
        x = features(2, 4, 5, 6)
        interleaved = x.contiguous(memory_format=torch.channels_last)
        for function in (gram_matrix, channel_stats, total_variation, lambda v: adain(v, v.flip(0))):
            torch.testing.assert_close(function(interleaved), function(x))


class TestPrecision:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_large_half_precision_features_do_not_overflow(self, dtype: torch.dtype) -> None:
        ones = torch.ones(1, 2, 512, 512, dtype=dtype)
        gram = gram_matrix(ones)
        assert gram.dtype == torch.float32
        torch.testing.assert_close(gram, torch.full((1, 2, 2), 0.5))
        assert gram_matrix(300 * ones).isfinite().all()  # 300 squared is beyond half precision
        mean, std = channel_stats(300 * ones)
        assert mean.dtype == std.dtype == torch.float32
        assert mean.flatten().tolist() == [300.0, 300.0]

    def test_half_precision_total_variation_does_not_overflow(self) -> None:
        stripes = torch.tensor([0.0, 1.0], dtype=torch.float16).repeat(256).expand(1, 3, 512, 512)
        assert total_variation(stripes).tolist() == [0.5]

    def test_8_bit_differences_do_not_wrap(self) -> None:
        assert total_variation(torch.tensor([[[[200, 100]]]], dtype=torch.uint8)).tolist() == [50.0]

    def test_adain_keeps_the_dtype(self) -> None:
        content, style = torch.rand(1, 2, 8, 8).half(), torch.rand(1, 2, 8, 8).half()
        result = adain(content, style)
        assert result.dtype == torch.float16
        torch.testing.assert_close(result.float(), adain(content.float(), style.float()), rtol=2e-3, atol=2e-3)

    def test_float64_is_kept(self) -> None:
        x = features(1, 2, 4, 4)
        assert gram_matrix(x).dtype == total_variation(x).dtype == channel_stats(x)[1].dtype == torch.float64

    def test_far_from_zero_the_deviation_keeps_its_digits(self) -> None:
        x = torch.tensor([[[[10000.0, 10001.0, 10002.0]]]])
        assert channel_stats(x)[1].item() == pytest.approx(1.0, rel=1e-4)


class TestArguments:
    @pytest.mark.parametrize(
        "function",
        [gram_matrix, channel_stats, total_variation, lambda x: adain(x, x)],
        ids=["gram_matrix", "channel_stats", "total_variation", "adain"],
    )
    def test_are_never_changed(self, function: Callable[[Tensor], Tensor]) -> None:
        for x in (torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5).half()):
            before = x.clone()
            function(x)
            assert torch.equal(x, before)

    @pytest.mark.parametrize("name", ["gram_matrix", "channel_stats", "total_variation"])
    def test_a_missing_dimension_is_named(self, name: str) -> None:
        function = {"gram_matrix": gram_matrix, "channel_stats": channel_stats}.get(name, total_variation)
        with pytest.raises(
            OptionError, match=rf"^{name} takes a tensor of shape \(B, C, h, w\), got \(3, 8, 8\)\."
        ):
            function(torch.rand(3, 8, 8))

    @pytest.mark.parametrize("style", [(1, 3, 4, 4), (2, 2, 4, 4)])
    def test_styles_that_do_not_fit_are_refused(self, style: tuple[int, ...]) -> None:
        with pytest.raises(OptionError, match=rf"{style[0]} style\(s\) with {style[1]} channels"):
            adain(torch.rand(3, 2, 8, 8), torch.rand(style))


def test_an_array_is_no_tensor() -> None:
    with pytest.raises(OptionError, match=r"gram_matrix takes a tensor .* got a list\. torch\.from_numpy"):
        gram_matrix([1.0])  # type: ignore[arg-type]


class TestWeights:
    """Statistics in which positions count differently."""

    def test_equal_ones_change_nothing(self) -> None:
        x = torch.randn(2, 5, 6, 7, dtype=torch.float64)
        weights = torch.full((1, 1, 6, 7), 0.3, dtype=torch.float64)
        torch.testing.assert_close(gram_matrix(x, weights), gram_matrix(x))
        for weighted, plain in zip(channel_stats(x, weights=weights), channel_stats(x), strict=True):
            torch.testing.assert_close(weighted, plain)

    def test_zeros_leave_positions_out(self) -> None:
        x = torch.randn(1, 3, 4, 8, dtype=torch.float64)
        weights = torch.zeros(1, 1, 4, 8, dtype=torch.float64)
        weights[..., :5] = 1
        torch.testing.assert_close(gram_matrix(x, weights), gram_matrix(x[..., :5]))
        for weighted, plain in zip(channel_stats(x, weights=weights), channel_stats(x[..., :5]), strict=True):
            torch.testing.assert_close(weighted, plain)

    def test_whole_numbers_count_as_repetitions(self) -> None:
        x = torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 1, 3)
        weights = torch.tensor([2.0, 1.0, 1.0]).view(1, 1, 1, 3)
        assert gram_matrix(x, weights).item() == pytest.approx((1 + 1 + 4 + 16) / 4)
        assert channel_stats(x, weights=weights)[0].item() == pytest.approx(2.0)

    def test_each_picture_of_a_batch_has_its_own(self) -> None:
        x, weights = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.rand(2, 1, 4, 5, dtype=torch.float64)
        for i in range(2):
            alone = gram_matrix(x[i : i + 1], weights[i : i + 1])
            torch.testing.assert_close(gram_matrix(x, weights)[i : i + 1], alone)

    def test_of_another_shape_are_refused(self) -> None:
        with pytest.raises(OptionError, match="do not fit features with 12 positions"):
            gram_matrix(torch.rand(1, 2, 3, 4), torch.ones(1, 1, 3, 3))
