"""PyAV and OpenCV, which are optional: loaded where they are used, with a sentence where they are absent."""

from __future__ import annotations

import importlib
from typing import Any

from styletransfer.errors import VideoError

_INSTALL = 'install the extra: python -m pip install "styletransfer-toolkit[video]"'


def load_av() -> Any:
    """Return PyAV, which reads and writes video files.

    Raises:
        VideoError: It is not installed.
    """
    try:
        av = importlib.import_module("av")
    except ImportError as problem:
        raise VideoError(
            f"Video files need PyAV, which is not installed; {_INSTALL}. Image sequences and animations do not."
        ) from problem
    return av


def load_cv2() -> Any:
    """Return OpenCV, which finds how pictures move.

    Raises:
        VideoError: It is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError as problem:
        raise VideoError(
            f"Optical flow needs OpenCV, which is not installed; {_INSTALL}. Smoothing 0 works without it."
        ) from problem


def has_cv2() -> bool:
    """Whether optical flow can be computed."""
    try:
        load_cv2()
    except VideoError:
        return False
    return True
