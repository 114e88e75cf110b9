"""Content scene: an old harbour town on a late afternoon."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from styletransfer.samples._noise import (
    Colour,
    Field,
    Shape,
    blend,
    fbm,
    floats,
    grid,
    noise,
    ramp,
    sample,
    slope,
    smoothstep,
)
from styletransfer.samples._scene import Scene, develop, ripples, sky, water
from styletransfer.samples._strokes import Canvas, make_brush

_WATER = 0.44
_DEEP = (0.10, 0.25, 0.30)
_WALLS: tuple[Colour, ...] = (
    (0.87, 0.70, 0.48), (0.82, 0.52, 0.38), (0.90, 0.84, 0.70), (0.72, 0.42, 0.32), (0.86, 0.76, 0.42),
    (0.62, 0.68, 0.66), (0.93, 0.88, 0.80), (0.80, 0.60, 0.52), (0.58, 0.62, 0.50),
)  # fmt: skip
_SHUTTERS: tuple[Colour, ...] = (
    (0.18, 0.36, 0.30),
    (0.22, 0.32, 0.46),
    (0.46, 0.18, 0.14),
    (0.34, 0.30, 0.24),
)


def harbour(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw houses up a hillside, their reflection, boats, and a cobbled quay in front; returns (h, w, 3)."""
    scene = Scene(_hills(rng, sky(rng, shape, _WATER, (0.10, 0.16))))
    _town(rng, scene)
    scene.picture = water(rng, scene.picture, _WATER, _DEEP)
    wave = ripples(rng, shape, _WATER)
    for line, boats in (
        (0.462, ((0.70, 0.085, 1), (0.80, 0.07, 0), (0.58, 0.06, 3), (0.93, 0.08, 2))),
        (0.505, ((0.86, 0.15, 2), (0.50, 0.10, 0))),
        (0.565, ((0.66, 0.20, 1),)),
    ):
        fleet = Scene(np.zeros((*shape, 3), np.float32))
        for x, length, kind in boats:
            _boat(rng, fleet, x + rng.uniform(-0.01, 0.01), line, length, kind)
        _float(scene, fleet, line, wave)
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


def _town(rng: np.random.Generator, scene: Scene) -> None:
    """Build rows of houses down to the quay, trees between them, and a church above."""
    stain = 0.09 * fbm(rng, scene.shape, (16, 22), 4, 0.6)
    for row, (base, size, start, end) in enumerate(
        (
            (0.255, 0.034, 0.12, 0.36),
            (0.290, 0.040, 0.02, 0.46),
            (0.332, 0.047, -0.03, 0.52),
            (0.378, 0.056, -0.03, 0.56),
            (0.436, 0.070, -0.05, 0.64),
        )
    ):
        if row == 2:
            _church(rng, scene, 0.27, 0.30, stain)
        x = start
        while x < end:
            width = size * rng.uniform(0.75, 1.25)
            height = size * rng.uniform(0.95, 1.45)
            lift = base + (0.0 if row == 4 else rng.uniform(-0.008, 0.008) + 0.035 * max(x - 0.3, 0))
            _house(rng, scene, x, lift, width, height, 0.34 - 0.075 * row, stain)
            x += width * (1.0 if row == 4 else rng.uniform(1.0, 1.35))
        _trees(rng, scene, base + 0.004, size, (start, end), 0.30 - 0.07 * row, 7 if row < 4 else 3)
    wall = (0.50, 0.45, 0.38)
    scene.polygon(
        [(-0.05, 0.432), (0.66, 0.432), (0.68, _WATER + 0.004), (-0.05, _WATER + 0.004)],
        wall,
        texture=2.5 * stain,
    )


