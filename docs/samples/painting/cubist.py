"""Style: a table with a guitar, a bottle and fruit, broken into planes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from painting._noise import (
    Colour,
    Field,
    Shape,
    blend,
    blur,
    fbm,
    floats,
    grid,
    jitter,
    noise,
    sample,
    smoothstep,
)
from painting._strokes import Canvas, make_brush, pixels, scatter

_PLANES: tuple[Colour, ...] = (
    (0.84, 0.64, 0.32), (0.66, 0.38, 0.14), (0.34, 0.18, 0.11), (0.95, 0.88, 0.70), (0.52, 0.53, 0.47),
    (0.18, 0.33, 0.40), (0.28, 0.44, 0.34), (0.74, 0.26, 0.13), (0.13, 0.12, 0.15), (0.76, 0.71, 0.58),
)  # fmt: skip
_BOTTLE = [(0.10, 0.20), (0.17, 0.20), (0.18, 0.40), (0.25, 0.48), (0.25, 0.82), (0.06, 0.82), (0.06, 0.48)]
#: Corners (x, y) and 8-bit colours of the flat things: wall, window, table, cloth, bottle, neck, bowl, sheet.
_SHAPES = (
    ([(0.0, 0.0), (0.40, 0.0), (0.33, 0.55), (0.0, 0.62)], (92, 118, 104)),
    ([(0.66, 0.0), (1.0, 0.0), (1.0, 0.50), (0.70, 0.46)], (38, 104, 142)),
    ([(0.74, 0.04), (0.95, 0.02), (0.95, 0.40), (0.77, 0.38)], (150, 186, 190)),
    ([(0.0, 0.66), (1.0, 0.56), (1.0, 1.0), (0.0, 1.0)], (122, 62, 26)),
    ([(0.08, 0.72), (0.86, 0.62), (0.98, 0.92), (0.22, 1.0)], (240, 226, 186)),
    ([*_BOTTLE, (0.10, 0.40)], (22, 62, 50)),
    ([(0.07, 0.56), (0.24, 0.56), (0.24, 0.70), (0.07, 0.70)], (236, 214, 150)),
    ([(0.56, 0.36), (0.86, 0.02), (0.91, 0.06), (0.61, 0.42)], (48, 26, 18)),
    ([(0.60, 0.74), (0.94, 0.72), (0.88, 0.88), (0.67, 0.89)], (44, 100, 116)),
    ([(0.20, 0.84), (0.50, 0.78), (0.55, 0.94), (0.26, 0.99)], (250, 242, 218)),
)
#: Centre (x, y), radius and colour of the round things: the body of the guitar, its hole, fruit.
_ROUNDS = (
    (0.40, 0.62, 0.195, (204, 122, 36)),
    (0.55, 0.44, 0.145, (222, 150, 52)),
    (0.46, 0.55, 0.075, (30, 18, 14)),
    (0.68, 0.70, 0.055, (196, 44, 26)),
    (0.77, 0.67, 0.055, (226, 150, 30)),
    (0.86, 0.70, 0.055, (120, 140, 44)),
    (0.74, 0.62, 0.055, (178, 30, 28)),
)
_FINER = 2  # plans are drawn this many times larger and reduced, so that edges are smooth

Polygon = npt.NDArray[np.float64]


def cubist(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw tilted planes of ochre, umber and blue, each shaded and brushed its own way; returns (h, w, 3)."""
    facets = _split(rng, shape[0] / shape[1])
    target, angle, edges = _planes(rng, facets, shape)
    canvas = Canvas(target)
    width = shape[1]
    near = np.clip(1.8 * blur(edges, width / 130), 0, 1)
    for count, length, breadth, value in ((3000, 0.044, 0.021, 0.07), (4200, 0.026, 0.012, 0.11)):
        rows, columns = scatter(rng, shape, count)
        free = pixels(near[..., None], rows, columns)[:, 0] < rng.random(len(rows))
        rows, columns = rows[free], columns[free]
        turn = pixels(angle, rows, columns) + rng.normal(0, 0.10, len(rows)).astype(np.float32)
        brush = make_brush(rng, length * width, breadth * width, bristles=0.13, opacity=0.85, tip=0.25)
        canvas.stroke(brush, rows, columns, turn, jitter(rng, pixels(target, rows, columns), value, 0.018))
    picture = blend(canvas.lit(0.30), canvas.lit(0.42, target), 0.5)
    grain = noise(rng, shape, (160, 160))
    picture = blend(picture, target * (1 + 0.06 * grain[..., None]), 0.6 * near)
    line = edges * np.clip(0.7 + 0.45 * fbm(rng, shape, (12, 12), 2), 0.0, 1)
    return np.clip(blend(picture, (0.06, 0.045, 0.06), 0.9 * line), 0, 1)


