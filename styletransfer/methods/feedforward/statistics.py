"""What features are aligned by: statistics of their channels, measured, mixed, given and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.functional import align, channel_stats
from styletransfer.transport import covariance_stats, mix_covariances, transport

#: Keeps the relative change finite where a channel is silent on both sides; channels have values of about one.
_SILENT = 1e-3


class ChannelStatistics(NamedTuple):
    """What a layer is aligned by: mean and deviation, (B or 1, C, 1, 1); the covariance (B or 1, C, C) or None."""

    mean: Tensor
    std: Tensor
    covariance: Tensor | None = None

    def to(self, device: torch.device) -> ChannelStatistics:
        """Return them on another device."""
        covariance = None if self.covariance is None else self.covariance.to(device)
        return ChannelStatistics(self.mean.to(device), self.std.to(device), covariance)


#: By layer.
Statistics = dict[str, ChannelStatistics]


def measure(features: Tensor, weights: Tensor | None, covariance: bool) -> ChannelStatistics:
    """Return the statistics of (B, C, h, w) features, each position counting by `weights` if there are any."""
    stats = covariance_stats(features, weights) if covariance else channel_stats(features, weights=weights)
    return ChannelStatistics(*stats)


def statistics_of_layers(features: Mapping[str, Tensor], *, covariance: bool = False) -> Statistics:
    """Return mean and standard deviation of each layer's channels, and their covariance if it is wanted."""
    return {layer: measure(x, None, covariance) for layer, x in features.items()}


def mix_statistics(statistics: Sequence[Statistics], shares: Sequence[float]) -> Statistics:
    """Return the weighted mean of several statistics, of the layers that all of them have."""
    layers = [layer for layer in statistics[0] if all(layer in other for other in statistics)]

    def mixed(parts: Sequence[Tensor]) -> Tensor:
        weighted = [share * part for share, part in zip(shares, parts, strict=True)]
        return sum(weighted[1:], start=weighted[0])  # broadcasts one style for all with one style for each

    def of(layer: str) -> ChannelStatistics:
        each = [s[layer] for s in statistics]
        covariances = [s.covariance for s in each if s.covariance is not None]
        return ChannelStatistics(
            mixed([s.mean for s in each]),
            mixed([s.std for s in each]),
            mix_covariances(covariances, shares) if len(covariances) == len(each) else None,
        )

    return {layer: of(layer) for layer in layers}


def align_features(
    features: Mapping[str, Tensor], statistics: Statistics, before: Statistics | None = None
) -> dict[str, Tensor]:
    """Give each layer of `features`, (B, C, h, w), a style's statistics: equation 8.

    Args:
        features: ``{layer: (B, C, h, w)}``.
        statistics: The style's.
        before: The statistics of `features`, if they are known. Where they and the style's have covariances, these
            are aligned too.
    """
    return {k: _align(x, statistics[k], None if before is None else before[k]) for k, x in features.items()}


def _align(features: Tensor, wanted: ChannelStatistics, now: ChannelStatistics | None) -> Tensor:
    if now is None:
        return align(features, wanted.mean, wanted.std)
    if now.covariance is None or wanted.covariance is None:
        return align(features, wanted.mean, wanted.std, (now.mean, now.std))
    return transport(features, now.mean, now.covariance, wanted.mean, wanted.covariance)


def describe_change(before: Statistics, wanted: Statistics) -> Tensor:
    """Describe channel statistics that are to be changed, independent of each channel's scale.

    Args:
        before: Statistics of the features that are aligned.
        wanted: Statistics that they are given, for the same layers.

    Returns:
        (B, 4 C): for means, then deviations, of each layer the relative change, in [-1, 1], and the logarithm
        of the wanted value; C counts the channels of all layers.

    Example:
        >>> import torch
        >>> before, wanted = torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 3.0)
        >>> describe_change({"relu1_1": (before, before)}, {"relu1_1": (wanted, wanted)}).shape
        torch.Size([1, 4])
    """
    parts = []
    for layer, pair in before.items():
        for value, target in zip(pair[:2], wanted[layer][:2], strict=True):
            now, then = value.float().flatten(1), target.float().flatten(1)
            then = then.expand_as(now) if then.shape[0] < now.shape[0] else then
            parts += [(then - now) / (then.abs() + now.abs() + _SILENT), torch.log1p(then.clamp_min(0))]
    return torch.cat(parts, dim=1)
