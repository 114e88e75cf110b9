"""From pixel values to picture files: formats by suffix, checks before a long run, and the encoding."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from styletransfer._checks import choice, did_you_mean, integer
from styletransfer.errors import ImageError, OptionError, OutputError
from styletransfer.files import check_place, reason, same_file, write_atomically
from styletransfer.images.picture import read_values
from styletransfer.images.pixels import from_tensor

#: Pillow's name of the format that each suffix stands for.
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
#: Longest side that a format, or the library that writes it, can hold.
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
#: Formats that hold transparency in a way that other programs read.
_WITH_ALPHA = ("PNG", "WEBP", "TIFF")
#: JPEG without chroma subsampling, since style lives in fine coloured strokes.
_SETTINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95},
}

#: Where a picture can go: a path, or a binary file that is open for writing.
Target = str | os.PathLike[str] | IO[bytes]
Shown = Tensor | Image.Image | np.ndarray[Any, Any]


def check_output(
    path: Target,
    *,
    size: tuple[int, int] | None = None,
    protected: Iterable[str | os.PathLike[str]] = (),
    format: str | None = None,
    quality: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path | None:
    """Find out before the work whether a picture can be written to `path`.

    Args:
        path: Where the picture shall go: a path, or a binary file open for writing.
        size: (H, W) of the picture, if it is known: JPEG and WebP have a longest side.
        protected: Files that must not be overwritten: the inputs, recognised under any spelling and through
            symbolic and hard links.
        format: As for `save_image`, like the rest.
        quality: From 1 to 100, for JPEG and WebP.
        metadata: Texts by their keywords, for PNG.

    Returns:
        A path as a `Path`; None for a file object.

    Raises:
        OutputError: Empty path, unknown or missing suffix, a folder that is missing or not writable, a path
            that is a folder or no ordinary file, one of the `protected` files, a file object without `format`
            or opened for text or reading, or a size that the format cannot hold.
        OptionError: An unknown format, or a `quality` or `metadata` that the format does not have.
    """
    if isinstance(path, (str, os.PathLike)) or not hasattr(path, "write"):
        place: Path | None = check_place(path, protected=protected)  # type: ignore[arg-type]
    else:
        place = None
        _check_file_object(path, protected)
    file_format = output_format(path, format)
    _options(file_format, quality, metadata)
    if size is not None:
        _check_size(size, file_format, _named(path))
    return place


def output_format(path: Target | None, format: str | None = None) -> str:
    """Return Pillow's name of the format to write, e.g. ``"PNG"``: `format`, or what the suffix stands for.

    Raises:
        OptionError: An unknown `format`.
        OutputError: No format at all, or a suffix that is unknown.
    """
    if format is not None:
        given = f".{format.lower().removeprefix('.')}" if isinstance(format, str) else format
        if given in FORMATS:
            return FORMATS[given]
        choice(format, [suffix[1:] for suffix in FORMATS], "picture format")
    known = ", ".join(FORMATS)
    if not isinstance(path, (str, os.PathLike)):
        raise OutputError('A file object has no suffix that decides the format; give it, e.g. format="png".')
    suffix = Path(path).suffix.lower()
    if not suffix:
        raise OutputError(
            f"Cannot write {_named(path)}: the name has no suffix, and the suffix decides the format. "
            f"Add one of: {known}."
        )
    if suffix not in FORMATS:
        raise OutputError(
            f'Cannot write {_named(path)}: unknown picture format "{suffix}".'
            f"{did_you_mean(suffix, FORMATS)} Choose one of: {known}."
        )
    return FORMATS[suffix]


def save_image(
    image: Shown,
    path: Target,
    *,
    alpha: Tensor | None = None,
    protected: Iterable[str | os.PathLike[str]] = (),
    format: str | None = None,
    quality: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path | None:
    """Write one picture to a path, whole or not at all, or to a binary file object.

    8 bits a channel, rounded to nearest. JPEG is written with quality 95 and without chroma subsampling, WebP
    with quality 95. PNG, WebP and TIFF keep transparency; JPEG and BMP cannot hold it, so that white shows
    through there.

    Args:
        image: (3 or 4, H, W) or (1, 3 or 4, H, W) in [0, 1], a PIL image or an array.
        path: A path that ends in .png, .jpg, .jpeg, .webp, .tif, .tiff or .bmp; or a file object.
        alpha: Transparency to put back, (1, 1, H, W) in [0, 1].
        protected: Input files, never overwritten under any spelling or link.
        format: ``"png"``, ``"jpg"``, ... instead of what the suffix says; a file object needs it.
        quality: From 1 to 100, for JPEG and WebP.
        metadata: Texts by their keywords, stored in PNG as iTXt.

    Returns:
        A path as a `Path`; None for a file object.

    Raises:
        ImageError: NaN or values outside [0, 1], several pictures, a wrong shape.
        OptionError: An unknown `format`, or a `quality` or `metadata` that the format does not have.
        OutputError: Unknown suffix, missing folder, no permission, no space, a `protected` file, a picture
            that the format cannot hold, or a file object that takes no bytes.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_image(torch.zeros(1, 3, 16, 16), Path(folder) / "black.png").name
        'black.png'
    """
    check_output(path, protected=protected, format=format, quality=quality, metadata=metadata)
    data = encode_image(image, path, alpha=alpha, format=format, quality=quality, metadata=metadata)
    return _write(data, path)


def encode_image(
    image: Shown,
    path: Target | None = None,
    *,
    alpha: Tensor | None = None,
    format: str | None = None,
    quality: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes that `save_image` would write to `path`, which is not touched.

    Raises:
        ImageError: NaN or values outside [0, 1], several pictures, a wrong shape.
        OptionError: An unknown `format`, or a `quality` or `metadata` that the format does not have.
        OutputError: Unknown suffix, or a picture that the format cannot hold.

    Example:
        >>> import torch
        >>> encode_image(torch.zeros(3, 16, 16), format="png")[1:4]
        b'PNG'
    """
    file_format = output_format(path, format)
    options = _options(file_format, quality, metadata)
    picture = to_pil(image, alpha=alpha)
    _check_size((picture.height, picture.width), file_format, _named(path))
    if picture.mode == "RGBA" and file_format not in _WITH_ALPHA:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    encoded = io.BytesIO()
    try:
        # In memory first: writing to a file, pillow reports a full disk as a mere "encoder error".
        picture.save(encoded, format=file_format, **options)
    except (OSError, ValueError) as problem:
        raise OutputError(
            f"Cannot write {_named(path)}: a picture of {picture.height}x{picture.width} pixels does not fit "
            f"into {file_format} ({problem}); use .png."
        ) from problem
    return encoded.getvalue()


