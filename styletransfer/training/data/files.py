"""One picture file as small RGB bytes, or why not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from styletransfer.errors import ImageError
from styletransfer.images.decode import from_path, stored_size
from styletransfer.images.folders import Problem, in_words
from styletransfer.images.pixels import Pixels, filled

#: Shortest side, in pixels, of a picture that can teach anything.
SMALLEST_SIDE = 64


def decode(path: Path, short_edge: int) -> Tensor | Problem:
    """Read a picture upright and in sRGB, reduced to `short_edge` (never enlarged), without transparency.

    Returns:
        (3, H, W) uint8 RGB; or the problem, if it cannot be read or is tiny.
    """
    try:
        pixels, _ = from_path(path, "picture", no_smaller_than=short_edge)
    except ImageError as error:
        return Problem(path, _reason(path, error))
    height, width = pixels.shape[:2]
    return _tiny(path, height, width) if min(height, width) < SMALLEST_SIDE else _eight_bit_rgb(pixels)


def glance(path: Path) -> Problem | None:
    """Return the problem that a file's header shows, without decoding it: what is cut short is not found."""
    try:
        height, width = stored_size(path, "picture")
    except ImageError as error:
        return Problem(path, _reason(path, error))
    return _tiny(path, height, width) if min(height, width) < SMALLEST_SIDE else None


def pixel_hash(path: Path) -> bytes | None:
    """Return a hash of a picture's size and pixels at full size; None if it can be read no more."""
    try:
        pixels, _ = from_path(path, "picture")
    except ImageError:
        return None
    picture = _eight_bit_rgb(pixels)
    return hashlib.sha256(str(picture.shape).encode() + picture.numpy().tobytes()).digest()


def _eight_bit_rgb(pixels: Pixels) -> Tensor:
    """Turn (H, W, 1 to 4) pixels into (3, H, W) uint8; what is transparent shows the colours around it."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(2, 0)[None]
    rgb = values[:, :3] if values.shape[1] >= 3 else values[:, :1].expand(-1, 3, -1, -1)
    if values.shape[1] in (2, 4):
        rgb = filled(rgb.contiguous(), values[:, -1:])
    return (rgb[0] * 255).round().clamp(0, 255).to(torch.uint8).contiguous()


def _tiny(path: Path, height: int, width: int) -> Problem:
    reason = f"only {width}x{height} pixels (width x height), at least {SMALLEST_SIDE} are wanted"
    return Problem(path, reason, "tiny")


def _reason(path: Path, error: ImageError) -> str:
    """Say in a few words why `from_path` refused a file; it chains what pillow or the system said."""
    cause = error.__cause__
    if isinstance(cause, UnidentifiedImageError):
        return "not a picture" if path.stat().st_size else "not a picture, the file is empty"
    if isinstance(cause, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return "too many pixels (decompression bomb)"
    if isinstance(cause, OSError) and cause.strerror:
        return in_words(cause)
    if cause is not None:
        return "cut short or damaged"
    if not path.exists():
        return "the file is gone, or a link that leads nowhere"
    return "no ordinary picture of 8 or 16 bits" if path.is_file() else "no ordinary file"
