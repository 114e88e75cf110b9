"""The figure of an explanation. matplotlib is imported inside the functions, and never its global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from styletransfer import images
from styletransfer.explaining.layers import LayerReport
from styletransfer.plotting import COLORS, GREY, INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _DPI = 14.0, 100
_PLOTS, _TALLEST = 2.6, 5.0


def draw(
    pictures: Mapping[str, Tensor],
    layers: Sequence[LayerReport],
    *,
    change: Tensor,
    gain: Tensor,
    inversions: Mapping[str, Tensor],
    note: str,
) -> Figure:
    """Draw pictures and maps, inversions, Gram distances before and after, and the channels that moved most.

    Args:
        pictures: By title, (1, 3, H, W); the first one is the content.
        layers: From shallow to deep.
        change: (H, W), see `Explanation`.
        gain: The same.
        inversions: By layer, (1, 3, H, W); may be empty.
        note: Small print.

    Returns:
        A figure 1400 pixels wide; ``figure.savefig(path)`` writes it.
    """
    from matplotlib.figure import Figure

    height, width = next(iter(pictures.values())).shape[2:]
    row = min(_WIDTH / 5 * height / width, _TALLEST) + 0.6
    rows = [row, *[row] * bool(inversions), _PLOTS]
    total = sum(rows) + 0.4
    figure = Figure(figsize=(_WIDTH, total), dpi=_DPI, facecolor="white")
    grid = figure.add_gridspec(
        len(rows),
        1,
        height_ratios=rows,
        left=0.035,
        right=0.99,
        top=1 - 0.35 / total,
        bottom=0.75 / total,
        hspace=0.25,
    )
    top = grid[0].subgridspec(1, 5, wspace=0.06)
    for column, (title, picture) in enumerate(pictures.items()):
        _picture(figure.add_subplot(top[column]), picture, title)
    _map(figure, figure.add_subplot(top[3]), change, "Content changed", "magma", None)
    most = float(gain.abs().quantile(0.99)) or 1.0
    _map(figure, figure.add_subplot(top[4]), gain, "Style gained", "RdBu", (-most, most))
    if inversions:
        kept = grid[1].subgridspec(1, 5, wspace=0.06)
        for column, (layer, picture) in enumerate(inversions.items()):
            _picture(figure.add_subplot(kept[column]), picture, f"What {layer} keeps")
    plots = grid[len(rows) - 1].subgridspec(1, 6, width_ratios=[1.6, 1, 1, 1, 1, 1], wspace=0.3)
    _grams(figure.add_subplot(plots[0]), layers)
    for column, report in enumerate(layers, start=1):
        axes = figure.add_subplot(plots[column])
        shifts = [moved.shift for moved in report.moved]
        axes.barh(range(len(shifts)), shifts, height=0.55, color=COLORS[0])
        axes.set_yticks(range(len(shifts)), [str(moved.channel) for moved in report.moved])
        axes.invert_yaxis()
        axes.axvline(0, color=RULE, linewidth=1)
        _plain(axes, f"{report.layer}: moved", "channel; shift in deviations")
    figure.text(0.008, 0.1 / total, note, fontsize=9.5, color=GREY)
    return figure


def _grams(axes: Axes, layers: Sequence[LayerReport]) -> None:
    places = range(len(layers))
    for offset, color, name in ((-0.2, COLORS[5], "before"), (0.2, COLORS[1], "after")):
        values = [getattr(layer, f"gram_{name}") for layer in layers]
        axes.bar([place + offset for place in places], values, width=0.38, color=color, label=name)
    axes.set_xticks(places, [layer.layer.removeprefix("relu") for layer in layers])
    axes.legend(fontsize=10, frameon=False)
    _plain(axes, "Gram distance to the style", "layer relu...; the style's own square is 1")


def _picture(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(images.to_pil(picture))
    _bare(axes, title)


def _map(figure: Figure, axes: Axes, values: Tensor, title: str, colors: str, limits: Any) -> None:
    low, high = (0.0, float(values.quantile(0.99)) or 1.0) if limits is None else limits
    shown = axes.imshow(values.numpy(), cmap=colors, vmin=low, vmax=high)
    _bare(axes, title)
    bar = figure.colorbar(shown, ax=axes, orientation="horizontal", fraction=0.05, pad=0.02)
    bar.ax.tick_params(labelsize=8, colors=GREY)


def _bare(axes: Axes, title: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)


def _plain(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel(label, fontsize=8.5, color=GREY, loc="left")
    axes.tick_params(labelsize=9, colors=GREY)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
