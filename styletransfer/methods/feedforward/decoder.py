"""AdaIN's way back to pixels: decoders as data and as networks."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import choice, integer, number
from styletransfer.errors import OptionError
from styletransfer.features.padding import Padding, in_own_precision, pad_by_one
from styletransfer.layers import BY_TAP, WIDEST, check_taps
from styletransfer.methods.feedforward.config import MOST_PASSES

Upsampling = Literal["nearest", "bilinear"]
#: Convolutions of a stage, or residual blocks before it, at most.
MOST_LAYERS = 32


@dataclass(frozen=True, kw_only=True)
class DecoderSpec:
    """What a decoder is: everything but its numbers.

    Attributes:
        name: Free name.
        encoder: Name of the extractor whose features it inverts.
        taps: Aligned features it reads, shallow to deep. The deepest is decoded; each other one is added,
            through a 1x1 convolution, where its resolution is reached.
        channels: Channels of each tap.
        stages: Output channels of the 3x3 convolutions at each resolution, coarse to fine; the resolution
            doubles between stages and the last width is 3.
        blocks: Residual blocks before each stage's convolutions, coarse to fine; none for stages left out.
        modulation: Hidden width of what tells the decoder how the alignment changes the statistics; 0 for nothing.
        slope: Of the ReLUs below zero, 0 to 1; the paper's is 0. Above it a channel that fell silent still learns.
        padding: ``"reflect"`` or ``"zeros"``.
        upsampling: ``"nearest"`` or ``"bilinear"``.
        passes: How often a picture is encoded, aligned and decoded, 1 to 8. Trained for more than
            one, a decoder continues from its own result and brings its statistics closer to the style's each time.
        encoder_sha256: Of that extractor's numbers (`VGG19Features.sha256`): another one may have its name later.
        notes: How it was trained; anything that JSON can hold.
    """

    name: str
    encoder: str
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    stages: tuple[tuple[int, ...], ...]
    blocks: tuple[int, ...] = ()
    modulation: int = 0
    slope: float = 0.0
    padding: Padding = "reflect"
    upsampling: Upsampling = "nearest"
    passes: int = 1
    encoder_sha256: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        choice(self.padding, ("reflect", "zeros"), "padding")
        choice(self.upsampling, ("nearest", "bilinear"), "upsampling")
        integer(self.passes, "passes", low=1, high=MOST_PASSES)
        if not isinstance(self.encoder_sha256, (str, type(None))):
            raise OptionError(f"encoder_sha256 must be a text, got {reprlib.repr(self.encoder_sha256)}.")
        integer(self.modulation, "modulation", low=0, high=WIDEST)
        number(self.slope, "slope", low=0.0, high=1.0)
        if check_taps(self.taps) != tuple(self.taps):
            raise OptionError(
                f"A decoder's taps go from shallow to deep, once each, got {reprlib.repr(self.taps)}."
            )
        if len(self.channels) != len(self.taps):
            raise OptionError(
                f"A decoder needs channels for each tap, got {len(self.channels)} for {len(self.taps)} taps."
            )
        depth = BY_TAP[self.taps[-1]].block
        if len(self.stages) != depth or not all(self.stages):
            raise OptionError(
                f"A decoder of {self.taps[-1]!r} has {depth} stages of at least one convolution, "
                f"got {reprlib.repr(self.stages)}."
            )
        for width in (*self.channels, *itertools.chain(*self.stages)):
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
    passes=2,
)


def rectified(x: Tensor, slope: float) -> Tensor:
    """Apply a ReLU in place; with a slope below zero a leaky one (Maas et al. 2013)."""
    return F.leaky_relu_(x, slope) if slope else F.relu_(x)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between, added to what came in (He et al. 2016).

    The second starts at zero, so a new block changes nothing and a finished decoder can be given more of them.
    """

    def __init__(self, channels: int, padding: Padding, slope: float) -> None:
        super().__init__()
        self.padding: Padding = padding
        self.slope = slope
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor, modulated: Callable[[Tensor], Tensor]) -> Tensor:
        """Return (B, C, h, w) features of the same shape; `modulated` is applied to each convolution."""
        inner = rectified(modulated(self.first(pad_by_one(x, self.padding))), self.slope)
        return x + modulated(self.second(pad_by_one(inner, self.padding)))


