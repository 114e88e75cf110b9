"""Style: a coloured woodcut of a mountain at sunrise."""

from __future__ import annotations

import numpy as np

from painting._noise import Field, Shape, blend, fbm, floats, grid, noise, ramp, smoothstep

_INK = (0.06, 0.05, 0.07)
_PAPER = (0.95, 0.90, 0.77)


def woodcut(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw carved lines over blocks of colour: sun, mountain, hills, waves and a pine; returns (h, w, 3)."""
    y, x = grid(shape)
    wobble = 0.004 * fbm(rng, shape, (9, 9), 3)
    swell = fbm(rng, shape, (26, 26), 2)
    colours, ink = _sky(y + wobble, x + wobble, swell)
    for layer in (_mountain, _hills, _waves, _pine):
        colours, ink = layer(rng, y + wobble, x + wobble, swell, colours, ink)
    return _print(rng, colours, ink)


def _lines(phase: Field, tone: Field, swell: Field, frequency: float) -> Field:
    """Return ink lines along the level sets of `phase`: `tone` is the share of ink, `swell` lets it vary."""
    wave = np.abs(2 * ((phase * frequency) % 1.0) - 1)
    softness = 3.0 * frequency / phase.shape[1]
    cover: Field = np.clip((tone + 0.13 * swell - wave) / softness + 0.5, 0, 1).astype(np.float32)
    return cover


def _outline(distance: Field, width: float) -> Field:
    return smoothstep(width, 0.6 * width, np.abs(distance))


def _sky(y: Field, x: Field, swell: Field) -> tuple[Field, Field]:
    reach = np.hypot(y - 0.30, x - 0.64)
    turn = np.arctan2(y - 0.30, x - 0.64)
    colours = ramp(
        reach,
        (0.135, (0.99, 0.83, 0.36)),
        (0.30, (0.96, 0.58, 0.18)),
        (0.50, (0.82, 0.22, 0.13)),
        (0.80, (0.40, 0.10, 0.22)),
    )
    rings = _lines(reach + 0.012 * np.sin(7 * turn), 0.04 + 0.85 * np.clip(reach - 0.12, 0, 1) ** 0.8, swell, 52)
    rays = _lines(turn, smoothstep(0.42, 0.14, reach) * 0.34, swell, 64 / (2 * np.pi))
    ink = np.maximum(rings, rays * (reach > 0.15))
    colours = blend(colours, (0.90, 0.14, 0.09), reach < 0.132)
    ink = np.where(reach < 0.132, _lines(y, smoothstep(0.30, 0.47, y) * 0.55, swell, 70), ink)
    ink = np.maximum(ink, _outline(reach - 0.135, 0.005))
    cloud_lines = np.zeros_like(y)
    for row, column, length, height in (
        (0.13, 0.28, 0.24, 0.030),
        (0.33, 0.84, 0.20, 0.024),
        (0.22, 0.10, 0.17, 0.022),
        (0.07, 0.72, 0.22, 0.022),
        (0.40, 0.36, 0.17, 0.018),
    ):
        bumps = height * (0.75 + 0.35 * np.abs(np.sin((x - column) * 42)))
        inside = np.hypot((y - row) / bumps, (x - column) / length) - 1
        colours = blend(colours, _PAPER, inside < 0)
        ink = np.where(
            inside < 0,
            _lines(y + 0.3 * bumps, 0.75 * smoothstep(-0.4, 1.0, (y - row) / bumps), swell, 95),
            ink,
        )
        cloud_lines = np.maximum(cloud_lines, _outline(inside * height, 0.0045))
    return colours, np.maximum(ink, cloud_lines)


def _mountain(
    rng: np.random.Generator, y: Field, x: Field, swell: Field, colours: Field, ink: Field
) -> tuple[Field, Field]:
    top, peak = 0.185, 0.33
    away = np.abs(x - peak)
    ridge = top + 0.10 * (1 - np.exp(-away * 9)) + 0.78 * away + 0.006 * noise(rng, (1, x.shape[1]), (1, 40))
    inside = y - ridge
    crest = peak + 0.035 * np.sin(19 * (y - top)) + 0.22 * (y - top) ** 1 * 0.4
    shaded = smoothstep(-0.012, 0.012, x - crest)
    snow = y < 0.335 + 0.030 * np.abs(((x * 19) % 1) - 0.5) * 4 - 0.02 * swell
    body = blend(np.broadcast_to(floats(_PAPER), colours.shape), (0.25, 0.44, 0.56), ~snow * 1.0)
    body = blend(body, (0.16, 0.26, 0.42), 0.75 * shaded * ~snow)
    slant = x + np.where(x < crest, 0.55, -0.75) * (y - top) + 0.02 * np.sin(30 * y)
    tone = np.where(snow, 0.05 + 0.50 * shaded, 0.30 + 0.46 * shaded) + 0.25 * smoothstep(0.45, 0.62, y)
    lines = _lines(slant, tone, swell, 60)
    mask = inside > 0
    colours = blend(colours, body, mask)
    ink = np.where(mask, lines, ink)
    ink = np.maximum(ink, _outline(inside / 1.25, 0.005))
    return colours, np.maximum(ink, _outline(x - crest, 0.0035) * mask).astype(np.float32)


def _hills(
    rng: np.random.Generator, y: Field, x: Field, swell: Field, colours: Field, ink: Field
) -> tuple[Field, Field]:
    for base, height, beat, colour, frequency, tone in (
        (0.555, 0.030, 9.0, (0.86, 0.62, 0.20), 64, 0.34),
        (0.605, 0.034, 7.0, (0.46, 0.56, 0.22), 54, 0.46),
        (0.665, 0.030, 5.5, (0.16, 0.38, 0.28), 46, 0.58),
    ):
        shift = rng.uniform(0, 6)
        ridge = base - height * np.sin(beat * x + shift) - 0.4 * height * np.sin(2.3 * beat * x)
        inside = y - ridge
        mask = inside > 0
        colours = blend(colours, colour, mask)
        flow = inside + 0.02 * np.sin(22 * x + 30 * y + shift)
        lines = _lines(flow, tone + 0.35 * np.sin(beat * x + shift + 1.2) * 0.6, swell, frequency)
        ink = np.where(mask, lines, ink)
        trees = (np.abs(((x * 46 + shift) % 1) - 0.5) - 0.5) * 0.030 * (1 + 0.5 * np.sin(31 * x))
        ink = np.maximum(ink, smoothstep(-0.003, 0.001, inside - trees - 0.004) * (inside < 0.008))
        ink = np.maximum(ink, _outline(inside, 0.0045))
    return colours, ink


def _waves(
    rng: np.random.Generator, y: Field, x: Field, swell: Field, colours: Field, ink: Field
) -> tuple[Field, Field]:
    rows = 8
    for row in range(rows):
        near = row / (rows - 1)
        step = 0.060 + 0.075 * near
        base = 0.700 + 0.235 * near**1.15
        place = (x / step + 0.5 * (row % 2) + rng.uniform(-0.1, 0.1)) % 1.0
        crest = base - 0.42 * step * (1 - np.abs(2 * place - 1) ** 1.6) * (0.8 + 0.3 * np.sin(9 * x + row))
        inside = y - crest
        mask = inside > 0
        deep = ramp(
            inside / step,
            (0.0, (0.97, 0.95, 0.84)),
            (0.15, (0.90, 0.93, 0.84)),
            (0.17, (0.22, 0.56, 0.66)),
            (0.6, (0.07, 0.26, 0.50)),
        )
        colours = blend(colours, deep, mask)
        curl = inside + 0.25 * step * np.sin(2 * np.pi * place + 0.8)
        lines = _lines(curl, 0.14 + 0.75 * smoothstep(0.05, 0.75, inside / step), swell, 3.4 / step)
        ink = np.where(mask, lines, ink)
        ink = np.maximum(ink, _outline(inside, 0.0035 + 0.002 * near))
    return colours, ink.astype(np.float32)


def _pine(
    rng: np.random.Generator, y: Field, x: Field, swell: Field, colours: Field, ink: Field
) -> tuple[Field, Field]:
    """Put a bent pine before the right edge: a barked trunk on a rock and flat clouds of needles."""
    stem = 0.885 + 0.030 * np.sin(7.5 * y + 0.6) + 0.05 * (0.9 - y)
    trunk = np.abs(x - stem) - (0.006 + 0.030 * y**2)
    rock = y - 0.90 + 0.05 * np.cos((x - 0.90) * 14) + 0.012 * np.abs(((x * 17) % 1) - 0.5) * 4
    standing = (trunk < 0) & (y > 0.24)
    colours = blend(colours, (0.50, 0.24, 0.13), standing)
    bark = _lines(
        x - stem + 0.004 * np.sin(70 * y), 0.40 + 0.5 * smoothstep(-0.4, 1.0, (x - stem) / 0.02), swell, 105
    )
    ink = np.where(standing, bark, ink)
    ink = np.maximum(ink, _outline(trunk, 0.0045) * (y > 0.24))
    near = (rock > 0) & (x > 0.72)
    colours = blend(colours, (0.44, 0.36, 0.32), near)
    ink = np.where(
        near,
        _lines(0.7 * x + y + 0.02 * np.sin(40 * x), 0.42 + 0.4 * smoothstep(0.8, 1.0, x), swell, 46),
        ink,
    )
    ink = np.maximum(ink, _outline(rock, 0.006) * (x > 0.72))
    for row, column, length in (
        (0.245, 0.925, 0.075),
        (0.315, 0.865, 0.085),
        (0.345, 0.965, 0.07),
        (0.415, 0.845, 0.10),
        (0.460, 0.955, 0.085),
        (0.545, 0.830, 0.105),
        (0.585, 0.960, 0.09),
    ):
        bumps = 0.26 * length * (0.8 + 0.35 * np.abs(np.sin((x - column) * 70 + rng.uniform(0, 3))))
        inside = np.hypot((y - row) / bumps, (x - column) / length) - 1
        colours = blend(colours, (0.13, 0.36, 0.22), inside < 0)
        fan = np.arctan2(y - row - 0.05, ((x - column + 0.5) % 0.034) - 0.017)
        tone = 0.18 + 0.62 * smoothstep(-0.5, 0.9, (y - row) / bumps)
        ink = np.where(inside < 0, _lines(fan, tone, swell, 5.5), ink)
        ink = np.maximum(ink, _outline(inside * 0.3 * length, 0.0045))
    return colours, ink.astype(np.float32)


def _print(rng: np.random.Generator, colours: Field, ink: Field) -> Field:
    """Print the colour blocks a little off register, then the ink, both with the grain of the wood."""
    shape = ink.shape
    y, x = grid((shape[0], shape[1]))
    grain = noise(rng, (shape[0], shape[1]), (130, 5)) + 0.6 * noise(rng, (shape[0], shape[1]), (260, 14))
    speckle = noise(rng, (shape[0], shape[1]), (230, 230))
    off = max(round(shape[1] / 260), 1)
    blocks = np.roll(colours, (off, -off), axis=(0, 1))
    paper = floats(_PAPER) * (1 + 0.03 * speckle[..., None])
    worn = np.clip(0.90 + 0.10 * grain + 0.05 * speckle, 0.35, 1)
    picture = blend(paper.astype(np.float32), blocks * (1 + 0.05 * grain[..., None]), worn)
    bare = smoothstep(1.25, 1.6, speckle + 0.45 * grain)
    picture = blend(picture, _INK, ink * (0.97 - 0.75 * bare))
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, shape[0] / shape[1] - y)) + 0.0012 * grain
    picture = blend(picture, paper, smoothstep(0.013, 0.011, border))
    return np.clip(picture, 0, 1).astype(np.float32)