def _split(rng: np.random.Generator, ratio: float) -> list[Polygon]:
    """Cut the canvas by straight lines, mostly near a few directions, until the pieces are small."""
    waiting = [np.array([[0, 0], [1, 0], [1, ratio], [0, ratio]], float)]
    done = []
    while waiting:
        piece = waiting.pop()
        centre = piece.mean(axis=0)
        toward_middle = float(np.hypot(centre[0] - 0.5, centre[1] - 0.5 * ratio))
        if _area(piece) < rng.uniform(0.005, 0.018) * (0.6 + 2.4 * toward_middle):
            done.append(piece)
            continue
        turn = rng.choice([0.55, 1.20, 1.95, 2.60, 0.9, 2.25]) + rng.normal(0, 0.10)
        extent = piece.max(axis=0) - piece.min(axis=0)
        through = centre + rng.uniform(-0.16, 0.16, 2) * extent
        normal = np.array([-np.sin(turn), np.cos(turn)])
        if abs(normal @ extent) < 0.25 * extent.max():  # would cut a sliver off a long piece
            normal = normal[::-1]
        waiting += [
            half for half in (_side(piece, through, normal), _side(piece, through, -normal)) if len(half) > 2
        ]
    return done


def _area(piece: Polygon) -> float:
    x, y = piece.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def _side(piece: Polygon, through: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]) -> Polygon:
    """Return the part of a convex polygon on the positive side of a line (Sutherland and Hodgman 1974)."""
    height = (piece - through) @ normal
    kept = []
    for point, following, here, there in zip(
        piece, np.roll(piece, -1, 0), height, np.roll(height, -1), strict=True
    ):
        if here >= 0:
            kept.append(point)
        if here * there < 0:
            kept.append(point + (following - point) * (here / (here - there)))
    return np.array(kept)


def _planes(rng: np.random.Generator, facets: list[Polygon], shape: Shape) -> tuple[Field, Field, Field]:
    """Return the shaded planes (h, w, 3), the direction of the brush and the lines between (h, w)."""
    height, width = shape
    plan = _plan(facets, shape)
    label = plan[::_FINER, ::_FINER]
    count = len(facets)

    def each(values: npt.ArrayLike) -> Field:
        return floats(values)[label]

    centre = each([piece.mean(axis=0) for piece in facets])
    y, x = grid(shape)
    dx, dy = x - centre[..., 0], y - centre[..., 1]
    turn = each(rng.choice([0.3, 1.2, 1.9, 2.8], count) + rng.normal(0, 0.12, count))
    light = each(rng.choice([-0.3, 0.9, 2.4, 3.6], count) + rng.normal(0, 0.3, count))
    scale = each(rng.uniform(0.86, 1.12, count))
    offset = each(rng.normal(0, 0.022, (count, 2)))
    seen_x = centre[..., 0] + dx * scale + offset[..., 0]
    seen_y = centre[..., 1] + dy * scale + offset[..., 1]
    seen = sample(_table(shape), seen_y * width - 0.5, seen_x * width - 0.5)
    tint = floats(_PLANES)[rng.integers(len(_PLANES), size=count)][label]
    picture = blend(seen, tint, each(rng.choice([0.06, 0.22, 0.50], count, p=[0.5, 0.3, 0.2])))
    shade = smoothstep(-0.0825, 0.0825, np.cos(light) * dx + np.sin(light) * dy)[..., None]
    picture = picture * (0.60 + 0.72 * shade) + 0.18 * np.maximum(shade - 0.7, 0)
    inked = (plan != np.roll(plan, 1, 0)) | (plan != np.roll(plan, 1, 1))
    edges = blur(floats(inked), _FINER * width / 1024)
    edges = floats(edges.reshape(height, _FINER, width, _FINER).mean(axis=(1, 3)))
    return np.clip(picture, 0, 1), turn, np.clip(edges * (3.4 * width / 512), 0, 1)


def _plan(facets: list[Polygon], shape: Shape) -> npt.NDArray[np.int32]:
    """Return the number of the facet at each point, `_FINER` points per pixel."""
    height, width = shape
    finer = Image.new("I", (width * _FINER, height * _FINER))
    draw = ImageDraw.Draw(finer)
    for number, piece in enumerate(facets):
        draw.polygon([(float(x), float(y)) for x, y in piece * width * _FINER], fill=number)
    return np.array(finer)


def _table(shape: Shape) -> Field:
    """Return the still life before it is broken, (h, w, 3)."""
    width = shape[1] * _FINER
    image = Image.new("RGB", (width, shape[0] * _FINER), (186, 172, 134))
    draw = ImageDraw.Draw(image)
    ink, thick = (20, 14, 16), max(width // 180, 1)

    def scaled(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * width, y * width) for x, y in points]

    for points, colour in _SHAPES:
        draw.polygon(scaled(points), fill=colour, outline=ink, width=thick)
    for x, y, radius, colour in _ROUNDS:
        box = scaled([(x - radius, y - radius), (x + radius, y + radius)])
        draw.ellipse(box, fill=colour, outline=ink, width=thick)
    for string in range(5):
        shift = 0.010 * (string - 2)
        ends = scaled([(0.32 + shift, 0.70 + shift), (0.88 + shift, 0.04 + shift)])
        draw.line(ends, fill=(244, 232, 200), width=max(width // 330, 1))
    for line in range(7):
        ends = scaled([(0.23, 0.862 + 0.018 * line), (0.51, 0.806 + 0.018 * line)])
        draw.line(ends, fill=(40, 34, 34), width=max(width // 400, 1))
    return floats(np.array(image.reduce(_FINER))) / np.float32(255)
