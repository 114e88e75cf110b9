"""Seconds of every registered method on one drawn pair, with the judge's verdict beside them.

    python -m pytest benchmarks --benchmark-only

Warm-up and synchronisation are done; conditions (threads, device, size) stand in each row's extra_info.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import styletransfer as st
from styletransfer import samples
from styletransfer.stylizer import synchronize

#: A whole Gatys run takes minutes; the seconds of five steps are what can be compared between machines.
OPTIONS: dict[str, dict[str, Any]] = {"gatys": {"steps": 5, "scales": (1.0,)}}


@pytest.mark.parametrize("long_edge", [128])
@pytest.mark.parametrize("method", st.list_stylizers())
def test_method(benchmark: BenchmarkFixture, method: str, long_edge: int) -> None:
    content = st.load_image(samples.draw("harbour", long_edge=long_edge))
    style = st.load_image(samples.draw("night", long_edge=long_edge))
    stylizer = st.create_stylizer(method, device="cpu", **OPTIONS.get(method, {}))

    def run() -> st.Stylization:
        result = stylizer.stylize(content, style)
        synchronize(result.image.device)
        return result

    benchmark.group = f"one picture, {long_edge} px"
    result = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    benchmark.extra_info.update(
        judge=st.evaluate(result, content, style).to_dict(),
        options=OPTIONS.get(method, {}),
        device="cpu",
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )
    assert result.image.shape == content.shape
