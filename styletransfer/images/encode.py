"""Where pictures go: formats by suffix, and checks before a long run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from styletransfer._checks import did_you_mean
from styletransfer.errors import OutputError
from styletransfer.files import check_place

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


def check_output(path: str | os.PathLike[str], *, protected: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Find out before the work whether a picture can be written to `path`.

    Args:
        path: Where the picture shall go; the suffix decides the format (.png, .jpg, .jpeg, .webp, .tif,
            .tiff, .bmp, in either case).
        protected: Files that must not be overwritten: the inputs, recognised under any spelling and through
            symbolic and hard links.

    Returns:
        `path` as a `Path`.

    Raises:
        OutputError: Empty path, unknown or missing suffix, a folder that is missing or not writable, a target
            that is a folder or no ordinary file, or one of the `protected` files.
    """
    target = check_place(path, protected=protected)
    output_format(path)
    return target


def output_format(path: str | os.PathLike[str]) -> str:
    """Return Pillow's name of the format that the suffix of `path` stands for, e.g. ``"PNG"``.

    Raises:
        OutputError: No suffix, or an unknown one.
    """
    suffix = Path(path).suffix.lower()
    known = ", ".join(FORMATS)
    if not suffix:
        raise OutputError(
            f'Cannot write "{os.fspath(path)}": the name has no suffix, and the suffix decides the format. '
            f"Add one of: {known}."
        )
    if suffix not in FORMATS:
        raise OutputError(
            f'Cannot write "{os.fspath(path)}": unknown picture format "{suffix}".'
            f"{did_you_mean(suffix, FORMATS)} Choose one of: {known}."
        )
    return FORMATS[suffix]
