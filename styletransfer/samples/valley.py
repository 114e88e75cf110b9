"""Content scene: a mountain valley with a lake, a farmhouse and firs on a summer morning."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from styletransfer.samples._noise import (
    Colour,
    Field,
    Shape,
    blend,
    fbm,
    floats,
    grid,
    jitter,
    noise,
    pick,
    ramp,
    slope,
    smoothstep,
)
from styletransfer.samples._scene import Scene, develop, sky, water
from styletransfer.samples._strokes import Canvas, make_brush, pixels

_LAKE = 0.415
_AIR: Colour = (0.70, 0.78, 0.86)
_FIR_SIDE = 192


def valley(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw peaks in haze, a lake that mirrors them, firs at several depths, a farm and a meadow in flower."""
    picture = sky(rng, shape, 0.40, (0.16, 0.12))
    for top, rise, cells, haze, snow in (
        (0.235, 0.075, 3, 0.62, 0.085),
        (0.285, 0.050, 4, 0.40, 0.03),
        (0.335, 0.030, 4, 0.24, 0.0),
    ):
        picture = _range(rng, picture, top, rise, cells, haze, snow)
    firs = [_fir(rng) for _ in range(4)]
    scene = Scene(picture)
    _forest(rng, scene, firs, _LAKE, (0.030, 0.052), 110, 0.34)
    scene.picture = water(rng, scene.picture, _LAKE, (0.08, 0.24, 0.32), 0.55)
    _meadow(rng, scene)
    _path(rng, scene)
    _grass(rng, scene)
    _farm(rng, scene, 0.70, 0.515, 0.17)
    _forest(rng, scene, firs, 0.535, (0.08, 0.13), 16, 0.16, (0.84, 1.08))
    _forest(rng, scene, firs, 0.530, (0.07, 0.12), 11, 0.16, (-0.06, 0.20))
    _fence(rng, scene)
    _forest(rng, scene, firs, 0.665, (0.52, 0.58), 1, 0.0, (0.055, 0.075))
    _forest(rng, scene, firs, 0.620, (0.30, 0.36), 1, 0.04, (0.175, 0.19))
    _forest(rng, scene, firs, 0.615, (0.36, 0.40), 1, 0.04, (0.95, 0.97))
    _flowers(rng, scene)
    return develop(rng, scene.picture)


