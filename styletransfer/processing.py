"""What the controls ask for around a method's own work: pictures changed before it, its result after it."""

from __future__ import annotations

import dataclasses
import functools
from typing import cast

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._checks import warn
from styletransfer.color import match_histogram, repaint_luminance
from styletransfer.controls import Controls
from styletransfer.errors import OptionError
from styletransfer.functional import gaussian_blur, luminance, match_color
from styletransfer.images.picture import SMALLEST_SIDE
from styletransfer.request import EncodedStyle, Request, StyleInput

#: The finest structure is what a blur takes away whose standard deviation is this share of the long edge, and at
#: least a pixel.
_FINEST = 1 / 256
#: Chroma up to which a picture counts as grey: less than a level of 8 bits.
_GREY = 1 / 255


class Processing:
    """The work before and after one run.

    Args:
        controls: What is asked for.
        request: Of the user.

    Raises:
        OptionError: A control that cannot be honoured for this request.
    """

    def __init__(self, controls: Controls, request: Request) -> None:
        self._controls, self._asked = controls, request
        if controls.sees_style:
            self._refuse_encoded()
        self._sizes = [self._size(position, style) for position, style in enumerate(request.styles, start=1)]

    @functools.cached_property
    def request(self) -> Request:
        """What the method is asked in its place."""
        return self._changed() if self._controls.active else self._asked

    def finish(self, image: Tensor) -> Tensor:
        """Return the method's result, (B, 3, H, W), as it was asked for."""
        asked, controls = self._asked, self._controls
        if controls.detail:
            image = (image + controls.detail * (_finest(asked.content) - _finest(image))).clamp(0, 1)
        if controls.preserve_color == "luminance":  # after it, so that chroma is kept exactly
            image = self.recolored(image)
        if controls.match_histogram is not None:
            image = self._matched(image)
        return asked.keep_uncovered(image)

    @property
    def recolors_nothing(self) -> bool:
        """Whether pictures of the descent have the result's colours already."""
        return self._controls.preserve_color != "luminance"

    def recolored(self, image: Tensor) -> Tensor:
        """Return a grey picture of the descent, of any size, in the content's colours."""
        content = images.resize(self._asked.content, (image.shape[2], image.shape[3]))
        return repaint_luminance(content, luminance(image))

    def _refuse_encoded(self) -> None:
        if any(isinstance(style.source, EncodedStyle) for style in self._asked.styles):
            names = [f.name for f in dataclasses.fields(Controls) if f.name not in ("detail", "feather")]
            given = next(name for name in names if getattr(self._controls, name) != getattr(Controls(), name))
            raise OptionError(f"{given} needs the style's picture, got an encoded style; give the picture itself.")

    def _changed(self) -> Request:
        asked, controls = self._asked, self._controls
        sized = zip(asked.styles, self._sizes, strict=True)
        styles = [style if size is None else style.resized(size) for style, size in sized]
        way = controls.preserve_color
        if way is None:
            return dataclasses.replace(asked, styles=tuple(styles))
        if float((asked.content - luminance(asked.content)).abs().max()) < _GREY:
            warn(f"The content is grey, so preserve_color={way!r} makes a grey picture.")
        styles = [dataclasses.replace(s, source=_recolored(s, asked, way)) for s in styles]
        if way != "luminance":
            return dataclasses.replace(asked, styles=tuple(styles))
        init = None if asked.init is None else _grey(asked.init)
        carry = None if asked.carry is None else asked.carry.changed(_grey)
        return dataclasses.replace(
            asked, content=_grey(asked.content), styles=tuple(styles), init=init, carry=carry
        )

    def _size(self, position: int, style: StyleInput) -> tuple[int, int] | None:
        """Return the size at which a style is wanted, or None for its own."""
        scale = self._controls.style_scale
        if scale == 1:
            return None
        height, width = cast(Tensor, style.source).shape[2:]
        size = (round(height * scale), round(width * scale))
        if min(size) < SMALLEST_SIDE:
            least = -(-SMALLEST_SIDE * 100 // min(height, width)) / 100
            raise OptionError(
                f"style_scale={scale:g} leaves {size[1]}x{size[0]} pixels of style {position} ({width}x{height}); "
                f"{SMALLEST_SIDE} on each side are needed. Give at least {least:g}, or a larger picture."
            )
        return size

    def _matched(self, image: Tensor) -> Tensor:
        """Return a result with the colours of the content, or of the style, of each place where a style belongs.

        As much as the style is wanted: at strength 0 nothing is matched.
        """
        asked, whose = self._asked, self._controls.match_histogram
        matched = torch.zeros_like(image)
        for style in asked.styles:
            mask = asked.covered if style.mask is None else style.mask
            if whose == "style":
                wanted = _where(cast(Tensor, style.source), style.looked_at)
            else:
                wanted = _where(asked.content, mask)
            moved = match_histogram(image, wanted, measured=_where(image, mask))
            matched += (style.share if style.mask is None else style.mask) * moved
        if asked.masked:  # what is mixed with the content by its masks at the end is whole before it
            matched /= cast(Tensor, asked.covered).clamp_min(1e-6)
        return asked.strength * matched + (1 - asked.strength) * image


def _recolored(style: StyleInput, asked: Request, way: str) -> Tensor:
    """Return a style picture with the content's colours, or as grey as the content; one for each content."""
    picture = cast(Tensor, style.source).expand(asked.content.shape[0], -1, -1, -1)
    kept = _where(asked.content, asked.covered if style.mask is None else style.mask)
    measured = _where(picture, style.looked_at)
    if way == "linear":
        return match_color(picture, kept, clamp=False, measured=measured)
    if way == "histogram":
        return match_histogram(picture, kept, measured=measured)
    # Gatys et al. 2017, equation 10: the style's brightness gets the content's mean and deviation.
    (deviation, mean), (wanted_deviation, wanted_mean) = (
        torch.std_mean(luminance(x), dim=(1, 2, 3), correction=0, keepdim=True) for x in (measured, kept)
    )
    matched = (luminance(picture) - mean) * (wanted_deviation / deviation.clamp_min(1e-4)) + wanted_mean
    return matched.clamp(0, 1).expand(-1, 3, -1, -1).contiguous()


def _where(picture: Tensor, mask: Tensor | None) -> Tensor:
    """Return the pixels that a mask covers, as pictures (B, 3, N, 1); the whole picture without a mask."""
    if mask is None:
        return picture
    covered = mask[0, 0] >= float(mask.max()) / 2
    return picture[:, :, covered][..., None]


def _grey(picture: Tensor) -> Tensor:
    return luminance(picture).expand(-1, 3, -1, -1).contiguous()


def _finest(picture: Tensor) -> Tensor:
    """Return the finest structure of a picture's brightness, (B, 1, H, W): what a blur takes away."""
    grey = luminance(picture)
    return grey - gaussian_blur(grey, max(1.0, _FINEST * max(grey.shape[2:])))
