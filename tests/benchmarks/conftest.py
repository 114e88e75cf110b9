"""One small real run of the benchmarks, made once, that the tests of reader, report and gate look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

#: Rows with embedded weights, without fresh processes, one descent, and two pairs.
ROWS = "vgg19-lite-1 and not cold and not (full_run and 48) and not valley and not coffee and not speed"
BRIEF = (
    *("-k", ROWS, "--quick", "--sizes", "32,48", "--rounds", "2", "--device", "cpu"),
    *("--judge", "vgg19-lite-1"),
)


def run_pytest(*arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run pytest on the benchmarks, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},  # for `made_up`
    )


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results file of a brief run, and what was printed."""
    path = tmp_path_factory.mktemp("run") / "results.json"
    done = run_pytest("--benchmark-only", "--benchmark-json", str(path), *BRIEF)
    assert done.returncode == 0, done.stdout + done.stderr
    return path, done.stdout


@pytest.fixture
def results(real_run: tuple[Path, str], tmp_path: Path) -> Callable[..., Path]:
    """A function that writes the run's results, changed by a function, to a file of that name."""

    def write(name: str = "results.json", change: Callable[[dict[str, Any]], object] = lambda data: None) -> Path:
        data = json.loads(real_run[0].read_text(encoding="utf-8"))
        change(data)
        path = tmp_path / name
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    return write
