"""Features of a picture of any size, and the way back to pixels, in strips of rows.

Everything between the pixels and the statistics, and between the statistics and the new pixels, is local: a row of
features depends on so many rows of the picture and no more. A strip with that many more rows on each side gives
exactly the features that the whole would have there. Only the statistics know all strips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from styletransfer.layers import BY_TAP
from styletransfer.memory import available
from styletransfer.methods.feedforward.decoder_parts import BaseSpec, Change, StageShape

#: A picture or some of its rows, (B, 3, h, w), and names of layers, to their features.
Encode = Callable[[Tensor, Sequence[str]], Mapping[str, Tensor]]
#: A stage of the decoder, see `BaseDecoder.stage`.
Decode = Callable[[int, Tensor | None, Mapping[str, Tensor], Sequence[Change] | None], Tensor]

#: Bytes held at once for each number where a network is widest: what a convolution reads, the same padded, its
#: result, and one more, of four bytes each. Half precision is no reason for other strips.
HELD = 16
#: Bytes for a strip: more is no faster, half of it a little slower; and the least, when memory runs out.
_STRIP, _LEAST_STRIP = 128 * 2**20, 2**20
#: Bytes for kept features: coarse ones, which are dear to compute again, of a picture of 4096x2160 pixels.
_KEPT = 256 * 2**20


@dataclass(frozen=True)
class Budget:
    """How much memory the work may take at a time.

    Attributes:
        strip: Bytes for what is worked on, a strip of the picture.
        kept: Bytes for features that are kept, so that they need not be computed again.
    """

    strip: int
    kept: int

    def least(self) -> Budget:
        """Return the smallest budget: the thinnest strips, and nothing kept."""
        return Budget(strip=_LEAST_STRIP, kept=0)

    def thinner(self) -> Budget | None:
        """Return a budget for the case that memory has run out with this one, or None after the last."""
        return None if self == self.least() else Budget(strip=max(self.strip // 4, _LEAST_STRIP), kept=0)

    def rows(self, positions: int, numbers: int, halo: int) -> int:
        """Return how many rows fit beside a halo on both sides.

        Args:
            positions: Of a row, of all pictures of a batch.
            numbers: Of a position, where the network is widest.
            halo: Rows on each side. Strips are never thinner than this: then most of the work would be halo.
        """
        fitting = self.strip // (positions * numbers * HELD)
        return max(fitting - 2 * halo, halo, 1)


def budget_for(device: torch.device) -> Budget:
    """Return a budget for what is free on a device.

    On a CPU more than that for a strip is no faster; a GPU wants as much work at once as it can get.
    """
    free = available(device)
    if free is None:
        return Budget(strip=_STRIP, kept=_KEPT)
    strip, kept = free // 8, free // 4
    if device.type == "cpu":
        strip, kept = min(strip, _STRIP), min(kept, _KEPT)
    return Budget(strip=max(strip, _LEAST_STRIP), kept=kept)


def cut(length: int, rows: int, unit: int) -> list[tuple[int, int]]:
    """Cut `length` rows into strips, (first, behind the last), of about equal height up to `rows`.

    All but the last begin and end at multiples of `unit`.

    Example:
        >>> cut(100, 40, 8)
        [(0, 40), (40, 80), (80, 100)]
    """
    count = max(1, -(-length // max(rows, unit)))
    height = -(-length // (count * unit)) * unit
    return [(top, min(top + height, length)) for top in range(0, length, height)]


def with_halo(rows: tuple[int, int], reach: int, length: int) -> tuple[int, int]:
    """Return rows with `reach` more on each side, as far as there are any."""
    return max(rows[0] - reach, 0), min(rows[1] + reach, length)


@dataclass
class EncodedPicture:
    """Features of a picture, to be asked for in rows.

    Attributes:
        encode: The extractor.
        picture: (B, 3, H, W).
        taps: Which features.
        budget: See `Budget`.
        widest: Numbers of the extractor per pixel, at its widest.
        kept: Features of the whole picture that are kept, by tap; filled by `strips`.
    """

    encode: Encode
    picture: Tensor
    taps: tuple[str, ...]
    budget: Budget
    widest: int
    kept: dict[str, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W), pixels."""
        return self.picture.shape[2], self.picture.shape[3]

    def strips(self) -> Iterator[tuple[int, Mapping[str, Tensor]]]:
        """Encode the whole picture, strip by strip, and keep what the budget allows.

        Yields:
            The first row of pixels of each strip, and its features for all taps without its halo.
        """
        height, width = self.size
        unit = max(BY_TAP[tap].stride for tap in self.taps)
        halo = halo_of(self.taps)
        parts = cut(height, self.budget.rows(self.picture.shape[0] * width, self.widest, halo), unit)
        if len(parts) == 1:
            features = self.encode(self.picture, self.taps)
            self.kept = dict(features)
            yield 0, features
            return
        keep: list[str] | None = None
        for top, bottom in parts:
            features = self._encoded(self.taps, top, bottom)
            keep = self._to_keep(features, bottom - top) if keep is None else keep
            for tap in keep:
                self._keep(tap, features[tap], top, last=bottom == height)
            yield top, features
            del features

    def rows(self, taps: Sequence[str], top: int, bottom: int) -> dict[str, Tensor]:
        """Return the features of some rows of pixels; what is not kept is computed again."""
        lacking = [tap for tap in taps if tap not in self.kept]
        found = self._encoded(lacking, top, bottom) if lacking else {}
        for tap in taps:
            if tap in self.kept:
                found[tap] = self.kept[tap][:, :, slice(*self._at(tap, top, bottom))]
        return found

    def _encoded(self, taps: Sequence[str], top: int, bottom: int) -> dict[str, Tensor]:
        first, last = with_halo((top, bottom), halo_of(taps), self.size[0])
        features = self.encode(self.picture[:, :, first:last], taps)
        cropped = {}
        for tap, x in features.items():
            begin = (top - first) // BY_TAP[tap].stride
            own = self._at(tap, top, bottom)
            # The last strip has what pooling leaves of an odd side, which only its features know.
            end = x.shape[2] if bottom == self.size[0] else begin + own[1] - own[0]
            cropped[tap] = x[:, :, begin:end]
        return cropped

    def _at(self, tap: str, top: int, bottom: int) -> tuple[int, int]:
        """Return the rows of a tap that belong to rows of pixels; those of the picture's end are beyond all."""
        stride = BY_TAP[tap].stride
        return top // stride, -(-bottom // stride)

    def _to_keep(self, features: Mapping[str, Tensor], rows: int) -> list[str]:
        """Return the taps whose features of the whole picture fit into the budget, deepest first."""
        left, chosen = self.budget.kept, []
        for tap in sorted(features, key=lambda tap: BY_TAP[tap].stride, reverse=True):
            needed = features[tap].nbytes * self.size[0] // rows
            if needed <= left:
                left -= needed
                chosen.append(tap)
        return chosen

    def _keep(self, tap: str, features: Tensor, top: int, *, last: bool) -> None:
        first = top // BY_TAP[tap].stride
        end = first + features.shape[2]
        if tap not in self.kept:
            self.kept[tap] = _rows_like(features, -(-self.size[0] // BY_TAP[tap].stride))
        self.kept[tap][:, :, first:end] = features
        if last:  # pooling may leave a row less of an odd side
            self.kept[tap] = self.kept[tap][:, :, :end]


def halo_of(taps: Sequence[str]) -> int:
    """Return how many rows of pixels to each side features depend on, in whole steps of the deepest."""
    reach = max(BY_TAP[tap].receptive_field for tap in taps) // 2
    unit = max(BY_TAP[tap].stride for tap in taps)
    return -(-reach // unit) * unit


def decode(
    stage: Decode,
    spec: BaseSpec,
    targets: Callable[[Sequence[str], int, int], Mapping[str, Tensor]],
    size: tuple[int, int],
    batch: int,
    changes: Sequence[Sequence[Change] | None],
    budget: Budget,
) -> Tensor:
    """Decode a picture stage by stage, each in strips of rows.

    Args:
        stage: `BaseDecoder.stage`.
        spec: The decoder's.
        targets: From taps and rows of pixels (first, behind the last) to their target features.
        size: (H, W) of the picture, multiples of ``spec.multiple``.
        batch: How many pictures.
        changes: `BaseDecoder.changes`.
        budget: See `Budget`.

    Returns:
        (B, 3, H, W), not clamped.
    """
    x: Tensor | None = None
    for index, shape in enumerate(spec.stage_shapes):
        x = _decode_stage(stage, index, shape, x, targets, size, batch, changes[index], budget)
    return cast(Tensor, x)


def _decode_stage(
    stage: Decode,
    index: int,
    shape: StageShape,
    x: Tensor | None,
    targets: Callable[[Sequence[str], int, int], Mapping[str, Tensor]],
    size: tuple[int, int],
    batch: int,
    changes: Sequence[Change] | None,
    budget: Budget,
) -> Tensor:
    height, width = (side // shape.stride for side in size)
    unit = 1 if x is None else 2  # the stage before has half as many rows
    halo = -(-shape.reach // unit) * unit
    parts = cut(height, budget.rows(batch * width, shape.widest, halo), unit)
    if len(parts) == 1:
        return stage(index, x, targets(shape.taps, 0, size[0]), changes)
    finer = shape.stride // shape.result
    result: Tensor | None = None
    for top, bottom in parts:
        first, last = with_halo((top, bottom), halo, height)
        before = None if x is None else x[:, :, first // 2 : last // 2]
        made = stage(index, before, targets(shape.taps, first * shape.stride, last * shape.stride), changes)
        result = _rows_like(made, height * finer) if result is None else result
        begin = (top - first) * finer
        result[:, :, top * finer : bottom * finer] = made[:, :, begin : begin + (bottom - top) * finer]
    return cast(Tensor, result)


def _rows_like(x: Tensor, rows: int) -> Tensor:
    """Return room for (B, C, rows, w), channels_last where `x` is, as from torch; pictures are not."""
    batch, channels, _, width = x.shape
    if channels == 3 or x.stride(3) == 1:
        return x.new_empty((batch, channels, rows, width))
    return x.new_empty((batch, rows, width, channels)).permute(0, 3, 1, 2)
