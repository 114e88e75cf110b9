"""What AdaIN's decoders share: their description, residual blocks and modulation."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer._checks import choice, integer, number
from styletransfer.errors import OptionError
from styletransfer.features.padding import Padding, pad_by_one
from styletransfer.layers import WIDEST, check_taps
from styletransfer.methods.feedforward.config import ALIGNMENTS, MOST_PASSES

Alignment = Literal["channels", "covariance"]
#: Convolutions of a stage, or residual blocks before it, at most.
MOST_LAYERS = 32


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
    def multiple(self) -> int:
        """What both sides of a picture must be a multiple of, to be decoded without a rest."""

    @property
    @abstractmethod
    def described(self) -> str:
        """The network in a few words, for its card."""


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


class BaseDecoder(nn.Module):
    """A network from (aligned) features back to a picture: (B, 3, H, W) RGB, not clamped."""

    spec: BaseSpec
    modulation: Modulation | None

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the features that `forward` reads, shallow to deep."""
        return self.spec.taps

    def _new_modulation(self) -> Modulation | None:
        spec = self.spec
        return Modulation(4 * sum(spec.channels), spec.modulated, spec.modulation) if spec.modulation else None

    def _check_taps(self, target_features: Mapping[str, Tensor]) -> None:
        missing = [tap for tap in self.spec.taps if tap not in target_features]
        if missing:
            raise OptionError(f"The decoder {self.spec.name!r} needs the features of {', '.join(missing)} too.")

    def _changes(self, change: Tensor | None) -> list[tuple[Tensor, Tensor]] | None:
        """Return scale and shift for each modulated convolution in its order, or None without a modulation."""
        if self.modulation is None:
            return None
        if change is None:
            raise OptionError(
                f"The decoder {self.spec.name!r} is conditioned on the change in statistics: "
                "give it describe_change(...) with the features."
            )
        changes: list[tuple[Tensor, Tensor]] = self.modulation(change)
        return changes

    def _modulated(self, change: Tensor | None) -> Callable[[Tensor], Tensor]:
        """Return what gives the convolutions' results, in their order, their scales and shifts."""
        changes = self._changes(change)
        if changes is None:
            return lambda x: x
        pairs = iter(changes)

        def modulated(x: Tensor) -> Tensor:
            scale, shift = next(pairs)
            return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))

        return modulated

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
