"""The code that drew the package's sample pictures: two content scenes and six styles.

The package carries the pictures as files (``styletransfer/samples/*.webp``); ``docs/samples/draw.py`` makes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from painting._noise import Field, Shape
from painting.cubist import cubist
from painting.harbour import harbour
from painting.mosaic import mosaic
from painting.night import night
from painting.pointillism import pointillism
from painting.valley import valley
from painting.watercolour import watercolour
from painting.woodcut import woodcut

__all__ = ["SAMPLES", "paint"]

#: Strokes thinner than a pixel vanish, so smaller pictures are drawn at this width and reduced.
_SMALLEST_DRAWN = 256

#: Each picture's drawing function, and its height as a share of its width.
SAMPLES: dict[str, tuple[Callable[[np.random.Generator, Shape], Field], float]] = {
    "harbour": (harbour, 0.75),
    "valley": (valley, 0.75),
    "night": (night, 1.0),
    "woodcut": (woodcut, 1.0),
    "mosaic": (mosaic, 1.0),
    "pointillism": (pointillism, 1.0),
    "watercolour": (watercolour, 1.0),
    "cubist": (cubist, 1.0),
}


def paint(name: str, *, long_edge: int = 512, seed: int = 0) -> Image.Image:
    """Draw a picture, `long_edge` pixels wide; the same arguments give the same bytes.

    The composition is the same at every size; `seed` varies the details only.
    """
    draw, ratio = SAMPLES[name]
    drawn = max(long_edge, _SMALLEST_DRAWN)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    picture = draw(rng, (round(drawn * ratio), drawn))
    image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if drawn == long_edge:
        return image
    return image.resize((long_edge, round(long_edge * ratio)), Image.Resampling.LANCZOS)
