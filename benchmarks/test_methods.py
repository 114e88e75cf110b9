"""Whole pictures: every registered method, feed-forward in one pass or a full descent with its trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import floor, pictures
from benchmarks.brief import brief, supported
from benchmarks.cases import Case, is_iterative
from benchmarks.harness import Bench, Beside
from benchmarks.networks import networks
from benchmarks.plan import LITE
from benchmarks.precision import under
from benchmarks.reference import TextbookAdaIN, TextbookGatys
from benchmarks.trace import Snapshots, trace
from styletransfer.images import SMALLEST_SIDE
from styletransfer.methods import METHODS
from styletransfer.methods.feedforward.adain import AdaINStylizer
from styletransfer.methods.gatys.stylizer import GatysStylizer
from styletransfer.stylizer import Stylizer

#: Steps of the textbook's loop that stand for a whole run of it.
_TEXTBOOK_STEPS = 3
#: Pixels of the picture on which a descent warms up.
_WARM_UP = "32"


@pytest.mark.matrix("pictures")
def test_picture(bench: Bench, case: Case) -> None:
    nets = networks(case.extractor, case.device)
    bench.skip_if_too_large(nets.extractor)
    # Its own losses are not part of a method's work.
    stylizer = nets.stylizer(case.subject, supported(case.subject, {"measure": False}))
    content, style = (draw(case.size).to(case.device) for draw in (pictures.content, pictures.style))
    given: Any = style
    if case.variant == "style cached":
        assert isinstance(stylizer, AdaINStylizer)
        given = stylizer.encode_style(style)
    textbook = TextbookAdaIN(nets.extractor, nets.decoder)

    def work() -> Tensor:
        with under(case.device, case.precision):
            return stylizer.stylize(content, given).image

    operations = None
    if isinstance(stylizer, AdaINStylizer):
        encoded = None if case.variant == "style cached" else (style.shape[2], style.shape[3])
        operations = floor.adain(nets.extractor, nets.decoder.spec, bench.size, encoded)
    same_work = isinstance(stylizer, AdaINStylizer) and case.variant == "style given" and case.precision == "fp32"
    image = bench.run(
        work,
        weights=nets.weights,
        beside=Beside(work=lambda: textbook(content, style), name="textbook AdaIN", same_work=same_work),
        operations=operations,
        picture=lambda image: image,
        difference=_difference(work, textbook, content, style) if same_work else None,
    )
    assert image.shape == content.shape
    assert image.dtype == (torch.float32 if case.precision == "fp32" else torch.bfloat16)


def _difference(work: Callable[[], Tensor], textbook: TextbookAdaIN, content: Tensor, style: Tensor) -> float:
    """Return the largest difference from the textbook's picture, where both are to be the same."""
    return float((work() - textbook(content, style)).abs().max())


@pytest.mark.matrix("runs")
def test_run(bench: Bench, case: Case) -> None:
    nets = networks(LITE, case.device)
    options = {} if bench.plan.measuring else brief(case.subject)
    stylizer = nets.stylizer(case.subject, options)
    content, style = (draw(case.size).to(case.device) for draw in (pictures.content, pictures.style))
    snapshots = Snapshots()

    def work() -> Any:
        nonlocal snapshots
        snapshots = Snapshots()
        return stylizer.stylize(content, style, on_step=snapshots)

    def warm_up() -> None:
        small = [draw(_WARM_UP).to(case.device) for draw in (pictures.content, pictures.style)]
        assert min(small[0].shape[2:]) >= SMALLEST_SIDE
        nets.stylizer(case.subject, brief(case.subject)).stylize(*small)

    textbook = TextbookGatys(nets.extractor, content, style)

    def textbook_steps() -> None:
        for _ in range(_TEXTBOOK_STEPS):
            textbook.step()

    steps, operations = _schedule(stylizer, bench.size)
    result = bench.run(
        work,
        weights=nets.weights,
        beside=Beside(
            work=textbook_steps,
            name=f"as many steps of textbook Gatys at full size, reckoned from {_TEXTBOOK_STEPS}",
            same_work=False,
            scale=steps / _TEXTBOOK_STEPS,
        ),
        operations=operations,
        picture=lambda result: result.image,
        rounds=1,
        warm_up=warm_up,
        weigh=False,
    )
    bench.benchmark.extra_info.update(
        losses=dict(result.losses),
        steps=len(result.history),
        stopped=result.stopped,
        trace=trace(stylizer, snapshots, result, content.cpu(), style.cpu(), _feed_forward(nets, content, style)),
    )


def _feed_forward(nets: Any, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    return {
        method: nets.stylizer(method, {}).stylize(content, style).image.cpu()
        for method in METHODS
        if not is_iterative(method)
    }


def _schedule(stylizer: Stylizer, size: tuple[int, int]) -> tuple[int, int | None]:
    """Return how many steps are planned, and their operations where they can be counted."""
    if not isinstance(stylizer, GatysStylizer):
        return int(stylizer.config.steps), None
    steps, operations = 0, 0
    for scale, count in stylizer.config.schedule:
        smaller = (round(size[0] * scale), round(size[1] * scale))
        steps += count
        operations += count * floor.gatys_step(stylizer.extractor, stylizer.config.style_layers, smaller)
    return steps, operations
