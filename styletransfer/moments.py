"""First and second moments of features' channels, of parts of a picture as well as of the whole.

Statistics of a picture that is too large to be looked at as a whole are merged from those of its parts, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.functional import EPSILON, at_least_float32, position_weights

#: Positions that are summed at once in float32; blocks of them are merged in float64.
_BLOCK = 2**15
#: Keeps parts in which nothing counts from being divided by zero.
_TINY = 1e-12


class Moments(NamedTuple):
    """What is known of the channels of some positions.

    Attributes:
        weight: Sum of the positions' weights, (B or 1, 1, 1): their number where each counts 1.
        squares: Sum of the squared weights, (B or 1, 1, 1).
        mean: Of each channel, (B, 1, C).
        scatter: Weighted sum of the products of what is left without the mean: (B, C, C), or (B, 1, C) of each
            channel with itself alone.
    """

    weight: Tensor
    squares: Tensor
    mean: Tensor
    scatter: Tensor

    @property
    def unbiased(self) -> Tensor:
        """The unbiased (co)variance, of the scatter's shape.

        Weights count as so many positions of equal weight as have the same variance of the mean (Kish 1965).
        """
        positions = self.weight.square() / self.squares.clamp_min(_TINY)
        spread: Tensor = self.scatter / self.weight.clamp_min(_TINY)
        return spread * positions / (positions - 1).clamp_min(1)

    def channel_stats(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the channels, (B, C, 1, 1) each, as `functional.channel_stats`."""
        spread = self.unbiased
        square = spread.shape[1] == spread.shape[2] and self.scatter.shape[1] != 1
        variance = torch.diagonal(spread, dim1=1, dim2=2)[:, None] if square else spread
        return self.mean.transpose(1, 2)[..., None], (variance + EPSILON).sqrt().transpose(1, 2)[..., None]


def moments(features: Tensor, weights: Tensor | None = None, *, covariance: bool) -> Moments:
    """Return the moments of the channels of (B, C, h, w) features.

    Args:
        features: At least one position; half precision is summed in float32.
        weights: How much each position counts, (B or 1, 1, h, w) >= 0; 1 each if None.
        covariance: Whether the scatter is that of all pairs of channels.

    Raises:
        OptionError: Weights that do not fit.

    Example:
        >>> import torch
        >>> moments(torch.tensor([[[[1.0, 3.0]]]]), covariance=False).unbiased
        tensor([[[2.]]])
    """
    height, width = features.shape[2:]
    block = max(_BLOCK // width, 1)
    if height <= block or features.device.type != "cpu":  # GPUs sum in a tree of threads, exactly enough
        return _moments(features, weights, covariance)
    found = []
    for top in range(0, height, block):
        counted = None if weights is None else weights[:, :, top : top + block]
        found.append(_moments(features[:, :, top : top + block], counted, covariance))
    return merged(found)


def _moments(features: Tensor, weights: Tensor | None, covariance: bool) -> Moments:
    rows = at_least_float32(features).flatten(2).transpose(1, 2)  # (B, h*w, C): a view for channels_last features
    if weights is None:
        weight = squares = rows.new_full((1, 1, 1), rows.shape[1])
        mean = rows.mean(dim=1, keepdim=True)
        centered = weighted = rows - mean
    else:
        each = position_weights(weights, rows.transpose(1, 2)).transpose(1, 2)  # (B or 1, h*w, 1)
        weight, squares = each.sum(dim=1, keepdim=True), each.square().sum(dim=1, keepdim=True)
        mean = (each * rows).sum(dim=1, keepdim=True) / weight.clamp_min(_TINY)
        centered = rows - mean
        weighted = each * centered
    if covariance:
        return Moments(weight, squares, mean, torch.bmm(centered.transpose(1, 2), weighted))
    return Moments(weight, squares, mean, (centered * weighted).sum(dim=1, keepdim=True))


def merged(parts: Sequence[Moments]) -> Moments:
    """Return the moments of the union of disjoint parts; summed in float64 on the CPU, of the parts' type.

    Pairwise as in Chan, Golub and LeVeque (1983), equation 1.5: no difference of large numbers is taken.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    wide = [Moments(*(value.double().cpu() for value in part)) for part in parts]  # MPS has no float64
    total = wide[0]
    for part in wide[1:]:
        weight = total.weight + part.weight
        share, moved = part.weight / weight.clamp_min(_TINY), part.mean - total.mean
        left = moved.transpose(1, 2) if total.scatter.shape[1] == moved.shape[2] > 1 else moved
        total = Moments(
            weight,
            total.squares + part.squares,
            total.mean + share * moved,
            total.scatter + part.scatter + total.weight * share * left * moved,
        )
    return Moments(*(now.to(was.device, was.dtype) for now, was in zip(total, first, strict=True)))
