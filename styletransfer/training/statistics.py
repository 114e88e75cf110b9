"""Means and Gram matrices of features in one pass forth and one back, and the distribution of colours.

Moment and Gram style losses read the same features. Taken one after the other they cost a training on a CPU more
than the convolutions do; together they are one matrix product each way.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from styletransfer.functional import EPSILON


class Statistics(NamedTuple):
    """What the style losses compare.

    Attributes:
        mean: (B, C).
        std: (B, C), root of the unbiased variance plus 1e-5, as `functional.channel_stats`.
        gram: (B, C, C), mean over positions of the products: `functional.gram_matrix` times C.
    """

    mean: Tensor
    std: Tensor
    gram: Tensor

    def moment_gap(self, other: Statistics) -> Tensor:
        """Return (B): the squared distance of means and deviations, summed over channels (AdaIN, equation 13)."""
        return (self.mean - other.mean).square().sum(1) + (self.std - other.std).square().sum(1)

    def gram_gap(self, other: Statistics) -> Tensor:
        """Return (B): the squared distance of the Gram matrices, summed over entries (Gatys et al., eq. 4)."""
        return (self.gram - other.gram).square().sum((1, 2))

    def at(self, position: int) -> Statistics:
        """Return those of one picture of the batch, (1, ...) each."""
        return Statistics(*(part[position : position + 1] for part in self))

    def to(self, device: torch.device) -> Statistics:
        """Return them on another device."""
        return Statistics(*(part.to(device) for part in self))


class _FirstAndSecond(torch.autograd.Function):
    """Features (B, C, h, w) to their means (B, C) and mean products (B, C, C), in float32."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        batch, channels, height, width = features.shape
        # Positions before channels is how channels_last features lie in memory.
        rows = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        ctx.save_for_backward(rows)
        ctx.shape = features.shape
        rows = rows.float()
        with torch.autocast(features.device.type, enabled=False):  # which would multiply in bfloat16
            return rows.mean(1), torch.bmm(rows.transpose(1, 2), rows) / (height * width)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        to_mean, to_gram = gradients
        (rows,) = ctx.saved_tensors
        batch, channels, height, width = ctx.shape
        positions = height * width
        symmetric = (to_gram + to_gram.transpose(1, 2)) / positions
        with torch.autocast(rows.device.type, enabled=False):
            gradient = torch.baddbmm((to_mean / positions).unsqueeze(1), rows.float(), symmetric)
        return gradient.to(rows.dtype).view(batch, height, width, channels).permute(0, 3, 1, 2)


def statistics_of(features: Tensor) -> Statistics:
    """Return the statistics of (B, C, h, w) features, in float32 whatever their precision.

    Example:
        >>> import torch
        >>> statistics_of(torch.ones(1, 2, 4, 4)).gram
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    mean, gram = cast(tuple[Tensor, Tensor], _FirstAndSecond.apply(features))
    positions = features.shape[2] * features.shape[3]
    variance = torch.diagonal(gram, dim1=1, dim2=2) - mean.square()
    unbiased = variance.clamp_min(0) * (positions / max(positions - 1, 1))
    return Statistics(mean, (unbiased + EPSILON).sqrt(), gram)


def color_quantiles(pictures: Tensor, count: int = 256) -> Tensor:
    """Return (B, count, 32): quantiles of the colours of (B, 3, H, W) pictures along 32 fixed directions.

    The mean absolute difference of two pictures' quantiles is the sliced Wasserstein distance of their colours
    (Bonneel et al. 2015, section 3), whatever their sizes.
    """
    projected = pictures.float().flatten(2).transpose(1, 2) @ _directions().to(pictures.device)  # (B, H*W, 32)
    ordered = projected.sort(dim=1).values
    shares = torch.linspace(0.5 / count, 1 - 0.5 / count, count, device=pictures.device)
    return ordered[:, (shares * (ordered.shape[1] - 1)).round().long()]


@functools.cache
def _directions() -> Tensor:
    drawn = torch.randn(3, 32, generator=torch.Generator().manual_seed(7))
    return cast(Tensor, drawn / drawn.norm(dim=0))
