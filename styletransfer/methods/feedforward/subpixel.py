"""A decoder of low rank that works at half resolution and below, for one pass.

It is `LITE`'s decoder made cheap. Its 3x3 convolutions are three each: 1x1 to few channels, 3x3 among these,
1x1 to all, as in `vgg19-lite`. What `LITE` draws at the picture's own resolution is drawn at half of it: pictures
leave through a sub-pixel convolution (Shi et al., CVPR 2016), twelve channels that become three at full
resolution. They are added to a linear view of the shallowest aligned features, which has the picture's edges and
the style's colours already; without it a training fills skies with meshes of two pixels.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import integer
from styletransfer.errors import OptionError
from styletransfer.features.padding import Padding, in_own_precision, pad_by_one
from styletransfer.layers import BY_TAP, WIDEST
from styletransfer.methods.feedforward.decoder_parts import (
    MOST_LAYERS,
    BaseDecoder,
    BaseSpec,
    Change,
    StageShape,
    pointwise,
    rectified,
)


@dataclass(frozen=True, kw_only=True)
class SubpixelSpec(BaseSpec):
    """A sub-pixel decoder; `BaseSpec` has what is not said here. It reads one tap of each block from the first on.

    Attributes:
        stages: Output channels of the convolutions at each resolution, coarse to fine: from the deepest tap's to
            half the picture's.
        blocks: Residual blocks before each stage's convolutions.
        ranks: Of each convolution in its order, those of the blocks too.
    """

    kind: ClassVar[str] = "subpixel"

    stages: tuple[tuple[int, ...], ...]
    blocks: tuple[int, ...]
    ranks: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        read = [BY_TAP[tap].block for tap in self.taps]
        if read != list(range(1, len(read) + 1)) or len(read) < 2:
            raise OptionError(
                "A sub-pixel decoder reads one tap of each block from the first on, at least two, "
                f"got {reprlib.repr(self.taps)}."
            )
        if not len(self.stages) == len(self.blocks) == len(self.taps) - 1 or not all(self.stages):
            raise OptionError(
                f"A sub-pixel decoder of {len(self.taps)} taps has {len(self.taps) - 1} stages of at least one "
                f"convolution, and as many numbers of blocks, got {reprlib.repr(self.stages)} and "
                f"{reprlib.repr(self.blocks)}."
            )
        for count in (*self.blocks, *map(len, self.stages)):
            integer(count, "Each number of blocks or convolutions of a stage", low=0, high=MOST_LAYERS)
        for width in itertools.chain(*self.stages):
            integer(width, "Each width of a decoder", low=1, high=WIDEST)
        if len(self.ranks) != len(self.modulated):
            raise OptionError(
                f"A decoder of {len(self.modulated)} convolutions needs as many ranks, got {len(self.ranks)}."
            )
        for rank in self.ranks:
            integer(rank, "Each rank of a decoder", low=1, high=WIDEST)

    @property
    def entering(self) -> tuple[int, ...]:
        """Channels with which each stage begins."""
        return (self.channels[-1], *(stage[-1] for stage in self.stages[:-1]))

    @property
    def modulated(self) -> tuple[int, ...]:
        """Output channels of each convolution, in their order: two of each block, then the stage's own."""
        widths = list[int]()
        for entering, blocks, stage in zip(self.entering, self.blocks, self.stages, strict=True):
            widths += [*[entering] * (2 * blocks), *stage]
        return tuple(widths)

    @property
    def stage_shapes(self) -> tuple[StageShape, ...]:
        """See `BaseSpec.stage_shapes`."""
        shapes = []
        for index, tap in enumerate(self.taps[:0:-1]):
            last, widths = index == len(self.stages) - 1, self.stages[index]
            convolutions = 2 * self.blocks[index] + len(widths)
            stride = BY_TAP[tap].stride
            shapes.append(
                StageShape(
                    taps=(self.taps[0], tap) if last else (tap,),
                    stride=stride,
                    result=1 if last else stride,
                    reach=convolutions + (index > 0) + last,  # enlarging and the last convolution look at one more
                    changes=convolutions,
                    channels=3 if last else widths[-1],
                    widest=max(self.entering[index], *widths),
                )
            )
        return tuple(shapes)

    @property
    def multiple(self) -> int:
        """The stride of the deepest tap."""
        return BY_TAP[self.taps[-1]].stride

    @property
    def described(self) -> str:
        """Its shape."""
        return f"low rank, sub-pixel output, {self.padding} padding"


