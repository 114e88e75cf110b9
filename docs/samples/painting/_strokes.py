"""Brush strokes: small tiles with bristle marks, laid on a canvas by the thousand.

The idea of a picture built from many oriented, overlapping strokes is Haeberli's (Paint by Numbers, 1990).
The canvas carries the thickness of the paint as a fourth channel; `Canvas.lit` shades it from the upper left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from painting._noise import Field, Shape, blur, floats, sample, slope

_ANGLES = 24
_VARIANTS = 3


@dataclass(frozen=True)
class Brush:
    """Tiles of one brush for all angles.

    Attributes:
        keep: (tiles, side, side), how much of what lies under the stroke stays.
        paint: (tiles, 4, side, side), weights of the stroke's red, green, blue and thickness.
    """

    keep: Field
    paint: Field


def make_brush(
    rng: np.random.Generator,
    length: float,
    width: float,
    *,
    bend: float = 0.0,
    bristles: float = 0.25,
    opacity: float = 0.95,
    tip: float = 0.5,
    dot: bool = False,
) -> Brush:
    """Cut the tiles of a brush.

    Args:
        rng: Where the bristles come from.
        length: Of the stroke, in pixels.
        width: Of the stroke, in pixels.
        bend: Sagitta of the stroke's arc as a share of its width; each variant bends another way.
        bristles: Contrast of the bristle marks.
        opacity: Coverage at the middle of the stroke.
        tip: Share of the half length over which the stroke runs dry.
        dot: Make an oval dab with a firm rim in place of a stroke.
    """
    length, width = max(length, 1.0), max(width, 1.0)
    side = int(np.ceil(np.hypot(length, width * (1 + abs(bend))))) + 3
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    angle = (np.arange(_ANGLES, dtype=np.float32) * np.float32(np.pi / _ANGLES))[:, None, None, None]
    variant = np.arange(_VARIANTS)
    along = (np.cos(angle) * axis + np.sin(angle) * axis[:, None]) / (length / 2)
    across = (-np.sin(angle) * axis + np.cos(angle) * axis[:, None]) / (width / 2)
    along = np.broadcast_to(along, (_ANGLES, _VARIANTS, side, side))
    across = across + bend * (variant - 1)[None, :, None, None] * (along**2 - 0.4)
    marks = np.stack([_bristle_marks(rng, along[:, v], across[:, v]) for v in variant], axis=1)
    soft = 2 / width  # one pixel, in half widths
    edge = np.clip((1 + soft / 2 - np.abs(across)) / max(soft, 0.25), 0, 1)
    dry = np.clip((1 - np.abs(along)) / tip + 0.5 * marks * bristles * 4 * (np.abs(along) > 1 - tip), 0, 1)
    alpha = opacity * edge * dry * (np.abs(along) < 1 + 1 / length)
    if dot:
        rim = np.hypot(along, across) + 0.12 * marks
        alpha = opacity * np.clip((1 + soft / 2 - rim) / max(soft, 0.25), 0, 1)
    ridge = 0.6 + 0.5 * across**2 + 2 * bristles * marks
    shade = 1 + bristles * marks
    shape = (_ANGLES * _VARIANTS, side, side)
    alpha, shade, ridge = (np.broadcast_to(a, along.shape).reshape(shape) for a in (alpha, shade, ridge))
    paint = np.stack([alpha * shade] * 3 + [alpha * ridge], axis=1)
    return Brush((1 - alpha).astype(np.float32), paint.astype(np.float32))


def _bristle_marks(rng: np.random.Generator, along: Field, across: Field) -> Field:
    """Return streaks that run along the stroke, mean 0."""
    streaks = rng.uniform(-1, 1, (5, 12)).astype(np.float32) + rng.uniform(-1, 1, (1, 12)).astype(np.float32)
    return sample(streaks, (along + 1) * 2, (across + 1) * 5.5)


class Canvas:
    """A picture under work, (4, h, w): red, green, blue and the thickness of the paint."""

    def __init__(self, ground: Field) -> None:
        """Prime the canvas with the picture `ground`, (h, w, 3) in [0, 1]."""
        self.shape: Shape = (ground.shape[0], ground.shape[1])
        self._layers = np.concatenate([ground, np.zeros((*self.shape, 1))], axis=2).astype(np.float32)
        self._layers = np.ascontiguousarray(self._layers.transpose(2, 0, 1))

    def stroke(self, brush: Brush, y: Field, x: Field, angle: Field, colours: Field) -> None:
        """Lay one stroke per entry, in order.

        Args:
            brush: The tiles.
            y: (n,) centres in units of the picture's width.
            x: (n,) likewise.
            angle: (n,) direction in radians, from the x axis towards the y axis.
            colours: (n, 3) in [0, 1].
        """
        side = brush.keep.shape[1]
        width = self.shape[1]
        layers = np.pad(self._layers, ((0, 0), (side, side), (side, side)))
        top = np.clip(np.rint(y * width + side / 2), 0, self.shape[0] + side).astype(int)
        left = np.clip(np.rint(x * width + side / 2), 0, width + side).astype(int)
        turn = np.rint(angle * (_ANGLES / np.pi)).astype(int) % _ANGLES
        tile = turn * _VARIANTS + np.arange(len(turn)) % _VARIANTS
        inks = np.concatenate([colours, np.ones((len(colours), 1))], axis=1).astype(np.float32)
        for row, column, index, ink in zip(
            top.tolist(), left.tolist(), tile.tolist(), inks[:, :, None, None], strict=True
        ):
            region = layers[:, row : row + side, column : column + side]
            region *= brush.keep[index]
            region += brush.paint[index] * ink
        self._layers = np.ascontiguousarray(layers[:, side:-side, side:-side])

    def flat(self) -> Field:
        """Return the colours alone, (h, w, 3)."""
        return self._layers[:3].transpose(1, 2, 0)

    def lit(self, relief: float = 0.3, picture: Field | None = None) -> Field:
        """Return the picture (h, w, 3) with light from the upper left on the thickness of the paint.

        Args:
            relief: Strength of the light.
            picture: Colours (h, w, 3) to take in place of the canvas's own.
        """
        thick = blur(self._layers[3], self.shape[1] / 1400)
        lean = np.clip(slope(thick) * (self.shape[1] / 360), -1, 1)
        light = relief * lean[..., None]
        colours = self.flat() if picture is None else picture
        return floats(np.clip(colours * (1 + light) + 0.35 * np.maximum(light, 0), 0, 1))


def pixels(picture: Field, y: Field, x: Field) -> Field:
    """Return the pixels (n, 3) of `picture` (h, w, 3) nearest to the points (y, x), in units of the width."""
    height, width = picture.shape[:2]
    rows = np.clip((y * width).astype(int), 0, height - 1)
    columns = np.clip((x * width).astype(int), 0, width - 1)
    result: Field = picture[rows, columns]
    return result


def scatter(rng: np.random.Generator, shape: Shape, count: int) -> tuple[Field, Field]:
    """Return (y, x) of `count` or a few more points that cover the picture evenly, in random order."""
    ratio = shape[0] / shape[1]
    across = int(np.ceil(np.sqrt(count / ratio)))
    down = int(np.ceil(count / across))
    row, column = np.divmod(rng.permutation(down * across), across)
    y = (row + rng.uniform(-0.2, 1.2, len(row))) * ratio / down
    x = (column + rng.uniform(-0.2, 1.2, len(row))) / across
    return y.astype(np.float32), x.astype(np.float32)
