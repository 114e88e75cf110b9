"""One step of every method that works in steps: of its default options, and of those equal to the textbook's."""

from __future__ import annotations

import pytest

from benchmarks import floor, pictures
from benchmarks.brief import supported
from benchmarks.cases import Case
from benchmarks.harness import Bench, Beside
from benchmarks.networks import networks
from benchmarks.reference import TEXTBOOK_OPTIONS, TextbookGatys
from benchmarks.stepper import Stepper
from styletransfer.methods.gatys.stylizer import GatysStylizer

#: More than any benchmark takes.
_ENDLESS = 1_000_000


@pytest.mark.matrix("steps")
def test_step(bench: Bench, case: Case) -> None:
    nets = networks(case.extractor, case.device)
    bench.skip_if_too_large(nets.extractor)
    textbook_options = TEXTBOOK_OPTIONS.get(case.subject, {}) if case.variant == "as the textbook" else {}
    options = {**textbook_options, **supported(case.subject, {"scales": (1.0,), "steps": _ENDLESS})}
    stylizer = nets.stylizer(case.subject, options)
    content, style = (draw(case.size).to(case.device) for draw in (pictures.content, pictures.style))
    textbook = TextbookGatys(nets.extractor, content, style)
    operations = None
    if isinstance(stylizer, GatysStylizer):
        operations = floor.gatys_step(nets.extractor, stylizer.config.style_layers, bench.size)
    with Stepper(stylizer, content, style, precision=case.precision) as stepper:
        stepper.step()  # prepares the run
        bench.run(
            stepper.step,
            weights=nets.weights,
            beside=Beside(
                work=textbook.step, name="a step of textbook Gatys", same_work=case.variant == "as the textbook"
            ),
            operations=operations,
            picture=lambda _: stepper.picture,
            losses=dict(stepper.losses),
        )
    assert stepper.picture.shape == content.shape
