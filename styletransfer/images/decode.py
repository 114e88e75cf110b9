"""From an open PIL image to pixel values at the working size: upright, sRGB, with transparency.

Nothing here is public; `styletransfer.images` is.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from styletransfer.errors import ImageError
from styletransfer.files import ordinary_file
from styletransfer.images import tiff
from styletransfer.images.opening import decoding, is_sequence, opened
from styletransfer.images.pixels import (
    MAX_PIXELS,
    Pixels,
    Size,
    check_count,
    check_range,
    check_sides,
    factor_of,
    resampled,
    strips_of,
    working_size,
)

_ORIENTATION_TAG = 0x0112
#: How to turn (H, W, C) upright, by the value of EXIF's orientation tag.
_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
#: Little CMS's cmsFLAGS_BLACKPOINTCOMPENSATION; pillow names it since 10.3 only.
_BLACK_POINT_COMPENSATION: Any = 0x2000
_GREY_MODES = ("1", "L", "LA", "La")
#: By what to multiply the transparent value of a PNG, which is given in its own bits, to find it in 8.
_KEY_SCALE = {"L;2": 85.0, "L;4": 17.0, "RGB;16B": 1 / 257}

Fit = Callable[[int, int], Size]
Convert = Callable[[Image.Image], Image.Image]


def decoded(image: Image.Image, label: str, fit: Fit, most: int, *, draft: bool) -> tuple[Pixels, list[str]]:
    """Read pixels from an image that pillow has opened.

    Args:
        image: An open image; its pixels are loaded, else it is not changed.
        label: Its name in messages.
        fit: From the upright height and width to the working size; may raise `ImageError`.
        most: How many pixels it may have.
        draft: A JPEG may be decoded at a half, a quarter or an eighth of its size, with at least twice the working
            size left, which is several times as fast. This changes the image.

    Returns:
        Upright (H, W, 1 to 4) float32 in [0, 1] of the working size, and what the user should know about it.
    """
    check_sides(image.height, image.width, label, 1)
    check_count(image.height * image.width, label, most)
    draft = draft and image.format in ("JPEG", "MPO")
    tile = getattr(image, "tile", None)
    coding = tile[0][3] if tile else None
    if not draft:
        image.load()  # before its tags are read: those of a PNG may come last
    # Not ImageOps.exif_transpose: it also rewrites the tags, which fails on damaged ones.
    turn = image.getexif().get(_ORIENTATION_TAG, 1)
    sideways = turn in (5, 6, 7, 8)
    height, width = fit(*(image.size if sideways else image.size[::-1]))
    size = (width, height) if sideways else (height, width)
    extent = None
    if draft:
        if size != (image.height, image.width) and (done := image.draft(None, (2 * size[1], 2 * size[0]))):
            extent = (done[1][3], done[1][2])  # an eighth of 1201 is 150 pixels and a bit of another
        image.load()
    notes: list[str] = []
    read = _reader(image, coding, label, notes)
    whole = (image.height, image.width)
    factor = factor_of(whole, size)
    pixels = resampled((read(strip) for strip in _strips(image, factor)), whole, size, factor, extent)
    return (_UPRIGHT[turn](pixels) if turn in _UPRIGHT else pixels), notes


def from_pil(image: Image.Image, label: str, fit: Fit, most: int) -> tuple[Pixels, list[str]]:
    """Read a PIL image at the frame where it is.

    Raises:
        ImageError: Closed, PostScript that is not loaded, at a TIFF's thumbnail, or damaged.
    """
    waiting = bool(getattr(image, "tile", None))  # for its pixels to be loaded
    if image.format == "EPS" and waiting:
        raise ImageError(f"The {label} is PostScript, which another program would draw. Export it as PNG.")
    if tiff.is_reduced(image) and is_sequence(image):
        raise ImageError(
            f"The {label} is at a thumbnail of the picture; continue with image.seek, or give the file."
        )
    with decoding(label):
        gone = waiting and getattr(image, "fp", None) is None
        try:
            return decoded(image, label, fit, most, draft=False)
        except Exception as problem:
            if gone or "closed" in str(problem):
                raise ImageError(
                    f"The {label} was closed before it was read; read it inside its with block, or load it there."
                ) from problem
            raise


def from_path(path: Path, label: str, *, no_smaller_than: int | None = None) -> tuple[Pixels, Path]:
    """Read a picture file; with `no_smaller_than` reduced to that shorter side."""

    def fit(height: int, width: int) -> Size:
        return working_size(height, width, None, no_smaller_than)

    with opened(ordinary_file(path, label, ImageError), label) as (image, _, _):
        return decoded(image, label, fit, MAX_PIXELS, draft=True)[0], path


def stored_size(path: Path, label: str) -> Size:
    """Return a picture file's (H, W) as its header tells it, without decoding; it may be stored sideways."""
    with opened(ordinary_file(path, label, ImageError), label) as (image, _, _):
        return image.height, image.width


