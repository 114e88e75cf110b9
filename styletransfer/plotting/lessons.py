"""Figures for lessons: pictures side by side, feature maps, Gram matrices, receptive fields."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from styletransfer import images
from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError
from styletransfer.layers import BY_TAP
from styletransfer.plotting.palette import COLORS, GREY, INK
from styletransfer.plotting.parts import DPI, SIDE, picture_grid, show
from styletransfer.stylization import Stylization

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Inches of the picture with receptive fields; share of the largest Gram entry at which a map is black.
_FIELDS, _DARKEST = 5.0, 1e-4
#: Share of a feature map's values that are shown as black, and as white.
_DIM = 0.01


def pictures(named: Mapping[str, Tensor | Stylization], *, columns: int | None = None) -> Figure:
    """Show pictures side by side.

    Args:
        named: (1, 3, H, W) in [0, 1] or results, by the titles above them.
        columns: How many in a row; by default all, up to six.

    Raises:
        OptionError: No picture.

    Example:
        >>> import torch
        >>> len(pictures({"grey": torch.full((1, 3, 16, 16), 0.5)}).axes)
        1
    """
    if not named:
        raise OptionError("There is no picture to show.")
    wide = min(len(named), 6) if columns is None else integer(columns, "columns", low=1)
    tensors = {k: x.image if isinstance(x, Stylization) else x for k, x in named.items()}
    height, width = next(iter(tensors.values())).shape[2:]
    figure, axes = picture_grid(len(tensors), wide, SIDE * height / width)
    for axis, (name, picture) in zip(axes, tensors.items(), strict=False):
        axis.imshow(images.to_pil(picture[:1].detach().clamp(0, 1)))
        axis.set_title(name, fontsize=12, fontweight="bold", color=INK, loc="left")
    return figure


def feature_maps(features: Tensor, *, count: int = 16, title: str = "") -> Figure:
    """Show the channels of a layer that differ most over the picture, bright where they respond most.

    Each map has its own scale and is clipped at its 1st and 99th percentile: outliers would make the rest black.

    Args:
        features: (1, C, h, w).
        count: How many channels.
        title: Above all of them, such as the layer's name.

    Example:
        >>> import torch
        >>> len(feature_maps(torch.rand(1, 5, 8, 8), count=4).axes)
        4
    """
    channels, height, width = features.shape[1:]
    shown = min(integer(count, "count", low=1), channels)
    spread = features[0].detach().flatten(1).std(dim=1)
    chosen = spread.topk(shown).indices.tolist()
    columns = math.ceil(math.sqrt(shown))
    figure, axes = picture_grid(shown, columns, 0.75 * SIDE * height / width, width=0.75 * SIDE)
    for axis, channel in zip(axes, chosen, strict=False):
        values = features[0, channel].detach().float().cpu().numpy()
        low, high = np.quantile(values, (_DIM, 1 - _DIM))  # torch's takes no more than 16 million values
        if high <= low:  # nearly all values are the same
            low, high = values.min(), values.max()
        axis.imshow(values, cmap="gray", vmin=low, vmax=high)
        axis.set_title(f"channel {channel}", fontsize=11, color=GREY, loc="left")
    figure.set_figheight(figure.get_figheight() + 0.2)
    size = f"{shown} of {channels} channels, {width}\N{MULTIPLICATION SIGN}{height} values each"
    figure.suptitle(f"{title}: {size}" if title else size, fontsize=13, color=INK, x=0.01, ha="left")
    return figure


def gram_maps(grams: Mapping[str, Tensor]) -> Figure:
    """Show Gram matrices, (1, C, C) by title, as maps: how strongly two channels respond together.

    The scale is logarithmic and the same for all; the strongest channels come first. If all have one size,
    they are taken to be of one layer: all have the order of the first one, so that they can be compared.

    Raises:
        OptionError: No matrix.

    Example:
        >>> import torch
        >>> [axes.get_title(loc="left") for axes in gram_maps({"relu1_1": torch.rand(1, 4, 4)}).axes]
        ['relu1_1', '']
    """
    from matplotlib.colors import LogNorm

    if not grams:
        raise OptionError("There is no Gram matrix to show.")
    figure, axes = picture_grid(len(grams), len(grams), 1.2 * SIDE, width=1.2 * SIDE)
    matrices = {name: gram[0].detach().abs().cpu() for name, gram in grams.items()}
    orders = {name: values.diagonal().argsort(descending=True) for name, values in matrices.items()}
    one_layer = len({len(order) for order in orders.values()}) == 1
    if one_layer:
        orders = dict.fromkeys(matrices, next(iter(orders.values())))
    highest = max(float(values.max()) for values in matrices.values()) or 1.0
    scale = LogNorm(_DARKEST * highest, highest, clip=True)
    for axis, (name, values) in zip(axes, matrices.items(), strict=True):
        ordered = values[orders[name]][:, orders[name]]
        drawn = axis.imshow(ordered.clamp_min(_DARKEST * highest).numpy(), cmap="magma", norm=scale)
        axis.set_axis_on()
        axis.set_title(name, fontsize=13, fontweight="bold", color=INK, loc="left")
        kept = one_layer and axis is not axes[0]
        order = "in the same order" if kept else "strongest first"
        axis.set_xlabel(f"channels, {order}", fontsize=11, color=GREY, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("Gram entry", fontsize=11, color=GREY)
    return figure


def receptive_fields(picture: Tensor, taps: Sequence[str], *, at: tuple[float, float] = (0.5, 0.5)) -> Figure:
    """Draw what one feature of each layer sees of a picture; a field larger than the picture reaches beyond it.

    Args:
        picture: (1, 3, H, W).
        taps: Layers, such as ``"relu4_1"``.
        at: Where, as shares of height and width.

    Raises:
        OptionError: An unknown layer.

    Example:
        >>> import torch
        >>> figure = receptive_fields(torch.rand(1, 3, 64, 64), ["relu1_1", "relu3_1"])
        >>> [len(axis.patches) for axis in figure.axes]
        [2]
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    height, width = picture.shape[2:]
    sides = {tap: BY_TAP[choice(tap, BY_TAP, "layer")].receptive_field for tap in taps}
    half = max(sides.values(), default=0) / 2
    top, bottom = min(0.0, at[0] * height - half), max(height, at[0] * height + half)
    left, right = min(0.0, at[1] * width - half), max(width, at[1] * width + half)
    wide = _FIELDS * (right - left) / (bottom - top)
    figure = Figure(figsize=(wide + 2.4, _FIELDS + 0.4), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    show(axis, picture, "What one feature sees")
    for (tap, side), color in zip(sides.items(), itertools.cycle(COLORS), strict=False):
        # A pixel's centre has whole coordinates, so its edge lies half a pixel before.
        corner = (at[1] * width - side / 2 - 0.5, at[0] * height - side / 2 - 0.5)
        label = f"{tap}: {side}\N{MULTIPLICATION SIGN}{side}"
        field = Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=3, label=label)
        field.set_path_effects([Stroke(linewidth=5, foreground="white"), Normal()])  # stands out from any colour
        axis.add_patch(field)
    margin = 0.01 * (bottom - top)
    axis.set_xlim(left - margin - 0.5, right + margin - 0.5)
    axis.set_ylim(bottom + margin - 0.5, top - margin - 0.5)
    figure.legend(
        fontsize=13, loc="outside right center", title="pixels", title_fontsize=13, alignment="left", frameon=False
    )
    return figure
