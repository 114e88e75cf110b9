"""The figure of an `Explanation`. matplotlib is imported inside the functions, and never its global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from styletransfer import images
from styletransfer.explaining.explanation import Explanation
from styletransfer.plotting import COLORS, GREY, INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _DPI = 14.0, 100
_PLOTS = 3.0


def draw(told: Explanation) -> Figure:
    """Draw pictures and maps, inversions, Gram distances before and after, and the channels that moved most.

    Returns:
        A figure 1400 pixels wide; ``figure.savefig(path)`` writes it.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    height, width = told.content.rgb.shape[2:]
    row = _WIDTH / 5 * height / width + 0.5
    rows = [row, *[row] * bool(told.inversions), _PLOTS]
    figure = Figure(
        figsize=(_WIDTH, sum(rows) + 0.4),
        dpi=_DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.03),
    )
    grid = figure.add_gridspec(len(rows), 1, height_ratios=rows)
    top = grid[0].subgridspec(1, 5)
    for column, (name, picture) in enumerate(
        (("Content", told.content), ("Style", told.style), ("Stylized", told.stylized))
    ):
        _picture(figure.add_subplot(top[column]), picture.rgb, name)
    _map(figure, figure.add_subplot(top[3]), told.change, "Content changed", "magma", None)
    most = float(told.gain.abs().quantile(0.99)) or 1.0
    _map(figure, figure.add_subplot(top[4]), told.gain, "Style gained", "RdBu", (-most, most))
    if told.inversions:
        kept = grid[1].subgridspec(1, 5)
        for column, (layer, picture) in enumerate(told.inversions.items()):
            _picture(figure.add_subplot(kept[column]), picture, f"What {layer} keeps of the content")
    plots = grid[len(rows) - 1].subgridspec(1, 6, width_ratios=[1.6, 1, 1, 1, 1, 1])
    _grams(figure.add_subplot(plots[0]), told)
    for column, layer in enumerate(told.layers, start=1):
        axes = figure.add_subplot(plots[column])
        shifts = [moved.shift for moved in layer.moved]
        axes.barh(range(len(shifts)), shifts, height=0.55, color=COLORS[0])
        axes.set_yticks(range(len(shifts)), [str(moved.channel) for moved in layer.moved])
        axes.invert_yaxis()
        axes.axvline(0, color=RULE, linewidth=1)
        _plain(axes, f"{layer}: moved most", "channel; shift of its mean, deviations")
    note = f"Seen by {told.extractor} at {width}x{height} pixels."
    figure.supxlabel(note, fontsize=9.5, color=GREY, x=0.008, ha="left")
    return figure


def _grams(axes: Axes, told: Explanation) -> None:
    places = range(len(told.layers))
    for offset, color, name in ((-0.2, COLORS[5], "before"), (0.2, COLORS[1], "after")):
        values = [getattr(layer, f"gram_{name}") for layer in told.layers]
        axes.bar([place + offset for place in places], values, width=0.38, color=color, label=name)
    axes.set_xticks(places, [layer.layer.removeprefix("relu") for layer in told.layers])
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
