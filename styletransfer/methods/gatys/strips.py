"""A picture in strips of rows, each with the rows around it that its features see.

Strips begin on multiples of the deepest layer's stride, so that every pooling falls on the same pixels as in the
whole picture; what the border of a strip spoils reaches no further than the halo, whose features nobody counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from styletransfer.layers import BY_TAP, Layer

#: Side of the coarsest squares that the palette averages over: they must not be cut either.
_COARSEST = 4


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Some rows of a picture.

    Attributes:
        top: First row that counts.
        bottom: The row after the last one that counts.
        above: First row that is looked at.
        below: The row after the last one that is looked at.
        height: Rows of the whole picture.
    """

    top: int
    bottom: int
    above: int
    below: int
    height: int

    def crop(self, picture: Tensor) -> Tensor:
        """Return what is looked at of a picture (B, C, H, W)."""
        return picture[:, :, self.above : self.below]

    def own(self, features: Tensor, stride: int) -> Tensor:
        """Return the rows that count of features (B, C, h, w) of the crop."""
        first = (self.top - self.above) // stride
        last = None if self.bottom == self.height else (self.bottom - self.above) // stride
        return features[:, :, first:last]

    def rows(self, whole: Tensor, stride: int) -> Tensor:
        """Return the rows that count of something at the size of the whole picture's features, (B, C, h, w)."""
        last = None if self.bottom == self.height else self.bottom // stride
        return whole[:, :, self.top // stride : last]


def alignment(layers: Sequence[str]) -> int:
    """Return what the height of strips is a multiple of."""
    return max(_COARSEST, _deepest(layers).stride)


def halo(layers: Sequence[str]) -> int:
    """Return how many rows on each side of a strip are looked at beside it."""
    deepest = _deepest(layers)
    sees = (deepest.receptive_field - deepest.stride + 1) // 2
    step = alignment(layers)
    return -(-sees // step) * step


def divide(height: int, layers: Sequence[str], rows: int | None) -> list[Strip]:
    """Return the strips of a picture.

    Args:
        height: Of the picture.
        layers: What is looked at.
        rows: Of a strip, rounded up to the alignment; None for the whole picture in one.
    """
    if rows is None:
        return [Strip(top=0, bottom=height, above=0, below=height, height=height)]
    step, around = alignment(layers), halo(layers)
    rows = -(-rows // step) * step
    tops = range(0, height, rows)
    return [
        Strip(
            top=top,
            bottom=min(top + rows, height),
            above=max(top - around, 0),
            below=min(top + rows + around, height),
            height=height,
        )
        for top in tops
    ]


def _deepest(layers: Sequence[str]) -> Layer:
    return max((BY_TAP[tap] for tap in layers), key=lambda layer: layer.receptive_field)
