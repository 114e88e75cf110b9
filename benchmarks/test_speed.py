"""The speed targets: ratios to the package of commit 48d8b17, to the textbook, and to a mark; on one thread."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import styletransfer as st
from benchmarks import cold, floor, memory, pictures, textbook
from benchmarks.case import Case
from benchmarks.frozen import adain as frozen_adain
from benchmarks.frozen import gatys as frozen_gatys
from benchmarks.harness import Bench, Beside
from benchmarks.networks import Networks, networks
from benchmarks.race import Race, textbook_descent
from benchmarks.speed_cases import SETUPS
from benchmarks.stepper import Stepper
from benchmarks.then import Then
from styletransfer.memory import available
from styletransfer.methods import METHODS

#: Free bytes with which the untiled reference may paint 4096x2160.
_UNTILED = 12e9
_ENDLESS = {"scales": (1.0,), "steps": 1_000_000}
#: How descents went at commit 48d8b17, for the options of today's package.
_AS_THEN = {**frozen_gatys.OPTIONS, "optimizer": "lbfgs", "pyramid": 5, "clamp": True, "init": "content"}
_BATCH = 8


@pytest.fixture(autouse=True)
def _one_thread(case: Case) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1 if case.device == "cpu" else before)
    with memory.kept():
        yield
    torch.set_num_threads(before)


@pytest.fixture
def then(bench: Bench, case: Case) -> Iterator[Callable[[str, Callable[[], Any]], Callable[[], Any]]]:
    """Return a function that puts a reference into a process of its own, where seconds are taken."""
    with contextlib.ExitStack() as processes:

        def start(kind: str, here: Callable[[], Any]) -> Callable[[], Any]:
            return processes.enter_context(contextlib.closing(Then(kind, case))) if bench.plan.measuring else here

        yield start


def _pair(case: Case) -> tuple[Tensor, Tensor]:
    content, style = pictures.pair(case.pair, case.size)
    return content.to(case.device), style.to(case.device)


def _painter(nets: Networks, case: Case, content: Tensor, style: Tensor, options: dict[str, Any]) -> Any:
    stylizer: Any = nets.stylizer(case.subject, {"measure": False, **options})
    encoded = stylizer.encode_style(style)
    return lambda: stylizer.stylize(content, encoded).image


@pytest.mark.matrix("speed pictures")
def test_picture(bench: Bench, case: Case, then: Any) -> None:
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    bench.skip_if_too_large(nets.extractor)
    setup = SETUPS[case.variant]
    work = _painter(nets, case, content, style, setup.options)
    plain: Any = nets.stylizer(case.subject, {"measure": False})
    same = not setup.options
    if case.variant == "C4":
        here: Callable[[], Tensor] = textbook.of(case.subject).Textbook(plain, content, style)
        beside = Beside(work=then("textbook", here), name="textbook: a picture")
    else:
        here = frozen_adain.Frozen(plain, content, style)
        beside = Beside(work=then("picture", here), name="commit 48d8b17: a picture", same_work=same)
    torch_alone = {name: value for name, value in setup.options.items() if name == "decoder"}
    image = bench.run(
        work,
        weights=nets.weights_of(case.subject),
        beside=beside,
        operations=floor.counted(_painter(nets, case, content, style, torch_alone)),
        picture=lambda image: image,
        difference=float((work() - here()).abs().max()) if same else None,
        weigh=not case.variant.startswith("small"),
        one_thread=True,
    )
    assert image.shape == content.shape
    if not case.variant.startswith("small"):
        times = bench.times_as_fast
        bench.meet(**{case.variant.replace(" ", "_"): 1 / times if case.variant.startswith("C3") else times})


@pytest.mark.matrix("speed steps")
def test_step(bench: Bench, case: Case, then: Any) -> None:
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    bench.skip_if_too_large(nets.extractor)
    options = {"precision": "bfloat16"} if case.precision == "bf16" else {}
    frozen = frozen_gatys.Frozen(nets.extractor, content, style)
    operations = floor.counted(frozen)
    stylizer = nets.stylizer(case.subject, {**_AS_THEN, **_ENDLESS, **options})
    with Stepper(stylizer, content, style) as stepper:
        stepper.step()  # prepares the run
        bench.run(
            stepper.step,
            weights=nets.weights_of(case.subject),
            beside=Beside(work=then("step", frozen), name="commit 48d8b17: a step", same_work=not options),
            operations=operations,
            one_thread=True,
            losses=dict(stepper.losses),
        )
    bench.meet(**{case.variant.replace(" ", "_"): bench.times_as_fast})


@pytest.mark.matrix("speed descents")
def test_race(bench: Bench, case: Case) -> None:
    """Whole descents to the loss that another one ends with; the losses are measured outside the clock."""
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    book, brief = textbook.of(case.subject), {} if bench.plan.measuring else dict(METHODS[case.subject].brief)
    options: dict[str, Any] = dict(frozen_gatys.OPTIONS)
    reference: Callable[[], Tensor] = partial(frozen_gatys.run, nets.extractor, content, style)
    if case.variant.startswith("C7"):
        options = {name: book.OPTIONS[name] for name in frozen_gatys.OPTIONS if name in book.OPTIONS}
        steps = 500 if bench.plan.measuring else 3
        judge: Any = nets.stylizer(case.subject, {**options, "scales": (1.0,)})
        reference = partial(textbook_descent, book, judge, content, style, case.variant[3:], steps)
    stylizer: Any = nets.stylizer(case.subject, {**options, **brief})
    race = Race(stylizer, content, style, reference)
    bench.run(
        race.run,
        weights=nets.weights_of(case.subject),
        beside=Beside(work=race.reference, name=f"{case.variant}: a whole descent", same_work=False),
        rounds=1,
        warm_up=lambda: 0.0,
        weigh=False,
        one_thread=True,
    )
    times, record = race.result()
    bench.benchmark.extra_info["race"] = record
    bench.meet(**{case.variant.replace(" ", "_"): times})


@pytest.mark.matrix("speed huge")
def test_huge(bench: Bench, case: Case, then: Any) -> None:
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    work, free = _painter(nets, case, content, style, {}), available(bench.device)
    plain: Any = nets.stylizer(case.subject, {"measure": False})
    untiled = free is None or free > _UNTILED or not bench.plan.measuring
    frozen = frozen_adain.Frozen(plain, content, style)
    bench.run(
        work,
        weights=nets.weights_of(case.subject),
        beside=Beside(work=then("picture", frozen), name="commit 48d8b17: a picture, untiled")
        if untiled
        else None,
        rounds=1,
        warm_up=lambda: 0.0,
        one_thread=True,
    )
    resident = bench.benchmark.extra_info["memory"].get("resident")
    reached = {} if resident is None else {"C8_memory": resident / 1e9}
    bench.meet(**reached, **({"C8_time": 1 / bench.times_as_fast} if untiled else {}))


@pytest.mark.matrix("speed shell")
def test_shell(bench: Bench, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor time of the whole process, beside that of an import of torch, the most of it."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = zip(("content", "style"), _pair(case), strict=True)
    content, style = (str(st.save_image(picture, tmp_path / f"{name}.png")) for name, picture in given)
    words = ("stylize", content, style, "-m", case.subject, "-o", str(tmp_path / "out.png"), "-q")
    bench.run(
        lambda: cold.start("-m", "styletransfer", *words),
        weights="trained",
        beside=Beside(
            work=lambda: cold.start("-c", "import torch"),
            name="a process that imports torch alone",
            same_work=False,
        ),
        rounds=bench.plan.profile.cold,
        warm_up=lambda: 0.0,
        weigh=False,
    )
    bench.meet(C9=bench.benchmark.extra_info["processor"]["seconds"])


@pytest.mark.matrix("speed forecasts")
def test_forecast(bench: Bench, case: Case) -> None:
    """What a run needs in memory, as told before it; the process' own peak says how much it was."""
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    stylizer: Any = nets.stylizer(case.subject, dict(METHODS[case.subject].brief))
    told = stylizer.forecast(bench.size)
    if told is None:
        pytest.skip(f"{case.subject} tells no forecast in this version")

    def work() -> Any:
        return stylizer.stylize(content, style)

    bench.run(work, weights=nets.weights_of(case.subject), rounds=1, one_thread=True, forecast=told.memory)
    added = bench.benchmark.extra_info["memory"].get("added")
    if added:
        bench.meet(forecast=abs(told.memory / added - 1))


