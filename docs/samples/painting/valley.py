"""Content scene: a mountain valley with a lake, a farmhouse and firs on a summer morning."""

from __future__ import annotations

import numpy as np

from painting._farm import build_farm, build_fence
from painting._firs import draw_fir, plant_forest
from painting._meadow import grow_grass, lay_meadow, sow_flowers, wind_path
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
from painting._scene import Scene, develop, sky, water

_LAKE = 0.415
_AIR: Colour = (0.70, 0.78, 0.86)


def valley(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw peaks in haze, a lake that mirrors them, firs at several depths, a farm and a meadow in flower."""
    picture = sky(rng, shape, 0.40, (0.16, 0.12))
    for top, rise, cells, haze, snow in (
        (0.235, 0.062, 4, 0.52, 0.085),
        (0.285, 0.050, 4, 0.40, 0.03),
        (0.335, 0.030, 4, 0.24, 0.0),
    ):
        picture = _range(rng, picture, top, rise, cells, haze, snow)
    firs = [draw_fir(rng) for _ in range(4)]
    scene = Scene(picture)
    plant_forest(rng, scene, firs, _LAKE, (0.030, 0.052), 110, 0.34)
    scene.picture = water(rng, scene.picture, _LAKE, (0.08, 0.24, 0.32), 0.55)
    lay_meadow(rng, scene)
    wind_path(rng, scene)
    grow_grass(rng, scene)
    build_farm(rng, scene, 0.70, 0.515, 0.17)
    plant_forest(rng, scene, firs, 0.535, (0.08, 0.13), 16, 0.16, (0.84, 1.08))
    plant_forest(rng, scene, firs, 0.530, (0.07, 0.12), 11, 0.16, (-0.06, 0.20))
    build_fence(rng, scene)
    plant_forest(rng, scene, firs, 0.665, (0.52, 0.58), 1, 0.0, (0.055, 0.075))
    plant_forest(rng, scene, firs, 0.620, (0.30, 0.36), 1, 0.04, (0.175, 0.19))
    plant_forest(rng, scene, firs, 0.615, (0.36, 0.40), 1, 0.04, (0.95, 0.97))
    sow_flowers(rng, scene)
    return develop(rng, scene.picture)


def _range(
    rng: np.random.Generator, picture: Field, top: float, rise: float, cells: int, haze: float, snow: float
) -> Field:
    """Put a range of mountains on the picture: ridges lit from the left, snow on top, haze at its foot."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    y, _ = grid(shape)
    crest = fbm(rng, (1, shape[1]), (1, cells), 6, 0.54)
    line = top - rise * (0.75 * crest + 0.15 - 0.35 * np.abs(noise(rng, (1, shape[1]), (1, cells + 2))))
    depth = y - line
    folds = 1 - np.abs(fbm(rng, shape, (4, 11), 6, 0.5)) + 0.10 * fbm(rng, shape, (20, 40), 4, 0.6)
    right = np.gradient(folds, axis=1) * shape[1]
    light = np.clip(0.52 + 0.011 * right + 0.004 * slope(folds) * shape[1], 0, 1).astype(np.float32)
    rock = ramp(light, (0.0, (0.13, 0.16, 0.24)), (0.5, (0.36, 0.37, 0.38)), (1.0, (0.80, 0.70, 0.58)))
    wood = ramp(light, (0.0, (0.06, 0.12, 0.12)), (0.5, (0.16, 0.26, 0.16)), (1.0, (0.46, 0.52, 0.26)))
    body = blend(rock, wood, smoothstep(0.05, 0.11, depth + 0.02 * (folds - 0.6)))
    white = ramp(light, (0.0, (0.46, 0.56, 0.74)), (0.45, (0.80, 0.86, 0.94)), (0.8, (1.0, 0.98, 0.94)))
    if snow:
        body = blend(body, white, smoothstep(0.012, -0.012, depth - snow * (0.7 + 0.5 * (folds - 0.5))))
    mist = haze * (1 + 0.45 * smoothstep(0.02, 0.20, depth)) + 0.03 * fbm(rng, shape, (6, 3), 3)
    body = blend(body, _AIR, np.clip(mist, 0, 0.95))
    return blend(picture, body, smoothstep(-0.0012, 0.0012, depth))
