"""Options, refusals and the fixture `bench`. See README.md for the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.plan import Plan, add_options, asked_to_measure, from_options, why_not
from benchmarks.plugin import Harness

_HARNESS = pytest.StashKey[Harness]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser.getgroup("styletransfer benchmarks"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "matrix(kind): run the test for every case of that kind")
    option = config.option
    if not hasattr(option, "benchmark_only"):
        raise pytest.UsageError(
            "pytest-benchmark is not there (or switched off by -p no:benchmark). Install it: "
            'python -m pip install "styletransfer-toolkit[bench]".'
        )
    reason = why_not(option)
    if asked_to_measure(option) and reason:
        raise pytest.UsageError(f"Nothing would be measured: {reason}. Leave that option out.")
    plan = from_options(option)
    harness = Harness(config, plan)
    if plan.explicit and harness.missing:
        raise pytest.UsageError(
            "".join(f"--device {device} was asked for, but {why}. " for device, why in harness.missing.items())
            + "Leave it out to measure on what there is."
        )
    if plan.threads is not None:
        import torch

        torch.set_num_threads(plan.threads)
    config.stash[_HARNESS] = harness
    config.pluginmanager.register(harness, "styletransfer-benchmarks")


def pytest_sessionstart(session: pytest.Session) -> None:
    harness = session.config.stash[_HARNESS]
    if harness.plan.measuring:
        _ = harness.record  # now, before there is load


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("matrix")
    if marker is None:
        return
    from benchmarks.cases import cases

    harness = metafunc.config.stash[_HARNESS]
    rows = cases(marker.args[0], harness.plan, harness.missing)
    metafunc.parametrize(
        "case",
        [
            pytest.param(row, id=row.id, marks=[pytest.mark.skip(reason=row.skip)] if row.skip else [])
            for row in rows
        ],
    )


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.config.stash[_HARNESS].plan


@pytest.fixture
def bench(benchmark: Any, plan: Plan, case: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The clock and the contract around it, for one row: `harness.Bench`."""
    from benchmarks.harness import Bench

    bench = Bench(benchmark, plan, case)
    yield bench
    if benchmark.extra_info and not benchmark.has_error:
        seconds = benchmark.stats.stats.median if benchmark.stats is not None else None
        request.config.stash[_HARNESS].rows.append((case.id, case.group, benchmark.extra_info, seconds))


@pytest.fixture(autouse=True)
def _own_randomness() -> Iterator[None]:
    """Start every row from the same random state, and give back the one that was there."""
    import torch

    before = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(before)
