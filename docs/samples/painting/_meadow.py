"""A meadow with a path, grass and flowers, for the valley."""

from __future__ import annotations

import numpy as np

from painting._noise import (
    Colour,
    Field,
    blend,
    fbm,
    floats,
    grid,
    jitter,
    noise,
    pick,
    ramp,
    smoothstep,
)
from painting._scene import Scene
from painting._strokes import Canvas, make_brush, pixels


def lay_meadow(rng: np.random.Generator, scene: Scene) -> None:
    """Lay rolling grass from the shore to the viewer, with the shadows of clouds."""
    y, x = grid(scene.shape)
    line = _ground_line(x) + 0.002 * noise(rng, scene.shape, (1, 60))
    patch = fbm(rng, scene.shape, (14, 5), 5, 0.55)
    near = smoothstep(0.45, 0.75, y)
    light = 0.55 + 0.16 * patch - 0.12 * near + 0.12 * np.sin(6 * x + 14 * y)
    grass = ramp(
        light,
        (0.0, (0.10, 0.20, 0.08)),
        (0.4, (0.28, 0.42, 0.12)),
        (0.7, (0.54, 0.60, 0.20)),
        (1.0, (0.80, 0.76, 0.36)),
    )
    shore = smoothstep(0.006, 0.0, y - line)
    grass = blend(grass, (0.66, 0.60, 0.48), 0.8 * shore)
    scene.picture = blend(scene.picture, grass, smoothstep(-0.001, 0.001, y - line))


def _ground_line(x: Field) -> Field:
    """Return the near shore of the lake, in units of the width."""
    return floats(
        0.468 + 0.026 * np.sin(5.2 * x + 0.6) - 0.030 * smoothstep(0.45, 0.9, x) - 0.02 * smoothstep(0.25, 0, x)
    )


def wind_path(rng: np.random.Generator, scene: Scene) -> None:
    """Wind a gravel path from the viewer to the farm."""
    y, x = grid(scene.shape)
    off = _off_path(y, x + 0.003 * noise(rng, scene.shape, (50, 50)))
    pebbles = fbm(rng, scene.shape, (60, 70), 3, 0.7)
    gravel = ramp(
        0.5 + 0.15 * pebbles - 0.10 * off,
        (0.0, (0.34, 0.27, 0.20)),
        (0.5, (0.68, 0.58, 0.44)),
        (1.0, (0.90, 0.82, 0.66)),
    )
    scene.picture = blend(scene.picture, gravel, 0.9 * smoothstep(1.1, 0.8, off) * (y > 0.515))


def _off_path(y: Field, x: Field) -> Field:
    """Return the distance from the middle of the path, as a share of its half width."""
    t = np.clip((y - 0.515) / 0.235, 0, 1)
    middle = 0.735 - 0.30 * t**0.8 + 0.10 * np.sin(5.5 * t)
    distance: Field = np.abs(x - middle) / (0.006 + 0.060 * t**1.4)
    return distance


def grow_grass(rng: np.random.Generator, scene: Scene) -> None:
    """Let blades of grass grow, longer towards the viewer."""
    canvas = Canvas(scene.picture)
    width = scene.shape[1]
    y, x = _near(scene, rng, 9000, 0.50)
    for low, high, length in ((0.50, 0.58, 0.010), (0.58, 0.66, 0.020), (0.66, 0.80, 0.036)):
        some = (y >= low) & (y < high)
        brush = make_brush(rng, length * width, 0.085 * length * width + 0.6, bend=1.2, bristles=0.12, tip=0.9)
        colours = jitter(rng, pixels(scene.picture, y[some], x[some]), 0.30, 0.025)
        on_path = _off_path(y[some], x[some]) < 1
        turn = (np.pi / 2 + rng.normal(0, 0.34, int(some.sum()))).astype(np.float32)
        keep = ~on_path | (rng.random(len(on_path)) < 0.08)
        canvas.stroke(brush, y[some][keep] - 0.4 * length, x[some][keep], turn[keep], colours[keep])
    scene.picture = np.ascontiguousarray(canvas.flat())


def sow_flowers(rng: np.random.Generator, scene: Scene) -> None:
    """Sow poppies, daisies, buttercups and bellflowers in drifts."""
    canvas = Canvas(scene.picture)
    width = scene.shape[1]
    drifts = fbm(rng, scene.shape, (8, 5), 3)
    tints: list[Colour] = [
        (0.90, 0.18, 0.12),
        (0.98, 0.96, 0.92),
        (0.98, 0.82, 0.18),
        (0.46, 0.36, 0.80),
        (0.94, 0.50, 0.62),
    ]
    y, x = _near(scene, rng, 2600, 0.53)
    rich = pixels(drifts[..., None], y, x)[:, 0] + rng.normal(0, 0.5, len(y)) > 0.75
    off_path = _off_path(y, x) > 1.15
    y, x = y[rich & off_path], x[rich & off_path]
    for low, high, size in ((0.50, 0.60, 0.0034), (0.60, 0.68, 0.0052), (0.68, 0.80, 0.0082)):
        some = (y >= low) & (y < high)
        count = int(some.sum())
        colours = jitter(rng, pick(rng, tints, count), 0.08, 0.03)
        petal = make_brush(rng, size * width * 1.1, size * width * 0.75, bristles=0.12, tip=0.5)
        shade = make_brush(rng, size * width * 0.6, size * width * 0.5, bristles=0.1)
        for dy, dx, light in (
            (0.25, 0.15, 0.62),
            (0.0, -0.32, 1.0),
            (-0.12, 0.30, 0.92),
            (-0.34, -0.02, 1.05),
        ):
            turn = rng.uniform(0, np.pi, count).astype(np.float32)
            canvas.stroke(petal, y[some] + dy * size, x[some] + dx * size, turn, np.clip(colours * light, 0, 1))
        heart = np.tile(floats((0.36, 0.24, 0.06)), (count, 1))
        canvas.stroke(shade, y[some], x[some], np.zeros(count, np.float32), heart)
    scene.picture = np.ascontiguousarray(canvas.flat())


def _near(scene: Scene, rng: np.random.Generator, count: int, top: float) -> tuple[Field, Field]:
    """Return points on the meadow, sparser towards the viewer as things grow, sorted from far to near."""
    ratio = scene.shape[0] / scene.shape[1]
    y = top + (ratio + 0.02 - top) * rng.random(count) ** 0.8
    x = rng.uniform(-0.02, 1.02, count)
    order = np.argsort(y)
    y, x = y[order].astype(np.float32), x[order].astype(np.float32)
    free = y > _ground_line(x) + 0.02
    return y[free], x[free]
