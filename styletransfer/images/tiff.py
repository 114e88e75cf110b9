"""What a TIFF's tags say about its pages and its samples, beyond what Pillow takes from them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from styletransfer.errors import ImageError

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _SUB_DIRECTORIES = 254, 255, 330
_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 259, 262, 339
_FORMATS = {
    2: "signed whole numbers",
    3: "floating-point numbers",
    5: "complex whole numbers",
    6: "complex numbers",
}
_PHOTOMETRICS = {
    0: "grey with white as 0",
    1: "grey",
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a camera's raw colour filter",
    32844: "LogL",
    32845: "LogLuv",
    34892: "a camera's raw values",
}
#: How many pages are looked through for the full picture.
_MOST_PAGES = 1000


def pages(image: Image.Image) -> list[int]:
    """List the frames of an open TIFF that are pages of their own: neither a reduced version nor a mask.

    Where all are marked as reduced, the largest one is taken, unless the full picture is known to be elsewhere: a
    camera's raw file keeps it in a directory below.
    """
    found, reduced = [], {}
    hidden = _SUB_DIRECTORIES in _tags(image)
    for frame in range(_MOST_PAGES):
        try:
            image.seek(frame)
        except EOFError:
            break
        except Exception:  # a page of a kind that pillow does not know
            continue
        if is_reduced(image):
            reduced[frame] = image.width * image.height
        else:
            found.append(frame)
    return found or ([] if hidden or not reduced else [max(reduced, key=lambda frame: reduced[frame])])


def is_reduced(image: Image.Image) -> bool:
    """Whether the current frame of a TIFF is a reduced version of another, e.g. a thumbnail, or a mask."""
    tags = _tags(image)
    return bool(_number(tags, _NEW_SUBFILE_TYPE, 0) & 0b101) or _number(tags, _SUBFILE_TYPE, 0) == 2


def grey_range(image: Image.Image, label: str) -> tuple[float, float]:
    """Return the values of black and of white in a picture of mode I, I;16 or F.

    Raises:
        ImageError: The picture is a TIFF (also of 8 bits) whose samples are not read by their own definition.
    """
    tags = _tags(image)
    bits = _number(tags, _BITS, 16)
    if _number(tags, _SAMPLE_FORMAT, 1) not in (1, 3, 4) or (image.mode == "I" and bits == 32 and tags):
        raise ImageError(f"The {label} is {describe(tags)}, which cannot be read. Save it with 8 or 16 bits.")
    white = 1.0 if image.mode == "F" else 2.0 ** min(bits, 16) - 1
    return (white, 0.0) if _number(tags, _PHOTOMETRIC, 1) == 0 else (0.0, white)


def unreadable(file: BinaryIO) -> str:
    """Describe the first directory of a TIFF that pillow cannot open, or return an empty string."""
    with contextlib.suppress(Exception):  # it may be damaged in any way
        file.seek(0)
        head = file.read(8)
        if head[:4] in (b"II+\0", b"MM\0+"):
            head += file.read(8)
        directory = ImageFileDirectory_v2(head)
        file.seek(directory.next)
        directory.load(file)
        return describe(directory)
    return ""


def describe(tags: Mapping[int, Any]) -> str:
    """Say what the samples of a TIFF are."""
    bits = tags.get(_BITS, 1)
    shown = ", ".join(map(str, bits[:8])) if isinstance(bits, tuple) else str(bits)
    kind = _FORMATS.get(_number(tags, _SAMPLE_FORMAT, 1), "whole numbers")
    photometric = _number(tags, _PHOTOMETRIC, 1)
    colours = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
    return f"a TIFF of {shown}-bit {kind} ({colours}, compression {_number(tags, _COMPRESSION, 1)})"


def _tags(image: Image.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}


def _number(tags: Mapping[int, Any], tag: int, default: int) -> int:
    value = tags.get(tag, default)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else default
