"""Running the suite: what it says when nothing would be measured, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytest_benchmark.utils import get_machine_id

from benchmarks.plan import why_not
from benchmarks.plugin import _command
from tests.benchmarks.conftest import ROOT, run_pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick", "--benchmark-disable"], "--benchmark-disable switches the clock off"),
        (["--benchmark-json", "none.json", "--benchmark-skip"], "--benchmark-skip leaves all benchmarks out"),
        (["--benchmark-only", "--rounds", "0"], "must be a whole number of at least 1, got '0'"),
        (["--benchmark-only", "--sizes", "100"], "must be multiples of 16"),
        (["--benchmark-only", "--judge", "abacus"], "--judge: "),
        (["--benchmark-only", "--peer", "abacus"], "--peer: "),
    ],
)
def test_a_measurement_that_cannot_be_is_refused(arguments: list[str], message: str) -> None:
    done = run_pytest(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_was_named_must_be_there() -> None:
    done = run_pytest("--benchmark-only", "--device", "cuda")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--device cuda was asked for, but there is no cuda device on this machine" in done.stderr


def test_under_xdist_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse

    options = argparse.Namespace(benchmark_skip=False, benchmark_only=True, benchmark_disable=False,
                                 benchmark_enable=False, dist="load")  # fmt: skip
    assert "side by side" in why_not(options)
    options.dist = "no"
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert why_not(options) == ""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    done = run_pytest("--quick")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "pytest-xdist runs tests side by side" in done.stderr


def test_a_plain_run_says_that_nothing_was_measured() -> None:
    done = run_pytest("-k", "load", "--benchmark-disable")
    assert done.returncode == 0, done.stdout
    assert "cases ran once, nothing was measured: --benchmark-disable switches the clock off" in done.stdout
    assert "Median" not in done.stdout


def test_old_runs_of_other_machines_are_not_compared_in_seconds(
    real_run: tuple[Path, str], tmp_path: Path
) -> None:
    data = json.loads(real_run[0].read_text(encoding="utf-8"))
    data["machine_info"]["processor_name"] = "abacus"
    digest = data["machine_info"]["weights"]["lite"]["sha256"]
    saved = tmp_path / get_machine_id() / "0001_old.json"
    saved.parent.mkdir()
    saved.write_text(json.dumps(data), encoding="utf-8")
    command = ("-k", "load and 32", "--benchmark-only", "--quick", "--sizes", "32", "--device", "cpu")
    storage = (f"--benchmark-storage={tmp_path}", "--benchmark-compare=0001")
    refused = run_pytest(*command, *storage)
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "was made on another machine" in refused.stderr
    data["machine_info"]["weights"]["lite"]["sha256"] = "0" * 64
    saved.write_text(json.dumps(data), encoding="utf-8")
    stale = run_pytest(*command, *storage, "--across-machines")
    assert stale.returncode == pytest.ExitCode.USAGE_ERROR
    assert "was made with other weights (lite: " in stale.stderr
    data["machine_info"]["weights"]["lite"]["sha256"] = digest
    saved.write_text(json.dumps(data), encoding="utf-8")
    told = run_pytest(*command, *storage, "--across-machines")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "(0001_old" in told.stdout
    assert "(NOW)" in told.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to one process only is POSIX'")
def test_ctrl_c_keeps_finished_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    command = [sys.executable, "-u", "-m", "pytest", "benchmarks/test_methods.py", "-v", "-p", "no:cacheprovider",
               "--quick", "--sizes", "64", "--rounds", "1", "--device", "cpu", "-k", "vgg19-lite-1",
               "--benchmark-json", str(path)]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "test_run[" in line or ("style_cached,_fast" in line and "PASSED" in line):
                break
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, told
    data = json.loads(path.read_text(encoding="utf-8"))
    kept = [row["name"] for row in data["benchmarks"]]
    assert "test_picture[adain-style_given-vgg19-lite-1-64-cpu-fp32]" in kept
    assert not any(name.startswith("test_run") for name in kept)
    assert data["styletransfer"]["complete"] is False
    assert "Interrupted" in told


def test_a_made_up_method_is_measured_too(tmp_path: Path) -> None:
    """Nothing but its registration tells the benchmarks of it."""
    path = tmp_path / "results.json"
    done = run_pytest(
        *("-p", "made_up", "-k", "tint and vgg19-lite-1 and not cold", "--quick", "--sizes", "32"),
        *("--rounds", "1", "--device", "cpu", "--benchmark-json", str(path)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = [row["name"] for row in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]]
    assert any(name.startswith("test_picture[tint-") for name in names)


def test_the_command_can_be_typed_again() -> None:
    words = ["benchmarks", "-c", "/somewhere/suite.ini", "--rootdir=/somewhere", "-k", "a or b",
             "--benchmark-json=/there/results.json"]  # fmt: skip
    assert _command(words) == "python -m pytest benchmarks -k 'a or b' --benchmark-json=results.json"


@pytest.mark.parametrize("sizes", [("--sizes", "32"), ("--sizes=32",)], ids=" ".join)
def test_started_at_the_root_it_needs_no_tests_packages(sizes: tuple[str, ...], tmp_path: Path) -> None:
    """As after ``pip install ".[bench]"``; sizes are read in both spellings."""
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError('not installed')", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "--quick", "--device", "cpu", "--collect-only",
               "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *sizes]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if "::" in line]
    assert any("-32-cpu-" in row for row in rows)
    assert all(row.startswith("benchmarks/") for row in rows)