def _house(
    rng: np.random.Generator,
    scene: Scene,
    x: float,
    base: float,
    width: float,
    height: float,
    haze: float,
    stain: Field,
) -> None:
    """Build a house with a lit front, a shaded side, a tiled roof, windows, shutters and a chimney."""
    air = floats((0.72, 0.76, 0.80))

    def tone(colour: Colour, light: float = 1.0) -> Colour:
        mixed = floats(colour) * light * (1 - haze) + air * haze
        return float(mixed[0]), float(mixed[1]), float(mixed[2])

    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    top, side = base - height, 0.16 * width
    front = x + width - side
    scene.polygon([(x, base), (x, top), (front, top), (front, base)], tone(wall), texture=stain)
    scene.polygon(
        [(front, base), (front, top), (x + width, top + 0.01 * width), (x + width, base)],
        tone(wall, 0.55),
        texture=stain,
    )
    roof = tone(
        ((0.66, 0.32, 0.22), (0.58, 0.30, 0.22), (0.48, 0.36, 0.32))[int(rng.integers(3))],
        rng.uniform(0.9, 1.15),
    )
    peak = top - width * rng.uniform(0.22, 0.40)
    over = 0.04 * width
    if rng.random() < 0.45:
        middle = (x + front) / 2
        scene.polygon([(x, top), (middle, peak), (front, top)], tone(wall, 0.97), texture=stain)
        shadow = (roof[0] * 0.62, roof[1] * 0.62, roof[2] * 0.66)
        scene.polygon(
            [
                (middle, peak - 0.01 * width),
                (x + width, peak + 0.02 * width),
                (x + width + over, top + over),
                (front + over, top + over),
            ],
            shadow,
            texture=stain,
        )
        scene.line((x - over, top + over), (middle, peak - 0.01 * width), 0.05 * width, roof)
    else:
        scene.polygon(
            [
                (x - over, top + over),
                (x + 0.12 * width, peak),
                (x + 0.9 * width, peak),
                (x + width + over, top + over),
            ],
            roof,
            texture=2 * stain,
        )
        for course in range(1, 5):
            row = peak + (top + over - peak) * course / 5
            scene.line(
                (x + 0.10 * width, row),
                (x + 0.93 * width, row),
                0.012 * width,
                tone((0.30, 0.14, 0.12)),
                0.45,
            )
    scene.polygon(
        [(x, top + over), (front, top + over), (front, top + 2.4 * over), (x, top + 2.2 * over)],
        tone((0.16, 0.14, 0.20)),
        opacity=0.42,
    )
    stack = x + width * rng.uniform(0.2, 0.7)
    scene.polygon(
        [
            (stack, peak - 0.16 * width),
            (stack + 0.09 * width, peak - 0.16 * width),
            (stack + 0.09 * width, peak + 0.12 * width),
            (stack, peak + 0.12 * width),
        ],
        tone((0.56, 0.36, 0.28)),
    )
    scene.polygon(
        [
            (stack + 0.06 * width, peak - 0.16 * width),
            (stack + 0.10 * width, peak - 0.16 * width),
            (stack + 0.10 * width, peak + 0.12 * width),
            (stack + 0.06 * width, peak + 0.12 * width),
        ],
        tone((0.24, 0.16, 0.16)),
    )
    _windows(rng, scene, (x, front), (top + 3 * over, base), width, tone)


def _windows(
    rng: np.random.Generator,
    scene: Scene,
    across: tuple[float, float],
    down: tuple[float, float],
    width: float,
    tone: Callable[[Colour], Colour],
) -> None:
    """Set rows of windows with frames, panes, sills and shutters into a front, and a door at its foot."""
    columns = int(rng.integers(2, 4))
    rows = max(int((down[1] - down[0]) / (0.30 * width)), 1)
    pitch = (across[1] - across[0]) / columns
    shutter = tone(_SHUTTERS[int(rng.integers(len(_SHUTTERS)))])
    open_shutters = rng.random() < 0.6
    half, tall = 0.19 * pitch, 0.17 * width
    for row in range(rows):
        middle = down[0] + (row + 0.42) * (down[1] - down[0]) / rows
        for column in range(columns):
            centre = across[0] + (column + 0.5) * pitch
            glass = (0.96, 0.80, 0.46) if rng.random() < 0.10 else (0.14, 0.19, 0.26)
            foot = middle + tall / 2
            if row == rows - 1 and column == columns // 2:
                foot = down[1]
                glass = _SHUTTERS[int(rng.integers(len(_SHUTTERS)))]
            box = [
                (centre - half, middle - tall / 2),
                (centre + half, middle - tall / 2),
                (centre + half, foot),
                (centre - half, foot),
            ]
            rim = 0.10 * half + 0.0008
            frame = [
                (px + (rim if px > centre else -rim), py + (rim if py > middle else -rim)) for px, py in box
            ]
            scene.polygon(frame, tone((0.90, 0.87, 0.80)))
            scene.polygon(box, tone(glass))
            if width > 0.045:
                scene.polygon(
                    [box[0], (centre, box[0][1]), (centre - half, middle)],
                    tone((0.52, 0.62, 0.70)),
                    opacity=0.55,
                )
                scene.line((centre, box[0][1]), (centre, foot), 0.0011, tone((0.86, 0.83, 0.76)))
            if open_shutters and foot < down[1]:
                for side in (-1, 1):
                    near, far = centre + side * (half + rim), centre + side * (half + rim + 0.75 * half)
                    scene.polygon([(near, box[0][1]), (far, box[0][1]), (far, foot), (near, foot)], shutter)
            scene.line(
                (centre - 1.2 * half, foot + 0.002),
                (centre + 1.6 * half, foot + 0.003),
                0.002,
                (0.2, 0.16, 0.18),
                0.5,
            )


