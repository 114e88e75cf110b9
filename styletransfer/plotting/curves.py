"""Losses over the steps of a run, and over its seconds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from styletransfer.errors import OptionError
from styletransfer.plotting.comparison import title as title_of
from styletransfer.plotting.palette import COLORS, GREY, INK, RULE
from styletransfer.plotting.parts import DPI, decorate
from styletransfer.stylization import Step, Stylization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Share of the highest loss below which a term is not drawn.
_FAINT = 1e-6
#: How many times the first loss is the highest that is drawn.
_LEAVES = 1000
#: Up to how many losses of a line each has its mark.
_SINGLE = 30


def loss_terms(result: Stylization | Sequence[Step], *, title: str | None = None) -> Figure:
    """Draw each term of a run's loss over its steps. A dashed line marks a change of the picture's size.

    Args:
        result: Of a run, or the steps so far of one that goes on.
        title: Above the curves; by default what they are and whose.

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

    figure = Figure(figsize=(8, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    draw_terms(axes, result)
    owner = f"{title_of(result.method)}: " if isinstance(result, Stylization) else ""
    heading = f"{owner}each term of the loss" if title is None else title
    # Above the sizes, which stand on the frame of a run from coarse to fine.
    axes.set_title(heading, loc="left", fontsize=13, fontweight="bold", color=INK, pad=20 if axes.texts else 8)
    return figure


def loss_histories(losses: Mapping[str, Sequence[float]], *, title: str = "Loss of each step") -> Figure:
    """Draw losses that were noted step by step, such as those of a descent written by hand, one line for each.

    A loss that is a thousand times the first one is above the figure, and an infinite one ends its line.

    Args:
        losses: By name, the loss that each step began with.
        title: Above the curves.

    Raises:
        OptionError: No losses, or a list without any, or one that begins with no finite number above 0.

    Example:
        >>> figure = loss_histories({"small steps": [8.0, 4.0, 2.0], "large steps": [8.0, 90.0, float("inf")]})
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['small steps', 'large steps']
    """
    from matplotlib.figure import Figure

    empty = [name for name, values in losses.items() if not len(values)]
    if empty or not losses:
        raise OptionError(f"There is no loss to draw{f' for {empty[0]!r}' if empty else ''}.")
    for name, values in losses.items():
        if not (math.isfinite(values[0]) and values[0] > 0):
            raise OptionError(f"The first loss of {name!r} must be a finite number above 0, got {values[0]!r}.")
    figure = Figure(figsize=(8, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    top = _LEAVES * max(values[0] for values in losses.values())
    seen: list[float] = []
    for (name, values), color in zip(losses.items(), itertools.cycle(COLORS), strict=False):
        # Far above the top there is nothing to see; a scale of 300 powers of ten has no room for the others.
        drawn = [min(v, top**2) if math.isfinite(v) and v > 0 else math.nan for v in values]
        seen += [v for v in drawn if not math.isnan(v)]
        few = "o" if len(drawn) <= _SINGLE else ""
        axes.plot(range(len(drawn)), drawn, marker=few, markersize=4, color=color, linewidth=2.2, label=name)
    axes.set_ylim(min(seen) / 2, min(top, 2 * max(seen)))
    _dress(axes, "steps taken")
    axes.set_ylabel("loss", fontsize=12, color=GREY)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=8)
    axes.legend(fontsize=12, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), labelcolor=INK)
    return figure


def points(run: Stylization | Sequence[Step]) -> list[Step]:
    """Return the losses of the start and of the picture after each step, with the seconds until it was there.

    A record has the losses of the picture that its step began with, so its `step` becomes that of the step before.
    """
    if isinstance(run, Stylization) and run.image.shape[0] != 1:
        raise OptionError(f"Curves are of one picture, got a run of {run.image.shape[0]}; run them one by one.")
    history = run.history if isinstance(run, Stylization) else run
    measured = [step for step in history if step.losses]
    if len(measured) < 2:
        raise OptionError(
            "The run has no curve of its losses: it was told not to measure them, or has fewer than two steps."
        )
    ended = [0.0, *(step.seconds for step in measured)]
    taken = [replace(s, step=s.step - 1, seconds=t) for s, t in zip(measured, ended, strict=False)]
    final = run.losses if isinstance(run, Stylization) else {}
    return [*taken, replace(measured[-1], losses=final)] if final else taken


def _stages(taken: Sequence[Step]) -> list[list[Step]]:
    """Divide points by the size that was worked on: each size has an objective of its own."""
    return [list(part) for _, part in itertools.groupby(taken, key=lambda point: point.size)]


def draw_terms(axes: Axes, run: Stylization | Sequence[Step]) -> None:
    """Draw each term of a loss over the steps taken, with a line where the picture's size changes."""
    taken = points(run)
    stages = _stages(taken)
    lowest = _FAINT * max(value for point in taken for value in point.losses.values())
    # A legend in the order of the lines' ends is read across, without a search for colours.
    names = sorted(taken[-1].losses, key=lambda name: -taken[-1].losses[name])
    colors = dict(zip((n for n in taken[-1].losses if n != "total"), itertools.cycle(COLORS), strict=False))
    for name in names:
        if not any(point.losses.get(name, 0.0) >= lowest for point in taken):
            continue
        style: dict[str, Any] = (
            {"color": INK, "linewidth": 3} if name == "total" else {"color": colors[name], "linewidth": 2}
        )
        for part in stages:
            # A content loss of 0 at the start would make the scale endless.
            values = [v if (v := point.losses.get(name, 0.0)) >= lowest else math.nan for point in part]
            label = name if part is stages[-1] else None
            axes.plot([point.step for point in part], values, label=label, **style)
    for before, after in itertools.pairwise(stages):
        axes.axvline(after[0].step, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
        for part, align, gap in ((before, "right", "{} "), (after, "left", " {}")):
            axes.text(
                after[0].step, 1.0, gap.format(_size(part)), transform=axes.get_xaxis_transform(),
                fontsize=10, color=GREY, ha=align, va="bottom",
            )  # fmt: skip
    _dress(axes, "steps taken")
    axes.legend(fontsize=12, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), labelcolor=INK)


def draw_totals(axes: Axes, curves: Mapping[str, Sequence[Step]], colors: Mapping[str, str], across: str) -> None:
    """Draw the total of several runs; of sizes before the last one, pale and dashed."""
    for name, taken in curves.items():
        stages = _stages(taken)
        for part in stages:
            fine = part is stages[-1]
            axes.plot(
                [point.seconds if across == "seconds" else point.step for point in part],
                [point.total for point in part],
                color=colors[name],
                linewidth=2.5 if fine else 1.6,
                linestyle="-" if fine else (0, (4, 2)),
                alpha=1.0 if fine else 0.5,
                label=name if fine else None,
            )
    _dress(axes, across)


def _dress(axes: Axes, across: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.set_xlim(left=0)
    low, high = axes.get_ylim()
    # A range of few powers of ten needs values between them.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    decorate(axes, "", across)
    axes.set_ylabel("weighted loss", fontsize=12, color=GREY)
    axes.xaxis.label.set_fontsize(12)
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def _size(part: Sequence[Step]) -> str:
    height, width = part[0].size
    return f"{width}\N{MULTIPLICATION SIGN}{height}"
