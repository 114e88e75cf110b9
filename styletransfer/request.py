"""What a method is asked: content, styles with their shares and masks, a start, a strength."""

from __future__ import annotations

import dataclasses
import warnings
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer import images
from styletransfer._checks import number
from styletransfer.errors import OptionError
from styletransfer.images import ImageSource, Picture


class EncodedStyle(ABC):
    """A style that a method has encoded and that it takes in place of the picture.

    Attributes:
        extractor: Name of the weight set it was encoded with.
        path: The file of the style picture, which is never overwritten, or None.
    """

    extractor: str
    path: Path | None


#: Difference of a mask's channels from which it counts as coloured (JPEG makes a little of it), and of its
#: proportions from the content's from which it is told that it is stretched.
_COLOURED, _STRETCHED = 0.1, 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleInput:
    """One style of a request.

    Attributes:
        source: A picture (1 or B, 3, H, W) on the extractor's device, or an `EncodedStyle`.
        share: Its part of the mixture; all shares of a request sum to 1.
        mask: Where in the content it belongs, (1, 1, H, W) in [0, 1], or None for everywhere. The masks of a
            request sum to at most 1 at every pixel; what none covers keeps the content.
    """

    source: Tensor | EncodedStyle
    share: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A part of the content with the styles that it is given.

    Attributes:
        styles: Mixed by their shares.
        mask: (1, 1, H, W) in [0, 1], or None for the whole content.
    """

    styles: tuple[StyleInput, ...]
    mask: Tensor | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    def mask_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the mask at the size of some features or of a picture, (H, W)."""
        if self.mask is None or self.mask.shape[2:] == size:
            return self.mask
        return F.interpolate(self.mask, size, mode="bilinear", antialias=True, align_corners=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What a method is asked to do: everything is checked, on the extractor's device and at the working size.

    Attributes:
        content: (B, 3, H, W) RGB in [0, 1].
        styles: At least one.
        init: A picture to start from, (1 or B, 3, H, W), or None.
        strength: How much of the style is wanted, in [0, 1]: a number, or a map (1, 1, H, W).
    """

    content: Tensor
    styles: tuple[StyleInput, ...]
    init: Tensor | None = None
    strength: float | Tensor = 1.0

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' shares."""
        return tuple(style.share for style in self.styles)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The styles by where they belong: one region for each mask, or a single one without."""
        if self.styles[0].mask is None:
            return (Region(styles=self.styles),)
        return tuple(Region(styles=(dataclasses.replace(s, share=1.0),), mask=s.mask) for s in self.styles)

    def keep_uncovered(self, image: Tensor) -> Tensor:
        """Return a result with the content where no mask is."""
        masks = [style.mask for style in self.styles if style.mask is not None]
        if not masks:
            return image
        covered = torch.stack(masks).sum(0)
        return covered * image + (1 - covered) * self.content


def as_picture(source: ImageSource | Picture, what: str) -> Picture:
    """Return `source` as a picture, read if it is not one yet."""
    return source if isinstance(source, Picture) else images.read_picture(source, what=what)


def read_masks(masks: Sequence[Any], styles: int) -> tuple[Picture, ...]:
    """Read one mask for each style.

    Raises:
        OptionError: Another number of masks than styles.
        ImageError: A mask that cannot be read.
    """
    listed: list[Any] = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    if len(listed) != styles:
        raise OptionError(f"Each style needs one mask: got {len(listed)} mask(s) for {styles} style(s).")
    return tuple(as_picture(mask, f"mask {position}") for position, mask in enumerate(listed, start=1))


def place_masks(masks: Sequence[Picture], content: Picture) -> list[Tensor]:
    """Return masks at the content's size, (1, 1, H, W), so that they sum to at most 1.

    Raises:
        OptionError: A mask that is black everywhere.
    """
    height, width = content.rgb.shape[2:]
    read = []
    for position, mask in enumerate(masks, start=1):
        if mask.rgb.shape[0] != 1:
            raise OptionError(f"Mask {position} is a batch of {mask.rgb.shape[0]} pictures; give one picture.")
        _tell_oddities(f"Mask {position}", mask.rgb, (height, width))
        grey = mask.rgb.mean(1, keepdim=True)
        grey = grey if mask.alpha is None else grey * mask.alpha  # nothing belongs where a mask is transparent
        read.append(images.resize(grey, (height, width)))
        if float(read[-1].max()) < 1 / 255:
            raise OptionError(
                f"Mask {position} is black at the content's size; make it white where its style belongs."
            )
    total = torch.stack(read).sum(0).clamp_min(1.0)
    return [mask / total for mask in read]


def _tell_oddities(what: str, mask: Tensor, size: tuple[int, int]) -> None:
    """Warn of a mask that is coloured, or of another shape than the content."""
    height, width = mask.shape[2:]
    if float((mask.amax(1) - mask.amin(1)).max()) > _COLOURED:
        warnings.warn(
            f"{what} is coloured; its brightness says how much of the style belongs there.", stacklevel=3
        )
    if abs(height * size[1] / (width * size[0]) - 1) > _STRETCHED:
        warnings.warn(
            f"{what} is {width}x{height} pixels, the content {size[1]}x{size[0]}; it is stretched to fit.",
            stacklevel=3,
        )


def check_strength(strength: float | Tensor, content: Picture) -> float | Tensor:
    """Return a strength that is a number in [0, 1] or a map of the content's size.

    Raises:
        OptionError: It is neither.
    """
    if not isinstance(strength, Tensor):
        return number(strength, "strength", low=0.0, high=1.0)
    wanted = (1, 1, *content.rgb.shape[2:])
    ordinary = strength.layout == torch.strided and strength.is_floating_point() and not strength.is_meta
    if not ordinary or strength.shape != wanted:
        raise OptionError(
            f"A strength map is a tensor of floats of the content's size, {wanted}; got {strength.dtype}, "
            f"{strength.layout}, of shape {tuple(strength.shape)}."
        )
    if not bool(((strength >= 0) & (strength <= 1)).all()):
        raise OptionError("A strength map has values in [0, 1] and no NaN; clamp it first.")
    return strength.to(torch.float32)
