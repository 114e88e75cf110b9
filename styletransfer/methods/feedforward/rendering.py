"""From measured features to those that are decoded: given their style, and mixed with the content's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from styletransfer.layers import BY_TAP
from styletransfer.methods.feedforward.strips import EncodedPicture
from styletransfer.methods.feedforward.transform import Apply

#: By layer, (1 or B, 1, h, w) of the whole picture's features.
Maps = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """The target features of a pass, to be asked for in rows.

    Attributes:
        seen: The picture that this pass started from.
        own: The content, whose own features stay where little of the style is wanted; None if nowhere.
        fit: What gives features the style's look.
        alpha: How much of the style is wanted (equation 14): a number, or maps.
    """

    seen: EncodedPicture
    own: EncodedPicture | None
    fit: Apply
    alpha: float | Maps

    def __call__(self, taps: Sequence[str], top: int, bottom: int) -> dict[str, Tensor]:
        """Return the target features of `taps` in rows of pixels, (B, C, h, w) each."""
        features = self.seen.rows(taps, top, bottom)
        targets = self.fit(features)
        if self.own is None:
            return targets
        own = features if self.own is self.seen else self.own.rows(taps, top, bottom)
        for tap, kept in own.items():
            share = self.alpha if isinstance(self.alpha, float) else rows_of(self.alpha, tap, top, kept)
            targets[tap] = share * targets[tap] + (1 - share) * kept
        return targets


def rows_of(maps: Maps, tap: str, top: int, features: Tensor) -> Tensor:
    """Return the rows of a layer's map that lie over features which begin at the picture's row `top`."""
    first = top // BY_TAP[tap].stride
    return maps[tap][:, :, first : first + features.shape[2]]