#: Fourteen thousand multiply-adds a pixel, as many as its encoder. `LITE`'s widths; ranks by what each convolution
#: loses, in eights, which CPUs are fastest with: second ones of blocks need few, those at half resolution many.
FAST = SubpixelSpec(
    name="fast",
    encoder="vgg19-lite-1",
    taps=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
    channels=(16, 32, 64, 128),
    stages=((96,), (96, 96, 64), (64, 32, 32)),
    blocks=(4, 1, 0),
    ranks=(*(24, 16) * 4, 48, 32, 8, 32, 32, 24, 32, 24, 24),
    modulation=128,
    slope=0.2,
    alignment="covariance",
)


class LowRankConvolution(nn.Module):
    """A 3x3 convolution as three: 1x1 to `rank` channels, 3x3 among them, 1x1 to all (Tucker 1966)."""

    def __init__(self, channels: int, width: int, rank: int, padding: Padding) -> None:
        super().__init__()
        self.padding: Padding = padding
        self.reduce = nn.Conv2d(channels, rank, 1, bias=False)
        self.core = nn.Conv2d(rank, rank, 3, bias=False)
        self.expand = nn.Conv2d(rank, width, 1)

    def forward(
        self, x: Tensor, change: Change | None = None, *, enlarge: bool = False, entering: Sequence[Tensor] = ()
    ) -> Tensor:
        """Return (B, width, h, w), each channel scaled and shifted by `change`.

        Args:
            x: (B, channels, h, w), or half of that size.
            change: Scale and shift.
            enlarge: Whether `x` is to be brought to twice its size first. A 1x1 convolution may come before that
                or after; few channels are enlarged sooner than all.
            entering: Features that are to be added to `x` first, as `reduced` gives them.
        """
        x = pointwise(self.reduce, x)
        x = enlarged(x) if enlarge else x
        for features in entering:
            x = x + features
        x = cast(Tensor, self.core(pad_by_one(x, self.padding)))
        return pointwise(self.expand, x, change)

    def reduced(self, enter: nn.Conv2d, features: Tensor) -> Tensor:
        """Return (B, rank, h, w): `features` through `enter` and then `reduce`, as one convolution."""
        reduce, bias = self.reduce.weight.flatten(1), cast(Tensor, enter.bias)
        weight = (reduce @ enter.weight.flatten(1)).view(-1, *enter.weight.shape[1:])
        if enter.kernel_size == (1, 1):
            rows = F.linear(features.permute(0, 2, 3, 1), weight.flatten(1), reduce @ bias)
            return rows.permute(0, 3, 1, 2)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return F.conv2d(features, weight, reduce @ bias, cast(tuple[int, int], enter.stride))


class LowRankBlock(nn.Module):
    """A `ResidualBlock` of two such convolutions."""

    def __init__(self, channels: int, first: int, second: int, spec: SubpixelSpec) -> None:
        super().__init__()
        self.slope = spec.slope
        self.first = LowRankConvolution(channels, channels, first, spec.padding)
        self.second = LowRankConvolution(channels, channels, second, spec.padding)
        if not self.second.expand.weight.is_meta:
            nn.init.zeros_(self.second.expand.weight)

    def forward(self, x: Tensor, changes: Iterator[Change | None]) -> Tensor:
        """Return (B, C, h, w) features of the same shape; each convolution takes the next of `changes`."""
        inner = rectified(self.first(x, next(changes)), self.slope)
        moved: Tensor = x + self.second(inner, next(changes))
        return moved