def to_pil(image: Shown, *, alpha: Tensor | None = None) -> Image.Image:
    """Turn one picture into a new 8-bit PIL image, rounding to nearest.

    Args:
        image: (3 or 4, H, W) or (1, 3 or 4, H, W) in [0, 1], or anything but a path that `read_picture` takes.
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
    rgb, own_alpha = read_values(image, "picture to save")
    if rgb.shape[0] != 1:
        raise ImageError(
            f"The picture to save is a batch of {rgb.shape[0]} pictures; one file holds one. "
            "Save them one by one: image[0], image[1], ..."
        )
    shown = own_alpha if alpha is None else _check_alpha(alpha, rgb)
    channels = rgb if shown is None else torch.cat([rgb, shown.to(rgb.device)], dim=1)
    pixels = (channels[0] * 255).round().to(torch.uint8).permute(1, 2, 0)  # (H, W, 3 or 4)
    return Image.fromarray(pixels.cpu().contiguous().numpy())


def _write(data: bytes, path: Target) -> Path | None:
    """Write the bytes of a picture to a path, whole or not at all, or to a file object; return the path.

    Raises:
        OutputError: The place or the file object takes no data.
    """
    if isinstance(path, (str, os.PathLike)):
        return write_atomically(path, lambda file: file.write(data))
    try:
        while data:  # an unbuffered file may take a part only
            count = path.write(data)
            if count == 0:
                raise OutputError("The file object takes no more data.")
            data = data[count:] if isinstance(count, int) else b""
    except OutputError:
        raise
    except Exception as problem:  # closed, full, or of any other kind of file
        raise OutputError(f"Cannot write to the file object: {reason(problem)}.") from problem
    return None


def _options(file_format: str, quality: int | None, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Return Pillow's settings for a format, with the user's checked."""
    options = dict(_SETTINGS.get(file_format, {}))
    if quality is not None:
        if file_format not in _SETTINGS:
            raise OptionError(f"quality is for JPEG and WebP; {file_format} has no loss to set; leave it out.")
        options["quality"] = integer(quality, "quality", low=1, high=100)
    if metadata:
        if not isinstance(metadata, Mapping):
            raise OptionError(f"metadata must be a dictionary of texts, got {type(metadata).__name__}.")
        if file_format != "PNG":
            raise OptionError(f"Only PNG carries metadata, not {file_format}; write a .png or leave it out.")
        options["pnginfo"] = chunks = PngInfo()
        for key, text in metadata.items():
            try:
                keyword = key.encode("latin-1") if text.encode() is not None else b""
            except (AttributeError, UnicodeError):
                keyword = b""
            if not 1 <= len(keyword) <= 79 or b"\0" in keyword:
                raise OptionError(
                    "Each keyword of metadata must be a str of 1 to 79 Latin-1 characters and each text a str, "
                    f"got {key!r:.99} with {text!r:.99}."
                )
            chunks.add_itxt(key, text)
    return options


