"""A decoder that does nearly all of its work at half resolution and below, for one pass.

Pictures leave it through a sub-pixel convolution (Shi et al., CVPR 2016): twelve channels at half resolution
become three at full. Most residual blocks stand at an eighth and a sixteenth, where pixels are few and each sees
far.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import integer
from styletransfer.errors import OptionError
from styletransfer.features.padding import in_own_precision, pad_by_one
from styletransfer.layers import BY_TAP, WIDEST
from styletransfer.methods.feedforward.decoder_parts import (
    MOST_LAYERS,
    BaseDecoder,
    BaseSpec,
    ResidualBlock,
    rectified,
)


@dataclass(frozen=True, kw_only=True)
class SubpixelSpec(BaseSpec):
    """A sub-pixel decoder; `BaseSpec` has what is not said here. It reads one tap of each block from the first on.

    Attributes:
        widths: Channels at each resolution, coarse to fine: from half the deepest tap's to half the picture's.
        blocks: Residual blocks at each resolution.
    """

    kind: ClassVar[str] = "subpixel"

    widths: tuple[int, ...]
    blocks: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        read = [BY_TAP[tap].block for tap in self.taps]
        if read != list(range(1, len(read) + 1)) or len(read) < 2:
            raise OptionError(
                "A sub-pixel decoder reads one tap of each block from the first on, at least two, "
                f"got {reprlib.repr(self.taps)}."
            )
        if not len(self.widths) == len(self.blocks) == len(self.taps):
            raise OptionError(
                f"A sub-pixel decoder of {len(self.taps)} taps has as many widths and numbers of blocks, got "
                f"{reprlib.repr(self.widths)} and {reprlib.repr(self.blocks)}."
            )
        for width in self.widths:
            integer(width, "Each width of a decoder", low=1, high=WIDEST)
        for count in self.blocks:
            integer(count, "Each number of blocks", low=0, high=MOST_LAYERS)

    @property
    def modulated(self) -> tuple[int, ...]:
        """Output channels of both convolutions of each block, then of what is made a picture."""
        inside = [width for width, count in zip(self.widths, self.blocks, strict=True) for _ in range(2 * count)]
        return (*inside, self.widths[-1])

    @property
    def multiple(self) -> int:
        """The stride of the coarsest resolution."""
        return 2 * BY_TAP[self.taps[-1]].stride

    @property
    def described(self) -> str:
        """Its shape."""
        return f"sub-pixel output, {self.padding} padding"


#: Fifteen thousand multiply-adds a pixel, as many as its encoder.
FAST = SubpixelSpec(
    name="fast",
    encoder="vgg19-lite-1",
    taps=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
    channels=(16, 32, 64, 128),
    widths=(128, 96, 32, 24),
    blocks=(3, 2, 1, 1),
    modulation=128,
    slope=0.2,
    alignment="covariance",
)


class SubpixelDecoder(BaseDecoder):
    """The network of a `SubpixelSpec`. Trainable as constructed; `load_decoder` gives a frozen one.

    Example:
        >>> import torch
        >>> spec = SubpixelSpec(
        ...     name="small", encoder="any", taps=("relu1_1", "relu2_1"), channels=(4, 6),
        ...     widths=(8, 8), blocks=(1, 1),
        ... )
        >>> features = {"relu1_1": torch.rand(1, 4, 32, 48), "relu2_1": torch.rand(1, 6, 16, 24)}
        >>> SubpixelDecoder(spec)(features).shape
        torch.Size([1, 3, 32, 48])
    """

    spec: SubpixelSpec

    def __init__(self, spec: SubpixelSpec) -> None:
        super().__init__()
        self.spec = spec
        coarsest, *widths = spec.widths
        self.enter = nn.ModuleDict()
        for tap, channels, width in zip(spec.taps[:0:-1], spec.channels[:0:-1], widths, strict=True):
            self.enter[tap] = nn.Conv2d(channels, width, 1)
        # The shallowest has the picture's resolution and is read in squares of two by two.
        self.enter[spec.taps[0]] = nn.Conv2d(spec.channels[0], widths[-1], 2, stride=2)
        self.coarsen = nn.Conv2d(widths[0], coarsest, 1)
        self.refine = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in itertools.pairwise(spec.widths))
        self.blocks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, spec.padding, spec.slope) for _ in range(count))
            for width, count in zip(spec.widths, spec.blocks, strict=True)
        )
        self.end = nn.Conv2d(widths[-1], 12, 3)
        self.modulation = self._new_modulation()
        if not next(self.parameters()).is_meta:  # see `Decoder`
            self._initialise(self.end, 0.1)
        self.to(memory_format=torch.channels_last)

    def forward(self, target_features: Mapping[str, Tensor], change: Tensor | None = None) -> Tensor:
        """Decode features to pictures.

        Args:
            target_features: ``{tap: (B, C, h, w)}`` for every tap of the spec, of pictures whose sides are
                multiples of ``spec.multiple``.
            change: What `describe_change` says of their alignment, for a decoder whose spec has a `modulation`.

        Returns:
            (B, 3, H, W) RGB, not clamped.

        Raises:
            OptionError: A tap that is missing or does not fit the others; no `change` where one is needed.
        """
        modulated = self._modulated(change)
        self._check_taps(target_features)
        self._check_sizes(target_features)
        shallow, *deeper = self.spec.taps
        deepest = pointwise(self.enter[deeper[-1]], target_features[deeper[-1]])
        x = rectified(pointwise(self.coarsen, F.avg_pool2d(deepest, 2)), self.spec.slope)
        for tap, blocks, refine in zip(deeper[::-1], self.blocks, self.refine, strict=False):
            for block in cast(nn.ModuleList, blocks):
                x = block(x, modulated)
            x = pointwise(refine, x)  # before the picture gets larger, which makes it a quarter of the work
            with in_own_precision(x):
                x = F.interpolate(x, scale_factor=2, mode="bilinear")
            x = x + (deepest if tap == deeper[-1] else pointwise(self.enter[tap], target_features[tap]))
        x = x + self.enter[shallow](target_features[shallow])
        for block in cast(nn.ModuleList, self.blocks[-1]):
            x = block(x, modulated)
        x = rectified(modulated(x), self.spec.slope)
        return F.pixel_shuffle(self.end(pad_by_one(x, self.spec.padding)), 2)

    def _check_sizes(self, target_features: Mapping[str, Tensor]) -> None:
        spec, shallow = self.spec, self.spec.taps[0]
        height, width = target_features[shallow].shape[2:]
        whole = height % spec.multiple == width % spec.multiple == 0
        for tap in spec.taps:
            got = tuple(target_features[tap].shape[2:])
            if not whole or got != (height // BY_TAP[tap].stride, width // BY_TAP[tap].stride):
                raise OptionError(
                    f"The decoder {spec.name!r} needs features of one picture whose sides are multiples of "
                    f"{spec.multiple}; those of {tap} are {got[0]}x{got[1]}, those of {shallow} {height}x{width}."
                )


def pointwise(convolution: nn.Module, x: Tensor) -> Tensor:
    """Apply a 1x1 convolution to (B, C, h, w) as a matrix product.

    In channels_last that is a view; on a CPU it takes a third of the time of torch's own 1x1 convolution.
    """
    weight, bias = convolution.get_parameter("weight"), convolution.get_parameter("bias")
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
