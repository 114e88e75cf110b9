"""The pictures that are worked on: square, the same in every run, none of them downloaded.

Speed is measured on one drawn pair. Quality is judged on several: scenes drawn for the package, and photographs
that come with scikit-image (public domain or CC0), each with a drawn style.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import io

import torch
from torch import Tensor

import styletransfer as st
from styletransfer import samples
from styletransfer.images import to_pil

CONTENT, STYLE = "harbour", "night"
#: Content and style of the pairs whose pictures are judged, by name.
PAIRS = {
    f"{content} x {style}": (content, style)
    for content, style in (
        (CONTENT, STYLE),
        ("astronaut", "mosaic"),
        ("valley", "woodcut"),
        ("coffee", "watercolour"),
        ("chelsea", "cubist"),
        ("rocket", "pointillism"),
    )
}
#: The pair that speed is measured on.
PAIR = next(iter(PAIRS))
#: Quality of the pictures that results files carry; at 256 pixels one takes about 20 KB.
_QUALITY, _LONG_EDGE = 85, 256


def shape(size: str) -> tuple[int, int]:
    """Return (H, W) of a size's label, ``"512"`` or ``"4096x2160"``."""
    width, _, height = size.partition("x")
    return int(height or width), int(width)


def absent(pair: str) -> str:
    """Return why a pair's pictures are not there, or an empty string."""
    if PAIRS[pair][0] in samples.list_contents() or importlib.util.find_spec("skimage"):
        return ""
    return "scikit-image, which holds the photographs, is not installed (extra [bench])"


@functools.lru_cache(maxsize=4)
def content(size: str, name: str = CONTENT) -> Tensor:
    """Return the content picture, (1, 3, H, W): the middle of a scene, mirrored until it is large enough."""
    height, width = shape(size)
    drawn = _scene(name, max(height, width))
    for dim, side in ((2, height), (3, width)):
        while drawn.shape[dim] < side:
            drawn = torch.cat([drawn, drawn.flip(dim)], dim)
    rows, columns = drawn.shape[2:]
    top, left = (rows - height) // 2, (columns - width) // 2
    return drawn[:, :, top : top + height, left : left + width].contiguous()


@functools.lru_cache(maxsize=4)
def style(size: str, name: str = STYLE) -> Tensor:
    """Return the style picture, square and of the size itself, up to that of its file."""
    return st.load_image(samples.draw(name), long_edge=max(shape(size)))


def pair(name: str, size: str) -> tuple[Tensor, Tensor]:
    """Return a pair's content and style."""
    scene, manner = PAIRS[name]
    return content(size, scene), style(size, manner)


def packed(picture: Tensor) -> str:
    """Return a small copy of the picture, (1, 3, H, W), as WebP in base 64."""
    image = to_pil(picture.detach().float().cpu().clamp(0, 1))
    image.thumbnail((_LONG_EDGE, _LONG_EDGE))
    written = io.BytesIO()
    image.save(written, "WEBP", quality=_QUALITY)
    return base64.b64encode(written.getvalue()).decode("ascii")


def _scene(name: str, side: int) -> Tensor:
    """Return a scene whose shorter side is `side`, or as large as its file is."""
    if name in samples.list_contents():
        return st.load_image(samples.draw(name, long_edge=min(-(-side * 4 // 3), 512)))
    import skimage.data

    photograph = getattr(skimage.data, name)()
    height, width = photograph.shape[:2]
    return st.load_image(photograph, long_edge=-(-side * max(height, width) // min(height, width)))
