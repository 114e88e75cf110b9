"""Small content and style pictures that the package carries, so that demo, tests and labs need no download.

They were drawn by code of this project, ``docs/samples/``, and are under its licence.

>>> from styletransfer import samples
>>> samples.draw("harbour", long_edge=64).size
(64, 48)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from styletransfer import _checks
from styletransfer.errors import OptionError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["draw", "find", "list_contents", "list_styles"]

#: Longer side of the files.
_LONG_EDGE = 512
_CONTENTS = ("harbour", "valley")
_STYLES = ("night", "woodcut", "mosaic", "pointillism", "watercolour", "cubist")


def list_contents() -> list[str]:
    """Return the names of the content scenes, e.g. ``"harbour"``."""
    return list(_CONTENTS)


def list_styles() -> list[str]:
    """Return the names of the styles, e.g. ``"night"``."""
    return list(_STYLES)


def find(name: object) -> Path | None:
    """Return the file of a sample picture if `name` is that of one and no file here has it, else None.

    Example:
        >>> find("mosaic").name
        'mosaic.webp'
    """
    known = isinstance(name, str) and name in _CONTENTS + _STYLES and not Path(name).exists()
    return Path(__file__).with_name(f"{name}.webp") if known else None


def draw(name: str, *, long_edge: int = _LONG_EDGE, seed: int = 0) -> Image:
    """Return a sample picture at the size asked for; the same arguments give the same bytes.

    Args:
        name: One of `list_contents` (4:3) or `list_styles` (square).
        long_edge: Width in pixels, 32 to 512, the size of the files.
        seed: 0. Pictures with other details, and larger ones, are drawn by ``docs/samples/draw.py``.

    Returns:
        An RGB picture.

    Raises:
        OptionError: An unknown name, or a number outside its range.

    Example:
        >>> draw("mosaic", long_edge=96).mode
        'RGB'
    """
    from styletransfer import images

    _checks.choice(name, _CONTENTS + _STYLES, "sample picture")
    if _checks.integer(long_edge, "long_edge", low=32) > _LONG_EDGE:
        raise OptionError(
            f"long_edge of a sample picture can be at most {_LONG_EDGE}, the size of its file, got {long_edge}. "
            "docs/samples/draw.py in the project's repository draws larger ones."
        )
    if _checks.integer(seed, "seed", low=0):
        raise OptionError(
            f"The package carries the sample pictures of seed 0, got seed={seed}. "
            "docs/samples/draw.py in the project's repository draws others."
        )
    return images.to_pil(images.load_image(Path(__file__).with_name(f"{name}.webp"), long_edge=long_edge))
