"""Pictures whose colours are numbers: which region of another picture each pixel belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from torch import Tensor

from styletransfer.errors import ImageError
from styletransfer.files import ordinary_file
from styletransfer.images.opening import contents, decoding, opened
from styletransfer.images.pixels import MAX_PIXELS, check_count

Labels = npt.NDArray[np.int64]
#: Modes of pillow whose values are numbers as they stand.
_NUMBERS = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")
#: Labels beyond this are none: they would not fit into signed numbers.
_LARGEST = 2**62


def read_labels(source: Any) -> Labels:
    """Read a picture of labels at its own size.

    Args:
        source: Path, bytes, binary file object, PIL image, or an array or tensor of whole numbers (H, W).
            An indexed picture's labels are its indexes, a grey one's its levels; the colours of any other
            are numbered from dark to bright, black being 0. What is transparent is 0.

    Returns:
        (H, W), at least 0.

    Raises:
        ImageError: A picture that cannot be read, an array of another kind.

    Example:
        >>> read_labels(np.array([[0, 3]]))
        array([[0, 3]])
    """
    if isinstance(source, Tensor):
        try:
            source = source.detach().cpu().numpy()
        except (RuntimeError, TypeError, NotImplementedError) as problem:
            raise ImageError(
                f"The labels are a tensor of {source.dtype} without plain numbers; wanted (H, W) of whole ones."
            ) from problem
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with decoding("picture of labels"):
            return _from_image(source)
    file: Path | BinaryIO
    label = "picture of labels"
    if isinstance(source, (str, os.PathLike)):
        file = ordinary_file(source, "picture of labels", ImageError, give="a picture file")
        label = f'picture of labels "{os.fspath(source)}"'
    elif isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        file = contents(source, label)
    else:
        raise ImageError(
            f"The labels are a {type(source).__name__}; wanted a path, bytes, a binary file object, a PIL image, "
            "or an array of whole numbers."
        )
    with opened(file, label) as (image, _, _), decoding(label):
        return _from_image(image)


def _from_array(array: npt.NDArray[Any]) -> Labels:
    if isinstance(array, np.ma.MaskedArray):
        raise ImageError("The labels are a masked array; give its masked pixels a number with .filled(...).")
    whole = array.ndim == 2 and array.dtype.kind in "iub" and array.size > 0
    if not whole or array.min() < 0 or array.max() > _LARGEST:
        raise ImageError(
            f"The labels have shape {array.shape} and dtype {array.dtype}; wanted (H, W) of whole "
            "numbers from 0 on."
        )
    return array.astype(np.int64)


def _from_image(image: Image.Image) -> Labels:
    check_count(image.width * image.height, "picture of labels", MAX_PIXELS)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _NUMBERS and "transparency" not in upright.info:
        return _from_array(np.asarray(upright))
    opaque = np.asarray(upright.convert("RGBA"))[:, :, 3] >= 128
    if upright.mode in _NUMBERS:
        return np.where(opaque, np.asarray(upright).astype(np.int64), 0)
    red, green, blue = np.moveaxis(np.asarray(upright.convert("RGB")).astype(np.int64), 2, 0)
    bright = 299 * red + 587 * green + 114 * blue
    # Colours of one brightness are still two: what tells them apart comes after it.
    codes = np.where(opaque, (bright << 24) + (red << 16) + (green << 8) + blue, 0)
    return np.searchsorted(np.unique(np.append(codes, 0)), codes).reshape(codes.shape)
