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
from styletransfer.functional import EPSILON, at_least_float32, position_shares

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
    rows = at_least_float32(features).flatten(2).transpose(1, 2)  # (B, h*w, C): a view for channels_last features
    if weights is None:
        mean = rows.mean(dim=1, keepdim=True)
        centered = rows - mean
        covariance = torch.bmm(centered.transpose(1, 2), centered) / max(rows.shape[1] - 1, 1)
    else:
        shares = position_shares(weights, rows.transpose(1, 2)).transpose(1, 2)  # (B or 1, h*w, 1)
        mean = (shares * rows).sum(dim=1, keepdim=True)
        centered = rows - mean
        positions = 1 / shares.square().sum(dim=1, keepdim=True)  # Kish (1965), see `functional.channel_stats`
        unbiased = positions / (positions - 1).clamp_min(1)
        covariance = torch.bmm(centered.transpose(1, 2), shares * centered) * unbiased
    std = (torch.diagonal(covariance, dim1=1, dim2=2) + EPSILON).sqrt()
    return mean.transpose(1, 2)[..., None], std[:, :, None, None], covariance


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
    batch, channels, height, width = features.shape
    if wanted.shape[1:] != (channels, channels) or wanted.shape[0] not in (1, batch):
        raise OptionError(
            f"Content features of shape {tuple(features.shape)} cannot take covariances of shape "
            f"{tuple(wanted.shape)}; give one style for all or one for each, of the same layer."
        )
    matrix = _map(covariance, wanted).to(features.device, mean.dtype)
    rows = at_least_float32(features - mean).flatten(2).transpose(1, 2)
    moved = torch.baddbmm(wanted_mean.flatten(1)[:, None], rows, matrix)  # the matrix is symmetric
    return moved.transpose(1, 2).view(batch, channels, height, width).to(features.dtype)


def mix_covariances(covariances: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Mix covariances, (B or 1, C, C) each, by their square roots: for one channel, a mean of deviations."""
    if len(covariances) == 1 and shares[0] == 1:  # spares an eigenvalue decomposition a layer
        return covariances[0]
    roots = [share * _root(each) for share, each in zip(shares, covariances, strict=True)]
    root: Tensor = sum(roots[1:], start=roots[0])  # broadcasts one style for all with one style for each
    mixed: Tensor = root @ root
    return mixed.to(covariances[0].device, covariances[0].dtype)


def _map(covariance: Tensor, wanted: Tensor) -> Tensor:
    own = _with_ridge(covariance)
    values, vectors = torch.linalg.eigh(own)
    roots = values.clamp_min(EPSILON).sqrt()[:, None]
    there, back = (vectors * roots) @ vectors.mT, (vectors / roots) @ vectors.mT
    mapped: Tensor = back @ _root(there @ _with_ridge(wanted) @ there) @ back
    return mapped


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
