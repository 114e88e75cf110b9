"""From measured features to those that are decoded: regions joined, and mixed with the content's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from styletransfer.layers import BY_TAP
from styletransfer.methods.feedforward.strips import EncodedPicture
from styletransfer.methods.feedforward.transform import Apply
from styletransfer.stylizer import Region

#: By layer, (1, 1, h, w) of the whole picture's features.
Maps = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """The target features of a pass, to be asked for in rows.

    Attributes:
        seen: The picture that this pass started from.
        own: The content, whose own features stay where no style belongs or little is wanted; None if nowhere.
        fits: For each region what gives features its style's look.
        masks: For each region where it is; one without masks is everywhere.
        alpha: How much of the style is wanted (equation 14): a number, or maps.
    """

    seen: EncodedPicture
    own: EncodedPicture | None
    fits: Sequence[Apply]
    masks: Sequence[Maps | None]
    alpha: float | Maps

    def __call__(self, taps: Sequence[str], top: int, bottom: int) -> dict[str, Tensor]:
        """Return the target features of `taps` in rows of pixels, (B, C, h, w) each."""
        features = self.seen.rows(taps, top, bottom)
        parts = [fit(features) for fit in self.fits]
        if self.own is None:
            return parts[0]
        own = features if self.own is self.seen else self.own.rows(taps, top, bottom)
        targets = {}
        for tap, kept in own.items():
            joined = kept
            for part, maps in zip(parts, self.masks, strict=True):
                moved = part[tap]
                joined = moved if maps is None else joined + rows_of(maps, tap, top, kept) * (moved - kept)
            share = self.alpha if isinstance(self.alpha, float) else rows_of(self.alpha, tap, top, kept)
            targets[tap] = share * joined + (1 - share) * kept
        return targets


def rows_of(maps: Maps, tap: str, top: int, features: Tensor) -> Tensor:
    """Return the rows of a layer's map that lie over features which begin at the picture's row `top`."""
    first = top // BY_TAP[tap].stride
    return maps[tap][:, :, first : first + features.shape[2]]


def region_maps(region: Region, taps: Sequence[str], size: tuple[int, int]) -> Maps | None:
    """Return a region's mask at the layers' sizes for a picture of `size`, or None if it is everywhere."""
    if region.mask is None:
        return None
    masks = {tap: region.mask_at(_size_at(tap, size)) for tap in taps}
    return {tap: mask for tap, mask in masks.items() if mask is not None}


def strength_maps(strength: Tensor, taps: Sequence[str], size: tuple[int, int]) -> Maps:
    """Return a map of strengths, (1, 1, H, W), at the layers' sizes for a picture of `size`."""
    # A map covers the picture, not the rows and columns that were padded to it.
    return {
        tap: F.interpolate(
            strength, _size_at(tap, size), mode="bilinear", antialias=True, align_corners=False
        ).contiguous()
        for tap in taps
    }


def _size_at(tap: str, size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // BY_TAP[tap].stride, size[1] // BY_TAP[tap].stride
