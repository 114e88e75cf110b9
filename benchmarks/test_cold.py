"""The first picture of a fresh process: importing, reading the weights, the first call."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import cold
from benchmarks.cases import Case
from benchmarks.harness import Bench, Beside


@pytest.mark.matrix("cold")
def test_cold_start(bench: Bench, case: Case) -> None:
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
