"""Fixtures of the benchmarks. Options and hooks are in plugin.py, which the root's conftest.py loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from benchmarks.harness import Bench
from benchmarks.plan import Plan
from benchmarks.plugin import HARNESS


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.config.stash[HARNESS].plan


@pytest.fixture
def bench(benchmark: Any, plan: Plan, case: Any, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The clock and the contract around it, for one row."""
    bench = Bench(benchmark, plan, case)
    yield bench
    if benchmark.extra_info and not benchmark.has_error:
        seconds = benchmark.stats.stats.median if benchmark.stats is not None else None
        request.config.stash[HARNESS].rows.append((case.id, case.group, benchmark.extra_info, seconds))


@pytest.fixture(autouse=True)
def _own_randomness() -> Iterator[None]:
    """Start every row from the same random state, and give back the one that was there."""
    before = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(before)
