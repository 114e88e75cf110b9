"""What figures share: grids of pictures, how a picture and a plot are dressed, how numbers are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL.Image import Image
from torch import Tensor

from styletransfer import images
from styletransfer.plotting.palette import GREY, INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of a picture's side, and dots an inch.
SIDE, DPI = 2.6, 100


def picture_grid(count: int, columns: int, height: float, width: float = SIDE) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many places for pictures, without axes; heights and widths in inches."""
    from matplotlib.figure import Figure

    rows = math.ceil(count / columns)
    figure = Figure(figsize=(columns * width, rows * (height + 0.3) + 0.2), dpi=DPI, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def show(axes: Axes, image: Tensor | Image, heading: str = "", *, color: str = INK, size: float = 14) -> None:
    """Show the first picture of a batch, (B, 3, H, W) in [0, 1], under its heading, which stands at the left."""
    axes.imshow(images.to_pil(image[:1].detach().clamp(0, 1)) if isinstance(image, Tensor) else image)
    axes.set_anchor("NW")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(heading, loc="left", fontsize=size, fontweight="bold", color=color, pad=6)


def decorate(axes: Axes, heading: str, label: str) -> None:
    """Give a plot its heading, the label of its horizontal axis, and quiet lines."""
    axes.set_title(heading, loc="left", fontsize=13, fontweight="bold", color=INK, pad=8)
    axes.set_xlabel(label, fontsize=10.5, color=GREY, loc="left")
    axes.tick_params(colors=GREY, which="both", labelsize=10.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)


def seconds_text(seconds: float) -> str:
    """Return seconds as figures write them."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def value_text(value: object) -> str:
    """Return an option's value as figures write it: short numbers, names as they are, several with commas."""
    if isinstance(value, (tuple, list)):
        return ", ".join(value_text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
