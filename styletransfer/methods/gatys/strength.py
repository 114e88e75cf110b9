"""Strength for an optimised picture: how much more the content counts where less of the style is wanted.

Gatys et al. (2016) trade content for style by the ratio of their weights. Here the content's weight is multiplied
by `holding`, which may differ from place to place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Power of the strength. With 4, half of it lies between the middle by the judge's style figures (about 7) and the
#: middle by its content figure (about 2).
_POWER = 4.0
#: Below this strength the content itself is mixed in, so that 0 is the content. Factors beyond that of 0.25 would
#: make a map's descent slow.
_LEAST = 0.25


def holding(strength: float | Tensor, size: tuple[int, int]) -> Tensor | None:
    """Return the factor on the content loss of features of a size, (1, 1, h, w); None for 1 everywhere.

    Args:
        strength: In [0, 1]: a number, or a map (1, 1, H, W).
        size: (h, w).
    """
    if not isinstance(strength, Tensor):
        return None if strength == 1 else torch.full((1, 1, 1, 1), max(strength, _LEAST) ** -_POWER)
    at_size = F.interpolate(strength, size, mode="bilinear", antialias=True, align_corners=False)
    return at_size.clamp(_LEAST, 1) ** -_POWER


def mixed_in(image: Tensor, content: Tensor, strength: float | Tensor) -> Tensor:
    """Return a picture with the content where next to no strength is."""
    if isinstance(strength, Tensor):
        share = F.interpolate(strength, image.shape[2:], mode="bilinear", antialias=True, align_corners=False)
        share = (share / _LEAST).clamp(0, 1)
        return share * image + (1 - share) * content
    return image if strength >= _LEAST else content.lerp(image, strength / _LEAST)
