"""From picture files and PIL images to pixel values: upright, sRGB, 8 or 16 bits, with alpha.

Nothing here is public; `styletransfer.images` is.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from styletransfer.errors import ImageError
from styletransfer.files import ordinary_file, reason
from styletransfer.images.pixels import Pixels, check_range, check_sides

_ORIENTATION_TAG = 0x0112
#: How to turn a picture upright, by the value of EXIF's orientation tag.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Little CMS's cmsFLAGS_BLACKPOINTCOMPENSATION; pillow names it since 10.3 only.
_BLACK_POINT_COMPENSATION: Any = 0x2000
#: A file object that gives more is no picture, but /dev/zero or the like.
_MOST_BYTES = 2**30
_GREY_MODES = ("1", "L", "LA", "La")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def from_path(
    source: str | os.PathLike[str], label: str, *, no_smaller_than: int | None = None
) -> tuple[Pixels, Path]:
    """Read a picture file: first frame, upright, sRGB.

    With `no_smaller_than`, a JPEG may come at a half, a quarter or an eighth of its size, with both sides still at
    least that long; large photos that will be reduced anyway are decoded several times faster so.
    """
    text = os.fspath(source)
    path = ordinary_file(text, label.partition(' "')[0], ImageError, give="a picture file")
    with _opened(path, label) as image:
        if no_smaller_than is not None:
            image.draft(None, (no_smaller_than, no_smaller_than))
        return _from_open(image, label), path


def from_file_object(source: Any, label: str) -> tuple[Pixels, Path | None]:
    """Read a picture from bytes or from a binary file object, whose position is put back."""
    name = getattr(source, "name", None)
    path = Path(name).absolute() if isinstance(name, str) and Path(name).is_file() else None
    with _decoding(label), _recognised(io.BytesIO(_content(source, label)), label) as image:
        return _from_open(image, label), path


def _content(source: Any, label: str) -> bytes:
    """Return the bytes that a file object has from its position on."""
    if not hasattr(source, "read"):
        return bytes(source)
    try:
        position = source.tell() if getattr(source, "seekable", bool)() else None
        data = source.read(_MOST_BYTES + 1)
        if position is not None:
            source.seek(position)
    except Exception as problem:  # closed, opened for writing, cut off: as many types as there are kinds of files
        raise ImageError(f"The {label} cannot be read from its file object: {reason(problem)}.") from problem
    if not isinstance(data, bytes):
        raise ImageError(f'The {label} is a file object that gives text; open it with mode "rb".')
    if len(data) > _MOST_BYTES:
        raise ImageError(f"The {label} has more than {_MOST_BYTES} bytes; give a smaller picture.")
    if position and not data:
        raise ImageError(f"The {label} is a file object at its end; go back with .seek(0) before it is read.")
    return data


def stored_size(path: Path, label: str) -> tuple[int, int]:
    """Return a picture file's (H, W) as its header tells it, without decoding; it may be stored sideways."""
    with _opened(path, label) as image:
        return image.height, image.width


def from_pil(image: Image.Image, label: str) -> tuple[Pixels, Path | None]:
    """Read a PIL image, and the file it was opened from if it still knows that."""
    filename = getattr(image, "filename", None)
    with _decoding(label):
        return _from_open(image, label), Path(filename) if isinstance(filename, str) and filename else None