def _church(rng: np.random.Generator, scene: Scene, x: float, base: float, stain: Field) -> None:
    """Put a bell tower with a pointed roof above the houses."""
    half, top = 0.020, base - 0.15
    scene.polygon(
        [(x - half, base), (x - half, top), (x + 0.4 * half, top), (x + 0.4 * half, base)],
        (0.84, 0.76, 0.62),
        texture=stain,
    )
    scene.polygon(
        [(x + 0.4 * half, base), (x + 0.4 * half, top), (x + half, top), (x + half, base)],
        (0.52, 0.48, 0.46),
        texture=stain,
    )
    for row in range(3):
        middle = top + 0.022 + 0.035 * row
        scene.oval((x - 0.3 * half, middle), (0.20 * half, 0.010), (0.20, 0.20, 0.24))
        scene.line(
            (x - 1.1 * half, middle + 0.016), (x + 1.05 * half, middle + 0.016), 0.0025, (0.66, 0.58, 0.48)
        )
    scene.polygon([(x - 1.25 * half, top), (x, top - 0.075), (x + 0.4 * half, top)], (0.40, 0.50, 0.48))
    scene.polygon([(x + 0.4 * half, top), (x, top - 0.075), (x + 1.25 * half, top)], (0.22, 0.30, 0.34))
    scene.line((x, top - 0.075), (x, top - 0.095), 0.002, (0.25, 0.22, 0.2))


