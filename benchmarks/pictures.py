"""The pictures that are worked on: carried by the package, square, the same in every run."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

import styletransfer as st
from benchmarks.plan import HUGE
from styletransfer import samples

CONTENT, STYLE = "harbour", "night"


def shape(size: str) -> tuple[int, int]:
    """Return (H, W) of a size's label."""
    if size == HUGE:
        return 2160, 4096
    return int(size), int(size)


@functools.lru_cache(maxsize=4)
def content(size: str) -> Tensor:
    """Return the content picture, (1, 3, H, W): the middle of a scene, mirrored until it is large enough."""
    height, width = shape(size)
    drawn = st.load_image(samples.draw(CONTENT, long_edge=min(max(-(-height * 4 // 3), width), 512)))
    for dim, side in ((2, height), (3, width)):
        while drawn.shape[dim] < side:
            drawn = torch.cat([drawn, drawn.flip(dim)], dim)
    rows, columns = drawn.shape[2:]
    top, left = (rows - height) // 2, (columns - width) // 2
    return drawn[:, :, top : top + height, left : left + width].contiguous()


@functools.lru_cache(maxsize=4)
def style(size: str) -> Tensor:
    """Return the style picture, square and of the size itself, up to that of its file."""
    return st.load_image(samples.draw(STYLE), long_edge=max(shape(size)))
