"""Linear regression of one feature map on another, from sums that take in any number of pictures."""

from __future__ import annotations

import torch
from torch import Tensor

#: Penalty on the weights, as a share of a channel's variance: features of a network are nearly collinear.
_RIDGE = 1e-4


class Regression:
    """Sums over positions of two feature maps, and the linear map that follows from them.

    They are kept in float64, and so on the CPU: MPS has none, and the squares cancel.
    """

    def __init__(self, channels: int, wanted: int) -> None:
        self._channels = channels
        self._count = 0
        self._sum = torch.zeros(channels + wanted, dtype=torch.float64)
        self._products = torch.zeros(channels + wanted, channels + wanted, dtype=torch.float64)

    def add(self, features: Tensor, wanted: Tensor) -> None:
        """Take in (B, C, h, w) features and what is wanted of them, (B, D, h, w)."""
        both = torch.cat([features.detach().cpu().double(), wanted.detach().cpu().double()], dim=1)
        rows = both.movedim(1, -1).flatten(0, 2)
        self._count += len(rows)
        self._sum += rows.sum(0)
        self._products += rows.T @ rows

    def solve(self) -> tuple[Tensor, Tensor]:
        """Return weight (D, C) and bias (D,) of the ridge regression, in float64."""
        mean, covariance = self._moments()
        known = covariance[: self._channels, : self._channels]
        ridge = _RIDGE * known.diagonal().mean().clamp_min(1e-12)
        eye = torch.eye(self._channels, dtype=torch.float64)
        weight = torch.linalg.solve(known + ridge * eye, covariance[: self._channels, self._channels :]).T
        return weight, mean[self._channels :] - weight @ mean[: self._channels]

    def unexplained(self, weight: Tensor, bias: Tensor) -> float:
        """Return the squared error of a map (D, C) with bias (D,) on these positions, over the variance of D.

        0 is a perfect prediction, 1 one that is no better than the mean.
        """
        mean, covariance = self._moments()
        n = self._channels
        aside = mean[n:] - weight @ mean[:n] - bias
        spread = covariance[n:, n:].trace()
        left = spread - 2 * (weight * covariance[n:, :n]).sum() + ((weight @ covariance[:n, :n]) * weight).sum()
        return float((left + aside.square().sum()) / spread.clamp_min(1e-12))

    def _moments(self) -> tuple[Tensor, Tensor]:
        mean = self._sum / self._count
        return mean, self._products / self._count - torch.outer(mean, mean)