def _check_size(size: tuple[int, int], file_format: str, name: str) -> None:
    longest = _LONGEST_SIDE.get(file_format, 2**31 - 1)
    # BMP and TIFF count bytes with 32 bits.
    fits = file_format not in ("BMP", "TIFF") or 4 * size[0] * size[1] < 2**32 - 2**20
    if max(size) > longest or not fits:
        most = f"at most {longest} pixels a side" if fits else "at most 4 GB"
        raise OutputError(
            f"Cannot write {name}: a picture of {size[0]}x{size[1]} pixels does not fit into {file_format} "
            f"({most}); use .png."
        )


def _check_file_object(file: Any, protected: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse a file object that takes no bytes, or that is one of the `protected` files."""
    fault = None
    if isinstance(file, io.TextIOBase):
        fault = 'it is opened for text; open it with mode "wb", or give its .buffer'
    elif getattr(file, "closed", False):
        fault = "it is closed"
    elif isinstance(file, io.IOBase) and not file.writable():
        fault = 'it is opened for reading only; open it with mode "wb"'
    name = getattr(file, "name", None)
    for source in protected:
        if isinstance(name, (str, int)) and same_file(name, source):
            fault = f'it is the input file "{os.fspath(source)}", and inputs are never overwritten'
    if fault:
        raise OutputError(f"Cannot write to the file object: {fault}.")


def _named(target: Target | None) -> str:
    return f'"{os.fspath(target)}"' if isinstance(target, (str, os.PathLike)) else "to the file object"


def _check_alpha(alpha: Tensor, rgb: Tensor) -> Tensor:
    wanted = (1, 1, *rgb.shape[2:])
    if tuple(alpha.shape) != wanted:
        raise ImageError(
            f"The alpha has shape {tuple(alpha.shape)}; wanted {wanted}, the size of its picture. "
            "Resize it with styletransfer.images.resize."
        )
    return from_tensor(alpha, "alpha", alpha.numel())
