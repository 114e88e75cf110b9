"""Smooth noise, colour ramps and other fields, from which all sample pictures are made.

A field is an array (h, w) of floats. Lengths are in units of the picture's width, so that a picture looks the
same at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.floating[Any]]
Shape = tuple[int, int]
Colour = tuple[float, float, float]


def grid(shape: Shape) -> tuple[Field, Field]:
    """Return (y, x) of each pixel's centre; x runs from 0 to 1, y from 0 to h / w."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (y + 0.5) / width, (x + 0.5) / width


def floats(values: npt.ArrayLike) -> Field:
    """Return `values` as a float32 array."""
    return np.asarray(values, np.float32)


def noise(rng: np.random.Generator, shape: Shape, cells: tuple[int, int]) -> Field:
    """Return value noise of mean 0 and deviation near 0.6: `cells` (down, across) bumps, bicubic between.

    The field repeats itself beyond its borders, so that it can be rolled without a seam.
    """
    down, across = cells
    lattice = np.pad(rng.standard_normal((down, across)).astype(np.float32), 2, mode="wrap")
    box = (2.0, 2.0, across + 2.0, down + 2.0)
    return np.array(Image.fromarray(lattice).resize(shape[::-1], Image.Resampling.BICUBIC, box=box))


def fbm(
    rng: np.random.Generator, shape: Shape, cells: tuple[int, int], octaves: int = 5, gain: float = 0.5
) -> Field:
    """Return `octaves` of `noise`, each twice as fine and `gain` times as strong; mean 0, deviation 1."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += gain**octave * noise(rng, shape, (cells[0] << octave, cells[1] << octave))
    total -= total.mean()
    return floats(total / (total.std() + 1e-6))


def smoothstep(low: float, high: float, values: Field) -> Field:
    """Return 0 below `low`, 1 above `high` and a smooth rise between; reversed when `low` > `high`."""
    t = floats(np.clip((values - low) / (high - low), 0.0, 1.0))
    return floats(t * t * (3 - 2 * t))


def blend(under: Field, over: Field | Colour, alpha: npt.ArrayLike) -> Field:
    """Return `over` laid on the picture `under` (h, w, 3) with the coverage `alpha` (h, w)."""
    cover = floats(alpha)
    cover = cover[..., None] if cover.ndim else cover
    return under + (floats(over) - under) * cover


def ramp(values: Field, *stops: tuple[float, Colour]) -> Field:
    """Map each value to a colour between the two nearest `stops`; returns (..., 3)."""
    positions = [position for position, _ in stops]
    channels = [np.interp(values, positions, [colour[c] for _, colour in stops]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def sample(field: Field, y: Field, x: Field) -> Field:
    """Read `field` (h, w) or (h, w, 3) at pixel coordinates, linear between pixels, clamped at the border."""
    height, width = field.shape[:2]
    y, x = np.clip(y, 0, height - 1.001), np.clip(x, 0, width - 1.001)
    top, left = y.astype(np.intp), x.astype(np.intp)
    dy, dx = (y - top).astype(np.float32), (x - left).astype(np.float32)
    if field.ndim == 3:
        dy, dx = dy[..., None], dx[..., None]
    upper: Field = field[top, left] * (1 - dx) + field[top, left + 1] * dx
    lower: Field = field[top + 1, left] * (1 - dx) + field[top + 1, left + 1] * dx
    return floats(upper * (1 - dy) + lower * dy)


def blur(field: Field, radius: float) -> Field:
    """Return `field` (h, w) after three box blurs, near a Gaussian of about `radius` pixels."""
    size = max(round(radius), 0)
    result = np.asarray(field, np.float64)
    if size == 0:
        return field
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (size + 1, size)
        for _ in range(3):
            sums = np.cumsum(np.pad(result, padding, mode="edge"), axis=axis)
            ends = [slice(None), slice(None)]
            starts = [slice(None), slice(None)]
            ends[axis], starts[axis] = slice(2 * size + 1, None), slice(None, -2 * size - 1)
            result = (sums[tuple(ends)] - sums[tuple(starts)]) / (2 * size + 1)
    return result.astype(np.float32)


def slope(field: Field) -> Field:
    """Return how much the surface `field` (heights in pixels) leans to a light at the upper left."""
    down, right = np.gradient(field)
    return floats(0.7 * (down + right))


def jitter(rng: np.random.Generator, colours: Field, value: float, hue: float) -> Field:
    """Vary the brightness of each colour (n, 3) by about `value` and each channel by about `hue`."""
    count = len(colours)
    brightness = 1 + value * rng.standard_normal((count, 1))
    tint = hue * rng.standard_normal((count, 3))
    return np.clip(colours * brightness + tint, 0, 1).astype(np.float32)


def pick(rng: np.random.Generator, colours: Sequence[Colour], count: int) -> Field:
    """Draw `count` of the `colours` at random; returns (count, 3)."""
    return floats(colours)[rng.integers(len(colours), size=count)]
