"""Pictures in and out: path, PIL image, numpy array or tensor <-> (B, 3, H, W) float RGB in [0, 1].

Shapes are (H, W) throughout; PIL's (W, H) stays inside this module.

>>> import numpy as np
>>> load_image(np.zeros((20, 30), dtype=np.uint8)).shape
torch.Size([1, 3, 20, 30])
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styletransfer._checks import integer
from styletransfer.errors import ImageError, OptionError, OutputError
from styletransfer.files import write_atomically
from styletransfer.images.decode import from_path, from_pil
from styletransfer.images.encode import check_output, output_format
from styletransfer.images.pixels import Pixels, check_sides, from_array, from_tensor, reduced, working_size

__all__ = [
    "SMALLEST_SIDE",
    "ImageSource",
    "Picture",
    "check_output",
    "encode_image",
    "load_image",
    "read_picture",
    "resize",
    "save_image",
    "to_pil",
]

ImageSource = str | os.PathLike[str] | Image.Image | np.ndarray[Any, Any] | Tensor

#: Shortest side, in pixels, that the methods take: VGG-19 halves the picture four times to reach relu5_1.
SMALLEST_SIDE = 16

#: Formats that hold transparency in a way that other programs read.
_WITH_ALPHA = ("PNG", "WEBP", "TIFF")
#: JPEG without chroma subsampling, since style lives in fine coloured strokes.
_SETTINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95},
}


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
    raw, path = _raw(source, label)
    height, width = _size(raw)
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
    rgb, alpha = _split(_at_size(raw, size))
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


def save_image(
    image: Tensor | Image.Image | np.ndarray[Any, Any],
    path: str | os.PathLike[str],
    *,
    alpha: Tensor | None = None,
    protected: Iterable[str | os.PathLike[str]] = (),
) -> Path:
    """Write one picture; the suffix of `path` decides the format.

    8 bits a channel, rounded to nearest. JPEG is written with quality 95 and without chroma subsampling, WebP
    with quality 95. Transparency is kept in PNG, WebP and TIFF; JPEG and BMP cannot hold it, so it is dropped
    there and the colours stay as they are. The file appears whole or not at all.

    Args:
        image: (3 or 4, H, W) or (1, 3 or 4, H, W) in [0, 1], a PIL image, or whatever else but a path
            `read_picture` takes.
        path: Ends in .png, .jpg, .jpeg, .webp, .tif, .tiff or .bmp.
        alpha: Transparency to put back, (1, 1, H, W) in [0, 1].
        protected: Input files, never overwritten under any spelling or link.

    Returns:
        `path` as a `Path`.

    Raises:
        ImageError: NaN or values outside [0, 1], several pictures, a wrong shape.
        OutputError: Unknown suffix, missing folder, no permission, no space, a `protected` file.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_image(torch.zeros(1, 3, 16, 16), Path(folder) / "black.png").name
        'black.png'
    """
    check_output(path, protected=protected)
    encoded = encode_image(image, path, alpha=alpha)
    return write_atomically(path, lambda file: file.write(encoded))


def encode_image(
    image: Tensor | Image.Image | np.ndarray[Any, Any],
    path: str | os.PathLike[str],
    *,
    alpha: Tensor | None = None,
) -> bytes:
    """Return the bytes that `save_image` would write to `path`, which is not touched.

    Raises:
        ImageError: NaN or values outside [0, 1], several pictures, a wrong shape.
        OutputError: Unknown suffix, or a picture that the format cannot hold.
    """
    file_format = output_format(path)
    picture = to_pil(image, alpha=alpha)
    if file_format not in _WITH_ALPHA:
        picture = picture.convert("RGB")
    encoded = io.BytesIO()
    try:
        # In memory first: writing to a file, pillow reports a full disk as a mere "encoder error".
        picture.save(encoded, format=file_format, **_SETTINGS.get(file_format, {}))
    except (OSError, ValueError) as problem:
        raise OutputError(
            f'Cannot write "{os.fspath(path)}": a picture of {picture.height}x{picture.width} pixels does '
            f"not fit into {file_format} ({problem}); use .png."
        ) from problem
    return encoded.getvalue()


def to_pil(image: Tensor | Image.Image | np.ndarray[Any, Any], *, alpha: Tensor | None = None) -> Image.Image:
    """Turn one picture into a new 8-bit PIL image, rounding to nearest.

    Args:
        image: (3 or 4, H, W) or (1, 3 or 4, H, W) in [0, 1], or what else but a path `read_picture` takes.
        alpha: Transparency, (1, 1, H, W) in [0, 1]; takes the place of the image's own.

    Returns:
        RGB, or RGBA if there is transparency.

    Raises:
        ImageError: NaN or values outside [0, 1], several pictures, a wrong shape.

    Example:
        >>> import torch
        >>> to_pil(torch.full((1, 3, 2, 2), 0.5)).getpixel((0, 0))
        (128, 128, 128)
    """
    if not isinstance(image, (Tensor, Image.Image, np.ndarray)):
        raise ImageError(
            f"The picture to save must be a tensor, a PIL image or an array, got {type(image).__name__}."
        )
    raw, _ = _raw(image, "picture to save")
    check_sides(*_size(raw), "picture to save", smallest=1)
    rgb, own_alpha = _split(_at_size(raw, _size(raw)))
    if rgb.shape[0] != 1:
        raise ImageError(
            f"The picture to save is a batch of {rgb.shape[0]} pictures; one file holds one. "
            "Save them one by one: image[0], image[1], ..."
        )
    shown = own_alpha if alpha is None else _check_alpha(alpha, rgb)
    channels = rgb if shown is None else torch.cat([rgb, shown.to(rgb.device)], dim=1)
    pixels = (channels[0] * 255).round().to(torch.uint8).permute(1, 2, 0)  # (H, W, 3 or 4)
    return Image.fromarray(pixels.cpu().contiguous().numpy())


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring pictures to another size on their own device, for work from coarse to fine.

    Antialiased bicubic, clipped to [0, 1]; gradients flow through it.

    Args:
        images: (B, C, H, W) in [0, 1].
        size: (H, W) wanted, in pixels.

    Returns:
        (B, C, *size), always new memory.

    Raises:
        OptionError: A side that is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> resize(torch.rand(1, 3, 32, 48), (16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """
    height, width = (integer(side, "Each side of size", low=1) for side in size)
    if images.shape[2:] == (height, width):
        return images.clone()
    scaled = F.interpolate(images, size=(height, width), mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp(0, 1)


def _check_edges(long_edge: int | None, short_edge: int | None) -> None:
    if long_edge is not None and short_edge is not None:
        raise OptionError(
            f"Both long_edge={long_edge} and short_edge={short_edge} were given; give only one, "
            "the other side follows."
        )
    for name, edge in (("long_edge", long_edge), ("short_edge", short_edge)):
        if edge is not None:
            integer(edge, name, low=SMALLEST_SIDE)


def _label(source: object, what: str) -> str:
    """Name the picture for messages."""
    if isinstance(source, (str, os.PathLike)):
        return f'{what} "{os.fspath(source)}"'
    kinds = ((Image.Image, "image"), (np.ndarray, "array"), (Tensor, "tensor"))
    return " ".join([what, *(name for kind, name in kinds if isinstance(source, kind))])


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
    raise ImageError(
        f"The {label} is a {type(source).__name__}; wanted a path, a PIL image, a numpy array or a tensor."
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


def _check_alpha(alpha: Tensor, rgb: Tensor) -> Tensor:
    wanted = (1, 1, *rgb.shape[2:])
    if tuple(alpha.shape) != wanted:
        raise ImageError(
            f"The alpha has shape {tuple(alpha.shape)}; wanted {wanted}, the size of its picture. "
            "Resize it with styletransfer.images.resize."
        )
    return from_tensor(alpha, "alpha")
