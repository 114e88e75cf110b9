"""Where styles belong: masks, labels and maps of strength, from any source to the size that is wanted.

A mask is grey, white where something belongs; it is (1, 1, H, W) in [0, 1] once it is read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styletransfer import images
from styletransfer._checks import number, warn
from styletransfer.errors import OptionError
from styletransfer.functional import gaussian_blur
from styletransfer.images import ImageSource, Picture
from styletransfer.images.labels import read_labels
from styletransfer.images.opening import SUFFIXES

#: Difference of a mask's channels from which it counts as coloured (JPEG makes a little of it), and of its
#: proportions from the picture's from which it is told that it is stretched.
_COLOURED, _STRETCHED = 0.1, 0.02
#: A mask below this is black: nobody sees a level of 8 bits, and 1 of 255 means "yes" where masks are numbers.
_BLACK = 1.5 / 255
#: Most labels that a picture is taken to have: more are a photograph, or a mask with soft edges.
_MOST_LABELS = 64


def split_labels(source: ImageSource, styles: int | None = None) -> list[Tensor]:
    """Turn a picture of labels into masks, one for each label, for `masks` of `stylize`.

    Args:
        source: A picture of a few flat colours, such as an indexed PNG or an array of whole numbers (H, W).
            Label 0 (in an indexed picture or an array) or black keeps the content. The others belong to the
            styles in their order: by number, or in a picture of colours from dark to bright.
        styles: How many labels there must be, or None for any number.

    Returns:
        (1, 1, H, W) for each label, 1 where it is.

    Raises:
        ImageError: A picture that cannot be read.
        OptionError: No label at all, another number than styles, or more than 64 of them: a picture that was
            stored as JPEG, or smoothed.

    Example:
        >>> import numpy as np
        >>> left, right = split_labels(np.array([[1, 1, 0, 2]] * 16, dtype=np.uint8).repeat(4, 1))
        >>> left[0, 0, 0].sum(), right[0, 0, 0].sum()
        (tensor(8.), tensor(4.))
    """
    labels = read_labels(source)
    found = [int(value) for value in np.unique(labels) if value != 0]
    if not found:
        raise OptionError("The labels are 0 (or black) everywhere; give each style's place a colour of its own.")
    if len(found) > _MOST_LABELS:
        raise OptionError(
            f"The labels have {len(found)} colours, wanted one for each style. Store them as PNG, which keeps "
            "colours, and draw them without soft edges."
        )
    if styles is not None and len(found) != styles:
        raise OptionError(
            f"The labels have {len(found)} number(s) or colour(s) for {styles} style(s), without 0 or black, "
            "which keeps the content. Give each style one."
        )
    return [torch.from_numpy((labels == value).astype(np.float32))[None, None] for value in found]


def read_masks(masks: Any, count: int) -> tuple[Picture, ...]:
    """Read one mask for each of so many styles.

    Raises:
        OptionError: Another number of masks.
        ImageError: A mask that cannot be read.
    """
    listed = _one_each(masks, count, "mask")
    return tuple(_as_picture(mask, f"mask {position}") for position, mask in enumerate(listed, start=1))


def read_style_masks(masks: Any, count: int) -> tuple[Picture | None, ...]:
    """Read one mask for each of so many styles' own pictures; None stands for all of one.

    Raises:
        OptionError: Another number of masks.
        ImageError: A mask that cannot be read.
    """
    listed = _one_each(masks, count, "style mask")
    return tuple(
        None if mask is None else _as_picture(mask, f"style mask {position}")
        for position, mask in enumerate(listed, start=1)
    )


def _one_each(masks: Any, count: int, what: str) -> list[Any]:
    listed = _listed(masks)
    if len(listed) != count:
        hint = " split_labels (--labels) makes masks of one picture of labels." if len(listed) == 1 < count else ""
        if what == "style mask":
            hint = " None (on the command line: all) stands for all of a style."
        raise OptionError(f"Each style needs one {what}: got {len(listed)} {what}(s) for {count} style(s).{hint}")
    return listed


def read_preserved(masks: Any) -> tuple[Picture, ...]:
    """Read the masks, one or several, of what is kept.

    Raises:
        ImageError: A mask that cannot be read.
    """
    return tuple(_as_picture(mask, "mask of what is preserved") for mask in _listed(masks))


def _listed(masks: Any) -> list[Any]:
    return list(masks) if isinstance(masks, (list, tuple)) else [masks]


def _as_picture(source: ImageSource | Picture, what: str) -> Picture:
    """Read a mask; an array or tensor of booleans, or of the whole numbers 0 and 1 only, is black and white."""
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray) and _is_binary(source.dtype.kind in "bui", source):
        source = source.astype(np.float32)
    elif isinstance(source, Tensor):
        source = source[None] if source.ndim == 2 else source
        source = source.float() if _is_plain(source) and _is_binary(True, source) else source
    return images.read_picture(source, what=what)


def _is_plain(values: Tensor) -> bool:
    """Whether a tensor holds whole numbers that can be looked at."""
    whole = values.dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    return whole and values.layout == torch.strided and not values.is_meta and not values.is_nested


def _is_binary(whole: bool, values: Any) -> bool:
    return whole and math.prod(values.shape) > 0 and bool((values <= 1).all()) and bool((values >= 0).all())


def placed(mask: Picture, size: tuple[int, int], what: str, of: str = "content") -> Tensor:
    """Return a mask at the size of the picture that it is `of`, (1, 1, H, W).

    Raises:
        OptionError: A batch of masks.
    """
    if mask.rgb.shape[0] != 1:
        raise OptionError(f"{what} is a batch of {mask.rgb.shape[0]} pictures; give one picture.")
    _tell_oddities(what, of, mask.rgb, size)
    grey = mask.rgb.mean(1, keepdim=True)
    grey = grey if mask.alpha is None else grey * mask.alpha  # nothing belongs where a mask is transparent
    return images.resize(grey, size)


def place_masks(
    masks: Sequence[Picture], size: tuple[int, int], *, preserved: Tensor | None = None, feather: float = 0.0
) -> list[Tensor]:
    """Return masks at the content's size, (1, 1, H, W), so that they sum to at most 1.

    Args:
        masks: One for each style.
        size: The content's (H, W).
        preserved: Where the content is kept whatever the masks say, (1, 1, H, W).
        feather: Pixels over which their edges fade.

    Raises:
        OptionError: A mask that is black everywhere, or of which nothing is left.
    """
    read = []
    for position, mask in enumerate(masks, start=1):
        own = placed(mask, size, f"Mask {position}")
        if float(own.max()) < _BLACK:
            raise OptionError(
                f"Mask {position} is black at the content's size; make it white where its style belongs (255, not "
                "1, in a picture of 8 bits)."
            )
        read.append(feathered(own, feather))
        if float(read[-1].max()) < _BLACK:
            raise OptionError(f"feather={feather:g} leaves nothing of mask {position}, which is small; give less.")
    total = torch.stack(read).sum(0).clamp_min(1.0)
    shared = [mask / total for mask in read]
    return shared if preserved is None else [_left(mask, preserved, n) for n, mask in enumerate(shared, start=1)]


def _left(mask: Tensor, preserved: Tensor, position: int) -> Tensor:
    """Return what is left of a mask where the content is kept."""
    left = mask * (1 - preserved)
    if float(left.max()) < _BLACK:
        raise OptionError(
            f"Everything that mask {position} covers is preserved, so its style has no place; leave the style "
            "out, or preserve less."
        )
    return left


def place_preserved(masks: Sequence[Picture], size: tuple[int, int], *, feather: float = 0.0) -> Tensor:
    """Return where the content is kept, (1, 1, H, W): the union of masks.

    Raises:
        OptionError: Masks that are black everywhere, or white everywhere.
    """
    read = [placed(mask, size, "The mask of what is preserved") for mask in masks]
    union = torch.stack(read).amax(0)
    if float(union.max()) < _BLACK:
        raise OptionError("The mask of what is preserved is black at the content's size; make it white there.")
    union = feathered(union, feather)
    if float(union.max()) < _BLACK:
        raise OptionError(f"feather={feather:g} leaves nothing of what is preserved, which is small; give less.")
    if float(union.min()) > 1 - 1 / 255:
        raise OptionError("The mask of what is preserved is white everywhere, so no style has a place.")
    return union


def place_style_mask(mask: Picture, size: tuple[int, int], position: int) -> Tensor:
    """Return what counts of a style's picture, (1, 1, H, W) of its size.

    Raises:
        OptionError: A mask that is black everywhere.
    """
    own = placed(mask, size, f"Style mask {position}", "style")
    if float(own.max()) < _BLACK:
        raise OptionError(
            f"Style mask {position} is black at the style's size; make it white over what is to be looked at."
        )
    return own


def feathered(mask: Tensor, pixels: float) -> Tensor:
    """Return a mask whose edges fade over about so many pixels."""
    return gaussian_blur(mask, pixels / 4).clamp(0, 1) if pixels else mask  # four deviations from 2 % to 98 %


def read_strength(strength: Any, content: Picture) -> float | Tensor:
    """Return a strength as it is used.

    Args:
        strength: A number in [0, 1]; a list of numbers, one for each content of a batch; or a map, a grey picture
            that is white where the style is wanted in full.
        content: Its size and number count.

    Returns:
        A number, or (1 or B, 1, H, W) of the content's size.

    Raises:
        OptionError: A number outside its range, another count than contents, a map with other values.
        ImageError: A map that cannot be read.
    """
    batch, _, *size = content.rgb.shape
    if isinstance(strength, (np.ndarray, Tensor)) and strength.ndim == 1:
        strength = strength.tolist()
    if isinstance(strength, (list, tuple)):
        if len(strength) != batch:
            raise OptionError(
                f"strength has {len(strength)} number(s) for {batch} content(s); give one for each, or one "
                "for all."
            )
        each = [number(value, "strength", low=0.0, high=1.0) for value in strength]
        return torch.tensor(each, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, *size)
    if isinstance(strength, Tensor) and strength.ndim == 4 and strength.shape[1] == 1 and strength.shape[0] > 1:
        return _map_of_each(strength, batch, (size[0], size[1]))
    if not _is_picture(strength):
        if isinstance(strength, Tensor):
            strength = strength.tolist() if not strength.is_meta else "a tensor on the device meta"
        return number(strength, "strength", low=0.0, high=1.0)
    if isinstance(strength, str) and not strength.lower().endswith(SUFFIXES) and not os.path.lexists(strength):
        raise OptionError(f"strength is a number in [0, 1] or the file of a map, got {strength!r}.")
    return placed(_as_picture(strength, "strength map"), (size[0], size[1]), "The strength map")


def _is_picture(value: Any) -> bool:
    if isinstance(value, (np.ndarray, Tensor)):
        return value.ndim > 0
    kinds = (str, os.PathLike, bytes, Image.Image, Picture)
    return isinstance(value, kinds) or hasattr(value, "read")


def _map_of_each(maps: Tensor, batch: int, size: tuple[int, int]) -> Tensor:
    """Return one map for each content of a batch, (B, 1, H, W)."""
    if maps.shape[0] != batch:
        raise OptionError(
            f"strength has {maps.shape[0]} maps for {batch} content(s); give one for each, or a single one."
        )
    return images.resize(images.read_picture(maps, what="strength maps").rgb[:, :1], size)


def _tell_oddities(what: str, of: str, mask: Tensor, size: tuple[int, int]) -> None:
    """Warn of a mask that is coloured, or of another shape than its picture."""
    height, width = mask.shape[2:]
    if float((mask.amax(1) - mask.amin(1)).max()) > _COLOURED:
        warn(f"{what} is coloured; its brightness says how much counts there.")
    if abs(height * size[1] / (width * size[0]) - 1) > _STRETCHED:
        warn(f"{what} is {width}x{height} pixels, the {of} {size[1]}x{size[0]}; it is stretched to fit.")
