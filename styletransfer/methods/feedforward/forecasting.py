"""How much memory a feed-forward run needs, told from the shapes alone."""

from __future__ import annotations

from styletransfer.features import winograd
from styletransfer.features.vgg import VGG19Features
from styletransfer.layers import BY_TAP
from styletransfer.method import Forecast
from styletransfer.methods.feedforward.decoder_parts import BaseDecoder, BaseSpec, StageShape
from styletransfer.methods.feedforward.strips import HELD, Budget, cut, halo_of

#: Bytes of a pixel in float32 RGB, and of a number.
_PIXEL, _NUMBER = 12, 4
#: What a process grows by for each byte in use: allocators keep what is freed. Measured on Linux with glibc for
#: pictures from 256x256 to 4096x2160 pixels: 1.1 to 1.8.
_HELD_BY_ALLOCATOR = 1.4


def forecast(
    decoder: BaseDecoder,
    extractor: VGG19Features,
    size: tuple[int, int],
    batch: int,
    passes: int,
    budget: Budget,
) -> Forecast:
    """Return what a run needs, where the style is no larger than the content.

    Args:
        decoder: As it was loaded.
        extractor: The encoder.
        size: (H, W) of the content.
        batch: How many contents.
        passes: Through both.
        budget: What the run would be given.
    """
    spec, weights = decoder.spec, winograd.memory(extractor) + winograd.memory(decoder)
    memory, strips = _peak(spec, extractor, size, batch, passes, budget)
    least, _ = _peak(spec, extractor, size, batch, passes, budget.least())
    memory, least = (weights + int(_HELD_BY_ALLOCATOR * in_use) for in_use in (memory, least))
    return Forecast(memory=memory, least=min(least, memory), strips=strips)


def _peak(
    spec: BaseSpec, extractor: VGG19Features, size: tuple[int, int], batch: int, passes: int, budget: Budget
) -> tuple[int, int]:
    height, width = (side + -side % spec.multiple for side in size)
    pixels = batch * height * width
    padded = (height, width) != size
    strips, strip = _strip(height, batch * width, extractor.widths[0], halo_of(spec.taps), spec.multiple, budget)
    kept = _kept(spec, pixels, budget if strips > 1 else None)
    working, before = [strip], 0
    for index, shape in enumerate(spec.stage_shapes):
        count, strip = _stage_strip(shape, height, batch * width, 2 if index else 1, budget)
        result = _NUMBER * shape.channels * pixels // shape.result**2
        working.append(before + (result if count > 1 else 0) + strip)
        strips, before = max(strips, count), result
    # The picture that a pass starts from: the padded content, or what the pass before made.
    started_from = _PIXEL * pixels if padded or passes > 1 else 0
    # At the end, beside the result: a copy and 8 bits of it, to be written.
    in_use = started_from + max(kept + max(working), _PIXEL * pixels * 3)
    return in_use, strips


def _kept(spec: BaseSpec, pixels: int, budget: Budget | None) -> int:
    """Return the bytes of the features that are kept, deepest first: all of them without a budget."""
    kept = 0
    for tap, channels in reversed(list(zip(spec.taps, spec.channels, strict=True))):
        needed = _NUMBER * channels * pixels // BY_TAP[tap].stride ** 2
        if budget is None or kept + needed <= budget.kept:
            kept += needed
    return kept


def _stage_strip(shape: StageShape, height: int, positions: int, unit: int, budget: Budget) -> tuple[int, int]:
    halo = -(-shape.reach // unit) * unit
    return _strip(height // shape.stride, positions // shape.stride, shape.widest, halo, unit, budget)


def _strip(height: int, positions: int, numbers: int, halo: int, unit: int, budget: Budget) -> tuple[int, int]:
    """Return into how many strips rows are cut, and the bytes that the work on one of them takes."""
    parts = cut(height, budget.rows(positions, numbers, halo), unit)
    rows = min(parts[0][1] + 2 * halo * (len(parts) > 1), height)
    return len(parts), rows * positions * numbers * HELD
