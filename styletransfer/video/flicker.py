"""How much a video flickers: what stays different between frames once their motion is taken away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from styletransfer.video.flow import Motion, warp


def warping_error(before: Tensor, now: Tensor, motion: Motion) -> float:
    """Return the warping error of two stylized frames (Lai et al., ECCV 2018, equation 11).

    Args:
        before: (1, 3, H, W) RGB in [0, 1].
        now: The next one.
        motion: Of the content.

    Returns:
        The mean squared difference along the motion, weighted by its confidence; NaN where nothing can be trusted.

    Example:
        >>> import torch
        >>> still = Motion(backward=torch.zeros(1, 2, 8, 8), confidence=torch.ones(1, 1, 8, 8))
        >>> round(warping_error(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5), still), 3)
        0.25
    """
    trusted = float(motion.confidence.sum())
    if trusted <= 0:
        return math.nan
    apart = (now - warp(before, motion.backward)).square().mean(1, keepdim=True)
    return float((motion.confidence * apart).sum()) / trusted


@dataclass(frozen=True, kw_only=True)
class Flicker:
    """The mean warping error of a video, as it is written and as it would be without blending.

    Attributes:
        pairs: How many pairs of neighbouring frames were measured; cuts are none.
        smoothed: Sum over them, as written.
        plain: The same of the frames as the method painted them.
    """

    pairs: int = 0
    smoothed: float = 0.0
    plain: float = 0.0

    def plus(self, smoothed: float, plain: float) -> Flicker:
        """Return it with one more pair; one that cannot be measured does not count."""
        if math.isnan(smoothed) or math.isnan(plain):
            return self
        return Flicker(pairs=self.pairs + 1, smoothed=self.smoothed + smoothed, plain=self.plain + plain)

    def record(self) -> dict[str, Any]:
        """Return the means, ready for JSON; None where nothing was measured."""
        count = self.pairs
        return {
            "pairs": count,
            "with_smoothing": self.smoothed / count if count else None,
            "without_smoothing": self.plain / count if count else None,
        }
