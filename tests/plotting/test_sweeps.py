"""Sweeps over options, and the curve of content against style."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from styletransfer.errors import OptionError
from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judges import JudgeLabel
from styletransfer.plotting import COLORS, sweep, trade_off
from styletransfer.stylizer import Stylization


def run(seconds: float = 2.5) -> Stylization:
    return Stylization(
        image=torch.rand(1, 3, 30, 40),
        method="made-up",
        extractor="vgg19-lite",
        losses={"content": 0.5, "style": 0.25, "tv": 0.125, "total": 0.875},
        history=(),
        seconds=seconds,
        config=None,
    )


def judged(content: float, ratio: float) -> Evaluation:
    layers = {"relu1_1": ratio, "relu5_1": ratio}
    return Evaluation(
        moment=layers, gram=layers, color=0.1, content=content, ssim=0.5, edges=0.5, total_variation=0.1,
        judge=JudgeLabel("random", 2, "0" * 64), size=(30, 40),
    )  # fmt: skip


def titles(figure: Any) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


class TestSweep:
    def test_values_stand_above_seconds_and_losses_below(self) -> None:
        figure = sweep({0.5: run(2.5), 10.0: run(12.0)}, "style_weight")
        assert titles(figure) == ["style_weight 0.5", "style_weight 10"]
        assert figure.axes[0].get_xlabel() == "content 0.5, style 0.25\ntv 0.12\n2.50 s"
        assert figure.axes[1].get_xlabel().endswith("12 s")
        assert figure._supxlabel.get_text() == "Losses of each run, times their weights."  # type: ignore[attr-defined]

    def test_a_judge_s_figures_replace_weighted_losses(self) -> None:
        figure = sweep({1: run()}, "steps", judged={1: judged(0.5, 0.25)})
        assert figure.axes[0].get_xlabel() == "style ratio 0.25\ncontent 0.50\n2.50 s"
        assert "0: all" in figure._supxlabel.get_text()  # type: ignore[attr-defined]

    def test_two_options_are_a_grid(self) -> None:
        runs = {(tv, weight): run() for tv in (0.0, 5.0) for weight in (1, 8, 64)}
        figure = sweep(runs, "style_weight", rows="tv_weight")
        assert titles(figure) == ["style_weight 1", "style_weight 8", "style_weight 64", "", "", ""]
        assert [axes.get_ylabel() for axes in figure.axes] == ["tv_weight\n0", "", "", "tv_weight\n5", "", ""]

    def test_long_values_have_a_line_of_their_own(self) -> None:
        figure = sweep({("relu1_1",): run(), ("relu1_1", "relu4_1"): run()}, "style_layers")
        assert titles(figure) == ["style_layers\nrelu1_1", "style_layers\nrelu1_1, relu4_1"]

    def test_a_pair_that_was_not_tried_leaves_its_place_empty(self) -> None:
        figure = sweep({(0, "adam"): run(), (1, "lbfgs"): run()}, "optimizer", rows="seed")
        first, second = (axes.get_position() for axes in figure.axes)
        assert second.x0 > first.x0
        assert second.y0 < first.y0

    @pytest.mark.parametrize("count", [1, 3, 6])
    @pytest.mark.parametrize("judge", [False, True])
    def test_no_text_overlaps(self, count: int, judge: bool) -> None:
        runs = {float(value): run() for value in range(count)}
        figure = sweep(runs, "content_weight", judged=dict.fromkeys(runs, judged(1, 1)) if judge else None)
        figure.draw_without_rendering()
        texts = [figure._supxlabel]  # type: ignore[attr-defined]
        for axes in figure.axes:
            texts += [axes._left_title, axes.xaxis.label]  # type: ignore[attr-defined]
        boxes = [text.get_window_extent() for text in texts]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
        assert not [one for n, one in enumerate(boxes) for two in boxes[n + 1 :] if one.overlaps(two)]

    def test_bad_requests_are_refused(self) -> None:
        with pytest.raises(OptionError, match="There is no run to show"):
            sweep({}, "alpha")
        with pytest.raises(OptionError, match=r"each key is a pair \(value of rows, value of option\), got 0.5"):
            sweep({0.5: run()}, "alpha", rows="strength")
        with pytest.raises(OptionError, match="The run of alpha 1 was not judged; judge all of them, or none"):
            sweep({0.5: run(), 1.0: run()}, "alpha", judged={0.5: judged(0.5, 0.5)})


class TestTradeOff:
    def test_a_line_joins_the_values_of_an_option(self) -> None:
        figure = trade_off(
            {"alpha": {0.5: judged(0.2, 0.6), 1.0: judged(0.4, 0.3)}, "other": {"a": judged(1, 0.1)}}
        )
        (axes,) = figure.axes
        first, second = axes.get_lines()
        assert list(first.get_xdata()) == [0.2, 0.4]
        assert list(first.get_ydata()) == pytest.approx([0.6, 0.3])
        assert [first.get_color(), second.get_color()] == list(COLORS[:2])
        assert [text.get_text() for text in axes.texts] == ["0.5", "1", "a", "better"]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["alpha", "other"]
        assert axes.get_xlim()[0] == axes.get_ylim()[0] == 0

    def test_it_has_a_title(self) -> None:
        lines = {"alpha": {1: judged(0.2, 0.2)}}
        assert titles(trade_off(lines)) == ["Style taken for content given up"]
        assert titles(trade_off(lines, title="Two methods")) == ["Two methods"]

    def test_values_stand_away_from_the_other_lines(self) -> None:
        good, bad = {1: judged(0.2, 0.2)}, {2: judged(0.8, 0.8)}
        axes = trade_off({"good": good, "bad": bad}).axes[0]
        assert [text.get_ha() for text in axes.texts[:2]] == ["right", "left"]

    def test_nothing_to_draw_is_refused(self) -> None:
        with pytest.raises(OptionError, match=r"There is no evaluation to draw\."):
            trade_off({})
        with pytest.raises(OptionError, match="There is no evaluation to draw for 'alpha'"):
            trade_off({"alpha": {}})
