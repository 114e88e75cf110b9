"""A farmhouse of stone and timber, and a fence, for the valley."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from painting._noise import Colour, Field, blend, fbm, grid, ramp, smoothstep
from painting._scene import Scene


def build_farm(rng: np.random.Generator, scene: Scene, x: float, base: float, size: float) -> None:
    """Build the farmhouse, seen from its corner and lit from the left, at the point (x, base)."""
    y, across = grid(scene.shape)
    shadow = np.exp(-(((y - base - 0.012) / 0.014) ** 2) - ((across - x - 0.75 * size) / (0.62 * size)) ** 2)
    scene.picture = blend(scene.picture, (0.08, 0.14, 0.08), 0.75 * shadow)
    grain = 0.20 * fbm(rng, scene.shape, (120, 16), 3)
    stone = 0.16 * fbm(rng, scene.shape, (70, 90), 3, 0.7)
    mid, eave, peak = base - 0.17 * size, base - 0.36 * size, base - 0.70 * size
    corner, right, ridge = x + 0.36 * size, x + 1.15 * size, x + 0.18 * size
    foot = base + 0.02
    scene.polygon([(x, base), (x, mid), (corner, mid), (corner, foot)], (0.88, 0.83, 0.74), texture=stone)
    gable = [(x, mid), (x, eave), (ridge, peak), (corner, eave), (corner, mid)]
    scene.polygon(gable, (0.62, 0.40, 0.22), texture=grain)
    wall = [(corner, foot), (corner, mid), (right, mid), (right, base)]
    scene.polygon(wall, (0.52, 0.50, 0.50), texture=stone)
    scene.box((corner, eave, right, mid), (0.32, 0.20, 0.14), texture=grain)
    _build_roof(scene, (x, ridge, corner, right), (peak, eave), size, grain)
    scene.box((corner, eave + 0.05 * size, right, eave + 0.105 * size), (0.05, 0.04, 0.06), opacity=0.5)
    for up, columns in ((0.085, (0.07, 0.24)), (0.27, (0.05, 0.16, 0.27)), (0.46, (0.16,))):
        for column in columns:
            place = (x + column * size, base - up * size)
            _set_window(scene, place, 0.020 * size, 0.040 * size, (0.90, 0.86, 0.78))
    for up in (0.08, 0.26):
        for column in (0.50, 0.66, 0.82, 0.98):
            place = (x + column * size, base - up * size)
            _set_window(scene, place, 0.026 * size, 0.042 * size, (0.60, 0.58, 0.56))
    scene.line((x - 0.01, mid), (corner, mid + 0.002), 0.020 * size, (0.44, 0.27, 0.15))
    scene.line((corner, mid + 0.002), (right, mid), 0.020 * size, (0.24, 0.15, 0.10))
    stack, top = x + 0.62 * size, peak - 0.10 * size
    scene.box((stack, top, stack + 0.05 * size, peak + 0.07 * size), (0.74, 0.66, 0.58))
    scene.box((stack + 0.045 * size, top, stack + 0.08 * size, peak + 0.07 * size), (0.36, 0.31, 0.30))
    _raise_smoke(rng, scene, stack + 0.04 * size, top - 0.01 * size)


def _build_roof(
    scene: Scene,
    columns: tuple[float, float, float, float],
    rows: tuple[float, float],
    size: float,
    grain: Field,
) -> None:
    """Cover the house with shingles, between the columns (left, ridge, corner, right)."""
    left, ridge, corner, right = columns
    peak, eave = rows
    far = right - 0.13 * size
    shingles = ramp(0.5 + grain, (0.0, (0.22, 0.12, 0.10)), (0.5, (0.46, 0.25, 0.18)), (1.0, (0.66, 0.42, 0.30)))
    near = [(corner - 0.03 * size, eave + 0.06 * size), (ridge - 0.02 * size, peak - 0.02 * size)]
    scene.polygon([*near, (far, peak), (right + 0.05 * size, eave + 0.05 * size)], shingles)
    for course in range(1, 9):
        t = course / 9
        row = peak + t * (eave - peak)
        ends = (ridge + t * (corner - ridge), row), (far + t * (right - far), row)
        scene.line(*ends, 0.0016, (0.16, 0.09, 0.08), 0.55)
    top, foot = (ridge, peak - 0.015 * size), eave + 0.06 * size
    scene.line(top, (left - 0.05 * size, foot), 0.030 * size, (0.34, 0.20, 0.14))
    scene.line(top, (corner - 0.01 * size, foot), 0.022 * size, (0.24, 0.14, 0.10))


def _set_window(scene: Scene, place: tuple[float, float], half: float, tall: float, frame: Colour) -> None:
    """Set a window with the sky in its panes and red flowers on its sill."""
    x, y = place
    scene.box((x - 1.5 * half, y - 1.25 * tall, x + 1.5 * half, y + 1.25 * tall), frame)
    scene.box((x - half, y - tall, x + half, y + tall), (0.12, 0.16, 0.20))
    shine = [(x - half, y - tall), (x + half, y - tall), (x - half, y + 0.4 * tall)]
    scene.polygon(shine, (0.50, 0.60, 0.68), opacity=0.6)
    sill = y + 1.5 * tall
    scene.line((x - 1.6 * half, sill), (x + 1.6 * half, sill), 0.5 * tall, (0.70, 0.16, 0.16))


def _raise_smoke(rng: np.random.Generator, scene: Scene, x: float, y: float) -> None:
    rows, columns = grid(scene.shape)
    rise = np.maximum(y - rows, 0)
    drift = x + 0.55 * rise + 0.008 * np.sin(60 * rise) + 0.004 * fbm(rng, scene.shape, (12, 12), 3)
    veil = np.exp(-(((columns - drift) / (0.004 + 0.10 * rise)) ** 2)) * smoothstep(0.16, 0.0, rise)
    scene.picture = blend(scene.picture, (0.88, 0.89, 0.92), 0.62 * veil * (rows < y))


def build_fence(rng: np.random.Generator, scene: Scene) -> None:
    """Run a weathered wooden fence along the meadow, away from the viewer."""
    posts = []
    for t in np.linspace(0, 1, 12) ** 0.75:
        tall = 0.085 - 0.062 * float(t)
        posts.append((1.04 - 0.42 * float(t), 0.715 - 0.155 * float(t), tall, float(rng.normal(0, 0.05)) * tall))
    for (x, base, tall, _), (next_x, next_base, next_tall, _) in pairwise(posts):
        for share in (0.78, 0.45):
            start, end = base - share * tall, next_base - share * next_tall
            scene.line((x, start), (next_x, end), 0.13 * next_tall, (0.46, 0.38, 0.30))
            lift = 0.03 * next_tall
            scene.line((x, start - lift), (next_x, end - lift), 0.05 * next_tall, (0.76, 0.68, 0.56))
    for x, base, tall, lean in posts:
        scene.line((x, base), (x + lean, base - tall), 0.16 * tall, (0.34, 0.27, 0.21))
        lit = 0.05 * tall
        scene.line((x - lit, base), (x + lean - lit, base - tall), 0.06 * tall, (0.74, 0.66, 0.54))
