"""From any source of a picture to (B, 3, H, W) float RGB in [0, 1] at its working size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styletransfer._checks import integer, warn
from styletransfer.errors import ImageError, OptionError
from styletransfer.files import ordinary_file
from styletransfer.images.decode import Fit, decoded, from_pil
from styletransfer.images.opening import contents, is_sequence, opened, origin
from styletransfer.images.pixels import (
    MAX_PIXELS,
    Pixels,
    Size,
    check_sides,
    filled,
    from_array,
    from_tensor,
    reduced,
    working_size,
)

ImageSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | np.ndarray[Any, Any] | Tensor

#: Shortest side, in pixels, that the methods take: VGG-19 halves the picture four times to reach relu5_1.
SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture at its working size, with what the methods do not see kept aside.

    Attributes:
        rgb: (B, 3, H, W) float32 in [0, 1], sRGB, upright; memory of its own. Where the picture is invisible, its
            colours are those of the surroundings.
        alpha: Transparency, (B, 1, H, W) float32 in [0, 1] with 0 for invisible, or None if there was none.
        path: The file it was read from, or None.
        frame: Which frame or page was read, counted from 0; None if there is but one.
        notes: What the user should know about the file, as whole sentences.
        source_size: Upright (H, W) before it was reduced, or None if nobody knows.
    """

    rgb: Tensor
    alpha: Tensor | None = None
    path: Path | None = None
    frame: int | None = None
    notes: tuple[str, ...] = ()
    source_size: Size | None = None


def read_picture(
    source: ImageSource,
    *,
    long_edge: int | None = None,
    short_edge: int | None = None,
    frame: int | None = None,
    max_pixels: int = MAX_PIXELS,
    what: str = "picture",
    quiet: bool = False,
) -> Picture:
    """Read a picture and bring it to its working size.

    Files are turned upright (EXIF) and converted to sRGB (ICC profile); grey is repeated to three channels.
    Colours without a profile are taken to be sRGB. Pictures that look the same are read the same: invisible
    colours are replaced by those of their surroundings.

    Args:
        source: A file's path; its bytes; a binary file object, read from its position on; a PIL image; an array
            (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in [0, 1]; or a tensor (C, H, W) or
            (B, C, H, W) with 1, 3 or 4 channels of floats in [0, 1] or uint8, which keeps its device and is
            detached. It is never changed.
        long_edge: Reduce the picture until its longer side has this many pixels. A smaller picture stays as
            it is; nothing is ever enlarged.
        short_edge: The same for the shorter side. At most one of the two can be given.
        frame: Which frame of an animation or page of a file to read, counted from 0; by default the first one that
            is no thumbnail. A PIL image is read at the frame where it is.
        max_pixels: Refuse pictures with more pixels than this, which may take gigabytes of memory.
        what: What the picture is, for messages: ``"content"`` or ``"style"``.
        quiet: Do not warn of what `Picture.notes` says.

    Returns:
        The picture. Reduction is antialiased (Lanczos); the other side is rounded.

    Raises:
        ImageError: The picture cannot be read (missing, a folder, not a picture, truncated, more than
            `max_pixels`, no such frame), has a side below 16 pixels, values outside [0, 1], or a shape or
            dtype that is not listed above.
        OptionError: Both edges given, one that is not a whole number of at least 16, or a `frame` that is no
            number or given for a picture in memory.

    Example:
        >>> import torch
        >>> picture = read_picture(torch.rand(1, 3, 300, 450), long_edge=150)
        >>> picture.rgb.shape
        torch.Size([1, 3, 100, 150])
    """
    _check_edges(long_edge, short_edge)
    integer(max_pixels, "max_pixels", low=1)
    if frame is not None:
        integer(frame, "frame", low=0)
        if isinstance(source, (Image.Image, np.ndarray, Tensor)):
            raise OptionError("frame chooses from a file; a picture in memory is read as it is. Leave it out.")

    sizes: list[Size] = []

    def fit(height: int, width: int) -> Size:
        sizes.append((height, width))
        return _working_size(height, width, label, long_edge, short_edge)

    label = _label(source, what)
    with torch.inference_mode(False):  # whoever optimises the picture needs an ordinary tensor
        values, path, used, notes = _values(source, what, label, fit, frame, max_pixels)
        rgb, alpha = _split(values)
        if alpha is not None:
            rgb = filled(rgb, alpha)
    said = tuple(f"The {label} {note}" for note in notes)
    if not quiet:
        for note in said:
            warn(note)
    return Picture(rgb=rgb, alpha=alpha, path=path, frame=used, notes=said, source_size=sizes[0])


