"""An option tried at several values: the pictures with their figures, and what each costs in content."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from styletransfer.errors import OptionError
from styletransfer.judging.evaluation import FIGURES, Evaluation
from styletransfer.plotting.palette import COLORS, GREY, INK, RULE
from styletransfer.plotting.parts import DPI, SIDE, decorate, seconds_text, show, value_text
from styletransfer.stylization import Stylization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of the lines under a picture, and of the options' names at the sides.
_LINES, _NAMES = 0.75, 0.9
#: Inches that the line under all pictures takes, and letters that fit above one.
_NARROWEST, _LONGEST = 5.0, 20
#: What stands under the pictures.
_OWN = "Losses of each run, times their weights."
_JUDGED = "Style ratio 1: no style taken, 0: all. Content 0: untouched."


def sweep(
    runs: Mapping[Any, Stylization],
    option: str,
    *,
    rows: str | None = None,
    judged: Mapping[Any, Evaluation] | None = None,
) -> Figure:
    """Show the results of an option's values in a row, or of two options' in a grid, with seconds and losses.

    Args:
        runs: By value of the option; with `rows`, by ``(value of rows, value of option)``. Pairs may be missing.
        option: Name of the option whose values stand side by side.
        rows: Name of a second option, whose values stand below each other.
        judged: What a judge says of each run, by the same keys: its figures are shown in place of the run's own
            losses, which contain their weights and so do not compare where a weight is varied.

    Raises:
        OptionError: No run, keys that are no pairs, a run without its judgement.

    Example:
        >>> import styletransfer as st
        >>> photo = st.samples.draw("valley", long_edge=48)
        >>> runs = {a: st.stylize(photo, "mosaic", strength=a, long_edge=48) for a in (0.5, 1.0)}
        >>> [axes.get_title(loc="left") for axes in sweep(runs, "strength").axes]
        ['strength 0.5', 'strength 1']
    """
    from matplotlib.figure import Figure

    places = _places(runs, rows)
    for key in runs:
        if judged is not None and key not in judged:
            raise OptionError(f"The run of {option} {value_text(key)} was not judged; judge all of them, or none.")
    down = list(dict.fromkeys(row for row, _ in places.values()))
    across = list(dict.fromkeys(column for _, column in places.values()))
    height, width = next(iter(runs.values())).image.shape[2:]
    wide = max(len(across) * SIDE, _NARROWEST) + (_NAMES if rows else 0)
    size = (wide, len(down) * (SIDE * height / width + _LINES) + 0.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(len(down), len(across))
    headings = {value: f"{option} {value_text(value)}" for value in across}
    if max(map(len, headings.values())) > _LONGEST:
        headings = {value: f"{option}\n{value_text(value)}" for value in across}
    for key, (row, column) in places.items():
        axes = figure.add_subplot(grid[down.index(row), across.index(column)])
        show(axes, runs[key].image, headings[column] if row == down[0] else "", size=13)
        figures = _losses(runs[key]) if judged is None else _judgement(judged[key])
        axes.set_xlabel("\n".join([*figures, seconds_text(runs[key].seconds)]), fontsize=11, color=INK, loc="left")
        if rows and column == across[0]:
            label = f"{rows}\n{value_text(row)}"
            axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=13, fontweight="bold", color=INK)
    figure.supxlabel(_OWN if judged is None else _JUDGED, fontsize=11, color=GREY, x=0.004, ha="left")
    return figure


def trade_off(
    lines: Mapping[str, Mapping[Any, Evaluation]], *, title: str = "Style taken for content given up"
) -> Figure:
    """Draw how much content the values of an option give up for how much style: one line of points for each name.

    Points are joined in the order given. A setting is better than another one below and left of it.

    Args:
        lines: By name, such as an option or a method: what a judge says, by value. All are of the same pictures
            and the same judge.
        title: Above the curves.

    Raises:
        OptionError: No point.

    Example:
        >>> import styletransfer as st
        >>> photo, style = (st.samples.draw(name, long_edge=48) for name in ("valley", "mosaic"))
        >>> runs = {a: st.stylize(photo, style, strength=a) for a in (0.5, 1.0)}
        >>> judged = {a: st.evaluate(run, photo, style, judge="vgg19-lite-1") for a, run in runs.items()}
        >>> [text.get_text() for text in trade_off({"strength": judged}).axes[0].texts]
        ['0.5', '1', 'better']
    """
    from matplotlib.figure import Figure

    empty = [name for name, judged in lines.items() if not judged]
    if empty or not lines:
        raise OptionError(f"There is no evaluation to draw{f' for {empty[0]!r}' if empty else ''}.")
    figure = Figure(figsize=(8, 5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    middle = fmean(e.content + e.style_ratio for judged in lines.values() for e in judged.values())
    for (name, judged), color in zip(lines.items(), itertools.cycle(COLORS), strict=False):
        points = [(evaluation.content, evaluation.style_ratio) for evaluation in judged.values()]
        axes.plot(*zip(*points, strict=True), "o-", color=color, linewidth=2.5, markersize=9, label=name)
        # Values stand on the side that is turned away from the other lines.
        outside = len(lines) == 1 or fmean(map(sum, points)) > middle
        place, align = ((7, 7), "left") if outside else ((-7, -16), "right")
        for value, point in zip(judged, points, strict=True):
            axes.annotate(
                value_text(value), point, place, textcoords="offset points", ha=align, fontsize=13, color=color
            )  # fmt: skip
    _orient(axes, title)
    return figure


def _orient(axes: Axes, heading: str) -> None:
    """Say what the axes mean, and which corner is wanted."""
    decorate(axes, heading, "content given up (0: untouched)")
    axes.set_ylabel("style ratio (0: all of the style taken)", fontsize=13, color=GREY)
    axes.xaxis.label.set_fontsize(13)
    axes.tick_params(labelsize=12)
    axes.margins(0.12)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(color=RULE, linewidth=0.6)
    arrow = {"arrowstyle": "->", "color": GREY, "linewidth": 2}
    axes.annotate(
        "better", (0.02, 0.03), (0.12, 0.13), "axes fraction", fontsize=13, color=GREY, arrowprops=arrow
    )  # fmt: skip
    axes.legend(fontsize=13, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), labelcolor=INK)


def _places(runs: Mapping[Any, Stylization], rows: str | None) -> dict[Any, tuple[Hashable, Hashable]]:
    """Return the row and the column of each run, as values of the two options."""
    if not runs:
        raise OptionError("There is no run to show.")
    if rows is None:
        return {key: (None, key) for key in runs}
    for key in runs:
        if not isinstance(key, tuple) or len(key) != 2:
            raise OptionError(f"With rows, each key is a pair (value of rows, value of option), got {key!r}.")
    return {key: key for key in runs}


def _judgement(evaluation: Evaluation) -> list[str]:
    return [f"style ratio {evaluation.style_ratio:.2f}", f"{FIGURES['content'].title} {evaluation.content:.2f}"]


def _losses(run: Stylization) -> list[str]:
    """Return a run's own weighted terms, two in a line."""
    terms = [f"{name} {value:.2g}" for name, value in run.losses.items() if name != "total"]
    return [", ".join(pair) for pair in (terms[n : n + 2] for n in range(0, len(terms), 2))]
