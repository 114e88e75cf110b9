"""Runs of many steps: starts side by side, and a descent that moves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from styletransfer import images
from styletransfer.errors import OptionError
from styletransfer.filming import Animation, Film
from styletransfer.plotting.curves import draw_terms, draw_totals, points
from styletransfer.plotting.palette import COLORS, INK
from styletransfer.plotting.parts import DPI, show
from styletransfer.stylization import Stylization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: How many pictures of each run are shown where nothing is said, before its result.
_PICTURES = 3
#: Inches: a picture of several runs, the curves beside them, and the height of an animation.
_PICTURE, _CURVES, _MOVING = 1.9, 5.2, 3.8


def descents(
    runs: Mapping[str, Stylization], films: Mapping[str, Film], *, after: Sequence[int] | None = None
) -> Figure:
    """Compare runs that minimise the same loss, such as several starts: their pictures, loss over steps and time.

    Args:
        runs: By name, each of one picture; one row each.
        films: By the same names, what was filmed of each.
        after: How many steps are behind the pictures that are shown before the result, 0 for the start; by default
            three that all films have, closer together at the beginning, where most happens.

    Raises:
        OptionError: No run, a run without film or losses, a picture that was not filmed.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> photo = st.load_image(samples.draw("valley", long_edge=32))
        >>> films = {init: Film(photo.shape[2:], every=1) for init in ("content", "noise")}
        >>> settings = {"method": "gatys", "steps": 4, "scales": (1.0,), "device": "cpu"}
        >>> runs = {k: st.stylize(photo, "mosaic", init=k, on_step=film, **settings) for k, film in films.items()}
        >>> figure = descents(runs, films, after=(0, 2))
        >>> [axes.get_title(loc="left") for axes in figure.axes[:3]]
        ['start', 'after 2 steps', 'result']
    """
    from matplotlib.figure import Figure

    shown = _shown(runs, films, after)
    curves = {name: points(run) for name, run in runs.items()}
    height, width = next(iter(runs.values())).image.shape[2:]
    tall = min(_PICTURE * height / width, 2 * _PICTURE)
    columns = len(shown) + 1
    wide = tall * width / height * columns + 1
    figure = Figure(
        figsize=(wide + _CURVES, max(len(runs) * (tall + 0.1) + 0.4, 5)), dpi=DPI, layout="constrained"
    )
    halves = figure.add_gridspec(1, 2, width_ratios=[wide, _CURVES])
    rows = halves[0].subgridspec(len(runs), columns)
    colors = dict(zip(runs, itertools.cycle(COLORS), strict=False))
    for row, (name, run) in enumerate(runs.items()):
        pictures = {_after(number): _pictures(films[name])[number] for number in shown} | {"result": run.image}
        for column, (heading, picture) in enumerate(pictures.items()):
            axes = figure.add_subplot(rows[row, column])
            show(axes, picture, "" if row else heading, size=12)
            if not column:
                axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=13, fontweight="bold")
                axes.yaxis.label.set_color(colors[name])
    plots = halves[1].subgridspec(2, 1)
    over_steps = figure.add_subplot(plots[0])
    draw_totals(over_steps, curves, colors, "steps taken")
    over_steps.legend(fontsize=12, frameon=False, labelcolor=INK)
    draw_totals(figure.add_subplot(plots[1]), curves, colors, "seconds")
    return figure


def animate(run: Stylization, film: Film, *, milliseconds: int = 80) -> Animation:
    """Show a descent as a moving picture, with the curve of each loss term and where on it the picture is.

    `Film.animation` is the same without the curve.

    Args:
        run: Of one picture.
        film: What was filmed of it; each picture is a frame, and the result is the last one.
        milliseconds: How long a frame is shown.

    Returns:
        What a notebook shows, and ``.save(path)`` writes as .webp, .gif or .png.

    Raises:
        OptionError: A run without losses, or a film without pictures.

    Example:
        >>> import styletransfer as st
        >>> from styletransfer import samples
        >>> photo = st.load_image(samples.draw("valley", long_edge=32))
        >>> film = Film(photo.shape[2:], every=2)
        >>> settings = {"method": "gatys", "steps": 4, "scales": (1.0,), "device": "cpu"}
        >>> len(animate(st.stylize(photo, "mosaic", on_step=film, **settings), film).frames)
        3
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    totals = {point.step: point.total for point in points(run)}
    pictures = _pictures(film)
    if not pictures:
        raise OptionError(
            f"The film has no picture; film with animate=True and more often than every {film.every} steps."
        )
    if not pictures.keys() <= totals.keys():
        raise OptionError(
            f"The film has a picture of step {film.steps[-1]}, but the run has {max(totals)} steps; "
            "give its own film."
        )
    figure, picture, curve = _stage(run)
    canvas: Any = FigureCanvasAgg(figure)
    heading = picture.text(0, 1.03, "", transform=picture.transAxes, fontsize=14, fontweight="bold", color=INK)
    (mark,) = curve.plot([], [], "o", markersize=11, color=INK, markeredgecolor="white", clip_on=False)
    # Only these are drawn for each frame; everything else stays.
    shown: Any = picture.images[0]
    moving = (shown, heading, mark)
    for artist in moving:
        artist.set_animated(True)
        artist.set_in_layout(False)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    frames = []
    pictures[max(totals)] = images.to_pil(run.image)
    for number, frame in pictures.items():
        shown.set_data(frame)
        heading.set_text(_after(number))
        mark.set_data([number], [totals[number]])
        canvas.restore_region(still)
        for artist in moving:
            figure.draw_artist(artist)
        frames.append(Image.frombytes("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB"))
    return Animation(frames=frames, milliseconds=milliseconds, title="the picture and its loss after each step")


