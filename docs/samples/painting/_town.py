"""Rows of old houses up a hillside, with trees and a church, for the harbour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from painting._noise import Colour, Field, blend, fbm, ramp
from painting._scene import Scene
from painting._strokes import Canvas, make_brush

_WALLS: tuple[Colour, ...] = (
    (0.87, 0.70, 0.48), (0.82, 0.52, 0.38), (0.90, 0.84, 0.70), (0.72, 0.42, 0.32), (0.86, 0.76, 0.42),
    (0.62, 0.68, 0.66), (0.93, 0.88, 0.80), (0.80, 0.60, 0.52), (0.58, 0.62, 0.50),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((0.66, 0.32, 0.22), (0.58, 0.30, 0.22), (0.48, 0.36, 0.32))
_SHUTTERS: tuple[Colour, ...] = (
    (0.18, 0.36, 0.30),
    (0.22, 0.32, 0.46),
    (0.46, 0.18, 0.14),
    (0.34, 0.30, 0.24),
)
_AIR: Colour = (0.72, 0.76, 0.80)

Tone = Callable[..., Colour]  # (colour, light=1.0) -> the colour in that light, seen through the air


def build_town(rng: np.random.Generator, scene: Scene, shore: float) -> None:
    """Build rows of houses from the hilltop to the quay at the row `shore`, trees between, a church above."""
    stain = 0.09 * fbm(rng, scene.shape, (16, 22), 4, 0.6)
    rows = (
        (0.255, 0.034, 0.12, 0.36),
        (0.290, 0.040, 0.02, 0.46),
        (0.332, 0.047, -0.03, 0.52),
        (0.378, 0.056, -0.03, 0.56),
        (0.436, 0.070, -0.05, 0.64),
    )
    for row, (base, size, start, end) in enumerate(rows):
        front = row == len(rows) - 1
        if row == 2:
            _build_church(scene, 0.27, 0.30, stain)
        x = start
        while x < end:
            width, height = size * rng.uniform(0.75, 1.25), size * rng.uniform(0.95, 1.45)
            lift = base + (0.0 if front else rng.uniform(-0.008, 0.008) + 0.035 * max(x - 0.3, 0))
            _build_house(rng, scene, (x, lift), (width, height), _through_air(0.34 - 0.075 * row), stain)
            x += width * (1.0 if front else rng.uniform(1.0, 1.35))
        _plant_trees(rng, scene, base + 0.004, size, (start, end), 0.30 - 0.07 * row, 3 if front else 7)
    quay = [(-0.05, shore - 0.008), (0.66, shore - 0.008), (0.68, shore + 0.004), (-0.05, shore + 0.004)]
    scene.polygon(quay, (0.50, 0.45, 0.38), texture=2.5 * stain)


def _through_air(haze: float) -> Tone:
    def tone(colour: Colour, light: float = 1.0) -> Colour:
        red, green, blue = (c * light * (1 - haze) + a * haze for c, a in zip(colour, _AIR, strict=True))
        return red, green, blue

    return tone


def _build_house(
    rng: np.random.Generator,
    scene: Scene,
    place: tuple[float, float],
    size: tuple[float, float],
    tone: Tone,
    stain: Field,
) -> None:
    """Build a house: lit front, shaded side, roof, windows, chimney; `place` is its lower left corner."""
    x, base = place
    width, top = size[0], base - size[1]
    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    front = x + 0.84 * width
    scene.box((x, top, front, base), tone(wall), texture=stain)
    side = [(front, base), (front, top), (x + width, top + 0.01 * width), (x + width, base)]
    scene.polygon(side, tone(wall, 0.55), texture=stain)
    peak = top - width * rng.uniform(0.22, 0.40)
    _build_roof(rng, scene, (x, front, x + width), (peak, top), wall, tone, stain)
    over = 0.04 * width
    scene.box((x, top + over, front, top + 2.3 * over), tone((0.16, 0.14, 0.20)), opacity=0.42)
    stack = x + width * rng.uniform(0.2, 0.7)
    high, low = peak - 0.16 * width, peak + 0.12 * width
    scene.box((stack, high, stack + 0.09 * width, low), tone((0.56, 0.36, 0.28)))
    scene.box((stack + 0.06 * width, high, stack + 0.10 * width, low), tone((0.24, 0.16, 0.16)))
    _set_windows(rng, scene, (x, front), (top + 3 * over, base), width, tone)


def _build_roof(
    rng: np.random.Generator,
    scene: Scene,
    columns: tuple[float, float, float],
    rows: tuple[float, float],
    wall: Colour,
    tone: Tone,
    stain: Field,
) -> None:
    """Put a gable, or a long roof with courses of tiles, on the house between the `columns`."""
    x, front, back = columns
    peak, top = rows
    width = back - x
    over = 0.04 * width
    roof = tone(_ROOFS[int(rng.integers(len(_ROOFS)))], rng.uniform(0.9, 1.15))
    eave = top + over
    if rng.random() < 0.45:
        ridge = ((x + front) / 2, peak - 0.01 * width)
        scene.polygon([(x, top), (ridge[0], peak), (front, top)], tone(wall, 0.97), texture=stain)
        shaded = (roof[0] * 0.62, roof[1] * 0.62, roof[2] * 0.66)
        slant = [ridge, (back, peak + 0.02 * width), (back + over, eave), (front + over, eave)]
        scene.polygon(slant, shaded, texture=stain)
        scene.line((x - over, eave), ridge, 0.05 * width, roof)
        return
    slant = [(x - over, eave), (x + 0.12 * width, peak), (x + 0.90 * width, peak), (back + over, eave)]
    scene.polygon(slant, roof, texture=2 * stain)
    for course in range(1, 5):
        row = peak + (eave - peak) * course / 5
        ends = (x + 0.10 * width, row), (x + 0.93 * width, row)
        scene.line(*ends, 0.012 * width, tone((0.30, 0.14, 0.12)), 0.45)


def _set_windows(
    rng: np.random.Generator,
    scene: Scene,
    across: tuple[float, float],
    down: tuple[float, float],
    width: float,
    tone: Tone,
) -> None:
    """Set rows of windows into a front, shutters beside them, and a door at its foot."""
    columns = int(rng.integers(2, 4))
    rows = max(int((down[1] - down[0]) / (0.30 * width)), 1)
    pitch = (across[1] - across[0]) / columns
    shutter = tone(_SHUTTERS[int(rng.integers(len(_SHUTTERS)))])
    shuttered = rng.random() < 0.6
    half, tall = 0.19 * pitch, 0.17 * width
    for row in range(rows):
        top = down[0] + (row + 0.42) * (down[1] - down[0]) / rows - tall / 2
        for column in range(columns):
            centre = across[0] + (column + 0.5) * pitch
            door = row == rows - 1 and column == columns // 2
            foot = down[1] if door else top + tall
            glass: Colour = (0.96, 0.80, 0.46) if rng.random() < 0.10 else (0.14, 0.19, 0.26)
            if door:
                glass = _SHUTTERS[int(rng.integers(len(_SHUTTERS)))]
            _set_window(scene, (centre, top, foot), half, glass, tone, near=width > 0.045)
            if shuttered and not door:
                inner = 1.1 * half + 0.0008
                outer = inner + 0.75 * half
                scene.box((centre - outer, top, centre - inner, foot), shutter)
                scene.box((centre + inner, top, centre + outer, foot), shutter)


def _set_window(
    scene: Scene, place: tuple[float, float, float], half: float, glass: Colour, tone: Tone, *, near: bool
) -> None:
    """Set a window or door at `place` (centre, top, foot); when `near`, the sky shows in its panes."""
    centre, top, foot = place
    rim = 0.10 * half + 0.0008
    frame = (centre - half - rim, top - rim, centre + half + rim, foot + rim)
    scene.box(frame, tone((0.90, 0.87, 0.80)))
    scene.box((centre - half, top, centre + half, foot), tone(glass))
    if near:
        shine = [(centre - half, top), (centre, top), (centre - half, (top + foot) / 2)]
        scene.polygon(shine, tone((0.52, 0.62, 0.70)), opacity=0.55)
        scene.line((centre, top), (centre, foot), 0.0011, tone((0.86, 0.83, 0.76)))
    sill = (centre - 1.2 * half, foot + 0.002), (centre + 1.6 * half, foot + 0.003)
    scene.line(*sill, 0.002, (0.2, 0.16, 0.18), 0.5)


def _build_church(scene: Scene, x: float, base: float, stain: Field) -> None:
    """Put a bell tower with a pointed copper roof above the houses."""
    half, top, corner = 0.020, base - 0.15, x + 0.008
    scene.box((x - half, top, corner, base), (0.84, 0.76, 0.62), texture=stain)
    scene.box((corner, top, x + half, base), (0.52, 0.48, 0.46), texture=stain)
    for row in range(3):
        middle = top + 0.022 + 0.035 * row
        scene.oval((x - 0.3 * half, middle), (0.20 * half, 0.010), (0.20, 0.20, 0.24))
        ledge = (x - 1.1 * half, middle + 0.016), (x + 1.05 * half, middle + 0.016)
        scene.line(*ledge, 0.0025, (0.66, 0.58, 0.48))
    tip = (x, top - 0.075)
    scene.polygon([(x - 1.25 * half, top), tip, (corner, top)], (0.40, 0.50, 0.48))
    scene.polygon([(corner, top), tip, (x + 1.25 * half, top)], (0.22, 0.30, 0.34))
    scene.line(tip, (x, top - 0.095), 0.002, (0.25, 0.22, 0.2))


def _plant_trees(
    rng: np.random.Generator,
    scene: Scene,
    base: float,
    size: float,
    span: tuple[float, float],
    haze: float,
    count: int,
) -> None:
    """Put round trees of lit and shaded dabs between the houses."""
    canvas = Canvas(scene.picture)
    dabs = 90
    brush = make_brush(rng, 0.10 * size * scene.shape[1], 0.06 * size * scene.shape[1], bristles=0.1)
    for x in rng.uniform(*span, count):
        turn, reach = rng.uniform(0, 2 * np.pi, dabs), np.sqrt(rng.random(dabs))
        high = size * rng.uniform(0.32, 0.52)
        dx, dy = reach * np.cos(turn), reach * np.sin(turn)
        light = np.clip(0.45 - 0.35 * dx - 0.45 * dy + rng.normal(0, 0.16, dabs), 0, 1).astype(np.float32)
        order = np.argsort(light)
        colours = ramp(light, (0.0, (0.06, 0.12, 0.08)), (0.5, (0.22, 0.32, 0.12)), (1.0, (0.62, 0.62, 0.26)))
        colours = blend(colours, (0.66, 0.72, 0.74), haze)
        rows = (base - 0.9 * high + high * dy).astype(np.float32)
        columns = (x + 0.85 * high * dx).astype(np.float32)
        canvas.stroke(
            brush, rows[order], columns[order], rng.uniform(0, 3.1, dabs).astype(np.float32), colours[order]
        )
    scene.picture = np.ascontiguousarray(canvas.flat())
