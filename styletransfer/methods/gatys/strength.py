"""Strength for an optimised picture: how much more the content counts where less of the style is wanted.

Gatys et al. (2016) trade content for style by the ratio of their weights. Here the content's weight is multiplied
by `holding`, which may differ from place to place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styletransfer.request import mask_at

#: Power of the strength. With 4, half of it lies between the middle by the judge's style figures (about 7) and the
#: middle by its content figure (about 2).
_POWER = 4.0
#: Below these strengths, of a number and of a map, the content itself is mixed in, so that 0 is the content. A map
#: whose factors lie further apart makes the descent slow.
_LEAST, _LEAST_OF_MAPS = 0.25, 0.5


def holding(strength: float | Tensor, size: tuple[int, int]) -> Tensor | None:
    """Return the factor on the content loss of features of a size, (1, 1, h, w); None for 1 everywhere.

    Args:
        strength: In [0, 1]: a number, or a map (1, 1, H, W).
        size: (h, w).
    """
    if not isinstance(strength, Tensor):
        return None if strength == 1 else torch.full((1, 1, 1, 1), max(strength, _LEAST) ** -_POWER)
    return mask_at(strength, size).clamp(_least(strength), 1) ** -_POWER


def emphasis(strength: float | Tensor) -> Tensor | None:
    """Return how much each place counts for the style's statistics: as much as the style is wanted there."""
    if not isinstance(strength, Tensor) or float(strength.max()) == float(strength.min()):
        return None
    return strength


def mixed_in(image: Tensor, content: Tensor, strength: float | Tensor) -> Tensor:
    """Return a picture with the content where next to no strength is."""
    if isinstance(strength, Tensor):
        size = image.shape[2], image.shape[3]
        share = (mask_at(strength, size) / _least(strength)).clamp(0, 1)
        return share * image + (1 - share) * content
    return image if strength >= _LEAST else content.lerp(image, strength / _LEAST)


def _least(strength: Tensor) -> float:
    """Return the strength below which the content is mixed in: for a flat map that of a number."""
    return _LEAST if float(strength.max()) == float(strength.min()) else _LEAST_OF_MAPS
