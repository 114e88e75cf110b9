"""Style: a sunlit river bank in dots of unmixed colours."""

from __future__ import annotations

import numpy as np

from painting._noise import (
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
    smoothstep,
)
from painting._strokes import Canvas, make_brush, pixels, scatter


def pointillism(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw a sunlit river bank in dots of unmixed colours, as Seurat did; returns (h, w, 3)."""
    target, shadow = _river_bank(rng, shape)
    width = shape[1]
    canvas = Canvas(blend(target * 0.9, (0.93, 0.88, 0.74), 0.45))
    for count, size, value, hue, split in (
        (5200, 0.0175, 0.10, 0.06, 0.12),
        (9500, 0.0125, 0.14, 0.08, 0.22),
        (11000, 0.0090, 0.16, 0.10, 0.30),
    ):
        rows, columns = scatter(rng, shape, count)
        colours = _divide(rng, pixels(target, rows, columns), pixels(shadow, rows, columns), split)
        brush = make_brush(rng, size * width * 1.2, size * width, bristles=0.10, dot=True)
        turn = rng.uniform(0, np.pi, len(rows)).astype(np.float32)
        canvas.stroke(brush, rows, columns, turn, jitter(rng, colours, value, hue))
    return canvas.lit(0.22)


def _divide(rng: np.random.Generator, colours: Field, shadow: Field, share: float) -> Field:
    """Replace a `share` of the colours by pure ones: warm in the light, cool in the shade, some opposites."""
    count = len(colours)
    mean = colours.mean(axis=1, keepdims=True)
    vivid = np.clip(mean + (colours - mean) * 1.45, 0, 1)
    warm = pick(rng, [(1.0, 0.86, 0.30), (1.0, 0.62, 0.22), (0.98, 0.95, 0.72), (0.98, 0.55, 0.50)], count)
    cool = pick(rng, [(0.22, 0.26, 0.70), (0.48, 0.26, 0.66), (0.10, 0.44, 0.62), (0.76, 0.22, 0.44)], count)
    pure = np.where(rng.random((count, 1)) < 0.15 + 0.7 * shadow[:, None], cool, warm)
    return floats(np.where(rng.random((count, 1)) < share, 0.72 * pure + 0.28 * vivid, vivid))


def _river_bank(rng: np.random.Generator, shape: Shape) -> tuple[Field, Field]:
    """Return the scene's colours (h, w, 3) and how much each place lies in the shade (h, w)."""
    y, x = grid(shape)
    rough = fbm(rng, shape, (6, 6), 4)
    fine = fbm(rng, shape, (22, 22), 3)
    sky = ramp(y + 0.03 * rough, (0.0, (0.36, 0.62, 0.92)), (0.2, (0.66, 0.80, 0.94)), (0.36, (0.99, 0.88, 0.66)))
    picture = blend(sky, (1.0, 0.90, 0.88), 0.55 * smoothstep(0.5, 1.6, rough) * smoothstep(0.32, 0.1, y))
    shade = np.full(shape, 0.15, np.float32)
    far = y > 0.335 - 0.03 * np.sin(4 * x + 2) - 0.006 * rough
    picture = blend(
        picture,
        blend(
            np.broadcast_to(floats([0.42, 0.56, 0.74]), picture.shape),
            (0.58, 0.72, 0.50),
            smoothstep(-0.6, 0.9, rough),
        ),
        far,
    )
    water = y > 0.40
    wave = np.sin(y * 210 + 2.2 * noise(rng, shape, (30, 4)))
    river = ramp(
        y + 0.02 * wave, (0.40, (0.93, 0.85, 0.70)), (0.47, (0.55, 0.76, 0.90)), (0.75, (0.14, 0.40, 0.74))
    )
    picture = blend(picture, river, water)
    picture, shade = _sails(picture, shade, wave)
    bank = y > 0.80 - 0.36 * smoothstep(0.50, 1.05, x) - 0.012 * rough + 0.08 * smoothstep(0.4, 0, x) - 0.03
    grass = ramp(
        fine + 2.4 * (y - 0.75),
        (-1.2, (0.16, 0.42, 0.20)),
        (0.0, (0.46, 0.66, 0.18)),
        (1.2, (0.90, 0.86, 0.28)),
    )
    picture = blend(picture, grass, bank)
    shade = np.where(bank, smoothstep(0.4, -1.0, fine) * 0.6, shade)
    for row, column, size in (
        (0.20, 0.83, 0.20),
        (0.33, 0.98, 0.20),
        (0.12, 0.97, 0.15),
        (0.53, 0.02, 0.12),
    ):
        picture, shade = _tree(picture, shade, rough, fine, (row, column), size)
    for column, row, size, dress, shelter in (
        (0.545, 0.86, 0.20, (0.48, 0.14, 0.46), (0.98, 0.46, 0.12)),
        (0.655, 0.80, 0.15, (0.92, 0.24, 0.26), (0.98, 0.92, 0.80)),
        (0.255, 0.95, 0.17, (0.16, 0.24, 0.58), (0.90, 0.30, 0.44)),
    ):
        picture, shade = _walker(picture, shade, (column, row), size, (dress, shelter))
    return picture, shade.astype(np.float32)


def _walker(
    picture: Field, shade: Field, place: tuple[float, float], size: float, colours: tuple[Colour, Colour]
) -> tuple[Field, Field]:
    """Put a lady with a parasol on the bank, standing at `place` (x, y), and her shadow."""
    y, x = grid((shade.shape[0], shade.shape[1]))
    across, up = (x - place[0]) / size, (place[1] - y) / size
    cast = (np.hypot((up + 0.02) / 0.05, (across + 0.42) / 0.42) < 1).astype(np.float32)
    picture = blend(picture, (0.16, 0.24, 0.46), 0.85 * cast)
    skirt = (up > 0) & (up < 0.62) & (np.abs(across) < 0.19 - 0.22 * up + 0.05 * np.sin(5 * up))
    bodice = np.hypot((up - 0.66) / 0.16, across / 0.085) < 1
    picture = blend(picture, colours[0], skirt | bodice)
    picture = blend(picture, np.clip(np.array(colours[0]) * 1.5 + 0.15, 0, 1), (skirt | bodice) & (across > 0.03))
    picture = blend(picture, (0.96, 0.74, 0.58), np.hypot((up - 0.87) / 0.075, across / 0.055) < 1)
    canopy = (np.hypot((up - 0.98) / 0.20, (across - 0.03) / 0.34) < 1) & (up > 0.98)
    picture = blend(picture, colours[1], canopy)
    picture = blend(picture, np.array(colours[1]) * 0.6, canopy & (across < -0.1))
    shade = np.where(skirt | bodice | canopy, 0.25, np.maximum(shade, cast))
    return picture, shade


def _sails(picture: Field, shade: Field, wave: Field) -> tuple[Field, Field]:
    """Put sails with wavering reflections on the river."""
    y, x = grid(shade.shape)
    for column, row, size, colour in (
        (0.34, 0.57, 0.36, (1.0, 0.98, 0.90)),
        (0.58, 0.47, 0.17, (1.0, 0.66, 0.42)),
        (0.18, 0.445, 0.10, (1.0, 0.93, 0.82)),
    ):
        for side, tone in ((1, 1.0), (-1, 0.0)):
            up = (row - y) * side / size
            sway = 0.0 if side == 1 else 0.014 * wave
            sail = (
                (up > 0.06)
                & (up < 1)
                & (x + sway > column - 0.03 * size)
                & (x + sway < column + 0.42 * size * np.clip(1 - up, 0, 1) ** 0.8)
            )
            jib = (
                (up > 0.1)
                & (up < 0.85)
                & (x + sway < column - 0.05 * size)
                & (x + sway > column - 0.30 * size * (0.85 - up))
            )
            hull = (up > -0.02) & (up <= 0.06) & (np.abs(x - column - 0.06 * size) < 0.38 * size)
            picture = blend(picture, colour, sail * (0.70 + 0.30 * tone))
            picture = blend(picture, (0.96, 0.74, 0.56), jib * (0.5 + 0.45 * tone))
            picture = blend(picture, (0.50, 0.16, 0.20), hull * 0.9)
    return picture, shade


def _tree(
    picture: Field, shade: Field, rough: Field, fine: Field, centre: tuple[float, float], size: float
) -> tuple[Field, Field]:
    """Put a round tree with a trunk and a violet shadow on the bank."""
    y, x = grid(shade.shape)
    row, column = centre
    trunk = (np.abs(x - column - 0.1 * (y - row) ** 2) < 0.07 * size) & (y > row) & (y < row + 2.1 * size)
    picture = blend(picture, (0.40, 0.20, 0.28), trunk)
    ground = np.hypot((y - row - 2.1 * size) / 0.18, (x - column + 0.6 * size) / 0.9) / size
    cast = smoothstep(1.1, 0.7, ground)
    picture = blend(picture, (0.24, 0.24, 0.52), 0.75 * cast)
    reach = np.hypot(y - row, x - column) / size + 0.10 * rough + 0.05 * fine
    crown = smoothstep(1.02, 0.97, reach)
    lean = ((column - x) + (row - y)) / size + 0.3 * fine + 0.25 * rough
    leaves = ramp(
        lean,
        (-1.0, (0.08, 0.16, 0.36)),
        (-0.3, (0.08, 0.36, 0.26)),
        (0.3, (0.36, 0.62, 0.16)),
        (1.1, (0.97, 0.82, 0.22)),
    )
    picture = blend(picture, leaves, crown)
    shade = np.maximum(shade * (1 - crown), np.maximum(crown * smoothstep(0.5, -0.6, lean), cast))
    return picture, shade
