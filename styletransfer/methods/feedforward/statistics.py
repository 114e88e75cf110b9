"""What features are aligned by: statistics of their channels, measured, mixed, given and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.functional import align
from styletransfer.moments import Moments, moments
from styletransfer.transport import mix_covariances, move, transport_matrix

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


def statistics_of(found: Moments, *, covariance: bool) -> ChannelStatistics:
    """Return the statistics that moments stand for."""
    return ChannelStatistics(*found.channel_stats(), found.unbiased if covariance else None)


def statistics_of_layers(features: Mapping[str, Tensor], *, covariance: bool = False) -> Statistics:
    """Return mean and standard deviation of each layer's channels, and their covariance if it is wanted."""
    found = {layer: moments(x, covariance=covariance) for layer, x in features.items()}
    return {layer: statistics_of(each, covariance=covariance) for layer, each in found.items()}


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


def lerp_statistics(start: Statistics, end: Statistics, share: float | Tensor) -> Statistics:
    """Return means and deviations between two statistics; the share may differ between pictures, (B, 1, 1, 1)."""
    return {
        layer: ChannelStatistics(
            mean=share * end[layer].mean + (1 - share) * now.mean,
            std=share * end[layer].std + (1 - share) * now.std,
        )
        for layer, now in start.items()
    }


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
    known = before or statistics_of_layers(features)
    return {layer: aligning(known[layer], statistics[layer])(x) for layer, x in features.items()}


def aligning(now: ChannelStatistics, wanted: ChannelStatistics) -> Callable[[Tensor], Tensor]:
    """Return what gives features of the statistics `now` the wanted ones, all of them or some of their rows."""
    if now.covariance is None or wanted.covariance is None:
        return lambda x: align(x, wanted.mean, wanted.std, (now.mean, now.std))
    matrix = transport_matrix(now.covariance, wanted.covariance)
    return lambda x: move(x, now.mean, matrix, wanted.mean)


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
