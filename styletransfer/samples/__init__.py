"""Small content and style pictures drawn by code, so that demo, tests and labs need no download.

>>> from styletransfer import samples
>>> samples.draw("harbour", long_edge=64).size
(64, 48)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from styletransfer import _checks
from styletransfer.samples._noise import Field, Shape
from styletransfer.samples.cubist import cubist
from styletransfer.samples.harbour import harbour
from styletransfer.samples.mosaic import mosaic
from styletransfer.samples.night import night
from styletransfer.samples.pointillism import pointillism
from styletransfer.samples.valley import valley
from styletransfer.samples.watercolour import watercolour
from styletransfer.samples.woodcut import woodcut

__all__ = ["draw", "list_contents", "list_styles"]

#: Strokes thinner than a pixel vanish, so smaller pictures are drawn at this width and reduced.
_SMALLEST_DRAWN = 256


@dataclass(frozen=True)
class _Sample:
    """How a picture is drawn, and its height as a share of its width."""

    draw: Callable[[np.random.Generator, Shape], Field]
    ratio: float


_CONTENTS = {"harbour": _Sample(harbour, 0.75), "valley": _Sample(valley, 0.75)}
_STYLES = {
    "night": _Sample(night, 1.0),
    "woodcut": _Sample(woodcut, 1.0),
    "mosaic": _Sample(mosaic, 1.0),
    "pointillism": _Sample(pointillism, 1.0),
    "watercolour": _Sample(watercolour, 1.0),
    "cubist": _Sample(cubist, 1.0),
}


def list_contents() -> list[str]:
    """Return the names of the content scenes, e.g. ``"harbour"``."""
    return list(_CONTENTS)


def list_styles() -> list[str]:
    """Return the names of the styles, e.g. ``"night"``."""
    return list(_STYLES)


def draw(name: str, *, long_edge: int = 512, seed: int = 0) -> Image.Image:
    """Draw a sample picture; the same arguments give the same bytes.

    Args:
        name: One of `list_contents` (4:3) or `list_styles` (square).
        long_edge: Width in pixels, 32 to 2048. The composition is the same at every size.
        seed: Chance in the details, 0 or more; the scene stays what it is.

    Returns:
        An RGB picture.

    Raises:
        OptionError: An unknown name, or a number outside its range.

    Example:
        >>> draw("mosaic", long_edge=96).mode
        'RGB'
    """
    known = _CONTENTS | _STYLES
    sample = known[_checks.choice(name, known, "sample picture")]
    width = _checks.integer(long_edge, "long_edge", low=32, high=2048)
    _checks.integer(seed, "seed", low=0)
    drawn = max(width, _SMALLEST_DRAWN)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    picture = sample.draw(rng, (round(drawn * sample.ratio), drawn))
    image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if drawn == width:
        return image
    return image.resize((width, round(width * sample.ratio)), Image.Resampling.LANCZOS)
