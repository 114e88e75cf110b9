"""Style: a night over a bay, in thick strokes that follow the flow of the air."""

from __future__ import annotations

import numpy as np

from painting._noise import (
    Colour,
    Field,
    Shape,
    blend,
    fbm,
    floats,
    grid,
    jitter,
    ramp,
    smoothstep,
)
from painting._strokes import Canvas, make_brush, pixels, scatter

_HORIZON = 0.66


def night(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw a night sky over a bay: brush strokes that follow the flow around stars; returns (h, w, 3)."""
    stars = _stars(rng)
    target, stream = _night_sky(rng, shape, stars)
    target, angle = _night_bay(rng, shape, target, stream, stars)
    canvas = Canvas(target * 0.55)
    width = shape[1]
    for count, length, breadth, value, hue in (
        (1300, 0.10, 0.028, 0.16, 0.025),
        (3600, 0.062, 0.0150, 0.22, 0.035),
        (3000, 0.042, 0.0095, 0.28, 0.045),
    ):
        rows, columns = scatter(rng, shape, count)
        colours = jitter(rng, pixels(target, rows, columns), value, hue)
        turn = pixels(angle, rows, columns) + rng.normal(0, 0.10, len(rows)).astype(np.float32)
        brush = make_brush(rng, length * width, breadth * width, bend=0.5, bristles=0.22)
        canvas.stroke(brush, rows, columns, turn, colours)
    for row, column, radius, warmth in stars:
        _star_strokes(rng, canvas, (row, column), radius, warmth)
    return canvas.lit(0.42)


def _stars(rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Return (y, x, radius, warmth) of the moon and the stars."""
    places = [(0.15, 0.80, 0.060), (0.12, 0.13, 0.036), (0.30, 0.36, 0.030), (0.08, 0.47, 0.026)]
    places += [(0.42, 0.10, 0.024), (0.40, 0.68, 0.028), (0.27, 0.58, 0.020), (0.46, 0.90, 0.022)]
    shift = rng.uniform(-0.02, 0.02, (len(places), 2))
    warmth = rng.uniform(0.3, 1.0, len(places))
    return [
        (y + dy, x + dx, radius, float(w))
        for (y, x, radius), (dy, dx), w in zip(places, shift, warmth, strict=True)
    ]


def _night_sky(
    rng: np.random.Generator, shape: Shape, stars: list[tuple[float, float, float, float]]
) -> tuple[Field, Field]:
    """Return the sky's colours (h, w, 3) and its stream function (h, w)."""
    y, x = grid(shape)
    stream = 1.1 * y + 0.05 * np.sin(5 * x + 1) + 0.045 * fbm(rng, shape, (3, 3), 2)
    spiral = np.zeros(shape, np.float32)
    for row, column, size, turn in (
        (0.36, 0.24, 0.11, -0.20),
        (0.31, 0.51, 0.10, 0.12),
        (0.2, 0.96, 0.1, 0.12),
    ):
        dy, dx = y - row, x - column
        near = np.exp(-(dy**2 + dx**2) / size**2)
        stream += turn * near
        spiral += near * np.sin(2 * np.arctan2(dy, dx) - np.sign(turn) * np.hypot(dy, dx) * 9 / size)
    for row, column, size, _ in stars:
        stream += 2.1 * size * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2.4 * size) ** 2)
    bands = (
        0.45
        + 0.5 * np.clip(1 - np.abs(spiral), 0, 1) * np.sin(stream * 34)
        + 0.55 * spiral
        + 0.22 * fbm(rng, shape, (6, 6), 3)
    )
    deep = ramp(
        bands,
        (0.0, (0.03, 0.05, 0.24)),
        (0.35, (0.06, 0.16, 0.50)),
        (0.7, (0.13, 0.37, 0.72)),
        (1.0, (0.42, 0.70, 0.84)),
        (1.3, (0.80, 0.90, 0.84)),
    )
    sky = blend(deep, (0.10, 0.52, 0.60), 0.45 * smoothstep(0.30, _HORIZON, y))
    for row, column, size, warmth in stars:
        reach = np.hypot(y - row, x - column) / size
        glow: Colour = (0.98, 0.86 - 0.22 * warmth, 0.30)
        rings = 0.62 + 0.38 * np.cos(reach * 5.2)
        sky = blend(sky, (0.72, 0.86, 0.66), smoothstep(3.6, 1.6, reach) * 0.55 * rings)
        sky = blend(sky, glow, smoothstep(2.3, 0.7, reach) * rings)
        sky = blend(sky, (1.0, 0.97, 0.78), smoothstep(0.9, 0.3, reach))
    return sky, stream.astype(np.float32)


