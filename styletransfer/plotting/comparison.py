"""The figure of a comparison, and a loss over seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from styletransfer.judging.evaluation import Evaluation
from styletransfer.methods import METHODS
from styletransfer.peers.run import PeerResult
from styletransfer.plotting.palette import COLORS, GREY, INK, RULE
from styletransfer.plotting.parts import decorate, seconds_text, show
from styletransfer.stylizer import Step, Stylization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches; at 100 dots per inch the figure is 1400 pixels wide.
_WIDTH, _DPI = 14.0, 100
_PLOTS_HEIGHT, _MARGINS, _TALLEST = 2.9, 1.15, 8.0


def title(method: str) -> str:
    """Return a method's title, or the name itself of one that is not registered."""
    return METHODS[method].title if method in METHODS else method


def comparison_figure(
    content: Tensor,
    style: Tensor,
    results: Mapping[str, Stylization | PeerResult],
    evaluations: Mapping[str, Evaluation],
    objectives: Mapping[str, Mapping[str, float]],
    *,
    caption: str = "",
) -> Figure:
    """Draw inputs, results, the judge's losses, and each objective over seconds with other methods as points.

    Args:
        content: (1, 3, H, W) in [0, 1].
        style: The same, of any size.
        results: The runs by method or peer, each of one picture.
        evaluations: The judge's words by method.
        objectives: By method, what the methods that minimise something would minimise, of its picture.
        caption: Small print under everything: the conditions.

    Returns:
        A figure 1400 pixels wide; ``figure.savefig(path)`` writes it.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    aspect = content.shape[2] / content.shape[3]
    share = 2 / (1 + 2 * len(results))  # a result is twice as wide as an input
    pictures_height = min(_WIDTH * share * aspect, _TALLEST)
    height = pictures_height + _PLOTS_HEIGHT + _MARGINS
    figure = Figure(
        figsize=(_WIDTH, height),
        dpi=_DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.06, wspace=0.02, hspace=0.03),
    )
    rows = figure.add_gridspec(2, 1, height_ratios=[pictures_height + 0.6, _PLOTS_HEIGHT])
    pictures = rows[0].subgridspec(2, 1 + len(results), width_ratios=[1] + [2] * len(results))
    show(figure.add_subplot(pictures[0, 0]), content, "Content")
    show(figure.add_subplot(pictures[1, 0]), style, "Style")
    scale = min(1.0, 3.5 / len(results))  # of letters
    colors = dict(zip(results, _cycle(len(results)), strict=True))
    for column, (method, result) in enumerate(results.items(), start=1):
        axes = figure.add_subplot(pictures[:, column])
        show(axes, result.image, title(method) + _remark(result), color=colors[method], size=scale * 14)
        judged = evaluations[method]
        axes.set_xlabel(
            f"{seconds_text(result.seconds)}  \N{MIDDLE DOT}  style ratio {judged.style_ratio:.2f}  "
            f"\N{MIDDLE DOT}  content {judged.content:.2f}",
            fontsize=scale * (12 if len(results) < 3 else 10),
            color=INK,
            labelpad=6,
            loc="left",
        )
    owners = [method for method in objectives if method in objectives[method]]
    plots = rows[1].subgridspec(1, 2 + len(owners), width_ratios=[1, 1] + [1.9] * len(owners))
    content_losses = {method: judged.content for method, judged in evaluations.items()}
    style_ratios = {method: judged.style_ratio for method, judged in evaluations.items()}
    _bars(figure.add_subplot(plots[0]), content_losses, colors, "Content", "0: unchanged")
    _bars(figure.add_subplot(plots[1]), style_ratios, colors, "Style ratio", "1: no style taken, 0: all")
    for place, owner in enumerate(owners, start=2):
        others = {
            method: (results[method].seconds, losses[owner])
            for method, losses in objectives.items()
            if method != owner
        }
        run = results[owner]
        history = run.history if isinstance(run, Stylization) else ()
        loss_curve(figure.add_subplot(plots[place]), owner, history, points=others, colors=colors)
    if caption:
        figure.supxlabel(caption, fontsize=9.5, color=GREY, x=0.008, ha="left")
    return figure


def loss_curve(
    axes: Axes,
    method: str,
    history: Sequence[Step],
    *,
    points: Mapping[str, tuple[float, float]] | None = None,
    colors: Mapping[str, str] | None = None,
) -> None:
    """Draw an optimisation's total loss over seconds, and other methods as points on the same scale.

    Losses at the smaller sizes of a run from coarse to fine belong to another objective, so they are pale.

    Args:
        axes: Where to draw.
        method: Whose history it is.
        history: One record a step.
        points: ``{method: (seconds, loss)}`` with the loss under the same objective at the last size.
        colors: By method.
    """
    shades = {method: COLORS[0], **(colors or {})}
    last = history[-1].size if history else None
    for size in dict.fromkeys(step.size for step in history):
        part = [step for step in history if step.size == size]
        fine = size == last
        axes.plot(
            [step.seconds for step in part],
            [step.total for step in part],
            color=shades[method],
            linewidth=2.2 if fine else 1.6,
            linestyle="-" if fine else (0, (4, 2)),
            alpha=1.0 if fine else 0.5,
            label=title(method) if fine else f"{title(method)} at {size[1]}\N{MULTIPLICATION SIGN}{size[0]}",
        )
    for other, (seconds, loss) in (points or {}).items():
        color = shades.get(other, INK)
        axes.axhline(loss, color=color, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        axes.plot(
            [seconds],
            [loss],
            linestyle="",
            marker="o",
            markersize=9,
            color=color,
            markeredgecolor="white",
            clip_on=False,
            zorder=5,
            label=f"{title(other)}, {seconds_text(seconds)}",
        )
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    decorate(axes, f"{title(method)}: loss over time", "seconds")
    axes.grid(axis="y", which="major", color=RULE, linewidth=0.6)
    axes.legend(
        fontsize=10.5,
        loc="upper right",
        labelcolor=INK,
        handlelength=2.2,
        facecolor="white",
        edgecolor="white",
        framealpha=1,
    )


def _remark(result: Stylization | PeerResult) -> str:
    """Say what is not plain about a result's seconds."""
    if isinstance(result, PeerResult):
        return "" if result.clock == "work" else f" ({result.clock})"
    return " (interrupted)" if result.stopped == "interrupted" else ""


def _bars(
    axes: Axes, values: Mapping[str, float], colors: Mapping[str, str], heading: str, explanation: str
) -> None:
    places = range(len(values))
    axes.barh(places, list(values.values()), height=0.42, color=[colors[method] for method in values])
    axes.set_yticks(places, [title(method) for method in values], fontsize=12, color=INK)
    axes.invert_yaxis()
    longest = max([*values.values(), 1.0])  # 1 is the natural scale of both, so small losses look small
    axes.set_xlim(0, longest * 1.22)  # room for the numbers
    for place, value in zip(places, values.values(), strict=True):
        axes.text(value + longest * 0.02, place, f"{value:.2f}", va="center", fontsize=12, color=INK)
    decorate(axes, heading, explanation)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _cycle(count: int) -> list[str]:
    return [COLORS[i % len(COLORS)] for i in range(count)]
