"""Style: poppies and irises in washes of watercolour."""

from __future__ import annotations

import numpy as np

from painting._noise import Colour, Field, Shape, fbm, floats, grid, noise, smoothstep

_ROSE: Colour = (0.88, 0.10, 0.30)
_SCARLET: Colour = (0.95, 0.20, 0.08)
_ORANGE: Colour = (0.98, 0.52, 0.08)
_VIOLET: Colour = (0.38, 0.20, 0.68)
_BLUE: Colour = (0.10, 0.34, 0.76)
_AQUA: Colour = (0.14, 0.66, 0.70)
_SAP: Colour = (0.30, 0.52, 0.12)
_OLIVE: Colour = (0.10, 0.30, 0.16)
_YELLOW: Colour = (0.99, 0.82, 0.16)
_INDIGO: Colour = (0.10, 0.11, 0.30)


class _Sheet:
    """Wet paper: pigments add up in it, and light is lost in them as the Beer-Lambert law says."""

    def __init__(self, rng: np.random.Generator, shape: Shape) -> None:
        self.shape = shape
        self.y, self.x = grid(shape)
        self.load = np.zeros((3, *shape), np.float32)
        self.wander_y = fbm(rng, shape, (7, 7), 5, 0.55)
        self.wander_x = fbm(rng, shape, (7, 7), 5, 0.55)
        self.cloud = fbm(rng, shape, (5, 5), 5, 0.6)

    def wash(
        self,
        centre: tuple[float, float],
        size: tuple[float, float],
        colour: Colour,
        *,
        turn: float = 0.0,
        strength: float = 0.6,
        ragged: float = 0.02,
        wet: float = 0.02,
        rim: float = 0.8,
        lift: float = 0.0,
        shift: int = 0,
    ) -> None:
        """Lay an oval wash: a ragged edge `wet` wide, a dark `rim` where it dried, clouds of pigment inside.

        `lift` is the share of the earlier pigment that the wet brush takes off the paper; `shift` chooses
        another part of the noise.
        """
        width = self.shape[1]
        shift = round(shift * width / 512)
        reach = max(size) + 3 * ragged + wet
        top, left = (max(int((c - reach) * width), 0) for c in centre)
        area = (
            slice(top, int((centre[0] + reach) * width) + 1),
            slice(left, int((centre[1] + reach) * width) + 1),
        )
        if self.y[area].size == 0:
            return
        wander = np.roll(self.wander_y, shift)[area], np.roll(self.wander_x, -shift)[area]
        dy = self.y[area] - centre[0] + ragged * wander[0]
        dx = self.x[area] - centre[1] + ragged * wander[1]
        along, across = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
        depth = (1 - np.hypot(across / size[0], along / size[1])) * min(size)
        cloud = np.clip(0.8 + 0.42 * np.roll(self.cloud, 3 * shift)[area], 0.12, 2.2)
        edge = np.exp(-np.maximum(depth, 0) / 0.0045) * rim
        inside = smoothstep(-wet, wet, depth)
        amount = inside * (cloud + edge) * strength
        self.load[(slice(None), *area)] *= 1 - lift * inside
        self.load[(slice(None), *area)] += -np.log(floats(colour))[:, None, None] * amount

    def dry(self, rng: np.random.Generator) -> Field:
        """Return the dried sheet (h, w, 3), the pigment settled in the hollows of the paper."""
        tooth = 0.7 * noise(rng, self.shape, (150, 150)) + 0.5 * noise(rng, self.shape, (300, 300))
        settled = self.load * (1 + 0.24 * np.clip(tooth, -1.2, 2.0))
        paper = floats((0.985, 0.97, 0.935)) * (1 + 0.022 * tooth[..., None])
        return np.clip(paper * np.exp(-np.maximum(settled, 0)).transpose(1, 2, 0), 0, 1).astype(np.float32)


def watercolour(rng: np.random.Generator, shape: Shape) -> Field:
    """Draw flowers before a wet-in-wet ground, with rims, granulation and spatters; returns (h, w, 3)."""
    sheet = _Sheet(rng, shape)
    _ground(rng, sheet)
    _leaves(rng, sheet)
    for row, column, size, tints in (
        (0.33, 0.32, 0.19, (_SCARLET, _ROSE, _ORANGE)),
        (0.60, 0.68, 0.20, (_ROSE, _SCARLET, _VIOLET)),
        (0.20, 0.72, 0.14, (_ORANGE, _YELLOW, _SCARLET)),
        (0.72, 0.24, 0.15, (_VIOLET, _BLUE, _ROSE)),
        (0.86, 0.88, 0.12, (_ORANGE, _SCARLET, _YELLOW)),
        (0.46, 0.94, 0.10, (_BLUE, _VIOLET, _AQUA)),
        (0.07, 0.48, 0.085, (_VIOLET, _ROSE, _BLUE)),
        (0.50, 0.05, 0.085, (_ROSE, _ORANGE, _SCARLET)),
    ):
        place = row + rng.uniform(-0.02, 0.02), column + rng.uniform(-0.02, 0.02)
        _flower(rng, sheet, place, size, tints)
    _spatter(rng, sheet)
    return sheet.dry(rng)


