"""Fishing boats and their mirror images, for the harbour."""

from __future__ import annotations

import numpy as np

from painting._noise import Colour, Field, blend, floats, grid, sample, smoothstep
from painting._scene import Scene

_HULLS: tuple[Colour, ...] = ((0.92, 0.90, 0.84), (0.16, 0.34, 0.50), (0.66, 0.18, 0.14), (0.20, 0.40, 0.34))


def draw_boat(scene: Scene, x: float, line: float, length: float, kind: int) -> None:
    """Draw a boat around the column `x`, afloat at the row `line`; `kind` (0 to 3) is its colour."""
    high = 0.15 * length
    _draw_hull(scene, x, line, length, _HULLS[kind])
    _draw_cabin(scene, x, line, length)
    mast = (x - 0.14 * length, line - 1.35 * length)
    foot = (mast[0], line - 0.8 * high)
    shine = 0.004 * length
    scene.line(foot, mast, 0.016 * length + 0.0008, (0.46, 0.32, 0.20))
    scene.line((foot[0] + shine, foot[1]), (mast[0] + shine, mast[1]), 0.006 * length, (0.84, 0.68, 0.46))
    boom, end = line - 2.3 * high, x + 0.38 * length
    scene.line((mast[0], boom), (end, boom + 0.10 * high), 0.035 * length, (0.86, 0.82, 0.72))
    scene.line((mast[0], boom + 0.08 * high), (end, boom + 0.18 * high), 0.014 * length, (0.50, 0.46, 0.42))
    for side, up in ((-0.50, 1.15), (0.46, 0.85), (-0.30, 0.90)):
        scene.line(mast, (x + side * length, line - up * high), 0.0011, (0.22, 0.20, 0.20), 0.75)
    flag = mast[1] + 0.01 * length
    tip = (mast[0] + 0.09 * length, flag + 0.02 * length)
    scene.polygon([(mast[0], flag), tip, (mast[0], flag + 0.05 * length)], (0.80, 0.20, 0.14))


def _draw_hull(scene: Scene, x: float, line: float, length: float, colour: Colour) -> None:
    high = 0.15 * length
    stern, bow = (x - 0.50 * length, line - 1.15 * high), (x + 0.46 * length, line - 0.85 * high)
    waist = (x, line - 0.72 * high)
    left, right = x - 0.36 * length, x + 0.40 * length
    dark = (colour[0] * 0.5, colour[1] * 0.5, colour[2] * 0.55)
    down = (grid(scene.shape)[0] - (line - high)) / high
    paint = np.broadcast_to(floats(colour), (*scene.shape, 3))
    paint = blend(paint, dark, np.clip(0.15 + 0.7 * down, 0, 1))
    scene.polygon([stern, waist, bow, (right, line), (left, line)], paint)
    boot = line - 0.14 * high
    keel = [(left - 0.04 * length, boot), (right + 0.02 * length, boot), (right, line), (left, line)]
    scene.polygon(keel, (0.30, 0.10, 0.08))
    for end in (stern, bow):
        scene.line(end, waist, 0.012 * length, (0.95, 0.88, 0.70))


def _draw_cabin(scene: Scene, x: float, line: float, length: float) -> None:
    high = 0.15 * length
    roof, floor = line - 1.75 * high, line - 0.8 * high
    right, foot = x + 0.20 * length, x + 0.24 * length
    front = [(x - 0.10 * length, floor), (x - 0.08 * length, roof), (right, roof), (foot, floor)]
    scene.polygon(front, (0.92, 0.88, 0.78))
    corner = x + 0.13 * length
    scene.polygon([(corner, floor), (corner, roof), (right, roof), (foot, floor)], (0.54, 0.52, 0.50))
    for window in (-0.04, 0.05):
        left = x + window * length
        scene.box((left, roof + 0.25 * high, left + 0.06 * length, roof + 0.6 * high), (0.10, 0.16, 0.22))
    scene.line((x - 0.10 * length, roof), (x + 0.22 * length, roof), 0.02 * length, (0.62, 0.30, 0.20))


def float_boats(scene: Scene, fleet: Scene, line: float, wave: Field, deep: Colour) -> None:
    """Lay the boats of `fleet` on `scene`, with mirror images below the row `line`.

    Args:
        scene: What the boats float on; changed.
        fleet: The boats alone.
        line: Where they touch the water.
        wave: (h, w), breaks up the images.
        deep: Colour of the water.
    """
    width = scene.shape[1]
    y, x = grid(scene.shape)
    first = int(line * width)
    below = np.maximum(y[first:] - line, 0)
    rows = (line - 0.95 * below + wave[first:] * (0.004 + 0.12 * below)) * width
    columns = (x[first:] + wave[first:] * (0.003 + 0.022 * below)) * width - 0.5
    ghost = sample(np.dstack([fleet.picture, fleet.cover]), rows, columns)
    cover, fade = ghost[..., 3:], 0.86 * smoothstep(0.42, 0.0, below)[..., None]
    mirrored = ghost[..., :3] * 0.62 + floats(deep) * 0.32 * cover
    scene.picture[first:] = scene.picture[first:] * (1 - fade * cover) + fade * mirrored
    boats = fleet.picture / np.maximum(fleet.cover, 1e-3)[..., None]
    scene.picture = blend(scene.picture, boats, fleet.cover)
