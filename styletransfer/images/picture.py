"""From any source of a picture to (B, 3, H, W) float RGB in [0, 1] at its working size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styletransfer._checks import integer
from styletransfer.errors import ImageError, OptionError
from styletransfer.images.decode import from_file_object, from_path, from_pil
from styletransfer.images.pixels import Pixels, check_sides, from_array, from_tensor, reduced, working_size

ImageSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | np.ndarray[Any, Any] | Tensor

#: Shortest side, in pixels, that the methods take: VGG-19 halves the picture four times to reach relu5_1.
SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture at its working size, with what the methods do not see kept aside.

    Attributes:
        rgb: (B, 3, H, W) float32 in [0, 1], sRGB, upright; memory of its own.
        alpha: Transparency, (B, 1, H, W) float32 in [0, 1] with 0 for invisible, or None if there was none.
        path: The file it was read from, or None.
    """

    rgb: Tensor
    alpha: Tensor | None = None
    path: Path | None = None


def read_picture(
    source: ImageSource, *, long_edge: int | None = None, short_edge: int | None = None, what: str = "picture"
) -> Picture:
    """Read a picture and bring it to its working size.

    Files are turned upright (EXIF), converted to sRGB (ICC profile), and read from their first frame; grey is
    repeated to three channels. Colours without a profile are taken to be sRGB.

    Args:
        source: A file's path; a PIL image; an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or floats
            in [0, 1]; or a tensor (C, H, W) or (B, C, H, W) with 1, 3 or 4 channels of floats in [0, 1] or
            uint8, which keeps its device and is detached. It is never changed.
        long_edge: Reduce the picture until its longer side has this many pixels. A smaller picture stays as
            it is; nothing is ever enlarged.
        short_edge: The same for the shorter side. At most one of the two can be given.
        what: What the picture is, for messages: ``"content"`` or ``"style"``.

    Returns:
        The picture. Reduction is antialiased (Lanczos); the other side is rounded.

    Raises:
        ImageError: The picture cannot be read (missing, a folder, not a picture, truncated, more pixels than
            ``PIL.Image.MAX_IMAGE_PIXELS``), has a side below 16 pixels, values outside [0, 1], or a shape or
            dtype that is not listed above.
        OptionError: Both edges given, or one that is not a whole number of at least 16.

    Example:
        >>> import torch
        >>> picture = read_picture(torch.rand(1, 3, 300, 450), long_edge=150)
        >>> picture.rgb.shape
        torch.Size([1, 3, 100, 150])
    """
    _check_edges(long_edge, short_edge)
    label = _label(source, what)
    values, path = _raw(source, label)
    height, width = _size(values)
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
    rgb, alpha = _split(_at_size(values, size))
    return Picture(rgb=rgb, alpha=alpha, path=path)


def load_image(source: ImageSource, *, long_edge: int | None = None, short_edge: int | None = None) -> Tensor:
    """Read a picture as a tensor, leaving out its transparency; see `read_picture`, which keeps it.

    Args:
        source: Path, PIL image, array or tensor.
        long_edge: Reduce the longer side to this many pixels; never enlarges.
        short_edge: The same for the shorter side. At most one of the two can be given.

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
    return read_picture(source, long_edge=long_edge, short_edge=short_edge).rgb


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
    """Return the colours and the transparency, if any, of a picture in memory at its own size."""
    if not isinstance(image, (Tensor, Image.Image, np.ndarray)):
        raise ImageError(f"The {label} must be a tensor, a PIL image or an array, got {type(image).__name__}.")
    values, _ = _raw(image, label)
    check_sides(*_size(values), label, smallest=1)
    return _split(_at_size(values, _size(values)))


def _label(source: object, what: str) -> str:
    """Name the picture for messages."""
    name = getattr(source, "name", None) if hasattr(source, "read") else source
    if isinstance(name, (str, os.PathLike)):
        return f'{what} "{os.fspath(name)}"'
    kinds = {Image.Image: "image", np.ndarray: "array", Tensor: "tensor", bytes: "bytes"}
    return " ".join([what, *(word for kind, word in kinds.items() if isinstance(source, kind))])


def _raw(source: ImageSource, label: str) -> tuple[Tensor | Pixels, Path | None]:
    """Return checked values, a (B, C, H, W) tensor or an (H, W, C) array, and the file they came from."""
    if isinstance(source, (str, os.PathLike)):
        return from_path(source, label)
    if isinstance(source, Image.Image):
        return from_pil(source, label)
    if isinstance(source, np.ndarray):
        return from_array(source, label), None
    if isinstance(source, Tensor):
        return from_tensor(source, label), None
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        return from_file_object(source, label)
    raise ImageError(
        f"The {label} is a {type(source).__name__}; wanted a path, bytes, a binary file object, a PIL image, "
        "a numpy array or a tensor."
    )


def _size(raw: Tensor | Pixels) -> tuple[int, int]:
    height, width = raw.shape[-2:] if isinstance(raw, Tensor) else raw.shape[:2]
    return int(height), int(width)


def _at_size(raw: Tensor | Pixels, size: tuple[int, int]) -> Tensor:
    """Return (B, C, *size) float32 in [0, 1]; reduction is the same for every kind of source."""
    if not isinstance(raw, Tensor):
        return reduced(raw, size)[None]
    if _size(raw) == size:
        return raw
    pictures = raw.permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, C)
    return torch.stack([reduced(pixels, size) for pixels in pictures]).to(raw.device)


def _split(values: Tensor) -> tuple[Tensor, Tensor | None]:
    """Split (B, 1 to 4, H, W) into three colour channels and alpha; grey is repeated."""
    channels = values.shape[1]
    alpha = values[:, -1:].contiguous() if channels in (2, 4) else None
    if channels <= 2:
        return values[:, :1].repeat(1, 3, 1, 1), alpha
    return values[:, :3].contiguous(), alpha
