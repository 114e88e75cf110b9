"""Curves of losses, starts side by side, and the moving descent."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from styletransfer.errors import OptionError
from styletransfer.filming import Film
from styletransfer.plotting import COLORS, animate, descents, loss_histories, loss_terms
from styletransfer.stylizer import Step, Stylization

SIZE = (24, 32)


def run(
    film: Film | None = None, *, steps: int = 8, start: float = 8.0, batch: int = 1, sizes: int = 1
) -> Stylization:
    """Go from black to white; the loss halves with each step, and a palette term is too small to be drawn."""
    history = []
    for number in range(1, steps + 1):
        style = start / 2 ** (number - 1)
        size = SIZE if number > steps // 2 or sizes == 1 else (12, 16)
        losses = {"content": number - 1.0, "style": style, "color": 1e-9, "total": style + number - 1}
        step = Step(step=number, steps=steps, seconds=0.1 * number, losses=losses, size=size)
        history.append(step)
        if film is not None:
            film(dataclasses.replace(step, image=torch.full((1, 3, *size), (number - 1) / steps)))
    return Stylization(
        image=torch.ones(batch, 3, *SIZE),
        method="made-up",
        extractor="vgg19-lite",
        losses={"content": float(steps), "style": 0.03, "color": 0.0, "total": steps + 0.03},
        history=history,
        seconds=1.0,
        config=None,
    )


def films(*names: str, every: int = 1) -> dict[str, Film]:
    return {name: Film(SIZE, every=every) for name in names}


class TestLossTerms:
    def test_a_loss_belongs_to_the_picture_it_was_measured_of(self) -> None:
        total, content, style = loss_terms(run()).axes[0].get_lines()
        assert list(total.get_xdata()) == [*range(9)]  # from the start to the result
        assert list(style.get_ydata())[:3] == [8, 4, 2]
        assert list(content.get_ydata())[-1] == 8
        assert content.get_color() == COLORS[0]

    def test_lines_are_listed_as_they_end_and_faint_ones_are_left_out(self) -> None:
        axes = loss_terms(run()).axes[0]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["total", "content", "style"]
        assert axes.get_yscale() == "log"
        assert axes.get_xlabel() == "steps taken"

    def test_a_change_of_size_is_marked(self) -> None:
        axes = loss_terms(run(sizes=2)).axes[0]
        assert [text.get_text().strip() for text in axes.texts] == [
            "16\N{MULTIPLICATION SIGN}12",
            "32\N{MULTIPLICATION SIGN}24",
        ]
        assert [list(line.get_xdata()) for line in axes.get_lines()][-1] == [4, 4]

    def test_the_title_says_whose_they_are(self) -> None:
        assert loss_terms(run()).axes[0].get_title(loc="left") == "made-up: each term of the loss"
        assert loss_terms(run().history).axes[0].get_title(loc="left") == "each term of the loss"
        assert loss_terms(run(), title="Mine").axes[0].get_title(loc="left") == "Mine"

    def test_title_and_sizes_do_not_overlap(self) -> None:
        figure = loss_terms(run(sizes=2))
        figure.draw_without_rendering()
        (axes,) = figure.axes
        heading = axes._left_title.get_window_extent()  # type: ignore[attr-defined]
        assert heading.y1 <= figure.bbox.height
        assert not any(heading.overlaps(text.get_window_extent()) for text in axes.texts)

    def test_a_run_that_goes_on_is_drawn_by_its_steps_so_far(self) -> None:
        total, *_ = loss_terms(run().history[:3]).axes[0].get_lines()
        assert list(total.get_xdata()) == [0, 1, 2]

    def test_runs_without_a_curve_are_refused(self) -> None:
        with pytest.raises(
            OptionError, match="no curve of its losses: it was told not to measure them, or has fewer"
        ):
            loss_terms(run(steps=1))
        with pytest.raises(OptionError, match="Curves are of one picture, got a run of 2; run them one by one"):
            loss_terms(run(batch=2))


class TestLossHistories:
    def test_each_is_a_line_from_the_start_on(self) -> None:
        axes = loss_histories({"calm": [8.0, 4.0, 2.0], "wild": [8.0, 16.0]}, title="Two rates").axes[0]
        calm, wild = axes.get_lines()
        assert (list(calm.get_xdata()), list(calm.get_ydata())) == ([0, 1, 2], [8, 4, 2])
        assert [calm.get_color(), wild.get_color()] == list(COLORS[:2])
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["calm", "wild"]
        assert axes.get_title(loc="left") == "Two rates"
        assert axes.get_ylim() == (1, 32)

    def test_what_diverges_leaves_the_figure_and_the_others_stay_visible(self) -> None:
        figure = loss_histories({"calm": [8.0, 4.0], "wild": [8.0, 1e9, 1e31, float("inf"), float("nan")]})
        figure.draw_without_rendering()
        axes = figure.axes[0]
        assert axes.get_ylim() == (2, 8000)
        highest = list(axes.get_lines()[1].get_ydata())
        assert highest[1] > 8000
        assert [math.isnan(value) for value in highest] == [False, False, False, True, True]

    def test_long_ones_have_no_marks(self) -> None:
        axes = loss_histories({"short": [1.0] * 30, "long": [1.0] * 31}).axes[0]
        assert [line.get_marker() for line in axes.get_lines()] == ["o", ""]

    def test_bad_requests_are_refused(self) -> None:
        with pytest.raises(OptionError, match=r"There is no loss to draw\."):
            loss_histories({})
        with pytest.raises(OptionError, match="There is no loss to draw for 'wild'"):
            loss_histories({"calm": [1.0], "wild": []})
        for first in (float("nan"), float("inf"), 0.0):
            with pytest.raises(
                OptionError, match=f"The first loss of 'a' must be a finite number above 0, got {first}"
            ):
                loss_histories({"a": [first, 1.0]})


class TestDescents:
    def figure(self, after: tuple[int, ...] | None = None) -> Figure:
        kept = films("content", "noise")
        return descents({name: run(film) for name, film in kept.items()}, kept, after=after)

    def test_each_run_is_a_row_of_pictures_and_a_line_in_both_plots(self) -> None:
        axes = self.figure(after=(0, 1, 4)).axes
        assert [each.get_title(loc="left") for each in axes[:4]] == [
            "start", "after 1 step", "after 4 steps", "result",
        ]  # fmt: skip
        assert [axes[0].get_ylabel(), axes[4].get_ylabel()] == ["content", "noise"]
        over_steps, over_seconds = axes[8:]
        assert [over_steps.get_xlabel(), over_seconds.get_xlabel()] == ["steps taken", "seconds"]
        for plot in (over_steps, over_seconds):
            assert [line.get_color() for line in plot.get_lines()] == list(COLORS[:2])
        assert list(over_seconds.get_lines()[0].get_xdata())[:2] == pytest.approx([0, 0.1])
        assert list(over_steps.get_lines()[0].get_ydata())[:2] == [8, 5]

    def test_pictures_are_those_after_so_many_steps(self) -> None:
        shades = [axes.images[0].get_array()[0, 0, 0] for axes in self.figure(after=(0, 4)).axes[:3]]
        assert shades == pytest.approx([0, 128, 255], abs=1)

    def test_early_pictures_are_chosen(self) -> None:
        assert [axes.get_title(loc="left") for axes in self.figure().axes[:4]] == [
            "start", "after 1 step", "after 3 steps", "result",
        ]  # fmt: skip

    def test_bad_requests_are_refused(self) -> None:
        kept = films("content", "noise")
        runs = {name: run(film) for name, film in kept.items()}
        with pytest.raises(OptionError, match="There is no run to show"):
            descents({}, {})
        with pytest.raises(OptionError, match="Run 'noise' has no film; films has: content"):
            descents(runs, {"content": kept["content"]})
        with pytest.raises(OptionError, match=r"No picture after 9 steps is in all films.*choice of 0, 1, 2, 3"):
            descents(runs, kept, after=(9,))
        with pytest.raises(OptionError, match="films have no step in common; film all runs with the same every"):
            descents(runs, {**kept, "noise": Film(SIZE, every=9)})


class TestAnimation:
    def test_the_mark_follows_the_picture(self) -> None:
        film = Film(SIZE, every=2)
        frames = animate(run(film), film).frames
        assert len(frames) == 5
        assert len({frame.size for frame in frames}) == 1
        width, height = frames[0].size
        shades = [frame.getpixel((width // 8, height // 2)) for frame in frames]
        assert shades == sorted(shades)
        assert shades[-1] == (255, 255, 255)
        curves = [frame.crop((width // 2, 0, width, height)).tobytes() for frame in frames]
        assert len(set(curves)) == 5

    def test_the_mark_takes_no_room_from_the_picture(self) -> None:
        film = Film(SIZE, every=8)
        frame = animate(run(film), film).frames[0].convert("L")
        shade = round(255 * 7 / 8)  # of the picture that step 8 begins with
        assert frame.histogram()[shade] > 0.2 * frame.width * frame.height

    def test_is_saved_and_shown_without_scripts(self, tmp_path: Path) -> None:
        film = Film(SIZE, every=4)
        moving = animate(run(film), film, milliseconds=200)
        with Image.open(moving.save(tmp_path / "descent.webp")) as movie:
            assert movie.n_frames == 3  # type: ignore[attr-defined]
            movie.seek(1)
            movie.load()
            assert movie.info["duration"] == 200
        page = moving._repr_html_()
        assert page.startswith('<img src="data:image/webp;base64,')
        assert "script" not in page

    def test_bad_requests_are_refused(self) -> None:
        result = run()
        with pytest.raises(OptionError, match="The film has no picture; film with animate=True and more often"):
            animate(result, Film(SIZE, every=1, animate=False))
        film = Film(SIZE, every=1)
        run(film, steps=20)
        with pytest.raises(OptionError, match="a picture of step 20, but the run has 8 steps; give its own film"):
            animate(result, film)
        own = Film(SIZE, every=4)
        with pytest.raises(OptionError, match="milliseconds must be a whole number of at least 1, got 0"):
            animate(run(own), own, milliseconds=0)
