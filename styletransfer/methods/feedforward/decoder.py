"""AdaIN's way back to pixels: decoders as data and as networks."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError
from styletransfer.features.padding import in_own_precision, pad_by_one
from styletransfer.layers import BY_TAP, WIDEST
from styletransfer.methods.feedforward.decoder_parts import (
    MOST_LAYERS,
    BaseDecoder,
    BaseSpec,
    Change,
    Convolution,
    ResidualBlock,
    StageShape,
    pointwise,
    rectified,
)

Upsampling = Literal["nearest", "bilinear"]


@dataclass(frozen=True, kw_only=True)
class DecoderSpec(BaseSpec):
    """An encoder mirrored; `BaseSpec` has what is not said here.

    The deepest tap is decoded; each other one is added, through a 1x1 convolution, where its resolution is
    reached.

    Attributes:
        stages: Output channels of the 3x3 convolutions at each resolution, coarse to fine; the resolution
            doubles between stages and the last width is 3.
        blocks: Residual blocks before each stage's convolutions, coarse to fine; none for stages left out.
        upsampling: ``"nearest"`` or ``"bilinear"``.
    """

    kind: ClassVar[str] = "mirrored"

    stages: tuple[tuple[int, ...], ...]
    blocks: tuple[int, ...] = ()
    upsampling: Upsampling = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self.upsampling, ("nearest", "bilinear"), "upsampling")
        depth = BY_TAP[self.taps[-1]].block
        if len(self.stages) != depth or not all(self.stages):
            raise OptionError(
                f"A decoder of {self.taps[-1]!r} has {depth} stages of at least one convolution, "
                f"got {reprlib.repr(self.stages)}."
            )
        for width in itertools.chain(*self.stages):
            integer(width, "Each width of a decoder", low=1, high=WIDEST)
        if self.stages[-1][-1] != 3:
            raise OptionError(f"A decoder's widths end with 3 (RGB), got {reprlib.repr(self.stages)}.")
        for count in (*self.blocks, *map(len, self.stages)):
            integer(count, "Each number of blocks or convolutions of a stage", low=0, high=MOST_LAYERS)
        if len(self.blocks) > depth:
            raise OptionError(
                f"A decoder of {self.taps[-1]!r} has residual blocks for at most {depth} stages, "
                f"got {reprlib.repr(self.blocks)}."
            )

    def blocks_of(self, stage: int) -> int:
        """Return how many residual blocks stand at the start of `stage`."""
        return self.blocks[stage] if stage < len(self.blocks) else 0

    @property
    def modulated(self) -> tuple[int, ...]:
        """Output channels of each convolution that a modulation acts on: all but the last, the picture."""
        widths, channels = list[int](), self.channels[-1]
        for index, stage in enumerate(self.stages):
            widths += [channels] * (2 * self.blocks_of(index)) + list(stage)
            channels = stage[-1]
        return tuple(widths[:-1])

    @property
    def stage_shapes(self) -> tuple[StageShape, ...]:
        """See `BaseSpec.stage_shapes`."""
        shapes, channels, last = [], self.channels[-1], len(self.stages) - 1
        for index, widths in enumerate(self.stages):
            convolutions = 2 * self.blocks_of(index) + len(widths)
            stride = 2 ** (last - index)
            shapes.append(
                StageShape(
                    taps=self.skips(index) if index else (*self.skips(0), self.taps[-1]),
                    stride=stride,
                    result=stride,
                    reach=convolutions + (index > 0),  # enlarging looks at one more
                    changes=convolutions - (index == last),
                    channels=widths[-1],
                    widest=max(channels, *widths),
                )
            )
            channels = widths[-1]
        return tuple(shapes)

    @property
    def multiple(self) -> int:
        """The stride of the deepest tap."""
        return BY_TAP[self.taps[-1]].stride

    @property
    def described(self) -> str:
        """How it upsamples and pads."""
        return f"{self.upsampling} upsampling, {self.padding} padding"

    def slack(self, stage: int) -> int:
        """Return by how many rows enlarged features may differ from a tap where they meet at `stage`.

        Pooling halves odd sides up or down, so each doubling since the last tap may be a row off.
        """
        slack = 0
        for index in range(1, stage + 1):
            slack = 2 * (0 if self.skips(index - 1) else slack) + 1
        return slack

    def skips(self, stage: int) -> tuple[str, ...]:
        """Return the taps that are added at the start of `stage`."""
        depth = BY_TAP[self.taps[-1]].block
        return tuple(tap for tap in self.taps[:-1] if BY_TAP[tap].block == depth - stage)


#: The network of Huang and Belongie (2017) as in pytorch-AdaIN: block 4 to 1 of VGG-19 mirrored.
PYTORCH_ADAIN = DecoderSpec(
    name="pytorch-adain",
    encoder="vgg19-normalised",
    taps=("relu4_1",),
    channels=(512,),
    stages=((256,), (256, 256, 256, 128), (128, 64), (64, 3)),
)
#: About a quarter of the width, with the aligned shallow taps as skips. The fine resolutions are wider than a
#: mirrored encoder's: they draw the strokes. The residual blocks stand where pixels are few and each sees far.
LITE = DecoderSpec(
    name="lite",
    encoder="vgg19-lite-1",
    taps=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
    channels=(16, 32, 64, 128),
    stages=((96,), (96, 96, 64), (64, 32), (32, 16, 3)),
    blocks=(4, 1),
    modulation=128,
    slope=0.2,
    upsampling="bilinear",
    alignment="covariance",
    passes=2,
)


class Decoder(BaseDecoder):
    """The network of a `DecoderSpec`.

    At each resolution residual blocks, if any, then 3x3 convolutions with a ReLU after each but the last; the
    resolution doubled between stages, no normalisation layers (Huang and Belongie 2017, section 6.1). Trainable as
    constructed; `load_decoder` gives a frozen one.

    Example:
        >>> import torch
        >>> decoder = Decoder(PYTORCH_ADAIN)
        >>> decoder({"relu4_1": torch.rand(1, 512, 4, 6)}).shape
        torch.Size([1, 3, 32, 48])
    """

    spec: DecoderSpec

    def __init__(self, spec: DecoderSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stages = nn.ModuleList()
        self.skips = nn.ModuleDict()
        self.blocks = nn.ModuleList()
        tap_channels = dict(zip(spec.taps, spec.channels, strict=True))
        channels = spec.channels[-1]
        for index, widths in enumerate(spec.stages):
            for tap in spec.skips(index):
                self.skips[tap] = nn.Conv2d(tap_channels[tap], channels, 1)
            blocks = [ResidualBlock(channels, spec.padding, spec.slope) for _ in range(spec.blocks_of(index))]
            self.blocks.append(nn.ModuleList(blocks))
            convolutions = []
            for width in widths:
                convolutions.append(Convolution(channels, width))
                channels = width
            self.stages.append(nn.ModuleList(convolutions))
        self.modulation = self._new_modulation()
        if not next(self.parameters()).is_meta:  # there it has no effect, and loads torch's compiler for a second
            last = cast(nn.Conv2d, cast(nn.ModuleList, self.stages[-1])[-1])
            self._initialise(last, 0.1)  # aligned features reach far beyond one
        self.to(memory_format=torch.channels_last)

    def stage(
        self,
        index: int,
        x: Tensor | None,
        target_features: Mapping[str, Tensor],
        changes: Sequence[Change] | None,
    ) -> Tensor:
        """See `BaseDecoder.stage`.

        The picture has the size of the shallowest tap, doubled up to block 1: exactly its own if a tap of block 1
        is among them.
        """
        own: Iterator[Change | None] = iter(changes or itertools.repeat(None))
        if x is None:
            x = target_features[self.spec.taps[-1]]
        else:
            with in_own_precision(x):
                x = F.interpolate(x, scale_factor=2, mode=self.spec.upsampling)
        for position, tap in enumerate(self.spec.skips(index)):
            skip = pointwise(self.skips[tap], target_features[tap])
            slack = 0 if position else self.spec.slack(index)
            x = skip.add_(_fit(x, skip.shape[2], skip.shape[3], slack, tap))
        for block in cast(nn.ModuleList, self.blocks[index]):
            x = cast(Tensor, block(x, own))
        last = index == len(self.stages) - 1
        *convolutions, end = cast(nn.ModuleList, self.stages[index])
        for convolution in convolutions if last else (*convolutions, end):
            x = cast(Tensor, convolution(pad_by_one(x, self.spec.padding), next(own)))
            x = rectified(x, self.spec.slope)
        return (
            cast(Tensor, end(pad_by_one(x.to(end.get_parameter("weight").dtype), self.spec.padding)))
            if last
            else x
        )

    @property
    def wide(self) -> tuple[str, ...]:
        """See `BaseDecoder.wide`."""
        last = len(self.stages) - 1
        return (f"stages.{last}.{len(self.spec.stages[last]) - 1}.",)


def _fit(x: Tensor, height: int, width: int, slack: int, tap: str) -> Tensor:
    """Bring upsampled features to a tap's size: they differ by up to `slack` where pooling met odd sides.

    Ceil-mode pooling made a row too many, which is cut; the other mode dropped one, which is repeated.
    """
    rows, columns = height - x.shape[2], width - x.shape[3]
    if abs(rows) > slack or abs(columns) > slack:
        raise OptionError(
            f"The features of {tap} are {height}x{width}, but the deeper ones lead to "
            f"{x.shape[2]}x{x.shape[3]}; all must come from the same picture."
        )
    x = x[:, :, : min(height, x.shape[2]), : min(width, x.shape[3])]
    return F.pad(x, (0, max(columns, 0), 0, max(rows, 0)), mode="replicate") if rows > 0 or columns > 0 else x