def _night_bay(
    rng: np.random.Generator,
    shape: Shape,
    sky: Field,
    stream: Field,
    stars: list[tuple[float, float, float, float]],
) -> tuple[Field, Field]:
    """Put hills, lamps and water under the sky; return the colours and the angle of the strokes."""
    y, x = grid(shape)
    down, right = np.gradient(stream)
    angle = np.arctan2(-right, down)
    ridge = _HORIZON - 0.06 - 0.05 * np.sin(3.1 * x + 0.4) - 0.012 * fbm(rng, (1, shape[1]), (1, 8), 3)
    depth = (y - ridge) / (_HORIZON - ridge)
    hills = ramp(
        depth + 0.25 * fbm(rng, shape, (8, 8), 2),
        (0.0, (0.16, 0.40, 0.52)),
        (0.35, (0.05, 0.16, 0.34)),
        (0.7, (0.08, 0.26, 0.26)),
        (1.1, (0.02, 0.06, 0.16)),
    )
    hill = (y > ridge) & (y <= _HORIZON)
    slant = np.arctan2(np.gradient(ridge, axis=1) * shape[1], 1.0) + 0.5 * np.sin(9 * x)
    ripple = 0.5 + 0.5 * np.sin(y * 150 + 3 * fbm(rng, shape, (8, 2), 2))
    water = ramp(
        ripple + 1.3 * (y - 0.8),
        (0.0, (0.03, 0.06, 0.24)),
        (0.5, (0.07, 0.22, 0.50)),
        (1.0, (0.20, 0.50, 0.70)),
    )
    lamps = np.concatenate([np.linspace(0.06, 0.94, 9) + rng.uniform(-0.03, 0.03, 9), [s[1] for s in stars[:1]]])
    for number, column in enumerate(lamps):
        spread = 0.008 + 0.10 * np.maximum(y - _HORIZON, 0) * (2.0 if number == 9 else 0.8)
        reach = 1.0 if number == 9 else rng.uniform(0.35, 0.8)
        fade = smoothstep(_HORIZON + 0.34 * reach + 0.02, _HORIZON, y)
        streak = np.exp(-(((x - column) / spread) ** 2)) * fade * (0.35 + 0.65 * ripple)
        water = blend(water, (0.99, 0.78, 0.26), np.clip(1.25 * streak, 0, 1))
    colours = np.where((y > _HORIZON)[..., None], water, np.where(hill[..., None], hills, sky))
    for column in lamps[:9]:
        spot = np.exp(-(((x - column) / 0.012) ** 2 + ((y - _HORIZON + 0.014) / 0.014) ** 2))
        colours = blend(colours, (1.0, 0.84, 0.36), np.clip(1.4 * spot, 0, 1))
    angle = np.where(hill, slant, np.where(y > _HORIZON, 0.12 * np.sin(7 * x + 40 * y), angle))
    return colours.astype(np.float32), angle.astype(np.float32)


def _star_strokes(
    rng: np.random.Generator, canvas: Canvas, centre: tuple[float, float], radius: float, warmth: float
) -> None:
    """Lay thick light strokes in rings around a star."""
    width = canvas.shape[1]
    brush = make_brush(rng, 0.9 * radius * width, 0.22 * radius * width, bend=0.5, bristles=0.2)
    for reach, colour in (
        (2.5, (0.70, 0.88, 0.80)),
        (1.9, (0.96, 0.92, 0.52)),
        (1.35, (0.98, 0.80 - 0.2 * warmth, 0.22)),
        (0.8, (1.0, 0.92, 0.50)),
        (0.35, (1.0, 0.99, 0.88)),
    ):
        count = int(11 * reach) + 3
        turn = np.arange(count) * (2 * np.pi / count) + rng.normal(0, 0.12, count)
        away = radius * reach * rng.normal(1, 0.07, count)
        rows = (centre[0] + away * np.sin(turn)).astype(np.float32)
        columns = (centre[1] + away * np.cos(turn)).astype(np.float32)
        colours = jitter(rng, np.tile(floats(colour), (count, 1)), 0.08, 0.03)
        canvas.stroke(brush, rows, columns, (turn + np.pi / 2).astype(np.float32), colours)