def _stage(run: Stylization) -> tuple[Figure, Axes, Axes]:
    """Return a figure with the run's picture and, beside it, the curves of its loss."""
    from matplotlib.figure import Figure

    height, width = run.image.shape[2:]
    wide = min(_MOVING * width / height, 2 * _MOVING)
    figure = Figure(figsize=(wide + 5.5, _MOVING + 0.4), dpi=DPI, layout="constrained")
    picture, curve = figure.subplots(1, 2, width_ratios=[wide, 5.5])
    show(picture, run.image, " ")
    draw_terms(curve, run)
    return figure, picture, curve


def _after(number: int) -> str:
    return f"after {number} step{'s' * (number > 1)}" if number else "start"


def _pictures(film: Film) -> dict[int, Image.Image]:
    """Return a film's pictures by the steps behind them: that of a step is the one that it began with."""
    return {step - 1: picture for step, picture in film.frames.items()}


def _shown(
    runs: Mapping[str, Stylization], films: Mapping[str, Film], after: Sequence[int] | None
) -> tuple[int, ...]:
    """Return which pictures are shown, of those that all films have."""
    if not runs:
        raise OptionError("There is no run to show.")
    missing = [name for name in runs if name not in films]
    if missing:
        raise OptionError(f"Run {missing[0]!r} has no film; films has: {', '.join(films) or 'none'}.")
    kept = [_pictures(films[name]) for name in runs]
    common = [number for number in kept[0] if all(number in other for other in kept)]
    if not common:
        raise OptionError("The films have no step in common; film all runs with the same every and animate=True.")
    if after is None:
        places = (round(len(common) ** (n / _PICTURES)) - 1 for n in range(_PICTURES))
        return tuple(dict.fromkeys(common[place] for place in places))
    for number in after:
        if number not in common:
            raise OptionError(
                f"No picture after {number} steps is in all films; after has the choice of {_listed(common)}."
            )
    return tuple(after)


def _listed(numbers: Sequence[int]) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:10], "...", shown[-1]])
