"""From what users ask of a run to a `Request`: masks, maps and styles read, and fitted to the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from styletransfer import images
from styletransfer.controls import Controls
from styletransfer.errors import OptionError
from styletransfer.images import ImageSource, Picture
from styletransfer.masking import (
    place_masks,
    place_preserved,
    place_style_mask,
    read_masks,
    read_preserved,
    read_strength,
    read_style_masks,
)
from styletransfer.request import EncodedStyle, Request, StyleInput

#: How much of a style is wanted: a number, one for each content, or a map.
Strength = float | Sequence[float] | ImageSource | Picture
#: Grey pictures, or one.
Masks = Sequence[ImageSource | Picture | None] | ImageSource | Picture


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """What a run is asked besides its pictures, read.

    Attributes:
        strength: A number, or a map (1 or B, 1, H, W).
        masks: One for each style, or empty.
        style_masks: One for each style, or empty; None for all of a style.
        preserve: Any number.
    """

    strength: float | Tensor
    masks: tuple[Picture, ...]
    style_masks: tuple[Picture | None, ...]
    preserve: tuple[Picture, ...]

    @property
    def has_masks(self) -> bool:
        """Whether there is a mask of any kind."""
        return bool(self.masks or self.style_masks or self.preserve)


def read_asked(
    content: Picture, styles: int, strength: Strength, masks: Any, style_masks: Any, preserve: Any
) -> Asked:
    """Read what is asked of a run with so many styles; `Stylizer.stylize` explains the arguments.

    Raises:
        StyleTransferError: Something that cannot be read, or does not fit the content or the number of styles.
    """
    return Asked(
        strength=read_strength(strength, content),
        masks=() if masks is None else read_masks(masks, styles),
        style_masks=() if style_masks is None else read_style_masks(style_masks, styles),
        preserve=() if preserve is None else read_preserved(preserve),
    )


def assemble(
    content: Picture,
    styles: Sequence[Picture | EncodedStyle],
    sources: Sequence[Tensor | EncodedStyle],
    shares: Sequence[float],
    asked: Asked,
    controls: Controls,
    *,
    init: Tensor | None,
    device: torch.device,
) -> Request:
    """Put a request together.

    Args:
        content: At its working size.
        styles: As they were read.
        sources: What the method takes of each, on `device`.
        shares: Of the styles.
        asked: Masks and strength.
        controls: Of which the feather and the scale of styles matter here.
        init: A start, or None.
        device: Where the work is done.

    Raises:
        OptionError: Masks of which nothing is left, a feather without masks, a mask for an encoded style.
    """
    size = content.rgb.shape[2], content.rgb.shape[3]
    if controls.feather and not asked.masks and not asked.preserve:
        raise OptionError("feather softens the edges of masks, and there are none; leave it out, or give masks.")
    preserved = place_preserved(asked.preserve, size, feather=controls.feather) if asked.preserve else None
    nowhere: list[Tensor | None] = [None] * len(styles)
    masks = nowhere
    if asked.masks:
        masks = [*place_masks(asked.masks, size, preserved=preserved, feather=controls.feather)]
    parts = [*asked.style_masks] or nowhere
    looked_at = [_looked_at(*pair, position) for position, pair in enumerate(zip(parts, sources, strict=True), 1)]

    def there(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.to(device)

    return Request(
        content=content.rgb.to(device),
        styles=tuple(
            StyleInput(
                source=source,
                share=share,
                mask=there(mask),
                looked_at=there(part),
                finer=there(_finer(style, controls.style_scale)),
            )
            for style, source, share, mask, part in zip(styles, sources, shares, masks, looked_at, strict=True)
        ),
        init=init,
        strength=asked.strength.to(device) if isinstance(asked.strength, Tensor) else asked.strength,
        preserved=there(preserved),
    )


def _looked_at(mask: Picture | Any, source: Tensor | EncodedStyle, position: int) -> Tensor | None:
    """Return what counts of a style's picture."""
    if mask is None:
        return None
    if isinstance(source, EncodedStyle):
        raise OptionError(
            f"Style mask {position} needs the style's picture, got an encoded style; give the picture itself, or "
            "encode it with the mask."
        )
    return place_style_mask(mask, (source.shape[2], source.shape[3]), position)


def _finer(style: Picture | EncodedStyle, scale: float) -> Tensor | None:
    """Return a style picture that was reduced when it was read as large as it is wanted, as far as it goes."""
    if scale <= 1 or isinstance(style, EncodedStyle) or style.path is None or style.source_size is None:
        return None
    edge = max(style.rgb.shape[2:])
    if max(style.source_size) <= edge:
        return None

    def read(long_edge: int) -> Tensor:
        return images.read_picture(
            cast(Path, style.path), what="style", long_edge=long_edge, frame=style.frame, quiet=True
        ).rgb

    again = read(edge)
    if again.shape != style.rgb.shape or not torch.equal(again.to(style.rgb.device), style.rgb):
        return None  # a picture in memory that was changed since it was read
    return read(round(edge * scale))
