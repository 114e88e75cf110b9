"""The palette loss: mean and covariance of RGB."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.methods.gatys.strips import Strip
from styletransfer.stylizer import Region

#: Colours are averaged over squares of these sides.
SIDES = (1, 4)


class Palettes:
    """The styles' colours at two sizes of detail: mean and covariance of RGB, to be shared by the result.

    A quarter-width network sees hues dimly: without this, grey styles come out iridescent. The covariance is
    taken in coordinates in which the style's own is the identity, so that a little colour in a grey style counts.

    Args:
        styles: (1, 3, H, W) each.
        region: Their shares, and where they belong.
    """

    def __init__(self, styles: list[Tensor], region: Region) -> None:
        self._region = region
        self._targets = []
        self._shares: dict[tuple[int, int], Tensor | None] = {}
        style_mix = region.shares
        for side in SIDES:
            pooled = [F.avg_pool2d(style, side) for style in styles]
            colors = [p[0].flatten(1) for p in pooled]
            counted = [_shares(own.looked_at, p, side) for own, p in zip(region.styles, pooled, strict=True)]
            pairs = list(zip(colors, counted, strict=True))
            mean = mixed([(c * w).sum(dim=1, keepdim=True) for c, w in pairs], style_mix)
            covariance = mixed([((c - mean) * w) @ (c - mean).T for c, w in pairs], style_mix)
            # The addend, a deviation of 1.4 % of full scale, bounds what a style without colour can demand.
            values, vectors = torch.linalg.eigh(
                covariance + 2e-4 * torch.eye(3, dtype=mean.dtype, device=mean.device)
            )
            self._targets.append((mean, vectors @ torch.diag(values.rsqrt()) @ vectors.T))

    def moments(self, rows: Tensor, strip: Strip) -> list[Tensor]:
        """Return the second moments (3, 3) of the whitened colours, by size of detail: a strip's part of them.

        Args:
            rows: Those of the picture that count, (1, 3, h, W).
            strip: Which ones they are.
        """
        moments = []
        for side, (mean, whitening) in zip(SIDES, self._targets, strict=True):
            if rows.shape[2] < side:  # the last rows, which no square covers
                moments.append(torch.zeros_like(whitening))
                continue
            pooled = F.avg_pool2d(rows, side)
            colors = whitening @ (pooled[0].flatten(1) - mean)
            shares = self._shares_at((strip.height // side, pooled.shape[3]))
            if shares is None:
                moments.append(colors @ colors.T / (strip.height // side * pooled.shape[3]))
            else:
                moments.append((colors * strip.rows(shares, side).flatten()) @ colors.T)
        return moments

    def distance(self, moments: Sequence[Tensor]) -> Tensor:
        """Return the mean squared distance of second moments from the identity, summed over the sizes."""
        identity = torch.eye(3, dtype=moments[0].dtype, device=moments[0].device)
        return torch.stack([(moment - identity).square().mean() for moment in moments]).sum()

    def _shares_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return how much each position counts at a size, (1, 1, H, W), or None for all the same."""
        if size not in self._shares:
            mask = self._region.weights_at(size)
            self._shares[size] = None if mask is None else mask / mask.sum().clamp_min(1e-8)
        return self._shares[size]


def _shares(looked_at: Tensor | None, pooled: Tensor, side: int) -> Tensor | float:
    """Return how much each square of a style counts, (N,), or one share for all."""
    if looked_at is None:
        return 1 / (pooled.shape[2] * pooled.shape[3])
    weights = F.avg_pool2d(looked_at, side).flatten()
    return weights / weights.sum().clamp_min(1e-8)


def mixed(values: list[Tensor], shares: tuple[float, ...]) -> Tensor:
    """Return the sum of `values`, each times its share."""
    parts = [share * value for share, value in zip(shares, values, strict=True)]
    return sum(parts[1:], start=parts[0])
