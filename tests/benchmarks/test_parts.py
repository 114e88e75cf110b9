"""The smaller parts: stepping, memory, the trace, the machine's record."""

from __future__ import annotations

import base64
import io
import itertools
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

import styletransfer as st
from benchmarks import machine, memory, pictures
from benchmarks.stepper import Stepper
from benchmarks.trace import Snapshots, at, trace, until_better
from styletransfer.errors import DivergenceError
from styletransfer.judging.judge import create_judge
from styletransfer.stylizer import Step

Picture = Callable[..., Tensor]


def test_a_stepper_takes_the_method_s_own_steps(picture: Picture) -> None:
    content, style = picture(32, 32, seed=1), picture(32, 32, seed=2)
    options = {"steps": 5, "scales": (1.0,)}
    whole = st.create_stylizer("gatys", device="cpu", **options).stylize(content, style)
    losses = []
    with Stepper(st.create_stylizer("gatys", device="cpu", **options), content, style) as stepper:
        for _ in range(3):
            stepper.step()
            losses.append(stepper.losses["total"])
    assert losses == pytest.approx([step.total for step in whole.history[:3]], rel=1e-5)


def test_a_stepper_passes_errors_on(picture: Picture) -> None:
    stylizer = st.create_stylizer("gatys", device="cpu", steps=50, scales=(1.0,), optimizer="adam", retries=0,
                                  learning_rate=1e20, clamp=False)  # fmt: skip

    def descend() -> None:
        with Stepper(stylizer, picture(32, 32), picture(32, 32, seed=1)) as stepper:
            for _ in range(50):
                stepper.step()

    with pytest.raises(DivergenceError):
        descend()


def test_a_stepper_says_when_the_descent_is_over(picture: Picture) -> None:
    stylizer = st.create_stylizer("gatys", device="cpu", steps=1, scales=(1.0,))
    with Stepper(stylizer, picture(32, 32), picture(32, 32, seed=1)) as stepper:
        stepper.step()
        with pytest.raises(RuntimeError, match="ended before the benchmark did"):
            stepper.step()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process reset its peak")
def test_peak_memory_sees_what_is_gone_again() -> None:
    megabyte = 2**20

    def work() -> None:
        torch.ones(64 * megabyte // 4).sum()

    assert memory.peak(work, torch.device("cpu"))["added"] == pytest.approx(64 * megabyte, rel=0.3)
    assert memory.peak(lambda: None, torch.device("cpu"))["added"] < 16 * megabyte


def snapshot(seconds: float, objective: float, style_ratio: float, content: float) -> dict[str, float]:
    return {"seconds": seconds, "objective": objective, "style_ratio": style_ratio, "content": content}


RUN = [snapshot(2, 8, 1.0, 0.1), snapshot(4, 4, 0.6, 0.5), snapshot(10, 1, 0.2, 0.4)]


def test_values_between_snapshots_lie_on_a_line() -> None:
    assert at(RUN, 1) is None
    assert at(RUN, 3) == pytest.approx({"objective": 6.0, "style_ratio": 0.8, "content": 0.3})
    assert at(RUN, 30) == pytest.approx({"objective": 1.0, "style_ratio": 0.2, "content": 0.4})


def test_until_better() -> None:
    other = {"objective": 5.0, "style_ratio": 0.5, "content": 0.45}
    assert until_better(RUN, other) == {"objective": 4, "style_ratio": 10, "both_terms": 10}
    never = {"objective": 0.5, "style_ratio": 0.1, "content": 0.1}
    assert until_better(RUN, never) == {"objective": None, "style_ratio": None, "both_terms": None}
    assert until_better(RUN, {"objective": None, "style_ratio": 0.7, "content": 1.0})["objective"] is None


def test_snapshots_thin_out() -> None:
    snapshots = Snapshots()
    for number in range(1, 101):
        image = torch.zeros(1, 3, 16, 16)
        snapshots(
            Step(step=number, steps=100, seconds=number / 10, losses={"total": 1.0}, size=(16, 16), image=image)
        )
    times = [seconds for seconds, _ in snapshots.taken]
    assert len(snapshots.steps) == 100
    assert 5 < len(times) < 25
    assert all(after >= 1.3 * before for before, after in itertools.pairwise(times[1:]))


def test_a_trace_measures_all_pictures_alike() -> None:
    content, style = pictures.pair(pictures.PAIR, "32")
    judge = create_judge("vgg19-lite-1", device="cpu").pair(content, style)
    stylizer = st.create_stylizer("gatys", device="cpu", steps=3)
    snapshots = Snapshots()
    result = stylizer.stylize(content, style, on_step=snapshots)
    found = trace(stylizer, snapshots, result, (content, style), {"adain": content}, judge)
    untouched, last = found["others"]["adain"], found["snapshots"][-1]
    assert untouched["content"] == 0
    assert untouched["style_ratio"] == pytest.approx(1.0)
    assert last["objective"] == pytest.approx(result.losses["total"], rel=1e-3)
    assert last["objective"] < untouched["objective"]


def test_the_record_knows_what_numbers_depend_on() -> None:
    record = machine.record()
    assert record["torch"] == torch.__version__
    assert record["threads"] == torch.get_num_threads()
    assert len(record["weights"]["vgg19-lite"]["sha256"]) == 64
    assert machine.differences(record, record) == []
    other = record | {"processor_name": "abacus", "load": [9.0]}
    assert machine.differences(record, other) == [f"processor_name: {record['processor_name']!r} and 'abacus'"]


def test_weights_of_the_same_name_and_other_numbers_are_told_apart() -> None:
    def record(**sets: str) -> dict[str, Any]:
        return {"weights": {name: {"state": "embedded", "sha256": digest * 64} for name, digest in sets.items()}}

    assert machine.other_weights(record(a="1", b="2"), record(a="1", b="2")) == ""
    assert machine.other_weights(record(a="1", b="2"), record(a="1", b="3")) == "b: 22222222 and 33333333"
    assert machine.other_weights(record(a="1", b="2"), record(a="1", c="3")) == ""  # none of its rows used them


@pytest.mark.parametrize("pair", pictures.PAIRS)
def test_pairs_are_square_pictures_that_need_no_download(pair: str) -> None:
    if why := pictures.absent(pair):
        pytest.skip(why)
    content, style = pictures.pair(pair, "256")
    assert content.shape == style.shape == (1, 3, 256, 256)
    with Image.open(io.BytesIO(base64.b64decode(pictures.packed(content)))) as packed:
        assert (packed.format, packed.size) == ("WEBP", (256, 256))


def test_pictures_have_the_size_that_their_label_says() -> None:
    assert pictures.content("48").shape == (1, 3, 48, 48)
    assert pictures.shape("4096x2160") == (2160, 4096)
    assert torch.equal(pictures.content("48"), pictures.content("48"))
