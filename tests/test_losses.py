from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from styletransfer import losses
from styletransfer.errors import OptionError
from styletransfer.functional import channel_stats, gram_matrix
from styletransfer.losses import content_loss, gram_style_loss, moment_style_loss


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def loops(first: Tensor, second: Tensor) -> float:
    """Mean squared difference, one number at a time."""
    pairs = list(zip(first.flatten().tolist(), second.flatten().tolist(), strict=True))
    return sum((a - b) ** 2 for a, b in pairs) / len(pairs)


def test_inventory() -> None:
    assert losses.__all__ == ["content_loss", "gram_style_loss", "moment_style_loss"]


def test_content_loss_agrees_with_loops() -> None:
    x, y = features(2, 3, 4, 5), features(2, 3, 4, 5, seed=1)
    assert content_loss(x, y).item() == pytest.approx(loops(x, y), rel=1e-12)


def test_gram_style_loss_agrees_with_loops() -> None:
    x, y = features(2, 3, 4, 5), features(2, 3, 6, 2, seed=1)
    expected = loops(gram_matrix(x), gram_matrix(y))
    assert gram_style_loss(x, gram_matrix(y)).item() == pytest.approx(expected, rel=1e-12)


def test_moment_style_loss_agrees_with_loops() -> None:
    x, y = features(2, 3, 4, 5), features(2, 3, 6, 2, seed=1)
    (mean, std), (other_mean, other_std) = channel_stats(x), channel_stats(y)
    expected = loops(mean, other_mean) + loops(std, other_std)
    assert moment_style_loss(x, *channel_stats(y)).item() == pytest.approx(expected, rel=1e-12)


@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=25)
def test_zero_where_both_agree_and_positive_elsewhere(seed: int, batch: int, side: int) -> None:
    x, y = features(batch, 4, side, side + 1, seed=seed), features(batch, 4, side, side + 1, seed=seed + 1)
    assert content_loss(x, x).item() == gram_style_loss(x, gram_matrix(x)).item() == 0.0
    assert moment_style_loss(x, *channel_stats(x)).item() == 0.0
    assert content_loss(x, y) > 0
    assert gram_style_loss(x, gram_matrix(y)) > 0
    assert moment_style_loss(x, *channel_stats(y)) > 0


def test_one_style_serves_a_batch() -> None:
    x, y = features(3, 2, 4, 4), features(1, 2, 5, 5, seed=1)
    gram, stats = gram_matrix(y), channel_stats(y)
    singles = [gram_style_loss(x[i : i + 1], gram) for i in range(3)]
    torch.testing.assert_close(gram_style_loss(x, gram), torch.stack(singles).mean())
    singles = [moment_style_loss(x[i : i + 1], *stats) for i in range(3)]
    torch.testing.assert_close(moment_style_loss(x, *stats), torch.stack(singles).mean())


def test_gradients_agree_with_differences() -> None:
    x, y = features(2, 3, 3, 4).requires_grad_(), features(2, 3, 3, 4, seed=1)
    assert torch.autograd.gradcheck(lambda v: content_loss(v, y), (x,))
    assert torch.autograd.gradcheck(lambda v: gram_style_loss(v, gram_matrix(y)), (x,))
    assert torch.autograd.gradcheck(lambda v: moment_style_loss(v, *channel_stats(y)), (x,))


def test_gradients_on_a_flat_picture_are_finite() -> None:
    target = features(1, 3, 4, 4).float()
    for loss in (
        lambda v: content_loss(v, target),
        lambda v: gram_style_loss(v, gram_matrix(target)),
        lambda v: moment_style_loss(v, *channel_stats(target)),
    ):
        flat = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
        loss(flat).backward()
        assert flat.grad is not None
        assert flat.grad.isfinite().all()
        assert flat.grad.abs().max() > 0


def test_half_precision_does_not_overflow() -> None:
    x = torch.full((1, 2, 64, 64), 400.0, dtype=torch.float16)
    assert content_loss(x, -x).item() == 640000.0
    assert gram_style_loss(x, torch.zeros(1, 2, 2)).isfinite()
    assert moment_style_loss(x, *channel_stats(-x)).item() == 640000.0


def test_content_of_another_size_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"got \(1, 2, 4, 4\) and \(1, 2, 4, 5\); both pictures must have the same"
    ):
        content_loss(torch.rand(1, 2, 4, 4), torch.rand(1, 2, 4, 5))


def test_arguments_are_never_changed() -> None:
    x, y = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    gram, (mean, std) = gram_matrix(y), channel_stats(y)
    copies = [t.clone() for t in (x, y, gram, mean, std)]
    content_loss(x, y)
    gram_style_loss(x, gram)
    moment_style_loss(x, mean, std)
    assert all(torch.equal(a, b) for a, b in zip((x, y, gram, mean, std), copies, strict=True))
