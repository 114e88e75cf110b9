"""What tells one feed-forward method from another: the transform between encoding and decoding.

What needs the whole picture (`Transform.measure`, `merge`, `fit`) is apart from what is local (what `fit` returns,
and decoding), so that strips, tiles, frames and batches can share measurements.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from styletransfer.stylizer import Carry, EncodedStyle, Region

#: From features, ``{layer: (B, C, h, w)}``, to target features, position by position.
Apply = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


class Transform(ABC):
    """What a feed-forward method does between encoding and decoding.

    Attributes:
        layers: Layers of a style that it needs in addition to those that the decoder reads.
    """

    layers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def encode(self, measured: Any, extractor: str) -> EncodedStyle:
        """Encode what was measured of a whole style picture."""

    @abstractmethod
    def mix(self, styles: Sequence[EncodedStyle], shares: Sequence[float]) -> EncodedStyle:
        """Return the mixture of several styles."""

    @abstractmethod
    def fault(self, style: EncodedStyle, channels: Mapping[str, int], contents: int) -> str | None:
        """Say why `style` cannot be used for a decoder's ``{layer: channels}`` and a batch, or return None."""

    @abstractmethod
    def measure(self, features: Mapping[str, Tensor], masks: Mapping[str, Tensor | None]) -> Any:
        """Measure features, ``{layer: (B, C, h, w)}``, of a picture or of some of its rows.

        Args:
            features: By layer.
            masks: How much each position counts, (1, 1, h, w), or None for equally; for the same layers.
        """

    @abstractmethod
    def merge(self, measured: Sequence[Any]) -> Any:
        """Return what is measured of a whole picture from what was of all its rows."""

    @abstractmethod
    def carried(self, measured: Any, carry: Carry, place: str) -> Any:
        """Return what was measured of a frame, smoothed over those before it.

        Args:
            measured: Of the whole frame.
            carry: Of the video.
            place: What these measurements are called in it.
        """

    @abstractmethod
    def fit(self, measured: Any, style: EncodedStyle) -> Apply:
        """Return what gives features of a measured content, or some of their rows, the look of a style."""

    @abstractmethod
    def describe(self, measured: Any, style: EncodedStyle, alpha: float | Tensor, own: Any = None) -> Tensor:
        """Describe the change (B, n) to a decoder with modulation.

        Args:
            measured: Of the picture that is transformed.
            style: What it is given.
            alpha: How much of it: a number, or one for each picture, (1 or B, 1, 1, 1).
            own: Measurements of what is kept of the content; `measured` if absent.
        """

    @abstractmethod
    def style_loss(self, measured: Any, style: EncodedStyle) -> Tensor:
        """Return the style loss of a picture that was measured."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """A region with the encoded style that it is given."""

    region: Region
    style: EncodedStyle