@contextmanager
def _decoding(label: str) -> Iterator[None]:
    """Turn whatever goes wrong while pillow works into an `ImageError`."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns between one and two times its limit; here the limit is a limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as problem:
        raise ImageError(
            f"The {label} has too many pixels to be unpacked safely; at most {Image.MAX_IMAGE_PIXELS} are "
            "allowed (PIL.Image.MAX_IMAGE_PIXELS). Reduce it with another program first."
        ) from problem
    except Exception as problem:  # on a broken file pillow's decoders raise nearly every type there is
        if isinstance(problem, OSError) and problem.strerror:  # from the operating system, not from a decoder
            raise ImageError(
                f"The {label} cannot be read: {problem.strerror}. Check its path and permissions."
            ) from problem
        reason = str(problem).rstrip(".") or type(problem).__name__
        raise ImageError(
            f"The {label} cannot be read, it seems to be damaged or incomplete ({reason}). "
            "Get a new copy, or save it again with another program."
        ) from problem


@contextmanager
def _opened(path: Path, label: str) -> Iterator[Image.Image]:
    """Open a picture file; every problem with it becomes an `ImageError`."""
    # Given a name instead of a file, pillow maps uncompressed TIFFs into memory, and garbles those that are stored
    # sideways with transparency (seen in 13.0).
    with _decoding(label), path.open("rb") as file, _recognised(file, label, path.suffix.lower()) as image:
        yield image


@contextmanager
def _recognised(file: BinaryIO, label: str, suffix: str = "") -> Iterator[Image.Image]:
    try:
        with Image.open(file) as image:
            yield image
    except UnidentifiedImageError as problem:
        file.seek(0)
        hint = _kind_hint(file.read(512), suffix)
        raise ImageError(f"The {label} is not a picture that can be read{hint}") from problem


def _kind_hint(head: bytes, suffix: str) -> str:
    """Say what a file that is no readable picture seems to be, and the way out."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return ": the file is empty. Get a new copy."
    if (head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS) or suffix in (".heic", ".heif"):
        return ": it seems to be HEIC, a phone's format. Export it as JPEG or PNG."
    if start.startswith((b"<!doctype html", b"<html")):
        return ": it is a web page. Download the picture itself."
    if b"<svg" in start or suffix in (".svg", ".svgz"):
        return ": it seems to be SVG, a drawing without pixels. Export it as PNG."
    if start.startswith(b"%pdf"):
        return ": it is a PDF document. Export the page as PNG."
    return ". Give a PNG, JPEG, WebP, TIFF, GIF or BMP file."


def _from_open(image: Image.Image, label: str) -> Pixels:
    """Read pixels from an image that pillow has opened, without changing it."""
    check_sides(image.height, image.width, label, 1)
    image.load()
    # Not ImageOps.exif_transpose: it also rewrites the tags, which fails on damaged ones.
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    upright = image if turn is None else image.transpose(turn)
    profile = image.info.get("icc_profile")
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _from_deep(upright, profile, label)
    return _from_eight_bit(upright, profile, label)


def _from_eight_bit(image: Image.Image, profile: bytes | None, label: str) -> Pixels:
    """Read 1 to 8 bits a channel as (H, W, 3) or (H, W, 4) uint8, sRGB."""
    grey = image.mode in _GREY_MODES
    alpha = None
    if image.has_transparency_data:
        if image.mode == "La":  # premultiplied; pillow knows only this way out of it
            image = image.convert("LA")
        image = image.convert("LA" if grey else "RGBA")
        alpha = image.getchannel("A")
    if image.mode == "LAB":
        profile = None  # absolute colours: pillow converts them to sRGB itself
    if image.mode != "CMYK":
        image = image.convert("L" if grey else "RGB")
    rgb = np.asarray(_to_srgb(image, profile, label))
    return rgb if alpha is None else np.dstack([rgb, np.asarray(alpha)])


def _from_deep(image: Image.Image, profile: bytes | None, label: str) -> Pixels:
    """Read grey of 16 bits (also held in 32) or floats as (H, W, 1 to 4) float32."""
    values = np.asarray(image)
    transparent = image.info.get("transparency")
    alpha = (values != transparent) if isinstance(transparent, int) else None
    if image.mode == "F":
        check_range(float(values.min()), float(values.max()), label)
        grey = values.astype(np.float32)
    else:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise ImageError(
                f"The {label} has whole numbers from {low} to {high}; wanted 0 to 65535 (16 bits). "
                "Save it with 8 or 16 bits a channel."
            )
        grey = values.astype(np.float32) / np.float32(65535)
    channels = [grey]
    if profile:
        # Little CMS takes grey of 8 bits only: convert a ramp, and find the finer values between its steps.
        steps = np.arange(256, dtype=np.uint8)
        ramp = np.asarray(_to_srgb(Image.fromarray(steps[None]), profile, label))[0] / 255  # (256, 3)
        channels = [np.interp(grey, steps / 255, ramp[:, c]).astype(np.float32) for c in range(3)]
    return np.dstack(channels if alpha is None else [*channels, alpha.astype(np.float32)])


def _to_srgb(image: Image.Image, profile: bytes | None, label: str) -> Image.Image:
    """Convert L, RGB or CMYK by its ICC profile to sRGB; without one, grey and RGB are taken to be sRGB."""
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=_BLACK_POINT_COMPENSATION,
        )
        return transform.apply(image)
    except (OSError, ImageCms.PyCMSError) as problem:
        warnings.warn(
            f"The {label} has a colour profile that cannot be used ({problem}); "
            "its colours are read as if it had none.",
            stacklevel=2,
        )
        return image.convert("RGB")
