"""What pip installs: the wheel is complete and installs offline, and the extras suffice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from styletransfer.cli import doctor

ROOT = Path(__file__).parents[1]
DISTRIBUTION = "styletransfer-toolkit"
#: Run in the installed copy.
COMPLETE = """
import pathlib, sys
import styletransfer
from styletransfer import samples
assert pathlib.Path(styletransfer.__file__).parents[1] == pathlib.Path(sys.argv[1]), styletransfer.__file__
image = styletransfer.stylize(samples.draw("valley", long_edge=64), samples.draw("night", long_edge=64)).image
assert image.shape == (1, 3, 48, 64)
assert (pathlib.Path(sys.argv[1]) / "styletransfer" / "_benchmarks" / "benchmarks" / "suite.ini").is_file()
from importlib.metadata import entry_points, version
assert version("styletransfer-toolkit") == styletransfer.__version__
print("complete")
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run this Python with no index for pip; return what it printed."""
    variables = os.environ | {
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd, env=variables | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_installs_without_an_index_and_is_complete(tmp_path: Path) -> None:
    """The commands of docs/install.md for a machine without network, but for the dependencies."""
    pytest.importorskip("hatchling", reason="the wheel is built in this environment (extra [test])")
    house, target = tmp_path / "wheelhouse", tmp_path / "site"
    wheel = ("wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--wheel-dir", str(house))
    run("-m", "pip", *wheel, cwd=tmp_path)
    [built] = house.iterdir()
    assert built.name.startswith(DISTRIBUTION.replace("-", "_"))
    assert built.stat().st_size < 18e6
    install = ("install", "--no-deps", "--find-links", str(house), "--target", str(target), DISTRIBUTION)
    run("-m", "pip", *install, cwd=tmp_path)
    assert run("-c", COMPLETE, str(target), cwd=tmp_path, PYTHONPATH=str(target)) == "complete\n"


def test_the_benchmarks_are_collected_without_hypothesis(tmp_path: Path) -> None:
    """``pip install ".[bench]" && pytest --benchmark-only`` at the root."""
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError(\"No module named 'hypothesis'\")")
    options = ("--benchmark-only", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    listed = run("-m", "pytest", *options, cwd=ROOT, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert "benchmarks/test_methods.py::" in listed
    assert "tests/" not in listed


def test_doctor_notices_the_namesake_on_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "styletransfer-0.8.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: styletransfer\nVersion: 0.8.2\nAuthor: Others\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Exception, match=r"another project's package styletransfer 0\.8\.2 is installed"):
        doctor._distribution()
