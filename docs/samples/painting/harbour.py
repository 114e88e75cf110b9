"""Content scene: an old harbour town on a late afternoon."""

from __future__ import annotations

import numpy as np

from painting._boats import draw_boat, float_boats
from painting._noise import (
    Colour,
    Field,
    Shape,
    blend,
    fbm,
    grid,
    noise,
    ramp,
    slope,
    smoothstep,
)
from painting._scene import Scene, develop, ripples, sky, water
from painting._town import build_town

_WATER = 0.44
_DEEP = (0.10, 0.25, 0.30)


def harbour(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw houses up a hillside, their reflection, boats, and a cobbled quay in front; returns (h, w, 3)."""
    scene = Scene(_hills(rng, sky(rng, shape, _WATER, (0.10, 0.16))))
    build_town(rng, scene, _WATER)
    scene.picture = water(rng, scene.picture, _WATER, _DEEP)
    wave = ripples(rng, shape, _WATER)
    for line, boats in (
        (0.462, ((0.70, 0.085, 1), (0.80, 0.07, 0), (0.58, 0.06, 3), (0.93, 0.08, 2))),
        (0.505, ((0.86, 0.15, 2), (0.50, 0.10, 0))),
        (0.565, ((0.66, 0.20, 1),)),
    ):
        fleet = Scene(np.zeros((*shape, 3), np.float32))
        for x, length, kind in boats:
            draw_boat(fleet, x + rng.uniform(-0.01, 0.01), line, length, kind)
        float_boats(scene, fleet, line, wave, _DEEP)
    _quay(rng, scene)
    return develop(rng, scene.picture)


def _hills(rng: np.random.Generator, picture: Field) -> Field:
    """Put four ranges of hills behind the town, each nearer one darker and less blue."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    y, x = grid(shape)
    for top, rise, haze, cells in (
        (0.300, 0.030, 0.85, 3),
        (0.335, 0.040, 0.66, 4),
        (0.375, 0.030, 0.42, 5),
        (0.36, 0.05, 0.16, 3),
    ):
        line = top - rise * fbm(rng, (1, shape[1]), (1, cells), 5, 0.45)
        if haze < 0.2:
            line = (
                0.335
                - 0.16 * smoothstep(0.75, 0.12, x[:1])
                + 0.15 * smoothstep(0.55, 0.85, x[:1])
                + 0.006 * noise(rng, (1, shape[1]), (1, 60))
            )
        rough = fbm(rng, shape, (12, 14), 5, 0.6)
        light = 0.55 + 0.16 * rough + 5.0 * slope(rough) * (shape[1] / 512) * 0.06
        body = ramp(
            light,
            (0.1, (0.10, 0.16, 0.12)),
            (0.5, (0.26, 0.34, 0.18)),
            (0.8, (0.52, 0.52, 0.28)),
            (1.1, (0.74, 0.66, 0.42)),
        )
        body = blend(body, (0.68, 0.74, 0.80), haze)
        picture = blend(picture, body, smoothstep(-0.0015, 0.0015, y - line))
    return picture


def _quay(rng: np.random.Generator, scene: Scene) -> None:
    """Pave the foreground with cobbles in perspective and put a lamp, bollards and crates on it."""
    y, x = grid(scene.shape)
    edge = 0.590 + 0.075 * x + 0.015 * np.sin(5 * x)
    stones = _cobbles(rng, scene.shape)
    shade = 1 - 0.45 * smoothstep(0.03, 0.0, np.abs(x - 0.19 - 0.55 * (y - 0.66)) - 0.012)
    stones = stones * shade[..., None]
    wall = ramp(
        0.5 + 0.2 * fbm(rng, scene.shape, (30, 20), 4), (0.0, (0.12, 0.12, 0.11)), (1.0, (0.48, 0.42, 0.34))
    )
    scene.picture = blend(scene.picture, wall, smoothstep(-0.001, 0.001, y - edge))
    lip = edge + 0.004
    scene.picture = blend(scene.picture, (0.74, 0.67, 0.56), smoothstep(-0.001, 0.001, y - lip))
    scene.picture = blend(scene.picture, stones, smoothstep(-0.001, 0.001, y - lip - 0.012))
    for column, row, size in ((0.30, 0.655, 0.020), (0.53, 0.690, 0.024), (0.045, 0.625, 0.017)):
        _put_bollard(scene, column, row, size)
    _put_crates(rng, scene)
    _put_lamp(scene, 0.115, 0.675)


def _cobbles(rng: np.random.Generator, shape: Shape) -> Field:
    """Return paving (h, w, 3): rounded stones as the cells of a jittered lattice in perspective."""
    y, x = grid(shape)
    away = 0.24 / np.maximum(y - 0.36, 0.02)
    u, v = (x - 0.4) * away * 44, away * 36
    jitters = rng.uniform(0.15, 0.85, (2, 64, 64)).astype(np.float32)
    tones = rng.normal(0, 1, (64, 64)).astype(np.float32)
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    best = np.full(shape, 9.0, np.float32)
    second, tone = best.copy(), np.zeros(shape, np.float32)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            r, c = (row + dr) % 64, (column + dc) % 64
            gap = np.hypot(column + dc + jitters[0, r, c] - u, row + dr + jitters[1, r, c] - v)
            nearer = gap < best
            second = np.where(nearer, best, np.minimum(second, gap))
            tone = np.where(nearer, tones[r, c], tone)
            best = np.minimum(best, gap)
    seam = smoothstep(0.03, 0.22, second - best)
    dome = smoothstep(0.0, 0.6, second - best)
    fine = fbm(rng, shape, (60, 80), 3, 0.6)
    light = 0.46 + 0.10 * tone + 0.05 * fine + 1.0 * slope(dome) * np.clip(40 / away / 44, 0.3, 2)
    stone = ramp(
        light,
        (0.0, (0.12, 0.11, 0.13)),
        (0.45, (0.46, 0.41, 0.38)),
        (0.75, (0.74, 0.66, 0.54)),
        (1.1, (0.97, 0.90, 0.76)),
    )
    return blend(stone * 0.40, stone, seam)


def _put_bollard(scene: Scene, x: float, y: float, size: float) -> None:
    """Put an iron bollard with its shadow at the point (x, y)."""
    scene.oval((x + 1.3 * size, y + 0.02 * size), (1.7 * size, 0.30 * size), (0.08, 0.07, 0.09), 0.55)
    t = np.abs((grid(scene.shape)[1] - x) / size + 0.35)
    iron = ramp(t, (0.0, (0.62, 0.56, 0.50)), (0.4, (0.26, 0.25, 0.27)), (1.2, (0.06, 0.06, 0.08)))
    head, wide, narrow = y - 1.5 * size, 0.55 * size, 0.42 * size
    scene.polygon([(x - wide, y), (x - narrow, head), (x + narrow, head), (x + wide, y)], iron)
    scene.oval((x, y), (wide, 0.14 * size), iron)
    scene.oval((x, head - 0.05 * size), (0.72 * size, 0.32 * size), iron)
    scene.oval((x - 0.15 * size, head - 0.15 * size), (0.40 * size, 0.14 * size), (0.66, 0.60, 0.52), 0.7)


def _put_crates(rng: np.random.Generator, scene: Scene) -> None:
    """Stack wooden crates at the right, lit from the left."""
    grain = 0.16 * fbm(rng, scene.shape, (90, 14), 3)
    for left, base, size in ((0.690, 0.668, 0.062), (0.665, 0.742, 0.085), (0.735, 0.752, 0.070)):
        right, back, top, rear = left + size, left + 1.22 * size, base - 0.78 * size, base - 0.98 * size
        shadow = [(left, base), (left + 1.7 * size, base + 0.02), (left + 1.5 * size, base - 0.25 * size)]
        scene.polygon(shadow, (0.06, 0.05, 0.07), opacity=0.4)
        scene.box((left, top, right, base), (0.72, 0.52, 0.30), texture=grain)
        lid = [(left, top), (left + 0.22 * size, rear), (back, rear), (right, top)]
        scene.polygon(lid, (0.90, 0.74, 0.50), texture=grain)
        side = [(right, base), (right, top), (back, rear), (back, base - 0.2 * size)]
        scene.polygon(side, (0.36, 0.24, 0.16), texture=grain)
        for plank in range(1, 5):
            row = top + plank * (base - top) / 5
            scene.line((left, row), (right, row), 0.0028, (0.22, 0.14, 0.09), 0.85)
            scene.line((right, row), (back, row - 0.2 * size), 0.0024, (0.12, 0.08, 0.06), 0.8)
        for post in (0.06, 0.94):
            column = left + post * size
            scene.line((column, top), (column, base), 0.10 * size, (0.62, 0.43, 0.24))


def _put_lamp(scene: Scene, x: float, base: float) -> None:
    """Put an iron lamp post at the left, near the viewer."""
    iron: Colour = (0.10, 0.11, 0.12)
    shine: Colour = (0.46, 0.44, 0.42)
    top, cap = 0.200, 0.125
    scene.oval((x, base), (0.026, 0.008), iron)
    for low, high, half in (
        (base, base - 0.060, 0.0170),
        (base - 0.060, base - 0.075, 0.0210),
        (base - 0.075, top, 0.0075),
    ):
        left, right = x - 0.8 * half, x + 0.8 * half
        scene.polygon([(x - half, low), (left, high), (right, high), (x + half, low)], iron)
        scene.box((x - 0.65 * half, high, x - 0.28 * half, low), shine)
    scene.line((x - 0.045, top + 0.035), (x + 0.045, top + 0.035), 0.006, iron)
    foot, head = 0.017, 0.030
    glass = [(x - foot, top), (x - head, cap), (x + head, cap), (x + foot, top)]
    scene.polygon(glass, (0.93, 0.86, 0.66), opacity=0.85)
    scene.polygon([(x + 0.002, top), (x + 0.004, cap), *glass[2:]], (0.62, 0.66, 0.66), opacity=0.7)
    for side in (-1, 0, 1):
        scene.line((x + foot * side, top), (x + head * side, cap), 0.0035, iron)
    scene.polygon([(x - 0.038, cap), (x, cap - 0.040), (x + 0.038, cap)], iron)
    scene.polygon([(x - 0.034, cap - 0.003), (x - 0.002, cap - 0.035), (x - 0.012, cap - 0.003)], shine)
    scene.line((x, cap - 0.037), (x, cap - 0.057), 0.005, iron)