def _strips(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    for top, bottom in strips_of(image.height, image.width, factor):
        yield image.crop((0, top, image.width, bottom))


def _reader(image: Image.Image, coding: Any, label: str, notes: list[str]) -> Callable[[Image.Image], Pixels]:
    """Return what turns a strip of `image` into (H, W, C) pixels."""
    profile = image.info.get("icc_profile")
    black, white = tiff.grey_range(image, label)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        convert = _to_srgb("L", profile, notes)
        return lambda strip: _deep(strip, black, white, convert if profile else None, label)
    if image.mode == "LAB":
        profile = None  # absolute colours: pillow converts them to sRGB itself
    grey = image.mode in _GREY_MODES
    convert = _to_srgb("L" if grey else "CMYK" if image.mode == "CMYK" else "RGB", profile, notes)
    key = image.info.get("transparency")
    scale = _KEY_SCALE.get(coding if isinstance(coding, str) else coding[0] if coding else "")
    if scale and isinstance(key, (int, tuple)):
        key = int(key * scale) if isinstance(key, int) else tuple(int(value * scale) for value in key)
    return lambda strip: _eight_bit(strip, grey, key, convert)


def _eight_bit(image: Image.Image, grey: bool, key: Any, convert: Convert) -> Pixels:
    """Read 1 to 8 bits a channel as (H, W, 3) or (H, W, 4) uint8, sRGB."""
    alpha = None
    if key is not None:
        image.info["transparency"] = key
    if image.has_transparency_data:
        if image.mode == "La":  # premultiplied; pillow knows only this way out of it
            image = image.convert("LA")
        image = image.convert("LA" if grey else "RGBA")
        alpha = image.getchannel("A")
    if image.mode != "CMYK":
        image = image.convert("L" if grey else "RGB")
    rgb = np.asarray(convert(image))
    return rgb if alpha is None else np.dstack([rgb, np.asarray(alpha)])


def _deep(image: Image.Image, black: float, white: float, convert: Convert | None, label: str) -> Pixels:
    """Read grey of 12 or 16 bits (also held in 32) or floats as (H, W, 1 to 4) float32."""
    values = np.asarray(image)
    key = image.info.get("transparency")
    alpha = (values != key) if isinstance(key, int) else None
    low, high = values.min(), values.max()
    if image.mode == "F":
        check_range(float(low), float(high), label)
    elif low < 0 or high > max(black, white):
        raise ImageError(
            f"The {label} has whole numbers from {low} to {high}; wanted 0 to {max(black, white):.0f}. "
            "Save it with 8 or 16 bits a channel."
        )
    grey = ((values.astype(np.float32) - np.float32(black)) / np.float32(white - black)).clip(0, 1)
    channels = [grey]
    if convert:
        # Little CMS takes grey of 8 bits only: convert a ramp, and find the finer values between its steps.
        steps = np.arange(256, dtype=np.uint8)
        ramp = np.asarray(convert(Image.fromarray(steps[None])))[0] / 255  # (256, 3)
        channels = [np.interp(grey, steps / 255, ramp[:, c]).astype(np.float32) for c in range(3)]
    return np.dstack(channels if alpha is None else [*channels, alpha.astype(np.float32)])


def _to_srgb(mode: str, profile: Any, notes: list[str]) -> Convert:
    """Return what converts L, RGB or CMYK by its ICC profile to sRGB; colours without one are taken to be sRGB."""
    if not isinstance(profile, bytes) or not profile:
        return lambda image: image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        given = "RGB" if mode == "L" and source.profile.xcolor_space.strip() == "RGB" else mode
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            given,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=_BLACK_POINT_COMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError) as problem:
        notes.append(
            f"has a colour profile that cannot be used ({problem}); its colours are read as if it had none."
        )
        return lambda image: image.convert("RGB")
    return lambda image: transform.apply(image.convert(given))
