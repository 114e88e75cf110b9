"""Figures for lessons: pictures side by side, feature maps, Gram matrices, receptive fields, losses by term."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from styletransfer import images
from styletransfer._checks import choice, integer
from styletransfer.errors import OptionError
from styletransfer.layers import BY_TAP
from styletransfer.plotting.palette import COLORS, GREY, INK, RULE
from styletransfer.stylization import Step, Stylization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of a picture's side, and dots an inch.
_SIDE, _DPI = 2.6, 100
#: Share of the highest loss below which a term is not drawn.
_FAINT = 1e-6


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
    figure, axes = _grid(len(tensors), wide, _SIDE * height / width)
    for axis, (name, picture) in zip(axes, tensors.items(), strict=False):
        axis.imshow(images.to_pil(picture[:1].detach().clamp(0, 1)))
        axis.set_title(name, fontsize=9, color=INK)
    return figure


def feature_maps(features: Tensor, *, count: int = 16, title: str = "") -> Figure:
    """Show the channels of a layer that differ most over the picture, as grey maps.

    Args:
        features: (1, C, h, w).
        count: How many channels.
        title: Above all of them.

    Example:
        >>> import torch
        >>> len(feature_maps(torch.rand(1, 5, 8, 8), count=4).axes)
        4
    """
    shown = min(integer(count, "count", low=1), features.shape[1])
    spread = features[0].detach().flatten(1).std(dim=1)
    chosen = spread.topk(shown).indices.tolist()
    height, width = features.shape[2:]
    columns = math.ceil(math.sqrt(shown))
    figure, axes = _grid(shown, columns, 0.6 * _SIDE * height / width, width=0.6 * _SIDE)
    for axis, channel in zip(axes, chosen, strict=False):
        axis.imshow(features[0, channel].detach().cpu().numpy(), cmap="gray")
        axis.set_title(f"channel {channel}", fontsize=7, color=GREY)
    figure.suptitle(title, fontsize=10, color=INK)
    return figure


def gram_maps(grams: Mapping[str, Tensor]) -> Figure:
    """Show Gram matrices, (1, C, C) by title, as maps of their logarithms.

    Example:
        >>> import torch
        >>> len(gram_maps({"relu1_1": torch.rand(1, 4, 4)}).axes)
        1
    """
    figure, axes = _grid(len(grams), len(grams), _SIDE)
    for axis, (name, gram) in zip(axes, grams.items(), strict=False):
        axis.imshow(gram[0].detach().abs().clamp_min(1e-12).log10().cpu().numpy(), cmap="magma")
        axis.set_title(name, fontsize=9, color=INK)
    return figure


def receptive_fields(picture: Tensor, taps: Sequence[str], *, at: tuple[float, float] = (0.5, 0.5)) -> Figure:
    """Draw what one feature of each layer sees of a picture.

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
    from matplotlib.patches import Rectangle

    figure = pictures({"What one feature sees": picture})
    (axis,) = figure.axes
    height, width = picture.shape[2:]
    for tap, color in zip(taps, [*COLORS] * len(taps), strict=False):
        side = BY_TAP[choice(tap, BY_TAP, "layer")].receptive_field
        corner = (at[1] * width - side / 2, at[0] * height - side / 2)
        axis.add_patch(
            Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=2, label=f"{tap}: {side}")
        )
    axis.legend(fontsize=7, loc="lower left", title="pixels", title_fontsize=7)
    figure.set_size_inches(6, 6 * height / width)
    return figure


def loss_terms(result: Stylization | Sequence[Step]) -> Figure:
    """Draw each term of a run's loss over its steps.

    Args:
        result: Of a run, or its steps so far.

    Raises:
        OptionError: A run that measured no losses.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> small = [samples.draw(name, long_edge=32) for name in ("valley", "mosaic")]
        >>> run = st.stylize(*small, "gatys", steps=3, scales=(1.0,), device="cpu")
        >>> len(loss_terms(run).axes[0].lines) >= 3
        True
    """
    from matplotlib.figure import Figure

    history = result.history if isinstance(result, Stylization) else result
    steps = [step for step in history if step.losses]
    if not steps:
        raise OptionError("The run has no losses to draw: it was told not to measure, or had no step.")
    figure = Figure(figsize=(7, 3.4), dpi=_DPI, layout="constrained")
    axis = figure.subplots()
    highest = max(value for step in steps for value in step.losses.values())
    for name, color in zip(steps[0].losses, [*COLORS] * 3, strict=False):
        values = torch.tensor([step.losses[name] for step in steps])
        values[values < _FAINT * highest] = (
            math.nan
        )  # a content loss of 0 at the start would make the scale endless
        if bool((values > 0).any()):
            style = {"color": INK, "linewidth": 2} if name == "total" else {"color": color}
            axis.plot([step.step for step in steps], values.tolist(), label=name, **style)
    axis.set_yscale("log")
    axis.set_xlabel("step", color=GREY)
    axis.set_ylabel("weighted loss", color=GREY)
    axis.grid(color=RULE, linewidth=0.5)
    axis.legend(fontsize=8, frameon=False)
    return figure


def _grid(count: int, columns: int, height: float, width: float = _SIDE) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many places for pictures, without rules."""
    from matplotlib.figure import Figure

    rows = math.ceil(count / columns)
    figure = Figure(figsize=(columns * width, rows * (height + 0.3) + 0.2), dpi=_DPI, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]
