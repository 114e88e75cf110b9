"""Give features another covariance of their channels: the optimal transport between normal distributions.

AdaIN gives each channel of the content the style's mean and deviation. Which channels act together, a style's
strokes rather than its palette, is in their covariance, as in a Gram matrix. The map that is used here is the one
that moves features least.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from styletransfer.errors import OptionError
from styletransfer.functional import EPSILON, at_least_float32
from styletransfer.moments import moments

#: Added to the variances, as a share of their mean: directions in which nothing varies are not blown up.
_RIDGE = 1e-3


def covariance_stats(features: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, standard deviation and covariance of the channels over their positions.

    Args:
        features: (B, C, h, w) with h * w >= 1.
        weights: How much each position counts, (B or 1, 1, h, w) >= 0, not all 0.

    Returns:
        ``(mean, std, covariance)``: the first two, (B, C, 1, 1) each, as `functional.channel_stats`; the unbiased
        covariance (B, C, C). The dtype of `features`, float32 for half precision.

    Raises:
        OptionError: Weights that do not fit.

    Example:
        >>> import torch
        >>> mean, std, covariance = covariance_stats(torch.tensor([[[[1.0, 3.0]], [[3.0, 1.0]]]]))
        >>> covariance
        tensor([[[ 2., -2.],
                 [-2.,  2.]]])
    """
    found = moments(features, weights, covariance=True)
    mean, std = found.channel_stats()
    return mean, std, found.unbiased


def transport(features: Tensor, mean: Tensor, covariance: Tensor, wanted_mean: Tensor, wanted: Tensor) -> Tensor:
    """Map features linearly so that their channels get another mean and covariance.

    ``wanted_mean + T (f - mean)`` with ``T = A^-1 (A S A)^(1/2) A^-1``, ``A`` the square root of the features'
    covariance and ``S`` the wanted one: the optimal transport between normal distributions (Olkin and Pukelsheim
    1982), in style transfer the closed form of Lu et al. (ICCV 2019). For one channel it is AdaIN's equation 8.
    Gradients flow through features and means; the matrix counts as given.

    Args:
        features: (B, C, h, w).
        mean: Theirs, (B, C, 1, 1).
        covariance: Theirs, (B, C, C).
        wanted_mean: (B or 1, C, 1, 1).
        wanted: The wanted covariance, (B or 1, C, C).

    Returns:
        (B, C, h, w), of the features' dtype.

    Raises:
        OptionError: Another number of channels or pictures.

    Example:
        >>> import torch
        >>> content, style = torch.randn(1, 4, 9, 9), torch.randn(1, 4, 9, 9).cumsum(1)
        >>> (mean, _, own), (wanted_mean, _, wanted) = covariance_stats(content), covariance_stats(style)
        >>> moved = transport(content, mean, own, wanted_mean, wanted)
        >>> bool((covariance_stats(moved)[2] - wanted).abs().max() < 0.02 * wanted.abs().max())
        True
    """
    return move(features, mean, transport_matrix(covariance, wanted), wanted_mean)


def move(features: Tensor, mean: Tensor, matrix: Tensor, wanted_mean: Tensor) -> Tensor:
    """Return ``wanted_mean + matrix (f - mean)`` at each position of (B, C, h, w) features.

    Args:
        features: (B, C, h, w).
        mean: (B, C, 1, 1).
        matrix: (B, C, C), symmetric.
        wanted_mean: (B or 1, C, 1, 1).
    """
    batch, channels, height, width = features.shape
    centered = at_least_float32(features - mean).flatten(2)
    if centered.is_contiguous():  # the result has the order in memory of what came in
        moved = torch.baddbmm(wanted_mean.flatten(1)[:, :, None], matrix, centered)
    else:
        rows = torch.baddbmm(wanted_mean.flatten(1)[:, None], centered.transpose(1, 2), matrix)  # it is symmetric
        moved = rows.transpose(1, 2)
    return moved.view(batch, channels, height, width).to(features.dtype)


def mix_covariances(covariances: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Mix covariances, (B or 1, C, C) each, by their square roots: for one channel, a mean of deviations."""
    if len(covariances) == 1 and shares[0] == 1:  # spares an eigenvalue decomposition a layer
        return covariances[0]
    roots = [share * _root(each) for share, each in zip(shares, covariances, strict=True)]
    root: Tensor = sum(roots[1:], start=roots[0])  # broadcasts one style for all with one style for each
    mixed: Tensor = root @ root
    return mixed.to(covariances[0].device, covariances[0].dtype)


def transport_matrix(covariance: Tensor, wanted: Tensor) -> Tensor:
    """Return the matrix of `transport`, (B, C, C), of the dtype of `covariance`; it is found in float64.

    Raises:
        OptionError: Another number of channels or pictures.
    """
    batch, channels = covariance.shape[:2]
    if wanted.shape[1:] != (channels, channels) or wanted.shape[0] not in (1, batch):
        raise OptionError(
            f"Content features with covariances of shape {tuple(covariance.shape)} cannot take covariances of "
            f"shape {tuple(wanted.shape)}; give one style for all or one for each, of the same layer."
        )
    own = _with_ridge(covariance)
    values, vectors = torch.linalg.eigh(own)
    roots = values.clamp_min(EPSILON).sqrt()[:, None]
    there, back = (vectors * roots) @ vectors.mT, (vectors / roots) @ vectors.mT
    mapped: Tensor = back @ _root(there @ _with_ridge(wanted) @ there) @ back
    return mapped.to(covariance.device, covariance.dtype)


def _with_ridge(covariance: Tensor) -> Tensor:
    """Return it in float64 on the CPU, since MPS has no float64, with what keeps it from being singular."""
    wide = covariance.detach().double().cpu()
    ridge = EPSILON + _RIDGE * torch.diagonal(wide, dim1=1, dim2=2).mean(dim=1)
    return wide + ridge[:, None, None] * torch.eye(wide.shape[1], dtype=wide.dtype)


def _root(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of symmetric (B, C, C), in float64 on the CPU."""
    values, vectors = torch.linalg.eigh(matrix.detach().double().cpu())
    root: Tensor = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT
    return root
