"""Firs, and forests of them, for the valley."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from painting._noise import Colour, Field, floats
from painting._scene import Scene

_AIR: Colour = (0.70, 0.78, 0.86)
_FIR_SIDE = 192


def draw_fir(rng: np.random.Generator) -> Field:
    """Return a fir (2 s, s, 4) with alpha: drooping branches from the top down, lit from the left."""
    side = _FIR_SIDE
    image = Image.new("RGBA", (2 * side, 4 * side), (26, 34, 24, 0))
    draw = ImageDraw.Draw(image)
    height = 4 * side
    draw.polygon(
        [(side - 3, 20), (side + 3, 20), (side + 14, height), (side - 14, height)], fill=(62, 44, 34, 255)
    )
    for level in np.linspace(0.02, 0.96, 64):
        reach = side * 0.88 * level**0.85 * rng.uniform(0.75, 1.1)
        start = level * height * 0.97
        for _ in range(15):
            turn = rng.uniform(-1, 1)
            length = reach * turn
            droop = abs(length) * rng.uniform(0.10, 0.36)
            light = float(np.clip(0.42 - 0.42 * turn + rng.normal(0, 0.20), 0, 1))
            colour = (int(14 + 92 * light), int(30 + 96 * light), int(26 + 34 * light), 255)
            tip = (side + length, start + droop)
            draw.line(
                [(side + 0.15 * length, start), (side + 0.6 * length, start + 0.45 * droop), tip],
                fill=colour,
                width=4,
            )
            for needle in (0.35, 0.55, 0.75, 0.92):
                x, y = side + needle * length, start + 0.8 * needle * droop
                hang = 0.05 * reach + 9
                draw.line([(x, y), (x + 0.5 * hang * np.sign(turn), y + hang)], fill=colour, width=3)
    return np.asarray(image.reduce(2), np.float32) / np.float32(255)


def plant_forest(
    rng: np.random.Generator,
    scene: Scene,
    firs: list[Field],
    base: float,
    heights: tuple[float, float],
    count: int,
    haze: float,
    span: tuple[float, float] = (-0.02, 1.02),
) -> None:
    """Stand firs of random height side by side at the row `base`, in the haze of their distance."""
    width = scene.shape[1]
    for x in rng.permutation(np.linspace(*span, count)) + rng.normal(0, 0.006, count):
        tall = rng.uniform(*heights)
        fir = firs[int(rng.integers(len(firs)))]
        size = max(int(0.5 * tall * width), 2), max(int(tall * width), 3)
        planes = [Image.fromarray(fir[..., c] * fir[..., 3]) for c in range(3)] + [Image.fromarray(fir[..., 3])]
        small = np.stack([np.asarray(p.resize(size, Image.Resampling.BOX)) for p in planes], axis=-1)
        left, bottom = int(x * width) - size[0] // 2, int((base + rng.normal(0, 0.004)) * width)
        top = bottom - size[1]
        area = (
            slice(max(top, 0), min(bottom, scene.shape[0])),
            slice(max(left, 0), min(left + size[0], width)),
        )
        if area[1].start >= area[1].stop or area[0].start >= area[0].stop:
            continue
        part = small[area[0].start - top : area[0].stop - top, area[1].start - left : area[1].stop - left]
        alpha = part[..., 3:]
        colour = part[..., :3] * (1 - haze) + floats(_AIR) * haze * alpha
        scene.picture[area] = scene.picture[area] * (1 - alpha) + colour