class Modulation(nn.Module):
    """Gives each modulated convolution a scale and a shift for every channel.

    With the output layer at zero the scales are one and the shifts zero, so a finished decoder can be given one
    and be trained on.

    Args:
        inputs: Length of a description.
        widths: Channels of each modulated convolution.
        hidden: Width of the layer between.
    """

    def __init__(self, inputs: int, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(2 * hidden, 2 * sum(widths))

    def forward(self, change: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Turn (B, inputs) descriptions into ``(scale, shift)``, (B, C, 1, 1) each, for every convolution."""
        hidden = self.hidden(change.to(self.hidden.weight.dtype))
        # Beside what a ReLU lets through the values themselves: much of what is to be learnt is linear.
        out = self.out(torch.cat([hidden, F.relu(hidden)], dim=1))[:, :, None, None]
        pairs = (part.chunk(2, dim=1) for part in out.split([2 * width for width in self.widths], dim=1))
        # Between 0 and 2: unbounded ones multiply from layer to layer, and a training explodes.
        return [(1 + torch.tanh(scale), shift) for scale, shift in pairs]


class Decoder(nn.Module):
    """A network from (aligned) features back to a picture.

    At each resolution residual blocks, if any, then 3x3 convolutions with a ReLU after each but the last; the
    resolution doubled between stages, no normalisation layers (Huang and Belongie 2017, section 6.1). Trainable as
    constructed; `load_decoder` gives a frozen one.

    Example:
        >>> import torch
        >>> decoder = Decoder(PYTORCH_ADAIN)
        >>> decoder({"relu4_1": torch.rand(1, 512, 4, 6)}).shape
        torch.Size([1, 3, 32, 48])
    """

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
                convolutions.append(nn.Conv2d(channels, width, 3))
                channels = width
            self.stages.append(nn.ModuleList(convolutions))
        self.modulation: Modulation | None = None
        if spec.modulation:
            self.modulation = Modulation(4 * sum(spec.channels), spec.modulated, spec.modulation)
        if not next(self.parameters()).is_meta:  # there it has no effect, and loads torch's compiler for a second
            self._initialise()
        self.to(memory_format=torch.channels_last)

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the features that `forward` reads, shallow to deep."""
        return self.spec.taps

    def forward(self, target_features: Mapping[str, Tensor], change: Tensor | None = None) -> Tensor:
        """Decode features to pictures.

        Args:
            target_features: ``{tap: (B, C, h, w)}`` for every tap of the spec.
            change: What `describe_change` says of their alignment, for a decoder whose spec has a `modulation`.

        Returns:
            (B, 3, H, W) RGB, not clamped. The size is that of the shallowest tap, doubled up to block 1:
            exactly the picture's if a tap of block 1 is among them.

        Raises:
            OptionError: A tap that is missing or does not fit the others; no `change` where one is needed.
        """
        modulated = self._modulated(change)
        missing = [tap for tap in self.spec.taps if tap not in target_features]
        if missing:
            raise OptionError(f"The decoder {self.spec.name!r} needs the features of {', '.join(missing)} too.")
        x = target_features[self.spec.taps[-1]]
        last, slack = len(self.stages) - 1, 0
        for index, stage in enumerate(self.stages):
            if index > 0:
                with in_own_precision(x):
                    x = F.interpolate(x, scale_factor=2, mode=self.spec.upsampling)
                slack = 2 * slack + 1
            for tap in self.spec.skips(index):
                skip = self.skips[tap](target_features[tap])
                x = _fit(x, skip.shape[2], skip.shape[3], slack, tap) + skip
                slack = 0
            for block in cast(nn.ModuleList, self.blocks[index]):
                x = block(x, modulated)
            for position, convolution in enumerate(cast(nn.ModuleList, stage)):
                x = convolution(pad_by_one(x, self.spec.padding))
                if index < last or position < len(self.spec.stages[last]) - 1:
                    x = rectified(modulated(x), self.spec.slope)
        return x

    def _modulated(self, change: Tensor | None) -> Callable[[Tensor], Tensor]:
        """Return what gives the convolutions' results, in their order, their scales and shifts."""
        if self.modulation is None:
            return lambda x: x
        if change is None:
            raise OptionError(
                f"The decoder {self.spec.name!r} is conditioned on the change in statistics: "
                "give it describe_change(...) with the features."
            )
        pairs = iter(self.modulation(change))

        def modulated(x: Tensor) -> Tensor:
            scale, shift = next(pairs)
            return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))

        return modulated

    def _initialise(self) -> None:
        """Start with activations of constant size (He et al. 2015) around a mid-grey picture."""
        for module in (*self.stages.modules(), *self.blocks.modules()):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for module in self.blocks.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(module.second.weight)
        if self.modulation is not None:
            nn.init.zeros_(self.modulation.out.weight)
            nn.init.zeros_(self.modulation.out.bias)
        last = f"stages.{len(self.stages) - 1}.{len(self.spec.stages[-1]) - 1}"
        nn.init.constant_(self.get_parameter(f"{last}.bias"), 0.5)
        with torch.no_grad():
            self.get_parameter(f"{last}.weight").mul_(0.1)  # aligned features reach far beyond one


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