def _range(
    rng: np.random.Generator, picture: Field, top: float, rise: float, cells: int, haze: float, snow: float
) -> Field:
    """Put a range of mountains on the picture: ridges lit from the left, snow on top, haze at its foot."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    y, x = grid(shape)
    crest = fbm(rng, (1, shape[1]), (1, cells), 6, 0.54)
    line = top - rise * (0.75 * crest + 0.3 - 0.7 * np.abs(noise(rng, (1, shape[1]), (1, cells + 2))))
    depth = y - line
    folds = 1 - np.abs(fbm(rng, shape, (4, 11), 6, 0.5)) + 0.10 * fbm(rng, shape, (20, 40), 4, 0.6)
    right = np.gradient(folds, axis=1) * shape[1]
    light = np.clip(0.52 + 0.011 * right + 0.004 * slope(folds) * shape[1], 0, 1).astype(np.float32)
    rock = ramp(light, (0.0, (0.13, 0.16, 0.24)), (0.5, (0.36, 0.37, 0.38)), (1.0, (0.80, 0.70, 0.58)))
    wood = ramp(light, (0.0, (0.06, 0.12, 0.12)), (0.5, (0.16, 0.26, 0.16)), (1.0, (0.46, 0.52, 0.26)))
    body = blend(rock, wood, smoothstep(0.05, 0.11, depth + 0.02 * (folds - 0.6)))
    white = ramp(light, (0.0, (0.46, 0.56, 0.74)), (0.45, (0.80, 0.86, 0.94)), (0.8, (1.0, 0.98, 0.94)))
    fallen = (
        smoothstep(0.012, -0.012, depth - snow * (0.7 + 0.5 * (folds - 0.5)))
        if snow
        else np.zeros(shape, np.float32)
    )
    body = blend(body, white, fallen)
    mist = np.clip(
        haze + 0.45 * smoothstep(0.02, 0.20, depth) * haze + 0.03 * fbm(rng, shape, (6, 3), 3), 0, 0.95
    )
    body = blend(body, _AIR, mist)
    return blend(picture, body, smoothstep(-0.0012, 0.0012, depth))


def _fir(rng: np.random.Generator) -> Field:
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


def _forest(
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
        planes = [Image.fromarray(fir[..., c] * fir[..., 3]) for c in range(3)] + [
            Image.fromarray(fir[..., 3])
        ]
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


def _ground_line(x: Field) -> Field:
    """Return the near shore of the lake, in units of the width."""
    return (
        0.468
        + 0.026 * np.sin(5.2 * x + 0.6)
        - 0.030 * smoothstep(0.45, 0.9, x)
        - 0.02 * smoothstep(0.25, 0, x)
    )


def _meadow(rng: np.random.Generator, scene: Scene) -> None:
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


def _off_path(y: Field, x: Field) -> Field:
    """Return the distance from the middle of the path, as a share of its half width."""
    t = np.clip((y - 0.515) / 0.235, 0, 1)
    middle = 0.735 - 0.30 * t**0.8 + 0.10 * np.sin(5.5 * t)
    distance: Field = np.abs(x - middle) / (0.006 + 0.060 * t**1.4)
    return distance


def _path(rng: np.random.Generator, scene: Scene) -> None:
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


def _farm(rng: np.random.Generator, scene: Scene, x: float, base: float, size: float) -> None:
    """Build a farmhouse of stone and timber, seen from its corner, with a barn and a smoking chimney."""
    grain = 0.20 * fbm(rng, scene.shape, (120, 16), 3)
    stone = 0.16 * fbm(rng, scene.shape, (70, 90), 3, 0.7)
    y, across = grid(scene.shape)
    shadow = np.exp(-(((y - base - 0.012) / 0.014) ** 2) - ((across - x - 0.75 * size) / (0.62 * size)) ** 2)
    scene.picture = blend(scene.picture, (0.08, 0.14, 0.08), 0.75 * shadow)
    mid, eave, peak = base - 0.17 * size, base - 0.36 * size, base - 0.70 * size
    corner, left, right = x + 0.36 * size, x, x + 1.15 * size
    ridge = x + 0.18 * size
    scene.polygon(
        [(left, base), (left, mid), (corner, mid), (corner, base + 0.02)], (0.88, 0.83, 0.74), texture=stone
    )
    scene.polygon(
        [(left, mid), (left, eave), (ridge, peak), (corner, eave), (corner, mid)],
        (0.62, 0.40, 0.22),
        texture=grain,
    )
    scene.polygon(
        [(corner, base + 0.02), (corner, mid), (right, mid), (right, base)], (0.52, 0.50, 0.50), texture=stone
    )
    scene.polygon(
        [(corner, mid), (corner, eave), (right, eave), (right, mid)], (0.32, 0.20, 0.14), texture=grain
    )
    roof = ramp(0.5 + grain, (0.0, (0.22, 0.12, 0.10)), (0.5, (0.46, 0.25, 0.18)), (1.0, (0.66, 0.42, 0.30)))
    far = x + 1.02 * size
    scene.polygon(
        [
            (ridge - 0.02 * size, peak - 0.02 * size),
            (far, peak),
            (right + 0.05 * size, eave + 0.05 * size),
            (corner - 0.03 * size, eave + 0.06 * size),
        ],
        roof,
    )
    for course in range(1, 9):
        t = course / 9
        scene.line(
            (ridge + t * (corner - ridge), peak + t * (eave - peak)),
            (far + t * (right - far), peak + t * (eave - peak)),
            0.0016,
            (0.16, 0.09, 0.08),
            0.55,
        )
    scene.line(
        (ridge, peak - 0.015 * size),
        (left - 0.05 * size, eave + 0.06 * size),
        0.030 * size,
        (0.34, 0.20, 0.14),
    )
    scene.line(
        (ridge, peak - 0.015 * size),
        (corner - 0.01 * size, eave + 0.06 * size),
        0.022 * size,
        (0.24, 0.14, 0.10),
    )
    scene.polygon(
        [
            (corner, eave + 0.05 * size),
            (right, eave + 0.05 * size),
            (right, eave + 0.10 * size),
            (corner, eave + 0.11 * size),
        ],
        (0.05, 0.04, 0.06),
        opacity=0.5,
    )
    for row, columns in (
        (base - 0.085 * size, (0.07, 0.24)),
        (base - 0.27 * size, (0.05, 0.16, 0.27)),
        (base - 0.46 * size, (0.16,)),
    ):
        for column in columns:
            _pane(scene, x + column * size, row, 0.020 * size, 0.040 * size, (0.90, 0.86, 0.78))
    for row in (base - 0.08 * size, base - 0.26 * size):
        for column in (0.50, 0.66, 0.82, 0.98):
            _pane(scene, x + column * size, row, 0.026 * size, 0.042 * size, (0.60, 0.58, 0.56))
    scene.line((left - 0.01, mid), (corner, mid + 0.002), 0.020 * size, (0.44, 0.27, 0.15))
    scene.line((corner, mid + 0.002), (right, mid), 0.020 * size, (0.24, 0.15, 0.10))
    stack = x + 0.62 * size
    scene.polygon(
        [
            (stack, peak + 0.06 * size),
            (stack, peak - 0.10 * size),
            (stack + 0.045 * size, peak - 0.10 * size),
            (stack + 0.045 * size, peak + 0.09 * size),
        ],
        (0.74, 0.66, 0.58),
    )
    scene.polygon(
        [
            (stack + 0.045 * size, peak + 0.09 * size),
            (stack + 0.045 * size, peak - 0.10 * size),
            (stack + 0.08 * size, peak - 0.09 * size),
            (stack + 0.08 * size, peak + 0.06 * size),
        ],
        (0.36, 0.31, 0.30),
    )
    _smoke(rng, scene, stack + 0.04 * size, peak - 0.11 * size)


def _pane(scene: Scene, x: float, y: float, half: float, tall: float, frame: Colour) -> None:
    scene.polygon(
        [
            (x - 1.5 * half, y - 1.25 * tall),
            (x + 1.5 * half, y - 1.25 * tall),
            (x + 1.5 * half, y + 1.25 * tall),
            (x - 1.5 * half, y + 1.25 * tall),
        ],
        frame,
    )
    scene.polygon(
        [(x - half, y - tall), (x + half, y - tall), (x + half, y + tall), (x - half, y + tall)],
        (0.12, 0.16, 0.20),
    )
    scene.polygon(
        [(x - half, y - tall), (x + half, y - tall), (x - half, y + 0.4 * tall)],
        (0.50, 0.60, 0.68),
        opacity=0.6,
    )
    scene.line(
        (x - 1.6 * half, y + 1.5 * tall), (x + 1.6 * half, y + 1.5 * tall), 0.5 * tall, (0.70, 0.16, 0.16)
    )


def _smoke(rng: np.random.Generator, scene: Scene, x: float, y: float) -> None:
    rows, columns = grid(scene.shape)
    rise = np.maximum(y - rows, 0)
    drift = x + 0.55 * rise + 0.008 * np.sin(60 * rise) + 0.004 * fbm(rng, scene.shape, (12, 12), 3)
    veil = (
        np.exp(-(((columns - drift) / (0.004 + 0.10 * rise)) ** 2)) * smoothstep(0.16, 0.0, rise) * (rows < y)
    )
    scene.picture = blend(scene.picture, (0.88, 0.89, 0.92), 0.62 * veil)


def _fence(rng: np.random.Generator, scene: Scene) -> None:
    """Run a weathered wooden fence along the meadow, away from the viewer."""
    before: tuple[float, float, float] | None = None
    for t in np.linspace(0, 1, 12) ** 0.75:
        x, base, tall = 1.04 - 0.42 * t, 0.715 - 0.155 * t, 0.085 - 0.062 * t
        lean = float(rng.normal(0, 0.05)) * tall
        if before is not None:
            for share in (0.78, 0.45):
                ends = (before[0], before[1] - share * before[2]), (x, base - share * tall)
                scene.line(*ends, 0.13 * tall, (0.46, 0.38, 0.30))
                scene.line(
                    (ends[0][0], ends[0][1] - 0.03 * tall),
                    (ends[1][0], ends[1][1] - 0.03 * tall),
                    0.05 * tall,
                    (0.76, 0.68, 0.56),
                )
        scene.line((x, base), (x + lean, base - tall), 0.16 * tall, (0.34, 0.27, 0.21))
        scene.line(
            (x - 0.05 * tall, base), (x + lean - 0.05 * tall, base - tall), 0.06 * tall, (0.74, 0.66, 0.54)
        )
        before = x, base, tall


def _near(scene: Scene, rng: np.random.Generator, count: int, top: float) -> tuple[Field, Field]:
    """Return points on the meadow, sparser towards the viewer as things grow, sorted from far to near."""
    ratio = scene.shape[0] / scene.shape[1]
    y = top + (ratio + 0.02 - top) * rng.random(count) ** 0.8
    x = rng.uniform(-0.02, 1.02, count)
    order = np.argsort(y)
    y, x = y[order].astype(np.float32), x[order].astype(np.float32)
    free = y > _ground_line(x) + 0.02
    return y[free], x[free]


def _grass(rng: np.random.Generator, scene: Scene) -> None:
    """Let blades of grass grow, longer towards the viewer."""
    canvas = Canvas(scene.picture)
    width = scene.shape[1]
    y, x = _near(scene, rng, 9000, 0.50)
    for low, high, length in ((0.50, 0.58, 0.010), (0.58, 0.66, 0.020), (0.66, 0.80, 0.036)):
        some = (y >= low) & (y < high)
        brush = make_brush(
            rng, length * width, 0.085 * length * width + 0.6, bend=1.2, bristles=0.12, tip=0.9
        )
        colours = jitter(rng, pixels(scene.picture, y[some], x[some]), 0.30, 0.025)
        on_path = _off_path(y[some], x[some]) < 1
        turn = (np.pi / 2 + rng.normal(0, 0.34, int(some.sum()))).astype(np.float32)
        keep = ~on_path | (rng.random(len(on_path)) < 0.08)
        canvas.stroke(brush, y[some][keep] - 0.4 * length, x[some][keep], turn[keep], colours[keep])
    scene.picture = np.ascontiguousarray(canvas.flat())


def _flowers(rng: np.random.Generator, scene: Scene) -> None:
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
            canvas.stroke(
                petal, y[some] + dy * size, x[some] + dx * size, turn, np.clip(colours * light, 0, 1)
            )
        heart = np.tile(floats((0.36, 0.24, 0.06)), (count, 1))
        canvas.stroke(shade, y[some], x[some], np.zeros(count, np.float32), heart)
    scene.picture = np.ascontiguousarray(canvas.flat())
