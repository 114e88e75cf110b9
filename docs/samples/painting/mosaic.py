"""Style: a mosaic floor of glass and gold around a rosette."""

from __future__ import annotations

import numpy as np

from painting._noise import (
    Field,
    Shape,
    blend,
    blur,
    fbm,
    floats,
    grid,
    noise,
    ramp,
    slope,
    smoothstep,
)
from painting._strokes import pixels

_GROUT = (0.17, 0.13, 0.11)
_GOLD = (0.90, 0.66, 0.18)
#: (y, x, radius, side of a tile) of each circle that rows of tiles run around.
_CIRCLES = (
    (0.50, 0.50, 0.30, 0.0165),
    (0.00, 0.00, 0.22, 0.0150),
    (0.00, 1.00, 0.22, 0.0150),
    (1.00, 0.00, 0.22, 0.0150),
    (1.00, 1.00, 0.22, 0.0150),
    (0.06, 0.50, 0.085, 0.0125),
    (0.94, 0.50, 0.085, 0.0125),
    (0.50, 0.06, 0.085, 0.0125),
    (0.50, 0.94, 0.085, 0.0125),
)


def mosaic(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw some 4500 bevelled tiles in rows around circles, set in dark mortar; returns (h, w, 3)."""
    y, x = grid(shape)
    stretch = shape[1] / shape[0]
    nearest, reach, turn = _nearest_circle(y * stretch, x)
    warp = 0.0035 * fbm(rng, shape, (7, 7), 2)
    side = floats([c[3] for c in _CIRCLES])[nearest]
    row = np.floor((reach + warp) / side)
    count = np.maximum(np.rint(2 * np.pi * (row + 0.5)), 3)
    chance = rng.random((65536, 8)).astype(np.float32)
    row_key = (nearest * 3571 + row.astype(int) * 733) % 65536
    place = (turn / (2 * np.pi) + chance[row_key, 0]) * count
    column = np.floor(place)
    key = (row_key * 31 + column.astype(int) % count.astype(int) * 97) % 65536
    tile = chance[key]
    down = (reach + warp) / side - row - 0.5
    across = place - column - 0.5
    centre_turn = ((column + 0.5) / count - chance[row_key, 0]) * (2 * np.pi)
    centre_reach = (row + 0.5) * side
    origin = floats([c[:2] for c in _CIRCLES])[nearest]
    centre_y = (origin[..., 0] + centre_reach * np.sin(centre_turn)) / stretch
    centre_x = origin[..., 1] + centre_reach * np.cos(centre_turn)
    colours = pixels(_cartoon(rng, shape), centre_y, centre_x)
    return _set_tiles(rng, colours, tile, down, across, side)


def _nearest_circle(y: Field, x: Field) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Field, Field]:
    """Return which circle's rim is nearest to each pixel, and the pixel's radius and angle around it."""
    circles = floats(_CIRCLES)[:, :, None, None]
    reaches = np.hypot(y - circles[:, 0], x - circles[:, 1])
    nearest = np.argmin(reaches - circles[:, 2], axis=0)
    reach = np.take_along_axis(reaches, nearest[None], axis=0)[0]
    origin = floats([c[:2] for c in _CIRCLES])[nearest]
    return nearest, reach, np.arctan2(y - origin[..., 0], x - origin[..., 1]).astype(np.float32)


def _cartoon(rng: np.random.Generator, shape: Shape) -> Field:
    """Return the design that the tiles' colours are taken from."""
    y, x = grid(shape)
    y = y * (shape[1] / shape[0])
    drift = fbm(rng, shape, (5, 5), 3)
    picture = ramp(
        drift,
        (-1.5, (0.03, 0.09, 0.33)),
        (0.0, (0.06, 0.20, 0.52)),
        (1.0, (0.05, 0.40, 0.55)),
        (2.0, (0.10, 0.58, 0.56)),
    )
    nearest, reach, turn = _nearest_circle(y, x)
    radius = floats([c[2] for c in _CIRCLES])[nearest]
    t = reach / radius
    halo = (t > 1.0) & (reach - radius < 0.034)
    picture = blend(picture, _GOLD, halo & (reach - radius > 0.014))
    picture = blend(picture, (0.93, 0.88, 0.74), (t > 1.0) & (reach - radius <= 0.014))
    rosette = _rosette(t, turn)
    fan = ramp(
        (t * 4 + 0.12 * np.cos(turn * 16)) % 1.0,
        (0.0, (0.96, 0.90, 0.70)),
        (0.22, (0.86, 0.62, 0.16)),
        (0.5, (0.16, 0.52, 0.28)),
        (1.0, (0.03, 0.22, 0.20)),
    )
    boss = ramp(
        t,
        (0.0, (0.98, 0.92, 0.66)),
        (0.3, _GOLD),
        (0.45, (0.74, 0.12, 0.10)),
        (0.85, (0.42, 0.04, 0.12)),
        (0.95, (0.97, 0.9, 0.7)),
    )
    inside = t <= 1.0
    picture = np.where((inside & (nearest == 0))[..., None], rosette, picture)
    picture = np.where((inside & (nearest > 0) & (nearest < 5))[..., None], fan, picture)
    return np.where((inside & (nearest > 4))[..., None], boss, picture).astype(np.float32)


def _rosette(t: Field, turn: Field) -> Field:
    """Return two wreaths of petals around a sun, for radius `t` in [0, 1] and angle `turn`."""
    outer = np.abs(np.cos(6 * turn)) ** 0.6
    inner = np.abs(np.sin(6 * turn)) ** 0.7
    picture = ramp(t, (0.0, (0.07, 0.22, 0.46)), (1.0, (0.10, 0.46, 0.50)))
    petal = 0.52 + 0.34 * outer - t
    leaf = ramp(
        petal,
        (0.0, (0.98, 0.90, 0.72)),
        (0.05, (0.96, 0.52, 0.16)),
        (0.16, (0.80, 0.16, 0.10)),
        (0.40, (0.36, 0.03, 0.10)),
    )
    picture = np.where((petal > 0)[..., None], leaf, picture)
    petal = 0.30 + 0.26 * inner - t
    leaf = ramp(
        petal,
        (0.0, (0.05, 0.10, 0.30)),
        (0.05, (0.98, 0.94, 0.80)),
        (0.12, (0.96, 0.78, 0.28)),
        (0.3, (0.78, 0.44, 0.08)),
    )
    picture = np.where((petal > 0)[..., None], leaf, picture)
    sun = ramp(
        t,
        (0.0, (1.0, 0.95, 0.7)),
        (0.12, (0.95, 0.72, 0.2)),
        (0.2, (0.7, 0.1, 0.08)),
        (0.24, (0.05, 0.1, 0.3)),
    )
    picture = np.where((t < 0.25)[..., None], sun, picture)
    rope = np.sin(24 * turn + 26 * t) > 0
    braid = np.where(rope[..., None], floats((0.95, 0.89, 0.72)), floats((0.62, 0.10, 0.10)))
    return np.where((t > 0.90)[..., None], braid, picture)


def _set_tiles(
    rng: np.random.Generator, colours: Field, tile: Field, down: Field, across: Field, side: Field
) -> Field:
    """Shade each tile by its own tilt, bevel and chips, and lay mortar between."""
    shape: Shape = (colours.shape[0], colours.shape[1])
    fine = noise(rng, shape, (150, 150))
    down = down + (tile[..., 1] - 0.5) * 0.18 * across * 2 + (tile[..., 2] - 0.5) * 0.08
    across = across + (tile[..., 3] - 0.5) * 0.22 * down * 2 + 0.0
    half_down = 0.44 - 0.06 * tile[..., 4]
    half_across = 0.45 - 0.08 * tile[..., 5]
    inner = np.minimum(half_down - np.abs(down), half_across - np.abs(across)) + 0.018 * fine
    pixel = 1 / (side * shape[1])
    cover = smoothstep(-0.6, 0.6, inner / pixel)
    value = 1 + 0.55 * (tile[..., 0] - 0.5)
    stone = colours * value[..., None] + (tile[..., 5:8] - 0.5) * 0.14
    gold = smoothstep(0.86, 1.0, tile[..., 6])
    stone = blend(stone, (1.0, 0.93, 0.72), 0.35 * gold)
    height = blur(smoothstep(0.0, 0.20, inner) + 0.9 * (tile[..., 1] - 0.5) * across + 0.03 * fine, shape[1] / 700)
    light = np.clip(slope(height) * (shape[1] / 512), -1, 1)
    stone = stone * (1 + 1.05 * light[..., None]) + 0.30 * np.maximum(light, 0)[..., None]
    mortar = floats(_GROUT) * (1 + 0.35 * fine[..., None])
    return np.clip(blend(mortar, stone.astype(np.float32), cover), 0, 1)
