"""The figure: what stands in it, and that nothing global is touched."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch
from matplotlib.figure import Figure

from styletransfer.judging.evaluation import Evaluation
from styletransfer.judging.judges import JudgeLabel
from styletransfer.plotting import COLORS, comparison_figure, loss_curve
from styletransfer.stylizer import Step, Stylization


def judged(content: float, ratio: float) -> Evaluation:
    layers = {"relu1_1": ratio, "relu5_1": ratio}
    return Evaluation(
        moment=layers,
        gram=layers,
        color=0.1,
        content=content,
        ssim=0.5,
        edges=0.5,
        total_variation=0.1,
        judge=JudgeLabel("random", 2, "0" * 64),
        size=(30, 40),
    )


def steps(count: int = 6) -> list[Step]:
    return [
        Step(
            step=n,
            steps=count,
            seconds=0.1 * n,
            losses={"total": 10.0 / n},
            size=(15, 20) if n <= count // 2 else (30, 40),
        )
        for n in range(1, count + 1)
    ]


def run(method: str, seconds: float, history: list[Step], size: tuple[int, int] = (30, 40)) -> Stylization:
    return Stylization(
        image=torch.rand(1, 3, *size),
        method=method,
        extractor="vgg19-lite",
        losses={"total": 1.0},
        history=history,
        seconds=seconds,
        config=None,
    )


def figure(size: tuple[int, int] = (30, 40), methods: tuple[str, ...] = ("gatys", "adain")) -> Figure:
    results = {method: run(method, 12.0 if method == "gatys" else 0.25, steps(), size) for method in methods}
    evaluations = {method: judged(0.5, 0.125) for method in methods}
    losses = {method: {"gatys": 3.0} if "gatys" in methods else {} for method in methods}
    content, style = torch.rand(1, 3, *size), torch.rand(1, 3, 20, 20)
    return comparison_figure(content, style, results, evaluations, losses, caption="the conditions")


def test_holds_inputs_results_bars_and_curve() -> None:
    axes = figure().axes
    titles = [each.get_title(loc="left") for each in axes]
    assert titles[:4] == ["Content", "Style", "Gatys", "AdaIN"]
    assert titles[4:6] == ["Content", "Style ratio"]
    assert titles[6] == "Gatys: loss over time"
    assert axes[2].get_xlabel().startswith("12 s")
    assert "style ratio 0.12" in axes[3].get_xlabel()
    assert "content 0.50" in axes[3].get_xlabel()


def test_bars_show_the_judge_s_numbers() -> None:
    bars = figure().axes[5]
    assert [patch.get_width() for patch in bars.patches] == [0.125, 0.125]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["Gatys", "AdaIN"]


def test_curve_is_pale_where_the_size_was_smaller_and_logarithmic() -> None:
    curve = figure().axes[6]
    coarse, fine, _, point = curve.get_lines()
    assert coarse.get_alpha() < fine.get_alpha() == 1
    assert list(fine.get_ydata()) == pytest.approx([10 / 4, 10 / 5, 10 / 6])
    assert list(point.get_xdata()) == [0.25]
    assert list(point.get_ydata()) == [3.0]
    assert curve.get_yscale() == "log"


def test_a_run_at_one_size_has_one_line() -> None:
    axes = Figure().add_subplot()
    loss_curve(axes, "gatys", [dataclasses.replace(step, size=(30, 40)) for step in steps()])
    assert len(axes.get_lines()) == 1


@pytest.mark.parametrize("size", [(30, 40), (60, 30), (16, 120), (200, 16)])
@pytest.mark.parametrize("methods", [("gatys", "adain"), ("adain",), ("gatys", "adain", "third")])
def test_no_text_overlaps_at_any_shape(size: tuple[int, int], methods: tuple[str, ...]) -> None:
    drawing = figure(size, methods)
    drawing.draw_without_rendering()
    assert drawing.get_figwidth() * drawing.dpi == 1400
    texts = [drawing._supxlabel] if drawing._supxlabel else []  # type: ignore[attr-defined]
    for axes in drawing.axes:
        texts += [axes._left_title, axes.xaxis.label, *axes.texts]  # type: ignore[attr-defined]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    for index, (one, box) in enumerate(boxes):
        assert box.x0 >= 0, one
        assert box.x1 <= 1400, one
        for other, second in boxes[index + 1 :]:
            assert not box.overlaps(second), (one, other)


def test_every_method_that_minimises_has_its_curve() -> None:
    results = {method: run(method, 1.0, steps()) for method in ("gatys", "adain", "third")}
    losses = {method: {"gatys": 3.0, "third": 5.0} for method in results}
    content = torch.rand(1, 3, 30, 40)
    axes = comparison_figure(content, content, results, dict.fromkeys(results, judged(0.5, 0.5)), losses).axes
    assert [each.get_title(loc="left") for each in axes[-2:]] == ["Gatys: loss over time", "third: loss over time"]
    assert [list(line.get_ydata()) for line in axes[-1].get_lines()[2:]] == [[5.0, 5.0], [5.0]] * 2


def test_colours_are_distinct() -> None:
    assert len(set(COLORS)) == len(COLORS)


def test_importing_the_package_leaves_matplotlib_alone() -> None:
    code = "import sys, styletransfer.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