def _trees(
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


def _boat(rng: np.random.Generator, scene: Scene, x: float, line: float, length: float, kind: int) -> None:
    """Draw a boat with hull, cabin, mast, furled sail and rigging, floating at `line`."""
    hull: Colour = ((0.92, 0.90, 0.84), (0.16, 0.34, 0.50), (0.66, 0.18, 0.14), (0.20, 0.40, 0.34))[kind]
    dark = (hull[0] * 0.5, hull[1] * 0.5, hull[2] * 0.55)
    high = 0.15 * length
    deck = [(x - 0.50 * length, line - 1.15 * high), (x + 0.46 * length, line - 0.85 * high)]
    side = [deck[0], (x, line - 0.72 * high), deck[1], (x + 0.40 * length, line), (x - 0.36 * length, line)]
    t = (grid(scene.shape)[0] - (line - high)) / high
    shaded = blend(np.broadcast_to(floats(hull), (*scene.shape, 3)), dark, np.clip(0.15 + 0.7 * t, 0, 1))
    scene.polygon(side, shaded)
    scene.polygon(
        [
            (x - 0.40 * length, line - 0.14 * high),
            (x + 0.42 * length, line - 0.14 * high),
            (x + 0.40 * length, line),
            (x - 0.36 * length, line),
        ],
        (0.30, 0.10, 0.08),
    )
    scene.line(deck[0], (x, line - 0.74 * high), 0.012 * length, (0.95, 0.88, 0.70))
    scene.line((x, line - 0.74 * high), deck[1], 0.012 * length, (0.95, 0.88, 0.70))
    roof = line - 1.75 * high
    scene.polygon(
        [
            (x - 0.10 * length, line - 0.8 * high),
            (x - 0.08 * length, roof),
            (x + 0.20 * length, roof),
            (x + 0.24 * length, line - 0.8 * high),
        ],
        (0.92, 0.88, 0.78),
    )
    scene.polygon(
        [
            (x + 0.13 * length, line - 0.8 * high),
            (x + 0.13 * length, roof),
            (x + 0.20 * length, roof),
            (x + 0.24 * length, line - 0.8 * high),
        ],
        (0.54, 0.52, 0.50),
    )
    for window in (-0.04, 0.05):
        scene.polygon(
            [
                (x + window * length, roof + 0.25 * high),
                (x + (window + 0.06) * length, roof + 0.25 * high),
                (x + (window + 0.06) * length, roof + 0.6 * high),
                (x + window * length, roof + 0.6 * high),
            ],
            (0.10, 0.16, 0.22),
        )
    scene.line((x - 0.10 * length, roof), (x + 0.22 * length, roof), 0.02 * length, (0.62, 0.30, 0.20))
    mast = (x - 0.14 * length, line - 1.35 * length)
    foot = (x - 0.14 * length, line - 0.8 * high)
    scene.line(foot, mast, 0.016 * length + 0.0008, (0.46, 0.32, 0.20))
    scene.line(
        (foot[0] + 0.004 * length, foot[1]),
        (mast[0] + 0.004 * length, mast[1]),
        0.006 * length,
        (0.84, 0.68, 0.46),
    )
    boom = line - 2.3 * high
    scene.line(
        (x - 0.14 * length, boom), (x + 0.38 * length, boom + 0.1 * high), 0.035 * length, (0.86, 0.82, 0.72)
    )
    scene.line(
        (x - 0.14 * length, boom + 0.08 * high),
        (x + 0.38 * length, boom + 0.18 * high),
        0.014 * length,
        (0.50, 0.46, 0.42),
    )
    for end in (deck[0], deck[1], (x - 0.30 * length, line - 0.9 * high)):
        scene.line(mast, end, 0.0011, (0.22, 0.20, 0.20), 0.75)
    flag = mast[1] + 0.01 * length
    scene.polygon(
        [(mast[0], flag), (mast[0] + 0.09 * length, flag + 0.02 * length), (mast[0], flag + 0.05 * length)],
        (0.80, 0.20, 0.14),
    )


def _float(scene: Scene, fleet: Scene, line: float, wave: Field) -> None:
    """Lay the boats of `fleet` on the scene, with their broken mirror images below `line`."""
    width = scene.shape[1]
    y, x = grid(scene.shape)
    first = int(line * width)
    below = np.maximum(y[first:] - line, 0)
    rows = (line - 0.95 * below + wave[first:] * (0.004 + 0.12 * below)) * width
    columns = (x[first:] + wave[first:] * (0.003 + 0.022 * below)) * width - 0.5
    ghost = sample(np.dstack([fleet.picture, fleet.cover]), rows, columns)
    image = ghost[..., :3] * 0.62 + floats(_DEEP) * 0.32 * ghost[..., 3:]
    fade = ghost[..., 3:] * smoothstep(0.42, 0.0, below)[..., None]
    scene.picture[first:] = (
        scene.picture[first:] * (1 - 0.86 * fade) + 0.86 * image * smoothstep(0.42, 0.0, below)[..., None]
    )
    scene.picture = blend(
        scene.picture, fleet.picture / np.maximum(fleet.cover, 1e-3)[..., None], fleet.cover
    )


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
        _bollard(scene, column, row, size)
    _crates(rng, scene)
    _lamp(scene, 0.115, 0.675)


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


def _bollard(scene: Scene, x: float, y: float, size: float) -> None:
    scene.oval((x + 1.3 * size, y + 0.02 * size), (1.7 * size, 0.30 * size), (0.08, 0.07, 0.09), 0.55)
    t = (grid(scene.shape)[1] - x) / size
    iron = ramp(
        np.abs(t + 0.35), (0.0, (0.62, 0.56, 0.50)), (0.4, (0.26, 0.25, 0.27)), (1.2, (0.06, 0.06, 0.08))
    )
    scene.polygon(
        [
            (x - 0.55 * size, y),
            (x - 0.42 * size, y - 1.5 * size),
            (x + 0.42 * size, y - 1.5 * size),
            (x + 0.55 * size, y),
        ],
        iron,
    )
    scene.oval((x, y), (0.55 * size, 0.14 * size), iron)
    scene.oval((x, y - 1.55 * size), (0.72 * size, 0.32 * size), iron)
    scene.oval((x - 0.15 * size, y - 1.65 * size), (0.40 * size, 0.14 * size), (0.66, 0.60, 0.52), 0.7)


def _crates(rng: np.random.Generator, scene: Scene) -> None:
    grainy = 0.16 * fbm(rng, scene.shape, (90, 14), 3)
    for x, base, size in ((0.665, 0.742, 0.085), (0.735, 0.752, 0.070), (0.690, 0.668, 0.062)):
        top = base - 0.78 * size
        scene.polygon(
            [
                (x, base),
                (x + 1.7 * size, base + 0.02),
                (x + 1.5 * size, base - 0.25 * size),
                (x + size, base - 0.3 * size),
            ],
            (0.06, 0.05, 0.07),
            opacity=0.4,
        )
        scene.polygon(
            [(x, base), (x, top), (x + size, top), (x + size, base)], (0.72, 0.52, 0.30), texture=grainy
        )
        scene.polygon(
            [
                (x, top),
                (x + 0.22 * size, top - 0.20 * size),
                (x + 1.22 * size, top - 0.20 * size),
                (x + size, top),
            ],
            (0.90, 0.74, 0.50),
            texture=grainy,
        )
        scene.polygon(
            [
                (x + size, base),
                (x + size, top),
                (x + 1.22 * size, top - 0.20 * size),
                (x + 1.22 * size, base - 0.2 * size),
            ],
            (0.36, 0.24, 0.16),
            texture=grainy,
        )
        for plank in range(1, 5):
            row = top + plank * (base - top) / 5
            scene.line((x, row), (x + size, row), 0.0028, (0.22, 0.14, 0.09), 0.85)
            scene.line((x + size, row), (x + 1.22 * size, row - 0.2 * size), 0.0024, (0.12, 0.08, 0.06), 0.8)
        for post in (0.06, 0.94):
            scene.line((x + post * size, top), (x + post * size, base), 0.10 * size, (0.62, 0.43, 0.24))


def _lamp(scene: Scene, x: float, base: float) -> None:
    """Put an iron lamp post at the left, near the viewer."""
    iron, shine = (0.10, 0.11, 0.12), (0.46, 0.44, 0.42)
    top = 0.20
    scene.oval((x, base), (0.026, 0.008), iron)
    for low, high, half in (
        (base, base - 0.06, 0.017),
        (base - 0.06, base - 0.075, 0.021),
        (base - 0.075, top, 0.0075),
    ):
        scene.polygon(
            [(x - half, low), (x - 0.8 * half, high), (x + 0.8 * half, high), (x + half, low)], iron
        )
        scene.polygon(
            [(x - 0.7 * half, low), (x - 0.6 * half, high), (x - 0.25 * half, high), (x - 0.3 * half, low)],
            shine,
        )
    scene.line((x - 0.045, top + 0.035), (x + 0.045, top + 0.035), 0.006, iron)
    scene.polygon(
        [(x - 0.017, top), (x - 0.030, top - 0.075), (x + 0.030, top - 0.075), (x + 0.017, top)],
        (0.93, 0.86, 0.66),
        opacity=0.85,
    )
    scene.polygon(
        [(x + 0.002, top), (x + 0.004, top - 0.075), (x + 0.030, top - 0.075), (x + 0.017, top)],
        (0.62, 0.66, 0.66),
        opacity=0.7,
    )
    for side in (-1, 0, 1):
        scene.line((x + 0.017 * side, top), (x + 0.030 * side, top - 0.075), 0.0035, iron)
    scene.polygon([(x - 0.038, top - 0.075), (x, top - 0.115), (x + 0.038, top - 0.075)], iron)
    scene.polygon([(x - 0.034, top - 0.078), (x - 0.002, top - 0.110), (x - 0.012, top - 0.078)], shine)
    scene.line((x, top - 0.112), (x, top - 0.132), 0.005, iron)
