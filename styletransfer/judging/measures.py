"""What a judge measures beside features: colours, structure and edges, as pure functions of pictures."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.functional import luminance

#: Directions in RGB along which colours are compared, and quantiles along each.
_DIRECTIONS, _QUANTILES = 64, 512
#: SSIM's window and constants for pictures in [0, 1] (Wang et al. 2004, section III).
_WINDOW, _DEVIATION, _C1, _C2 = 11, 1.5, 0.01**2, 0.03**2
#: A variance below this is a flat picture's, seen through rounding.
_FLAT = 1e-10


def color_quantiles(pictures: Tensor) -> Tensor:
    """Return (B, 512, 64): quantiles of the colours of (B, 3, H, W) pictures along 64 directions in RGB.

    The mean absolute difference of two pictures' quantiles is the sliced Wasserstein distance of their colours
    (Rabin et al. 2011). The directions are a Fibonacci lattice on the half sphere, which no release of a random
    generator can change.
    """
    directions = torch.tensor(_directions(), dtype=torch.float32, device=pictures.device)  # (64, 3)
    projected = pictures.float().flatten(2).transpose(1, 2) @ directions.T  # (B, H*W, 64)
    ordered = projected.sort(dim=1).values
    shares = (torch.arange(_QUANTILES, device=pictures.device) + 0.5) / _QUANTILES
    return ordered[:, (shares * (ordered.shape[1] - 1)).round().long()]


@functools.cache
def _directions() -> tuple[tuple[float, float, float], ...]:
    golden = math.pi * (3 - math.sqrt(5))
    found = []
    for n in range(_DIRECTIONS):
        z = (n + 0.5) / _DIRECTIONS
        radius = math.sqrt(1 - z * z)
        found.append((radius * math.cos(n * golden), radius * math.sin(n * golden), z))
    return tuple(found)


def ssim(pictures: Tensor, references: Tensor) -> Tensor:
    """Return (B,): structural similarity of the brightness of two pictures (B, 3, H, W) in [0, 1].

    Wang et al. (2004), equation 13, averaged over all places where the Gaussian window (11x11, deviation 1.5) lies
    inside the picture; smaller pictures get a window of their own size. 1 for equal pictures.
    """
    one, other = luminance(pictures), luminance(references)
    window = _window(min(_WINDOW, *one.shape[2:]), one)

    def smooth(x: Tensor) -> Tensor:
        x = F.conv2d(x, window.view(1, 1, -1, 1))
        return F.conv2d(x, window.view(1, 1, 1, -1))

    mean, other_mean = smooth(one), smooth(other)
    variance = smooth(one * one) - mean**2
    other_variance = smooth(other * other) - other_mean**2
    covariance = smooth(one * other) - mean * other_mean
    brightness = (2 * mean * other_mean + _C1) / (mean**2 + other_mean**2 + _C1)
    structure = (2 * covariance + _C2) / (variance + other_variance + _C2)
    return (brightness * structure).mean(dim=(1, 2, 3))


def _window(size: int, like: Tensor) -> Tensor:
    """Return (size,): Gaussian weights that sum to 1."""
    places = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    weights = torch.exp(-places.square() / (2 * _DEVIATION**2))
    return weights / weights.sum()


def edge_correlation(pictures: Tensor, references: Tensor) -> Tensor:
    """Return (B,): correlation of the strength of edges in two pictures (B, 3, H, W), -1 to 1.

    The strength is the length of Sobel's gradient of the brightness. Two pictures without edges have 1; if only
    one has none, 0.
    """
    one, other = (_edges(x).flatten(1) for x in (pictures, references))
    one, other = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
    power, other_power = one.square().mean(1), other.square().mean(1)
    covariance = (one * other).mean(1)
    flat, other_flat = power < _FLAT, other_power < _FLAT
    correlation = covariance / (power * other_power).clamp_min(_FLAT**2).sqrt()
    return torch.where(flat | other_flat, (flat & other_flat).float(), correlation)


def _edges(pictures: Tensor) -> Tensor:
    """Return (B, 1, H, W): the length of the gradient, per pixel."""
    x = F.pad(luminance(pictures), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], dtype=x.dtype, device=x.device)
    kernels = torch.stack([across, across.T])[:, None] / 8
    return F.conv2d(x, kernels).square().sum(dim=1, keepdim=True).sqrt()