def _ground(rng: np.random.Generator, sheet: _Sheet) -> None:
    tints = (_AQUA, _BLUE, _VIOLET, _YELLOW, _AQUA, _SAP, _BLUE, _ROSE)
    for number in range(26):
        centre = float(rng.uniform(0, 1)), float(rng.uniform(0, 1))
        size = float(rng.uniform(0.08, 0.26)), float(rng.uniform(0.12, 0.32))
        wet = float(rng.choice([0.004, 0.03, 0.07]))
        sheet.wash(
            centre,
            size,
            tints[number % len(tints)],
            turn=float(rng.uniform(0, 3.1)),
            ragged=0.045,
            wet=wet,
            strength=float(rng.uniform(0.14, 0.36)),
            rim=1.3 if wet < 0.01 else 0.1,
            shift=37 * number,
        )


def _leaves(rng: np.random.Generator, sheet: _Sheet) -> None:
    for number in range(46):
        root = np.array([rng.uniform(0.55, 1.05), rng.uniform(0, 1)])
        turn = -np.pi / 2 + rng.normal(0, 0.5)
        length = rng.uniform(0.12, 0.30)
        tint = (_SAP, _OLIVE, _SAP, _AQUA, _OLIVE)[number % 5]
        middle = root + 0.5 * length * np.array([np.sin(turn), np.cos(turn)])
        sheet.wash(
            (float(middle[0]), float(middle[1])),
            (float(rng.uniform(0.008, 0.024)), length / 2),
            tint,
            turn=turn,
            strength=float(rng.uniform(0.40, 0.85)),
            ragged=0.008,
            wet=0.003,
            rim=0.9,
            lift=0.35,
            shift=53 * number,
        )


def _flower(
    rng: np.random.Generator,
    sheet: _Sheet,
    centre: tuple[float, float],
    size: float,
    tints: tuple[Colour, ...],
) -> None:
    """Lay petals in two rings, veins along them, and a dark heart."""
    start = rng.uniform(0, 2 * np.pi)
    for ring, (count, away, spread) in enumerate(((6, 0.58, 0.42), (5, 0.32, 0.28))):
        for petal in range(count):
            turn = start + (petal + 0.5 * ring + rng.normal(0, 0.12)) * 2 * np.pi / count
            reach = away * size * rng.uniform(0.85, 1.12)
            place = centre[0] + 0.82 * reach * np.sin(turn), centre[1] + reach * np.cos(turn)
            oval = float(spread * size * rng.uniform(0.75, 1.05)), float(spread * size * 1.15)
            sheet.wash(
                place,
                oval,
                tints[(petal + ring) % len(tints)],
                turn=turn,
                ragged=0.016,
                wet=0.0035,
                rim=0.95,
                strength=float(rng.uniform(0.34, 0.66)),
                lift=0.62,
                shift=int(rng.integers(1000)),
            )
            for vein in range(4):
                bent = turn + (vein - 1.5) * 0.24
                mark = centre[0] + 0.45 * size * np.sin(bent), centre[1] + 0.5 * size * np.cos(bent)
                sheet.wash(
                    mark,
                    (0.0022, 0.26 * size),
                    tints[1],
                    turn=bent,
                    ragged=0.005,
                    wet=0.002,
                    rim=0.2,
                    strength=0.55,
                    shift=int(rng.integers(1000)),
                )
    sheet.wash(centre, (0.13 * size, 0.15 * size), _INDIGO, ragged=0.010, wet=0.010, strength=0.7, rim=0.4)
    for _ in range(16):
        turn, reach = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.16, 0.32)
        place = centre[0] + reach * np.sin(turn), centre[1] + reach * np.cos(turn)
        sheet.wash(place, (0.0042, 0.0042), _INDIGO, ragged=0.002, wet=0.0015, strength=1.2, rim=0.2)


def _spatter(rng: np.random.Generator, sheet: _Sheet) -> None:
    tints = (_ROSE, _BLUE, _SAP, _VIOLET, _ORANGE, _AQUA)
    for number in range(110):
        centre = float(rng.uniform(0, 1)), float(rng.uniform(0, 1))
        size = float(0.0022 + 0.009 * rng.random() ** 3)
        sheet.wash(
            centre,
            (size, size),
            tints[number % 6],
            ragged=0.0015,
            wet=0.0015,
            rim=0.9,
            strength=float(rng.uniform(0.4, 0.9)),
            shift=number,
        )