@pytest.mark.matrix("speed gpu")
def test_on_gpu(bench: Bench, case: Case) -> None:
    """In the fastest precision of the card."""
    nets, (content, style) = networks(case.extractor, case.device), _pair(case)
    options = {"precision": "auto"}
    if case.variant == "G2":
        stylizer = nets.stylizer(case.subject, {**_ENDLESS, **options})
        with Stepper(stylizer, content, style) as stepper:
            stepper.step()
            bench.run(stepper.step, weights=nets.weights_of(case.subject), losses=dict(stepper.losses))
        bench.meet(G2=1e3 * _seconds(bench))
        return
    batch = _BATCH if case.variant == "G3" else 1
    work = _painter(nets, case, content.expand(batch, -1, -1, -1), style, options)
    plain: Any = nets.stylizer(case.subject, {"measure": False})
    book = textbook.of(case.subject).Textbook(plain, content, style)

    beside = Beside(work=book, name="textbook: a picture", same_work=False) if batch == 1 else None
    bench.run(work, weights=nets.weights_of(case.subject), beside=beside)
    if batch > 1:
        bench.meet(G3=batch / _seconds(bench))
    else:
        bench.meet(G1=1e3 * _seconds(bench), G1_textbook=bench.times_as_fast)


def _seconds(bench: Bench) -> float:
    stats = bench.benchmark.stats
    return statistics.median(stats.stats.data) if stats is not None and stats.stats.data else float("inf")
