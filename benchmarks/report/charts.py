"""The page's charts, as SVG whose colours follow the reader's choice of light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.plan import LITE
from benchmarks.report import words
from benchmarks.report.facts import feed_forward_row
from benchmarks.results_file import Row
from styletransfer.methods import METHODS

#: Stand-ins that no other colour equals; the page's variables take their places.
_INK, _GREY, _RULE = "#010203", "#040506", "#070809"
_SERIES = tuple(f"#0a0b{i:02x}" for i in range(6))
_MARKERS = "osD^vP"
#: Stand-in -> the page's variable.
_VARIABLES = {_INK: "--ink", _GREY: "--grey", _RULE: "--rule"} | {
    color: f"--series-{i}" for i, color in enumerate(_SERIES)
}


def speed_and_quality(rows: Sequence[Row]) -> str:
    """Draw style ratio against seconds, a line a method."""
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        network = row.case["extractor"]
        series.setdefault((words.label(row), network), []).append(row)

    def draw(axes: Any) -> None:
        for (label, network), own in series.items():
            own = sorted(own, key=lambda row: words.order(row.case["size"]))
            x = [row.seconds for row in own]
            y = [row.info["judge"]["style_ratio"] for row in own]
            axes.plot(x, y, **_look(label, network), label=label if network == LITE else f"{label}, {network}")
            for row, a, b in zip(own, x, y, strict=True):
                axes.annotate(
                    row.case["size"], (a, b), textcoords="offset points", xytext=(6, 6), fontsize=9, color=_GREY
                )
        _logarithmic(axes, "x")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds a picture")
        axes.set_ylabel("style ratio (lower: more style)")

    return _svg(draw, "Style ratio against seconds, by method and size")


def loss_over_seconds(run: Row, pictures: Sequence[Row]) -> str:
    """Draw a descent's loss over seconds, and feed-forward methods as points."""
    trace = run.info["trace"]
    method = words.name(run.case["subject"])
    term = "objective" if trace["snapshots"][0]["objective"] is not None else "style_ratio"

    def draw(axes: Any) -> None:
        axes.plot(
            [snapshot["seconds"] for snapshot in trace["snapshots"]],
            [snapshot[term] for snapshot in trace["snapshots"]],
            **_look(words.label(run)),
            label=method,
        )
        for other, values in trace["others"].items():
            row = feed_forward_row(other, run, pictures)
            if row is not None:
                look = _look(words.label(row)) | {"linestyle": "", "markersize": 9}
                axes.axhline(values[term], color=look["color"], linewidth=1, linestyle=(0, (1, 2)))
                name = f"{words.name(other)}, {words.seconds(row.seconds)}"
                axes.plot([row.seconds], [values[term]], **look, label=name)
        _logarithmic(axes, "x")
        _logarithmic(axes, "y")
        axes.set_title(f"{run.case['size']} px", loc="left", fontsize=12, color=_INK)
        axes.set_xlabel("seconds")
        axes.set_ylabel(f"{method}: loss at full size" if term == "objective" else "style ratio")

    return _svg(draw, f"{method}: loss over seconds at {run.case['size']} pixels", height=3.6)


def against_pixels(series: Mapping[tuple[str, str], Sequence[tuple[int, float]]], what: str, unit: str) -> str:
    """Draw ``{(label, network): [(pixels, value)]}``."""

    def draw(axes: Any) -> None:
        for (label, network), points in series.items():
            x, y = zip(*sorted(points), strict=True)
            axes.plot(x, y, **_look(label, network), label=f"{label}, {network}")
        _logarithmic(axes, "x")
        _logarithmic(axes, "y")
        numbers = sorted({x for points in series.values() for x, _ in points})
        axes.set_xticks(numbers, [f"{round(n**0.5)}\N{SUPERSCRIPT TWO}" for n in numbers])
        axes.set_xlabel("pixels")
        axes.set_ylabel(unit)

    return _svg(draw, f"{what} against the number of pixels", below=True)


def _known() -> list[str]:
    """Return the labels that have the same colour in every chart; others take those that are left."""
    variants = [("full run", "style given"), ("default", "style cached"), ("as the textbook",)]
    return [
        f"{words.name(method)}, {pair[0 if declared.iterative else -1]}"
        for pair in variants
        for method, declared in METHODS.items()
        if declared.iterative or len(pair) > 1
    ]


def _look(label: str, network: str = LITE) -> dict[str, Any]:
    """Return colour and marker of a series, dashed on other networks: colour is never the only difference."""
    known = _known()
    label = label.removesuffix(", one step")
    place = (known.index(label) if label in known else len(known)) % len(_SERIES)
    return {
        "color": _SERIES[place],
        "marker": _MARKERS[place],
        "markersize": 5,
        "linewidth": 1.8,
        "linestyle": "-" if network == LITE else (0, (4, 2)),
    }


def _logarithmic(axes: Any, which: str) -> None:
    """Make an axis logarithmic, with plain numbers at its marks."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _svg(draw: Callable[[Any], None], title: str, *, below: bool = False, height: float = 4.0) -> str:
    """Draw a chart; the legend stands below it where there are many names, and long ones."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,  # the same chart gets the same ids, another one others
        "font.size": 11,
        "text.color": _INK,
        "axes.labelcolor": _GREY,
        "axes.edgecolor": _RULE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _GREY,
        "ytick.color": _GREY,
        "grid.color": _RULE,
        "grid.linewidth": 0.6,
        "axes.grid": True,
        "axes.axisbelow": True,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(9.6, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        if below:
            figure.set_size_inches(9.6, height + 1.4)
            figure.legend(loc="outside lower left", ncols=2, fontsize=10, handlelength=3.5, framealpha=0)
        else:
            axes.legend(loc="best", fontsize=10, framealpha=0)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _themed(written.getvalue(), title)


def _themed(svg: str, title: str) -> str:
    """Cut the XML head, let the chart fill its column, and hand colours and fonts over to the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([^;\"]*?px) [^;\"]+", r"font: \1 system-ui, sans-serif", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg
