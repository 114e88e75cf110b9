"""The forecast of memory against measured peaks, and the strips that follow from it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from styletransfer.features import create_extractor
from styletransfer.features.vgg import VGG19Features
from styletransfer.methods.gatys.budget import HISTORY, Budget
from styletransfer.methods.gatys.config import GatysConfig, plan
from styletransfer.methods.gatys.stylizer import GatysStylizer

#: Prints the forecast and the peak beyond what the process held, in bytes, of the size and rows that are given.
MEASURE = """
import sys
import torch
import styletransfer as st
from benchmarks.memory import peak

torch.set_num_threads(1)
height, width, rows = map(int, sys.argv[1:])
stylizer = st.create_stylizer("gatys", extractor="vgg19-lite", device="cpu", scales=(1.0,), steps=12)
type(stylizer)._rows = lambda self, size, steps=1: rows or None
stylizer.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
content, style = torch.rand(1, 3, height, width), torch.rand(1, 3, 64, 64)
found = peak(lambda: stylizer.stylize(content, style), torch.device("cpu"))
forecast = stylizer.forecast((height, width))
print(forecast.memory, found.get("added", 0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can reset a process' peak")
@pytest.mark.parametrize("size", [(256, 256), (320, 400)])
def test_the_forecast_is_the_peak(size: tuple[int, int]) -> None:
    command = [sys.executable, "-c", MEASURE, *map(str, size), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    forecast, measured = map(int, done.stdout.split())
    if measured == 0:
        pytest.skip("this system does not let a process reset its peak")
    assert forecast == pytest.approx(measured, rel=0.25)


class TestStrips:
    def budget(self, extractor: VGG19Features, **options: object) -> Budget:
        return Budget(extractor, GatysConfig(**options))

    def test_none_where_everything_fits(self, extractor: VGG19Features) -> None:
        assert self.budget(extractor).rows((512, 512), 20, int(1e12)) is None
        assert self.budget(extractor).rows((512, 512), 20, None) is None  # nobody knows how much is free

    def test_as_thick_as_the_memory_allows(self, extractor: VGG19Features) -> None:
        budget, size = self.budget(extractor), (2000, 2000)
        whole = budget.needed(size, None, 20)
        heights = [budget.rows(size, 20, int(share * whole)) for share in (0.85, 0.8, 0.75)]
        assert heights == sorted(heights, reverse=True)
        for rows, share in zip(heights, (0.85, 0.8, 0.75), strict=True):
            assert rows is not None
            assert rows % 16 == 0
            assert budget.needed(size, rows, 20) <= 0.8 * share * whole < budget.needed(size, rows + 16, 20)

    def test_the_thinnest_where_nothing_fits(self, extractor: VGG19Features) -> None:
        assert self.budget(extractor).rows((2000, 2000), 20, 1) == 16

    def test_the_history_counts_as_far_as_there_are_steps_for_it(self, extractor: VGG19Features) -> None:
        budget = self.budget(extractor, pyramid=0)
        vector = 4 * 3 * 100 * 100
        one, two, many, more = (budget.needed((100, 100), None, steps) for steps in (1, 2, HISTORY + 1, 500))
        assert two - one == 2 * vector
        assert many - one == 2 * HISTORY * vector
        assert more == many
        assert self.budget(extractor, optimizer="adam", pyramid=0).needed((100, 100), None, 500) == one


def test_the_forecast_tells_strips_and_least(extractor: VGG19Features, monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = GatysStylizer(extractor, GatysConfig(scales=(1.0,), steps=5))
    path = "styletransfer.methods.gatys.stylizer.available"
    monkeypatch.setattr(path, lambda device: int(1e12))
    roomy = stylizer.forecast((1500, 1000))
    monkeypatch.setattr(path, lambda device: int(0.7e9))
    tight = stylizer.forecast((1500, 1000))
    assert roomy is not None
    assert tight is not None
    assert (roomy.strips, tight.strips > 1) == (1, True)
    assert tight.least == roomy.least <= tight.memory < roomy.memory
    larger = stylizer.forecast((1500, 1000), batch=4)
    assert larger is not None
    assert larger.memory > tight.memory


def test_a_run_in_strips_ends_where_the_whole_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = create_extractor("vgg19-lite-1", device="cpu")
    stylizer = GatysStylizer(extractor, GatysConfig(scales=(1.0,), steps=3))
    content, style = torch.rand(1, 3, 120, 40), torch.rand(1, 3, 40, 40)
    whole = stylizer.stylize(content, style)
    monkeypatch.setattr(GatysStylizer, "_rows", lambda self, size, steps=1: 32)
    cut = stylizer.stylize(content, style)
    assert [step.total for step in cut.history] == pytest.approx([step.total for step in whole.history], rel=1e-3)
    assert (cut.image - whole.image).abs().mean() < 1e-3


def test_all_stages_count() -> None:
    extractor = create_extractor("vgg19-lite-1", device="cpu")
    config = GatysConfig(scales=(0.5, 1.0), steps=(200, 1))
    budget = Budget(extractor, config)
    forecast = budget.forecast(plan(config, (400, 400)), int(1e12), batch=1)
    assert forecast.memory >= budget.needed((400, 400), None, 1)
