"""What AdaIN's decoders share: their description, residual blocks and modulation."""

from __future__ import annotations

import copy
import itertools
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import choice, integer, number
from styletransfer.errors import OptionError
from styletransfer.features import low_rank, winograd
from styletransfer.features.padding import Padding, pad_by_one
from styletransfer.layers import WIDEST, check_taps
from styletransfer.methods.feedforward.config import ALIGNMENTS, MOST_PASSES

Alignment = Literal["channels", "covariance"]
#: Convolutions of a stage, or residual blocks before it, at most.
MOST_LAYERS = 32
#: Positions from which it pays to change weights in their larger form.
_MANY = 4 * winograd.FEWEST


#: Scale and shift of a convolution's channels, (B or 1, C, 1, 1) each.
Change = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class StageShape:
    """What is local in a stage of a decoder: a range of its rows can be made from a range of what it reads.

    Attributes:
        taps: The features that it reads.
        stride: Pixels of the picture per row that it works on.
        result: Pixels of the picture per row of its result.
        reach: How many of the rows that it works on, to each side, a row of the result depends on.
        changes: How many of its convolutions a modulation acts on.
        channels: Of the result.
        widest: Numbers per position that it works on, at its widest.
    """

    taps: tuple[str, ...]
    stride: int
    result: int
    reach: int
    changes: int
    channels: int
    widest: int


@dataclass(frozen=True, kw_only=True)
class BaseSpec(ABC):
    """What a decoder is: everything but its numbers.

    Attributes:
        kind: Which network it describes, as its file says.
        name: Free name.
        encoder: Name of the extractor whose features it inverts.
        taps: Aligned features it reads, shallow to deep.
        channels: Channels of each tap.
        modulation: Hidden width of what tells the decoder how the alignment changes the statistics; 0 for nothing.
        slope: Of the ReLUs below zero, 0 to 1; the paper's is 0. Above it a channel that fell silent still learns.
        padding: ``"reflect"`` or ``"zeros"``.
        alignment: What features are given for it, unless something else is asked for: ``"channels"``, mean and
            deviation of each channel as in the paper, or ``"covariance"``, the channels' covariance too.
        passes: How often a picture is encoded, aligned and decoded, 1 to 8. Trained for more than
            one, a decoder continues from its own result and brings its statistics closer to the style's each time.
        encoder_sha256: Of that extractor's numbers (`VGG19Features.sha256`): another one may have its name later.
        notes: How it was trained; anything that JSON can hold.
    """

    kind: ClassVar[str]

    name: str
    encoder: str
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    modulation: int = 0
    slope: float = 0.0
    padding: Padding = "reflect"
    alignment: Alignment = "channels"
    passes: int = 1
    encoder_sha256: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        choice(self.padding, ("reflect", "zeros"), "padding")
        choice(self.alignment, ALIGNMENTS, "alignment")
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
        for width in self.channels:
            integer(width, "Each width of a decoder", low=1, high=WIDEST)

    @property
    @abstractmethod
    def modulated(self) -> tuple[int, ...]:
        """Channels of everything that a modulation acts on, in its order."""

    @property
    @abstractmethod
    def stage_shapes(self) -> tuple[StageShape, ...]:
        """What each stage of the network reads and how far it sees, coarse to fine."""

    @property
    @abstractmethod
    def multiple(self) -> int:
        """What both sides of a picture must be a multiple of, to be decoded without a rest."""

    @property
    @abstractmethod
    def described(self) -> str:
        """The network in a few words, for its card."""


def rectified(x: Tensor, slope: float) -> Tensor:
    """Apply a ReLU in place; with a slope below zero a leaky one (Maas et al. 2013)."""
    return F.leaky_relu_(x, slope) if slope else F.relu_(x)


