"""The figure of a set: for each figure of the judge, the methods' means with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styletransfer.evaluating.table import direction, figure_title
from styletransfer.plotting import COLORS, GREY, INK, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from styletransfer.evaluating.result import SetEvaluation
    from styletransfer.evaluating.summary import Summary

__all__ = ["set_figure"]

_DIRECTIONS = {
    "lower": "\N{LEFTWARDS ARROW} lower is better",
    "higher": "higher is better \N{RIGHTWARDS ARROW}",
    "-": "neither end is better",
}
_COLUMNS, _WIDTH, _DPI = 4, 14.0, 100


def set_figure(evaluation: SetEvaluation) -> Figure:
    """Draw one panel for each figure: a dot for each method, a line for its interval, reading aids hollow."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    summary = evaluation.summary
    names = list(next(iter(summary.means.values()), {}))
    rows = max(1, -(-len(names) // _COLUMNS))
    figure = Figure(
        figsize=(_WIDTH, rows * (1.3 + 0.34 * len(summary.means)) + 1.1),
        dpi=_DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.08, wspace=0.03, hspace=0.06),
    )
    panels = figure.subplots(rows, _COLUMNS, squeeze=False)
    for place, axes in enumerate(panels.flat):
        if place < len(names):
            _panel(axes, summary, names[place], labels=place % _COLUMNS == 0)
        else:
            axes.set_visible(False)
    heading = f"{_literal(evaluation.name)}: means over {summary.pairs} pair(s) with 95 % intervals"
    figure.suptitle(heading, x=0.008, ha="left", fontsize=15, fontweight="bold", color=INK)
    caption = (
        f"Dots: methods. Lines: bootstrap intervals over {summary.units} {summary.unit}(s). Hollow: reading aids. "
        f"Judge {_literal(evaluation.judge.text)}. Axes do not begin at 0."
    )
    figure.supxlabel(caption, fontsize=9.5, color=GREY, x=0.008, ha="left")
    return figure


def _panel(axes: Axes, summary: Summary, name: str, *, labels: bool) -> None:
    methods = list(summary.means)
    for place, method in enumerate(methods):
        mean = summary.means[method].get(name)
        if mean is None:
            continue
        aid = method not in summary.counts
        color = GREY if aid else COLORS[place % len(COLORS)]
        face = "white" if aid else color
        if mean.low is not None and mean.high is not None:
            axes.plot([mean.low, mean.high], [place, place], color=color, linewidth=1.2 if aid else 2.4)
        axes.plot([mean.mean], [place], "o", markersize=8, color=color, markerfacecolor=face, zorder=3)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_yticks(range(len(methods)), [_short(method) for method in methods] if labels else [""] * len(methods))
    axes.set_title(_literal(figure_title(name)), loc="left", fontsize=13, fontweight="bold", color=INK, pad=8)
    axes.set_xlabel(_DIRECTIONS[direction(name)], fontsize=10.5, color=GREY, loc="left")
    axes.tick_params(axis="x", colors=GREY, labelsize=10.5)
    axes.tick_params(axis="y", colors=INK, labelsize=11, length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(RULE)


def _short(name: str) -> str:
    """Return a name as the figure shows it, not too long."""
    return _literal(name if len(name) <= 24 else f"{name[:23]}\N{HORIZONTAL ELLIPSIS}")


def _literal(text: str) -> str:
    """Return a text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
