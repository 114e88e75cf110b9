"""What the content scenes share: shaded polygons on a picture, sky, water, and the look of a lens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from painting._noise import (
    Colour,
    Field,
    Shape,
    blend,
    blur,
    fbm,
    floats,
    grid,
    noise,
    ramp,
    sample,
    smoothstep,
)

_FINER = 4  # polygons are drawn this many times larger and reduced, so that edges are smooth

Points = Sequence[tuple[float, float]]


class Scene:
    """A picture under work and how much of it has been covered.

    Attributes:
        shape: (h, w) in pixels.
        picture: (h, w, 3) in [0, 1].
        cover: (h, w), 1 where something was drawn, so that a scene can be laid on another.
    """

    def __init__(self, picture: Field) -> None:
        self.shape: Shape = (picture.shape[0], picture.shape[1])
        self.picture = np.array(picture, np.float32)
        self.cover = np.zeros(self.shape, np.float32)

    def polygon(
        self, points: Points, fill: Field | Colour, *, opacity: float = 1.0, texture: Field | None = None
    ) -> None:
        """Fill a polygon of (x, y) points in units of the picture's width.

        Args:
            points: The corners.
            fill: A colour, or a picture (h, w, 3) to show through the polygon.
            opacity: Coverage inside.
            texture: (h, w); brightens where positive and darkens where negative.
        """
        corners = np.array(points, float) * self.shape[1]
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
        right, bottom = min(int(right), self.shape[1]), min(int(bottom), self.shape[0])
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", ((right - left) * _FINER, (bottom - top) * _FINER))
        local = (corners - (left, top)) * _FINER
        ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in local], fill=255)
        alpha = np.asarray(mask.reduce(_FINER), np.float32) * np.float32(opacity / 255)
        self.lay((slice(int(top), bottom), slice(int(left), right)), fill, alpha, texture)

    def box(
        self,
        edges: tuple[float, float, float, float],
        fill: Field | Colour,
        *,
        opacity: float = 1.0,
        texture: Field | None = None,
    ) -> None:
        """Fill an upright rectangle with the `edges` (left, top, right, bottom); else like `polygon`."""
        left, top, right, bottom = edges
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.polygon(corners, fill, opacity=opacity, texture=texture)

    def lay(
        self, area: tuple[slice, slice], fill: Field | Colour, alpha: Field, texture: Field | None = None
    ) -> None:
        """Lay `fill` with coverage `alpha` on the part `area` of the picture."""
        ink = floats(fill)
        if ink.ndim == 3:
            ink = ink[area]
        if texture is not None:
            ink = ink * (1 + texture[area][..., None])
        self.picture[area] = blend(self.picture[area], ink, alpha)
        self.cover[area] = 1 - (1 - self.cover[area]) * (1 - alpha)

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        width: float,
        fill: Field | Colour,
        opacity: float = 1.0,
    ) -> None:
        """Draw a straight line of `width`, all in units of the picture's width."""
        along = np.subtract(end, start)
        side = np.array([-along[1], along[0]]) / (np.hypot(*along) + 1e-9) * width / 2
        ends = np.array([start, end, end, start]) + np.array([side, side, -side, -side])
        self.polygon([(float(x), float(y)) for x, y in ends], fill, opacity=opacity)

    def oval(
        self,
        centre: tuple[float, float],
        radius: tuple[float, float],
        fill: Field | Colour,
        opacity: float = 1.0,
    ) -> None:
        """Fill an oval around (x, y)."""
        turn = np.arange(28) * (2 * np.pi / 28)
        x, y = centre[0] + radius[0] * np.cos(turn), centre[1] + radius[1] * np.sin(turn)
        self.polygon([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill, opacity=opacity)


def sky(rng: np.random.Generator, shape: Shape, horizon: float, sun: tuple[float, float]) -> Field:
    """Return a sky (h, w, 3) with shaded clouds that is brightest at `sun` (y, x)."""
    y, x = grid(shape)
    t = y / horizon
    picture = ramp(
        t,
        (0.0, (0.22, 0.42, 0.70)),
        (0.45, (0.46, 0.64, 0.82)),
        (0.8, (0.78, 0.82, 0.82)),
        (1.0, (0.95, 0.86, 0.72)),
    )
    glow = np.exp(-((y - sun[0]) ** 2 + (x - sun[1]) ** 2) / 0.09)
    picture = blend(picture, (1.0, 0.92, 0.74), 0.7 * glow)
    streaks = fbm(rng, shape, (16, 3), 4, 0.55)
    picture = blend(picture, (0.98, 0.95, 0.92), 0.45 * smoothstep(0.2, 2.0, streaks) * smoothstep(1.0, 0.2, t))
    heap = fbm(rng, shape, (6, 5), 6, 0.52) + 0.25 * np.sin(9 * x + 2 * y)
    density = smoothstep(0.15, 0.75, heap) * smoothstep(1.0, 0.62, t)
    thick = blur(heap, shape[1] / 90)
    lit = np.clip(
        0.66
        - 0.20 * (thick - 0.6)
        + 0.10 * (heap - thick)
        + 6.5 * slope_towards(thick, sun, shape) * shape[1] / 512,
        0,
        1,
    )
    cloud = ramp(
        lit,
        (0.0, (0.56, 0.60, 0.70)),
        (0.45, (0.80, 0.81, 0.84)),
        (0.75, (0.97, 0.94, 0.89)),
        (1.0, (1.0, 0.98, 0.94)),
    )
    return blend(picture, cloud, 0.94 * density)


def slope_towards(height: Field, sun: tuple[float, float], shape: Shape) -> Field:
    """Return how much the surface `height` leans to a light that stands at `sun` (y, x) in the picture."""
    y, x = grid(shape)
    down, right = np.gradient(height)
    away = np.hypot(y - sun[0], x - sun[1]) + 0.15
    result: Field = (down * (y - sun[0] + 0.12) + right * (x - sun[1])) / away
    return result.astype(np.float32)


def water(rng: np.random.Generator, picture: Field, line: float, deep: Colour, strength: float = 1.0) -> Field:
    """Mirror what stands above `line` in rippled water below it; the ripples grow towards the viewer."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    width = shape[1]
    y, x = grid(shape)
    below = np.maximum(y - line, 0)
    wave = ripples(rng, shape, line)
    source_y = line - below * 0.95 - 0.001 + wave * (0.004 + 0.10 * below) * strength
    source_x = x + wave * (0.001 + 0.020 * below) * strength
    mirrored = sample(picture, np.minimum(source_y, line - 0.002) * width, source_x * width - 0.5)
    depth = smoothstep(0.0, 0.34, below)
    result = mirrored * 0.86
    result = blend(result, deep, 0.16 + 0.50 * depth + 0.10 * np.clip(wave, -1, 1))
    result = result * (1 + 0.14 * wave[..., None])
    result = blend(result, (0.95, 0.93, 0.86), 0.55 * smoothstep(1.25, 2.2, wave) * smoothstep(0, 0.03, below))
    return np.where((y > line)[..., None], np.clip(result, 0, 1), picture).astype(np.float32)


def ripples(rng: np.random.Generator, shape: Shape, line: float) -> Field:
    """Return waves seen in perspective on the water below `line`: flat and fine far away, longer near."""
    y, x = grid(shape)
    away = 0.10 / (np.maximum(y - line, 0) + 0.035)
    field = fbm(rng, (512, 512), (60, 60), 3, 0.6)
    rows = (away * 330) % 511
    columns = ((x - 0.5) * away * 110 + 250) % 511
    second = sample(field, (rows * 1.9 + 77) % 511, (columns * 1.6 + 31) % 511)
    return (0.65 * sample(field, rows, columns) + 0.5 * second).astype(np.float32)


def develop(rng: np.random.Generator, picture: Field) -> Field:
    """Give a scene the look of a photograph: soft highlights, darker corners, a little grain."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    y, x = grid(shape)
    corner = np.hypot(x - 0.5, y - 0.5 * shape[0] / shape[1])
    bloom = np.stack([blur(np.maximum(picture[..., c] - 0.75, 0), shape[1] / 60) for c in range(3)], axis=-1)
    picture = picture + 0.5 * bloom
    picture = picture * (1.04 - 0.42 * corner[..., None] ** 2)
    picture = picture + 0.10 * (picture - 0.5) * (1 - np.abs(2 * picture - 1))
    grain = 0.011 * rng.standard_normal(shape).astype(np.float32) + 0.006 * noise(rng, shape, (217, 291))
    return np.clip(picture + grain[..., None], 0, 1).astype(np.float32)
