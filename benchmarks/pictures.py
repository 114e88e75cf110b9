"""The pictures that are worked on: drawn by the package's code, square, the same in every run."""

from __future__ import annotations

import functools

from torch import Tensor

import styletransfer as st
from benchmarks.plan import HUGE
from styletransfer import samples
from styletransfer.images import resize

CONTENT, STYLE = "harbour", "night"
#: Longest side of a style picture: the drawing code goes no further than twice this, and styles gain nothing.
_LARGEST_STYLE = 1024


def shape(size: str) -> tuple[int, int]:
    """Return (H, W) of a size's label."""
    if size == HUGE:
        return 2160, 4096
    return int(size), int(size)


@functools.lru_cache(maxsize=4)
def content(size: str) -> Tensor:
    """Return the content picture, (1, 3, H, W): the middle of a drawn scene."""
    height, width = shape(size)
    scale = 2 if size == HUGE else 1
    drawn = st.load_image(samples.draw(CONTENT, long_edge=max(-(-height * 4 // 3), width) // scale))
    rows, columns = drawn.shape[2:]
    top, left = (rows - height // scale) // 2, (columns - width // scale) // 2
    cut = drawn[:, :, top : top + height // scale, left : left + width // scale]
    return resize(cut, (height, width)).contiguous()


@functools.lru_cache(maxsize=4)
def style(size: str) -> Tensor:
    """Return the style picture, square."""
    return st.load_image(samples.draw(STYLE, long_edge=min(max(shape(size)), _LARGEST_STYLE)))