class SubpixelDecoder(BaseDecoder):
    """The network of a `SubpixelSpec`. Trainable as constructed; `load_decoder` gives a frozen one.

    Example:
        >>> import torch
        >>> spec = SubpixelSpec(
        ...     name="small", encoder="any", taps=("relu1_1", "relu2_1"), channels=(4, 6),
        ...     stages=((8,),), blocks=(1,), ranks=(3, 3, 4),
        ... )
        >>> features = {"relu1_1": torch.rand(1, 4, 32, 48), "relu2_1": torch.rand(1, 6, 16, 24)}
        >>> SubpixelDecoder(spec)(features).shape
        torch.Size([1, 3, 32, 48])
    """

    spec: SubpixelSpec

    def __init__(self, spec: SubpixelSpec) -> None:
        super().__init__()
        self.spec = spec
        ranks, channels = iter(spec.ranks), dict(zip(spec.taps, spec.channels, strict=True))
        shallow, *deeper = spec.taps
        self.enter, self.blocks, self.stages = nn.ModuleDict(), nn.ModuleList(), nn.ModuleList()
        for tap, entering, count, stage in zip(deeper[::-1], spec.entering, spec.blocks, spec.stages, strict=True):
            if tap != deeper[-1]:
                self.enter[tap] = nn.Conv2d(channels[tap], entering, 1)
            self.blocks.append(
                nn.ModuleList(LowRankBlock(entering, next(ranks), next(ranks), spec) for _ in range(count))
            )
            pairs = itertools.pairwise((entering, *stage))
            self.stages.append(
                nn.ModuleList(LowRankConvolution(*pair, next(ranks), spec.padding) for pair in pairs)
            )
        # The shallowest has the picture's resolution and is read in squares of two by two.
        self.enter[shallow] = nn.Conv2d(channels[shallow], (spec.entering[-1], *spec.stages[-1])[-2], 2, stride=2)
        self.end = nn.Conv2d(spec.stages[-1][-1], 12, 3)
        self.skip = nn.Conv2d(channels[shallow], 3, 1)
        self.modulation = self._new_modulation()
        if not next(self.parameters()).is_meta:  # see `Decoder`
            self._initialise(self.skip, 0.1)
            nn.init.zeros_(self.end.weight)  # a training begins with what the skip shows
        self.to(memory_format=torch.channels_last)

    def stage(
        self,
        index: int,
        x: Tensor | None,
        target_features: Mapping[str, Tensor],
        changes: Sequence[Change] | None,
    ) -> Tensor:
        """See `BaseDecoder.stage`; the pictures' sides are multiples of ``spec.multiple``."""
        own: Iterator[Change | None] = iter(changes or itertools.repeat(None))
        self._check_sizes(index, x, target_features)
        shallow, *deeper = self.spec.taps
        tap, last = deeper[-1 - index], index == len(deeper) - 1
        coarse = x is not None  # it has half of this stage's resolution still
        x = target_features[tap] if x is None else x
        blocks, stage = (cast(nn.ModuleList, each[index]) for each in (self.blocks, self.stages))
        if coarse and len(blocks):
            x = enlarged(x).add_(pointwise(self.enter[tap], target_features[tap]))
            coarse = False
        for block in blocks:
            x = cast(Tensor, block(x, own))
        for position, convolution in enumerate(cast(Iterator[LowRankConvolution], iter(stage))):
            taps = [tap] if coarse else []
            if last and position == len(stage) - 1:
                taps.append(shallow)
            entering = [
                convolution.reduced(cast(nn.Conv2d, self.enter[each]), target_features[each]) for each in taps
            ]
            x = rectified(convolution(x, next(own), enlarge=coarse, entering=entering), self.spec.slope)
            coarse = False
        if not last:
            return x
        wide = self.end.weight.dtype
        fine = F.pixel_shuffle(self.end(pad_by_one(x.to(wide), self.spec.padding)), 2)
        return fine + pointwise(self.skip, target_features[shallow].to(wide))

    @property
    def wide(self) -> tuple[str, ...]:
        """See `BaseDecoder.wide`."""
        return ("end.", "skip.")

    def _check_sizes(self, index: int, x: Tensor | None, target_features: Mapping[str, Tensor]) -> None:
        shape = self.spec.stage_shapes[index]
        pixels = {
            tap: [BY_TAP[tap].stride * side for side in target_features[tap].shape[2:]] for tap in shape.taps
        }
        fitting = pixels[shape.taps[-1]] if x is None else [2 * shape.stride * side for side in x.shape[2:]]
        for tap, (height, width) in pixels.items():
            if [height, width] != fitting:
                raise OptionError(
                    f"The decoder {self.spec.name!r} needs features of one picture whose sides are multiples of "
                    f"{self.spec.multiple}; those of {tap} are of {height}x{width} pixels, the deeper ones of "
                    f"{fitting[0]}x{fitting[1]}."
                )


def enlarged(x: Tensor) -> Tensor:
    """Return (B, C, h, w) features at twice their size, bilinearly."""
    with in_own_precision(x):
        return F.interpolate(x, scale_factor=2, mode="bilinear")