def load_image(
    source: ImageSource,
    *,
    long_edge: int | None = None,
    short_edge: int | None = None,
    frame: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Read a picture as a tensor, leaving out its transparency; see `read_picture`, which keeps it.

    Args:
        source: Path, bytes, binary file object, PIL image, array or tensor.
        long_edge: Reduce the longer side to this many pixels; never enlarges.
        short_edge: The same for the shorter side. At most one of the two can be given.
        frame: Which frame of an animation or page of a file to read, counted from 0.
        max_pixels: Refuse pictures with more pixels than this.

    Returns:
        (1, 3, H, W) float32 RGB in [0, 1]; (B, 3, H, W) for a tensor that holds several pictures.

    Raises:
        ImageError: A picture that cannot be read or used.
        OptionError: Both edges given, or one that is not a whole number of at least 16.

    Example:
        >>> from PIL import Image
        >>> load_image(Image.new("RGB", (640, 480)), short_edge=240).shape
        torch.Size([1, 3, 240, 320])
    """
    picture = read_picture(
        source, long_edge=long_edge, short_edge=short_edge, frame=frame, max_pixels=max_pixels, quiet=True
    )
    for note in picture.notes:
        warn(note)
    return picture.rgb


def _check_edges(long_edge: int | None, short_edge: int | None) -> None:
    if long_edge is not None and short_edge is not None:
        raise OptionError(
            f"Both long_edge={long_edge} and short_edge={short_edge} were given; give only one, "
            "the other side follows."
        )
    for name, edge in (("long_edge", long_edge), ("short_edge", short_edge)):
        if edge is not None:
            integer(edge, name, low=SMALLEST_SIDE)


def read_values(image: object, label: str) -> tuple[Tensor, Tensor | None]:
    """Return the colours and the transparency, if any, of a picture in memory at its own size, as they are."""
    if not isinstance(image, (Tensor, Image.Image, np.ndarray)):
        raise ImageError(f"The {label} must be a tensor, a PIL image or an array, got {type(image).__name__}.")

    def fit(height: int, width: int) -> Size:
        check_sides(height, width, label, smallest=1)
        return height, width

    return _split(_values(image, label, label, fit, None, 2**62)[0])


def _working_size(height: int, width: int, label: str, long_edge: int | None, short_edge: int | None) -> Size:
    check_sides(height, width, label, SMALLEST_SIDE)
    size = working_size(height, width, long_edge, short_edge)
    smallest = -(-SMALLEST_SIDE * max(height, width) // min(height, width))  # rounded up
    check_sides(
        *size,
        label,
        SMALLEST_SIDE,
        after=f" at the working size long_edge={long_edge}",
        cure=f"Choose a long edge of at least {smallest}, or crop the picture.",
    )
    return size


def _label(source: object, what: str) -> str:
    """Name the picture for messages."""
    name = getattr(source, "name", None) if hasattr(source, "read") else source
    if isinstance(name, (str, os.PathLike)):
        return f'{what} "{os.fspath(name)}"'
    kinds = {Image.Image: "image", np.ndarray: "array", Tensor: "tensor", bytes: "bytes"}
    return " ".join([what, *(word for kind, word in kinds.items() if isinstance(source, kind))])


def _values(
    source: ImageSource, what: str, label: str, fit: Fit, frame: int | None, most: int
) -> tuple[Tensor, Path | None, int | None, list[str]]:
    """Return (B, C, H, W) float32 in [0, 1], the file it came from, the frame, and notes."""
    if isinstance(source, Tensor):
        pictures = from_tensor(source, label, most)
        size = fit(*pictures.shape[2:])
        if size != pictures.shape[2:]:
            arrays = pictures.permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, C)
            pictures = torch.cat([_tensor(reduced(pixels, size)) for pixels in arrays]).to(pictures.device)
        return pictures, None, None, []
    if isinstance(source, np.ndarray):
        array = from_array(source, label, most)
        return _tensor(reduced(array, fit(*array.shape[:2]))), None, None, []
    if isinstance(source, Image.Image):
        pixels, notes = from_pil(source, label, fit, most)
        return _tensor(pixels), origin(source), source.tell() if is_sequence(source) else None, notes
    file: Path | BinaryIO
    if isinstance(source, (str, os.PathLike)):
        file = ordinary_file(source, what, ImageError, give="a picture file")
        path: Path | None = file.absolute()
    elif isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        file, path = contents(source, label), origin(source)
    else:
        raise ImageError(
            f"The {label} is a {type(source).__name__}; wanted a path, bytes, a binary file object, a PIL image, "
            "a numpy array or a tensor."
        )
    with opened(file, label, frame) as (image, used, notes):
        pixels, more = decoded(image, label, fit, most, draft=True)
    return _tensor(pixels), path, used, notes + more


def _tensor(pixels: Pixels) -> Tensor:
    """Turn (H, W, C) into (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _split(values: Tensor) -> tuple[Tensor, Tensor | None]:
    """Split (B, 1 to 4, H, W) into three colour channels and alpha; grey is repeated."""
    channels = values.shape[1]
    alpha = values[:, -1:].contiguous() if channels in (2, 4) else None
    if channels <= 2:
        return values[:, :1].repeat(1, 3, 1, 1), alpha
    return values[:, :3].contiguous(), alpha
