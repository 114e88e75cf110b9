"""Where a clip cuts from one scene to another: nothing is carried across."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Side of the pictures that are compared, pixels: small enough for motion within a scene to change little.
_SMALL = 16
#: Bins of a channel's histogram.
_BINS = 16
#: A cut changes the picture's places and its colours by more than these, or its places by more than the last.
#: Motion within a scene changes colours by a few hundredths; any two of the sample pictures differ by more.
_PLACES, _COLOURS, _EVERYTHING = 0.08, 0.12, 0.22


def is_cut(before: Tensor, now: Tensor) -> bool:
    """Whether two neighbouring frames, (1, 3, H, W) in [0, 1], belong to different scenes.

    Flow is not asked: across a cut it finds something, too.

    Example:
        >>> import torch
        >>> dark, bright = torch.full((1, 3, 32, 32), 0.1), torch.full((1, 3, 32, 32), 0.9)
        >>> is_cut(dark, bright), is_cut(dark, dark)
        (True, False)
    """
    places = float((_small(before) - _small(now)).abs().mean())
    return places > _EVERYTHING or (places > _PLACES and _colours_apart(before, now) > _COLOURS)


def _small(frame: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(frame, _SMALL)


def _colours_apart(before: Tensor, now: Tensor) -> float:
    """Return how far the channels' histograms are apart: 0 for the same, 1 for no colour in common."""
    apart = [
        (torch.histc(x, _BINS, 0, 1) - torch.histc(y, _BINS, 0, 1)).abs().sum() / (2 * x.numel())
        for x, y in zip(before[0].float().cpu(), now[0].float().cpu(), strict=True)
    ]
    return float(torch.stack(apart).mean())