class Convolution(nn.Conv2d):
    """A 3x3 convolution of what is padded already; a change scales and shifts the channels of its result.

    Without gradients, a change that is the same for the whole batch costs nothing: it is made in the weights. Wide
    convolutions of one picture take the form of `features.winograd` then, where the processor is faster with it.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3)
        self._transformed: tuple[int, Tensor] | None = None

    def forward(self, x: Tensor, change: Change | None = None) -> Tensor:
        """Return (B, width, h, w) of (B, channels, h + 2, w + 2)."""
        weight, bias = self.weight, cast(Tensor, self.bias)
        if torch.is_grad_enabled() or (change is not None and len(change[0]) > 1):
            result = F.conv2d(x, weight, bias)
            return (
                result if change is None else torch.addcmul(change[1].to(x.dtype), result, change[0].to(x.dtype))
            )
        scale, shift = (None, None) if change is None else (part.flatten() for part in change)
        if scale is not None and shift is not None:
            bias = torch.addcmul(shift, scale, bias)
        if self._is_faster_transformed(x):
            kernel = self._kernel if scale is None else self._kernel * scale
            return winograd.convolve(x, kernel).add_(bias.view(1, -1, 1, 1))
        weight = weight if scale is None else weight * scale.view(-1, 1, 1, 1)
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype))

    def _is_faster_transformed(self, x: Tensor) -> bool:
        one = x.shape[0] == 1 and x.shape[2] * x.shape[3] >= _MANY
        return one and winograd.is_faster(self.weight) and not torch.is_autocast_enabled(x.device.type)

    @property
    def _kernel(self) -> Tensor:
        """The weight's `winograd.spectrum`, computed when it is first wanted."""
        version = self.weight._version
        if self._transformed is None or self._transformed[0] != version:
            self._transformed = version, winograd.spectrum(self.weight)
        return self._transformed[1]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between, added to what came in (He et al. 2016).

    The second starts at zero, so a new block changes nothing and a finished decoder can be given more of them.
    """

    def __init__(self, channels: int, padding: Padding, slope: float) -> None:
        super().__init__()
        self.padding: Padding = padding
        self.slope = slope
        self.first = Convolution(channels, channels)
        self.second = Convolution(channels, channels)

    def forward(self, x: Tensor, changes: Iterator[Change | None]) -> Tensor:
        """Return (B, C, h, w) features of the same shape; each convolution takes the next of `changes`."""
        inner = rectified(self.first(pad_by_one(x, self.padding), next(changes)), self.slope)
        return cast(Tensor, self.second(pad_by_one(inner, self.padding), next(changes))).add_(x)


def pointwise(convolution: nn.Module, x: Tensor, change: Change | None = None) -> Tensor:
    """Apply a 1x1 convolution to (B, C, h, w) as a matrix product, and scale and shift its channels by `change`.

    In channels_last that is a view; on a CPU it takes a third of the time of torch's own 1x1 convolution. A change
    is made in the weights, where it costs nothing.
    """
    bias = cast(Tensor | None, convolution.bias)
    if change is None:
        return low_rank.pointwise(x, convolution.get_parameter("weight"), bias)
    weight, rows = convolution.get_parameter("weight").flatten(1), x.permute(0, 2, 3, 1)
    scale, shift = (part.flatten(1) for part in change)  # (B or 1, width)
    offset = (shift if bias is None else torch.addcmul(shift, scale, bias)).to(x.dtype)
    weights = (scale[:, :, None] * weight).to(x.dtype)  # (B or 1, width, C)
    if len(weights) == 1:
        return F.linear(rows, weights[0], offset[0]).permute(0, 3, 1, 2)
    moved = torch.baddbmm(offset[:, None], rows.flatten(1, 2), weights.mT)
    return moved.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)


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


class BaseDecoder(nn.Module):
    """A network from (aligned) features back to a picture: (B, 3, H, W) RGB, not clamped."""

    spec: BaseSpec
    modulation: Modulation | None

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the features that `forward` reads, shallow to deep."""
        return self.spec.taps

    def cast(self, dtype: torch.dtype) -> Self:
        """Return a copy of this decoder with its convolutions in another precision.

        What makes the picture of the last features stays in float32, since half precision has not even 8-bit
        pictures' steps, and so does the modulation, which is small and made of statistics.
        """
        with torch.inference_mode(False), torch.no_grad():
            other = copy.deepcopy(self)
            for name, parameter in other.named_parameters():
                if not name.startswith(("modulation", *self.wide)):
                    parameter.data = parameter.data.to(dtype)
        return other

    @property
    @abstractmethod
    def wide(self) -> tuple[str, ...]:
        """Names of the modules that make the picture of the last features, for `cast`."""

    def _new_modulation(self) -> Modulation | None:
        spec = self.spec
        return Modulation(4 * sum(spec.channels), spec.modulated, spec.modulation) if spec.modulation else None

    def _check_taps(self, target_features: Mapping[str, Tensor]) -> None:
        missing = [tap for tap in self.spec.taps if tap not in target_features]
        if missing:
            raise OptionError(f"The decoder {self.spec.name!r} needs the features of {', '.join(missing)} too.")

    def forward(self, target_features: Mapping[str, Tensor], change: Tensor | None = None) -> Tensor:
        """Decode features to pictures.

        Args:
            target_features: ``{tap: (B, C, h, w)}`` for every tap of the spec.
            change: What `describe_change` says of their alignment, for a decoder whose spec has a `modulation`.

        Returns:
            (B, 3, H, W) RGB, not clamped.

        Raises:
            OptionError: A tap that is missing or does not fit the others; no `change` where one is needed.
        """
        changes = self.changes(change)
        self._check_taps(target_features)
        x = None
        for index, own in enumerate(changes):
            x = self.stage(index, x, target_features, own)
        return cast(Tensor, x)

    def changes(self, change: Tensor | None) -> list[list[Change] | None]:
        """Return for each stage the scales and shifts of its convolutions, or None without a modulation."""
        shapes = self.spec.stage_shapes
        if self.modulation is None:
            return [None] * len(shapes)
        if change is None:
            raise OptionError(
                f"The decoder {self.spec.name!r} is conditioned on the change in statistics: "
                "give it describe_change(...) with the features."
            )
        pairs: Iterator[Change] = iter(self.modulation(change))
        return [list(itertools.islice(pairs, shape.changes)) for shape in shapes]

    @abstractmethod
    def stage(
        self,
        index: int,
        x: Tensor | None,
        target_features: Mapping[str, Tensor],
        changes: Sequence[Change] | None,
    ) -> Tensor:
        """Go from one resolution to the next, of a whole picture or of some of its rows.

        Args:
            index: Which stage, from 0, the coarsest.
            x: The result of the stage before, (B, C, h, w); None for the first.
            target_features: Those of the taps that this stage reads, `StageShape.taps`.
            changes: Its own of `changes`.

        Returns:
            (B, C', h', w'); of the last stage the picture, not clamped.
        """

    def _initialise(self, last: nn.Conv2d, scale: float) -> None:
        """Start with activations of constant size (He et al. 2015) around a mid-grey picture."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(module.second.weight)
        if self.modulation is not None:
            nn.init.zeros_(self.modulation.out.weight)
            nn.init.zeros_(self.modulation.out.bias)
        nn.init.constant_(last.bias, 0.5)  # type: ignore[arg-type]
        with torch.no_grad():
            last.weight.mul_(scale)
