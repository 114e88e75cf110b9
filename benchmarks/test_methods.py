"""Every registered method: whole pictures, full descents with their trace, single steps, the first picture."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import cold, controls, floor, judge, pictures, textbook
from benchmarks.case import Case
from benchmarks.cases import part_options
from benchmarks.harness import Bench, Beside
from benchmarks.networks import Networks, networks
from benchmarks.plan import LITE
from benchmarks.stepper import Stepper
from benchmarks.trace import Snapshots, trace
from styletransfer.methods import METHODS

#: Steps of the textbook's loop that stand for a whole run of it.
_TEXTBOOK_STEPS = 3
#: Pixels of the picture on which a descent warms up.
_WARM_UP = "32"
#: One size only, and more steps than any benchmark takes.
_ENDLESS = {"scales": (1.0,), "steps": 1_000_000}
#: Steps of a descent beside which the cost of a control is seen.
_FEW = {"scales": (1.0,), "steps": 4}
#: The methods' option, by a case's precision.
_PRECISIONS: dict[str, dict[str, Any]] = {"fp32": {}, "bf16": {"precision": "bfloat16"}}


def _pair(case: Case) -> tuple[Tensor, Tensor]:
    return pictures.content(case.size).to(case.device), pictures.style(case.size).to(case.device)


@pytest.mark.matrix("pictures")
def test_picture(bench: Bench, case: Case) -> None:
    nets, book = networks(case.extractor, case.device), textbook.of(case.subject)
    bench.skip_if_too_large(nets.extractor)
    options, part = book.OPTIONS if book else {}, part_options(case)
    stylizer: Any = nets.stylizer(case.subject, {**options, **part, **_PRECISIONS[case.precision]})
    content, style = _pair(case)
    cached = case.variant.startswith("style cached")
    given = stylizer.encode_style(style) if cached else style

    def work() -> Tensor:
        return stylizer.stylize(content, given).image

    beside, operations, difference = None, None, None
    if book:
        # The textbook writes a method out with its default parts.
        by_the_book = book.Textbook(nets.stylizer(case.subject, options), content, style)
        same_work = case.variant == "style given" and case.precision == "fp32"
        beside = Beside(work=by_the_book, name=f"textbook: {case.subject}", same_work=same_work)
        if part:
            operations = floor.counted(work)
        else:
            operations = book.operations(stylizer, bench.size, None if cached else tuple(style.shape[2:]))
        difference = float((work() - by_the_book()).abs().max()) if same_work else None
    image = bench.run(
        work,
        weights=nets.weights_of(case.subject),
        beside=beside,
        operations=operations,
        picture=lambda image: image,
        difference=difference,
    )
    assert image.shape == content.shape
    assert image.dtype is torch.float32  # whatever the networks compute in


@pytest.mark.matrix("runs")
def test_run(bench: Bench, case: Case) -> None:
    nets, book = networks(LITE, case.device), textbook.of(case.subject)
    brief = dict(METHODS[case.subject].brief)
    stylizer = nets.stylizer(case.subject, {} if bench.plan.measuring else brief)
    content, style = _pair(case)
    plan = stylizer.plan(bench.size)
    snapshots = Snapshots()

    def work() -> Any:
        nonlocal snapshots
        snapshots = Snapshots()
        return stylizer.stylize(content, style, on_step=snapshots)

    def warm_up() -> None:
        small = [draw(_WARM_UP).to(case.device) for draw in (pictures.content, pictures.style)]
        nets.stylizer(case.subject, brief).stylize(*small)

    beside, operations = None, None
    if book:
        by_the_book = book.Textbook(stylizer, content, style)
        beside = Beside(
            work=lambda: [by_the_book() for _ in range(_TEXTBOOK_STEPS)],
            name=f"textbook: as many steps at full size, extrapolated from {_TEXTBOOK_STEPS}",
            same_work=False,
            scale=plan.steps / _TEXTBOOK_STEPS,
        )
        operations = sum(stage.steps * book.operations(stylizer, stage.size) for stage in plan.stages)
    result = bench.run(
        work,
        weights=nets.weights_of(case.subject),
        beside=beside,
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
        trace=trace(
            stylizer,
            snapshots,
            result,
            (content.cpu(), style.cpu()),
            _single_passes(nets, content, style),
            judge.pair(bench.plan.judge, case.pair, case.size),
        ),
    )


def _single_passes(nets: Networks, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    return {
        name: nets.stylizer(name, {}).stylize(content, style).image.cpu()
        for name, method in METHODS.items()
        if not method.iterative and nets.weights_of(name) == "trained"
    }


@pytest.mark.matrix("steps")
def test_step(bench: Bench, case: Case) -> None:
    nets, book = networks(case.extractor, case.device), textbook.of(case.subject)
    bench.skip_if_too_large(nets.extractor)
    equal = case.variant == "as the textbook"
    endless = {k: v for k, v in _ENDLESS.items() if k in METHODS[case.subject].option_names}
    options = {**(book.OPTIONS if equal else {}), **endless, **_PRECISIONS[case.precision]}
    stylizer = nets.stylizer(case.subject, options)
    content, style = _pair(case)
    beside, operations = None, None
    if book:
        by_the_book = book.Textbook(stylizer, content, style)
        beside = Beside(work=by_the_book, name="textbook: a step", same_work=equal)
        operations = book.operations(stylizer, bench.size)
    with Stepper(stylizer, content, style) as stepper:
        stepper.step()  # prepares the run
        bench.run(
            stepper.step,
            weights=nets.weights_of(case.subject),
            beside=beside,
            operations=operations,
            losses=dict(stepper.losses),
        )
    assert stepper.picture.shape == content.shape


@pytest.mark.matrix("controls")
def test_control(bench: Bench, case: Case) -> None:
    """A picture with one control, in turns with a plain one."""
    nets = networks(LITE, case.device)
    few = {k: v for k, v in _FEW.items() if k in METHODS[case.subject].option_names}
    plain, used = (nets.stylizer(case.subject, {**few, **own}) for own in ({}, controls.options_of(case.variant)))
    content, style = _pair(case)
    styles, asked = controls.request_of(case.variant, content, style)
    image = bench.run(
        lambda: used.stylize(content, styles, **asked).image,
        weights=nets.weights_of(case.subject),
        beside=Beside(work=lambda: plain.stylize(content, style), name="the same without it", same_work=False),
        weigh=False,
    )
    assert image.shape == content.shape


@pytest.mark.matrix("cold")
def test_cold_start(bench: Bench, case: Case) -> None:
    """The first picture of a fresh process: importing, reading the weights, the first call."""
    told: list[dict[str, Any]] = []

    def work() -> None:
        threads = str(torch.get_num_threads())
        told.append(json.loads(cold.start("-m", "benchmarks.cold", case.subject, case.size, case.device, threads)))

    bench.run(
        work,
        weights="trained",
        beside=Beside(
            work=lambda: cold.start("-c", "import torch"),
            name="a process that imports torch alone",
            same_work=False,
        ),
        rounds=bench.plan.profile.cold,
        warm_up=lambda: 0.0,  # there is nothing to warm: that is what is measured
        weigh=False,
        cold=told,
    )
